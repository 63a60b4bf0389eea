"""What a trigger word looks like: splitting the fields that people type, and cleaning what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hubman.core.general_words import is_never
from hubman.core.listed import same as same

MAX_TEXT = 200
MAX_WORDS = 12
"""An author's phrase may be a short sentence; more words than this are a whole prompt."""

NOTHING = frozenset({"", "none", "null", "n/a", "na", "nan", "false", "true", "-", "undefined", "unknown", "nil", "no"})

_NETWORK_TAG = re.compile(r"<(?:lora|lyco|lycoris|hypernet|hypernetwork|embedding)\s*:[^>]*>", re.IGNORECASE)
_SEPARATORS = re.compile(r"[,，、；\n\r\t]|;\s|\|\||(?<!\S)(?:BREAK|AND)(?!\S)")
_WEIGHTED = re.compile(r"(?P<word>.+?)\s*:\s*-?\d*\.?\d+\s*[)\]}]*\Z")
_LEAD = re.compile(r"(?:[-*•·]\s+|\d{1,2}[.)]\s+)")
_HTML = re.compile(r"<(?:/?(?:p|br|b|i|u|em|strong|span|div|a|ul|ol|li|h[1-6]|code|pre|hr|img)\b[^>]*)>", re.IGNORECASE)
_QUOTES = "\"'`“”‘’「」『』«» "


def squeeze(text: str) -> str:
    """Keep letters and digits only, so that `Soraka_Classic-000010` can be compared with `soraka classic`."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def is_word(text: str) -> bool:
    """Whether a declared word can be one: neither empty nor "None", a count, a grade, or a whole prompt."""
    plain = text.strip()
    if not plain or plain.lower() in NOTHING or len(plain) > MAX_TEXT or len(plain.split()) > MAX_WORDS:
        return False
    return any(letter.isalnum() for letter in plain) and not is_never(plain)


def clean(text: str) -> str:
    """Strip what is syntax of a prompt and not the word: weights, brackets, quotes, list marks, spare spaces."""
    word = " ".join(_LEAD.sub("", text.replace("\u00a0", " ").replace("**", ""), count=1).split()).strip(_QUOTES)
    for _ in range(4):
        before = word
        if weighted := _WEIGHTED.match(word):
            word = weighted["word"]
        word = _unbalanced(_unwrapped(word)).strip(_QUOTES).strip("|").strip()
        if word == before:
            break
    return word


def _unwrapped(word: str) -> str:
    """Take off brackets around the whole: `((word))`, `[word]`, `{word}`, but not those of `(a) b (c)` or `\\(`."""
    while len(word) > 2 and (pair := word[0] + word[-1]) in ("()", "[]", "{}") and word[-2] != "\\":
        depth = 0
        for place, letter in enumerate(word):
            depth += (letter == pair[0]) - (letter == pair[1])
            if depth == 0 and place < len(word) - 1:
                return word
        word = word[1:-1].strip()
    return word


def _unbalanced(word: str) -> str:
    """`(red hair, blue eyes:1.2)` is split at its comma: one half keeps a bracket without its partner."""
    plain = word.replace("\\(", "").replace("\\)", "")
    if plain.count("(") > plain.count(")") and word.startswith("("):
        word = word.lstrip("(")
    elif plain.count(")") > plain.count("(") and word.endswith(")") and not word.endswith("\\)"):
        word = word.rstrip(")")
    return word


def split_words(text: str) -> tuple[str, ...]:
    """Split a field of trigger words: commas, lines and `||` between prompts; `<lora:...>` tags are not words."""
    words = map(clean, _SEPARATORS.split(_HTML.sub(",", _NETWORK_TAG.sub(",", text))))
    return distinct(word for word in words if is_word(word))


def distinct(words: Iterable[str]) -> tuple[str, ...]:
    """Keep the first spelling of each word."""
    found: dict[str, str] = {}
    for word in words:
        found.setdefault(same(word), word)
    return tuple(found.values())


def plain_text(text: str) -> str:
    """Take the HTML out of a description; tags end a line."""
    return _HTML.sub("\n", text)
