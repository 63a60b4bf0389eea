"""`hubman` alone, and the lines that show how far something is: what waits for the user is said, with the command."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.cli.table import cells
from hubman.cli.terminal import ProgressLine
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.catalogue import File, Version
from tests.testhub.content import big_safetensors, content_of
from tests.testhub.misbehave import Slow, Status, WrongHash

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    """A test hub that hubman is sent to."""
    with TestHub() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command line; return (exit code, stdout, stderr)."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


def test_the_status_page_tells_of_newer_versions(hub: TestHub, webui: Path, put: Any, call: Call) -> None:
    """Those that are pinned are left out."""
    put("Lora/ink.safetensors", fill=1)
    new, old = (
        Version(
            name, [File(f"{name}.safetensors", content_of(lora_bytes(fill)))], published=f"2025-0{fill}-01T00:00:00Z"
        )
        for name, fill in (("v2", 2), ("v1", 1))
    )
    hub.add_model("Ink", versions=[new, old])
    for arguments in (["sync", str(webui)], ["lookup", "--no-previews"], ["outdated"]):
        assert call(*arguments)[0] == 0
    assert "1 model has a newer version. To fetch it: hubman update" in call()[2]
    call("update", "--pin", "ink")
    assert "newer version" not in call()[2]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_download_is_on_the_status_page_and_said_to_be_stopped(hub: TestHub, webui: Path, call: Call) -> None:
    """Its row still says that it runs; nobody holds its lock."""
    model = hub.add(big_safetensors(4_000_000), name="Big")
    call("roots", "add", str(webui))
    hub.misbehave(Slow(400_000), on="storage")
    child = subprocess.Popen(
        [sys.executable, "-m", "hubman", "pull", f"civitai:{model.id}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not any(part.stat().st_size for part in webui.rglob(".hubman-*.part")):
        time.sleep(0.05)
    assert "running" in call("pull")[1]
    child.send_signal(signal.SIGKILL)
    child.communicate()
    _, out, err = call("pull")
    assert ("stopped" in out, "--resume" in err) == (True, True)
    assert "1 download is unfinished (" in call()[2]
    call("pull", "--forget")
    assert "unfinished" not in call()[2]


def test_a_progress_line_is_there_at_once_and_never_wraps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hub may take half a minute for its first answer; a line that wraps could not be taken away again."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "24")
    line = ProgressLine()
    line.phase("lookup:国风美人国风美人国风美人", 12_345)
    drawn = capsys.readouterr().err.removeprefix("\r\x1b[2K")
    assert ("asking 国风" in drawn, cells(drawn) < 24) == (True, True)
    monkeypatch.setenv("COLUMNS", "80")
    line.phase("lookup:Civitai", 12_345)
    assert capsys.readouterr().err.endswith("asking Civitai  0 / 12,345")
    line.advance(5)
    assert "asking Civitai  5 / 12,345" in capsys.readouterr().err


def ink(hub: TestHub) -> None:
    """Add a model whose v1 is in the library, and whose v2 is not."""
    hub.add_model("Ink", versions=[
        Version(name, [File(f"{name}.safetensors", content_of(lora_bytes(fill)))], words=("shuimo",),
                published=f"2025-0{fill}-01T00:00:00Z")
        for name, fill in (("v2", 2), ("v1", 1))
    ])  # fmt: skip


def test_lookup_is_advised_only_where_it_would_ask(hub: TestHub, webui: Path, put: Any, call: Call) -> None:
    """What no hub knew yesterday is not asked about today; what only an archive knows is known."""
    put("Lora/mine.safetensors", fill=1)
    put("Lora/lost.safetensors", fill=2)
    hub.add(lora_bytes(2), hubs=("civitai", "civarchive"), deleted=True)
    call("sync", str(webui))
    assert "Of 2 models no hub is known. To look them up: hubman lookup" in call("outdated")[2]
    call("lookup", "--no-previews")
    err = call("outdated")[2]
    assert ("Of 1 model no hub is known." in err, "hubman lookup" in err) == (True, False)


def test_a_hub_that_is_down_is_named_as_people_write_it_with_what_to_do(
    hub: TestHub, webui: Path, put: Any, call: Call
) -> None:
    put("Lora/ink.safetensors", fill=1)
    ink(hub)
    call("sync", str(webui))
    call("lookup", "--no-previews")
    hub.misbehave(Status(404), on="civitai", path="models")
    hub.misbehave(Status(403, body=b"Just a moment..."), on="civitai")
    code, _, err = call("outdated")
    assert code != 0
    warning, hint = err.splitlines()[-2:]
    assert (warning.startswith("warning: Civitai "), hint.startswith("  ")) == (True, True), err


def test_an_update_says_what_to_paste_and_how_to_go_back(hub: TestHub, webui: Path, put: Any, call: Call) -> None:
    put("Lora/ink.safetensors", fill=1)
    ink(hub)
    call("sync", str(webui))
    call("lookup", "--no-previews")
    code, _, err = call("update", "--no-input")
    assert (code, "-y" in err) == (2, True)
    code, out, err = call("update", "-y")
    assert (code, "paste: <lora:v2:0.6>, shuimo" in out, "hubman undo" in err) == (0, True, True)
    assert call("undo")[0] == 0
    assert [path.name for path in (webui / "Lora").iterdir()] == ["ink.safetensors"]


@pytest.mark.parametrize(
    ("name", "said", "next_command"),
    [
        ("civitai", "hashes of your files are sent there", True),
        ("huggingface", "finds nothing by a hash", False),
        ("openmodeldb", "nothing is sent", True),
        ("liblib", "offers nothing for programs", True),
    ],
)
def test_a_yes_to_a_hub_says_what_it_means(hub: TestHub, call: Call, name: str, said: str, next_command: bool) -> None:
    """Not of every hub that hashes go there."""
    code, out, err = call("hubs", "enable", name)
    assert (code, said in out, "hubman sync" in err) == (0, True, next_command)
    lookup = {line.split()[0]: line.split()[1] for line in call("hubs", "ls")[1].splitlines()[1:]}
    assert lookup[name] == ("-" if name == "huggingface" else "on")


def test_a_bare_number_is_asked_of_which_hub_it_is(hub: TestHub, webui: Path, call: Call) -> None:
    call("roots", "add", str(webui))
    code, _, err = call("pull", "12345")
    assert (code, "civitai:12345" in err, len(err) < 200) == (2, True, True)


def test_what_cannot_be_added_is_an_error_and_what_waits_a_warning(webui: Path, call: Call, tmp_path: Path) -> None:
    call("roots", "add", str(webui))
    (tmp_path / "saved").mkdir()
    page = tmp_path / "saved/login.safetensors"
    page.write_bytes(b"<!DOCTYPE html><title>Log in</title>")
    (tmp_path / "saved/half.safetensors.crdownload").write_bytes(b"x")
    os.utime(page, (1, 1))
    _, _, err = call("add", str(tmp_path / "saved"))
    kinds = (
        {line.split(":")[0] for line in err.splitlines() if "half" in line},
        [line.split(":")[0] for line in err.splitlines() if "login page" in line],
    )
    assert kinds == ({"warning"}, ["error"])


def test_a_message_has_a_hubs_title_and_a_command_its_name(
    hub: TestHub, webui: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("roots", "add", str(webui))
    model = hub.add(lora_bytes(3))
    hub.misbehave(WrongHash(), on="storage")
    _, _, err = call("pull", f"civitai:{model.id}")
    assert ("from Civitai is not the file that Civitai describes" in err, "--from civarchive" in err) == (True, True)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    _, _, err = call("hubs", "login", "huggingface")
    assert "hubman hubs login huggingface < FILE" in err
