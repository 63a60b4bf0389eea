"""Libraries of earlier schemas with rows in every table, made by the real migrations."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from hubman.paths import migrations

TABLES = ("root", "blob", "file", "trigger_word", "former_alias", "user_words", "verdict", "search")


TABLES_2 = (*TABLES, "user_data", "user_tag", "journal", "sketch", "reading")


def migrate_to(path: Path, target: str) -> None:
    """Bring a library to a revision, up or down."""
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        up = target > revision(path)
        (command.upgrade if up else command.downgrade)(config, target)
    engine.dispose()


def make_second(path: Path, files: int = 20) -> None:
    """Write a library of schema 0002; every file has children in all tables."""
    make_old(path, files)
    migrate_to(path, "0002")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO journal VALUES (1, 'rm', 'done', '{}', 7)")
        for number in range(1, files + 1):
            sha256 = f"{number:064x}"
            connection.execute("INSERT INTO user_data VALUES (?, ?, 1, 4, 1)", (sha256, f"笔记 {number}"))
            connection.execute("INSERT INTO user_tag VALUES (?, 0, 'red')", (sha256,))
            connection.execute("INSERT INTO sketch VALUES (?, 1, x'00')", (sha256,))
            connection.execute(
                "UPDATE search SET note = ?, own_tags = 'red', favourite = 1, rating = 4 WHERE file_id = ?",
                (f"笔记 {number}", number),
            )


def make_old(path: Path, files: int = 20) -> None:
    """Write a library of schema 0001; every file has children in all tables."""
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


def counts(path: Path, tables: Sequence[str] = TABLES) -> dict[str, int]:
    """Return the number of rows of tables: those of 0001."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


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
