"""`hubman dupes`, from real files to the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from makers import fixed, kohya, peft, resized, scaled, sizes, trained, walked, write

from hubman.cli import run
from hubman.sketch.make import VERSION
from hubman.store.door import open_store
from hubman.store.reader import open_reader
from tests.conftest import opened_below

Call = Callable[..., tuple[int, str, str]]
SHAPES = sizes(width=48, blocks=4)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


def groups(call: Call, *options: str) -> list[dict[str, Any]]:
    code, out, _ = call("dupes", "--json", *options)
    assert code == 0
    found: list[dict[str, Any]] = json.loads(out)["groups"]
    return found


def names(group: dict[str, Any]) -> list[str]:
    return [Path(model["path"]).stem for model in group["models"]]


# --- the same content ------------------------------------------------------------------------------------------------
def test_a_library_without_copies(webui: Path, put: Any, call: Call) -> None:
    put("Lora/ink.safetensors")
    put("Lora/other.safetensors", fill=1)
    call("sync", str(webui))
    code, out, err = call("dupes")
    assert (code, out.strip()) == (0, "Nothing lies here twice.")
    assert err == ""


def test_copies_and_hard_links(webui: Path, put: Any, call: Call) -> None:
    path = put("Lora/ink.safetensors")
    put("unsorted/ink (1).safetensors")
    put("unsorted/ink (2).safetensors")
    os.link(path, webui / "Lora/linked.safetensors")
    put("Lora/other.safetensors", fill=1)
    call("sync", str(webui))
    (group,) = groups(call)
    size = path.stat().st_size
    assert (group["relation"], group["wasted"]) == ("same", 2 * size)
    assert sorted(names(group)) == ["ink", "ink (1)", "ink (2)", "linked"]
    assert {model["id"] for model in group["models"]} == {group["models"][0]["id"]}
    linked = [model for model in group["models"] if model["linked"]]
    assert [model["differs"] for model in linked] == [["a hard link to the same bytes: it takes no space"]]
    assert group["keep"] == group["models"][0]["alias"]
    assert Path(group["models"][0]["path"]).parent.name == "Lora"
    code, out, err = call("dupes")
    assert code == 0
    assert "the same content" in out
    assert "Nothing was removed" in err
    assert "hubman rm" in err
    assert sorted(entry.name for entry in webui.rglob("*.safetensors")) == [
        "ink (1).safetensors", "ink (2).safetensors", "ink.safetensors", "linked.safetensors", "other.safetensors",
    ]  # fmt: skip


def test_ids_for_pipes_name_places(webui: Path, put: Any, call: Call) -> None:
    """The id of the content would mean the copy that is kept as well."""
    put("Lora/ink.safetensors")
    put("unsorted/copy.safetensors")
    call("sync", str(webui))
    _, ids, err = call("dupes", "-q")
    (alias,) = ids.split()
    assert err == ""
    assert json.loads(call("show", alias, "--json")[1])["model"]["relpath"] == "unsorted/copy.safetensors"
    _, lines, _ = call("dupes", "--jsonl")
    assert [json.loads(line) for line in lines.splitlines()] == groups(call)


def test_a_copy_that_is_gone_is_no_copy(webui: Path, put: Any, call: Call) -> None:
    """Gone before a sync noticed it: the last one left must never look like one of two."""
    put("Lora/ink.safetensors")
    copy = put("unsorted/copy.safetensors")
    call("sync", str(webui))
    copy.unlink()
    assert groups(call) == []


def test_an_edited_header_over_the_same_weights(webui: Path, put: Any, call: Call) -> None:
    put("Lora/ink.safetensors", metadata={"ss_output_name": "ink", "ss_tag_frequency": "{}"})
    put("Lora/ink2.safetensors", metadata={"ss_output_name": "ink v2"})
    put("Lora/ink3.safetensors", metadata={f"key{number}": "x" for number in range(7)})
    put("Lora/other.safetensors", fill=1)
    call("sync", str(webui))
    (group,) = groups(call)
    assert group["relation"] == "edited"
    told = {name: model["differs"] for name, model in zip(names(group), group["models"], strict=True)}
    assert told == {
        "ink": [],
        "ink2": ["the same weights, header edited: ss_output_name, ss_tag_frequency"],
        "ink3": ["the same weights, header edited: key0, key1, key2, key3 and 5 more"],
    }


def test_what_is_not_hashed_yet_is_counted_and_hashed_on_demand(webui: Path, put: Any, call: Call) -> None:
    put("Lora/ink.safetensors")
    put("unsorted/copy.safetensors")
    put("Lora/small.safetensors", rank=2)
    call("sync", str(webui), "--hash", "none")
    _, out, err = call("dupes")
    assert "Nothing lies here twice" in out
    assert "2 files are not hashed yet and have the size of another one: hubman dupes --hash" in err
    assert [group["relation"] for group in groups(call, "--hash")] == ["same"]
    document = json.loads(call("dupes", "--json")[1])
    assert document["unhashed"] == {"files": 1, "same_size": 0}  # of the third nobody has the size


@pytest.mark.parametrize(
    ("arrange", "because"),
    [
        (lambda call, copy: call("triggers", copy, "--add", "ink"), "it lies in the folder for its kind"),
        (lambda call, copy: None, "it lies in the folder for its kind"),
    ],
)
def test_one_content_has_one_set_of_words(webui: Path, put: Any, call: Call, arrange: Any, because: str) -> None:
    """What the user said hangs on the content, so it tells no copy from another."""
    put("unsorted/a.safetensors")
    put("Lora/b.safetensors")
    call("sync", str(webui))
    arrange(call, str(webui / "unsorted/a.safetensors"))
    (group,) = groups(call)
    assert (names(group)[0], group["because"]) == ("b", because)


# --- the same adapter ------------------------------------------------------------------------------------------------
@pytest.fixture
def library(webui: Path, call: Call) -> Path:
    """One training in five forms, a later epoch, and a stranger."""
    make = np.random.default_rng(3)
    adapter = trained(make, SHAPES, 16)
    write(webui / "Lora/ink.safetensors", kohya(adapter, 8.0), "F16", {"ss_output_name": "ink"})
    write(webui / "Lora/ink32.safetensors", kohya(adapter, 8.0), "F32")
    write(webui / "Lora/ink_peft.safetensors", peft(adapter), "BF16")
    write(webui / "Lora/ink_small.safetensors", kohya(resized(adapter, fixed(4))), "F16")
    write(webui / "Lora/ink_weak.safetensors", kohya(scaled(adapter, 0.7)), "F16")
    write(webui / "Lora/ink_epoch2.safetensors", kohya(walked(make, adapter, 0.1), 8.0), "F16")
    write(webui / "Lora/stranger.safetensors", kohya(trained(make, SHAPES, 16), 8.0), "F16")
    assert call("sync", str(webui))[0] == 0
    return webui


def test_the_same_adapter_in_other_clothes(library: Path, call: Call) -> None:
    assert groups(call) == []
    (group,) = groups(call, "--similar")
    assert (group["relation"], group["because"], group["wasted"] > 0) == (
        "similar",
        "it has the highest precision",
        True,
    )
    told = dict(zip(names(group), group["models"], strict=True))
    assert names(group)[0] == "ink32"
    assert set(told) == {"ink", "ink32", "ink_peft", "ink_small", "ink_weak"}
    assert told["ink"]["differs"] == ["fp16 instead of fp32"]
    assert told["ink_peft"]["differs"] == ["bf16 instead of fp32"]
    assert told["ink_weak"]["differs"] == ["fp16 instead of fp32", "the same at 70 % of the strength"]
    assert told["ink_weak"]["strength"] == pytest.approx(0.7, abs=2e-3)
    assert told["ink_small"]["rank"] == 4
    assert told["ink_small"]["differs"][0].startswith("rank 4 instead of 16, keeps ")
    assert 0.5 < told["ink_small"]["kept"] < 1
    _, out, err = call("dupes", "--similar")
    assert "keep: it has the highest precision" in out
    assert "fp16 instead of fp32" in out
    assert "epoch" not in out
    assert "copies of the same content take 0 B" in err


def test_an_edited_header_is_told_once(library: Path, call: Call) -> None:
    content = (library / "Lora/ink.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].replace(b'"ink"', b'"tin"')
    (library / "Lora/renamed.safetensors").write_bytes(content[:8] + header + content[8 + length :])
    call("sync")
    assert [group["relation"] for group in groups(call)] == ["edited"]
    (group,) = groups(call, "--similar")
    assert group["relation"] == "similar"
    assert {"ink", "renamed"} < set(names(group))


def test_sketches_are_made_once(webui: Path, call: Call, isolated: Path) -> None:
    for seed in (1, 2, 3):
        path = webui / f"Lora/{seed}.safetensors"
        write(path, kohya(trained(np.random.default_rng(seed), SHAPES, 8)))
    call("sync", str(webui))
    with opened_below(webui) as opened:
        assert groups(call, "--similar") == []
    assert len(opened) >= 3
    with open_reader(isolated / "library.db") as reader:
        assert len(reader.sketches(VERSION)) == 3
        assert reader.sketches(VERSION + 1) == {}
    with opened_below(webui) as opened:
        assert groups(call, "--similar") == []
    assert opened == []


def test_a_sketch_that_the_database_spoilt_is_made_anew(library: Path, call: Call, isolated: Path) -> None:
    before = groups(call, "--similar")
    with open_reader(isolated / "library.db") as reader:
        sha256 = next(iter(reader.sketches(VERSION)))
    store = open_store(isolated / "library.db", isolated / "backups")
    with store.writer() as writer:
        writer.record_sketches(VERSION, [(sha256, b"spoilt"), ("f" * 64, b"of no content")])
    store.close()
    with open_reader(isolated / "library.db") as reader:
        assert reader.sketches(VERSION)[sha256] == b"spoilt"
        assert "f" * 64 not in reader.sketches(VERSION)
    assert groups(call, "--similar") == before
    with open_reader(isolated / "library.db") as reader:
        assert reader.sketches(VERSION)[sha256] != b"spoilt"


def test_what_cannot_be_compared_is_said(library: Path, call: Call) -> None:
    zeros = {name: (up * 0, down) for name, (up, down) in trained(np.random.default_rng(1), SHAPES, 4).items()}
    write(library / "Lora/silent.safetensors", kohya(zeros))
    call("sync")
    (library / "Lora/ink_weak.safetensors").write_bytes(b"gone bad")
    document = json.loads(call("dupes", "--similar", "--json")[1])
    why = {entry["name"]: entry["why"] for entry in document["not_compared"]}
    assert set(why) == {"silent", "ink_weak"}
    assert why["silent"] == "it changes nothing: all its weights are zero"
    assert "cannot be read without loading it" in why["ink_weak"]
    assert "ink_weak" not in names(document["groups"][0])
    assert "silent was not compared" in call("dupes", "--similar")[2]


def test_a_file_replaced_after_its_sketch_was_made_is_no_pair(library: Path, call: Call) -> None:
    """The sketch is of the content that the library knows; what decides is what lies there now."""
    assert "ink_weak" in names(groups(call, "--similar")[0])
    stranger = kohya(trained(np.random.default_rng(99), SHAPES, 16))
    write(library / "Lora/ink_weak.safetensors", stranger)
    assert "ink_weak" not in names(groups(call, "--similar")[0])


def test_a_query_mode_is_refused_twice(call: Call) -> None:
    assert call("dupes", "--json", "-q")[0] == 2


def test_without_a_library(call: Call) -> None:
    code, _, err = call("dupes")
    assert (code, "There is no library yet" in err) == (3, True)


# --- what it stands on -----------------------------------------------------------------------------------------------
def program(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_without_numpy_the_copies_are_found_and_the_next_step_is_said(webui: Path, put: Any, call: Call) -> None:
    put("Lora/ink.safetensors")
    put("unsorted/copy.safetensors")
    call("sync", str(webui))
    without = "import sys; sys.modules['numpy'] = None\nfrom hubman.cli import run\n"
    plain = program(without + "sys.exit(run(['dupes']))")
    assert (plain.returncode, "the same content" in plain.stdout) == (0, True), plain.stderr
    similar = program(without + "sys.exit(run(['dupes', '--similar']))")
    assert similar.returncode == 8
    assert "needs numpy" in similar.stderr
    assert "pip install 'hubman[similar]'" in similar.stderr


def test_plain_dupes_is_light(webui: Path, put: Any, call: Call) -> None:
    put("Lora/ink.safetensors")
    put("unsorted/copy.safetensors")
    call("sync", str(webui))
    heavy = "{'sqlalchemy', 'alembic', 'numpy', 'torch', 'watchdog'}"
    done = program(
        f"import sys\nfrom hubman.cli import run\nassert run(['dupes']) == 0\nassert not {heavy} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
