"""The query decided in memory, for one file: the truth that the SQL of the store is tested against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hubman.core.query import TEXTS, Operator, Query, Term, is_base
from hubman.core.search_text import fold


@dataclass(frozen=True, slots=True)
class Searchable:
    """What `matches` looks at: the folded texts and the plain columns of one file."""

    name: str
    words: str
    tags: str = ""
    author: str = ""
    body: str = ""
    own_tags: str = ""
    note: str = ""
    columns: Mapping[str, object] = field(default_factory=dict)
    hub_tags: str = ""
    hub_author: str = ""
    hub_body: str = ""


def matches(query: Query, row: Searchable) -> bool:
    """Decide in memory what the SQL of the store decides in the database."""
    return all(_holds(term, row) != term.negated for term in query.terms)


def _holds(term: Term, row: Searchable) -> bool:
    if term.field in TEXTS:
        return any(str(term.value) in getattr(row, name) for name in TEXTS[term.field])
    value = row.columns.get(term.field)
    if term.field == "base":
        several = row.columns.get("candidates")
        names = [value] if value else several if isinstance(several, (list, tuple)) else []
        return any(is_base(str(term.value), str(name)) for name in names)
    if term.field == "hub":
        return isinstance(value, (list, tuple)) and term.value in value
    if term.field == "path":
        return str(term.value) in fold(str(value or ""))
    if term.operator is Operator.CONTAINS:
        return str(term.value) in str(value or "")
    if term.field == "has":
        return bool(row.columns.get(f"has-{term.value}"))
    if term.field == "is":
        return bool(row.columns.get(f"is-{term.value}"))
    if isinstance(term.value, int) and isinstance(value, int):
        return _compare(term.operator, value, term.value)
    return value == term.value


def _compare(operator: Operator, left: int, right: int) -> bool:
    return {
        Operator.MORE: left > right,
        Operator.LESS: left < right,
        Operator.AT_LEAST: left >= right,
        Operator.AT_MOST: left <= right,
    }.get(operator, left == right)
