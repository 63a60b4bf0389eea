"""Contact sheets of validations: without the adapter, with it, and the same on further checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hubman.app.validation import Validation
from hubman.core.plan.sheet import Cell, Column, Row, Sheet
from hubman.core.prompt import format_weight
from hubman.core.verdict import full_change
from hubman.renderers.process import Renderer

FLAGS = {
    "trigger-ineffective": "its word does nothing",
    "always-on": "works without its word, too",
    "too-strong": "burnt at weight 1",
    "nearly-complete": "nearly all modules fit",
}
"""Flags of a verdict that a sheet says, in words."""


class SheetSession(Protocol):
    """The part of renderers.process.Renderer that draws."""

    def sheet(self, sheet: Mapping[str, Any], path: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One adapter on the sheet: its validations on one or several checkpoints, the main one first."""

    validations: tuple[Validation, ...]


def contact_sheet(
    rows: Sequence[SheetRow | Validation],
    out_path: str,
    session: SheetSession | None = None,
    *,
    title: str = "",
    subtitle: str = "",
) -> dict[str, Any]:
    """Draw a sheet: rows are adapters, columns "without | with" for each checkpoint.

    Pictures are those that `validate_adapter` wrote (`out_dir`). Returns {"path", "paths", "size", "unnamed"}:
    `unnamed` are ids whose name no font of this machine can draw; their id is written instead.
    """
    grouped = [row if isinstance(row, SheetRow) else SheetRow((row,)) for row in rows]
    bases = _bases(grouped)
    sheet = Sheet(
        title=title or "hubman: without and with each adapter, same seed",
        subtitle=subtitle,
        columns=tuple(Column(which, base) for base in bases for which in ("without", "with")),
        rows=tuple(_row(row, bases) for row in grouped),
    ).to_json()
    if session is not None:
        return session.sheet(sheet, out_path)
    with Renderer() as own:
        return own.sheet(sheet, out_path)


def _bases(rows: Sequence[SheetRow]) -> list[str]:
    """Return the names of the checkpoints in order of first appearance."""
    names = [v.base.name for row in rows for v in row.validations if v.base is not None]
    return list(dict.fromkeys(names)) or ["-"]


def _row(row: SheetRow, bases: Sequence[str]) -> Row:
    first = row.validations[0]
    by_base = {v.base.name: v for v in row.validations if v.base is not None}
    cells: list[Cell] = []
    for base in bases:
        found = by_base.get(base)
        cells += [Cell(found.without), Cell(found.with_)] if found else [Cell(note="not rendered")] * 2
    return Row(first.adapter.id, first.adapter.name, str(first.verdict), tuple(label_lines(first)), tuple(cells))


def label_lines(validation: Validation) -> list[str]:
    """Return the key numbers of one validation, a line each, the most telling first."""
    lines = []
    change = full_change(validation.measured)
    if change is not None:
        lines.append(f"change {change:.1f}/255 at weight 1")
    elif validation.judgement.because:
        lines.append(validation.judgement.because)
    words = validation.plan.triggers if validation.plan else ()
    if words:
        lines.append(", ".join(words))
    if validation.weight is not None:
        found = validation.weight
        span = f"{format_weight(found.low)}-{format_weight(found.high)}"
        lines.append(f"best at {format_weight(found.weight)}, works {span}")
    lines += [words_of for flag, words_of in FLAGS.items() if flag in validation.judgement.flags]
    return lines
