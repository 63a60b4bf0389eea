"""What a search looks into, folded once at writing so that a query is a plain substring test.

Chinese has no spaces, users search from two characters and mid-word (`shuimo` in `xlshuimov2`): the one semantics that
serves all of it is "occurs in", on text that is NFKC-normalised and case-folded. Both the SQL and the in-memory test
use the same strings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubman.core.library import Reading

SEPARATOR = "\n"
"""Between the parts of a text: cannot be typed into a query word, so no hit straddles two parts."""

MOST_TAGS = 400
"""Training tags that are searchable; the rest of a tag cloud is noise (and megabytes)."""

_NO_CHARACTERS = {0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}
"""What SQLite reads as U+FFFD, so that we do as well."""


@dataclass(frozen=True, slots=True)
class SearchText:
    """Folded text of a file: its name, its trigger words, tags, author, and everything else said about it."""

    name: str
    words: str
    tags: str
    author: str
    body: str


def fold(text: str) -> str:
    """Fold for comparison: compatibility forms (full-width letters), case, and runs of white space."""
    text = text.replace("\0", " ")  # ends a text for SQLite's tokenizers
    if text.isascii():  # has no compatibility forms: a third of the time
        return " ".join(text.lower().split())
    if "\ufffe" in text or "\uffff" in text:
        text = text.translate(_NO_CHARACTERS)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def search_text(name: str, reading: Reading) -> SearchText:
    """Gather what a file can be found by."""
    sidecar = reading.sidecar
    tags = [tag for tag, _ in reading.facts.tags[:MOST_TAGS]] if reading.facts else []
    return SearchText(
        name=fold(name),
        words=_folded(word.text for word in reading.triggers),
        tags=_folded((*sidecar.tags, *tags)),
        author=_folded([sidecar.author]),
        body=_folded([sidecar.name, sidecar.description, sidecar.notes, sidecar.base_model]),
    )


def _folded(parts: Iterable[str | None]) -> str:
    return SEPARATOR.join(fold(part) for part in parts if part)
