"""What a query without a hit may have meant. It is never run in place of what was typed."""

from __future__ import annotations

from hubman.core.query import Operator, Query, Term, parse_query, replaced
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
    words = dict.fromkeys(parse_query(text, now_ns).words)
    unknown = [word for word in words if not reader.has_hits(Query((Term("text", Operator.CONTAINS, word),)))]
    if not unknown or len(unknown) > MOST_WORDS:
        return []
    queries = [text]
    for word in unknown:
        near = near_words(word, texts)[:MOST]
        queries = [replaced(query, word, better) for better in near for query in queries]
    tried = queries[: MOST * MOST]
    return [query for query in tried if query != text and reader.has_hits(parse_query(query, now_ns))][:MOST]
