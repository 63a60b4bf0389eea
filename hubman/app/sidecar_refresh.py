"""Read again what lies beside models, after hubman wrote there."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hubman.app.reading import read_file
from hubman.core.library import ModelFile, Reading, Unread
from hubman.disk.walk import beside_of
from hubman.store.door import Store
from hubman.store.reader import open_reader

BATCH = 200
"""Models that are read again in one transaction: a kill loses no more, and the next scan reads those."""


def refresh(store: Store, files: Iterable[ModelFile]) -> None:
    """Read again what lies beside models, so that the next scan finds nothing new in what hubman wrote itself."""
    waiting = list(files)
    with open_reader(store.path) as reader:
        behind = reader.left_behind()
    for start in range(0, len(waiting), BATCH):
        part = [_read_again(file, behind.get(file.file_id)) for file in waiting[start : start + BATCH]]
        read_again = [found for found in part if found is not None]
        if read_again:
            with store.writer() as writer:
                writer.record_readings([(file.file_id, file.name, reading) for file, reading, _ in read_again])
                writer.set_beside([(file.file_id, beside) for file, _, beside in read_again])


def _read_again(file: ModelFile, behind: str | None) -> tuple[ModelFile, Reading, str] | None:
    """Return a model with its reading and the digest of what lies beside it; None when it is not there any more.

    The digest comes first: what somebody writes after it is found by the next scan.
    """
    try:
        beside = beside_of(os.path.dirname(file.path), file.name)
    except OSError:
        return None
    place = Unread(file.file_id, file.relpath, file.name, file.folder, beside != "", behind)
    reading = read_file(file.root, place)
    return None if reading is None else (file, reading, beside)
