"""The journal of what the user said and of what was written beside models, so that it can be taken back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hubman.store import schema


class Edits:
    """The verbs of a write transaction that keep the journal."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, verb: str, detail: Mapping[str, Any]) -> int:
        """Record a change together with what was there before; return the number of the entry."""
        row = {"verb": verb, "state": "done", "detail": _text(detail), "made_ns": time.time_ns()}
        result = self._connection.execute(sa.insert(schema.journal).values(row))
        return int(result.inserted_primary_key[0])  # type: ignore[index]

    def detail(self, number: int) -> dict[str, Any]:
        """Return what an entry records."""
        query = sa.select(schema.journal.c.detail).where(schema.journal.c.id == number)
        found: dict[str, Any] = json.loads(self._connection.scalars(query).one())
        return found

    def set_detail(self, number: int, detail: Mapping[str, Any]) -> None:
        """Replace what an entry records."""
        statement = sa.update(schema.journal).where(schema.journal.c.id == number)
        self._connection.execute(statement.values(detail=_text(detail)))


def _text(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, ensure_ascii=True, separators=(",", ":"))
