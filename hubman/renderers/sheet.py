"""Contact sheets, drawn: a title, headings, a label for each row, and the pictures with their marks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from PIL import Image, ImageDraw

from hubman.core.plan.sheet import (
    BURNT,
    GAP,
    LABEL,
    LINE,
    MARGIN,
    RECOMMENDED,
    Cell,
    Geometry,
    Row,
    Sheet,
    geometry,
    page_path,
    pages,
)
from hubman.renderers.lettering import Ink, Lettering

_PAPER: Ink = (252, 251, 249)
_INK: Ink = (32, 33, 36)
_FAINT: Ink = (112, 114, 120)
_RULE: Ink = (229, 227, 222)
_EMPTY: Ink = (244, 242, 238)
_ACCENT: Ink = (36, 99, 190)
_BURNT: Ink = (178, 58, 42)

_BADGES: Mapping[str, tuple[Ink, Ink]] = {
    "ok": ((221, 242, 228), (22, 101, 52)),
    "weak": ((254, 240, 205), (133, 77, 14)),
    "partial": ((254, 240, 205), (133, 77, 14)),
    "no-effect": ((236, 235, 232), (82, 82, 91)),
    "not validated": ((236, 235, 232), (82, 82, 91)),
}
_BAD: tuple[Ink, Ink] = ((252, 224, 222), (153, 27, 27))
"""Paper and ink of a verdict's badge; all others are bad news."""

_PIXEL_ART = 96
"""Pictures of up to this many pixels a side are enlarged by whole numbers, each pixel a square."""

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_CORNER = 6


def draw_sheet(sheet: Sheet, path: str) -> dict[str, Any]:
    """Draw a sheet in the format that the path's ending says, on further pages where it is tall.

    Returns:
        {"path", "paths", "size": [width, height] of the first page, "unnamed": ids whose name had no font}.
    """
    letters = Lettering(sheet.fonts)
    paths: list[str] = []
    sizes: list[list[int]] = []
    unnamed: list[str] = []
    for number, page in enumerate(pages(sheet), 1):
        image, missing = draw_page(page, letters)
        paths.append(page_path(path, number))
        _save(image, paths[-1])
        sizes.append(list(image.size))
        unnamed += missing
    return {"path": path, "paths": paths, "size": sizes[0], "unnamed": list(dict.fromkeys(unnamed))}


