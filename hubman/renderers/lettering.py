"""Text on pictures in whatever script it is written: fonts chosen by the glyphs they have."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Ink = tuple[int, int, int]

FONTS = (
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


class Lettering:
    """Fonts chosen by the glyphs they have; a text without a font for it is replaced by a plain one.

    Plain English text is drawn in the font that Pillow carries (Aileron), alike on every machine.
    """

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self.paths = [path for path in (*extra, *FONTS) if os.path.isfile(path)]
        self._fonts: dict[tuple[str, int], Font] = {}

    def pick(self, text: str, size: int) -> Font | None:
        """Return the first font that has every glyph of `text`, or None."""
        for path in ("", *self.paths):
            font = self._font(path, size)
            if (text.isascii() and not path) or has_glyphs(font, text):
                return font
        return None

    def _font(self, path: str, size: int) -> Font:
        if (path, size) not in self._fonts:
            index = _SIMPLIFIED if "NotoSansCJK" in path else 0
            made = ImageFont.truetype(path, size, index=index) if path else ImageFont.load_default(size)
            self._fonts[path, size] = made
        return self._fonts[path, size]

    def safe(self, text: str, instead: str, size: int) -> tuple[str, Font]:
        """Return (text or `instead`, font that can draw it)."""
        font = self.pick(text, size)
        if font is not None:
            return text, font
        plain = instead.encode("ascii", "replace").decode()
        return plain, self._font("", size)

    def width(self, draw: ImageDraw.ImageDraw, text: str, size: int) -> int:
        """Return the width of a line in pixels."""
        shown, font = self.safe(text, text, size)
        return round(draw.textlength(shown, font=font))

    def write(
        self,
        draw: ImageDraw.ImageDraw,
        at: tuple[int, int],
        text: str,
        size: int,
        ink: Ink,
        room: int,
        *,
        anchor: str = "ls",
        bold: bool = False,
    ) -> None:
        """Write one line, shortened with dots to the room there is; `at` is on the baseline (or as `anchor` says)."""
        shown, font = self.safe(text, text, size)
        shown = shortened(draw, shown, font, room)
        weight = 0.4 if bold and shown.isascii() else 0
        # A stroke of a fraction of a pixel makes one weight of a font two: the font that Pillow carries has no bold.
        # Chinese characters would run together.
        draw.text(at, shown, fill=ink, font=font, anchor=anchor, stroke_width=weight, stroke_fill=ink)


def shortened(draw: ImageDraw.ImageDraw, text: str, font: Font, room: int) -> str:
    """Return a text as long as there is room, with dots where its end is missing."""
    if draw.textlength(text, font=font) <= room:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        if draw.textlength(text[:middle].rstrip() + "...", font=font) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "..."


def has_glyphs(font: Font, text: str) -> bool:
    """Say whether a font draws every character as something else than its "missing" box."""
    missing = bytes(font.getmask("\U0010fffe"))
    return all(char.isspace() or bytes(font.getmask(char)) != missing for char in set(text))
