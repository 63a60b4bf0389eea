"""The journal, written: every action that can be taken back has an entry, in the transaction that does it.

What changes rows only is recorded by `record` in the same transaction. What touches the disk is planned first, in a
transaction of its own, so that a run that was killed is found and finished or rolled back by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hubman.core.journal import Entry, EntryState, way_back
from hubman.store import schema
from hubman.store.entries import detail_text


class Journal:
    """The verbs of a write transaction that are about the journal: `writer.journal`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def plan(self, verb: str, detail: Mapping[str, Any]) -> int:
        """Record what is about to happen on disk; return the number of the entry."""
        return self._insert(verb, EntryState.PLANNED, detail)

    def record(self, verb: str, detail: Mapping[str, Any]) -> int:
        """Record what happens in this very transaction; return the number of the entry."""
        return self._insert(verb, EntryState.DONE, detail)

    def finish(self, number: int, detail: Mapping[str, Any] | None = None) -> None:
        """Say that a planned action is done, and (if given) what exactly was done."""
        self._set(number, EntryState.DONE, detail)

    def fail(self, number: int, why: Mapping[str, Any]) -> None:
        """Say that a planned action was given up and nothing of it is left."""
        self._set(number, EntryState.FAILED, why)

    def mark_undone(self, number: int) -> None:
        """Say that an action was taken back."""
        self._set(number, EntryState.UNDONE, None)

    def take_back(self, entry: Entry) -> int:
        """Mark an entry as taken back and record the taking back; return the number of the new entry."""
        self.mark_undone(entry.id)
        return self.record(*way_back(entry))

    def state(self, number: int) -> EntryState | None:
        """Return the state of an entry; None when there is no such entry."""
        found = self._connection.scalar(sa.select(schema.journal.c.state).where(schema.journal.c.id == number))
        return None if found is None else EntryState(found)

    def amend(self, number: int, detail: Mapping[str, Any]) -> None:
        """Replace the detail of an entry and leave its state: several edits in a row may be one action."""
        statement = sa.update(schema.journal).where(schema.journal.c.id == number)
        self._connection.execute(statement.values(detail=detail_text(detail)))

    def _insert(self, verb: str, state: EntryState, detail: Mapping[str, Any]) -> int:
        row = {"verb": verb, "state": state.value, "detail": detail_text(detail), "made_ns": time.time_ns()}
        key = self._connection.execute(sa.insert(schema.journal).values(row)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _set(self, number: int, state: EntryState, detail: Mapping[str, Any] | None) -> None:
        values = {"state": state.value} | ({} if detail is None else {"detail": detail_text(detail)})
        self._connection.execute(sa.update(schema.journal).where(schema.journal.c.id == number).values(values))
