"""Killed at every line: no file is ever in neither of its places, and the next run finishes or takes back.

The child counts the lines that it executes in the modules that move files, and sends itself SIGKILL at a given one. The
lines of a whole run are counted first; then seeded points are spread over all of them.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hubman.cli import run
from tests.files.conftest import names, tree

POINTS = 70
STEPPED = ("app/acting.py", "app/moving.py", "app/trash.py", "disk/relocate.py", "disk/trash.py", "disk/place.py",
           "store/places.py", "store/journal.py", "store/door.py", "store/engine.py")  # fmt: skip

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")


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
        sys.settrace(trace)
        code = run(arguments)
        sys.settrace(None)
        report.write_text(str(lines))
        os._exit(code)
    finally:
        os._exit(99)


@contextmanager
def place(home: Path, folders: list[Path], aside: Path) -> Iterator[Callable[[], None]]:
    """Keep a copy of everything; give a function that puts it back as it was, with times."""
    everything = [home, *folders]
    for index, folder in enumerate(everything):
        shutil.copytree(folder, aside / str(index), symlinks=True)

    def reset() -> None:
        for index, folder in enumerate(everything):
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
            shutil.copytree(aside / str(index), folder, symlinks=True, dirs_exist_ok=True)

    yield reset


def contents(folders: list[Path]) -> list[bytes]:
    """Return the bytes of everything but manifests and unfinished copies."""
    found = {path: data for folder in folders for path, data in tree(folder).items() if folder.exists()}
    kept = [
        data for path, data in found.items() if not path.endswith(("manifest.json", "manifest.json.part"))
        and ".tmp-hubman" not in path
    ]  # fmt: skip
    return sorted(kept)


def rows(home: Path) -> dict[str, bool]:
    """Return the path of every row and whether its file is there."""
    with closing(sqlite3.connect(home / "library.db")) as connection:
        query = "SELECT r.path || '/' || f.relpath, f.present FROM file f JOIN root r ON r.id = f.root_id"
        return {path: bool(present) for path, present in connection.execute(query)}


@pytest.mark.parametrize("verb", ["mv", "across", "rm", "undo"])
def test_no_moment_loses_a_file(
    verb: str, library: Path, isolated: Path, tmp_path: Path, ok: Any, small_disk: Callable[[str], Path]
) -> None:
    """After a kill at any line every content is somewhere; after the next command everything is where it should be."""
    disk = small_disk("8m")
    ok("roots", "add", str(disk))
    ok("triggers", "ink", "--set", "shuimo")
    command = {
        "mv": ["mv", "ink", "Lora/new/"], "across": ["mv", "ink", f"{disk}/"], "rm": ["rm", "ink", "-y"],
        "undo": ["undo"],
    }[verb]  # fmt: skip
    if verb == "undo":
        ok("mv", "ink", str(disk))
    ok("sync")
    folders = [library, disk]
    before, whole = contents(folders), [tree(folder) for folder in folders]
    report = tmp_path / "lines"
    with place(isolated, folders, tmp_path / "aside") as reset:
        ok("sync")  # copies have other numbers: the template is what `reset` makes
        reset()
        assert child(command, 0, report) == 0
        after = [tree(folder) for folder in folders]
        lines = int(report.read_text())
        assert lines > 300
        points = sorted(random.Random(4).sample(range(1, lines), POINTS))
        finished: set[bool] = set()
        killed = 0
        for point in points:
            reset()
            status = child(command, point, report)
            killed += os.WIFSIGNALED(status)
            assert status in (0, signal.SIGKILL), point  # 0: a run may have some lines less than the counted one
            if verb in ("across", "undo"):  # for a moment in both
                assert set(contents(folders)) == set(before), point
            else:
                assert contents(folders) == before, point
            ok("mv", "other", "other2")  # any later action begins by putting things right
            ok("undo")
            assert contents(folders) == before, point
            now = [_without_manifests(tree(folder)) for folder in folders]
            wanted = [[_without_manifests(entry) for entry in state] for state in (whole, after)]
            assert now in wanted, point
            finished.add(now == [_without_manifests(entry) for entry in whole])
            there = {path for path, present in rows(isolated).items() if present}
            assert there == {str(path) for folder in folders for path in folder.rglob("*.safetensors")}, point
            assert ok("sync")["added"] == 0, point
            assert _open_entries(ok) == [], point
        assert killed > 0.75 * POINTS
        assert killed > 0.75 * POINTS
        assert finished == {True, False}, "the points hit only one side"


def _without_manifests(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if ".hubman-trash" not in path}


def _open_entries(ok: Any) -> list[Any]:
    return [entry for entry in ok("undo", "--list")["entries"] if entry["state"] == "planned"]


def test_sync_side_finishes_what_was_cut_off(library: Path, isolated: Path, tmp_path: Path, ok: Any) -> None:
    """`recover` by itself, as a scan calls it; it leaves alone what another hubman is doing right now."""
    from hubman.app.acting import alone, recover
    from hubman.store.door import open_store

    report = tmp_path / "lines"
    with place(isolated, [library], tmp_path / "aside") as reset:
        reset()
        assert child(["mv", "ink", "Lora/new/"], 0, report) == 0
        lines = int(report.read_text())
        for point in range(int(lines * 0.5), lines, 7):
            reset()
            child(["mv", "ink", "Lora/new/"], point, report)
            if 0 < len(names(library / "Lora/new") if (library / "Lora/new").exists() else set()) < 5:
                break
        else:
            pytest.fail("no point left the move half done")
    store = open_store(isolated / "library.db", isolated / "backups")
    try:
        with alone(store, 1):
            assert recover(store) == []
        (done,) = recover(store)
        assert done.finished
        assert recover(store) == []
    finally:
        store.close()
    assert len(names(library / "Lora/new")) == 5
    assert ok("ls", "ink")["models"][0]["path"] == str(library / "Lora/new/ink.safetensors")
