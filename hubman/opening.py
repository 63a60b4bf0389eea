"""Open files that may be anything: a pipe or a device under a model's name is refused and never waited for."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading, unbuffered.

    Opening a FIFO waits for a writer, for ever; O_NONBLOCK does not, and has no effect on regular files.

    Raises:
        OSError: it cannot be opened, or is a pipe, a socket, a device or a folder.
    """
    return open(path, "rb", buffering=0, opener=_open_regular)


def _open_regular(path: str, _flags: int) -> int:
    descriptor = os.open(path, _FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "Not a regular file", path)
