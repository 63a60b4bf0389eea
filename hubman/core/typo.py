"""Words one mistake away from one that occurs nowhere: a letter missing, added, exchanged, or two in the wrong order.

The library itself is the dictionary (product names are in no other), and it is asked, not read: the mistake can only be
where the longest beginning that occurs ends and the longest end that occurs begins, so that few places are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
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


MOST_TRIED = 40
"""Words that are looked for: each takes up to some milliseconds in a library of 100,000 files."""

MOST_NEAR = 8
WORD_STARTS = ("\n", " ", "_", "-")
"""What stands before a word of a text."""


def near_words(word: str, texts: Texts) -> list[str]:
    """Return the words that occur and are one mistake away from a folded one, the likeliest first.

    Likeliest: most often the beginning of a word, then most often anywhere.
    """
    if not (SHORTEST_LATIN if word.isascii() else SHORTEST) <= len(word) <= LONGEST:
        return []
    tried = islice(dict.fromkeys(_candidates(word, texts)), MOST_TRIED)
    found = [candidate for candidate in tried if candidate == candidate.strip() and texts.occurs(candidate)][:MOST_NEAR]
    starts = {candidate: sum(texts.files(mark + candidate) for mark in WORD_STARTS) for candidate in found}
    return sorted(found, key=lambda candidate: (-starts[candidate], -texts.files(candidate), candidate))


def _candidates(word: str, texts: Texts) -> Iterator[str]:
    """Yield the words one mistake away; those that need no letter to be guessed first."""
    first, last = _place(word, texts)
    places = [(word[:at], word[at:]) for at in range(first, last + 1)]
    for before, rest in places:
        if len(rest) > 1 and rest[0] != rest[1]:
            yield before + rest[1] + rest[0] + rest[2:]
    for before, rest in places:
        if len(word) > SHORTEST:
            yield before + rest[1:]
    for before, rest in places:
        yield from (before + character + rest for character in sorted(texts.between(before, rest)) if before)
    for before, rest in places:
        yield from (before + character + rest[1:] for character in sorted(texts.between(before, rest[1:])))


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
