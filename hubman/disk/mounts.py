"""The mount table of this machine, where it has one."""

from __future__ import annotations

import os

from hubman.core.shares import Mount, parse_mounts

TABLE = "/proc/self/mountinfo"


def read_mounts() -> list[Mount]:
    """Return what is mounted where; nothing on systems without such a table (macOS, Windows)."""
    try:
        with open(TABLE, "rb") as file:
            return parse_mounts(os.fsdecode(file.read()))
    except OSError:
        return []
