"""Which words an adapter answers to: ranks responses that were measured on its weights, and says if one stands out.

Pure. `renderers/wake.py` measures; docs/wake-words.md has the method, its figures and its limits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median

from hubman.core.listed import same

STANDS_OUT = 1.55
"""The first word stands out when its response is this many times that of the median word.

From the tuning half of benchmarks/results/wake.json, between seven adapters with a word (1.85 and more) and an adapter
that is always on (1.34) or has its numbers shuffled (1.3 at most).
"""

KEPT = 5
"""Words that are shown and recorded."""


@dataclass(frozen=True, slots=True)
class WakeRanking:
    """Words in order of the response to them, the strongest first, each with its score.

    A score is the response divided by the median response to `hubman.core.wake_words`: 1 is an ordinary word.
    """

    words: tuple[tuple[str, float], ...] = ()

    @property
    def margin(self) -> float:
        """Score of the first word; 0 when there is no response at all."""
        return self.words[0][1] if self.words else 0.0

    @property
    def stands_out(self) -> bool:
        """Whether the first word is more than what some word always reaches."""
        return self.margin >= STANDS_OUT

    def guesses(self, known: Collection[str] = ()) -> tuple[tuple[str, float], ...]:
        """Return the first few words of those that stand out.

        Where the first one is a known trigger word there is nothing to guess: those that follow are mostly spelt alike.
        """
        found = tuple(pair for pair in self.words[:KEPT] if pair[1] >= STANDS_OUT)
        confirmed = bool(found) and same(found[0][0]) in {same(word) for word in known}
        return found[:1] if confirmed else found

    def place(self, word: str) -> int | None:
        """Return the rank of a word, 1 for the first; None when it was not among the candidates."""
        return next((place for place, (text, _) in enumerate(self.words, 1) if text == word), None)


def rank_words(responses: Mapping[str, float], candidates: Collection[str], yardstick: Collection[str]) -> WakeRanking:
    """Rank candidates by their responses (>= 0); equal ones stay in the order of the candidates.

    Args:
        responses: of all candidates and all words of the yardstick.
        yardstick: ordinary words; the median response to them is the unit, whatever the candidates are.

    An adapter without any response (zeros, or not a number) has an empty ranking.
    """
    ordinary = [responses[word] for word in yardstick]
    unit = median(ordinary) if ordinary and all(map(math.isfinite, ordinary)) else 0.0
    if unit <= 0:
        return WakeRanking()
    scores = {word: responses[word] / unit for word in candidates}
    finite = [(word, score) for word, score in scores.items() if math.isfinite(score)]
    return WakeRanking(tuple(sorted(finite, key=lambda pair: -pair[1])))


def parse_words(text: str) -> tuple[str, ...]:
    """Return the words of a list, one a line (a word may be several, like `blue eyes`); `#` begins a comment line."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def name_words(name: str) -> tuple[str, ...]:
    """Return the words of a file's name that may be trigger words, the longest parts as they are written."""
    parts = re.split(r"[\W_]+", name)
    return tuple(dict.fromkeys(part.casefold() for part in parts if len(part) > 2 and not part.isdigit()))
