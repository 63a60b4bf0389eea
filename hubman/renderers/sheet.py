"""Contact sheets: one row per adapter, one picture per column, with names in whatever script they are written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from PIL import Image, ImageDraw, ImageFont

CELL = 160
"""Side of a picture on the sheet; smaller ones are enlarged, small pixel art without blurring."""

_LABEL = 250
_GAP = 14
_HEAD = 40
_TITLE = 60
_LINE = 22
_PIXEL_ART = 96

_PAPER, _INK, _FAINT, _RULE = (250, 250, 248), (28, 28, 30), (110, 110, 116), (222, 222, 218)
_BADGES: Mapping[str, tuple[int, int, int]] = {
    "ok": (31, 122, 70),
    "weak": (160, 110, 10),
    "partial": (160, 110, 10),
    "no-effect": (160, 110, 10),
}
_BAD = (176, 42, 48)

_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/source-han-sans/SourceHanSansSC-Regular.otf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/wenquanyi/wqy-microhei/wqy-microhei.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simhei.ttf",
    "C:/Windows/Fonts/simsun.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/STHeiti Medium.ttc",
    "/Library/Fonts/Arial Unicode.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
)
"""Where systems keep a font with Chinese glyphs, the best first; the last has Latin, Greek and Cyrillic only."""

_SIMPLIFIED = 2  # the collection's faces are JP, KR, SC, TC, HK: the same characters drawn by different rules


@dataclass(frozen=True, slots=True)
class Row:
    """One adapter: its label and its pictures (paths, None leaves the cell empty), left to right."""

    id: str
    name: str
    verdict: str
    lines: tuple[str, ...] = ()
    pictures: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows under column headings. `fonts` are tried before the system's known ones."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    fonts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def sheet_from_json(data: Mapping[str, Any]) -> Sheet:
    """Read what `Sheet.to_json` wrote and JSON made lists of."""
    rows = []
    for row in data["rows"]:
        known = {f.name: row[f.name] for f in fields(Row) if f.name in row}
        rows.append(Row(**{**known, "lines": tuple(row.get("lines", ())), "pictures": tuple(row.get("pictures", ()))}))
    return Sheet(data["title"], tuple(data["columns"]), tuple(rows), tuple(data.get("fonts", ())))


class Lettering:
    """Fonts chosen by the glyphs they have; a text without a font for it is replaced by a plain one."""

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self.paths = [path for path in (*extra, *_FONTS) if os.path.isfile(path)]
        self._fonts: dict[tuple[str, int], ImageFont.FreeTypeFont] = {}

    def pick(self, text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont | None:
        """Return the first font that has every glyph of `text`, or None."""
        for path in self.paths:
            if (path, size) not in self._fonts:
                index = _SIMPLIFIED if "NotoSansCJK" in path else 0
                self._fonts[path, size] = ImageFont.truetype(path, size, index=index)
            font = self._fonts[path, size]
            if has_glyphs(font, text):
                return font
        return ImageFont.load_default(size) if text.isascii() else None

    def safe(self, text: str, instead: str, size: int) -> tuple[str, Any]:
        """Return (text or `instead`, font that can draw it)."""
        font = self.pick(text, size)
        if font is not None:
            return text, font
        plain = instead.encode("ascii", "replace").decode()
        return plain, self.pick(plain, size) or ImageFont.load_default(size)


def has_glyphs(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Say whether a font draws every character as something else than its "missing" box."""
    missing = bytes(font.getmask("\U0010fffe"))
    return all(char.isspace() or bytes(font.getmask(char)) != missing for char in set(text))


def draw_sheet(sheet: Sheet, path: str) -> dict[str, Any]:
    """Draw the sheet as PNG; return {"path", "size": [width, height], "unnamed": ids whose name had no font}."""
    letters = Lettering(sheet.fonts)
    columns = len(sheet.columns)
    width = _GAP + _LABEL + columns * (CELL + _GAP) + _GAP
    height = _TITLE + _HEAD + len(sheet.rows) * (CELL + _GAP) + _GAP
    image = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(image)
    _write(draw, letters, (_GAP, 18), sheet.title, 22, _INK, width - 2 * _GAP)
    for column, heading in enumerate(sheet.columns):
        left = _column_left(column)
        _write(draw, letters, (left, _TITLE + 10), heading, 14, _FAINT, CELL)
    unnamed = []
    for index, row in enumerate(sheet.rows):
        top = _TITLE + _HEAD + index * (CELL + _GAP)
        draw.line((_GAP, top - _GAP // 2, width - _GAP, top - _GAP // 2), fill=_RULE)
        if not _label(draw, letters, top, row):
            unnamed.append(row.id)
        for column, picture in enumerate(row.pictures[:columns]):
            _paste(image, draw, (_column_left(column), top), picture)
    part = f"{path}.{os.getpid()}.part"
    image.save(part, format="PNG", optimize=True)
    os.replace(part, path)
    return {"path": path, "size": [width, height], "unnamed": unnamed}


def _column_left(column: int) -> int:
    return _GAP + _LABEL + column * (CELL + _GAP)


def _label(draw: ImageDraw.ImageDraw, letters: Lettering, top: int, row: Row) -> bool:
    """Write name, verdict and numbers; return False when the name had to be replaced by the id."""
    shown, _ = letters.safe(row.name, row.id, 17)
    _write(draw, letters, (_GAP, top + 4), shown, 17, _INK, _LABEL - _GAP)
    badge = _BADGES.get(row.verdict, _BAD)
    box = draw.textbbox((0, 0), row.verdict, font=letters.safe(row.verdict, row.verdict, 13)[1])
    draw.rounded_rectangle((_GAP, top + 32, _GAP + box[2] + 16, top + 54), 6, fill=badge)
    _write(draw, letters, (_GAP + 8, top + 35), row.verdict, 13, (255, 255, 255), _LABEL)
    for index, line in enumerate(row.lines[: (CELL - 62) // _LINE]):
        _write(draw, letters, (_GAP, top + 62 + index * _LINE), line, 13, _FAINT, _LABEL - _GAP)
    return shown == row.name


def _write(
    draw: ImageDraw.ImageDraw,
    letters: Lettering,
    at: tuple[int, int],
    text: str,
    size: int,
    ink: tuple[int, int, int],
    room: int,
) -> None:
    """Write one line, shortened with dots to the room there is."""
    shown, font = letters.safe(text, text, size)
    while len(shown) > 4 and draw.textlength(shown, font=font) > room:
        shown = shown[:-4] + "..." if shown.endswith("...") else shown[:-3] + "..."
    draw.text(at, shown, fill=ink, font=font)


def _paste(image: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], path: str | None) -> None:
    left, top = at
    frame = (left, top, left + CELL - 1, top + CELL - 1)
    if path is None or not os.path.isfile(path):
        draw.rectangle(frame, outline=_RULE)
        return
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    way = Image.Resampling.NEAREST if max(small.size) <= _PIXEL_ART else Image.Resampling.LANCZOS
    scale = CELL / max(small.size)
    sized = small.resize((max(1, round(small.width * scale)), max(1, round(small.height * scale))), way)
    image.paste(sized, (left + (CELL - sized.width) // 2, top + (CELL - sized.height) // 2))


def handle(worker: object, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request "sheet"; needs Pillow only."""
    return draw_sheet(sheet_from_json(request["sheet"]), request["path"])
