"""What wakes a model, how strongly, and what to paste: the answer of `hubman triggers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubman.app.library import failure_json, triggers_json
from hubman.core.library import ModelFile
from hubman.core.prompt import PromptAdapter, build_prompt
from hubman.core.types import ADAPTER_KINDS, Kind, Trigger

DEFAULT_WEIGHT = 0.6
"""Most people are best served near 0.6 (docs/design/product.md); hypernetworks and embeddings are used at 1."""

BEST_WORDS = 0.5
"""Score from which a trigger word is pasted unasked; weaker ones are shown, and left for the user to choose."""

MOST_COPIED = 4


@dataclass(frozen=True, slots=True)
class TriggerCard:
    """Everything a person needs to use one model in a prompt.

    `same_name`: paths of others that its tag calls too. `weight_range`: the author's, least and largest.
    """

    file: ModelFile
    tag: str
    weight: float | None
    weight_source: str
    words: tuple[Trigger, ...]
    negative: tuple[str, ...]
    copy_positive: str
    copy_negative: str
    same_name: tuple[str, ...] = ()
    weight_range: tuple[float, float] | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object of `triggers --json`. Measured weights come with a sweep (not made by this version)."""
        return {
            "id": self.file.id,
            "name": self.file.name,
            "kind": self.file.kind,
            "tag": self.tag,
            "weight": self.weight,
            "weight_source": self.weight_source,
            "weight_range": self.weight_range and list(self.weight_range),
            "measured": [],
            "triggers": triggers_json(self.words),
            "negative": list(self.negative),
            "copy": {"positive": self.copy_positive, "negative": self.copy_negative},
            "same_name": list(self.same_name),
            "error": failure_json(self.file),
        }


def trigger_card(file: ModelFile, same_name: Sequence[str] = ()) -> TriggerCard:
    """Gather tag, weight, trigger words and what a paste consists of."""
    kind = Kind(file.kind)
    weight, source = preferred_weight(file)
    adapter = as_prompt_adapter(file, weight)
    negative = _sidecar_negative(file)
    if kind not in ADAPTER_KINDS:
        words = ", ".join(word.text for word in pasted_words(file))
        return TriggerCard(file, "", None, "default", file.triggers, negative, words, ", ".join(negative))
    tag = build_prompt([PromptAdapter(kind, file.name, weight, (), adapter.negative)])
    built = build_prompt([adapter], negative=", ".join(negative))
    return TriggerCard(
        file=file,
        tag=tag.negative if adapter.negative else tag.positive,
        weight=weight,
        weight_source=source,
        words=file.triggers,
        negative=negative,
        copy_positive=built.positive,
        copy_negative=built.negative,
        same_name=tuple(same_name),
        weight_range=author_range(file),
    )


def as_prompt_adapter(file: ModelFile, weight: float | None = None) -> PromptAdapter:
    """Return a model file as the prompt language knows it, with the words that are pasted along."""
    kind = Kind(file.kind)
    words = () if kind is Kind.EMBEDDING else tuple(word.text for word in pasted_words(file))
    chosen = preferred_weight(file)[0] if weight is None else weight
    return PromptAdapter(kind, file.name, chosen, words, bool(file.facts.get("negative")))


def preferred_weight(file: ModelFile) -> tuple[float, str]:
    """Return the weight to use and whose number it is: the sidecar's, the author's on a hub, else the default."""
    stated = file.sidecar.get("weight")
    if isinstance(stated, int | float) and stated:
        return float(stated), "sidecar"
    for note in file.hubs:
        if note.weight:
            return note.weight, "hub"
    return (DEFAULT_WEIGHT if file.kind == Kind.LORA else 1.0), "default"


def author_range(file: ModelFile) -> tuple[float, float] | None:
    """Return the least and the largest weight that the author recommends on a hub, None where no hub says both."""
    ranges = ((note.weight_min, note.weight_max) for note in file.hubs)
    return next(((least, most) for least, most in ranges if least is not None and most is not None), None)


def pasted_words(file: ModelFile) -> list[Trigger]:
    """Return the words worth pasting: those of the best source only, and only sure ones."""
    sure = [word for word in file.triggers if word.score >= BEST_WORDS]
    if not sure:
        return []
    if sure[0].source == "user":
        return [word for word in sure if word.source == "user"]
    return [word for word in sure if word.score >= sure[0].score - 0.15][:MOST_COPIED]


def _sidecar_negative(file: ModelFile) -> tuple[str, ...]:
    text = file.sidecar.get("negative")
    return tuple(part.strip() for part in str(text).split(",") if part.strip()) if text else ()
