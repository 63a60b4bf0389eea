"""Bring the database to the schema of this program, or refuse.

Order (docs/design/architecture.md section 7): alone with the library (store/lock.py), a checked backup, foreign keys
off, BEGIN IMMEDIATE, upgrade, foreign_key_check, as many rows as before, commit. A batch rebuild with foreign keys on
would silently empty the child tables, and the default driver mode would leave half a schema behind when a migration
fails.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from hubman.errors import N_, StoreError
from hubman.paths import migrations
from hubman.store.backup import automatic_backup, reading
from hubman.store.refusals import damaged, foreign, refused
from hubman.store.revision import SCHEMA_HEAD

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

NOT_OURS_TO_COUNT = ("sqlite_", "search_fts", "alembic_version")
"""Tables that a migration may fill and empty: they follow from the others."""


def stored_revision(path: Path) -> str | None:
    """Return the database's schema number, or None for a new one. Reads by the standard library only.

    Raises:
        StoreError: `store-damaged`, `store-foreign`, `store-locked`, `store-unusable`.
    """
    try:
        if path.stat().st_size == 0:
            return None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused(path, error) from error
    try:
        with closing(reading(path)) as connection:
            return revision_of(connection, path)
    except sqlite3.Error as error:
        raise refused(path, error) from error


def revision_of(connection: sqlite3.Connection, path: Path) -> str | None:
    """Return the schema number that an open database says it has."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise foreign(path)
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise damaged(path, "its schema number is missing")
    return str(row[0])


def upgrade(path: Path, backups: Path | None, journal: str = "wal") -> None:
    """Bring the schema of the library at `path` up to date, or create it. Only for who is alone with it.

    Args:
        backups: where the copy of before goes; None for a copy that needs none.
    """
    from hubman.store.engine import connect, told

    found = stored_revision(path)
    refuse_newer(path, found)
    if found is not None and backups is not None:
        automatic_backup(path, backups)
    engine = connect(path, journal)
    try:
        with told(path):
            _upgrade(engine)
    finally:
        engine.dispose()


def refuse_newer(path: Path, found: str | None) -> None:
    """Raise when a later hubman wrote the database.

    Raises:
        StoreError: `store-newer`.
    """
    if found is not None and found > SCHEMA_HEAD:
        raise StoreError(
            "store-newer",
            N_("The library {path} was written by a newer hubman (schema {found}, this one knows {head})."),
            hint=N_("Upgrade hubman, or point HUBMAN_HOME at another folder."),
            path=path,
            found=found,
            head=SCHEMA_HEAD,
        )


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    from hubman.store.engine import pragma

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        pragma(connection, "foreign_keys=OFF")
        with connection.begin():
            before = _counts(connection)
            command.upgrade(config, "head")
            _require_whole(connection, before)
        pragma(connection, "foreign_keys=ON")


def _require_whole(connection: Connection, before: dict[str, int]) -> None:
    """Refuse, within the transaction, a result that lost rows or parents.

    Raises:
        StoreError: `store-migration`.
    """
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    after = _counts(connection)
    changed = [name for name, count in before.items() if after.get(name, count) != count]
    if orphans or changed:
        raise StoreError(
            "store-migration",
            N_("The migration would lose rows ({tables}); nothing was changed."),
            hint=N_("Please report this; your library works with the previous hubman."),
            tables=", ".join(sorted({*changed, *(str(row[0]) for row in orphans)})),
        )


def _counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of every table that holds something of its own."""
    names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    own = [str(name) for name in names if not str(name).startswith(NOT_OURS_TO_COUNT)]
    return {name: int(connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar() or 0) for name in own}
