"""`hubman sheet`: choose rows and columns, render what the cache lacks, draw."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hubman.app.picture_cache import PictureCache, one_seed
from hubman.app.preview import PictureSession
from hubman.app.sheet import SheetSession
from hubman.app.sheet_rows import Pair, SheetOptions
from hubman.core.plan.picture import PicturePlan
from hubman.core.plan.sheet import (
    BURNT,
    MOST_COLUMNS,
    MOST_ROWS,
    RECOMMENDED,
    Cell,
    Column,
    Row,
    Sheet,
    page_path,
    pages,
    shape_of,
)
from hubman.core.prompt import format_weight
from hubman.core.types import Kind
from hubman.errors import N_, ConflictError, RenderError, UsageError

WEIGHTS = (0.4, 0.6, 0.8, 1.0)
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


class Session(PictureSession, SheetSession, Protocol):
    """A render process that renders and draws."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place on the sheet: what is to be rendered there (None: nothing, as `note` says), and its mark."""

    plan: PicturePlan | None
    mark: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """A sheet before anything is rendered: each row with its places."""

    title: str
    subtitle: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Row, tuple[Wanted, ...]], ...]
    shape: float

    @property
    def plans(self) -> list[PicturePlan]:
        """The pictures of the sheet, each once, those of one checkpoint together."""
        found = {repr(place.plan): place.plan for _, places in self.rows for place in places if place.plan is not None}
        return sorted(found.values(), key=lambda plan: (plan.base.path, [use.adapter.path for use in plan.adapters]))


@dataclass(frozen=True, slots=True)
class SheetMade:
    """What was drawn. `rendered`, `cached`: pictures; `failed`: (what, why); `unnamed`: ids without a font."""

    paths: tuple[str, ...]
    size: tuple[int, int]
    rendered: int
    cached: int
    failed: tuple[tuple[str, str], ...]
    unnamed: tuple[str, ...]
    rows: int
    columns: int

    def to_json(self) -> dict[str, object]:
        """Return the object of `sheet --json`."""
        return {
            "paths": list(self.paths),
            "size": list(self.size),
            "rows": self.rows,
            "columns": self.columns,
            "rendered": self.rendered,
            "cached": self.cached,
            "failed": [{"name": name, "reason": reason} for name, reason in self.failed],
            "unnamed": list(self.unnamed),
        }


def lay_out(pairs: Sequence[Sequence[Pair]], options: SheetOptions, title: str) -> Layout:
    """Decide rows and columns.

    Args:
        pairs: for each adapter its checkpoints. One adapter on several: a row for each, weights as columns. Several
            adapters on several: a row for each adapter, without and with for each checkpoint. Else weights.

    Raises:
        UsageError: `sheet-too-large`.
    """
    wide = len(pairs) > 1 and any(len(row) > 1 for row in pairs) and options.weights is None
    if options.triggers:
        columns, rows = _by_trigger(pairs)
    elif len(options.seeds) > 1:
        columns, rows = _by_seed(pairs, options)
    elif wide:
        columns, rows = _by_base(pairs)
    else:
        columns, rows = _by_weight(pairs, options.weights or WEIGHTS)
    if len(columns) > MOST_COLUMNS or len(rows) > MOST_ROWS:
        raise UsageError(
            "sheet-too-large",
            N_("A sheet of {rows} rows and {columns} columns is not drawn; at most {most_rows} by {most_columns}."),
            hint=N_("Name fewer models, weights or checkpoints, or make several sheets."),
            rows=len(rows),
            columns=len(columns),
            most_rows=MOST_ROWS,
            most_columns=MOST_COLUMNS,
        )
    every = [pair for row in pairs for pair in row]
    shape = shape_of([pair.size for pair in every if pair.plan is not None])
    return Layout(title, _subtitle(every, options), tuple(columns), tuple(rows), shape)


Rows = list[tuple[Row, tuple[Wanted, ...]]]


def _by_weight(pairs: Sequence[Sequence[Pair]], weights: Sequence[float]) -> tuple[list[Column], Rows]:
    columns = [Column("without"), *(Column(f"weight {format_weight(weight)}") for weight in weights)]
    alone = _is_of_one(pairs)
    rows: Rows = []
    for pair in (pair for row in pairs for pair in row):
        places = [_place(pair, 0), *(_place(pair, weight) for weight in weights)]
        rows.append((_label(pair, alone=alone), tuple(places)))
    return columns, rows


