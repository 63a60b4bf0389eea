"""The journal, read: by the standard library's sqlite3 alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from sqlite3 import Cursor
from typing import Any

from hubman.core.journal import UNDO, Entry, EntryState

_ENTRY = "SELECT id, verb, state, made_ns, detail FROM journal"


class Entries:
    """Questions to the journal: `reader.journal`."""

    def __init__(self, ask: Callable[[str, Sequence[object]], Cursor]) -> None:
        self._ask = ask

    def entries(self, limit: int = 20) -> list[Entry]:
        """Return the latest entries, the latest first."""
        return [_entry(row) for row in self._ask(f"{_ENTRY} ORDER BY id DESC LIMIT ?", [limit])]

    def open(self) -> list[Entry]:
        """Return what was begun and neither finished nor given up, the oldest first."""
        return [_entry(row) for row in self._ask(f"{_ENTRY} WHERE state = 'planned' ORDER BY id", [])]

    def get(self, number: int) -> Entry | None:
        """Return an entry by its number."""
        row = self._ask(f"{_ENTRY} WHERE id = ?", [number]).fetchone()
        return _entry(row) if row else None

    def latest(self) -> Entry | None:
        """Return the latest action that is done and was not taken back; a taking back is no action."""
        row = self._ask(f"{_ENTRY} WHERE state = 'done' AND verb <> ? ORDER BY id DESC LIMIT 1", [UNDO]).fetchone()
        return _entry(row) if row else None

    def along(self, number: int) -> Entry | None:
        """Return the entry of what was written beside models by an action that is done, and that stands still."""
        rows = self._ask(f"{_ENTRY} WHERE verb = 'sidecars' AND state = 'done' AND id > ? ORDER BY id", [number])
        return next((entry for entry in map(_entry, rows) if entry.detail.get("along") == number), None)


def detail_text(detail: Mapping[str, Any]) -> str:
    """Encode a detail. ASCII, so that file names that are no UTF-8 (lone surrogates) come back as they were."""
    return json.dumps(detail, ensure_ascii=True, separators=(",", ":"))


def _entry(row: tuple[Any, ...]) -> Entry:
    number, verb, state, made_ns, detail = row
    return Entry(number, str(verb), EntryState(state), made_ns, json.loads(str(detail)))
