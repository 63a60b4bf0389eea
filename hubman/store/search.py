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

MOST_ASKED = 4
"""Terms of one question about a suggestion."""

ROWS_LOOKED_AT = 40
"""Files whose texts are read to see whether a word is in them, when it is only a suggestion."""

POPULAR = 500
"""From this many files on one word is as common as another."""

LATIN = "abcdefghijklmnopqrstuvwxyz0123456789"

_TEXT = " || char(10) || ".join(
    f"s.{column}"
    for column in ("name", "words", "own_tags", "tags", "author", "body", "note", "hub_tags", "hub_author", "hub_body")
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


def has_hits(ask: Ask, query: Query) -> bool:
    """Say whether a query has any hit; the first one is enough."""
    where, values = condition(query)
    tables, narrow, parameters = _tables(ask, query, where)
    return ask(f"SELECT 1 {tables} WHERE {narrow} AND {where} LIMIT 1", [*parameters, *values]).fetchone() is not None


class Vocabulary:
    """What occurs in the texts of the library, for `core.typo.near_words`.

    Every answer costs a bounded number of steps: a text that the index cannot exclude is looked for in the first
    ROWS_LOOKED_AT files that it may be in.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def occurs(self, text: str) -> bool:
        """Say whether a folded text occurs in the library (as far as it is looked for)."""
        if len(text) < TRIGRAM:
            question = "SELECT 1 FROM search_fts_terms WHERE term BETWEEN ? AND ? LIMIT 1"
            return self._ask(question, [text, text + LAST]).fetchone() is not None
        if len(text) == TRIGRAM:
            return self._is_term(text)
        question = (
            f"SELECT 1 FROM ({_FIRST_FILES}) x CROSS JOIN search s ON s.file_id = x.id WHERE instr({_TEXT}, ?) LIMIT 1"
        )
        return self._ask(question, [_match(text), ROWS_LOOKED_AT, text]).fetchone() is not None

    def files(self, text: str) -> int:
        """Return in how many files a text of three characters or more is likely to occur, at most POPULAR."""
        return int(self._ask(f"SELECT count(*) FROM ({_FIRST_FILES})", [_match(text), POPULAR]).fetchone()[0])

    def between(self, before: str, after: str) -> set[str]:
        """Return the characters that may stand between two pieces: those with which they make terms of the index."""
        last, first = before[1 - TRIGRAM :], after[: TRIGRAM - 1]
        if (last + first).isascii():
            found = set(LATIN)
        elif len(last) == TRIGRAM - 1:
            found = {term[-1] for term in self._terms(last)}
        elif last:
            found = {term[1] for term in self._terms(last) if term[2] == after[:1]}
        else:
            found = self._leading(first)
        text = {character: (last + character + first) for character in found if not character.isspace()}
        return {character for character, part in text.items() if all(map(self._is_term, grams_of(part)))}

    def _is_term(self, gram: str) -> bool:
        question = "SELECT 1 FROM search_fts WHERE search_fts MATCH ? LIMIT 1"
        return self._ask(question, [quoted(gram)]).fetchone() is not None

    def _terms(self, start: str) -> list[str]:
        rows = self._ask("SELECT term FROM search_fts_counts WHERE term BETWEEN ? AND ?", [start, start + LAST])
        return [str(row[0]) for row in rows]

    def _leading(self, after: str) -> set[str]:
        """Return the characters that stand before a piece of two in some of the files that have it."""
        rows = self._ask(
            f"SELECT {_TEXT} FROM (SELECT doc FROM search_fts_terms WHERE term BETWEEN ? AND ? LIMIT ?) x "
            "CROSS JOIN search s ON s.file_id = x.doc",
            [after, after + LAST, ROWS_LOOKED_AT],
        )
        return {match[1] for row in rows for match in re.finditer(f"(\\S){re.escape(after)}", str(row[0]))}


_FIRST_FILES = "SELECT rowid AS id FROM search_fts WHERE search_fts MATCH ? LIMIT ?"


def _match(text: str) -> str:
    """Ask for some of a text's terms, from its beginning to its end: all of them take longer and tell little more."""
    grams = grams_of(text)
    step = -(-len(grams) // MOST_ASKED)
    return " AND ".join(map(quoted, dict.fromkeys([*grams[::step], grams[-1]])))
