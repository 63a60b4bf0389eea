"""One query term -> one SQL condition over `file f`, `search s`, and the latest verdict `v`. The twin of `matches`."""

from __future__ import annotations

import sqlite3

from hubman.core.query import PARENTS, Operator, Query, Term
from hubman.core.search_text import fold

_VERDICT_OK = "('ok', 'weak')"
_HAS = {
    "preview": "(f.preview IS NOT NULL OR v.preview IS NOT NULL)",
    "trigger": "s.words <> ''",
    "hash": "f.sha256 IS NOT NULL",
    "sidecar": "f.sidecar <> '{}'",
    "verdict": "v.verdict IS NOT NULL",
    "error": "f.error_reference IS NOT NULL",
}
_IS = {
    "unsafe": "f.safety = 'unsafe'",
    "suspicious": "f.safety = 'suspicious'",
    "safe": "f.safety = 'safe'",
    "broken": "f.error_reference IS NOT NULL",
    "missing": "f.present = 0",
    "ok": f"v.verdict IN {_VERDICT_OK}",
    "failed": f"(v.verdict IS NOT NULL AND v.verdict NOT IN {_VERDICT_OK})",
    "unvalidated": "v.verdict IS NULL",
}
_TEXT_COLUMNS = {"name": "s.name", "trigger": "s.words", "tag": "s.tags", "author": "s.author"}
_ALL_TEXTS = ("s.name", "s.words", "s.tags", "s.author", "s.body")
_PLAIN_COLUMNS = {
    "type": "f.kind",
    "algo": "f.algorithm",
    "size": "f.size",
    "added": "f.added_ns",
}
TEXT_FIELDS = ("text", *_TEXT_COLUMNS)
"""Fields that the table `search` answers."""

TRIGRAM = 3


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection what the conditions need beyond SQL: `fold`, for paths (SQLite's lower() knows ASCII only)."""
    connection.create_function("fold", 1, fold, deterministic=True)


def condition(query: Query) -> tuple[str, list[object]]:
    """Return a WHERE clause (without the word) and its parameters; "1" when everything matches."""
    clauses: list[str] = []
    values: list[object] = []
    for term in query.terms:
        clause, parameters = _clause(term)
        clauses.append(f"NOT coalesce(({clause}), 0)" if term.negated else f"({clause})")
        values += parameters
    return " AND ".join(clauses) or "1", values


def _clause(term: Term) -> tuple[str, list[object]]:
    if term.field == "text":
        return _anywhere(str(term.value))
    if term.field in _TEXT_COLUMNS:
        return f"instr({_TEXT_COLUMNS[term.field]}, ?) > 0", [term.value]
    if term.field == "has":
        return _HAS[str(term.value)], []
    if term.field == "is":
        return _IS[str(term.value)], []
    if term.field == "id":
        return "(instr(coalesce(f.sha256, ''), ?) > 0 OR instr(f.alias, ?) > 0)", [term.value, term.value]
    if term.field == "path":
        return "instr(fold(f.relpath), ?) > 0", [term.value]
    if term.field == "base":
        return _base(str(term.value))
    operator = "=" if term.operator is Operator.CONTAINS else term.operator.value
    return f"{_PLAIN_COLUMNS[term.field]} {operator} ?", [term.value]


def _base(wanted: str) -> tuple[str, list[object]]:
    """The architecture; where that is a set, any of the candidates (kept as `/sd1/sdxl/`)."""
    marks = ("/", "-", ".") if wanted in PARENTS else ("/",)
    several = " OR ".join(["instr(f.candidates, ?) > 0"] * len(marks))
    forms = " OR ".join(["f.architecture = ?", *["f.architecture GLOB ?"] * (len(marks) > 1)])
    values: list[object] = [wanted, *[f"{wanted}[-.]*"] * (len(marks) > 1), *(f"/{wanted}{mark}" for mark in marks)]
    return f"({forms}) OR (f.architecture IS NULL AND ({several}))", values


def _anywhere(word: str) -> tuple[str, list[object]]:
    """A word occurs in one of the texts. From three characters on, the trigram index narrows the rows first."""
    exact = "(" + " OR ".join(f"instr({text}, ?) > 0" for text in _ALL_TEXTS) + ")"
    values: list[object] = [word] * len(_ALL_TEXTS)
    if len(word) < TRIGRAM or not _indexable(word):
        return exact, values
    grams = sorted({word[start : start + TRIGRAM] for start in range(len(word) - TRIGRAM + 1)})
    match = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams)
    return f"s.file_id IN (SELECT rowid FROM search_fts WHERE search_fts MATCH ?) AND {exact}", [match, *values]


def _indexable(word: str) -> bool:
    """Leave words with control characters to the scan: FTS5 ends a query string at NUL."""
    return word.isprintable()


def order(query: Query) -> tuple[str, list[object]]:
    """Return an ORDER BY clause: by what the user asked, else names that equal, begin with, contain the first word."""
    direction = "DESC" if query.descending else "ASC"
    columns: dict[str, str] = {
        "name": "s.name",
        "added": "f.added_ns",
        "size": "f.size",
        "type": "f.kind",
        "base": "f.architecture",
    }
    if query.sort in columns:
        return f"{columns[query.sort]} {direction}, s.name, f.id", []
    if not query.words:
        return "s.name, f.id", []
    word = query.words[0]
    rank = (
        "CASE WHEN s.name = ? THEN 0 WHEN instr(s.name, ?) = 1 THEN 1 WHEN instr(s.name, ?) > 0 THEN 2 "
        "WHEN instr(s.words, ?) > 0 THEN 3 ELSE 4 END"
    )
    return f"{rank}, length(s.name), s.name, f.id", [word, word, word, word]
