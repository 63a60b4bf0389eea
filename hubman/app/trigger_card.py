"""What wakes a model, how strongly, and what to paste: the answer of `hubman triggers`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hubman.app.library import failure_json, triggers_json
from hubman.core.library import ModelFile
from hubman.core.listed import same
from hubman.core.measured import MeasuredOn, measured_weights, measured_words
from hubman.core.prompt import PromptAdapter, build_prompt
from hubman.core.types import ADAPTER_KINDS, Kind, Trigger
from hubman.errors import N_, NotFoundError

if TYPE_CHECKING:
    from hubman.core.library import WakeWord
    from hubman.store.reader import Reader

DEFAULT_WEIGHT = 0.6
"""Most people are best served near 0.6 (docs/design/product.md); hypernetworks and embeddings are used at 1."""

BEST_WORDS = 0.5
"""Score from which a trigger word is pasted unasked; weaker ones are shown, and left for the user to choose."""

MOST_COPIED = 4

GUESS = "guess"
"""Source of a word that nobody told: the adapter's weights answer to it (core/wake.py). Shown last, never pasted."""

MOST_GUESSES = 5


@dataclass(frozen=True, slots=True)
class Proof:
    """What rendering found out about one model, for its card.

    Attributes:
        measured: weights, the latest checkpoint first.
        words: folded word -> whether it wakes the adapter.
        guesses: words that its weights answer to.
    """

    measured: tuple[MeasuredOn, ...] = ()
    words: Mapping[str, bool] = field(default_factory=dict)
    guesses: tuple[Trigger, ...] = ()

    def mark(self, text: str) -> str | None:
        """Return "wakes", "nothing", or None for a word that was not measured."""
        found = self.words.get(same(text))
        return None if found is None else "wakes" if found else "nothing"


@dataclass(frozen=True, slots=True)
class TriggerCard:
    """Everything a person needs to use one model in a prompt.

    Attributes:
        weight_source: whose number the tag shows: sidecar, hub, measured, default.
        weights: (source, weight) of everybody who says one, the one that is shown first.
        same_name: paths of others that its tag calls too.
        weight_range: the author's, least and largest.
        on: the checkpoint that was asked for.
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
    weights: tuple[tuple[str, float], ...] = ()
    proof: Proof = field(default_factory=Proof)
    on: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object of `triggers --json`."""
        words = triggers_json(self.words)
        for entry in words:
            entry["measured"] = self.proof.mark(str(entry["text"]))
        return {
            "id": self.file.id,
            "name": self.file.name,
            "kind": self.file.kind,
            "tag": self.tag,
            "weight": self.weight,
            "weight_source": self.weight_source,
            "weight_range": self.weight_range and list(self.weight_range),
            "weights": [{"source": source, "weight": weight} for source, weight in self.weights],
            "measured": [entry.to_json() for entry in self.proof.measured],
            "on": self.on,
            "triggers": words,
            "negative": list(self.negative),
            "copy": {"positive": self.copy_positive, "negative": self.copy_negative},
            "same_name": list(self.same_name),
            "error": failure_json(self.file),
        }


def read_proof(reader: Reader, file: ModelFile) -> Proof:
    """Return what rendering found out about a model."""
    if Kind(file.kind) not in ADAPTER_KINDS:
        return Proof()
    return proof_of(reader.verdicts(file.subject), reader.wake_words(file.subject), file.triggers)


def proof_of(
    verdicts: Sequence[Mapping[str, Any]], guesses: Iterable[WakeWord] = (), known: Iterable[Trigger] = ()
) -> Proof:
    """Gather what verdicts and wake words say; a guess that is a known word is none, and each is named once."""
    told = {same(word.text) for word in known}
    words: dict[str, Trigger] = {}
    for guess in guesses:
        if same(guess.text) not in told:
            words.setdefault(same(guess.text), Trigger(guess.text, GUESS, None, 0.0))
    return Proof(measured_weights(verdicts), measured_words(verdicts), tuple(words.values())[:MOST_GUESSES])


