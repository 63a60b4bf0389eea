"""A plain `sync` meets files that are being written; `poll` in the configuration."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.config import load
from hubman.core.library import SidecarPolicy
from hubman.errors import UsageError
from hubman.store.door import open_store
from tests.conftest import lora_bytes


def sync(home: Path, root: Path) -> SyncReport:
    """Scan one root with a library of its own."""
    store = open_store(home / "library.db", home / "backups")
    try:
        added = add_root(store, str(root), None, SidecarPolicy.OFF)
        return Sync(store, SyncOptions()).run([added])
    finally:
        store.close()


def test_a_file_that_grows_is_unsettled_and_not_broken(isolated: Path, webui: Path) -> None:
    """The next sync after it is whole lists it, once and well."""
    path, data, done = webui / "Lora/slow.safetensors", lora_bytes(rank=8), threading.Event()

    def write() -> None:
        with open(path, "wb") as file:
            for start in range(0, len(data) - 100, 200):
                if done.is_set():
                    break
                file.write(data[start : start + 200])
                file.flush()
                time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.5)
    report = sync(isolated, webui)
    done.set()
    writer.join()
    assert (report.unsettled, report.added, report.errors) == ([str(path)], 0, [])
    path.write_bytes(data)
    report = sync(isolated, webui)
    assert (report.unsettled, report.added, report.errors) == ([], 1, [])


@pytest.mark.parametrize("moment", [0, 4_102_444_800, None])
def test_what_does_not_grow_is_broken_whatever_its_time(isolated: Path, webui: Path, moment: int | None) -> None:
    """1970, 2100 and just now: nothing stays unsettled for ever, and one sync gives the answer."""
    path = webui / "Lora/cut.safetensors"
    path.write_bytes(lora_bytes()[:-10])
    if moment is not None:
        os.utime(path, (moment, moment))
    report = sync(isolated, webui)
    assert report.unsettled == []
    assert [error["reference"] for error in report.errors] == ["safetensors-truncated"]


def test_poll_comes_from_the_file_or_the_environment(tmp_path: Path) -> None:
    """A list in config.toml; separated as in PATH in the variable."""
    (tmp_path / "config.toml").write_text('poll = ["/mnt/nas", "/mnt/box"]')
    assert load({}, home=str(tmp_path)).poll == ("/mnt/nas", "/mnt/box")
    assert load({"HUBMAN_POLL": f"/a{os.pathsep}/b"}, home=str(tmp_path)).poll == ("/a", "/b")


@pytest.mark.parametrize("text", ["poll = 3", 'poll = "/mnt/nas"', "poll = [1]", 'poll = [""]'])
def test_a_poll_that_is_no_list_of_folders_is_told(tmp_path: Path, text: str) -> None:
    """Named, with the way to write it."""
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load({}, home=str(tmp_path))
    assert caught.value.reference == "config-invalid"
    assert "poll" in caught.value.hint
    str(caught.value)
