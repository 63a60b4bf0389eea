"""One validation as a value: the adapter, the base, the user's wishes, and the result with every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from hubman.core.evidence import Measured
from hubman.core.limits import TRIGGER_FACTOR
from hubman.core.plan.bases import base_layout
from hubman.core.plan.fit import BaseChoice, Candidate, Match
from hubman.core.plan.render import RenderPlan
from hubman.core.plan.statics import static_facts
from hubman.core.plan.wanted_base import WantedBase, wanted_base
from hubman.core.sweep import MeasuredWeight
from hubman.core.types import Facts, Header, Safety, Trigger
from hubman.core.verdict import ENGINE, Judgement, Verdict, always_on, full_change, trigger_effective
from hubman.renderers.configs import can_render, find_config


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """An adapter as the library knows it. `weight`: the author's or user's preferred one."""

    path: str
    id: str
    sha256: str
    name: str
    facts: Facts
    header: Header
    triggers: tuple[Trigger, ...] = ()
    weight: float | None = None


@dataclass(frozen=True)
class BaseFile:
    """A checkpoint as the library knows it; `autov1` as in Hashes."""

    path: str
    sha256: str
    name: str
    facts: Facts
    header: Header
    autov1: str | None = None

    @cached_property
    def candidate(self) -> Candidate:
        """What adapters are compared with; made once, for it is used for every adapter."""
        layout = base_layout(self.header.tensors)
        source = find_config(self.path, self.header)[1]
        return Candidate(
            name=self.name,
            sha256=self.sha256,
            layout=layout,
            autov1=self.autov1,
            lineage=self.facts.lineage,
            variant=self.facts.variant,
            renderable=(
                self.header.safety is not Safety.UNSAFE
                and can_render(self.path, self.header)
                and layout.renders(folder=source == "folder")
            ),
        )


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """What the user may decide; None means hubman decides.

    Attributes:
        base_given: the bases passed are `--base`, the first counts, and a misfit is the adapter's verdict.
        config: a local diffusers folder for the base (`--config`).
        render: True renders even a large model on a CPU, False checks one step only.
        preview: make pictures for people too, not only the verdict.
        out_dir: folder for the pictures `<sha256>.png`, `-without.png`, `-with.png`; None writes none.
    """

    base_given: bool = False
    config: str | None = None
    prompt: str | None = None
    negative: str | None = None
    size: tuple[int, int] | None = None
    seeds: tuple[int, ...] | None = None
    steps: int | None = None
    cfg: float | None = None
    sampler: str | None = None
    clip_skip: int = 1
    strengths: tuple[float, ...] | None = None
    weight: float | None = None
    device: str = "auto"
    dtype: str = "auto"
    render: bool | None = None
    preview: bool = True
    out_dir: str | None = None


class RenderSession(Protocol):
    """The part of renderers.process.Renderer that validation needs."""

    def hello(self) -> dict[str, Any]: ...

    def measure(self, plan: RenderPlan) -> dict[str, Any]: ...

    def write(self, picture: str, index: int, path: str, texts: Mapping[str, str]) -> str: ...

    def call(self, op: str, plan: Mapping[str, Any], **more: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Validation:
    """The result for one adapter.

    Attributes:
        base: the base it was proved on, or None.
        choice: why that base.
        plan, numbers: what was rendered and everything measured; None and {} when nothing was.
        weight: what the sweep recommends on this base.
        preview, without, with_: paths of the pictures, None when not written.
        hint: what to do next, for a person; in English.
    """

    adapter: AdapterFile
    judgement: Judgement
    choice: BaseChoice | None = None
    base: BaseFile | None = None
    plan: RenderPlan | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
    weight: MeasuredWeight | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    preview: str | None = None
    without: str | None = None
    with_: str | None = None
    recipe: str | None = None
    hint: str = ""

    @property
    def wanted(self) -> WantedBase | None:
        """A checkpoint to get, where the library has none that fits."""
        return wanted_base(self.adapter.facts) if self.judgement.verdict is Verdict.NO_BASE else None

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    def to_json(self) -> dict[str, Any]:
        """Return the `verdicts[]` object of `hubman validate --json`; the same input gives the same object."""
        return {
            "engine": ENGINE,
            "id": self.adapter.id,
            "name": self.adapter.name,
            "kind": str(self.adapter.facts.kind),
            "verdict": str(self.judgement.verdict),
            "rule": self.judgement.rule,
            "because": self.judgement.because,
            "flags": list(self.judgement.flags),
            "hint": self.hint,
            "base": self._base_json(),
            "match": self._match_json(),
            "static": static_facts(self.adapter.facts, self.adapter.header.tensors),
            "effect": self._effect_json(),
            "trigger": self._trigger_json(),
            "sweep": self._sweep_json(),
            "weight": self._weight_json(),
            "numbers": {key: value for key, value in self.numbers.items() if key not in {"sweep", "match"}},
            "seeds": list(self.plan.sampling.seeds) if self.plan else [],
            "plan": self._plan_json(),
            "environment": dict(self.environment),
            "preview": self.preview,
            "without": self.without,
            "with": self.with_,
            "recipe": self.recipe,
        }

    def _base_json(self) -> dict[str, Any]:
        choice = self.choice
        return {
            "id": self.base.sha256[:10] if self.base else None,
            "name": self.base.name if self.base else None,
            "sha256": self.base.sha256 if self.base else None,
            "rule": choice.rule if choice else None,
            "reason": choice.reason if choice else None,
            "wanted": {"name": self.wanted.name, "ref": self.wanted.ref} if self.wanted else None,
            "considered": [
                {"name": name, "matched": matched, "total": total}
                for name, matched, total in (choice.considered[:5] if choice else ())
            ],
        }

    def _match_json(self) -> dict[str, Any]:
        if "match" in self.numbers:
            return dict(self.numbers["match"])
        return self.choice.match.to_json() if self.choice else Match().to_json()

    def _effect_json(self) -> dict[str, Any]:
        pairs = self.numbers.get("pairs", {})
        change = pairs.get("CD") or {}
        steps = [value for value in self.measured.one_step if value is not None]
        return {
            "mae": full_change(self.measured),
            "ssim": change.get("ssim"),
            "latent_l2": change.get("latent_l2"),
            "one_step": max(steps, default=None),
            "times_noise": self.measured.control,
            **{key: value for key, value in self.numbers.get("adapter", {}).items() if key.startswith("dw_")},
        }

    def _sweep_json(self) -> list[dict[str, Any]]:
        base = self.measured.base
        points = zip(self.numbers.get("sweep", ()), self.measured.sweep, strict=True)
        return [{**numbers, "burnt": not point.healthy(base)} for numbers, point in points]

    def _trigger_json(self) -> dict[str, Any]:
        m = self.measured
        texts = self.plan.triggers if self.plan else ()
        tested = {word.text: word for word in m.words}
        words = []
        for text in texts:
            word = tested.get(text)
            words.append(
                {
                    "text": text,
                    "wakes": word.wakes if word else None,
                    "with": word.with_ if word else None,
                    "without": word.without if word else None,
                    "word_alone": word.word_alone if word else None,
                    "strength": word.strength if word else None,
                }
            )
        return {
            "words": words,
            "with": m.trigger_change.mae if m.trigger_change else None,
            "without": m.neutral_change.mae if m.neutral_change else None,
            "word_alone": m.word_change.mae if m.word_change else None,
            "effective": trigger_effective(m),
            "always_on": always_on(m),
            "together": _together(m),
            "left_out": max(0, len(self.adapter.triggers) - len(texts)) if self.plan else 0,
        }

    def _weight_json(self) -> dict[str, Any] | None:
        if self.weight is None:
            return None
        return {
            "weight": self.weight.weight,
            "range": [self.weight.low, self.weight.high],
            "prompt_kept": self.weight.prompt_kept,
            "burns_from": self.weight.burns_from,
            "reference": self.weight.reference,
        }

    def _plan_json(self) -> dict[str, Any] | None:
        if self.plan is None:
            return None
        plan = self.plan.to_json()
        for part in ("base", "adapter"):
            plan[part].pop("path", None)  # a path is the machine's, not the adapter's
        plan["base"].pop("config", None)
        return plan


def _together(m: Measured) -> bool | None:
    """Say whether the trigger words do more together than the best of them alone; None for a single word."""
    if len(m.words) < 2 or m.trigger_change is None or m.words[0].strength != 1.0:
        return None
    return m.trigger_change.mae > TRIGGER_FACTOR * max(word.with_ for word in m.words)


def first_of(*values: float | None) -> float | None:
    """Return the first value that is one, else None."""
    return next((value for value in values if value is not None), None)
