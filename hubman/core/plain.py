"""Safe HTML (hubs/_html.py) as plain text: for terminals, and for what a search looks into."""

from __future__ import annotations

import html
import re

_BREAKS = re.compile(r"<(?:br|hr|/p|/li|/h[1-6]|/tr|/blockquote|/pre)\b[^>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^>]*>")


def plain_text(safe: str) -> str:
    """Return what a person would read of safe HTML, with line ends between its paragraphs."""
    text = html.unescape(_ANY_TAG.sub("", _BREAKS.sub("\n", safe)))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
