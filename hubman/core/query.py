"""The one query grammar: `ink type:lora base:sdxl -tag:nsfw size:>200mb added:<7d has:preview sort:-added "two words"`.

Text -> a flat list of terms that must all hold. The store turns a term into SQL, core/matching.py decides the same in
memory; a property test holds the two together. A bare word holds when it occurs anywhere in name, trigger words, tags,
author, description or note (folded: docs/search.md), so two Chinese characters and the middle of a word hit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from hubman.core.search_text import fold
from hubman.errors import N_, UsageError

SIZE_UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12,
              "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}  # fmt: skip
AGE_UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400, "m": 30 * 86400, "y": 365 * 86400}
SORTS = ("name", "added", "size", "type", "base", "rating", "relevance")
HAS = ("preview", "trigger", "hash", "sidecar", "verdict", "error", "note", "rating", "hub")
IS = (
    *("fav", "unsafe", "suspicious", "safe", "broken", "missing", "ok", "failed", "unvalidated"),
    *("outdated", "gone", "pinned", "nsfw"),
)
BASE_NAMES = {
    "sd1.5": "sd1",
    "sd15": "sd1",
    "sd 1.5": "sd1",
    "sd2.1": "sd2",
    "sd21": "sd2",
    "xl": "sdxl",
    "flux": "flux1",
    "qwen": "qwen-image",
    "zimage": "z-image",
    "hunyuan": "hunyuan-video",
    "ltx": "ltx-video",
    "cascade": "stable-cascade",
}
"""What people write for an architecture."""

HUB_NAMES = {"hf": "huggingface", "liblibai": "liblib", "哩布": "liblib", "哩布哩布": "liblib", "魔搭": "modelscope"}
"""What people write for a hub."""

FIELDS = (
    *("type", "kind", "base", "lineage", "algo", "tag", "trigger", "name", "path", "author", "note", "size", "added"),
    *("rating", "has", "is", "id", "hub", "sort"),
)
ALIASES = {"kind": "type"}
"""Another name of a field."""

MOST_TERMS = 100
"""Conditions in one query: SQLite's expressions may be 1000 deep, and nobody types so many."""

LARGEST = 2**63 - 1
"""The largest number that the database compares; a larger one in a query means the same."""

TEXTS: Mapping[str, tuple[str, ...]] = {
    "text": (
        *("name", "words", "own_tags", "tags", "author", "body", "note"),
        *("hub_tags", "hub_author", "hub_body"),
    ),
    "name": ("name",),
    "trigger": ("words",),
    "tag": ("tags", "own_tags", "hub_tags"),
    "author": ("author", "hub_author"),
    "note": ("note",),
}
"""The fields that look into folded texts, and into which of them (core/matching.py)."""

_TOKEN = re.compile(r'(?P<minus>-)?(?:(?P<field>[a-z]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>\S+))')
_NUMBER = r"^(?P<op>>=|<=|>|<|=)?(?P<number>\d+(?:\.\d+)?)(?P<unit>[a-z]*)$"


class Operator(StrEnum):
    """How a term compares. CONTAINS is substring on folded text, EQUALS is whole-value."""

    CONTAINS = "contains"
    EQUALS = "="
    MORE = ">"
    LESS = "<"
    AT_LEAST = ">="
    AT_MOST = "<="


class Term(NamedTuple):
    """One condition. `field` is "text" for a bare word. `value` is folded text, or a number for size, added, rating."""

    field: str
    operator: Operator
    value: str | int
    negated: bool = False


class Query(NamedTuple):
    """All terms must hold. `sort` is a name of SORTS; `descending` turns it round."""

    terms: tuple[Term, ...] = ()
    sort: str = "relevance"
    descending: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The bare words that must occur, as the ranking uses them."""
        return tuple(str(t.value) for t in self.terms if t.field == "text" and not t.negated)


PARENTS = ("sd3", "wan", "flux2")
"""Architectures with forms that differ only in size: `base:wan` finds `wan-2.1` and `wan-2.2`."""


def is_base(wanted: str, name: str) -> bool:
    """Whether an architecture is the one asked for, or a form of it."""
    return name == wanted or (wanted in PARENTS and name.startswith((wanted + "-", wanted + ".")))


def query_text(words: Sequence[str]) -> str:
    """Join the words of a shell into a query: one that holds white space gets its quotes back."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if '"' in word or len(word.split()) < 2:
        return word
    minus = "-" if word.startswith("-") and not word[1].isspace() else ""
    name, colon, value = word.removeprefix(minus).partition(":")
    if colon and name in FIELDS:
        return f'{minus}{name}:"{value}"'
    return f'{minus}"{word.removeprefix(minus)}"'


