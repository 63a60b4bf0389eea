"""One query term -> one SQL condition over `file f`, `search s`, and the latest verdict `v`. The twin of `matches`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from hubman.core.listed import MATURE
from hubman.core.query import PARENTS, TEXTS, Operator, Query, Term
from hubman.core.search_text import fold

_VERDICT_OK = "('ok', 'weak')"
_HAS = {
    "preview": "(f.preview IS NOT NULL OR v.preview IS NOT NULL OR EXISTS (SELECT 1 FROM blob b "
    "WHERE b.sha256 = f.sha256 AND b.hub_preview IS NOT NULL))",
    "trigger": "s.words <> ''",
    "hash": "f.sha256 IS NOT NULL",
    "sidecar": "f.has_sidecar",
    "verdict": "v.verdict IS NOT NULL",
    "error": "f.error_reference IS NOT NULL",
    "note": "s.note <> ''",
    "rating": "s.rating IS NOT NULL",
    "hub": "EXISTS (SELECT 1 FROM provenance p WHERE p.sha256 = f.sha256)",
}
_LISTED = (
    "EXISTS (SELECT 1 FROM provenance p JOIN listing l ON l.hub = p.hub AND l.model_id = p.model_id "
    "AND l.version_id = p.version_id WHERE p.sha256 = f.sha256 AND {})"
)
_IS = {
    "fav": "s.favourite",
    "unsafe": "f.safety = 'unsafe'",
    "suspicious": "f.safety = 'suspicious'",
    "safe": "f.safety = 'safe'",
    "broken": "f.error_reference IS NOT NULL",
    "missing": "f.present = 0",
    "ok": f"v.verdict IN {_VERDICT_OK}",
    "failed": f"(v.verdict IS NOT NULL AND v.verdict NOT IN {_VERDICT_OK})",
    "unvalidated": "v.verdict IS NULL",
    "outdated": "EXISTS (SELECT 1 FROM provenance p WHERE p.sha256 = f.sha256 AND p.newer IS NOT NULL)",
    "gone": _LISTED.format("(l.gone_ns IS NOT NULL OR l.deleted)"),
    "nsfw": _LISTED.format(f"l.nsfw >= {MATURE}"),
    "pinned": "EXISTS (SELECT 1 FROM user_pin k WHERE k.subject = coalesce(f.sha256, f.alias))",
}
_PLAIN_COLUMNS = {
    "type": "f.kind",
    "lineage": "f.lineage",
    "algo": "f.algorithm",
    "size": "f.size",
    "added": "f.added_ns",
    "rating": "s.rating",
}
_SORT_COLUMNS = {
    "name": "s.name",
    "added": "f.added_ns",
    "size": "f.size",
    "type": "f.kind",
    "base": "f.architecture",
    "rating": "s.rating",
}

TRIGRAM = 3
"""Characters of a term of the index."""

MOST_GRAMS = 64
"""Terms of one question to the index: they only narrow, and FTS5 combines no more than some hundreds."""

LAST = chr(0x10FFFF) * 2
"""Put behind a word it is no less than whatever begins with the word."""


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection what the conditions need beyond SQL: `fold`, for paths (SQLite's lower() knows ASCII only)."""
    connection.create_function("fold", 1, fold, deterministic=True)


def condition(query: Query, *, found: bool = False) -> tuple[str, list[object]]:
    """Return a WHERE clause (without the word) and its parameters; "1" when everything matches.

    `found`: leave out that the bare words occur, for `relevance` tells that as well.
    """
    clauses: list[str] = []
    values: list[object] = []
    for term in query.terms:
        if found and term.field == "text" and not term.negated:
            continue
        clause, parameters = _clause(term)
        clauses.append(f"NOT coalesce(({clause}), 0)" if term.negated else f"({clause})")
        values += parameters
    return " AND ".join(clauses) or "1", values


def texts_of(query: Query) -> list[str]:
    """Return the words that must occur somewhere in the texts of a file."""
    return [str(term.value) for term in query.terms if term.field in TEXTS and term.value and not term.negated]


