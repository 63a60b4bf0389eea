"""Finding: a query -> the ids of its hits in order, and words near to one that occurs nowhere.

The index (migration 0002) holds the terms of three characters of every file's texts. It narrows the rows; what decides
is that a word occurs in a text, as `core.query.matches` says.
"""

from __future__ import annotations

import heapq
import re
import sqlite3
from collections.abc import Callable, Sequence

from hubman.core.query import Query
from hubman.store.conditions import (
    IDS,
    LAST,
    TRIGRAM,
    condition,
    grams_of,
    narrowing,
    order,
    quoted,
    relevance,
    texts_of,
)

Ask = Callable[[str, Sequence[object]], sqlite3.Cursor]

LATEST_VERDICT = """ LEFT JOIN verdict v ON v.id = (
    SELECT w.id FROM verdict w WHERE w.subject = coalesce(f.sha256, f.alias)
    ORDER BY w.made_ns DESC, w.id DESC LIMIT 1)"""

SHORT_LIMIT = 40_000
"""Occurrences of a word of one or two characters from which looking at every row is cheaper than the index."""

TEXTS_LIMIT = 200
"""Rows that are looked at for what stands before a piece of a word."""

POPULAR = 1000
"""From this many files on one word is as common as another."""

_EVERYWHERE = " || char(10) || ".join(
    f"s.{column}" for column in ("name", "words", "own_tags", "tags", "author", "body", "note")
)


def hit_ids(ask: Ask, query: Query, limit: int | None = None) -> tuple[int, list[int]]:
    """Return (number of all hits, file ids of the first `limit` in order). Files that are gone need `is:missing`."""
    if query.sort == "relevance" and query.words:
        return _ranked(ask, query, limit)
    where, values = condition(query)
    tables, narrow, parameters = _tables(ask, query, where + order(query))
    rows = ask(f"SELECT f.id {tables} WHERE {narrow} AND {where} ORDER BY {order(query)}", [*parameters, *values])
    found = [row[0] for row in rows]
    return len(found), found[:limit]


def _ranked(ask: Ask, query: Query, limit: int | None) -> tuple[int, list[int]]:
    rank, ranks = relevance(query.words)
    where, values = condition(query, found=True)
    tables, narrow, parameters = _tables(ask, query, where)
    rows = ask(f"SELECT {rank} {tables} WHERE {narrow} AND {where}", [*ranks, *parameters, *values])
    keys = [row[0] for row in rows if row[0] is not None]
    if query.descending:
        best = sorted(keys, reverse=True)[:limit]
    else:
        best = sorted(keys) if limit is None else heapq.nsmallest(limit, keys)
    return len(keys), [-key % IDS for key in best]


def _tables(ask: Ask, query: Query, used: str) -> tuple[str, str, list[object]]:
    """Return FROM, the conditions that narrow, and their parameters; only the tables that `used` speaks of are read.

    A row of `file` is a page of the database, so words alone are answered without it.
    """
    missing = any(term.field == "is" and term.value == "missing" for term in query.terms)
    words = texts_of(query)
    verdicts = LATEST_VERDICT if "v." in used else ""
    if not words:
        search = " LEFT JOIN search s ON s.file_id = f.id" if "s." in used else ""
        return f"FROM file f{search}{verdicts}", "1" if missing else "f.present = 1", []
    clauses = narrowing(words, lambda word: _occurrences(ask, word) < SHORT_LIMIT)
    present = [] if missing else ["s.file_id NOT IN (SELECT id FROM file WHERE present = 0)"]
    file = (
        " CROSS JOIN file f ON f.id = s.file_id" if "f." in used or verdicts else ""
    )  # CROSS: SQLite keeps this order
    narrow = " AND ".join([*(clause for clause, _ in clauses), *present]) or "1"
    return f"FROM search s{file}{verdicts}", narrow, [value for _, values in clauses for value in values]


def _occurrences(ask: Ask, short: str) -> int:
    """Return in how many (term, file) pairs of the index a word of one or two characters is found."""
    row = ask("SELECT sum(doc) FROM search_fts_counts WHERE term BETWEEN ? AND ?", [short, short + LAST]).fetchone()
    return int(row[0] or 0)


class Vocabulary:
    """What occurs in the texts of the library, for `core.typo.near_words`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def occurs(self, text: str) -> bool:
        """Say whether a folded text occurs anywhere."""
        if len(text) < TRIGRAM:
            question = "SELECT 1 FROM search_fts_counts WHERE term BETWEEN ? AND ? LIMIT 1"
            return self._ask(question, [text, text + LAST]).fetchone() is not None
        return self._some(text, f"instr({_EVERYWHERE}, ?) > 0", 1) != []

    def files(self, text: str) -> int:
        """Return in how many files a text (of three characters or more) is likely to occur, at most POPULAR."""
        question = "SELECT count(*) FROM (SELECT 1 FROM search_fts WHERE search_fts MATCH ? LIMIT ?)"
        return int(self._ask(question, [_match(text), POPULAR]).fetchone()[0])

    def between(self, before: str, after: str) -> set[str]:
        """Return the characters that may stand between two pieces: those with which they make terms of the index."""
        if len(before) >= TRIGRAM - 1:
            found = {term[-1] for term in self._terms(before[-2:])}
        elif before:
            found = {term[1] for term in self._terms(before) if term[2] == after[:1]}
        else:
            return self._leading(after)
        if len(after) >= TRIGRAM - 1:
            found = {character for character in found if self.occurs(character + after[:2])}
        return found

    def _terms(self, start: str) -> list[str]:
        rows = self._ask("SELECT term FROM search_fts_counts WHERE term BETWEEN ? AND ?", [start, start + LAST])
        return [str(row[0]) for row in rows]

    def _leading(self, after: str) -> set[str]:
        """Return the characters that stand before a piece of a word in some of the files that have it."""
        if len(after) >= TRIGRAM:
            texts = self._some(after, f"instr({_EVERYWHERE}, ?) > 1", TEXTS_LIMIT)
        else:
            texts = self._short(after)
        return {match[1] for text in texts for match in re.finditer(f"(\\S){re.escape(after)}", text)}

    def _some(self, text: str, condition: str, limit: int) -> list[str]:
        rows = self._ask(
            f"SELECT {_EVERYWHERE} FROM search_fts x CROSS JOIN search s ON s.file_id = x.rowid "
            f"WHERE x.search_fts MATCH ? AND {condition} LIMIT {limit}",
            [_match(text), text],
        )
        return [str(row[0]) for row in rows]

    def _short(self, text: str) -> list[str]:
        rows = self._ask(
            f"SELECT {_EVERYWHERE} FROM (SELECT doc FROM search_fts_terms WHERE term BETWEEN ? AND ? "
            f"LIMIT {TEXTS_LIMIT}) x CROSS JOIN search s ON s.file_id = x.doc",
            [text, text + LAST],
        )
        return [str(row[0]) for row in rows]


def _match(text: str) -> str:
    return " AND ".join(quoted(gram) for gram in dict.fromkeys(grams_of(text)))
