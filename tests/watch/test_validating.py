"""`hubman watch --validate`: from a file that arrives to the picture, by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.cli import run
from hubman.core.library import ModelFile
from hubman.core.query import parse_query
from hubman.core.settle import LOCAL
from hubman.store.reader import open_reader
from tests.app.proof_library import hubman, library, variant, verdicts

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [
    pytest.mark.render,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="inotify, /proc"),
]
SEARCHABLE_S = 5.0
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(isolated: Path) -> Iterator[Start]:
    """Give a function that starts a watcher on a library and waits until it has looked at everything."""
    running: list[subprocess.Popen[str]] = []

    def begin(folder: Path, *, hostile: bool = False) -> subprocess.Popen[str]:
        assert run(["sync", str(folder), "--json"]) == 0
        with open(isolated / "out", "w") as out, open(isolated / "err", "w") as err:
            command = hubman("watch", "--validate", "--jsonl", "--quiet-seconds", "0.5", hostile=hostile)
            running.append(subprocess.Popen(command, stdout=out, stderr=err, text=True))
        assert eventually(lambda: bool(reports(isolated))), (isolated / "err").read_text()
        return running[-1]

    yield begin
    for watcher in running:
        watcher.kill()
        watcher.wait(10)


def eventually(check: Callable[[], object], seconds: float = 90) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return False


def reports(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home / "out").read_text().splitlines() if line.endswith("}")]


def found(home: Path, query: str) -> list[ModelFile]:
    with open_reader(home / "library.db") as reader:
        return reader.search(parse_query(query, 0))[1]


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def arrives_slowly(source: Path, target: Path) -> float:
    """Copy in pieces, as a download or a slow share does; return when the last byte was written."""
    content = source.read_bytes()
    piece = len(content) // 5 + 1
    with open(target, "wb") as file:
        for start in range(0, len(content), piece):
            file.write(content[start : start + piece])
            file.flush()
            time.sleep(0.2)
    return time.monotonic()


def test_a_lora_dropped_in_is_found_proven_and_has_its_picture(start: Start, tmp_path: Path, isolated: Path) -> None:
    """No torch before there is something to prove; then all of it without a further command; then a quick end."""
    from PIL import Image

    folder = library(tmp_path / "library")
    (folder / "Lora").mkdir()
    source = variant(Path(library(tmp_path / "source", "ink") / "Lora/ink.safetensors"), tmp_path / "ink", "dropped")
    watcher = start(folder)
    assert children_of(watcher.pid) == []
    written = arrives_slowly(source, folder / "Lora/zbrink.safetensors")
    assert eventually(lambda: found(isolated, "zbrink"))
    assert time.monotonic() - written < LOCAL.quiet + SEARCHABLE_S
    assert eventually(lambda: any(report["verdicts"] for report in reports(isolated)))
    (said,) = [report["verdicts"] for report in reports(isolated) if report["verdicts"]]
    assert isinstance(said, list)
    assert (said[0]["name"], said[0]["verdict"], said[0]["base"]) == ("zbrink", "ok", "tinyshapes")
    (model,) = found(isolated, "is:ok")
    assert model.name == "zbrink"
    assert model.preview is not None
    assert model.preview == said[0]["preview"]
    with Image.open(model.preview) as picture:
        assert "<lora:zbrink:" in picture.info["parameters"]
    (renderer,) = children_of(watcher.pid)
    assert os.getpriority(os.PRIO_PROCESS, renderer) > os.getpriority(os.PRIO_PROCESS, watcher.pid)
    started = time.monotonic()
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(20) == 0
    assert time.monotonic() - started < 2
    assert eventually(lambda: not Path(f"/proc/{renderer}").exists(), 5)


def test_events_are_followed_while_it_renders_and_it_ends_at_once(start: Start, tmp_path: Path, isolated: Path) -> None:
    """A rendering that never ends holds up neither what arrives nor the end; nothing is recorded of it."""
    folder = library(tmp_path / "library", "doze-1")
    watcher = start(folder, hostile=True)
    assert eventually(lambda: children_of(watcher.pid))
    (renderer,) = children_of(watcher.pid)
    variant(folder / "Lora/doze-1.safetensors", folder / "Lora/later.safetensors", "later")
    written = time.monotonic()
    assert eventually(lambda: found(isolated, "later"))
    assert time.monotonic() - written < LOCAL.quiet + SEARCHABLE_S
    started = time.monotonic()
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(20) == 0
    assert time.monotonic() - started < 2
    assert eventually(lambda: not Path(f"/proc/{renderer}").exists(), 5)
    assert verdicts(isolated) == {}
    assert "Traceback" not in (isolated / "err").read_text()


def test_after_three_crashes_it_pauses_and_says_so(start: Start, tmp_path: Path, isolated: Path) -> None:
    folder = library(tmp_path / "library", *(f"segfault-{number}" for number in range(5)))
    start(folder, hostile=True)
    assert eventually(lambda: "for an hour" in (isolated / "err").read_text())
    time.sleep(1)
    assert len(verdicts(isolated)) == 3
