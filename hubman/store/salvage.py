"""Take out of a damaged database (or a backup) what can still be read: table by table, row by row.

A damaged page costs its own rows only: reading goes up to it, jumps over it, and comes back to it from behind.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hubman.store.listings import listing_of

Row = dict[str, object]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "root": ("id", "path", "layout", "state", "sidecars", "device", "added_ns"),
    "user_words": ("subject", "rank", "text"),
    "user_data": ("subject", "note", "favourite", "rating", "changed_ns"),
    "user_tag": ("subject", "rank", "tag"),
    "user_pin": ("subject", "made_ns"),
    "user_preview": ("subject", "picture", "prompt", "made_ns"),
    "hub_choice": ("hub", "enabled", "decided_ns"),
    "verdict": ("subject", "base", "verdict", "rule", "preview", "detail", "made_ns", "engine", "bases"),
    "wake_word": ("subject", "base", "text", "place", "score", "made_ns"),
    "journal": ("id", "verb", "state", "detail", "made_ns"),
    "blob": ("sha256", "size", "autov1", "autov3", "autov3_written", "crc32", "blake3", "claimed", "hub_preview",
             "first_seen_ns"),
    "listing": (
        "hub", "model_id", "version_id", "fetched_ns", "gone_ns", "deleted", "nsfw", "weight", "weight_min",
        "weight_max", "data",
    ),
    "provenance": ("sha256", "hub", "model_id", "version_id", "file_id", "how", "newer", "found_ns"),
    "lookup": ("sha256", "hub", "misses", "asked_ns", "due_ns"),
    "file": (
        "id", "root_id", "relpath", "name", "alias", "folder", "size", "mtime_ns", "inode", "device", "beside",
        "present", "sha256", "added_ns", "gone_ns",
    ),
}  # fmt: skip
"""What is saved. Of files only their places and hashes: the rest is read anew from the files in seconds.

What hubs said is saved too: of a model that was deleted there it cannot be fetched again.
"""

SUBJECT = re.compile(r"@[0-9a-f]{9}(#[0-9a-f]*)?|[0-9a-f]{64}")
SHA256 = re.compile(r"[0-9a-f]{64}")
ALIAS = re.compile(r"@[0-9a-f]{9}")
FURTHEST = 2**40
"""Row numbers that are jumped over at most before a table is given up."""

HEADER = {0: b"SQLite format 3\0", 16: b"\x10\x00", 18: b"\x02\x02\x00\x40\x20\x20", 44: b"\x00\x00\x00\x04",
          56: b"\x00\x00\x00\x01"}  # fmt: skip
"""What the first 100 bytes of every library say: magic, page size 4096, WAL, schema format 4, UTF-8."""


@dataclass(slots=True)
class Rows:
    """The rows of a table. `whole`: all of it could be read."""

    rows: list[Row] = field(default_factory=list)
    whole: bool = False


def salvage(path: Path) -> dict[str, Rows]:
    """Return what can be read of the database at `path`, which is not written to (its header excepted: `mended`)."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA writable_schema=ON").close()  # a file that was cut off is read up to its end
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            return {table: _table(connection, table) for table in COLUMNS}
    except sqlite3.Error:
        return {table: Rows() for table in COLUMNS}


def mend_header(path: Path) -> None:
    """Write what every library begins with over the beginning of a copy, when it does not begin with it."""
    with open(path, "r+b") as file:
        if len(file.read(100)) == 100:
            for place, content in HEADER.items():
                file.seek(place)
                file.write(content)


def _table(connection: sqlite3.Connection, table: str) -> Rows:
    """Return the plausible rows of a table; one that is not there (an older schema) is empty and not whole."""
    try:
        there = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}
    except sqlite3.DatabaseError:
        return Rows()
    names = [name for name in COLUMNS[table] if name in there]
    if not names:
        return Rows()
    found = Reading(connection, table, names)
    whole = found.read()
    rows = [dict(zip(names, found.rows[number], strict=True)) for number in sorted(found.rows)]
    good = [row for row in rows if _plausible(table, row)]
    return Rows(good, whole and len(good) == len(rows))


class Reading:
    """Reads one table around its damaged pages.

    Attributes:
        rows: row number -> values.
    """

    def __init__(self, connection: sqlite3.Connection, table: str, names: list[str]) -> None:
        self._connection = connection
        self._select = f"SELECT rowid, {', '.join(names)} FROM {table} NOT INDEXED WHERE rowid"
        self._next = f"SELECT rowid FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT 1"
        self.rows: dict[int, tuple[object, ...]] = {}

    def read(self) -> bool:
        """Read all that can be read; say whether that was all."""
        after, whole = -(2**62), True
        while not self._onwards(f"{self._select} > ? ORDER BY rowid", (after,)):
            whole = False
            after = max(self.rows, default=after if after > 0 else 0)
            beyond = self._beyond(after)
            if beyond is None:
                break
            self._onwards(f"{self._select} < ? AND rowid > ? ORDER BY rowid DESC", (beyond, after))
            after = beyond - 1
        return whole

    def _onwards(self, question: str, values: tuple[int, ...]) -> bool:
        """Read up to the end, or to the next damaged page."""
        try:
            for number, *row in self._connection.execute(question, values):
                self.rows[number] = tuple(row)
        except sqlite3.DatabaseError:
            return False
        return True

    def _beyond(self, after: int) -> int | None:
        """Return the first row behind a damaged page that a jump reaches."""
        step = 1
        while step < FURTHEST:
            try:
                row = self._connection.execute(self._next, (after + step,)).fetchone()
                return int(row[0]) if row else None
            except sqlite3.DatabaseError:
                step *= 2
        return None


