"""Sums over the whole library, made by the database: 100,000 rows are never carried into Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Cursor
from typing import Any

GROUPS = ("kind", "architecture", "format", "root")
_COLUMNS = {"kind": "f.kind", "architecture": "f.architecture", "format": "f.format", "root": "r.path"}
_PRESENT = "FROM file f JOIN root r ON r.id = f.root_id WHERE f.present = 1"
_SUBJECT = "coalesce(f.sha256, f.alias)"
_FILE_COUNTS = {
    "hashed": "f.sha256 IS NOT NULL",
    "broken": "f.error_reference IS NOT NULL",
    "unsafe": "f.safety = 'unsafe'",
    "suspicious": "f.safety = 'suspicious'",
    "with_trigger": "EXISTS (SELECT 1 FROM trigger_word t WHERE t.file_id = f.id) "
    f"OR EXISTS (SELECT 1 FROM user_words w WHERE w.subject = {_SUBJECT})",
    "with_preview": f"f.preview IS NOT NULL OR EXISTS (SELECT 1 FROM verdict v WHERE v.subject = {_SUBJECT} "
    "AND v.preview IS NOT NULL)",
    "with_sidecar": "f.has_sidecar",
    "with_note": f"EXISTS (SELECT 1 FROM user_data u WHERE u.subject = {_SUBJECT} AND u.note <> '')",
    "favourites": f"EXISTS (SELECT 1 FROM user_data u WHERE u.subject = {_SUBJECT} AND u.favourite = 1)",
}
LARGEST = 10
MONTHS = 24


@dataclass(frozen=True, slots=True)
class Group:
    """One value of a column: how many files have it, and their bytes. `name` is None where nothing is known."""

    name: str | None
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Contents that lie in several places: how many, in how many files more than needed, and the bytes of those."""

    contents: int
    files: int
    size: int


_KNOWN = "present = 1 AND error_reference IS NULL AND kind <> 'unknown'"


