"""`watch`: real events on real files become rows, through the same scan as `sync`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hubman.app.inbox import Inbox
from hubman.app.roots import add_root, remove_root
from hubman.app.sync import SyncOptions, SyncReport
from hubman.app.watching import Watching, WatchOptions
from hubman.core.library import ModelFile, SidecarPolicy
from hubman.core.query import parse_query
from hubman.core.settle import Patience
from hubman.core.shares import parse_mounts, without_events
from hubman.disk.place import write_atomic
from hubman.errors import Phrase
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes

Put = Callable[..., Path]


@dataclass
class Watched:
    """A watcher that runs, and what it said."""

    store: Store
    reports: list[SyncReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    watching: Watching | None = None

    def report(self, report: SyncReport) -> None:
        self.reports.append(report)

    def warn(self, text: Phrase) -> None:
        self.warnings.append(str(text))

    def __call__(self) -> list[str]:
        return [file.name for file in self.files()]

    def files(self) -> list[ModelFile]:
        with open_reader(self.store.path) as reader:
            return reader.search(parse_query("sort:name", 0))[1]


FAST = WatchOptions(quiet=0.2, roots_every=0.2, shortest_poll=0.5, patience=Patience(0.2, 3.0))


@pytest.fixture
def watching(isolated: Path) -> Iterator[Callable[..., Watched]]:
    """Give a function that runs a watcher over folders in a thread, and returns after its first scan."""
    store = open_store(isolated / "library.db", isolated / "backups")
    running: list[tuple[Watched, threading.Thread]] = []

    def start(*roots: Path, options: SyncOptions | None = None, how: WatchOptions = FAST) -> Watched:
        for root in roots:
            add_root(store, str(root), None, SidecarPolicy.OFF)
        watched = Watched(store)
        watched.watching = Watching(store, (options or SyncOptions(), how), watched, watched.ended.is_set)
        thread = threading.Thread(target=watched.watching.run)
        running.append((watched, thread))
        thread.start()
        assert eventually(lambda: bool(watched.reports) or not thread.is_alive())
        assert thread.is_alive()
        return watched

    yield start
    for watched, _ in running:
        watched.ended.set()
    for _, thread in running:
        thread.join(30)
    store.close()
    assert not any(thread.is_alive() for _, thread in running)


@pytest.fixture
def watched(watching: Callable[..., Watched], webui: Path) -> Watched:
    return watching(webui)


def eventually(check: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait for something to become true; the bound only ends a failing test."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return False


def test_new_renamed_and_deleted_files_arrive(watched: Watched, webui: Path, put: Put) -> None:
    """Without a word from the user."""
    path = put("Lora/ink.safetensors")
    assert eventually(lambda: watched() == ["ink"])
    path.rename(webui / "Lora/水墨.safetensors")
    assert eventually(lambda: watched() == ["水墨"])
    (webui / "Lora/水墨.safetensors").unlink()
    assert eventually(lambda: watched() == [])


def test_a_download_is_seen_when_it_gets_its_name(watched: Watched, webui: Path, put: Put) -> None:
    """`.part` names raise no row; the rename does."""
    part = put("Lora/big.safetensors.part")
    time.sleep(1)
    assert watched() == []
    part.rename(webui / "Lora/big.safetensors")
    assert eventually(lambda: watched() == ["big"])


def test_a_folder_copied_in_is_found_whole(watched: Watched, webui: Path, put: Put) -> None:
    """Events of new sub-folders may be lost; the scan of the folder finds all of it."""
    for number in range(20):
        put(f"Lora/pack/deep/{number:02}.safetensors", fill=number)
    assert eventually(lambda: len(watched()) == 20)


def test_a_large_file_is_hashed_when_nothing_else_is_to_do(
    watching: Callable[..., Watched], webui: Path, put: Put
) -> None:
    """`sync` leaves it to `watch`, and what happens meanwhile is followed."""
    put("Lora/large.safetensors")
    watched = watching(webui, options=SyncOptions(hash_limit=10))

    def hashed() -> int:
        with open_reader(watched.store.path) as reader:
            return sum(file.hashes is not None for file in reader.search(parse_query("", 0))[1])

    assert eventually(lambda: hashed() == 1)
    assert eventually(lambda: any(report.hashed == 1 for report in watched.reports))
    put("Lora/second.safetensors", fill=2)
    assert eventually(lambda: hashed() == 2)


def test_a_large_file_ends_at_once_when_the_watcher_does(
    watching: Callable[..., Watched], webui: Path, put: Put
) -> None:
    """Between two chunks, not after the last one."""
    large = put("Lora/large.safetensors")
    os.truncate(large, 60_000_000_000)  # sparse; hashing it takes minutes
    watching(webui, options=SyncOptions(hash_limit=10))
    time.sleep(1)  # the fixture ends the watcher and would wait 30 s


def test_roots_that_come_and_go_are_followed(
    watching: Callable[..., Watched], webui: Path, put: Put, tmp_path: Path
) -> None:
    """Another process adds one and removes one."""
    put("Lora/a.safetensors")
    watched = watching(webui)
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.safetensors").write_bytes(lora_bytes(fill=2))
    added = add_root(watched.store, str(other), None, SidecarPolicy.OFF)
    assert eventually(lambda: watched() == ["a", "b"])
    (other / "c.safetensors").write_bytes(lora_bytes(fill=3))
    assert eventually(lambda: watched() == ["a", "b", "c"])
    remove_root(watched.store, added)
    assert eventually(lambda: watched() == ["a"])
    put("Lora/d.safetensors", fill=4)
    assert eventually(lambda: watched() == ["a", "d"])


def test_a_root_that_was_moved_away_and_made_anew_is_watched_again(
    watching: Callable[..., Watched], webui: Path, put: Put, tmp_path: Path
) -> None:
    """The old watch would follow the old folder."""
    put("Lora/a.safetensors")
    watched = watching(webui)
    webui.rename(tmp_path / "away")
    webui.mkdir()
    put("Lora/b.safetensors", fill=2)
    assert eventually(lambda: "b" in watched())
    put("Lora/c.safetensors", fill=3)
    assert eventually(lambda: "c" in watched())


def test_a_root_that_was_away_and_came_back_is_watched(
    watching: Callable[..., Watched], webui: Path, put: Put, tmp_path: Path
) -> None:
    """A drive that went and came back is the same root."""
    put("Lora/a.safetensors")
    watched = watching(webui)
    assert eventually(lambda: watched() == ["a"])
    webui.rename(tmp_path / "away")
    assert eventually(lambda: any(report.unreachable == 1 for report in watched.reports))
    (tmp_path / "away").rename(webui)
    put("Lora/b.safetensors", fill=2)
    assert eventually(lambda: watched() == ["a", "b"])


def test_a_growing_file_is_indexed_once_when_it_is_whole(watched: Watched, put: Put, webui: Path) -> None:
    """Case 45: neither half of it, nor as broken, nor again and again; whether its writer closes it or not."""
    data = lora_bytes(rank=8)
    with open(webui / "Lora/slow.safetensors", "wb") as file:
        for start in range(0, len(data), len(data) // 15):
            file.write(data[start : start + len(data) // 15])
            file.flush()
            time.sleep(0.15)
            assert watched() == []
    assert eventually(lambda: watched() == ["slow"])
    assert eventually(lambda: watched.files()[0].hashes is not None)
    assert watched.files()[0].failure is None
    assert sum(report.added for report in watched.reports) == 1
    assert sum(report.modified + report.identified for report in watched.reports) == 1


def test_a_stalled_download_waits_and_is_told_as_broken_in_the_end(watched: Watched, put: Put, webui: Path) -> None:
    """Longer quiet than a moment: its header says that bytes are missing; in the end it is as it is."""
    data = lora_bytes()
    path = webui / "Lora/stalled.safetensors"
    path.write_bytes(data[:-100])
    time.sleep(1.5)  # several times the quiet of this test, less than its patience
    assert watched() == []
    assert any(report.unsettled == [str(path)] for report in watched.reports)

    def told() -> list[str]:
        return [file.failure.reference for file in watched.files() if file.failure is not None]

    assert eventually(lambda: told() == ["safetensors-truncated"])
    path.write_bytes(data)
    assert eventually(lambda: watched.files()[0].failure is None)


def test_what_was_there_half_at_the_start_is_found_whole_later(
    watching: Callable[..., Watched], webui: Path, put: Put
) -> None:
    """The first scan waits for it too; the rest of the library does not wait with it."""
    put("Lora/whole.safetensors")
    os.utime(webui / "Lora/whole.safetensors", (1, 1))
    half = webui / "Lora/half.safetensors"
    half.write_bytes(lora_bytes(fill=2)[:-50])
    watched = watching(webui)
    assert watched() == ["whole"]
    half.write_bytes(lora_bytes(fill=2))
    assert eventually(lambda: watched() == ["half", "whole"])
    assert not any(report.errors for report in watched.reports)


def test_a_file_from_the_future_is_not_held_up(watching: Callable[..., Watched], webui: Path, put: Put) -> None:
    """Case 53: its time tells nothing, so our own clock is asked."""
    for number, moment in enumerate((0, 4_102_444_800)):
        path = put(f"Lora/clock{number}.safetensors", fill=number)
        os.utime(path, (moment, moment))
    watched = watching(webui)
    assert eventually(lambda: watched() == ["clock0", "clock1"])
    path = put("Lora/clock2.safetensors", fill=9)
    os.utime(path, (4_102_444_800, 4_102_444_800))
    assert eventually(lambda: watched() == ["clock0", "clock1", "clock2"])


def test_a_save_by_rename_keeps_one_entry(watched: Watched, webui: Path, put: Put) -> None:
    """Case 46: written beside, renamed over."""
    put("Lora/ink.safetensors")
    assert eventually(lambda: watched() == ["ink"])
    before = watched.files()[0]
    put("Lora/ink.tmp", fill=7).replace(webui / "Lora/ink.safetensors")
    assert eventually(lambda: watched.files()[0].mtime_ns != before.mtime_ns)
    assert [file.file_id for file in watched.files()] == [before.file_id]
    assert eventually(lambda: watched.files()[0].hashes is not None)


def test_a_renamed_folder_keeps_its_rows(watched: Watched, webui: Path, put: Put) -> None:
    """Case 47: also right after it was written, when its files are not settled yet."""
    for number in range(10):
        put(f"Lora/old/{number}.safetensors", fill=number)
    assert eventually(lambda: len(watched()) == 10)
    ids = {file.file_id for file in watched.files()}
    (webui / "Lora/old").rename(webui / "Lora/new")
    assert eventually(lambda: {file.relpath[:9] for file in watched.files()} == {"Lora/new/"})
    assert {file.file_id for file in watched.files()} == ids


def test_own_writes_and_trash_end_in_rest(watching: Callable[..., Watched], webui: Path, put: Put) -> None:
    """A sidecar that hubman wrote is read once; what goes to the trash is gone once; then nothing more is scanned."""
    put("Lora/ink.safetensors")
    watched = watching(webui)
    add_root(watched.store, str(webui), None, SidecarPolicy.MERGE)
    put("Lora/other.safetensors", fill=3)
    assert eventually(lambda: len(watched()) == 2 and all(file.hashes for file in watched.files()))
    write_atomic(webui / "Lora/ink.json", b'{"activation text": "inkwash"}')
    assert eventually(lambda: any(w.text == "inkwash" for file in watched.files() for w in file.triggers))
    (webui / ".hubman-trash").mkdir()
    (webui / "Lora/other.safetensors").rename(webui / ".hubman-trash/other.safetensors")
    assert eventually(lambda: watched() == ["ink"])
    time.sleep(1)
    scans = len(watched.reports)
    for number in range(5):
        (webui / f".hubman-trash/{number}.safetensors").write_bytes(lora_bytes(fill=number))
        (webui / f"Lora/{number}.safetensors.part").write_bytes(b"x")
    time.sleep(1.5)  # nothing is waited for: that nothing happens is what is tested
    assert len(watched.reports) == scans


def test_named_folders_are_looked_at_without_events(
    watching: Callable[..., Watched], webui: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that lies: its events never come (here: the watch itself sits on another folder)."""
    put("Lora/a.safetensors")
    how = replace(FAST, poll=(str(webui),))
    monkeypatch.setattr(Inbox, "tell", lambda self, hint: None)
    watched = watching(webui, how=how)
    assert any("as `poll` says" in text for text in watched.warnings)
    put("Lora/b.safetensors", fill=2)
    assert eventually(lambda: watched() == ["a", "b"])
    (webui / "Lora/a.safetensors").unlink()
    assert eventually(lambda: watched() == ["b"])


