"""Pull killed at seeded lines: no partial file is ever visible, and the next pull ends with the one right file.

The child counts the lines that it executes, in all its threads, in the modules that fetch, place and record, and sends
itself SIGKILL at a given one.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hubman.cli import run
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.content import picture

POINTS = int(os.environ.get("HUBMAN_KILLS", "14"))
STEPPED = (
    "app/pull.py", "app/filing.py", "app/unfinished.py", "app/checking.py", "app/download.py", "app/hub_picture.py",
    "core/transfer.py", "disk/part.py", "disk/relocate.py", "store/writer.py", "store/hubs.py", "store/door.py",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def child(arguments: list[str], point: int, report: Path) -> int:
    """Run a command line in a fork that dies at the given line; return the wait status."""
    number = os.fork()
    if number:
        return os.waitpid(number, 0)[1]
    lines = 0

    def each(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
            if lines == point:
                os.kill(os.getpid(), signal.SIGKILL)
        return each

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:
        return each if frame.f_code.co_filename.endswith(STEPPED) else None

    try:
        silent = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silent, descriptor)
        threading.settrace(trace)
        sys.settrace(trace)
        code = run(arguments)
        sys.settrace(None)
        report.write_text(str(lines))
        os._exit(code)
    finally:
        os._exit(99)


def test_killed_at_any_line(
    hub: TestHub, webui: Path, isolated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = lora_bytes(fill=1, rank=16)
    model = hub.add(content, name="Ink", images=[picture(16, 16)])
    ref = f"civitai:{model.id}@{model.versions[0].id}"
    assert run(["roots", "add", str(webui)]) == 0
    shutil.copytree(isolated, tmp_path / "before")

    def reset() -> None:
        for folder in (isolated, webui / "Lora"):
            shutil.rmtree(folder)
        shutil.copytree(tmp_path / "before", isolated)
        (webui / "Lora").mkdir()

    def answer(*arguments: str) -> Any:
        capsys.readouterr()
        code = run([*arguments, "--json"])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    report = tmp_path / "lines"
    counts = []
    for _ in range(3):
        reset()
        assert os.waitstatus_to_exitcode(child(["pull", ref], -1, report)) == 0
        counts.append(int(report.read_text()))
    lines, dice, killed = min(counts), random.Random(5), 0
    for number in range(POINTS):
        reset()
        point = 1 + (number * lines) // POINTS + dice.randrange(max(1, lines // POINTS))
        killed += os.WIFSIGNALED(child(["pull", ref], point, report))
        _check_visible(webui, content, point)
        if number % 2:
            assert answer("sync")["errors"] == []
        (pulled,) = answer("pull", ref)["pulled"]
        assert pulled["path"] == str(webui / "Lora" / "ink.safetensors"), point
        assert [path.name for path in (webui / "Lora").iterdir()] == ["ink.safetensors"], point
        _check_visible(webui, content, point)
        assert answer("pull")["unfinished"] == [], point
        found = answer("sync")
        assert (found["added"], found["modified"], found["removed"], found["hashed"]) == (0, 0, 0, 0), point
        assert answer("search", "has:hub")["total"] == 1, point
    assert killed > 0.5 * POINTS  # threads: no two runs take the same lines


def _check_visible(webui: Path, content: bytes, point: int) -> None:
    for path in (webui / "Lora").iterdir():
        if not path.name.startswith("."):
            assert path.read_bytes() == content, point
