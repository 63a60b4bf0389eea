"""Is there a write-ahead log whose beginning is none? SQLite would take it for empty, silently, and write over it."""

from __future__ import annotations

import struct
import time
from pathlib import Path

MAGIC = 0x377F0682
"""sqlite.org/fileformat2.html section 4.1; the lowest bit says in which byte order the checksums are."""

FORMAT = 3007000
HEADER = 32
AGAIN_S = 0.05


def wal_is_damaged(path: Path) -> bool:
    """Say whether the log beside the database at `path` has content and a header that SQLite would not accept."""
    if not _looks_damaged(path):
        return False
    time.sleep(AGAIN_S)  # somebody may have been writing it just now
    return _looks_damaged(path)


def _looks_damaged(path: Path) -> bool:
    try:
        with open(wal_of(path), "rb") as file:
            header = file.read(HEADER)
    except OSError:
        return False
    return len(header) == HEADER and not _is_header(header)


def has_log(path: Path) -> bool:
    """Say whether the database has a log with content."""
    try:
        return wal_of(path).stat().st_size > 0
    except OSError:
        return False


def wal_of(path: Path) -> Path:
    """Return the name of the log of a database."""
    return path.with_name(path.name + "-wal")


def _is_header(header: bytes) -> bool:
    magic, version = struct.unpack(">II", header[:8])
    if magic & ~1 != MAGIC or version != FORMAT:
        return False
    order = ">" if magic & 1 else "<"
    first = second = 0
    words = struct.unpack(f"{order}6I", header[:24])
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return struct.unpack(">II", header[24:32]) == (first, second)
