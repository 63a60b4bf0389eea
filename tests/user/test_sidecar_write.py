"""A1111's sidecar: filled, merged and put back; what others wrote in it stays byte for byte."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubman.app import sidecars
from hubman.cli import run
from hubman.core.sidecar_write import changes, fresh, spliced
from hubman.errors import ConflictError
from tests.user.test_said import undo

A1111 = {
    "description": "",
    "sd version": "SD1",
    "activation text": "old words",
    "preferred weight": 0.7,
    "negative text": "",
    "notes": "typed in the WebUI",
    "extensions": {"sd_civitai_helper": {"version": "1.7.2", "skeleton_file": False}},
    "modelId": 123456,
}


@pytest.fixture
def merging(ink: Path, webui: Path) -> Path:
    assert run(["roots", "add", str(webui), "--sidecars", "merge"]) == 0
    return ink.with_suffix(".json")


def nothing_new(call: Any) -> None:
    report = call("sync")
    assert (report["identified"], report["modified"], report["hashed"]) == (0, 0, 0)


def test_no_root_asks_for_it(ink: Path, call: Any) -> None:
    """The default: hubman writes nothing beside a model."""
    before = sorted(os.listdir(ink.parent))
    call("note", "ink", "x")
    assert call("sidecars", "write")["written"] == []
    assert sorted(os.listdir(ink.parent)) == before


def test_a_new_one_is_written_as_a1111_writes_it(merging: Path, call: Any) -> None:
    """All keys, indent 4, letters as they are; the next scan finds nothing new, and no temporary file is left."""
    call("triggers", "ink", "--add", "水墨, ink wash")
    answer = call("note", "ink", "注意\nsecond")
    assert answer["sidecars"]["written"] == [str(merging)]
    text = merging.read_text("utf-8")
    assert text == json.dumps(json.loads(text), indent=4, ensure_ascii=False)
    assert list(json.loads(text)) == [
        "description", "sd version", "activation text", "preferred weight", "negative text", "notes",
    ]  # fmt: skip
    assert json.loads(text)["activation text"] == "水墨, ink wash"
    assert json.loads(text)["notes"] == "注意\nsecond"
    assert json.loads(text)["sd version"] == "SD1"
    nothing_new(call)
    assert sorted(os.listdir(merging.parent)) == ["ink.json", "ink.safetensors"]
    assert stat.S_IMODE(merging.stat().st_mode) & 0o777 == stat.S_IMODE(
        os.stat(merging.with_suffix(".safetensors")).st_mode
    )


def test_what_is_there_is_kept(merging: Path, call: Any, isolated: Path) -> None:
    """A field that the edit is not about stays; unknown keys, their order and the style stay byte for byte."""
    before = json.dumps(A1111, indent=2, ensure_ascii=False).replace("0.7", "7.00e-1") + "\n"
    merging.write_text(before, "utf-8")
    merging.chmod(0o640)
    call("sync")
    call("triggers", "ink", "--set", "shuimo")
    after = merging.read_text("utf-8")
    assert after == before.replace("old words", "shuimo")
    assert stat.S_IMODE(merging.stat().st_mode) == 0o640
    nothing_new(call)
    undo(isolated)
    assert merging.read_text("utf-8") == before
    assert [word["source"] for word in call("triggers", "ink")["models"][0]["triggers"]] == ["sidecar"]
    nothing_new(call)


def test_bulk_writing_fills_and_never_replaces(merging: Path, call: Any) -> None:
    """`sidecars write` fills from other programs' files; -n writes nothing; twice is as once."""
    merging.write_text(json.dumps(A1111), "utf-8")
    info = {"trainedWords": ["shuimo"], "baseModel": "SD 1.5", "description": "<p>Ink</p>", "id": 1}
    merging.with_suffix(".civitai.info").write_text(json.dumps(info))
    call("sync")
    assert call("sidecars", "write", "-n")["written"] == [str(merging)]
    assert json.loads(merging.read_text()) == A1111
    call("sidecars", "write")
    assert json.loads(merging.read_text()) == {**A1111, "description": "Ink"}
    assert call("sidecars", "write")["written"] == []
    nothing_new(call)


