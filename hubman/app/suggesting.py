"""What a query without a hit may have meant. It is never run in place of what was typed."""

from __future__ import annotations

from hubman.core.query import Query, parse_query, replaced
from hubman.core.typo import near_words
from hubman.store.reader import Reader

MOST_WORDS = 3
"""Words of one query that are looked at: each costs some dozens of questions to the index."""

MOST = 3
"""Suggestions that are made."""


def suggestions(reader: Reader, text: str, now_ns: int) -> list[str]:
    """Return queries near to one that has no hit, each with hits, the likeliest first.

    Each bare word that occurs nowhere is written as a near word that does; a query whose words all occur has none.
    """
    texts = reader.texts
    unknown = [word for word in dict.fromkeys(parse_query(text, now_ns).words) if not texts.occurs(word)]
    if not unknown or len(unknown) > MOST_WORDS:
        return []
    queries = [text]
    for word in unknown:
        near = near_words(word, texts)[:MOST]
        queries = [replaced(query, word, better) for better in near for query in queries]
    return [query for query in queries[: MOST * MOST] if _has_hits(reader, parse_query(query, now_ns))][:MOST]


def _has_hits(reader: Reader, query: Query) -> bool:
    return next(iter(reader.hit_names(query, 1)), None) is not None