def test_a_network_share_is_waited_for_longer_and_polled(tmp_path: Path) -> None:
    """Decided by the mount table, as the kernel writes it."""
    mounts = parse_mounts(f"1 1 0:1 / / rw - ext4 d rw\n2 1 0:2 / {tmp_path}/nas rw - nfs4 nas:/m rw")
    mount = without_events(mounts, f"{tmp_path}/nas/models")
    assert mount is not None
    assert mount.type == "nfs4"


def test_a_drive_that_is_unplugged_and_comes_back(
    watching: Callable[..., Watched], webui: Path, small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    """Case 49: nothing is forgotten, and it is watched again; mounted twice, as a real file system."""
    disk = small_disk("4m")
    (disk / "Lora").mkdir()
    (disk / "Lora/a.safetensors").write_bytes(lora_bytes())
    watched = watching(disk)
    assert eventually(lambda: watched() == ["a"])
    before = watched.files()[0].file_id
    kept = tmp_path / "kept"
    shutil.copytree(disk, kept)
    subprocess.run(["umount", "-l", str(disk)], check=True)
    assert eventually(lambda: any(report.unreachable == 1 for report in watched.reports))
    assert [file.file_id for file in watched.files()] == [before]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    shutil.copytree(kept, disk, dirs_exist_ok=True)
    (disk / "Lora/b.safetensors").write_bytes(lora_bytes(fill=2))
    assert eventually(lambda: watched() == ["a", "b"])
    (disk / "Lora/c.safetensors").write_bytes(lora_bytes(fill=3))
    assert eventually(lambda: watched() == ["a", "b", "c"])
    assert before in {file.file_id for file in watched.files()}


def test_a_folder_behind_a_link_is_followed(
    watching: Callable[..., Watched], webui: Path, put: Put, tmp_path: Path
) -> None:
    """Models that several UIs share by a link: their events count too, and links made later."""
    store, second = tmp_path / "store", tmp_path / "second"
    store.mkdir()
    second.mkdir()
    (webui / "Lora/shared").symlink_to(store)
    watched = watching(webui, how=replace(FAST, rescan_every=2))
    (store / "a.safetensors").write_bytes(lora_bytes())
    assert eventually(lambda: watched() == ["a"])
    (webui / "Lora/later").symlink_to(second)
    assert watched.watching is not None
    observer = watched.watching._observer
    assert eventually(lambda: observer.covered(watched.watching._roots.ids[0], "Lora/later") == 1)
    (second / "b.safetensors").write_bytes(lora_bytes(fill=2))
    assert eventually(lambda: watched() == ["a", "b"])


def test_a_thread_that_ends_is_replaced(watched: Watched, webui: Path, put: Put) -> None:
    """And everything is scanned, for events may be lost."""
    assert watched.watching is not None
    observer = watched.watching._observer._observer
    assert observer is not None
    observer.stop()
    put("Lora/a.safetensors")
    assert eventually(lambda: watched() == ["a"])
    assert any("started again" in text for text in watched.warnings)
    put("Lora/b.safetensors", fill=2)
    assert eventually(lambda: watched() == ["a", "b"])


def test_sleep_is_answered_by_a_scan_of_everything(watched: Watched, webui: Path) -> None:
    """The clocks went apart: what happened meanwhile raised events that may be lost."""
    assert watched.watching is not None
    scans = len(watched.reports)
    watched.watching._clocks = (watched.watching._clocks[0], watched.watching._clocks[1] - 3600)
    assert eventually(lambda: len(watched.reports) > scans)


def test_two_watchers_at_once_do_not_disturb_each_other(
    watching: Callable[..., Watched], webui: Path, put: Put
) -> None:
    """Both scan, and nobody sees an error."""
    first, second = watching(webui), watching(webui)
    for number in range(60):
        put(f"Lora/{number % 4}/{number}.safetensors", fill=number)
    assert eventually(lambda: len(first()) == 60 and all(file.hashes for file in first.files()))
    assert first.warnings == second.warnings == []
    put("Lora/last.safetensors", fill=99)
    assert eventually(lambda: len(first()) == 61)


def test_a_file_that_is_replaced_while_it_is_hashed_keeps_no_stale_hash(
    watching: Callable[..., Watched], webui: Path, put: Put
) -> None:
    """Case 48: whatever the moment, the hash in the end is that of the content."""
    path = put("Lora/busy.safetensors", rank=64)
    watched = watching(webui)
    assert eventually(lambda: watched() == ["busy"])
    for fill in range(1, 15):
        path.write_bytes(lora_bytes(fill=fill, rank=64))
        time.sleep(0.07)

    def is_right() -> bool:
        hashes = watched.files()[0].hashes
        return hashes is not None and hashes.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    assert eventually(is_right)
    time.sleep(0.5)
    assert is_right()
