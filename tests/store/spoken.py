"""A library in which the user said something of every kind, and what has to be there of it after any accident."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from hubman.cli import run
from hubman.core.library import OwnPreview, UserData
from hubman.store.door import open_store
from hubman.store.reader import open_reader

USER_TABLES = (
    "root",
    "user_words",
    "user_data",
    "user_tag",
    "user_pin",
    "user_preview",
    "hub_choice",
    "verdict",
    "wake_word",
    "journal",
)


def speak(home: Path, models: Path, count: int = 6) -> None:
    """Sync `count` LoRAs hashed and one not, and say something about each; the log is checkpointed at the end."""
    assert run(["sync", str(models), "--json"]) == 0
    path = home / "library.db"
    with open_reader(path) as reader:
        root = reader.roots()[0]
        files = [reader.at(root.id, f"Lora/m{n}.safetensors")[0] for n in range(count)]
        (alone,) = reader.at(root.id, "Lora/unhashed.safetensors")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE file SET sha256 = NULL WHERE id = ?", (alone.file_id,))
    store = open_store(path, home / "backups")
    subjects = [file.hashes.sha256 for file in files if file.hashes] + [alone.alias]
    for number, subject in enumerate(subjects):
        with store.writer(durable=True) as writer:
            writer.subjects.set_words(subject, [f"word{number}", f"水墨{number}"])
            writer.subjects.set_data(subject, UserData(f"note {number}", ("red", f"tag{number}"), True, number % 5 + 1))
            writer.subjects.set_pin(subject, pinned=True)
    with store.writer(durable=True) as writer:
        writer.hubs.choose("civitai", enabled=True)
        writer.hubs.choose("liblib", enabled=False)
        for subject in subjects:
            writer.subjects.set_preview(subject, OwnPreview(None, f"a lighthouse, {subject[:6]}"))
            writer.record_wake(subject, "b" * 64, [("zqx", 0.9), ("水墨", 0.25)])
    store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, subject in enumerate(subjects):
            row = (subject, None, "ok", "rule", None, json.dumps({"n": number}), number)
            connection.execute(
                "INSERT INTO verdict (subject, base, verdict, rule, preview, detail, made_ns) VALUES (?,?,?,?,?,?,?)",
                row,
            )
        connection.execute("INSERT INTO journal (verb, state, detail, made_ns) VALUES ('rm', 'done', '{}', 7)")


def said(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return everything of the user's in a library, without row numbers."""
    found = {}
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        for table in USER_TABLES:
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            chosen = ", ".join(name for name in names if name not in ("id", "state", "device"))
            found[table] = sorted(connection.execute(f"SELECT {chosen} FROM {table}").fetchall(), key=repr)
    return found


def pages_of(path: Path, table: str) -> Iterator[int]:
    """Yield the leaf pages of a table, counted from 0."""
    with closing(sqlite3.connect(path)) as connection:
        (first,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    content = path.read_bytes()
    page = content[(first - 1) * 4096 : first * 4096]
    if page[0] == 13:  # a leaf
        yield first - 1
        return
    cells = int.from_bytes(page[3:5], "big")
    for cell in range(cells):
        place = int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell], "big")
        yield int.from_bytes(page[place : place + 4], "big") - 1
    yield int.from_bytes(page[8:12], "big") - 1