class Statistics:
    """Questions about sums: `reader.statistics`."""

    def __init__(self, ask: Callable[[str, Sequence[object]], Cursor]) -> None:
        self._ask = ask

    def _rows(self, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._ask(question, values).fetchall()

    def total(self) -> Group:
        """Return files and bytes of all that is there."""
        ((files, size),) = self._rows("SELECT count(*), coalesce(sum(size), 0) FROM file WHERE present = 1")
        return Group("all", files, size)

    def missing(self) -> int:
        """Return the number of known files that are not there."""
        return int(self._rows("SELECT count(*) FROM file WHERE present = 0")[0][0])

    def by(self, column: str) -> list[Group]:
        """Return files and bytes by kind, architecture, format or root, the largest first."""
        name = _COLUMNS[column]
        rows = self._rows(f"SELECT {name}, count(*), sum(f.size) {_PRESENT} GROUP BY 1 ORDER BY 3 DESC, 1")
        return [Group(None if row[0] is None else str(row[0]), row[1], row[2]) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return how many of the present files are hashed, broken, unsafe, have trigger words, a preview, ..."""
        sums = ", ".join(f"coalesce(sum({condition}), 0)" for condition in _FILE_COUNTS.values())
        (row,) = self._rows(f"SELECT {sums} {_PRESENT}")
        return dict(zip(_FILE_COUNTS, map(int, row), strict=True))

    def duplicates(self) -> Duplicates:
        """Return what lies in several places under one content. Hard links count as places: bytes are as listed."""
        rows = self._rows(
            "SELECT count(*), coalesce(sum(n - 1), 0), coalesce(sum((n - 1) * size), 0) FROM (SELECT count(*) AS n, "
            "max(size) AS size FROM file WHERE present = 1 AND sha256 IS NOT NULL GROUP BY sha256 HAVING count(*) > 1)"
        )
        return Duplicates(*map(int, rows[0]))

    def verdicts(self) -> dict[str, int]:
        """Return verdict -> number of present files whose latest one it is."""
        latest = f"(SELECT w.id FROM verdict w WHERE w.subject = {_SUBJECT} ORDER BY w.made_ns DESC, w.id DESC LIMIT 1)"
        rows = self._rows(
            f"SELECT v.verdict, count(*) FROM file f JOIN verdict v ON v.id = {latest} WHERE f.present = 1 "
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        return {str(row[0]): row[1] for row in rows}

    def months(self) -> list[Group]:
        """Return files and bytes by the month (UTC) in which they were added, the latest first."""
        rows = self._rows(
            "SELECT strftime('%Y-%m', f.added_ns / 1000000000, 'unixepoch'), count(*), sum(f.size) "
            f"{_PRESENT} GROUP BY 1 ORDER BY 1 DESC LIMIT ?",
            [MONTHS],
        )
        return [Group(str(row[0]), row[1], row[2]) for row in rows]

    def largest(self) -> list[tuple[str, str, int]]:
        """Return (id or alias, name, bytes) of the largest files."""
        rows = self._rows(
            "SELECT coalesce(substr(f.sha256, 1, 10), f.alias), f.name, f.size FROM file f WHERE f.present = 1 "
            "ORDER BY f.size DESC, f.id LIMIT ?",
            [LARGEST],
        )
        return [(str(row[0]), str(row[1]), row[2]) for row in rows]

    # --- for doctor ----------------------------------------------------------------------------------------------

    def places(self) -> list[tuple[int, str, str]]:
        """Return (root id, relpath, kind) of all present, readable files."""
        rows = self._rows(f"SELECT root_id, relpath, kind FROM file WHERE {_KNOWN} ORDER BY root_id, relpath")
        return [(row[0], str(row[1]), str(row[2])) for row in rows]

    def places_of(self, root_id: int, relpaths: Sequence[str]) -> list[tuple[int, str, str]]:
        """Return (root id, relpath, kind) of those places of a root that are present and readable."""
        found: list[tuple[int, str, str]] = []
        for start in range(0, len(relpaths), 500):
            part = list(relpaths[start : start + 500])
            marks = ",".join("?" * len(part))
            rows = self._rows(
                f"SELECT root_id, relpath, kind FROM file WHERE root_id = ? AND relpath IN ({marks}) AND {_KNOWN}",
                [root_id, *part],
            )
            found += [(row[0], str(row[1]), str(row[2])) for row in rows]
        return found

    def same_stems(self, kinds: Sequence[str]) -> list[tuple[int, str, str, list[tuple[str, str | None]]]]:
        """Return (root id, kind, stem, [(relpath, sha256)]) of stems that several present files of a root share."""
        marks = ",".join("?" * len(kinds))
        rows = self._rows(
            f"SELECT f.root_id, f.kind, f.name, f.relpath, f.sha256 FROM file f JOIN (SELECT root_id, kind, name FROM "
            f"file WHERE present = 1 AND folder = 0 AND kind IN ({marks}) GROUP BY root_id, kind, name "
            "HAVING count(*) > 1) d ON d.root_id = f.root_id AND d.kind = f.kind AND d.name = f.name "
            "WHERE f.present = 1 AND f.folder = 0 ORDER BY f.root_id, f.kind, f.name, f.relpath",
            list(kinds),
        )
        found: dict[tuple[int, str, str], list[tuple[str, str | None]]] = {}
        for root_id, kind, name, relpath, sha256 in rows:
            found.setdefault((root_id, str(kind), str(name)), []).append((str(relpath), sha256))
        return [(*key, files) for key, files in found.items()]

    def named(self, stem: str) -> list[str]:
        """Return the paths of present files of a stem."""
        rows = self._rows(
            "SELECT r.path || '/' || f.relpath FROM file f JOIN root r ON r.id = f.root_id "
            "WHERE f.present = 1 AND f.name = ? ORDER BY 1 LIMIT 3",
            [stem],
        )
        return [str(row[0]) for row in rows]

    def newest_ns(self) -> int:
        """Return when the latest file was added, by the clock of that moment; 0 for an empty library."""
        return int(self._rows("SELECT coalesce(max(added_ns), 0) FROM file")[0][0])

    def claimed(self) -> set[str]:
        """Return the sha256 of contents that no reading confirmed: a cache's file name says so."""
        return {str(row[0]) for row in self._rows("SELECT sha256 FROM blob WHERE claimed = 1")}