def _by_trigger(pairs: Sequence[Sequence[Pair]]) -> tuple[list[Column], Rows]:
    columns = [
        Column("no word", "without the adapter"), Column("trigger word", "without the adapter"),
        Column("no word", "with the adapter"), Column("trigger word", "with the adapter"),
    ]  # fmt: skip
    alone = _is_of_one(pairs)
    rows: Rows = []
    for pair in (pair for row in pairs for pair in row):
        if pair.plan is None:
            places = [Wanted(None, note=pair.trouble)] * 4
        elif not pair.words:
            blank = Wanted(None, note="no word known")
            places = [Wanted(pair.at(0)), blank, Wanted(pair.at(pair.best)), blank]
        else:
            weights = (0.0, pair.best)
            places = [Wanted(make(weight)) for weight in weights for make in (pair.without_words, pair.at)]
        rows.append((_label(pair, alone=alone, fixed=True), tuple(places)))
    return columns, rows


def _by_seed(pairs: Sequence[Sequence[Pair]], options: SheetOptions) -> tuple[list[Column], Rows]:
    columns = [Column(f"seed {seed}") for seed in options.seeds]
    alone = _is_of_one(pairs)
    rows: Rows = []
    for pair in (pair for row in pairs for pair in row):
        weight = options.weights[0] if options.weights else pair.best
        place = _place(pair, weight)
        plan = place.plan
        places = [Wanted(one_seed(plan, seed), "", place.note) if plan else place for seed in options.seeds]
        rows.append((_label(pair, alone=alone, fixed=True), tuple(places)))
    return columns, rows


def _by_base(pairs: Sequence[Sequence[Pair]]) -> tuple[list[Column], Rows]:
    bases = list(dict.fromkeys(pair.base for row in pairs for pair in row))
    columns = [Column(which, base) for base in bases for which in ("without", "with")]
    rows: Rows = []
    for row in pairs:
        by_base = {pair.base: pair for pair in row}
        places: list[Wanted] = []
        for base in bases:
            pair = by_base.get(base)
            if pair is None:
                places += [Wanted(None, note="-")] * 2
            else:
                shown = _place(pair, pair.best)
                places += [_place(pair, 0), Wanted(shown.plan, "", shown.note)]
        rows.append((_label(row[0], alone=False, bases=row, fixed=True), tuple(places)))
    return columns, rows


def _is_of_one(pairs: Sequence[Sequence[Pair]]) -> bool:
    """Say whether a sheet shows one adapter on several checkpoints."""
    return len(pairs) == 1 and len(pairs[0]) > 1


def _place(pair: Pair, weight: float) -> Wanted:
    """Return the place of a picture at a weight, marked with what was measured."""
    if pair.plan is None:
        return Wanted(None, note=pair.trouble)
    measured = pair.measured
    mark = ""
    if measured is not None and weight:
        if measured.burns_from is not None and weight >= measured.burns_from:
            mark = BURNT
        elif abs(weight - measured.weight) < 1e-9:
            mark = RECOMMENDED
    return Wanted(pair.at(weight), mark)


def _label(pair: Pair, *, alone: bool, bases: Sequence[Pair] = (), fixed: bool = False) -> Row:
    """Return the label of a row.

    Args:
        alone: the sheet is about one adapter, whose name is the title: the row is named after its checkpoint.
        bases: the same adapter on all checkpoints of the row.
        fixed: all pictures of the row are at one weight, which is said where it was not measured.
    """
    lines = [f"on {pair.base}"] if pair.base and not bases and not alone else []
    for entry in bases or (pair,):
        where = f"{entry.base}: " if bases else ""
        if entry.measured is not None:
            lines.append(where + _weight_of(entry))
            if entry.measured.burns_from is not None:
                lines.append(f"{where}burns from {format_weight(entry.measured.burns_from)}")
        elif fixed and entry.plan is not None and entry.kind is not Kind.EMBEDDING:
            lines.append(f"{where}shown at {format_weight(entry.best)}")
    if pair.words and pair.kind is not Kind.EMBEDDING:
        lines.append(", ".join(pair.words))
    known = [entry.verdict for entry in bases or (pair,) if entry.verdict]
    verdict = known[0] if known else "not validated" if pair.plan is not None else ""
    return Row(pair.file.id, pair.base if alone else pair.file.name, verdict, tuple(lines))


def _weight_of(pair: Pair) -> str:
    measured = pair.measured
    assert measured is not None
    low, high = format_weight(measured.low), format_weight(measured.high)
    return f"best at {format_weight(measured.weight)}, works {low}-{high}"


