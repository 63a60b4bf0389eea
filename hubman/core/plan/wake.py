"""`WakePlan`: which words are tried on one adapter and base, as a value that travels as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from hubman.core.plan.render import AdapterPlan, BasePlan, plain

CARRIERS = ("{}", "a red circle on a blue background, {}")
"""Prompts in which a word is read, alone and after a text of things that any base knows; responses are averaged.

Alone was enough for the order on all tuning adapters; the second one takes chance off the margin.
"""

TOKENS = 18
"""Tokens that a word costs in all carriers together, about."""

FLOPS = 2e10
"""Operations a second of one common CPU core; only for telling beforehand what a guess costs."""


@dataclass(frozen=True, slots=True)
class WakePlan:
    """Everything that decides the responses to a list of words.

    Attributes:
        words: no word twice.
        clip_skip: counts like the WebUI.
        device, dtype: "auto" lets the renderer choose.
    """

    base: BasePlan
    adapter: AdapterPlan
    words: tuple[str, ...]
    carriers: tuple[str, ...] = CARRIERS
    clip_skip: int = 1
    device: str = "auto"
    dtype: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers."""
        data: dict[str, Any] = plain(asdict(self))
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; unknown keys are ignored."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        known["base"] = BasePlan(**data["base"])
        known["adapter"] = AdapterPlan.from_json(data["adapter"])
        known["words"] = tuple(data["words"])
        known["carriers"] = tuple(data.get("carriers", CARRIERS))
        return cls(**known)


def cpu_seconds(words: int, text_parameters: int) -> float:
    """Return about how long one core reads so many words: two operations per parameter and token."""
    return words * TOKENS * 2 * text_parameters / FLOPS
