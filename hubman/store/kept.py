"""Join what was saved of a damaged library with a backup, and pour it into a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hubman.core.hub import Listing
from hubman.core.types import Kind, Safety
from hubman.store.hub_said import word_rows
from hubman.store.listings import listing_of
from hubman.store.salvage import COLUMNS, Row, Rows
from hubman.store.userdata import TYPED

TYPED_LISTS = {"user_words": "text", "user_tag": "tag"}
"""Tables with an ordered list for every subject, and the column of its texts."""

FROM_HUBS = ("listing", "provenance", "lookup")

KEYS: Mapping[str, Callable[[Row], object]] = {
    "root": lambda row: row["path"],
    "user_data": lambda row: row["subject"],
    "user_pin": lambda row: row["subject"],
    "user_preview": lambda row: row["subject"],
    "hub_choice": lambda row: row["hub"],
    "listing": lambda row: (row["hub"], row["model_id"], row["version_id"]),
    "provenance": lambda row: (row["sha256"], row["hub"], row["model_id"], row["version_id"]),
    "lookup": lambda row: (row["sha256"], row["hub"]),
    "verdict": lambda row: (row["subject"], row["base"], row["made_ns"] if row["base"] is None else 0),
    "wake_word": lambda row: (row["subject"], row["base"], row["text"]),
    "journal": lambda row: row["id"],
    "blob": lambda row: row["sha256"],
    "file": lambda row: (row["root"], row["relpath"]),
}
"""What makes two rows the same one."""


@dataclass(slots=True)
class Kept:
    """The rows for the new library, files with the path of their root as `root`.

    Attributes:
        from_backup: table -> rows that only the backup had.
        broken: tables of which not everything could be read in the damaged file.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    from_backup: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return table -> number of rows that are kept."""
        return {table: len(rows) for table, rows in self.rows.items() if rows}


def join(found: Mapping[str, Rows], backup: Mapping[str, Rows] | None) -> Kept:
    """Take what was found, and from the backup what is missing in tables that were not read wholly.

    A table that was read wholly is as the user left it: a tag that was removed since the backup stays removed.
    """
    kept = Kept(broken=[table for table in COLUMNS if not found[table].whole])
    roots = _paths(backup["root"].rows if backup else []) | _paths(found["root"].rows)
    for table in COLUMNS:
        own = _placed(table, found[table].rows, roots)
        more: list[Row] = []
        if backup is not None and not found[table].whole:
            more = _placed(table, backup[table].rows, _paths(backup["root"].rows))
        joined = _join_lists(table, own, more) if table in TYPED_LISTS else _join_rows(table, own, more)
        kept.rows[table] = joined
        if len(joined) > len(own):
            kept.from_backup[table] = len(joined) - len(own)
    return kept


def _paths(roots: Iterable[Row]) -> dict[object, object]:
    return {row["id"]: row["path"] for row in roots if row.get("id") is not None}


def _placed(table: str, rows: Sequence[Row], roots: Mapping[object, object]) -> list[Row]:
    """Give file rows the path of their root; one of an unknown root is dropped."""
    if table != "file":
        return list(rows)
    return [{**row, "root": roots[row["root_id"]]} for row in rows if row["root_id"] in roots]


def _join_rows(table: str, own: Sequence[Row], more: Sequence[Row]) -> list[Row]:
    key = KEYS[table]
    return list({**{key(row): row for row in more}, **{key(row): row for row in own}}.values())


def _join_lists(table: str, own: Sequence[Row], more: Sequence[Row]) -> list[Row]:
    """Join the lists of every subject text by text, its own first, and number them anew."""
    column = TYPED_LISTS[table]
    lists: dict[object, dict[object, None]] = {}
    for row in (*_ordered(own), *_ordered(more)):
        lists.setdefault(row["subject"], {})[row[column]] = None
    return [
        {"subject": subject, "rank": rank, column: text}
        for subject, texts in lists.items()
        for rank, text in enumerate(texts)
    ]


def _ordered(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (str(row["subject"]), int(str(row["rank"]))))


def pour(connection: sqlite3.Connection, kept: Kept) -> None:
    """Write what was kept into a library; what that has already stays as it is. The caller commits."""
    for table in (*TYPED, *FROM_HUBS):
        names = [name for name in COLUMNS[table] if not (table == "root" and name == "id")]
        missing = _SINCE.get(table, {})  # a NULL there would be ignored with its row
        rows = [{**row, **{n: row.get(n) or v for n, v in missing.items()}} for row in kept.rows[table]]
        _insert(connection, table, names, rows)
    _pour_words(connection)
    _pour_places(connection, kept)


def _pour_words(connection: sqlite3.Connection) -> None:
    """Write the trigger words of contents from their listings; search texts come when the files are read."""
    rows = connection.execute(
        "SELECT p.sha256, l.data FROM provenance p JOIN listing l ON l.hub = p.hub AND l.model_id = p.model_id "
        "AND l.version_id = p.version_id ORDER BY p.how <> 'download', l.deleted, p.found_ns, p.hub, p.version_id"
    )
    listings: dict[str, list[Listing]] = {}
    for sha256, data in rows:
        listings.setdefault(str(sha256), []).append(listing_of(data))
    _insert(connection, "hub_word", ("sha256", "rank", "text", "hub", "score"), word_rows(listings))


def _insert(connection: sqlite3.Connection, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    marks = ", ".join("?" * len(names))
    statement = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})"
    connection.executemany(statement, [[row.get(name) for name in names] for row in rows])


def _pour_places(connection: sqlite3.Connection, kept: Kept) -> None:
    """Write files as places with their hash and unread (facts_version 0): the next scan reads their headers.

    A hash is believed only where its file and its own row say the same: two places of a damaged file.
    """
    sizes = {row["sha256"]: row["size"] for row in kept.rows["blob"]}
    ids = {path: root_id for root_id, path in connection.execute("SELECT id, path FROM root")}
    files = [
        {**row, **_UNREAD, "root_id": ids[row["root"]], "sha256": row["sha256"] if row["sha256"] in sizes else None}
        for row in kept.rows["file"]
        if row["root"] in ids
    ]
    _insert(
        connection, "blob", COLUMNS["blob"], [{**row, "claimed": row.get("claimed") or 0} for row in kept.rows["blob"]]
    )
    names = [name for name in (*COLUMNS["file"], *_UNREAD) if name != "id"]
    _insert(connection, "file", names, files)


_SINCE: Mapping[str, Row] = {"verdict": {"engine": 0, "bases": ""}}
"""Columns that backups of earlier schemas have not, and what they say then."""

_UNREAD: Row = {
    "format": "unknown", "kind": Kind.UNKNOWN.value, "safety": Safety.NOT_APPLICABLE.value, "header_digest": "",
    "candidates": "", "has_sidecar": 0, "facts_version": 0,
}  # fmt: skip