def narrowing(words: Iterable[str], is_rare: Callable[[str], bool]) -> list[tuple[str, list[object]]]:
    """Return conditions that the index answers, as (clause, parameters): they hold for every file that has the words.

    All words of three characters and more become one question for the terms that they are made of; a shorter word is
    the beginning of some terms. `is_rare` says of a short word whether the index is cheaper than looking at every row.
    """
    words = list(dict.fromkeys(words))
    grams = dict.fromkeys(gram for word in words for gram in grams_of(word))
    clauses: list[tuple[str, list[object]]] = []
    if grams:
        match = " AND ".join(map(quoted, list(grams)[:MOST_GRAMS]))
        clauses.append(("s.file_id IN (SELECT rowid FROM search_fts WHERE search_fts MATCH ?)", [match]))
    for word in words:
        if len(word) < TRIGRAM and not (grams and word.isascii()) and is_rare(word):
            narrow = "s.file_id IN (SELECT doc FROM search_fts_terms WHERE term BETWEEN ? AND ?)"
            clauses.append((narrow, [word, word + LAST]))
    return clauses


def grams_of(word: str) -> list[str]:
    """Return the terms of the index that a word is made of; none for a word of one or two characters."""
    return [word[start : start + TRIGRAM] for start in range(len(word) - TRIGRAM + 1)]


def quoted(gram: str) -> str:
    """Write a term in FTS5's language."""
    return '"' + gram.replace('"', '""') + '"'


def _clause(term: Term) -> tuple[str, list[object]]:
    if term.field in TEXTS:
        columns = TEXTS[term.field]
        return " OR ".join(f"instr(s.{column}, ?) > 0" for column in columns), [term.value] * len(columns)
    if term.field == "has":
        return _HAS[str(term.value)], []
    if term.field == "is":
        return _IS[str(term.value)], []
    if term.field == "id":
        return "(instr(coalesce(f.sha256, ''), ?) > 0 OR instr(f.alias, ?) > 0)", [term.value, term.value]
    if term.field == "hub":
        return "EXISTS (SELECT 1 FROM provenance p WHERE p.sha256 = f.sha256 AND p.hub = ?)", [term.value]
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


def order(query: Query) -> str:
    """Return an ORDER BY clause for what the user asked; what has no value comes last, either way round."""
    direction = "DESC" if query.descending else "ASC"
    column = _SORT_COLUMNS.get(query.sort)
    if column is None:
        return f"s.name {direction}, f.id"
    return f"{column} IS NULL, {column} {direction}, s.name, f.id"


REGARD = 12
"""Steps that a favourite (6) and its rating (0 to 5) lie above a file that the user said nothing about."""

IDS = 1 << 40
"""More than there are files."""


def relevance(words: Sequence[str]) -> tuple[str, list[object]]:
    """Return one number per file, NULL where a word does not occur, the lower the better (docs/search.md).

    For each word: 0 it is the name, 1 the name begins with it, 2 a word of the name does, 3 the name contains it,
    4 a trigger word, 5 the user's tag, 6 another tag, 7 author, description or note; added up. Then what the user
    likes, then the newest: `number % IDS` is the file's id, counted backwards. One number per hit, since sorting
    40,000 rows of several columns takes longer than finding them.
    """
    tiers = " + ".join([_TIER] * len(words))
    values: list[object] = []
    for word in words:
        spaced = " " + _spaced(word)
        values += [word, word, word, spaced, *[word] * 9]
    regard = f"{REGARD} - 6 * s.favourite - coalesce(s.rating, 0)"
    return f"(({tiers}) * {REGARD + 1} + {regard}) * {IDS} - s.file_id", values


_TIER = """CASE
    WHEN instr(s.name, ?) THEN CASE
        WHEN s.name = ? THEN 0 WHEN instr(s.name, ?) = 1 THEN 1
        WHEN instr(replace(replace(replace(s.name, '_', ' '), '-', ' '), '.', ' '), ?) THEN 2 ELSE 3 END
    WHEN instr(s.words, ?) THEN 4 WHEN instr(s.own_tags, ?) THEN 5 WHEN instr(s.tags, ?) OR instr(s.hub_tags, ?) THEN 6
    WHEN instr(s.author, ?) OR instr(s.body, ?) OR instr(s.note, ?) OR instr(s.hub_author, ?) OR instr(s.hub_body, ?)
    THEN 7 END"""


def _spaced(word: str) -> str:
    return word.replace("_", " ").replace("-", " ").replace(".", " ")