def _plausible(table: str, row: Row) -> bool:
    check = _CHECKS[table]
    try:
        return check(row)
    except (TypeError, ValueError, KeyError, zlib.error, msgspec.DecodeError):
        return False


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole_numbers(row: Row, *names: str) -> bool:
    return all(isinstance(row[name], int) for name in names)


def _root(row: Row) -> bool:
    path = row["path"]
    named = isinstance(path, str) and bool(path) and "\0" not in path
    return named and all(isinstance(row[name], str) for name in ("layout", "state", "sidecars"))


def _words(row: Row) -> bool:
    return _is(SUBJECT, row["subject"]) and _whole_numbers(row, "rank") and isinstance(row["text"], str)


def _tag(row: Row) -> bool:
    return _is(SUBJECT, row["subject"]) and _whole_numbers(row, "rank") and isinstance(row["tag"], str)


def _data(row: Row) -> bool:
    rated = row["rating"] is None or isinstance(row["rating"], int)
    typed = isinstance(row["note"], str) and row["favourite"] in (0, 1) and rated
    return typed and _is(SUBJECT, row["subject"]) and _whole_numbers(row, "changed_ns")


def _verdict(row: Row) -> bool:
    named = _is(SUBJECT, row["subject"]) and all(isinstance(row[name], str) for name in ("verdict", "rule"))
    return named and isinstance(json.loads(str(row["detail"])), dict)


def _wake(row: Row) -> bool:
    named = _is(SUBJECT, row["subject"]) and all(isinstance(row[name], str) for name in ("base", "text"))
    return named and isinstance(row["score"], float | int) and _whole_numbers(row, "place", "made_ns")


def _journal(row: Row) -> bool:
    return _whole_numbers(row, "id", "made_ns") and all(isinstance(row[n], str) for n in ("verb", "state", "detail"))


def _blob(row: Row) -> bool:
    return _is(SHA256, row["sha256"]) and _whole_numbers(row, "size", "first_seen_ns")


def _pin(row: Row) -> bool:
    return _is(SUBJECT, row["subject"]) and _whole_numbers(row, "made_ns")


def _own_preview(row: Row) -> bool:
    said = [row[name] for name in ("picture", "prompt")]
    typed = any(said) and all(text is None or isinstance(text, str) for text in said)
    return typed and _is(SUBJECT, row["subject"]) and _whole_numbers(row, "made_ns")


def _choice(row: Row) -> bool:
    return isinstance(row["hub"], str) and row["enabled"] in (0, 1) and _whole_numbers(row, "decided_ns")


def _version(row: Row) -> bool:
    return all(isinstance(row[name], str) and row[name] for name in ("hub", "model_id", "version_id"))


def _listing(row: Row) -> bool:
    data = row["data"]
    whole = isinstance(data, bytes) and bool(listing_of(data))
    return whole and _version(row) and row["deleted"] in (0, 1) and _whole_numbers(row, "fetched_ns")


def _provenance(row: Row) -> bool:
    known = _is(SHA256, row["sha256"]) and isinstance(row["how"], str)
    return known and _version(row) and _whole_numbers(row, "found_ns")


def _lookup(row: Row) -> bool:
    known = _is(SHA256, row["sha256"]) and isinstance(row["hub"], str)
    return known and _whole_numbers(row, "misses", "asked_ns", "due_ns")


def _file(row: Row) -> bool:
    named = isinstance(row["relpath"], str) and bool(row["relpath"]) and isinstance(row["name"], str)
    known = row["sha256"] is None or _is(SHA256, row["sha256"])
    numbers = _whole_numbers(row, "id", "root_id", "size", "mtime_ns", "inode", "added_ns")
    return named and known and numbers and _is(ALIAS, row["alias"]) and isinstance(row["beside"], str)


_CHECKS: Mapping[str, Callable[[Row], bool]] = {
    "root": _root, "user_words": _words, "user_data": _data, "user_tag": _tag, "verdict": _verdict,
    "wake_word": _wake, "user_preview": _own_preview,
    "journal": _journal, "blob": _blob, "file": _file, "user_pin": _pin, "hub_choice": _choice,
    "listing": _listing, "provenance": _provenance, "lookup": _lookup,
}  # fmt: skip
