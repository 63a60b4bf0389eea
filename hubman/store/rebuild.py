"""A damaged library: set aside, never deleted; a new one with all that was saved; the next scan reads the models."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hubman.errors import StoreError
from hubman.store.backup import Backup, faults_of, list_backups, require_space
from hubman.store.check import mend_rows
from hubman.store.engine import told
from hubman.store.kept import Kept, join, pour
from hubman.store.lock import holding, use_lock, write_lock
from hubman.store.migrate import upgrade
from hubman.store.refusals import in_use, refused
from hubman.store.replace import COMPANIONS, making, put_in_place
from hubman.store.salvage import mend_header, salvage
from hubman.store.wal import wal_is_damaged

ALONE_S = 2.0
"""Seconds to wait for another hubman before saying that it is at work."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a damaged library; the JSON of `sync --json` as `rebuilt`.

    Attributes:
        aside: where the damaged file lies now; None when it could be mended where it was.
        saved: table -> rows of the user's that are in the new library.
        from_backup: table -> those of them that only the backup had.
        backup: the backup that was used.
        backup_s: when that was made (UTC seconds).
        incomplete: tables of which not all could be read in the damaged file.
    """

    aside: Path | None
    saved: dict[str, int] = field(default_factory=dict)
    from_backup: dict[str, int] = field(default_factory=dict)
    backup: Path | None = None
    backup_s: float | None = None
    incomplete: tuple[str, ...] = ()


def rebuild(path: Path, backups: Path, *, anew: bool) -> Rebuilt:
    """Make a damaged library usable.

    Args:
        anew: do not try to mend it where it is: that did not help.

    Raises:
        StoreError: `store-in-use`, another hubman works with it; `store-full`: nothing was changed.
    """
    try:
        with holding(use_lock(path), ALONE_S, in_use(path)), holding(write_lock(path), ALONE_S, in_use(path)):
            torn = wal_is_damaged(path)
            if not anew and not torn and not faults_of(path) and _mended(path):
                return Rebuilt(aside=None)
            return _anew(path, backups, torn=torn)
    except (OSError, sqlite3.Error) as error:
        raise refused(path, error) from error


def _mended(path: Path) -> bool:
    """Say whether making the search index anew was enough. What stands in the way of trying it does not."""
    try:
        return mend_rows(path)
    except sqlite3.Error as error:
        refusal = refused(path, error)
    except StoreError as error:
        refusal = error
    if refusal.reference != "store-damaged":
        raise refusal
    return False


def _anew(path: Path, backups: Path, *, torn: bool) -> Rebuilt:
    """Make a new library. `torn`: the log was lost, so that a table that can be read may still lack the last writes."""
    with _copy_of(path) as copy:
        found = salvage(copy)
    if torn:
        found = {table: replace(rows, whole=False) for table, rows in found.items()}
    backup = _newest_good(backups)
    whole = all(rows.whole for rows in found.values())
    kept = join(found, salvage(backup.path) if backup and not whole else None)
    aside = _put(path, kept, "damaged")
    used = backup if kept.from_backup else None
    counts = {table: count for table, count in kept.counts().items() if table not in ("blob", "file")}
    lists = counts, kept.from_backup
    if used is None:
        return Rebuilt(aside, *lists, incomplete=tuple(kept.broken))
    return Rebuilt(aside, *lists, used.path, used.made_s, tuple(kept.broken))


def _put(path: Path, kept: Kept, why: str) -> Path | None:
    """Make a new library with what was kept, and put it in the place of the old one."""
    made = making(path)
    with told(path):
        upgrade(made, None, "delete")
        with closing(sqlite3.connect(made)) as connection, connection:
            pour(connection, kept)
    return put_in_place(path, made, why)


@contextmanager
def _copy_of(path: Path) -> Iterator[Path]:
    """Yield a copy of a damaged database with its log, whose header may be mended; it is taken away afterwards."""
    copy = path.with_name(path.name + ".copy")
    require_space(path.parent, sum(os.path.getsize(f"{path}{s}") for s in ("", "-wal") if os.path.exists(f"{path}{s}")))
    try:
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        if copy.exists():
            mend_header(copy)
        yield copy
    finally:
        for suffix in COMPANIONS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{copy}{suffix}")


def _newest_good(backups: Path) -> Backup | None:
    return next((backup for backup in list_backups(backups) if not faults_of(backup.path)), None)
