"""Words one mistake away from one that occurs nowhere: a letter missing, added, exchanged, or two in the wrong order.

The library itself is the dictionary (product names are in no other), and it is asked, not read: the mistake can only be
where the longest beginning that occurs ends and the longest end that occurs begins, so that few places are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Protocol

SHORTEST = 3
"""Characters of a Chinese word that may hold a mistake; with one less every pair of characters is near."""

SHORTEST_LATIN = 4
LONGEST = 64
"""Characters of the longest word that is looked at."""


class Texts(Protocol):
    """What occurs in the library."""

    def occurs(self, text: str) -> bool:
        """Say whether a text occurs anywhere."""
        ...

    def files(self, text: str) -> int:
        """Say in how many files a text occurs, up to some number."""
        ...

    def between(self, before: str, after: str) -> Collection[str]:
        """Return the characters that may stand between two pieces of text."""
        ...


def near_words(word: str, texts: Texts) -> list[str]:
    """Return the words that occur and are one mistake away from a folded one, the commonest first."""
    if not (SHORTEST_LATIN if word.isascii() else SHORTEST) <= len(word) <= LONGEST:
        return []
    found = [candidate for candidate in dict.fromkeys(_candidates(word, texts)) if texts.occurs(candidate)]
    return sorted(found, key=lambda candidate: (-texts.files(candidate), candidate))


def _candidates(word: str, texts: Texts) -> Iterator[str]:
    first, last = _place(word, texts)
    for at in range(first, last + 1):
        before, rest = word[:at], word[at:]
        if len(rest) > 1 and rest[0] != rest[1]:
            yield before + rest[1] + rest[0] + rest[2:]
        if len(word) > SHORTEST:
            yield before + rest[1:]
        for character in sorted(texts.between(before, rest[1:])):
            yield before + character + rest[1:]
        for character in sorted(texts.between(before, rest)) if before else ():
            yield before + character + rest


def _place(word: str, texts: Texts) -> tuple[int, int]:
    """Return the first and last position at which one mistake may be."""
    last = _longest(len(word), lambda length: texts.occurs(word[:length]))
    end = _longest(len(word), lambda length: texts.occurs(word[-length:]))
    # What follows the mistake occurs: from the second character on when two were exchanged.
    return max(0, len(word) - end - 2), min(last, len(word) - 1)


def _longest(length: int, occurs: Callable[[int], bool]) -> int:
    """Return the greatest length below `length` that occurs, when everything shorter occurs as well; 0 for none."""
    low, high = 0, length - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if occurs(middle) else (low, middle - 1)
    return low
