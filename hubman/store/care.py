"""What `hubman db` does with a whole library: put a backup in its place, and make it small."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hubman.store.backup import Backup, copy_database, require_good
from hubman.store.engine import told
from hubman.store.kept import join, pour
from hubman.store.lock import holding, use_lock, write_lock
from hubman.store.migrate import refuse_newer, stored_revision, upgrade
from hubman.store.rebuild import ALONE_S
from hubman.store.refusals import full, in_use, refused
from hubman.store.replace import making, put_in_place
from hubman.store.salvage import Rows, salvage


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the library alone: nobody else has it open for writing, nobody begins to.

    Raises:
        StoreError: `store-in-use`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with holding(use_lock(path), ALONE_S, in_use(path)), holding(write_lock(path), ALONE_S, in_use(path)):
            yield
    except (OSError, sqlite3.Error) as error:
        raise refused(path, error) from error


def restore(path: Path, backup: Backup) -> Path | None:
    """Put a backup in the place of the library, brought to this program's schema; return where the old one lies.

    A backup of user data is not a library: it is joined with what is there (nothing of that is lost), so that what was
    typed before an accident comes back.

    Raises:
        StoreError: `backup-damaged`, `store-newer`, `store-in-use`, `store-full`: nothing was changed.
    """
    require_good(backup.path)
    if backup.content == "library":
        refuse_newer(backup.path, stored_revision(backup.path))
    with alone(path):
        made = making(path)
        if backup.content == "library":
            shutil.copyfile(backup.path, made)
            upgrade(made, None, "delete")
        else:
            _join(path, backup.path, made)
        require_good(made)
        _settle(path)
        return put_in_place(path, made, "replaced")


def _join(path: Path, backup: Path, made: Path) -> None:
    """Write the library with what a backup of user data has besides."""
    if stored_revision(path) is not None:
        copy_database(path, made)
    upgrade(made, None, "delete")
    present = {table: Rows(rows.rows) for table, rows in salvage(made).items()}
    kept = join(present, salvage(backup))
    with told(path), closing(sqlite3.connect(made)) as connection, connection:
        for table in ("user_words", "user_tag"):
            connection.execute(f"DELETE FROM {table}").close()  # lists are joined and numbered anew
        pour(connection, kept)


def _settle(path: Path) -> None:
    """Bring the log into the database that is set aside, so that it is one file. What is damaged stays as it is."""
    if path.exists():
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """Bytes of the database and its log before and after."""

    before: int
    after: int


def vacuum(path: Path) -> Vacuumed:
    """Give unused space back and put the search index in order.

    Raises:
        StoreError: `store-full`, before anything is done: twice the database must fit beside it; `store-in-use`.
    """
    with alone(path), told(path):
        before = size_of(path)
        if shutil.disk_usage(path.parent).free < 2 * before:
            raise full(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("INSERT INTO search_fts(search_fts) VALUES ('optimize')").close()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            connection.execute("VACUUM").close()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            connection.execute("PRAGMA optimize").close()
        return Vacuumed(before, size_of(path))


def size_of(path: Path) -> int:
    """Return the bytes of the database and its log."""
    return sum(os.path.getsize(name) for name in (str(path), f"{path}-wal") if os.path.exists(name))
