"""What a browser made of a file's name, and what the name was: pure guesses from the text.

Nothing here is safe: core/safe_name.py comes after it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote

UNFINISHED = (
    ".crdownload", ".part", ".partial", ".download", ".downloading", ".opdownload", ".aria2", ".!ut", ".bc!",
    ".incomplete", ".tmp",
)  # fmt: skip
"""Endings of what browsers and downloaders are still writing; aria2 and Firefox keep it beside the file itself."""

_COPY = re.compile(r"(.*\S)[ _]?\((\d{1,2})\)", re.DOTALL)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")


def is_unfinished(name: str, beside: Collection[str] = ()) -> bool:
    """Say whether a name is that of a download under way, or of the file that such a one will become.

    Args:
        beside: all names in its folder.
    """
    lower = name.lower()
    return lower.endswith(UNFINISHED) or any(name + ending in beside for ending in UNFINISHED)


def meant(name: str) -> str:
    """Return the name that was meant: without ` (1)`, percent-encoding undone, and what was read as another script.

    `ink%20wash.safetensors` -> `ink wash.safetensors`; `model (1).safetensors` -> `model.safetensors`; Chinese that a
    program took for Latin letters (`æ°´å¢¨`), or that is no UTF-8 at all, becomes Chinese again.
    """
    name = _script(_decoded(name))
    stem, dot, ending = name.rpartition(".")
    if not dot or not ending.isalnum():
        stem, dot, ending = name, "", ""
    copy = _COPY.fullmatch(stem)
    return (copy[1] if copy and int(copy[2]) else stem) + dot + ending


def _decoded(name: str) -> str:
    if not _PERCENT.search(name):
        return name
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return name


def _script(name: str) -> str:
    """Undo a wrong reading of bytes where the right one leaves no doubt: it decodes, and to no Latin letters again."""
    if any(0xDC80 <= ord(character) <= 0xDCFF for character in name):  # no UTF-8: an old Chinese Windows
        return _read_as(name.encode("utf-8", "surrogateescape"), "gb18030") or name
    if name.isascii():
        return name
    for wrong in ("latin-1", "cp1252", "cp437"):
        try:
            raw = name.encode(wrong)
        except UnicodeEncodeError:
            continue
        found = _read_as(raw, "utf-8")
        if found:
            return found
    return name


def of_archive(name: str) -> str:
    """Return a zip member's name: without the flag for UTF-8 zipfile reads cp437, and it was UTF-8 or Chinese."""
    if name.isascii():
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    # Two Chinese characters of GBK are often valid UTF-8 as well (of Latin letters that nobody writes).
    readings = [_read_as(raw, "utf-8"), _read_as(raw, "gb18030")]
    chinese = [reading for reading in readings if reading and all(map(_is_plain_or_chinese, reading))]
    return next(iter(chinese), next((reading for reading in readings if reading), name))


def _is_plain_or_chinese(letter: str) -> bool:
    return letter.isascii() or "\u3000" <= letter <= "\u9fff" or "\uff00" <= letter <= "\uffef"


def _read_as(raw: bytes, encoding: str) -> str | None:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() and any(ord(character) > 0xFF for character in text) else None
