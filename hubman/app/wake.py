"""Guess the words that wake a LoRA from its weights: choose a base, ask the render process, rank, record."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hubman.app.proving import is_another, read_adapter, read_base, subject_of
from hubman.app.validation import AdapterFile, BaseFile
from hubman.core.library import ModelFile
from hubman.core.plan.fit import adapter_shape, choose_base, declared_base
from hubman.core.plan.render import TINY_PARAMETERS, AdapterPlan, BasePlan
from hubman.core.plan.wake import WakePlan, cpu_seconds
from hubman.core.types import Kind, Safety
from hubman.core.wake import WakeRanking, name_words, rank_words
from hubman.core.wake_words import WORDS
from hubman.errors import N_, ConflictError, HubmanError, NotFoundError, RenderError, UsageError
from hubman.renderers.configs import find_config
from hubman.store.door import Store


class WakeSession(Protocol):
    """The part of renderers.process.Renderer that a guess needs."""

    def call(self, op: str, plan: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Guessing:
    """What will be asked: words of one LoRA on one base.

    Attributes:
        candidates: the words that are ranked; the plan asks for those of the yardstick, too.
        known: trigger words that are known already; they are among the candidates.
        large: without a GPU it costs more than a moment: `memory` bytes, and about `seconds` of one core.
    """

    file: ModelFile
    base: BaseFile
    plan: WakePlan
    candidates: tuple[str, ...]
    known: tuple[str, ...]
    large: bool
    memory: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Guess:
    """What was found.

    Attributes:
        touched, layers: layers that read the prompt, those that the LoRA changes and all.
        seconds: that it took, without the start of the process.
    """

    asked: Guessing
    ranking: WakeRanking
    touched: int
    layers: int
    seconds: float

    @property
    def words(self) -> tuple[tuple[str, float], ...]:
        return self.ranking.guesses(self.asked.known)

    @property
    def confirmed(self) -> str | None:
        """The known trigger word that stands first, if so."""
        words = self.words
        first = words[0][0] if words else None
        return first if first in self.asked.known else None

    def to_json(self) -> dict[str, object]:
        """Return the object `guess` of `hubman triggers --guess --json`."""
        base = self.asked.base
        return {
            "base": {"id": base.sha256[:10] or None, "name": base.name, "sha256": base.sha256 or None},
            "stands_out": self.ranking.stands_out,
            "confirmed": self.confirmed,
            "margin": round(self.ranking.margin, 3),
            "words": [{"text": text, "score": round(score, 3)} for text, score in self.words],
            "tried": len(self.asked.candidates),
            "layers": self.layers,
            "touched": self.touched,
            "seconds": round(self.seconds, 2),
        }


def plan_guess(
    file: ModelFile, bases: Sequence[ModelFile], *, given: bool, words: Sequence[str] | None, device: str = "auto"
) -> Guessing:
    """Choose the base and the words. `given`: the first base was named (`--on`). `words`: in place of hubman's own.

    Raises:
        UsageError: `wake-not-a-lora`. NotFoundError: `wake-no-base`. RenderError: `base-unsafe`.
        ConflictError: `adapter-changed`.
    """
    if file.kind != Kind.LORA or file.safety == "unsafe" or file.failure is not None:
        raise UsageError(
            "wake-not-a-lora",
            N_("Words are guessed for LoRAs that can be read; {name} is none."),
            hint=N_("An embedding is called by its own name; `hubman validate {name}` proves what it does."),
            name=file.name,
        )
    if is_another(file):
        raise ConflictError(
            "adapter-changed",
            N_("{name} changed, or went, since hubman looked."),
            hint=N_("Run `hubman sync`."),
            name=file.name,
        )
    adapter = read_adapter(file)
    base = _base(adapter, bases, given=given)
    known = tuple(dict.fromkeys(trigger.text for trigger in file.triggers))
    candidates = tuple(dict.fromkeys([*known, *name_words(file.name), *(WORDS if words is None else words)]))
    config, source = find_config(base.path, base.header)
    plan = WakePlan(
        base=BasePlan(base.path, base.name, base.sha256, config, source),
        adapter=AdapterPlan(adapter.path, adapter.name, adapter.sha256, Kind.LORA, adapter.name),
        words=tuple(dict.fromkeys([*WORDS, *candidates])),
        device=device,
    )
    parameters = base.facts.parameters
    return Guessing(
        file, base, plan, candidates, known, large=parameters > TINY_PARAMETERS, memory=4 * parameters,
        seconds=cpu_seconds(len(plan.words), _text_parameters(base)),
    )  # fmt: skip


def guess_words(store: Store, asked: Guessing, session: WakeSession) -> Guess:
    """Measure, rank and record; recorded guesses on the same base are replaced, by none when no word stands out.

    Raises:
        RenderError: as the render process reports; nothing is recorded.
    """
    start = time.monotonic()
    answer = session.call("wake", asked.plan.to_json())
    responses = dict(zip(asked.plan.words, answer["responses"], strict=True))
    ranking = rank_words(responses, asked.candidates, WORDS)
    found = Guess(asked, ranking, answer["touched"], answer["layers"], time.monotonic() - start)
    with store.writer() as writer:
        writer.record_wake(subject_of(asked.file), asked.base.sha256, found.words)
    return found


def _base(adapter: AdapterFile, bases: Sequence[ModelFile], *, given: bool) -> BaseFile:
    """Return the checkpoint that a validation would choose, or the given one."""
    readable = []
    for file in bases:
        try:
            readable.append(read_base(file))
        except (HubmanError, OSError):
            if given:
                raise
    shape = adapter_shape(adapter.facts, adapter.header.tensors)
    declared = declared_base(adapter.header, adapter.facts.lineage)
    choice = choose_base(shape, declared, [base.candidate for base in readable], given=given)
    if choice.index is None or not choice.match.matched:
        raise NotFoundError(
            "wake-no-base",
            N_("{name} fits no checkpoint here ({reason})."),
            hint=N_("Add one that it was trained for, or name one with --on."),
            name=adapter.name,
            reason=choice.reason,
        )
    base = readable[choice.index]
    if base.header.safety not in {Safety.SAFE, Safety.NOT_APPLICABLE}:
        raise RenderError(
            "base-unsafe", N_("{name} is a pickle that is not known to be safe; it is not loaded"), name=base.name
        )
    return base


def _text_parameters(base: BaseFile) -> int:
    """Return the parameters of the text encoders that every token passes: all but the tables of tokens and places."""
    shapes = base.candidate.layout.modules.items()
    return sum(
        math.prod(shape) for (part, name), shape in shapes if part.startswith("te") and not name.startswith("embedding")
    )
