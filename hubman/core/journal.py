"""What hubman did, so that it can be taken back: entries of the journal, and what the way back of each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

UNDO = "undo"
"""Verb of the entry that taking another one back leaves. Taking *that* back does the original again."""


class EntryState(StrEnum):
    """How far an action has come. Only `planned` means that the disk may be half way."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Entry:
    """One action.

    Attributes:
        verb: what was done: mv, rm, restore, note, tag, ...; `undo` for a taking back (`detail["verb"]` says of what).
        detail: JSON. `before` and `after` say what was there and what is there now, in the words of the verb.
        made_ns: when it was written.
    """

    id: int
    verb: str
    state: EntryState
    made_ns: int
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def about(self) -> str:
        """The verb of the action that this is or takes back: it says who can read `detail`."""
        return str(self.detail.get("verb", self.verb)) if self.verb == UNDO else self.verb


def way_back(entry: Entry) -> tuple[str, dict[str, Any]]:
    """Return (verb, detail) of the entry that taking this one back leaves: before and after change places."""
    detail = {**entry.detail, "before": entry.detail.get("after"), "after": entry.detail.get("before"), "of": entry.id}
    if entry.verb == UNDO:
        detail.pop("verb", None)
        return entry.about, detail
    return UNDO, {**detail, "verb": entry.verb}
