"""Copies of the whole database: SQLite's backup API (a file copy of a live WAL database may be torn), then checked.

Automatic ones (`library-<UTC>.db`, before a migration) are kept five deep. What the user made is never deleted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from hubman.errors import N_, ConflictError, Phrase, StoreError
from hubman.store.refusals import full, refused
from hubman.store.replace import sync_file, sync_folder

KEEP_AUTOMATIC = 5
SPARE_BYTES = 4 * 2**20
"""What a disk must have left besides the copy."""

USER_PREFIX, AUTOMATIC_PREFIX, BY_HAND_PREFIX = "user-", "library-", "backup-"


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy in the folder of backups.

    Attributes:
        content: "library", or "user-data": what the user typed, without the index.
        made_s: UTC seconds of its last change.
    """

    path: Path
    content: str
    automatic: bool
    size: int
    made_s: float


def list_backups(folder: Path) -> list[Backup]:
    """Return the backups, the newest first. Copies that the user put there under other names count too."""
    found = [_backup(path) for path in folder.glob("*.db") if path.is_file()] if folder.is_dir() else []
    return sorted(found, key=lambda backup: (backup.made_s, backup.path.name), reverse=True)


def backup_at(path: Path) -> Backup:
    """Return the backup that a file is, by what is in it, whatever its name.

    Raises:
        StoreError: `backup-damaged`, it is none.
    """
    require_good(path)
    with closing(reading(path)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "about" not in tables and "alembic_version" not in tables:
        raise no_backup(path, N_("it is a database of another program"))
    found = _backup(path)
    return replace(found, content="user-data" if "about" in tables else "library")


def _backup(path: Path) -> Backup:
    status = path.stat()
    content = "user-data" if path.name.startswith(USER_PREFIX) else "library"
    automatic = path.name.startswith((USER_PREFIX, AUTOMATIC_PREFIX))
    return Backup(path, content, automatic, status.st_size, status.st_mtime)


def stamped(folder: Path, prefix: str) -> Path:
    """Return a name with the present UTC time that nothing has yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    names = [folder / f"{prefix}{stamp}{more}.db" for more in ("", *(f"-{n}" for n in range(2, 1000)))]
    return next(name for name in names if not name.exists())


def automatic_backup(path: Path, folder: Path) -> Path:
    """Copy the library before something happens to it, and let the oldest such copies go."""
    target = copy_database(path, stamped(folder, AUTOMATIC_PREFIX))
    for old in sorted(folder.glob(f"{AUTOMATIC_PREFIX}*.db"))[:-KEEP_AUTOMATIC]:
        old.unlink()
    return target


def copy_database(path: Path, target: Path) -> Path:
    """Write a checked copy of the database at `path` as one file of its own, or nothing at all.

    Raises:
        ConflictError: `file-exists`. StoreError: `store-full`, `store-damaged`, `store-unusable`.
    """
    if os.path.lexists(target):
        raise ConflictError(
            "file-exists",
            N_("{path} exists already; nothing was written."),
            hint=N_("Give another name."),
            path=target,
        )
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        require_space(target.parent, path.stat().st_size)
        _copy(path, part)
        sync_file(part)
        os.replace(part, target)
        sync_folder(target.parent)
    except (sqlite3.Error, OSError) as error:
        said = refused(path, error)
        raise (_damaged(path, error) if said.reference == "store-damaged" else said) from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{part}{suffix}")
    return target


def _damaged(path: Path, error: Exception) -> StoreError:
    """Return the error for a library of which no copy is worth keeping: a scan may not even meet what is wrong."""
    return StoreError(
        "store-damaged",
        N_("The library {path} is damaged, so no backup was written: {why}"),
        hint=N_(
            "`hubman db check` says what is wrong, `hubman db check --repair` mends what can be mended; "
            "`hubman db restore` lists the backups that there are."
        ),
        path=path,
        why=error,
    )


def _copy(path: Path, part: Path) -> None:
    """Copy and check; the copy leaves WAL, so that it is one file and readable from a disk that is read-only."""
    part.unlink(missing_ok=True)
    with closing(reading(path)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").close()
        faults = quick_faults(copy)
    if faults:  # of the copy, which has what the library has
        raise sqlite3.DatabaseError("; ".join(faults[:3]))


def require_space(folder: Path, size: int) -> None:
    """Refuse before anything is written when a copy of `size` bytes would not fit.

    Raises:
        StoreError: `store-full`.
    """
    if shutil.disk_usage(folder).free < size + min(SPARE_BYTES, size):
        raise full(folder)


def reading(path: Path) -> sqlite3.Connection:
    """Open a database for reading only. What a kill left half written by a rollback journal is rolled back first."""
    if _has_journal(path):
        _roll_back(path)
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _has_journal(path: Path) -> bool:
    try:
        return os.path.getsize(f"{path}-journal") > 0
    except OSError:
        return False


def _roll_back(path: Path) -> None:
    """Let SQLite roll back a journal that nobody holds; a connection for reading only may not and would fail for ever.

    Without the right to write, the reading itself says so.
    """
    with (
        contextlib.suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as connection,
    ):
        connection.execute("SELECT count(*) FROM sqlite_master").close()


def quick_faults(connection: sqlite3.Connection) -> list[str]:
    """Return what SQLite's quick check finds."""
    return [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)") if row[0] != "ok"]


def faults_of(path: Path) -> list[str]:
    """Return why a database file is not good: empty for a good one."""
    try:
        with closing(reading(path)) as connection:
            return quick_faults(connection)
    except sqlite3.Error as error:
        return [str(error)]


def require_good(path: Path) -> None:
    """Raise when a backup is not a whole database.

    Raises:
        StoreError: `backup-damaged`.
    """
    faults = faults_of(path)
    if faults:
        raise no_backup(path, faults[0])


def no_backup(path: Path, why: str) -> StoreError:
    """Return the error for a file that cannot be restored."""
    return StoreError(
        "backup-damaged",
        N_("{path} is no good backup: {why}"),
        hint=N_("`hubman db restore` lists the others."),
        path=path,
        why=Phrase(why),
    )
