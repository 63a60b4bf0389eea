"""A library of schema 0001 with rows in every table, made by the real migration 0001."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from hubman.paths import migrations

TABLES = ("root", "blob", "file", "trigger_word", "former_alias", "user_words", "verdict", "search")


def make_old(path: Path, files: int = 20) -> None:
    """Write it; every file has children in all tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO root VALUES (1, '/models', 'webui', 'ok', 'off', NULL, 1)")
        for number in range(1, files + 1):
            _add_file(connection, number)


def _add_file(connection: sqlite3.Connection, number: int) -> None:
    sha256 = f"{number:064x}"
    facts = json.dumps({"kind": "lora", "candidates": ["sd1"], "lineage": None, "note": f"水墨 {number}"})
    connection.execute("INSERT INTO blob (sha256, size, first_seen_ns) VALUES (?, 10, 1)", (sha256,))
    connection.execute(
        "INSERT INTO file (id, root_id, relpath, name, alias, folder, size, mtime_ns, inode, beside, present, sha256, "
        "format, kind, safety, header_digest, facts, sidecar, facts_version, added_ns) "
        "VALUES (?, 1, ?, ?, ?, 0, 10, 1, ?, '', 1, ?, 'safetensors', 'lora', 'safe', '', ?, '{}', 1, 1)",
        (number, f"Lora/m{number}.safetensors", f"m{number}", f"@{number:09x}", number, sha256, facts),
    )
    connection.execute("INSERT INTO trigger_word VALUES (?, 0, 'ink', 'sidecar', NULL, '1.0')", (number,))
    connection.execute("INSERT INTO former_alias VALUES (?, ?)", (f"@f{number:08x}", number))
    connection.execute("INSERT INTO user_words VALUES (?, 0, ?)", (sha256, f"mine {number}"))
    connection.execute("INSERT INTO verdict VALUES (?, ?, NULL, 'ok', 'r', NULL, '{}', 1)", (number, sha256))
    connection.execute("INSERT INTO search VALUES (?, ?, 'ink', '', '', '')", (number, f"m{number}"))


def counts(path: Path) -> dict[str, int]:
    """Return the number of rows of every table of 0001."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def revision(path: Path) -> str:
    """Return the schema number."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def dump(path: Path) -> list[str]:
    """Return the whole database as text."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


def is_whole(path: Path) -> bool:
    """Ask SQLite for everything it can check."""
    with closing(sqlite3.connect(path)) as connection:
        good = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return good and connection.execute("PRAGMA foreign_key_check").fetchall() == []
