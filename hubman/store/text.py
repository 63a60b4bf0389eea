"""Any file name in a UTF-8 database, and back.

A POSIX name that is no UTF-8 reaches Python with lone surrogates (surrogateescape, PEP 383: byte 0xXX is U+DCXX), which
SQLite cannot store. They are kept as characters of the private plane 16 and turned back on reading; any other lone
surrogate (broken JSON in a sidecar) becomes U+FFFD.
"""

from __future__ import annotations

import re

_PRIVATE = 0x10FE00
_LONE = re.compile("[\ud800-\udfff]")
_KEPT = re.compile(f"[{chr(_PRIVATE + 0x80)}-{chr(_PRIVATE + 0xFF)}]")


def pack(text: str) -> str:
    """Return a text that can be stored as UTF-8."""
    if text.isascii():
        return text
    return _LONE.sub(lambda match: _kept(ord(match[0])), text)


def _kept(code: int) -> str:
    return chr(_PRIVATE + code - 0xDC00) if 0xDC80 <= code <= 0xDCFF else "\ufffd"


def unpack(text: str) -> str:
    """Return the text that `pack` was given."""
    if text.isascii() or _KEPT.search(text) is None:
        return text
    return _KEPT.sub(lambda match: chr(ord(match[0]) - _PRIVATE + 0xDC00), text)
