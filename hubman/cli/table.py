"""Tables that stay aligned with Chinese, full-width and emoji names: widths are terminal cells, not characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

GAP = "   "
JOINER = "\u200d"
_CLUSTER = f".(?:[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]|{JOINER}.?)*"
"""A character with what belongs to it: variation selectors, skin tones, and joined characters (a family emoji)."""

NARROW = (
    (0x20, 0x7E), (0xA1, 0xAC), (0xAE, 0x2FF), (0x391, 0x3A1), (0x3A3, 0x3FF), (0x400, 0x482), (0x2010, 0x2027),
    (0x2713, 0x2713), (0x2717, 0x2717),
)  # fmt: skip
WIDE = (
    (0x3001, 0x3029), (0x3041, 0x3096), (0x30A0, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
    (0xFF01, 0xFF60),
)  # fmt: skip
"""Letters and signs of Latin, Greek, Cyrillic; Chinese, Japanese, Korean: they stand for themselves, one or two cells.

What joins with its neighbours, emoji, and what newer versions of Unicode changed is not here: wcwidth knows it.
"""
ASK = -1_000_000


class Column(NamedTuple):
    """A column. `flexible` ones give way, in order, when the terminal is too narrow; others never shrink."""

    title: str
    right: bool = False
    flexible: bool = False
    least: int = 8


def cells(text: str) -> int:
    """Return the number of terminal cells that a text takes (control characters count as none)."""
    if text.isascii() and text.isprintable():
        return len(text)
    if (total := sum(map(lone_width, text))) >= 0:
        return total
    from wcwidth import wcswidth, wcwidth  # 37 ms, and neither Latin nor Chinese needs it

    width = wcswidth(text)
    return width if width >= 0 else sum(max(0, wcwidth(character)) for character in text)


@lru_cache(4096)
def lone_width(character: str) -> int:
    """Return the cells of a character that stands for itself; ASK for one that only wcwidth knows."""
    code = ord(character)
    for width, ranges in ((2, WIDE), (1, NARROW)):
        if any(first <= code <= last for first, last in ranges):
            return width
    return ASK


def clip(text: str, width: int) -> str:
    """Shorten a text to a number of cells, with an ellipsis; never cuts a wide character or a joined emoji in half."""
    if cells(text) <= width:
        return text
    kept = ""
    for cluster in re.finditer(_CLUSTER, text, re.DOTALL):
        if cells(kept + cluster[0]) > width - 1:
            break
        kept += cluster[0]
    return kept + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text up to a number of cells."""
    space = " " * max(0, width - cells(text))
    return space + text if right else text + space


def printable(text: str) -> str:
    """Make a text harmless for a terminal: control and bidirectional override characters become visible.

    Spaces of every width stay (full-width ones are normal in Chinese names), and so does what joins emoji.
    """
    if text.isprintable():
        return text
    return "".join(character if _harmless(character) else _escaped(character) for character in text)


def _harmless(character: str) -> bool:
    return character.isprintable() or character == JOINER or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def render(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Lay a table out as lines; `width` is the terminal's, None means as wide as it takes."""
    texts = [[printable(cell) for cell in row] for row in rows]
    widths = [max([cells(column.title), *(cells(row[index]) for row in texts)]) for index, column in enumerate(columns)]
    if width is not None:
        _shrink(columns, widths, width)
    lines = [_line([column.title for column in columns], columns, widths)]
    lines += [_line(row, columns, widths) for row in texts]
    return lines


def _shrink(columns: Sequence[Column], widths: list[int], width: int) -> None:
    """Take the missing cells from the flexible columns, always from the widest one."""
    excess = sum(widths) + len(GAP) * (len(widths) - 1) + 1 - width
    while excess > 0:
        candidates = [i for i, column in enumerate(columns) if column.flexible and widths[i] > column.least]
        if not candidates:
            return
        widest = max(candidates, key=lambda index: widths[index])
        widths[widest] -= 1
        excess -= 1


def _line(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = [
        pad(clip(cell, widths[index]), widths[index], right=columns[index].right) for index, cell in enumerate(row)
    ]
    return (" " + GAP.join(parts)).rstrip()
