"""Tables that stay aligned with Chinese, full-width and emoji names: widths are terminal cells, not characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

GAP = "   "
JOINER = "\u200d"
_CLUSTER = re.compile(f".(?:[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]|{JOINER}.?)*", re.DOTALL)
"""A character with what belongs to it: variation selectors, skin tones, and joined characters (a family emoji)."""

NARROW_CHARACTERS = "\x20-\x7e\xa1-\xac\xae-\u02ff\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u2010-\u2027\u2713\u2717"
WIDE_CHARACTERS = "\u3001-\u3029\u3041-\u3096\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
"""Letters and signs of Latin, Greek, Cyrillic; Chinese, Japanese, Korean: they stand for themselves, one or two cells.

What joins with its neighbours, emoji, and what newer versions of Unicode changed is not here: wcwidth knows it.
"""
_WIDE = re.compile(f"[{WIDE_CHARACTERS}]+")
_PLAIN = re.compile(f"[{NARROW_CHARACTERS}{WIDE_CHARACTERS}]*")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `flexible` ones give way, in order, when the terminal is too narrow; others never shrink."""

    title: str
    right: bool = False
    flexible: bool = False
    least: int = 8


def cells(text: str) -> int:
    """Return the number of terminal cells that a text takes (control characters count as none)."""
    if text.isascii() and text.isprintable():
        return len(text)
    if _PLAIN.fullmatch(text):
        return len(text) + sum(map(len, _WIDE.findall(text)))
    from wcwidth import wcswidth, wcwidth  # 37 ms, and neither Latin nor Chinese needs it

    width = wcswidth(text)
    return width if width >= 0 else sum(max(0, wcwidth(character)) for character in text)


def clip(text: str, width: int) -> str:
    """Shorten a text to a number of cells, with an ellipsis; never cuts a wide character or a joined emoji in half."""
    if cells(text) <= width:
        return text
    kept = ""
    for cluster in _CLUSTER.finditer(text):
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