def _save(image: Image.Image, path: str) -> None:
    """Write beside and move into place, so that nobody sees half a sheet."""
    kind = _FORMATS.get(os.path.splitext(path)[1].lower(), "PNG")
    options: dict[str, Any] = {"optimize": True} if kind == "PNG" else {"quality": 92}
    part = f"{path}.{os.getpid()}.part"
    try:
        image.save(part, format=kind, **options)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def draw_page(sheet: Sheet, letters: Lettering) -> tuple[Image.Image, list[str]]:
    """Draw one page; return it with the ids of the rows whose name no font could write."""
    size = geometry(sheet)
    image = Image.new("RGB", (size.width, size.height(len(sheet.rows), legend=bool(sheet.legend))), _PAPER)
    draw = ImageDraw.Draw(image)
    _draw_head(draw, letters, sheet, size)
    unnamed = []
    for index, row in enumerate(sheet.rows):
        top = size.top(index)
        draw.line((MARGIN, top - GAP // 2, size.width - MARGIN, top - GAP // 2), fill=_RULE)
        if not _draw_label(draw, letters, top, row, size):
            unnamed.append(row.id)
        for column, cell in enumerate(row.cells[: len(sheet.columns)]):
            _draw_cell(image, draw, letters, (size.left(column), top), cell, size)
    if sheet.legend:
        _draw_legend(draw, letters, sheet, size)
    return image, unnamed


def _draw_head(draw: ImageDraw.ImageDraw, letters: Lettering, sheet: Sheet, size: Geometry) -> None:
    room = size.width - 2 * MARGIN
    letters.write(draw, (MARGIN, MARGIN + 20), sheet.title, 24, _INK, room, bold=True)
    if sheet.subtitle:
        letters.write(draw, (MARGIN, MARGIN + 46), sheet.subtitle, 14, _FAINT, room)
    base = size.head - GAP // 2 - 9
    for column, entry in enumerate(sheet.columns):
        middle = size.left(column) + size.cell_width // 2
        letters.write(draw, (middle, base), entry.heading, 14, _INK, size.cell_width, anchor="ms")
    for first, last, group in _groups(sheet):
        left, right = size.left(first), size.left(last) + size.cell_width
        letters.write(draw, ((left + right) // 2, base - 28), group, 15, _INK, right - left, anchor="ms", bold=True)
        draw.line((left, base - 20, right, base - 20), fill=_RULE)


def _groups(sheet: Sheet) -> list[tuple[int, int, str]]:
    """Return (first column, last column, group) of columns side by side with one group."""
    found: list[tuple[int, int, str]] = []
    for place, column in enumerate(sheet.columns):
        if found and found[-1][2] == column.group:
            found[-1] = (found[-1][0], place, column.group)
        else:
            found.append((place, place, column.group))
    return [entry for entry in found if entry[2]]


def _draw_label(draw: ImageDraw.ImageDraw, letters: Lettering, top: int, row: Row, size: Geometry) -> bool:
    """Write name, verdict and facts; return False when the name had to be replaced by the id."""
    room = LABEL - 2 * GAP
    shown, _ = letters.safe(row.name, row.id, 18)
    letters.write(draw, (MARGIN, top + 20), shown, 18, _INK, room, bold=True)
    below = top + 34
    if row.verdict:
        paper, ink = _BADGES.get(row.verdict, _BAD)
        width = min(room, letters.width(draw, row.verdict, 13) + 18)
        draw.rounded_rectangle((MARGIN, below, MARGIN + width, below + 22), 11, fill=paper)
        letters.write(draw, (MARGIN + 9, below + 11), row.verdict, 13, ink, room - 18, anchor="lm")
        below += 32
    fitting = max(0, (top + size.row_height - GAP - below) // LINE)
    for index, line in enumerate(row.lines[:fitting]):
        letters.write(draw, (MARGIN, below + 14 + index * LINE), line, 13, _FAINT, room)
    return shown == row.name


def _draw_cell(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    letters: Lettering,
    at: tuple[int, int],
    cell: Cell,
    size: Geometry,
) -> None:
    """Draw one picture with its mark, or say in its place why there is none."""
    left, top = at
    right, bottom = left + size.cell_width - 1, top + size.cell_height - 1
    picture = _read(cell.picture)
    if picture is None:
        draw.rounded_rectangle((left, top, right, bottom), _CORNER, fill=_EMPTY)
        middle = ((left + right) // 2, (top + bottom) // 2)
        letters.write(draw, middle, cell.note or "-", 13, _FAINT, size.cell_width - 16, anchor="mm")
        return
    sized = _fitted(picture, size.cell_width, size.cell_height)
    corner = (left + (size.cell_width - sized.width) // 2, top + (size.cell_height - sized.height) // 2)
    image.paste(sized, corner, _rounded(sized.size))
    box = (corner[0], corner[1], corner[0] + sized.width - 1, corner[1] + sized.height - 1)
    if cell.mark == RECOMMENDED:
        outer = (box[0] - 4, box[1] - 4, box[2] + 4, box[3] + 4)
        draw.rounded_rectangle(outer, _CORNER + 4, outline=_ACCENT, width=3)
        _draw_tag(draw, letters, (box[0] + 6, box[3] - 6), "best", _ACCENT)
    elif cell.mark == BURNT:
        _draw_tag(draw, letters, (box[0] + 6, box[3] - 6), "burnt", _BURNT)


def _draw_tag(draw: ImageDraw.ImageDraw, letters: Lettering, at: tuple[int, int], text: str, paper: Ink) -> None:
    """Draw a small label in a picture; `at` is its lower left corner."""
    width = letters.width(draw, text, 12) + 14
    draw.rounded_rectangle((at[0], at[1] - 18, at[0] + width, at[1]), 9, fill=paper)
    letters.write(draw, (at[0] + 7, at[1] - 9), text, 12, (255, 255, 255), width, anchor="lm")


def _draw_legend(draw: ImageDraw.ImageDraw, letters: Lettering, sheet: Sheet, size: Geometry) -> None:
    base = size.top(len(sheet.rows)) + 22
    draw.line((MARGIN, base - 28, size.width - MARGIN, base - 28), fill=_RULE)
    letters.write(draw, (MARGIN, base), "     ".join(sheet.legend), 13, _FAINT, size.width - 2 * MARGIN)


def _read(path: str | None) -> Image.Image | None:
    if path is None or not os.path.isfile(path):
        return None
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Return a picture as large as its place; small ones by a whole number, so that every pixel is a square."""
    scale = min(width / picture.width, height / picture.height)
    if max(picture.size) <= _PIXEL_ART:
        whole = max(1, int(scale))
        return picture.resize((picture.width * whole, picture.height * whole), Image.Resampling.NEAREST)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _rounded(size: tuple[int, int]) -> Image.Image:
    """Return a mask with rounded corners, drawn four times as large so that they are smooth."""
    mask = Image.new("L", (size[0] * 4, size[1] * 4), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] * 4 - 1, size[1] * 4 - 1), _CORNER * 4, fill=255)
    return mask.resize(size, Image.Resampling.LANCZOS)


def handle(worker: object, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request "sheet"; needs Pillow only."""
    return draw_sheet(Sheet.from_json(request["sheet"]), request["path"])
