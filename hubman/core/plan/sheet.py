"""A contact sheet as a value: what is on it, how large everything is, and on how many pages it goes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

CELL = 192
"""Width of a picture's place in pixels: three times 64, twice 96, so that small pixel pictures enlarge without blur."""

SMALLEST_CELL = 96
WIDEST = 4096
"""Pixels of a sheet's width; with more columns the pictures get smaller, down to SMALLEST_CELL."""

TALLEST = 8192
"""Pixels of a page's height; further rows go on another page. Under the 16,383 of WebP and what phones open."""

MOST_COLUMNS = 32
MOST_ROWS = 1000

LABEL = 272
GAP = 12
MARGIN = 32
LINE = 20
FOOTER = 40

RECOMMENDED, BURNT = "recommended", "burnt"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of pictures. `group`: what several columns side by side have in common, written above them once."""

    heading: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture on a sheet.

    Attributes:
        picture: its path; None leaves the place empty.
        mark: "recommended", "burnt" or "".
        note: written in an empty place: why there is no picture.
    """

    picture: str | None = None
    mark: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its label (name, verdict, lines of facts) and its pictures from left to right."""

    id: str
    name: str
    verdict: str = ""
    lines: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn. `fonts`: paths tried before the system's. `shape`: height to width of the pictures' places."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    subtitle: str = ""
    legend: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    shape: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote and JSON made lists of."""
        return cls(
            title=data["title"],
            columns=tuple(Column(**column) for column in data["columns"]),
            rows=tuple(_row(row) for row in data["rows"]),
            subtitle=data.get("subtitle", ""),
            legend=tuple(data.get("legend", ())),
            fonts=tuple(data.get("fonts", ())),
            shape=float(data.get("shape", 1.0)),
        )

    @property
    def grouped(self) -> bool:
        """Whether any column has a group, so that there are two lines of headings."""
        return any(column.group for column in self.columns)


def _row(data: Mapping[str, Any]) -> Row:
    cells = tuple(Cell(**cell) for cell in data.get("cells", ()))
    return Row(data["id"], data["name"], data.get("verdict", ""), tuple(data.get("lines", ())), cells)


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where everything is, in pixels. `head`: the height of title, subtitle and headings."""

    cell_width: int
    cell_height: int
    row_height: int
    head: int
    width: int
    grouped: bool = field(default=False)

    def left(self, column: int) -> int:
        """Return where a column begins."""
        return MARGIN + LABEL + column * (self.cell_width + GAP)

    def top(self, row: int) -> int:
        """Return where a row of the page begins."""
        return self.head + row * self.row_height

    def height(self, rows: int, *, legend: bool) -> int:
        """Return the height of a page with so many rows."""
        return self.head + rows * self.row_height + (FOOTER if legend else 0) + MARGIN - GAP


def geometry(sheet: Sheet) -> Geometry:
    """Return the sizes of a sheet: pictures as large as CELL, smaller where many columns ask for it."""
    columns = max(1, len(sheet.columns))
    room = (WIDEST - 2 * MARGIN - LABEL) // columns - GAP
    width = max(SMALLEST_CELL, min(CELL, room))
    if width < CELL:
        width = width // 32 * 32  # whole multiples of the sizes that small pictures have
    height = round(width * min(max(sheet.shape, 0.5), 2.0))
    head = MARGIN + 38 + (24 if sheet.subtitle else 0) + 16 + (24 if sheet.grouped else 0) + 26
    least = 84  # name, badge and one line of facts
    return Geometry(
        cell_width=width,
        cell_height=height,
        row_height=max(height, least) + GAP,
        head=head,
        width=2 * MARGIN + LABEL + columns * (width + GAP) - GAP,
        grouped=sheet.grouped,
    )


def pages(sheet: Sheet) -> Iterator[Sheet]:
    """Yield the sheet in parts that are no taller than TALLEST; the title says which part it is."""
    size = geometry(sheet)
    most = max(1, (TALLEST - size.height(0, legend=bool(sheet.legend))) // size.row_height)
    parts = [sheet.rows[start : start + most] for start in range(0, len(sheet.rows), most)] or [()]
    for number, rows in enumerate(parts, 1):
        title = sheet.title if len(parts) == 1 else f"{sheet.title}   {number}/{len(parts)}"
        yield replace(sheet, rows=tuple(rows), title=title)


def shape_of(sizes: Sequence[tuple[int, int]]) -> float:
    """Return the shape of places that every one of these pictures fits: that of the tallest one."""
    return max((height / width for width, height in sizes if width), default=1.0)


def page_path(path: str, number: int) -> str:
    """Return the path of a page: the first has the name that was asked for, further ones `-2`, `-3` in it."""
    if number == 1:
        return path
    stem, dot, ending = path.rpartition(".")
    return f"{stem}-{number}{dot}{ending}"
