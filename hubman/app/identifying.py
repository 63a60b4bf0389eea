"""Read the header of every file that needs it, and record what it is, in batches of about a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from hubman.core.diff import FACTS_VERSION
from hubman.core.library import Reading, Root
from hubman.core.ports import Progress
from hubman.store.door import Store
from hubman.store.reader import open_reader

BATCH = 200
BATCH_SECONDS = 1.0


def identify_all(store: Store, root: Root, progress: Progress, stop: Callable[[], bool]) -> int:
    """Read what was not read yet, smallest first; return the number of files that are known now.

    A file that the system refused to read is not counted: the next scan tries again.
    """
    with open_reader(store.path) as reader:
        waiting = reader.unread(root.id, FACTS_VERSION)
    if not waiting:
        return 0
    from hubman.app.reading import read_file  # all families of architectures: not for an unchanged library

    progress.phase("identify", len(waiting))
    batch: list[tuple[int, str, Reading]] = []
    since, known = time.monotonic(), 0
    for place in waiting:
        if stop():
            break
        reading = read_file(root.path, place)
        if reading is not None:  # None: it vanished since the walk, and the next scan decides
            batch.append((place.id, place.name, reading))
        progress.advance()
        if len(batch) >= BATCH or time.monotonic() - since > BATCH_SECONDS:
            known += _record(store, batch)
            since = time.monotonic()
    known += _record(store, batch)
    return known


def _record(store: Store, batch: list[tuple[int, str, Reading]]) -> int:
    if not batch:
        return 0
    with store.writer() as writer:
        writer.record_readings(batch)
    known = sum(not (reading.failure and reading.failure.passing) for _, _, reading in batch)
    batch.clear()
    return known
