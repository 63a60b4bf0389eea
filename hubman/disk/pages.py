"""Read a file once, from start to end, and leave the system's page cache as it was found.

A library is many times larger than memory: hashing it the usual way would push everything out that other programs work
with. On Linux every chunk is first asked for with RWF_NOWAIT, which delivers only what is in the cache already. What
was delivered was somebody's, and stays. What was not is brought in by our own read, and is dropped behind it.

Read-ahead would spoil the question (the next chunk would be in the cache because of us), so it is switched off for our
descriptor alone (POSIX_FADV_RANDOM); a chunk of 1 MiB is one request to the disk all the same. A chunk of which only
the first part was cached is left alone: better a few of our pages too many than one of somebody else's too few.
Elsewhere, and on file systems that do not know RWF_NOWAIT, nobody can tell whose a page is, and none is dropped.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

DROP_BEHIND = 8 << 20
"""Bytes dropped at a time: each call makes the kernel empty the page lists of a processor first."""


class GuestReader:
    """Fills buffers from an unbuffered file. Use it as a context manager: the end drops what is left to drop."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        self._ours = (0, 0)
        self._can_tell = _read_ahead(file, wanted=False)

    def __enter__(self) -> GuestReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def fill(self, view: memoryview) -> int:
        """Fill `view` with what follows; fewer bytes mean that the file ends there.

        Raises:
            OSError: it cannot be read.
        """
        done = self._fill_from_cache(view) if self._can_tell else 0
        was_cached = done > 0
        while done < len(view) and (count := self._file.readinto(view[done:])):  # type: ignore[attr-defined]
            done += count
        if self._can_tell and not was_cached:
            self._note_ours(self._position, self._position + done)
        self._position += done
        return done

    def _fill_from_cache(self, view: memoryview) -> int:
        """Take what is in the page cache at the current position; 0 when the first byte is not."""
        if sys.platform != "linux":
            return 0
        try:
            # Linux 5.9 and 5.10 may say 0 before the end (preadv2(2), BUGS); the ordinary read decides about that.
            count = os.preadv(self._file.fileno(), [view], self._position, os.RWF_NOWAIT)
        except BlockingIOError:
            return 0
        except OSError:  # not known to this file system or kernel; if the disk failed, the ordinary read says so
            self._can_tell = False
            _read_ahead(self._file, wanted=True)
            return 0
        self._file.seek(count, os.SEEK_CUR)
        return count

    def _note_ours(self, start: int, end: int) -> None:
        if start != self._ours[1]:
            self._drop()
            self._ours = (start, start)
        self._ours = (self._ours[0], end)
        if end - self._ours[0] >= DROP_BEHIND:
            self._drop()

    def _drop(self) -> None:
        start, end = self._ours
        self._ours = (end, end)
        if sys.platform == "linux" and end > start:
            os.posix_fadvise(self._file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


def _read_ahead(file: BinaryIO, *, wanted: bool) -> bool:
    """Switch the kernel's read-ahead for this descriptor; False where that cannot be done."""
    if sys.platform != "linux":
        return False
    try:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_NORMAL if wanted else os.POSIX_FADV_RANDOM)
    except OSError:
        return False
    return True
