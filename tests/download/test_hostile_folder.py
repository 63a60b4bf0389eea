"""Somebody else can write in the folder, or wrote the note that lies there: links, pipes, numbers of no file."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.disk.part import LOCK, PART, PREFIX, RECORD, open_part, token_of
from hubman.errors import HubError, HubmanError
from tests.download.conftest import Downloads
from tests.download.test_fetch import right
from tests.testhub import misbehave
from tests.testhub.catalogue import File

SIZE = 300_000


def names_of(downloads: Downloads, file: File) -> Callable[[str], Path]:
    """Return what makes the paths of a download's files, which anybody can foretell."""
    token = token_of("", str(file.id), file.content.hashes.sha256)
    return lambda ending: downloads.folder / (PREFIX + token + ending)


def in_time(work: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what a call returns or raises; a call that waits for ever is a failure and not the end of the tests."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it waits for ever"
    return found[0]


@pytest.mark.parametrize("ending", [PART, RECORD, RECORD + ".tmp", LOCK])
def test_a_link_in_the_place_of_a_file_of_ours_is_not_written_through(downloads: Downloads, ending: str) -> None:
    victim = downloads.folder.parent / "precious"
    victim.write_bytes(b"precious" * 1000)
    file = downloads.add(SIZE)
    names_of(downloads, file)(ending).symlink_to(victim)
    found = in_time(lambda: downloads.fetch(file))
    assert victim.read_bytes() == b"precious" * 1000
    assert isinstance(found, OSError) or right(found, file)


@pytest.mark.parametrize("ending", [PART, RECORD, RECORD + ".tmp", LOCK])
def test_a_pipe_in_the_place_of_a_file_of_ours_is_not_waited_for(downloads: Downloads, ending: str) -> None:
    file = downloads.add(SIZE)
    os.mkfifo(names_of(downloads, file)(ending))
    found = in_time(lambda: downloads.fetch(file))
    assert isinstance(found, OSError | HubmanError) or right(found, file)


def test_a_pipe_in_the_place_of_another_downloads_note_is_not_waited_for(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    os.mkfifo(downloads.folder / (PREFIX + "0" * 20 + RECORD))
    (downloads.folder / (PREFIX + "0" * 20 + PART)).touch()
    assert right(in_time(lambda: downloads.fetch(file)), file)


def test_a_second_name_of_somebodys_file_is_not_written_to(downloads: Downloads) -> None:
    victim = downloads.folder.parent / "precious"
    victim.write_bytes(b"precious" * 1000)
    file = downloads.add(SIZE)
    os.link(victim, names_of(downloads, file)(PART))
    found = in_time(lambda: downloads.fetch(file))
    assert victim.read_bytes() == b"precious" * 1000
    assert isinstance(found, OSError) or right(found, file)


def stopped(downloads: Downloads, file: File, **options: Any) -> Path:
    """Cut a download in its middle; return the note that it leaves."""
    downloads.hub.misbehave(misbehave.Cut(SIZE // 2), on="storage", times=1)
    downloads.hub.misbehave(misbehave.Drop(), on="storage", skip=1)
    with pytest.raises(HubError):
        downloads.fetch(file, **options)
    downloads.hub.behave()
    (path,) = [path for path in downloads.folder.iterdir() if path.name.endswith(RECORD)]
    return path


NOTES: list[dict[str, Any]] = [
    {"synced": -5}, {"size": -1, "spans": [[0, 5], [7, 9]]}, {"spans": [[-9, 5]]}, {"spans": [[9, 5]]},
    {"spans": [[1e999, 5]]}, {"spans": [[0, 1 << 90]]}, {"spans": [[0]]}, {"spans": {"a": 1}}, {"spans": "ab"},
    {"size": 1 << 90, "synced": 1 << 90}, {"synced": True}, {"etag": '"a"\r\nX-Evil: 1'}, {"etag": "W/\"weak\""},
    {"etag": "no quotes"}, {"etag": '"\u58a8"'}, {"etag": '"' + "a" * 100_000 + '"'}, {"etag": '"\ud800"'},
    {"source": "\ud800"}, {"pid": 1, "size": 1 << 60}, {"sha256": "x"}, {"page": ["x"]}, {"since": -(1 << 70)},
]  # fmt: skip


@pytest.mark.parametrize("lie", NOTES, ids=lambda lie: str(lie)[:40])
@pytest.mark.parametrize("hashed", [True, False])
def test_a_note_that_somebody_wrote_does_no_harm(downloads: Downloads, lie: dict[str, Any], hashed: bool) -> None:
    file = downloads.add(SIZE)
    path = stopped(downloads, file, hashed=hashed)
    path.write_text(json.dumps({**json.loads(path.read_text()), **lie}))
    downloads.hub.forget()
    assert right(in_time(lambda: downloads.fetch(file, hashed=hashed)), file)
    assert all("x-evil" not in request.headers for request in downloads.hub.requests)


def test_a_note_of_another_download_claims_no_room_that_it_does_not_have(downloads: Downloads) -> None:
    """The process that wrote it is gone and its number is somebody else's now: it holds no lock."""
    file = downloads.add(SIZE)
    other = downloads.folder / (PREFIX + "0" * 20)
    Path(f"{other}{PART}").touch()
    note = {"source": "x", "pid": os.getppid(), "size": 1 << 60, "spans": []}
    Path(f"{other}{RECORD}").write_text(json.dumps(note))
    assert right(downloads.fetch(file), file)


def test_a_download_of_another_process_keeps_the_room_that_it_needs(downloads: Downloads) -> None:
    file = downloads.add(SIZE)
    token = "0" * 20
    with open_part(str(downloads.folder), token):
        note = {"source": "x", "pid": os.getppid(), "size": 1 << 60, "spans": []}
        (downloads.folder / (PREFIX + token + RECORD)).write_text(json.dumps(note))
        with pytest.raises(HubmanError) as raised:
            downloads.fetch(file)
    assert raised.value.reference == "no-space"
