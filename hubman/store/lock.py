"""Locks between processes, which end with the process that holds them, however it ends.

Two files beside the database:
* `library.db.lock`: held by every write transaction and every checkpoint, so that no two connections ever write and
  checkpoint at once (the WAL-reset bug of SQLite 3.7.0 to 3.51.2, docs/design/README.md).
* `library.db.use`: shared by everybody who may write, alone for who replaces or migrates the file.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

WAIT_S = 30.0
"""Seconds that a writer waits for the others."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.02
EXCLUSIVE_BYTES = 1024
"""Windows has no shared locks: sharers lock one byte of these each, at random; who wants to be alone locks all."""


class Lock:
    """One process's (or thread's) hold on a lock file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self, seconds: float = WAIT_S, *, shared: bool = False) -> bool:
        """Wait for the lock at most so long, asking at random moments; say whether we have it.

        Raises:
            OSError: the lock file cannot be opened.
        """
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_S
        while not _try(file, shared=shared):
            if time.monotonic() >= deadline:
                os.close(file)
                return False
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back; closing the file does it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def write_lock(path: Path) -> Lock:
    """Return the lock of the write transactions of the library at `path`."""
    return Lock(path.with_name(path.name + ".lock"))


def use_lock(path: Path) -> Lock:
    """Return the lock of those who work with the library at `path`."""
    return Lock(path.with_name(path.name + ".use"))


@contextmanager
def holding(lock: Lock, seconds: float, otherwise: Exception) -> Iterator[None]:
    """Hold a lock alone; raise `otherwise` when it cannot be had in time."""
    if not lock.take(seconds):
        raise otherwise
    try:
        yield
    finally:
        lock.release()


def _try(file: int, *, shared: bool) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(file, random.randrange(EXCLUSIVE_BYTES) if shared else 0, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1 if shared else EXCLUSIVE_BYTES)
        else:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
