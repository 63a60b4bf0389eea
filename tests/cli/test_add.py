"""`hubman add` and `roots add --inbox` as a person runs them, with a real hub on loopback; killed, too."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.cli import COMMANDS, run
from tests.conftest import lora_bytes
from tests.files.conftest import tree
from tests.files.test_kill import child
from tests.testhub import TestHub
from tests.testhub.content import evil_pickle
from tests.testhub.misbehave import Status

Call = Callable[..., tuple[int, str, str]]
POINTS = 16


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""
    for name, where in (("add", "add:add"), ("hubs", "hubs:hubs")):
        monkeypatch.setitem(COMMANDS, name, COMMANDS.get(name, ("From the hubs", where, "")))

    def invoke(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


@pytest.fixture
def downloads(tmp_path: Path, webui: Path, call: Call) -> Path:
    folder = tmp_path / "Downloads"
    folder.mkdir()
    assert call("roots", "add", webui)[0] == 0
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def save(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


def test_a_saved_file_is_filed_and_can_be_taken_back(call: Call, downloads: Path, webui: Path) -> None:
    """What happened is on stdout, what to do next on stderr."""
    ink = save(downloads / "ink (1).safetensors", lora_bytes())
    save(downloads / "ink (1).png", b"picture")
    target = webui / "Lora/ink.safetensors"
    code, out, err = call("add", "-n", ink)
    assert (code, ink.exists()) == (0, True)
    assert f"{ink} -> {target}   lora" in out
    assert "Nothing was moved (-n)." in err
    code, out, err = call("add", ink)
    assert code == 0
    assert out.splitlines() == [
        f"{ink} -> {target}   lora",
        f"  {downloads / 'ink (1).png'} -> {webui / 'Lora/ink.png'}",
    ]
    assert "Take it back: hubman undo" in err
    assert target.is_file()
    assert call("undo")[0] == 0
    assert set(tree(downloads)) == {"ink (1).safetensors", "ink (1).png"}
    assert set(tree(webui)) == set()


def test_the_document(call: Call, downloads: Path, webui: Path) -> None:
    """Field names are API (docs/json.md)."""
    ink, evil = save(downloads / "ink.safetensors", lora_bytes()), save(downloads / "evil.pt", evil_pickle())
    half, again = save(downloads / "x.crdownload", b"x"), save(downloads / "other.safetensors", lora_bytes())
    code, out, _ = call("add", downloads, "--json")
    said = json.loads(out)
    assert code == 7  # of the first that failed
    assert set(said) == {
        "schema", "dry_run", "entry", "added", "moved", "here", "left", "failed", "pictures", "sidecars", "troubles",
    }  # fmt: skip
    (added,) = said["added"]
    assert set(added) == {"from", "to", "id", "kind", "sha256", "size", "page", "ref", "notices"}
    assert (added["from"], added["to"]) == (str(ink), str(webui / "Lora/ink.safetensors"))
    assert added["id"] == added["sha256"][:10]
    assert said["moved"] == [{"from": str(ink), "to": added["to"], "how": "move"}]
    assert said["here"] == [{"path": str(again), "in": [str(ink)]}]
    assert said["left"] == [{"path": str(half), "why": "it is still being downloaded"}]
    (failed,) = said["failed"]
    assert (failed["path"], failed["reference"]) == (str(evil), "download-unsafe")
    assert failed["hint"]
    assert json.loads(call("ls", "--json")[1])["models"][0]["id"] == added["id"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.crdownload", b"x", 8),
        ("a.pt", evil_pickle(), 7),
        ("a.safetensors", lora_bytes()[:-10], 6),
        ("a.safetensors", None, 3),
    ],
)
def test_exit_codes(call: Call, downloads: Path, name: str, content: bytes | None, code: int) -> None:
    """In the way, unsafe, broken, not there; each says what to do next, in words of the terminal."""
    if content is not None:
        save(downloads / name, content)
    found, out, err = call("add", downloads / name)
    assert (found, out) == (code, "")
    assert len(err.strip().splitlines()) == 2


# --- pages -----------------------------------------------------------------------------------------------------------


def test_the_page_of_a_saved_file_is_found_by_hash(call: Call, downloads: Path, hub: TestHub) -> None:
    """On hubs that the user said yes to, in that command alone; words are there at once."""
    content = lora_bytes(fill=3)
    model = hub.add(content, name="Ink Wash", file_name="ink_wash_v1.safetensors", words=("shuimo",))
    save(downloads / "download.safetensors", content)
    assert call("hubs", "enable", "civitai")[0] == 0
    hub.forget()
    code, out, _ = call("add", downloads, "--json")
    (added,) = json.loads(out)["added"]
    assert code == 0
    assert added["ref"] == f"civitai:{model.id}@{model.versions[0].id}"
    assert Path(added["to"]).name == "ink_wash_v1.safetensors"
    shown = json.loads(call("show", added["id"], "--json")[1])
    assert "shuimo" in json.dumps(shown)
    assert hub.seen()


@pytest.mark.parametrize("how", ["never asked", "--offline", "dry run"])
def test_no_hash_leaves_the_machine_unasked(call: Call, downloads: Path, hub: TestHub, how: str) -> None:
    """Nobody said yes, or this command is not to ask."""
    hub.add(lora_bytes(), name="Ink Wash")
    save(downloads / "ink.safetensors", lora_bytes())
    if how != "never asked":
        assert call("hubs", "enable", "civitai")[0] == 0
    hub.forget()
    options = {"never asked": [], "--offline": ["--offline"], "dry run": ["-n"]}[how]
    assert call("add", downloads, *options)[0] == 0
    assert hub.seen() == []


def test_a_hub_that_is_down_is_no_reason_to_wait(call: Call, downloads: Path, webui: Path, hub: TestHub) -> None:
    """The file is filed; that its page is not known is said."""
    assert call("hubs", "enable", "civitai")[0] == 0
    hub.misbehave(Status(404))
    save(downloads / "ink.safetensors", lora_bytes())
    code, out, _ = call("add", downloads, "--json")
    said = json.loads(out)
    assert code == 0
    assert set(tree(webui)) == {"Lora/ink.safetensors"}
    assert [entry["hub"] for entry in said["troubles"]] == ["civitai"]
    err = call("add", save(downloads / "more.safetensors", lora_bytes(78)))[2]
    assert ("warning: Civitai" in err, "civitai" in err) == (True, False), err


# --- inboxes ---------------------------------------------------------------------------------------------------------


def test_an_inbox(call: Call, downloads: Path, webui: Path) -> None:
    """Listed as what it is; `sync` says the very command, which works when it is pasted."""
    import shlex

    ink = save(downloads / "ink wash's.safetensors", lora_bytes())
    assert call("roots", "add", downloads, "--inbox", "--layout", "flat")[0] == 2
    assert call("roots", "add", downloads, "--inbox")[0] == 0
    listed = json.loads(call("roots", "ls", "--json")[1])["roots"]
    assert {root["path"]: root["layout"] for root in listed} == {str(downloads): "inbox", str(webui): "webui"}
    code, _, err = call("sync")
    assert code == 0
    (line,) = [line for line in err.splitlines() if "hubman add" in line]
    assert shlex.split(line)[2:] == [str(ink)]
    assert json.loads(call("sync", "--json")[1])["offers"] == [str(ink)]
    assert json.loads(call("ls", "--json")[1])["models"] == []
    assert call(*shlex.split(line)[1:])[0] == 0
    assert json.loads(call("sync", "--json")[1])["offers"] == []
    assert call("roots", "rm", downloads, "-y")[0] == 0


# --- killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("how", ["move", "across", "zip"])
def test_no_moment_loses_a_file(
    how: str,
    call: Call,
    downloads: Path,
    webui: Path,
    isolated: Path,
    tmp_path: Path,
    small_disk: Callable[[str], Path],
) -> None:
    """After a kill at any line the next command finishes it or takes it back; nothing is lost, torn or there twice."""
    if how == "across":
        downloads = small_disk("4m")
    save(downloads / "ink.safetensors", lora_bytes(fill=1))
    save(downloads / "ink.png", b"picture")
    command = ["add", str(downloads)]
    if how == "zip":
        with zipfile.ZipFile(downloads / "pack.zip", "w") as packed:
            packed.writestr("ink.safetensors", (downloads / "ink.safetensors").read_bytes())
        os.utime(downloads / "pack.zip", (0, 0))
        (downloads / "ink.safetensors").unlink()
        (downloads / "ink.png").unlink()
        command = ["add", str(downloads / "pack.zip")]
    assert call("sync")[0] == 0
    whole, report = (tree(downloads), tree(webui)), tmp_path / "lines"
    folders = [isolated, downloads, webui]
    for number, folder in enumerate(folders):
        shutil.copytree(folder, tmp_path / "aside" / str(number))

    def reset() -> None:
        for number, folder in enumerate(folders):
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            shutil.copytree(tmp_path / "aside" / str(number), folder, dirs_exist_ok=True)

    reset()
    assert child(command, 0, report) == 0
    after = (tree(downloads), tree(webui))
    assert after[1].keys() == ({"Lora/ink.safetensors"} if how == "zip" else {"Lora/ink.safetensors", "Lora/ink.png"})
    lines, seen, killed = int(report.read_text()), set(), 0
    for point in random.Random(5).sample(range(1, lines), min(POINTS, lines - 1)):
        reset()
        status = child(command, point, report)
        killed += os.WIFSIGNALED(status)
        assert status in (0, signal.SIGKILL), point
        names = [path for folder in (downloads, webui) for path in tree(folder) if ".tmp-hubman" not in path]
        assert {Path(name).name for name in names} >= {Path(name).name for name in whole[0]}, point
        said = json.loads(call("sync", "--json")[1])
        now = (tree(downloads), tree(webui))
        assert now in (whole, after), point
        seen.add(now == after)
        assert said["errors"] == []
        assert len(json.loads(call("ls", "--json")[1])["models"]) == (now == after), point
        assert call(*command)[0] == (0 if now == whole or how == "zip" else 3), point
        assert (tree(downloads), tree(webui)) == after, point
    assert killed > POINTS / 2
    assert seen == {True, False}, "the points hit only one side"