def test_missing_never_touches_a_file(merging: Path, webui: Path, call: Any) -> None:
    assert run(["roots", "add", str(webui), "--sidecars", "missing"]) == 0
    merging.write_text("{}")
    call("sync")
    answer = call("note", "ink", "x")
    assert [entry["path"] for entry in answer["sidecars"]["skipped"]] == [str(merging)]
    assert merging.read_text() == "{}"
    merging.unlink()
    call("note", "ink", "y")
    assert json.loads(merging.read_text())["notes"] == "y"


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"id": 1, "modelVersions": [{"id": 2}]}).encode(),  # SD.Next's
        b"not json", b"[1]", b"", b'{"a": 1', b"\0" * 50, b'{"a":"' + b"x" * (5 << 20) + b'"}',
    ],
)  # fmt: skip
def test_what_hubman_does_not_understand_stays(merging: Path, call: Any, content: bytes) -> None:
    merging.write_bytes(content)
    call("sync")
    assert len(call("note", "ink", "x")["sidecars"]["skipped"]) == 1
    assert merging.read_bytes() == content


def test_links_are_not_followed(merging: Path, call: Any, tmp_path: Path) -> None:
    """Neither a link that leads somewhere nor one that dangles."""
    outside = tmp_path / "outside.json"
    for content in ("{}", None):
        merging.unlink(missing_ok=True)
        merging.symlink_to(outside)
        if content is None:
            outside.unlink()
        else:
            outside.write_text(content)
        assert call("note", "ink", f"x{content}")["sidecars"]["skipped"]
        assert merging.is_symlink()
        assert content is None or outside.read_text() == content


def test_a_chinese_encoding_becomes_utf8_and_undo_gives_the_bytes_back(
    merging: Path,
    call: Any,
    isolated: Path,
) -> None:
    """A1111 reads UTF-8 only; the old bytes are in the journal."""
    old = json.dumps({**A1111, "notes": "水墨画风格"}, ensure_ascii=False, indent=4).encode("gb18030")
    merging.write_bytes(old)
    call("sync")
    call("note", "ink", "新的")
    assert json.loads(merging.read_bytes().decode("utf-8"))["notes"] == "新的"
    undo(isolated)
    assert merging.read_bytes() == old


def test_undo_leaves_what_somebody_changed_since(merging: Path, call: Any, isolated: Path) -> None:
    call("note", "ink", "x")
    merging.write_text('{"notes": "theirs"}')
    with pytest.raises(ConflictError):
        undo(isolated)
    assert call("show", "ink")["model"]["note"] == "x"
    assert merging.read_text() == '{"notes": "theirs"}'


def test_undo_of_a_new_file_removes_it(merging: Path, call: Any, isolated: Path) -> None:
    call("note", "ink", "x")
    assert merging.exists()
    undo(isolated)
    assert not merging.exists()
    nothing_new(call)


def test_a_write_in_between_is_merged_again(
    merging: Path,
    call: Any,
    monkeypatch: pytest.MonkeyPatch,
    isolated: Path,
) -> None:
    """Another program saves the file after it was read: its change stays, and so does ours."""
    merging.write_text(json.dumps(A1111))
    call("sync")
    real, theirs = sidecars.write_beside, [{**A1111, "preferred weight": 0.9}, {**A1111, "preferred weight": 1.1}]

    def late(path: str, *arguments: Any, **named: Any) -> None:
        if theirs:
            merging.write_text(json.dumps(theirs.pop(0)))
        real(path, *arguments, **named)

    monkeypatch.setattr(sidecars, "write_beside", late)
    call("note", "ink", "mine")
    assert json.loads(merging.read_text()) == {**A1111, "preferred weight": 1.1, "notes": "mine"}
    monkeypatch.undo()
    monkeypatch.setenv("HUBMAN_HOME", str(isolated))
    undo(isolated)
    assert json.loads(merging.read_text()) == {**A1111, "preferred weight": 1.1}


