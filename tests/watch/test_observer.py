"""hubman.watch: the real observer on real folders. Nothing is lost silently, nothing told in vain."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.watch import Observer
from hubman.watch.survey import survey

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify")
Told = list[tuple[int, str]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def observer(told: Told) -> Iterator[Observer]:
    with Observer(told.append) as running:
        yield running


def eventually(check: Callable[[], bool], seconds: float = 15) -> bool:
    """Wait for something to become true; the bound only ends a failing test."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return False


def flushed(told: Told, folder: Path) -> Told:
    """Return what was told before a last event in a folder of its own, which is waited for and left out."""
    mark = folder / "mark"
    if not mark.exists():
        mark.mkdir()
        assert eventually(lambda: (1, "mark") in told)
    told[:] = [hint for hint in told if hint != (1, "mark")]
    (mark / f"{time.monotonic_ns()}.json").write_text("{}")
    assert eventually(lambda: (1, "mark") in told)
    return [hint for hint in told if hint != (1, "mark")]


def test_a_large_copy_is_few_events(observer: Observer, told: Told, tmp_path: Path) -> None:
    """Every write of a long copy raised an event once: 155 for 200 MB."""
    (tmp_path / "Lora").mkdir()
    observer.watch(1, str(tmp_path))
    with open(tmp_path / "Lora/big.safetensors", "wb") as file:
        for _ in range(500):
            file.write(b"x" * 10_000)
            file.flush()
    assert 1 <= len(flushed(told, tmp_path)) <= 2


def test_reading_is_no_event(observer: Observer, told: Told, tmp_path: Path) -> None:
    """Our own scans read; they must not wake us."""
    (tmp_path / "Lora").mkdir()
    path = tmp_path / "Lora/a.safetensors"
    path.write_bytes(b"x")
    observer.watch(1, str(tmp_path))
    for _ in range(20):
        path.read_bytes()
        list(os.scandir(tmp_path / "Lora"))
        os.utime(path)
    assert flushed(told, tmp_path) == []


@pytest.mark.parametrize("how", ["written", "linked", "moved in", "renamed from .part", "replaced", "deleted"])
def test_every_way_a_file_can_appear_or_go_is_told(observer: Observer, told: Told, tmp_path: Path, how: str) -> None:
    """A hard link and a move raise no close; a rename from a temporary name counts, what went before does not."""
    root, outside = tmp_path / "root", tmp_path / "outside.safetensors"
    (root / "Lora").mkdir(parents=True)
    target, part = root / "Lora/a.safetensors", root / "Lora/a.safetensors.part"
    outside.write_bytes(b"x")
    if how in ("replaced", "deleted"):
        target.write_bytes(b"old")
    observer.watch(1, str(root))
    if how == "written":
        target.write_bytes(b"x")
    elif how == "linked":
        os.link(outside, target)
    elif how == "moved in":
        outside.rename(target)
    elif how == "deleted":
        target.unlink()
    else:
        part.write_bytes(b"x")
        assert flushed(told, root) == []
        part.replace(target)
    assert eventually(lambda: (1, "Lora") in told)


def test_temporary_names_trash_and_the_library_itself_are_not_told(tmp_path: Path) -> None:
    """What hubman writes never asks it to look: its home may lie inside a root."""
    told: Told = []
    home = tmp_path / "hubman"
    for folder in ("Lora", ".hubman-trash/2026", ".git", "hubman/previews"):
        (tmp_path / folder).mkdir(parents=True)
    with Observer(told.append, [str(home)]) as observer:
        observer.watch(1, str(tmp_path))
        for name in (
            "Lora/a.safetensors.part", "Lora/.hubman-1.tmp", "Lora/library.db-wal", "Lora/x.log",
            ".hubman-trash/2026/a.safetensors", ".git/a.json", "hubman/previews/a.png", "hubman/a.safetensors",
        ):  # fmt: skip
            (tmp_path / name).write_bytes(b"x")
        (tmp_path / ".hubman-trash/2027").mkdir()
        (tmp_path / ".hubman-trash/2027/b.safetensors").write_bytes(b"x")
        assert flushed(told, tmp_path) == []


def test_folders_that_no_scan_enters_take_no_watch(observer: Observer, tmp_path: Path) -> None:
    """A virtual environment has thousands of folders, and the system's watches are counted."""
    for name in ("Lora/style", "venv/lib/a/b", ".git/objects/01", "node_modules/x"):
        (tmp_path / name).mkdir(parents=True)
    observer.watch(1, str(tmp_path))
    assert observer.covered(1) == 3 == survey(str(tmp_path)).folders
    (tmp_path / "venv2/deep").mkdir(parents=True)
    (tmp_path / ".cache/deep").mkdir(parents=True)
    assert eventually(lambda: observer.covered(1) == 5)
    assert survey(str(tmp_path)).folders == 5