def _subtitle(pairs: Sequence[Pair], options: SheetOptions) -> str:
    """Say what all pictures have in common."""
    plans = [pair.plan for pair in pairs if pair.plan is not None]
    bases = list(dict.fromkeys(plan.base.name for plan in plans))
    parts = []
    if options.prompt is not None:
        parts.append(f'"{options.prompt}"')
    if len(bases) == 1:
        parts.append(bases[0])
    if len(options.seeds) == 1:
        parts.append(f"seed {options.seeds[0]}")
    steps = {(plan.sampling.steps, plan.sampling.cfg) for plan in plans}
    if len(steps) == 1:
        count, cfg = steps.pop()
        parts.append(f"{count} steps, CFG {format_weight(cfg)}")
    return " · ".join(parts)


def check_target(layout: Layout, path: Path) -> None:
    """Refuse a target before anything is rendered.

    Raises:
        UsageError: `sheet-format`. ConflictError: `file-exists`.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(
            "sheet-format",
            N_("{path} does not say which picture format it is to be."),
            hint=N_("End its name with .png, .jpg or .webp."),
            path=path,
        )
    for number, _ in enumerate(pages(_drawn(layout, {})), 1):
        target = page_path(os.fspath(path), number)
        if os.path.lexists(target):
            raise ConflictError(
                "file-exists",
                N_("{path} exists, and hubman overwrites nothing."),
                hint=N_("Choose another name, or move it away."),
                path=target,
            )


def make_sheet(
    layout: Layout,
    path: Path,
    session: Session,
    cache: PictureCache,
    *,
    fonts: Sequence[str] = (),
    advance: Callable[[], None] = lambda: None,
) -> SheetMade:
    """Render what the cache lacks, then draw.

    A picture that cannot be made leaves its place with the reason; the others are drawn.

    Raises:
        UsageError: `sheet-format`. ConflictError: `file-exists`. OSError.
        RenderError: nothing at all could be rendered; the first failure.
    """
    check_target(layout, path)
    cache.make()
    found: dict[str, str] = {}
    failures: dict[str, RenderError] = {}
    rendered = 0
    for plan in layout.plans:
        known = cache.find(plan)
        if known is None:
            try:
                known = _render(plan, session, cache)
                rendered += 1
            except RenderError as error:
                failures[repr(plan)] = error
        if known is not None:
            found[repr(plan)] = os.fspath(known)
        advance()
    if failures and not found:
        raise next(iter(failures.values()))
    drawn = session.sheet(_drawn(layout, found, failures, fonts).to_json(), os.path.abspath(path))
    cache.trim()
    return SheetMade(
        paths=tuple(drawn["paths"]),
        size=(drawn["size"][0], drawn["size"][1]),
        rendered=rendered,
        cached=len(found) - rendered,
        failed=tuple(_told(layout.plans, failures)),
        unnamed=tuple(drawn["unnamed"]),
        rows=len(layout.rows),
        columns=len(layout.columns),
    )


def _render(plan: PicturePlan, session: Session, cache: PictureCache) -> Path:
    target = cache.path(plan)
    answer = session.call("picture", plan.to_json(), paths=[os.fspath(target)], texts=[])
    if not answer["finite"]:
        target.unlink(missing_ok=True)
        raise RenderError("preview-not-finite", N_("the picture holds no numbers"))
    return target


def _told(plans: Iterable[PicturePlan], failures: dict[str, RenderError]) -> list[tuple[str, str]]:
    told = []
    for plan in plans:
        error = failures.get(repr(plan))
        if error is not None:
            names = ", ".join(use.adapter.name for use in plan.adapters) or plan.base.name
            told.append((names, error.message))
    return list(dict.fromkeys(told))


def _drawn(
    layout: Layout,
    found: dict[str, str],
    failures: dict[str, Any] | None = None,
    fonts: Sequence[str] = (),
) -> Sheet:
    """Return the sheet with the pictures that there are."""
    rows = []
    marks: set[str] = set()
    for row, places in layout.rows:
        cells = []
        for place in places:
            picture = found.get(repr(place.plan))
            note = place.note or ("failed" if repr(place.plan) in (failures or {}) else "")
            cells.append(Cell(picture, place.mark if picture else "", note))
            marks.add(place.mark)
        rows.append(Row(row.id, row.name, row.verdict, row.lines, tuple(cells)))
    legend = []
    if RECOMMENDED in marks:
        legend.append("blue frame: the weight that hubman measured to be best")
    if BURNT in marks:
        legend.append("burnt: the picture falls apart from this weight on")
    return Sheet(layout.title, layout.columns, tuple(rows), layout.subtitle, tuple(legend), tuple(fonts), layout.shape)
