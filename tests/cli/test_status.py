"""`hubman` alone, and the lines that show how far something is: what waits for the user is said, with the command."""

from __future__ import annotations

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
from tests.testhub.misbehave import Slow

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
