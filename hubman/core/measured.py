"""What the verdicts on one adapter measured: a weight for each checkpoint, and which words wake it. Pure.

Reads the JSON objects that the library keeps (`Validation.to_json`), those of earlier versions too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubman.core.listed import same


@dataclass(frozen=True, slots=True)
class MeasuredOn:
    """What a sweep over weights found on one checkpoint.

    Attributes:
        base, sha256: name and content of the checkpoint; `sha256` "" where unknown.
        weight: the one to use. low, high: the weights that work. burns_from: the least that burns, None for none seen.
        prompt_kept: how much of the rest of the prompt survives at `weight`, 0..1, None where not measured.
    """

    base: str
    sha256: str
    weight: float
    low: float
    high: float
    burns_from: float | None = None
    prompt_kept: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return an entry of `triggers --json`: measured[]."""
        return {
            "base": self.base,
            "sha256": self.sha256,
            "weight": self.weight,
            "range": [self.low, self.high],
            "burns_from": self.burns_from,
            "prompt_kept": self.prompt_kept,
        }


def measured_weights(verdicts: Sequence[Mapping[str, Any]]) -> tuple[MeasuredOn, ...]:
    """Return the measured weights, in the order of the verdicts (the latest first), each checkpoint once."""
    found: dict[str, MeasuredOn] = {}
    for verdict in verdicts:
        one = measured_on(verdict)
        if one is not None:
            found.setdefault(one.sha256 or one.base, one)
    return tuple(found.values())


def measured_on(verdict: Mapping[str, Any]) -> MeasuredOn | None:
    """Return what one verdict measured; None without a sweep, or where nothing in it works."""
    weight, base = verdict.get("weight"), verdict.get("base") or {}
    if not isinstance(weight, Mapping) or not isinstance(weight.get("weight"), int | float) or not base.get("name"):
        return None
    low, high = weight.get("range") or (weight["weight"], weight["weight"])
    burns = weight["burns_from"] if "burns_from" in weight else _burnt_from(verdict)
    return MeasuredOn(
        str(base["name"]), str(base.get("sha256") or ""), weight["weight"], low, high, burns, weight.get("prompt_kept")
    )


def _burnt_from(verdict: Mapping[str, Any]) -> float | None:
    """Return the least weight of the sweep above the working ones that is marked as burnt; None where none is."""
    marked = [point["strength"] for point in verdict.get("sweep") or () if point.get("burnt") is True]
    return min(marked, default=None)


def measured_words(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """Return folded word -> whether it wakes the adapter, over all checkpoints.

    A word that wakes it on one of them is a trigger word; one that did nothing wherever it was tried is none.
    """
    found: dict[str, bool] = {}
    for verdict in verdicts:
        words = (verdict.get("trigger") or {}).get("words") or ()
        for word in words:
            if isinstance(word, Mapping) and isinstance(word.get("wakes"), bool):
                key = same(str(word.get("text", "")))
                found[key] = found.get(key, False) or word["wakes"]
    return found
