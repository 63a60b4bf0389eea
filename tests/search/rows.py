"""A real library file whose rows a test writes itself, folded as the writer folds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hubman.core.hub import Listing
from hubman.core.matching import Searchable
from hubman.core.search_text import SEPARATOR, fold
from hubman.store.door import open_store
from hubman.store.encode import candidates_text
from hubman.store.listings import listing_bytes
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
    hub_tags: tuple[str, ...] = ()
    hub_author: str = ""
    hub_body: str = ""
    hubs: tuple[str, ...] = ()
    newer: bool = False
    gone: bool = False
    deleted: bool = False
    nsfw: int | None = None
    pinned: bool = False
    hub_preview: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Return name, words, tags, author, body, own tags, note, as the table `search` has them."""
        return (
            fold(self.name), _joined(self.words), _joined(self.tags), fold(self.author), fold(self.body),
            _joined(self.own_tags), fold(self.note),
        )  # fmt: skip

    @property
    def hub_texts(self) -> tuple[str, str, str]:
        """Return what hubs say: tags, author, body."""
        return _joined(self.hub_tags), fold(self.hub_author), fold(self.hub_body)

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
            "hub": self.hubs, "has-hub": bool(self.hubs), "is-outdated": bool(self.hubs) and self.newer,
            "is-gone": bool(self.hubs) and (self.gone or self.deleted), "is-pinned": self.pinned,
            "is-nsfw": bool(self.hubs) and (self.nsfw or 0) >= 2, "has-preview": bool(self.hubs) and self.hub_preview,
            "has-hash": bool(self.hubs),
        }  # fmt: skip
        return Searchable(*self.texts, columns, *self.hub_texts)


@dataclass
class Rows:
    """The library. `write` replaces all that is in it."""

    connection: sqlite3.Connection
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.connection)

    def write(self, rows: Iterable[Row]) -> None:
        """Make the files 1, 2, ... of these rows."""
        for table in ("search", "verdict", "file", "blob", "provenance", "listing", "user_pin"):
            self.connection.execute(f"DELETE FROM {table}")
        for number, row in enumerate(rows, 1):
            architecture = row.bases[0] if len(row.bases) == 1 else None
            self._insert("file", {
                "id": number, "root_id": 1, "relpath": pack(row.path.rstrip("\0")) + "\0" * number,
                "name": pack(row.name),
                "alias": f"@{number}", "folder": 0, "size": row.size, "mtime_ns": 1, "inode": number, "beside": "",
                "present": row.present, "format": "safetensors", "kind": row.kind, "architecture": architecture,
                "safety": row.safety, "header_digest": "", "has_sidecar": False, "facts_version": 1,
                "added_ns": row.added, "lineage": row.lineage, "candidates": candidates_text(row.bases),
                "error_reference": "broken" if row.error else None, "error_message": "broken" if row.error else None,
                "sha256": f"{number:064x}" if row.hubs else None,
            })  # fmt: skip
            self._write_hubs(number, row)
            names = ("name", "words", "tags", "author", "body", "own_tags", "note")
            texts = dict(zip(names, map(pack, row.texts), strict=True))
            self._insert("search", {"file_id": number, **texts, "favourite": row.favourite, "rating": row.rating,
                "hub_tags": pack(_joined(row.hub_tags)), "hub_author": pack(fold(row.hub_author)),
                "hub_body": pack(fold(row.hub_body))
            })  # fmt: skip
            subject = f"{number:064x}" if row.hubs else f"@{number}"
            if row.pinned:
                self._insert("user_pin", {"subject": subject, "made_ns": 1})
            if row.verdict:
                self._insert("verdict", {
                    "subject": subject, "base": "", "verdict": row.verdict, "rule": "r", "detail": "{}",
                    "made_ns": 1,
                })  # fmt: skip

    def _write_hubs(self, number: int, row: Row) -> None:
        sha256 = f"{number:064x}"
        if row.hubs:
            preview = "/p.png" if row.hub_preview else None
            self._insert("blob", {
                "sha256": sha256, "size": 1, "claimed": 0, "first_seen_ns": 1, "hub_preview": preview,
            })  # fmt: skip
        for hub in row.hubs:
            version = {"hub": hub, "model_id": "1", "version_id": str(number)}
            self._insert("listing", {
                **version, "fetched_ns": 1, "gone_ns": 1 if row.gone else None, "deleted": row.deleted,
                "nsfw": row.nsfw, "data": listing_bytes(Listing(hub, "1", str(number), "x")),
            })  # fmt: skip
            self._insert("provenance", {
                **version, "sha256": sha256, "how": "sha256", "found_ns": 1, "newer": "9" if row.newer else None,
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
