"""Bring the database to the schema of this program, or refuse.

Order (docs/design/architecture.md section 7): backup through SQLite's backup API, foreign keys off, BEGIN IMMEDIATE,
upgrade, foreign_key_check, commit. A batch rebuild with foreign keys on would silently empty the child tables, and the
default driver mode would leave half a schema behind when a migration fails.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from hubman.errors import N_, StoreError
from hubman.paths import migrations
from hubman.store.revision import SCHEMA_HEAD

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

KEEP_BACKUPS = 5


def stored_revision(path: Path) -> str | None:
    """Return the database's schema number, or None for a new one. Reads by the standard library only.

    Raises:
        StoreError: `store-damaged`, the file is not a database.
    """
    try:
        if path.stat().st_size == 0:
            return None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, error) from error
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables:
                return None
            if "alembic_version" not in tables:
                raise _foreign(path)
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        raise unusable(path, error) from error
    except sqlite3.DatabaseError as error:
        raise damaged(path, error) from error
    return str(row[0]) if row else None


def _foreign(path: Path) -> StoreError:
    return StoreError(
        "store-foreign",
        N_("{path} is a database of another program."),
        hint=N_("Point HUBMAN_HOME at another folder, or move that file away."),
        path=path,
    )


def unusable(path: Path, error: Exception) -> StoreError:
    """Return the error for a database that the system does not let us use: rights, locks, a full disk."""
    words = str(error)
    if "locked" in words or "busy" in words:
        return StoreError(
            "store-locked",
            N_("The library {path} is in use by another program."),
            hint=N_("Wait for it, or stop the other hubman, then try again."),
            path=path,
        )
    if "full" in words:
        return StoreError(
            "store-full",
            N_("No space is left for the library {path}; nothing of the last step was kept."),
            hint=N_("Free some space and run the command again: it goes on where it was."),
            path=path,
        )
    return StoreError(
        "store-unusable",
        N_("The library {path} cannot be used: {why}"),
        hint=N_("Check the rights and the disk of that folder, or set HUBMAN_HOME to another one."),
        path=path,
        why=words,
    )


def ensure_schema(engine: Engine, path: Path, backups: Path) -> None:
    """Upgrade the database when its schema is older than the program's. Alembic is imported only then.

    Raises:
        StoreError: `store-newer`, a later hubman wrote it; `store-damaged`.
    """
    found = stored_revision(path)
    if found == SCHEMA_HEAD:
        return
    if found is not None and found > SCHEMA_HEAD:
        raise StoreError(
            "store-newer",
            N_("The library {path} was written by a newer hubman (schema {found}, this one knows {head})."),
            hint=N_("Upgrade hubman, or point HUBMAN_HOME at another folder."),
            path=path,
            found=found,
            head=SCHEMA_HEAD,
        )
    if found is not None:
        _backup(path, backups)
    with engine.connect() as connection:
        _upgrade(connection)


def damaged(path: Path, error: Exception) -> StoreError:
    """Return the error for a file that SQLite cannot read."""
    return StoreError(
        "store-damaged",
        N_("The library {path} is damaged: {why}"),
        hint=N_(
            "Move it away (keep it: your verdicts and words are in it), add your folders again and run `hubman sync`."
        ),
        path=path,
        why=error,
    )


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    _foreign_keys(connection, on=False)
    with connection.begin():
        command.upgrade(config, "head")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise StoreError(
                "store-migration",
                N_("The migration would leave {count} rows without their parent; nothing was changed."),
                hint=N_("Please report this; your library works with the previous hubman."),
                count=len(broken),
            )
    _foreign_keys(connection, on=True)


def _foreign_keys(connection: Connection, *, on: bool) -> None:
    """Switch enforcement on the driver's own connection: inside a transaction SQLite ignores the pragma silently."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    cursor = driver.cursor()
    cursor.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")
    cursor.close()


def _backup(path: Path, backups: Path) -> None:
    """Copy the database through SQLite's own backup API (a file copy of a live WAL database may be torn)."""
    backups.mkdir(parents=True, exist_ok=True)
    target = backups / f"library-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.db"
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    for old in sorted(backups.glob("library-*.db"))[:-KEEP_BACKUPS]:
        old.unlink()
