"""The table of verdicts that `validate` and `demo` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hubman.cli.listing import SHORTEST_ID
from hubman.cli.table import Column
from hubman.cli.words import _, about, value

if TYPE_CHECKING:
    from hubman.app.validation import Validation

SIGNS = {"ok": "✓", "weak": "✓", "unsafe": "!"}


def columns() -> list[Column]:
    """Return the columns of a list of verdicts."""
    return [
        Column(_("ID")),
        Column(_("NAME"), flexible=True, least=12),
        Column(_("VERDICT")),
        Column(_("ON"), flexible=True, least=8),
        Column(_("CHANGE"), right=True),
        Column(_("WEIGHT"), right=True),
        Column(_("TRIGGER"), flexible=True, least=10),
    ]


def row(done: Validation) -> list[str]:
    """Return one verdict as a row: how far the picture moved (of 255) and which weights work on that checkpoint."""
    facts = done.to_json()
    change = facts["effect"]["mae"]
    weight = facts["weight"]
    return [
        done.adapter.id[:SHORTEST_ID],
        done.adapter.name,
        f"{SIGNS.get(str(done.verdict), '✗')} {value('verdict', done.verdict)}",
        done.base.name if done.base else "-",
        f"{change:.1f}" if change is not None else "-",
        _weight(weight),
        _trigger(facts["trigger"]),
    ]


def _weight(weight: dict[str, Any] | None) -> str:
    if weight is None:
        return "-"
    low, high = weight["range"]
    return f"{weight['weight']:g} ({low:g}–{high:g})"


def _trigger(trigger: dict[str, Any]) -> str:
    words = ", ".join(_word(word) for word in trigger["words"])
    if not words or trigger["effective"] is None:
        return words or "-"
    return f"{words} " + (_("(wakes it)") if trigger["effective"] else _("(changes nothing)"))


def _word(word: Any) -> str:
    """Return a word with what was measured of it alone; earlier verdicts list texts."""
    if not isinstance(word, dict):
        return str(word)
    return (
        f"{word['text']} " + {True: "✓", False: "✗"}[word["wakes"]]
        if word.get("wakes") in (True, False)
        else word["text"]
    )


def reasons(results: Sequence[Validation]) -> list[str]:
    """Return a line for everything that is not plainly in order: the rule that fired, and what to do."""
    lines = []
    for done in results:
        if str(done.verdict) != "ok":
            reason, fields = _(done.judgement.reason), done.judgement.fields
            lines.append(about(done.adapter.name, reason.format(**fields) if fields else reason))
        if done.wanted:
            get = _("made for the likes of {base}: {command}")
            lines.append(about(done.adapter.name, get.format(base=done.wanted.name, command=done.wanted.command)))
        if done.hint:
            lines.append(about(done.adapter.name, _(done.hint)))
    return lines