def parse_query(text: str, now_ns: int) -> Query:
    """Parse a query.

    Args:
        text: what the user typed.
        now_ns: the time that `added:<7d` counts back from.

    Raises:
        UsageError: `query-invalid`, an unknown field, value or sort order, with what would work; too many conditions.
    """
    terms: list[Term] = []
    sort, descending = "relevance", False
    for match in _TOKEN.finditer(text):
        name = match["field"]
        value = match["phrase"] if match["phrase"] is not None else match["word"]
        if name == "sort":
            sort, descending = _sort(value)
        elif name is None:
            terms += _bare(value, negated=bool(match["minus"]))
        elif name in FIELDS:
            terms.append(_field(name, value, now_ns, negated=bool(match["minus"])))
        elif match["phrase"] is None and not value.startswith("//"):
            raise _invalid(N_("{value!r}: there is no such field."), f"{name}:{value}", FIELDS)
        else:
            terms += _bare(f"{name}:{value}", negated=bool(match["minus"]))
    if len(terms) > MOST_TERMS:
        raise _too_many(len(terms))
    return Query(tuple(terms), sort, descending)


def replaced(text: str, word: str, better: str) -> str:
    """Return a query's text with each bare word that folds to `word` written as `better`."""

    def write(match: re.Match[str]) -> str:
        value = match["phrase"] if match["phrase"] is not None else match["word"]
        if match["minus"] or match["field"] or fold(value) != word:
            return match[0]
        return f'"{better}"' if match["phrase"] is not None or " " in better else better

    return _TOKEN.sub(write, text)


def _too_many(count: int) -> UsageError:
    return UsageError(
        "query-invalid",
        N_("{count} conditions in one query are more than hubman can take ({most})."),
        hint=N_("Leave some out, or put words that belong together in quotes."),
        count=count,
        most=MOST_TERMS,
    )


def _bare(value: str, *, negated: bool) -> list[Term]:
    folded = fold(value)
    return [Term("text", Operator.CONTAINS, folded, negated)] if folded else []


def _sort(value: str) -> tuple[str, bool]:
    name = value.removeprefix("-")
    if name not in SORTS:
        raise _invalid(N_("{value!r}: there is no such order."), f"sort:{value}", SORTS)
    return name, value.startswith("-")


def _field(name: str, value: str, now_ns: int, *, negated: bool) -> Term:
    name = ALIASES.get(name, name)
    if name == "size":
        operator, number = _number(value, SIZE_UNITS, "size:>200mb")
        return Term(name, operator, _clamped(number), negated)
    if name == "rating":
        operator, number = _number(value, {"": 1}, "rating:>=4")
        if "." in value:
            raise _no_amount(value, "rating:>=4")
        return Term(name, operator, _clamped(number), negated)
    if name == "added":
        operator, seconds = _number(value, AGE_UNITS, "added:<7d")
        moment = now_ns - _clamped(seconds * 1e9)
        # "younger than" means a later moment: turn the comparison round.
        return Term(name, _TURNED[operator], moment, negated)
    if name == "has" and value not in HAS:
        raise _invalid(N_("{value!r}: there is no such condition."), f"has:{value}", HAS)
    if name == "is" and value not in IS:
        raise _invalid(N_("{value!r}: there is no such condition."), f"is:{value}", IS)
    if name == "base":
        value = BASE_NAMES.get(fold(value), value)
    if name == "hub":
        value = HUB_NAMES.get(fold(value), value)
    exact = name in ("type", "base", "lineage", "algo", "has", "is", "hub")
    return Term(name, Operator.EQUALS if exact else Operator.CONTAINS, fold(value), negated)


_TURNED = {
    Operator.LESS: Operator.MORE,
    Operator.MORE: Operator.LESS,
    Operator.AT_LEAST: Operator.AT_MOST,
    Operator.AT_MOST: Operator.AT_LEAST,
    Operator.EQUALS: Operator.EQUALS,
}


def _number(value: str, units: Mapping[str, int], example: str) -> tuple[Operator, float]:
    match = re.match(_NUMBER, value.lower())
    if match is None or match["unit"] not in units:
        raise _no_amount(value, example)
    operator = Operator(match["op"] or "=")
    return operator, float(match["number"]) * units[match["unit"]]


def _no_amount(value: str, example: str) -> UsageError:
    return UsageError(
        "query-invalid",
        N_("{value!r} is no amount that hubman can compare."),
        hint=N_("Write it like {example}."),
        value=value,
        example=example,
    )


def _clamped(number: float) -> int:
    return LARGEST if number >= LARGEST else int(number)


def _invalid(message: str, value: str, choices: tuple[str, ...]) -> UsageError:
    return UsageError(
        "query-invalid",
        message,
        hint=N_("Known: {choices}. To search for the text itself, put it in quotes."),
        value=value,
        choices=", ".join(choices),
    )
