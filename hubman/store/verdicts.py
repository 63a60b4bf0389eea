"""What rendering found out about a subject: verdicts and the words that wake it. The verbs, and the questions.

Writing is SQLAlchemy, reading the standard library's sqlite3 alone, as everywhere in `store`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from sqlite3 import Cursor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

    from hubman.core.library import WakeWord

AGAIN = ("no-base", "error")
"""Verdicts that are about what else is in the library, or about the machine: another checkpoint may change them."""

NOT_HERE = ("render-extra-missing",)
"""Rules of `error` that say nothing was tried at all: they are tried again every time."""

_SUSPECT = "(f.error_reference IS NOT NULL OR f.safety = 'unsafe' OR f.kind = 'unknown')"

UNPROVEN = f"""
f.present = 1 AND (f.kind IN ({{kinds}}) OR {_SUSPECT}) AND NOT EXISTS (
    SELECT 1 FROM verdict w
    WHERE w.subject = coalesce(f.sha256, f.alias) AND w.engine = ? AND coalesce(w.base, '') LIKE ?
    AND NOT (w.verdict IN {AGAIN} AND w.bases <> ?)
    AND NOT (w.verdict = 'error' AND w.rule IN ('{"', '".join(NOT_HERE)}')))
ORDER BY f.added_ns DESC, f.id DESC LIMIT ?
"""
"""Adapters (and what may be one) whose content no verdict of these rules is about, the newest first.

Values: the kinds, the number of the rules (core.verdict.ENGINE), the base asked about ("%": any), the digest of the
checkpoints there are now, and how many are wanted (-1: all).
"""


class VerdictRecords:
    """The verbs of a write transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def record(
        self, subject: str, base: str | None, verdict: Mapping[str, Any], preview: str | None, bases: str = ""
    ) -> None:
        """Record the latest verdict on a blob (or, unhashed, on an alias) against one base.

        `error` says that hubman or the machine failed, nothing about the adapter: it never replaces what was measured.
        """
        import sqlalchemy as sa
        from sqlalchemy.dialects.sqlite import insert as upsert

        from hubman.store import schema

        table = schema.verdict
        known = sa.select(table.c.id).where(table.c.subject == subject, table.c.verdict != "error")
        if verdict["verdict"] == "error" and self._connection.execute(known).first():
            return
        row = {
            "subject": subject, "base": base or "", "verdict": verdict["verdict"], "rule": verdict["rule"],
            "preview": preview, "detail": json.dumps(verdict, ensure_ascii=False), "made_ns": time.time_ns(),
            "engine": int(verdict.get("engine") or 0), "bases": bases,
        }  # fmt: skip
        changed = {key: value for key, value in row.items() if key not in ("subject", "base")}
        statement = upsert(table).values(**row)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["subject", "base"], set_=changed))

    def record_wake(self, subject: str, base: str, words: Sequence[tuple[str, float]]) -> None:
        """Replace the words that wake a subject on one base: (text, score), the likeliest first."""
        import sqlalchemy as sa

        from hubman.store import schema

        table = schema.wake_word
        self._connection.execute(sa.delete(table).where(table.c.subject == subject, table.c.base == base))
        best = dict(reversed(words))
        now = time.time_ns()
        rows = [
            {"subject": subject, "base": base, "text": text, "place": place, "score": best[text], "made_ns": now}
            for place, text in enumerate(dict.fromkeys(text for text, _ in words))
        ]
        if rows:
            self._connection.execute(sa.insert(table), rows)


def wake_words(ask: Callable[[str, Sequence[object]], Cursor], subject: str) -> list[WakeWord]:
    """Return the words that were found to wake a subject, those of the base asked last first, the likeliest first."""
    from hubman.core.library import WakeWord

    question = (
        "SELECT base, text, place, score FROM wake_word WHERE subject = ? ORDER BY made_ns DESC, base, place, text"
    )
    return [WakeWord(str(base), str(text), place, score) for base, text, place, score in ask(question, [subject])]