def test_a_folder_behind_a_link_is_told_under_the_link(observer: Observer, told: Told, tmp_path: Path) -> None:
    """UIs share models by links; the kernel's recursion does not follow them."""
    root, store = tmp_path / "root", tmp_path / "store"
    (store / "deep").mkdir(parents=True)
    (root / "Lora").mkdir(parents=True)
    (root / "Lora/shared").symlink_to(store)
    (root / "Lora/own").symlink_to(root / "Lora")
    assert survey(str(root)).links == (("Lora/shared", str(store)),)
    observer.watch(1, str(root))
    observer.watch(1, str(store), "Lora/shared")
    (store / "deep/a.safetensors").write_bytes(b"x")
    assert eventually(lambda: (1, "Lora/shared/deep") in told)
    observer.unwatch(1)
    assert observer.covered(1) == 0


def test_two_roots_may_look_at_one_folder(observer: Observer, told: Told, tmp_path: Path) -> None:
    """The end of one watch is not the end of the other."""
    observer.watch(1, str(tmp_path))
    observer.watch(2, str(tmp_path), "linked")
    observer.unwatch(1)
    (tmp_path / "a.safetensors").write_bytes(b"x")
    assert eventually(lambda: (2, "linked") in told)
    assert not any(root_id == 1 for root_id, _ in told)


def test_lost_events_are_told_as_the_whole_root(
    observer: Observer, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's queue holds 16,384 events: while nobody reads, more than that are lost (case 43)."""
    (tmp_path / "Lora").mkdir()
    observer.watch(1, str(tmp_path))
    inotify = observer._observer
    assert inotify is not None
    reading = threading.Event()
    fd = inotify._inotify_fd  # type: ignore[attr-defined]
    really = fd.handle_event
    monkeypatch.setattr(fd, "handle_event", lambda event: (reading.wait(60), really(event)))
    for number in range(6000):  # created, closed, moved from, moved to: more than 16,384 in all
        path = tmp_path / f"Lora/{number}.json"
        path.write_bytes(b"")
        path.rename(tmp_path / f"Lora/{number}.safetensors")
    reading.set()
    assert eventually(lambda: (1, "") in told, 40)
    told.clear()
    (tmp_path / "VAE").mkdir()
    (tmp_path / "VAE/a.safetensors").write_bytes(b"x")
    assert eventually(lambda: (1, "VAE") in told, 40)
    assert observer.is_healthy()


def test_a_folder_moved_away_made_anew_and_deleted_ends_no_thread(
    observer: Observer, told: Told, tmp_path: Path
) -> None:
    """Its watch goes on under its old name; that another one takes the name over ended watchdog's reading thread."""
    root, away = tmp_path / "root", tmp_path / "away"
    (root / "a").mkdir(parents=True)
    observer.watch(1, str(root))
    for _ in range(3):
        (root / "a").rename(away)
        (root / "a").mkdir()
        assert eventually(lambda: (1, "a") in told)
        flushed(told, root)
        shutil.rmtree(away)
        told.clear()
        (root / "a/x.safetensors").write_bytes(b"x")
        assert eventually(lambda: (1, "a") in told)
        told.clear()
    assert observer.is_healthy()


def test_a_dead_thread_is_noticed_and_watching_begins_anew(observer: Observer, told: Told, tmp_path: Path) -> None:
    """Whatever ended it."""
    observer.watch(1, str(tmp_path))
    assert observer.is_healthy()
    inotify = observer._observer
    assert inotify is not None
    next(iter(inotify.emitters)).stop()
    assert eventually(lambda: not observer.is_healthy())
    observer.close()
    observer.watch(1, str(tmp_path))
    assert observer.is_healthy()
    (tmp_path / "a.safetensors").write_bytes(b"x")
    assert eventually(lambda: (1, "") in told)


def test_starting_and_ending_leaves_nothing_behind(tmp_path: Path) -> None:
    """No thread, no descriptor, no handler of logs."""
    import logging

    (tmp_path / "Lora").mkdir()

    def state() -> tuple[int, int, int]:
        return (threading.active_count(), len(os.listdir("/proc/self/fd")), len(logging.getLogger("watchdog").handlers))

    with Observer(lambda _hint: None) as observer:
        observer.watch(1, str(tmp_path))
    before = state()
    for _ in range(20):
        with Observer(lambda _hint: None) as observer:
            observer.watch(1, str(tmp_path))
            observer.watch(1, str(tmp_path))
            observer.unwatch(1)
            observer.watch(2, str(tmp_path))
    assert eventually(lambda: state() == before)
