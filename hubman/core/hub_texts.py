"""What listings add to a content: its author's trigger words, and the texts that it is found by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hubman.core.hub import Listing
from hubman.core.plain import plain_text
from hubman.core.search_text import SEPARATOR, fold
from hubman.core.triggers import SCORES, split_words
from hubman.core.triggers.declared import words_as_triggers
from hubman.core.triggers.words import distinct
from hubman.core.types import Trigger

MOST_WORDS = 60
"""Trigger words of one content that are kept; who lists more lists whole prompts."""

MOST_BODY = 20_000
"""Letters of a description that are searchable."""

MOST_TAGS = 200


@dataclass(frozen=True, slots=True)
class HubTexts:
    """Folded texts, as core/search_text.py has them."""

    hub_tags: str = ""
    hub_author: str = ""
    hub_body: str = ""


def words_of(listings: Iterable[Listing]) -> tuple[Trigger, ...]:
    """Return the author's trigger words, those of the first listing first; words that describe any picture last."""
    found: dict[str, str] = {}
    for listing in listings:
        for word in distinct(word for text in listing.words for word in split_words(text)):
            found.setdefault(word, listing.hub)
    words = distinct(found)[:MOST_WORDS]
    ranked = words_as_triggers(words, "hub", SCORES["hub"])
    named = [Trigger(word.text, f"hub:{found[word.text]}", None, word.score) for word in ranked]
    return tuple(sorted(named, key=lambda word: -word.score))


def texts_of(listings: Sequence[Listing]) -> HubTexts:
    """Return what a content can be found by because of its listings."""
    return HubTexts(
        hub_tags=_folded(tag for listing in listings for tag in listing.tags[:MOST_TAGS]),
        hub_author=_folded(listing.author for listing in listings),
        hub_body=_folded(text for listing in listings for text in _body(listing)),
    )


def _body(listing: Listing) -> Iterable[str | None]:
    described = (plain_text(text)[:MOST_BODY] for text in (listing.description, listing.version_description))
    return (listing.name, listing.version_name, listing.base_model, *described)


def _folded(parts: Iterable[str | None]) -> str:
    return SEPARATOR.join(dict.fromkeys(folded for part in parts if part and (folded := fold(part))))
