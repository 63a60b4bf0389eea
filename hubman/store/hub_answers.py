"""Questions about what hubs said: `reader.hubs`. The standard library's sqlite3 only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Cursor
from typing import Any

from hubman.core.hub import Listing, Provenance
from hubman.core.listed import Hashes


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A download that was begun and has not given its file a name yet."""

    number: int
    ref: str
    part: str
    state: str
    detail: Mapping[str, Any]
    made_ns: int


class HubAnswers:
    """Questions about hubs."""

    def __init__(self, ask: Callable[[str, Sequence[object]], Cursor]) -> None:
        self._ask = ask

    def choices(self) -> dict[str, bool]:
        """Return hub -> whether the user said yes; hubs that nobody was asked about are left out."""
        return {str(row[0]): bool(row[1]) for row in self._ask("SELECT hub, enabled FROM hub_choice", [])}

    def of_contents(self, hashes: Iterable[str]) -> dict[str, list[Provenance]]:
        """Return sha256 -> what is known of where it comes from: downloads, what is still there, the oldest."""
        wanted, found = sorted(set(hashes)), dict[str, list[Provenance]]()
        for start in range(0, len(wanted), 400):
            part = wanted[start : start + 400]
            cursor = self._ask(
                "SELECT p.sha256, l.data, p.file_id, p.how, p.found_ns, p.newer, l.gone_ns FROM provenance p "
                "JOIN listing l ON l.hub = p.hub AND l.model_id = p.model_id AND l.version_id = p.version_id "
                f"WHERE p.sha256 IN ({','.join('?' * len(part))}) "
                "ORDER BY p.how <> 'download', l.deleted, p.found_ns, p.hub, p.version_id",
                part,
            )
            for sha256, data, file_id, how, found_ns, newer, gone_ns in cursor:
                listing = _whole(data)
                gone = gone_ns is not None or listing.deleted
                entry = Provenance(str(sha256), listing, file_id, how, found_ns, newer, gone)
                found.setdefault(str(sha256), []).append(entry)
        return found

    def from_version(self, hub: str, model_id: str, version_id: str) -> list[tuple[str, str | None, str]]:
        """Return (sha256, file id, how) of the contents that come from a version."""
        cursor = self._ask(
            "SELECT sha256, file_id, how FROM provenance WHERE hub = ? AND model_id = ? AND version_id = ? "
            "ORDER BY how <> 'download', found_ns",
            [hub, model_id, version_id],
        )
        return [(str(row[0]), row[1], str(row[2])) for row in cursor]

    def owned(self, hub: str, model_ids: Iterable[str]) -> set[str]:
        """Return those of a hub's models of which a present content comes from one of their versions."""
        wanted, found = sorted(set(model_ids)), set[str]()
        for start in range(0, len(wanted), 400):
            part = wanted[start : start + 400]
            cursor = self._ask(
                "SELECT DISTINCT p.model_id FROM provenance p JOIN file f ON f.sha256 = p.sha256 AND f.present = 1 "
                f"WHERE p.hub = ? AND p.model_id IN ({','.join('?' * len(part))})",
                [hub, *part],
            )
            found |= {str(row[0]) for row in cursor}
        return found

    def listing(self, hub: str, model_id: str, version_id: str) -> Listing | None:
        """Return what a hub said of a version."""
        row = self._ask(
            "SELECT data FROM listing WHERE hub = ? AND model_id = ? AND version_id = ?", [hub, model_id, version_id]
        ).fetchone()
        return _whole(row[0]) if row else None

    def to_look_up(
        self,
        hub: str,
        now_ns: int,
        *,
        again: bool = False,
        kinds: Sequence[str] | None = None,
        unknown: bool = False,
        since_ns: int = 0,
    ) -> list[Hashes]:
        """Return the present contents of which nothing is known from a hub, and which it is time to ask about.

        Those that it was never asked about come first, then those that it was asked about longest ago.

        Args:
            again: also those that were asked about lately.
            kinds: of files of these kinds only.
            unknown: only those of which nothing is known from any other hub either.
            since_ns: only those that were first seen since then.
        """
        conditions = ["NOT EXISTS (SELECT 1 FROM provenance p WHERE p.sha256 = b.sha256 AND p.hub = ?)"]
        values: list[object] = [hub]
        if unknown:
            conditions = ["NOT EXISTS (SELECT 1 FROM provenance p WHERE p.sha256 = b.sha256)"]
            values = []
        if not again:
            lately = "SELECT 1 FROM lookup k WHERE k.sha256 = b.sha256 AND k.hub = ? AND k.due_ns > ?"
            conditions.append(f"NOT EXISTS ({lately})")
            values += [hub, now_ns]
        if since_ns:
            conditions.append("b.first_seen_ns >= ?")
            values.append(since_ns)
        if kinds is not None:
            conditions.append(f"f.kind IN ({','.join('?' * len(kinds))})")
            values += kinds
        cursor = self._ask(
            "SELECT DISTINCT b.sha256, b.autov1, b.autov3, b.autov3_written, b.crc32, b.blake3 "
            "FROM blob b JOIN file f ON f.sha256 = b.sha256 WHERE f.present = 1 AND f.folder = 0 "
            f"AND {' AND '.join(conditions)} "
            "ORDER BY ifnull((SELECT k.asked_ns FROM lookup k WHERE k.sha256 = b.sha256 AND k.hub = ?), 0), b.sha256",
            [*values, hub],
        )
        return [Hashes(str(row[0]), row[1], str(row[0])[:10], row[2], row[3], row[4], row[5]) for row in cursor]

    def settled(self, hub: str, hashes: Iterable[str], now_ns: int, *, anywhere: bool) -> set[str]:
        """Return those of some contents about which a hub need not be asked: known, or asked about lately.

        Args:
            anywhere: known from any hub will do.
        """
        known = "SELECT sha256 FROM provenance WHERE sha256 IN ({0})" + ("" if anywhere else " AND hub = ?")
        lately = "SELECT sha256 FROM lookup WHERE sha256 IN ({0}) AND hub = ? AND due_ns > ?"
        wanted, found = sorted(set(hashes)), set[str]()
        for start in range(0, len(wanted), 400):
            part = wanted[start : start + 400]
            marks = ",".join("?" * len(part))
            for row in self._ask(known.format(marks), [*part, *([] if anywhere else [hub])]):
                found.add(str(row[0]))
            for row in self._ask(lately.format(marks), [*part, hub, now_ns]):
                found.add(str(row[0]))
        return found

    def stale(self, hub: str, before_ns: int) -> list[tuple[str, str, str]]:
        """Return (model id, version id, sha256) of present contents whose listing was fetched before a time.

        Those that are marked as gone are left out: they are asked about no more.
        """
        cursor = self._ask(
            "SELECT DISTINCT p.model_id, p.version_id, p.sha256 FROM provenance p JOIN listing l ON l.hub = p.hub "
            "AND l.model_id = p.model_id AND l.version_id = p.version_id JOIN file f ON f.sha256 = p.sha256 "
            "WHERE p.hub = ? AND f.present = 1 AND l.gone_ns IS NULL AND l.fetched_ns <= ? ORDER BY l.fetched_ns, 1, 2",
            [hub, before_ns],
        )
        return [(str(row[0]), str(row[1]), str(row[2])) for row in cursor]

    def unhashed(self) -> int:
        """Return how many present files cannot be looked up: their content has no name yet."""
        question = "SELECT count(*) FROM file WHERE present = 1 AND folder = 0 AND sha256 IS NULL"
        return int(self._ask(question, []).fetchone()[0])

    def outdated(self) -> int:
        """Return how many present contents have a newer version on their hub, without pinned ones."""
        question = (
            "SELECT count(DISTINCT p.sha256) FROM provenance p JOIN file f ON f.sha256 = p.sha256 "
            "WHERE p.newer IS NOT NULL AND f.present = 1 AND p.sha256 NOT IN (SELECT subject FROM user_pin)"
        )
        return int(self._ask(question, []).fetchone()[0])

    def pinned(self) -> set[str]:
        """Return the subjects that `update` leaves as they are."""
        return {str(row[0]) for row in self._ask("SELECT subject FROM user_pin", [])}

    def downloads(self) -> list[Unfinished]:
        """Return the downloads that have not ended, the oldest first."""
        cursor = self._ask("SELECT id, ref, part, state, detail, made_ns FROM download ORDER BY id", [])
        return [Unfinished(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5]) for row in cursor]


def _whole(stored: object) -> Listing:
    """Return a stored listing.

    Raises:
        BrokenRowError: it is damaged.
    """
    from hubman.store.encode import BrokenRowError
    from hubman.store.listings import readable

    listing = readable(stored)
    if listing is None:
        raise BrokenRowError(ValueError("a listing of a hub cannot be read"))
    return listing