def trigger_card(
    file: ModelFile, same_name: Sequence[str] = (), proof: Proof | None = None, on: ModelFile | None = None
) -> TriggerCard:
    """Gather tag, weight, trigger words and what a paste consists of.

    Args:
        on: the checkpoint whose measured weight the tag is to show.

    Raises:
        NotFoundError: `not-measured`, no weight was measured on that checkpoint.
    """
    proof = proof or Proof()
    kind = Kind(file.kind)
    weights = known_weights(file, proof)
    if on is not None and kind in ADAPTER_KINDS:
        weights = (("measured", measured_there(file, proof, on).weight), *weights)
    source, weight = weights[0]
    adapter = as_prompt_adapter(file, weight, proof)
    negative = _sidecar_negative(file)
    every = (*file.triggers, *proof.guesses)
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
        words=every,
        negative=negative,
        copy_positive=built.positive,
        copy_negative=built.negative,
        same_name=tuple(same_name),
        weight_range=author_range(file),
        weights=weights,
        proof=proof,
        on=on.name if on else None,
    )


def as_prompt_adapter(file: ModelFile, weight: float | None = None, proof: Proof | None = None) -> PromptAdapter:
    """Return a model file as the prompt language knows it, with the words that are pasted along."""
    proof = proof or Proof()
    kind = Kind(file.kind)
    words = () if kind is Kind.EMBEDDING else tuple(word.text for word in pasted_words(file, proof.words))
    chosen = known_weights(file, proof)[0][1] if weight is None else weight
    return PromptAdapter(kind, file.name, chosen, words, bool(file.facts.get("negative")))


def known_weights(file: ModelFile, proof: Proof | None = None) -> tuple[tuple[str, float], ...]:
    """Return (source, weight) of everybody who says one, the one to use first: sidecar, author, measured, default.

    A card that says the very number of the author says it because somebody copied it there, mostly hubman itself: it is
    the author's. Embeddings have no measured weight.
    """
    found: dict[str, float] = {}
    authors = [note.weight for note in file.hubs if note.weight]
    stated = file.sidecar.get("weight")
    if isinstance(stated, int | float) and stated and float(stated) not in authors:
        found["sidecar"] = float(stated)
    if authors:
        found["hub"] = authors[0]
    if proof is not None and proof.measured:
        found["measured"] = proof.measured[0].weight
    found["default"] = DEFAULT_WEIGHT if file.kind == Kind.LORA else 1.0
    return tuple(found.items())


def measured_there(file: ModelFile, proof: Proof, on: ModelFile) -> MeasuredOn:
    """Return what was measured on a checkpoint.

    Raises:
        NotFoundError: `not-measured`.
    """
    sha256 = on.hashes.sha256 if on.hashes else ""
    for entry in proof.measured:
        if (entry.sha256 and entry.sha256 == sha256) or (not (entry.sha256 and sha256) and entry.base == on.name):
            return entry
    raise NotFoundError(
        "not-measured",
        N_("No weight of {name} was measured on {base}."),
        hint=N_("Measure it: hubman validate {name} --base {base}"),
        name=file.name,
        base=on.name,
    )


def author_range(file: ModelFile) -> tuple[float, float] | None:
    """Return the least and the largest weight that the author recommends on a hub, None where no hub says both."""
    ranges = ((note.weight_min, note.weight_max) for note in file.hubs)
    return next(((least, most) for least, most in ranges if least is not None and most is not None), None)


def pasted_words(file: ModelFile, measured: Mapping[str, bool] | None = None) -> list[Trigger]:
    """Return the words worth pasting: those of the best source only, and only sure ones.

    Args:
        measured: folded word -> whether it wakes the adapter. One that was measured to do nothing is left out where
            another one is not of its kind; where all do nothing, nothing better is known than to paste them. The
            user's own words come before all others even then.
    """
    sure = [word for word in file.triggers if word.score >= BEST_WORDS]
    own = [word for word in sure if word.source == "user"]
    sure = own or sure
    sure = [word for word in sure if (measured or {}).get(same(word.text), True)] or sure
    if own or not sure:
        return sure
    return [word for word in sure if word.score >= sure[0].score - 0.15][:MOST_COPIED]


def _sidecar_negative(file: ModelFile) -> tuple[str, ...]:
    text = file.sidecar.get("negative")
    return tuple(part.strip() for part in str(text).split(",") if part.strip()) if text else ()
