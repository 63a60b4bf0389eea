"""`watch`: real events on real files become rows, through the same scan as `sync`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.app.roots import add_root
from hubman.app.sync import SyncOptions
from hubman.app.watching import Watching
from hubman.core.library import SidecarPolicy
from hubman.core.query import parse_query
from hubman.store.reader import open_reader
from hubman.store.writer import open_store

Put = Callable[..., Path]


@pytest.fixture
def watched(webui: Path, isolated: Path) -> Iterator[Callable[[], list[str]]]:
    """Run a watcher in a thread; give a function that lists the names in the index."""
    store = open_store(isolated / "library.db", isolated / "backups")
    root = add_root(store, str(webui), None, SidecarPolicy.OFF)
    stop, first = threading.Event(), threading.Event()
    watching = Watching(store, SyncOptions(), lambda _report: first.set(), stop.is_set, quiet=0.2)
    thread = threading.Thread(target=watching.run, args=([root],))
    thread.start()
    assert first.wait(30)

    def names() -> list[str]:
        with open_reader(store.path) as reader:
            return [file.name for file in reader.search(parse_query("sort:name", 0))[1]]

    yield names
    stop.set()
    thread.join(30)
    store.close()


def eventually(check: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait for something to become true; the bound only ends a failing test."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return False


def test_new_renamed_and_deleted_files_arrive(watched: Callable[[], list[str]], webui: Path, put: Put) -> None:
    """Without a word from the user."""
    path = put("Lora/ink.safetensors")
    assert eventually(lambda: watched() == ["ink"])
    path.rename(webui / "Lora/水墨.safetensors")
    assert eventually(lambda: watched() == ["水墨"])
    (webui / "Lora/水墨.safetensors").unlink()
    assert eventually(lambda: watched() == [])


def test_a_download_is_seen_when_it_gets_its_name(watched: Callable[[], list[str]], webui: Path, put: Put) -> None:
    """`.part` names raise no row; the rename does."""
    part = put("Lora/big.safetensors.part")
    time.sleep(1)
    assert watched() == []
    part.rename(webui / "Lora/big.safetensors")
    assert eventually(lambda: watched() == ["big"])


def test_a_folder_copied_in_is_found_whole(watched: Callable[[], list[str]], webui: Path, put: Put) -> None:
    """Events of new sub-folders may be lost; the scan of the folder finds all of it."""
    for number in range(20):
        put(f"Lora/pack/deep/{number:02}.safetensors", fill=number)
    assert eventually(lambda: len(watched()) == 20)
