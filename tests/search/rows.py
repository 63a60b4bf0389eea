"""A real library file whose rows a test writes itself, folded as the writer folds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hubman.core.matching import Searchable
from hubman.core.search_text import SEPARATOR, fold
from hubman.store.door import open_store
from hubman.store.encode import candidates_text
from hubman.store.reader import Reader
from hubman.store.text import pack


@dataclass(frozen=True)
class Row:
    """One file: texts as people write them, lists as lists."""

    name: str = "x"
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    author: str = ""
    body: str = ""
    own_tags: tuple[str, ...] = ()
    note: str = ""
    path: str = "p"
    kind: str = "lora"
    lineage: str | None = None
    bases: tuple[str, ...] = ()
    size: int = 1
    added: int = 1
    favourite: bool = False
    rating: int | None = None
    present: bool = True
    safety: str = "safe"
    error: bool = False
    verdict: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Return name, words, tags, author, body, own tags, note, as the table `search` has them."""
        return (
            fold(self.name), _joined(self.words), _joined(self.tags), fold(self.author), fold(self.body),
            _joined(self.own_tags), fold(self.note),
        )  # fmt: skip

    @property
    def searchable(self) -> Searchable:
        """Return what `matches` looks at."""
        good = self.verdict in ("ok", "weak")
        columns: Mapping[str, object] = {
            "type": self.kind, "lineage": self.lineage, "size": self.size, "added": self.added, "path": self.path,
            "base": self.bases[0] if len(self.bases) == 1 else None, "candidates": self.bases, "rating": self.rating,
            "is-fav": self.favourite, "is-missing": not self.present, "is-safe": self.safety == "safe",
            "is-unsafe": self.safety == "unsafe", "is-suspicious": self.safety == "suspicious",
            "is-broken": self.error, "has-error": self.error, "has-note": bool(fold(self.note)),
            "has-rating": self.rating is not None, "has-trigger": bool(_joined(self.words)),
            "has-verdict": self.verdict is not None, "is-unvalidated": self.verdict is None, "is-ok": good,
            "is-failed": self.verdict is not None and not good,
        }  # fmt: skip
        return Searchable(*self.texts, columns)


@dataclass
class Rows:
    """The library. `write` replaces all that is in it."""

    connection: sqlite3.Connection
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.connection)

    def write(self, rows: Iterable[Row]) -> None:
        """Make the files 1, 2, ... of these rows."""
        for table in ("search", "verdict", "file"):
            self.connection.execute(f"DELETE FROM {table}")
        for number, row in enumerate(rows, 1):
            architecture = row.bases[0] if len(row.bases) == 1 else None
            self._insert("file", {
                "id": number, "root_id": 1, "relpath": pack(f"{row.path}") + "\0" * number, "name": pack(row.name),
                "alias": f"@{number}", "folder": 0, "size": row.size, "mtime_ns": 1, "inode": number, "beside": "",
                "present": row.present, "format": "safetensors", "kind": row.kind, "architecture": architecture,
                "safety": row.safety, "header_digest": "", "facts": b"", "sidecar": "{}", "facts_version": 1,
                "added_ns": row.added, "lineage": row.lineage, "candidates": candidates_text(row.bases),
                "error_reference": "broken" if row.error else None, "error_message": "broken" if row.error else None,
            })  # fmt: skip
            names = ("name", "words", "tags", "author", "body", "own_tags", "note")
            texts = dict(zip(names, map(pack, row.texts), strict=True))
            self._insert("search", {"file_id": number, **texts, "favourite": row.favourite, "rating": row.rating})
            if row.verdict:
                self._insert("verdict", {
                    "subject": f"@{number}", "base": "", "verdict": row.verdict, "rule": "r", "detail": "{}",
                    "made_ns": 1,
                })  # fmt: skip

    def _insert(self, table: str, values: Mapping[str, object]) -> None:
        marks = ", ".join("?" * len(values))
        self.connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def rows_in(folder: Path) -> Rows:
    """Make a library with one root."""
    open_store(folder / "library.db", folder / "backups").close()
    connection = sqlite3.connect(folder / "library.db", isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(
        "INSERT INTO root (id, path, layout, state, sidecars, added_ns) VALUES (1, '/m', 'flat', 'ok', 'off', 1)"
    )
    return Rows(connection)


def _joined(parts: Iterable[str]) -> str:
    return SEPARATOR.join(folded for part in parts if (folded := fold(part)))
