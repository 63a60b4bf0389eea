"""What SQLite or the system refuses, told in hubman's words.

The code of SQLite decides, never its words alone: a database that is locked, full or read-only must not be taken for a
damaged one (other programs deleted the rows of their users that way), nor a damaged one for a locked one.
"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from hubman.errors import N_, StoreError

LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
READ_ONLY = frozenset({sqlite3.SQLITE_READONLY})
NO_SPACE = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE})
"""Extended codes beside SQLITE_FULL: the shared index of the WAL could not grow."""

BROKEN_SCHEMA = ("no such table", "no such column", "unsupported file format", "malformed database schema")
"""SQLITE_ERROR of a database whose schema number says that all of it is there."""


def refused(path: Path, error: Exception) -> StoreError:
    """Return hubman's error for what sqlite3 or the system raised about the library at `path`."""
    if isinstance(error, OSError):
        return full(path) if error.errno in (errno.ENOSPC, errno.EDQUOT) else unusable(path, error)
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int):
        return unusable(path, error)
    return _of_code(path, code, error)


def _of_code(path: Path, code: int, error: Exception) -> StoreError:
    primary = code & 0xFF
    if primary in LOCKED:
        return locked(path)
    if primary == sqlite3.SQLITE_FULL or code in NO_SPACE:
        return full(path)
    if primary in READ_ONLY:
        return read_only(path, error)
    if primary in DAMAGED or (primary == sqlite3.SQLITE_ERROR and str(error).startswith(BROKEN_SCHEMA)):
        return damaged(path, error)
    return unusable(path, error)


def locked(path: Path) -> StoreError:
    """Return the error for a library that another program held for longer than we wait."""
    return StoreError(
        "store-locked",
        N_("The library {path} is in use by another program."),
        hint=N_("Wait for it, or stop the other hubman, then try again."),
        path=path,
    )


def in_use(path: Path) -> StoreError:
    """Return the error for what needs the library for itself while another hubman is at work."""
    return StoreError(
        "store-in-use",
        N_("Another hubman (sync, watch ...) is working with the library {path}."),
        hint=N_("Stop it (Ctrl-C ends `hubman watch`), then run the command again."),
        path=path,
    )


def full(path: Path) -> StoreError:
    """Return the error for a disk without space."""
    return StoreError(
        "store-full",
        N_("No space is left for the library {path}; nothing of the last step was kept."),
        hint=N_("Free some space and run the command again: it goes on where it was."),
        path=path,
    )


def read_only(path: Path, error: Exception) -> StoreError:
    """Return the error for a write to what we may only read."""
    return StoreError(
        "store-read-only",
        N_("The library {path} may be read, but not written: {why}"),
        hint=N_("Check the rights of the file and its folder, or set HUBMAN_HOME to a folder of your own."),
        path=path,
        why=error,
    )


def unusable(path: Path, error: Exception) -> StoreError:
    """Return the error for a library that the system does not let us use."""
    return StoreError(
        "store-unusable",
        N_("The library {path} cannot be used: {why}"),
        hint=N_("Check the rights and the disk of that folder, or set HUBMAN_HOME to another one."),
        path=path,
        why=error,
    )


def damaged(path: Path, error: Exception | str) -> StoreError:
    """Return the error for a file that SQLite cannot read."""
    return StoreError(
        "store-damaged",
        N_("The library {path} is damaged: {why}"),
        hint=N_(
            "`hubman sync` sets it aside, saves what you typed and reads your models anew; "
            "`hubman db check` only looks."
        ),
        path=path,
        why=error,
    )


def foreign(path: Path) -> StoreError:
    """Return the error for a database that hubman did not make."""
    return StoreError(
        "store-foreign",
        N_("{path} is a database of another program."),
        hint=N_("Point HUBMAN_HOME at another folder, or move that file away."),
        path=path,
    )
