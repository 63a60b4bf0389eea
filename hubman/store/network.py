"""A database on a network file system: WAL needs memory that all its users share, so it is refused or given up."""

from __future__ import annotations

import os
from pathlib import Path

from hubman.core.mounts import filesystem_of, is_network
from hubman.errors import N_, StoreError

MOUNTINFO = Path("/proc/self/mountinfo")
"""Linux only; elsewhere the journal mode is read back and that is all (store/engine.py)."""


def journal_for(path: Path, *, allowed: bool) -> str:
    """Return the journal mode for a library at `path`: "wal", or "delete" on a network when that is allowed.

    Raises:
        StoreError: `store-network`.
    """
    kind = _file_system(path)
    if kind is None or not is_network(kind):
        return "wal"
    if allowed:
        return "delete"
    raise StoreError(
        "store-network",
        N_("{path} lies on a network file system ({kind}), where a database breaks when two programs write it."),
        hint=N_(
            "Set HUBMAN_HOME to a folder on a disk of this machine; the models may stay where they are. "
            "HUBMAN_ALLOW_NETWORK_DB=1 uses it all the same, slowly."
        ),
        path=path,
        kind=kind,
    )


def _file_system(path: Path) -> str | None:
    try:
        text = MOUNTINFO.read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    return filesystem_of(text, os.path.realpath(path))
