"""The connections of the write door, with their pragmas; one write transaction; the checkpoint.

(Measured: four threads doing read-then-write under WAL with a deferred BEGIN fail 168 of 200 times with "database is
locked"; with IMMEDIATE 0 of 200.) No hashing, network, rendering or callback runs inside a write.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from hubman.errors import N_, StoreError
from hubman.store.refusals import refused
from hubman.store.writer import Writer

BUSY_MS = 10_000
BEGINS = 3
"""Attempts to begin: SQLite does not wait where waiting could be a deadlock (while another one recovers the WAL)."""

WAL_LIMIT = 64 * 2**20
"""Bytes to which the WAL is cut when it is used from its beginning again."""

CHECKPOINT_BYTES = 4 * 2**20
"""Size of the WAL from which a writer checkpoints after its commit, still holding the write lock."""

PATIENCE_MS = 200
"""How long a checkpoint of a WAL beyond its limit waits for readers; they are short."""


def connect(path: Path, journal: str = "wal") -> sa.Engine:
    """Return an engine whose every transaction begins IMMEDIATE and that never checkpoints by itself."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_MS / 1000})

    def prepare(connection: Any, _record: object) -> None:
        _prepare(connection, journal)

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare(connection: sqlite3.Connection, journal: str) -> None:
    """Leave transactions to us (`isolation_level=None`) and set the pragmas of architecture.md section 7.

    The journal mode is read back: without shared memory SQLite stays with a rollback journal, and then every commit
    has to reach the disk.
    """
    connection.isolation_level = None
    (mode,) = connection.execute(f"PRAGMA journal_mode={journal}").fetchone()
    connection.execute("PRAGMA wal_autocheckpoint=0").close()
    connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT}").close()
    connection.execute("PRAGMA foreign_keys=ON").close()
    connection.execute(f"PRAGMA synchronous={'NORMAL' if mode == 'wal' else 'FULL'}").close()


def _begin_immediate(connection: sa.Connection) -> None:
    for left in reversed(range(BEGINS)):
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0)
            if code & 0xFF != sqlite3.SQLITE_BUSY or not left:
                raise
            time.sleep(random.uniform(0.01, 0.1))


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the database or the disk refuses into hubman's errors."""
    try:
        yield
    except IntegrityError as error:
        raise StoreError(
            "store-conflict",
            N_("Another hubman changed the same files at the same moment; this step was not kept."),
            hint=N_("Run `hubman sync` again."),
        ) from error
    except DBAPIError as error:
        raise refused(path, error.orig if isinstance(error.orig, Exception) else error) from error
    except sqlite3.Error as error:
        raise refused(path, error) from error


@contextmanager
def transaction(engine: sa.Engine, path: Path, *, durable: bool = False) -> Iterator[Writer]:
    """Run one write transaction. `durable`: the commit is on the disk, even if the power fails, when this returns."""
    with told(path), engine.connect() as connection:
        if durable:
            pragma(connection, "synchronous=FULL")
        try:
            with connection.begin():
                yield Writer(connection)
        finally:
            if durable and _mode(connection) == "wal":
                pragma(connection, "synchronous=NORMAL")


def pragma(connection: sa.Connection, text: str) -> tuple[Any, ...] | None:
    """Run a pragma on the driver's own connection: SQLite ignores many of them inside a transaction, silently."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    cursor = driver.cursor()
    try:
        cursor.execute(f"PRAGMA {text}")
        row = cursor.fetchone()
        return tuple(row) if row is not None else None
    finally:
        cursor.close()


def _mode(connection: sa.Connection) -> str:
    row = pragma(connection, "journal_mode")
    return str(row[0]) if row else ""


def checkpoint(engine: sa.Engine, path: Path) -> None:
    """Copy a WAL that has grown into the database. Only for who holds the write lock: nobody else writes meanwhile.

    Whatever keeps it from being done is no failure of the write before it: the next writer tries again.
    """
    size = _size(path.with_name(path.name + "-wal"))
    if size < CHECKPOINT_BYTES:
        return
    try:
        with engine.connect() as connection:
            if size < WAL_LIMIT:
                pragma(connection, "wal_checkpoint(PASSIVE)")
                return
            pragma(connection, f"busy_timeout={PATIENCE_MS}")
            pragma(connection, "wal_checkpoint(TRUNCATE)")
            pragma(connection, f"busy_timeout={BUSY_MS}")
    except (sqlite3.OperationalError, DBAPIError):
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
