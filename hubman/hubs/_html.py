"""Descriptions that strangers wrote, made harmless: HTML through nh3 (plain text of it: core/plain.py)."""

from __future__ import annotations

import nh3

from hubman.core.plain import plain_text as plain_text

MOST_HTML = 200_000
"""Letters of a description that are looked at; the longest real ones have some 60,000."""

_TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p",
    "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip


def safe_html(text: object) -> str:
    """Return a description without anything that runs, loads or tracks: no script, style, image, frame, form.

    Links keep http(s) addresses only and get `rel="noopener noreferrer nofollow"`. What is no text is "".
    """
    if not isinstance(text, str) or not text.strip():
        return ""
    cleaned: str = nh3.clean(
        text[:MOST_HTML], tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow", strip_comments=True,
    )  # fmt: skip
    return cleaned.strip()