def test_a_full_disk_loses_nothing(
    small_disk: Callable[[str], Path],
    put: Any,
    call: Any,
) -> None:
    """The note is kept, the sidecar stays whole, and the reason is told."""
    folder = small_disk("256k")
    model = put("Lora/ink.safetensors")
    (folder / "ink.safetensors").write_bytes(model.read_bytes())
    sidecar = folder / "ink.json"
    sidecar.write_text(json.dumps(A1111))
    assert run(["roots", "add", str(folder), "--sidecars", "merge"]) == 0
    call("sync")
    with (folder / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="space"):
        while True:
            filler.write(b"x" * 4096)
    answer = call("note", "ink", "x" * 20_000)
    assert answer["changed"] == 1
    assert len(answer["sidecars"]["skipped"]) == 1
    assert json.loads(sidecar.read_text()) == A1111
    assert sorted(os.listdir(folder)) == ["filler", "ink.json", "ink.safetensors"]


def test_a_folder_that_may_not_be_written_to(merging: Path, webui: Path, put: Any, isolated: Path) -> None:
    """As another user: one warning a folder, and the notes are kept."""
    put("Lora/wash.safetensors", fill=2)
    assert run(["sync"]) == 0
    subprocess.run(["chown", "-R", "65534:65534", str(isolated)], check=True)
    for folder in [isolated, *isolated.parents][:4] + [webui, *webui.parents][:4]:
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "hubman",
         "note", "ink", "x", "--json"],
        capture_output=True, text=True, env={**os.environ, "HUBMAN_HOME": str(isolated)},
    )  # fmt: skip
    if "ModuleNotFoundError" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("another user may not enter this checkout")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["models"][0]["note"] == "x"
    assert [entry["path"] for entry in answer["sidecars"]["skipped"]] == [str(merging.parent)]


TEXTS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(TEXTS, VALUES, max_size=5),
    st.dictionaries(TEXTS, TEXTS | st.floats(0, 2), max_size=3),
    st.sampled_from([None, 0, 2, 4, "\t"]),
    st.booleans(),
    st.sampled_from([(", ", ": "), (",", ":")]),
)
def test_splicing_changes_what_was_asked_and_nothing_else(
    record: dict[str, Any], values: dict[str, Any], indent: Any, ascii_only: bool, separators: tuple[str, str]
) -> None:
    """Any object in any style: the result is the object with the values in it, its keys in their order."""
    text = json.dumps(record, indent=indent, ensure_ascii=ascii_only, separators=None if indent else separators)
    result = spliced(text, values)
    assert json.loads(result) == {**record, **values}
    assert list(json.loads(result)) == list({**record, **values})
    assert spliced(result, values) == result
    assert spliced(text, {}) == text


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a"}', '{"a": 1} x', '{"a": }', '{"a": 1,'])
def test_splicing_refuses_what_is_no_object(text: str) -> None:
    with pytest.raises(ValueError):
        spliced(text, {"a": "b"})


def test_which_values_change() -> None:
    """An edit replaces its own field; anything else is only filled."""
    file = {"notes": "theirs", "activation text": "", "preferred weight": 0, "sd version": "Unknown"}
    said = {"notes": "mine", "activation text": "w"}
    fill: dict[str, str | float] = {"preferred weight": 0.5, "sd version": "SDXL", "notes": "hub"}
    filled = {"preferred weight": 0.5, "sd version": "SDXL", "activation text": "w"}
    assert changes(file, said, fill, None) == filled
    assert changes(file, said, fill, {"notes": "", "activation text": "w"}) == {**filled, "notes": "mine"}
    assert changes(file, {"notes": ""}, {}, {"notes": "other"}) == {}
    assert changes(file, {"notes": ""}, {}, {"notes": "theirs"}) == {"notes": ""}
    assert json.loads(fresh("embedding", {"notes": "n"})) == {"description": "", "notes": "n"}
