"""`watch`: real events on real files become rows, through the same scan as `sync`."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hubman.app.roots import add_root, remove_root
from hubman.app.sync import SyncOptions, SyncReport
from hubman.app.watching import Watching
from hubman.core.library import SidecarPolicy
from hubman.core.query import parse_query
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from hubman.watch import Observer
from tests.conftest import lora_bytes

Put = Callable[..., Path]


@dataclass
class Watched:
    """A watcher that runs, and what it said."""

    store: Store
    reports: list[SyncReport] = field(default_factory=list)
    unwatched: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self) -> list[str]:
        with open_reader(self.store.path) as reader:
            return [file.name for file in reader.search(parse_query("sort:name", 0))[1]]


@pytest.fixture
def watching(isolated: Path) -> Iterator[Callable[..., Watched]]:
    """Give a function that runs a watcher over folders in a thread, and returns after its first scan."""
    store = open_store(isolated / "library.db", isolated / "backups")
    stop, threads = threading.Event(), []

    def start(*roots: Path, options: SyncOptions | None = None) -> Watched:
        for root in roots:
            add_root(store, str(root), None, SidecarPolicy.OFF)
        watched = Watched(store)
        watcher = Watching(
            store, options or SyncOptions(), watched.reports.append, stop.is_set, quiet=0.2, roots_every=0.2,
            on_unwatched=lambda root, why: watched.unwatched.append((root.path, why)),
        )  # fmt: skip
        threads.append(threading.Thread(target=watcher.run))
        threads[-1].start()
        assert eventually(lambda: bool(watched.reports))
        return watched

    yield start
    stop.set()
    for thread in threads:
        thread.join(30)
    store.close()


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
    assert eventually(lambda: watched.reports[-1].hashed == 1)
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
    webui.rename(tmp_path / "away")
    assert eventually(lambda: watched.reports[-1].unreachable == 1)
    (tmp_path / "away").rename(webui)
    put("Lora/b.safetensors", fill=2)
    assert eventually(lambda: watched() == ["a", "b"])


def test_a_root_that_cannot_be_watched_is_told_about(
    watching: Callable[..., Watched], webui: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system ran out of watches (inotify's limit): it is scanned all the same, and nobody is left to guess."""

    def refuse(self: Observer, root_id: int, path: str) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(Observer, "watch", refuse)
    put("Lora/a.safetensors")
    watched = watching(webui)
    assert watched() == ["a"]
    assert watched.unwatched == [(str(webui), "inotify watch limit reached")]
