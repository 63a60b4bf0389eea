"""Prove an adapter: choose a base by its shapes, plan, render in the child process, judge, keep the pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from hubman.core.plan.fit import (
    AdapterShape,
    BaseChoice,
    Candidate,
    Match,
    adapter_shape,
    choose_base,
    declared_base,
)
from hubman.core.plan.modules import BaseLayout, base_layout
from hubman.core.plan.render import (
    TINY_PARAMETERS,
    AdapterPlan,
    BasePlan,
    RenderPlan,
    Sampling,
    choose_prompt,
    is_negative,
    prompt_pairs,
)
from hubman.core.prompt import PromptAdapter, as_typed, build_prompt, format_weight
from hubman.core.types import Facts, Format, Header, Kind, Safety, Trigger
from hubman.core.verdict import (
    Judgement,
    MatchCounts,
    Measured,
    MeasuredWeight,
    Verdict,
    full_change,
    judge,
    measured_from_json,
    measured_weight,
)
from hubman.errors import N_, HubmanError, RenderError
from hubman.renderers.configs import find_config

TINY_STRENGTHS = (0.4, 0.6, 0.8, 1.0, 1.2)
"""A fine sweep where a picture costs a fraction of a second, or a GPU is there."""

LARGE_STRENGTHS = (0.6, 1.0)
CHECK_SIZE = 256
"""Side in pixels for the one-step check of a large model on a CPU: a quarter of SD1's cost; the change is relative."""

DEFAULT_WEIGHT = 0.6
MOST_TRIGGERS = 3
"""More words would prove the words, not the adapter."""


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
        return Candidate(
            name=self.name,
            sha256=self.sha256,
            layout=base_layout(self.header.tensors),
            autov1=self.autov1,
            lineage=self.facts.lineage,
            variant=self.facts.variant,
            renderable=self.header.safety is not Safety.UNSAFE and find_config(self.path, self.header)[1] != "none",
        )


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """What the user may decide; None means hubman decides.

    Attributes:
        base_given: the bases passed are `--base`, the first counts, and a misfit is the adapter's verdict.
        config: a local diffusers folder for the base (`--config`).
        render: True renders even a large model on a CPU, False checks one step only.
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
    out_dir: str | None = None


class RenderSession(Protocol):
    """The part of renderers.process.Renderer that validation needs."""

    def hello(self) -> dict[str, Any]: ...

    def measure(self, plan: RenderPlan) -> dict[str, Any]: ...

    def write(self, picture: str, index: int, path: str, texts: Mapping[str, str]) -> str: ...


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
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    def to_json(self) -> dict[str, Any]:
        """Return the `verdicts[]` object of `hubman validate --json`; the same input gives the same object."""
        return {
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
            "effect": self._effect_json(),
            "trigger": self._trigger_json(),
            "sweep": list(self.numbers.get("sweep", ())),
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
            **{key: value for key, value in self.numbers.get("adapter", {}).items() if key.startswith("dw_")},
        }

    def _trigger_json(self) -> dict[str, Any]:
        m = self.measured
        flags = self.judgement.flags
        effective = True if "trigger-effective" in flags else False if "trigger-ineffective" in flags else None
        return {
            "words": list(self.plan.triggers) if self.plan else [],
            "with": m.trigger_change.mae if m.trigger_change else None,
            "without": m.neutral_change.mae if m.neutral_change else None,
            "word_alone": m.word_change.mae if m.word_change else None,
            "effective": effective,
        }

    def _weight_json(self) -> dict[str, Any] | None:
        if self.weight is None:
            return None
        return {
            "weight": self.weight.weight,
            "range": [self.weight.low, self.weight.high],
            "prompt_kept": self.weight.prompt_kept,
        }

    def _plan_json(self) -> dict[str, Any] | None:
        if self.plan is None:
            return None
        plan = self.plan.to_json()
        for part in ("base", "adapter"):
            plan[part].pop("path", None)  # a path is the machine's, not the adapter's
        plan["base"].pop("config", None)
        return plan


def validate_adapter(
    adapter: AdapterFile, bases: Sequence[BaseFile], options: ValidateOptions, session: RenderSession
) -> Validation:
    """Return the verdict on one adapter. Starts the render process only when something has to be rendered.

    Failures of the machine (no torch, the child died) are the verdict `error` with the reason, never an exception.
    An unsafe file is never opened by the renderer.
    """
    if adapter.header.safety is Safety.UNSAFE:
        return Validation(adapter, judge(Measured(unsafe=_why_unsafe(adapter.header))))
    shape = adapter_shape(adapter.facts, adapter.header.tensors)
    choice = choose_base(
        shape,
        declared_base(adapter.header, adapter.facts.lineage),
        [base.candidate for base in bases],
        given=options.base_given,
    )
    base = bases[choice.index] if choice.index is not None else None
    static = Measured(base_rule=choice.rule, match=match_counts(_counted_match(shape, choice)))
    judgement = judge(static)
    known = Validation(adapter, judgement, choice, base, measured=static, hint=_hint(judgement.verdict))
    if judgement.rule != "not-measured" or base is None:
        return known
    try:
        return _prove(known, base, options, session)
    except RenderError as error:
        return replace(known, judgement=_judge_failure(adapter, error), hint=error.hint)


def _judge_failure(adapter: AdapterFile, error: RenderError) -> Judgement:
    """Tell the adapter's own failures from the machine's."""
    if error.reference == "unsupported-adapter":
        return Judgement(Verdict.UNSUPPORTED, error.reference, error.template, fields=error.fields)
    if error.reference != "adapter-unreadable":
        return Judgement(Verdict.ERROR, error.reference, error.template, fields=error.fields)
    if adapter.header.format is Format.PICKLE:
        # The header could be read, so the file is whole; torch's own advice (switch the safe loader off) is not ours.
        reason = N_("torch's safe loader refuses it, for it holds more than tensors and plain values")
        return Judgement(Verdict.UNSUPPORTED, "suspicious-pickle", reason)
    return judge(Measured(unreadable=str(error)))


def _counted_match(shape: AdapterShape, choice: BaseChoice) -> Match:
    """Return the match to judge by; without any base, one against nothing, so that its modules are still counted."""
    return choice.match if choice.match.total else shape.match(BaseLayout({}))


def match_counts(match: Match) -> MatchCounts:
    """Return the counts that the rules read."""
    return MatchCounts(
        total=match.total,
        matched=match.matched,
        bad_shape=len(match.bad_shape),
        incomplete=len(match.incomplete),
        unsupported=len(match.unsupported),
        unknown=len(match.unknown),
    )


def _why_unsafe(header: Header) -> str:
    return "; ".join(finding.message for finding in header.findings) or "the pickle is not safe"


def _hint(verdict: Verdict) -> str:
    if verdict is Verdict.NO_BASE:
        return N_("add a checkpoint that the adapter was trained for, or name one with --base")
    return ""


def _prove(known: Validation, base: BaseFile, options: ValidateOptions, session: RenderSession) -> Validation:
    if base.header.safety not in {Safety.SAFE, Safety.NOT_APPLICABLE}:
        raise RenderError(
            "base-unsafe", N_("{name} is a pickle that is not known to be safe; it is not loaded"), name=base.name
        )
    environment = session.hello()
    plan = plan_render(known.adapter, base, options, environment)
    numbers = session.measure(plan)
    measured = measured_from_json(
        numbers,
        known.measured,
        triggered=plan.neutral != plan.triggered,
        switch=known.adapter.facts.kind is Kind.EMBEDDING,
    )
    weight = None if measured.switch else measured_weight(measured.sweep, measured.base)
    done = replace(
        known,
        judgement=judge(measured),
        plan=plan,
        numbers=numbers,
        measured=measured,
        weight=weight,
        environment=environment,
        hint=_render_hint(plan, options),
    )
    if not measured.rendered:
        return done
    try:
        return _keep_pictures(done, options, session)
    except (OSError, RenderError) as error:
        # The verdict stands on the numbers; a folder that takes no picture does not change it.
        return replace(done, hint=f"the pictures could not be kept: {error}")


def _render_hint(plan: RenderPlan, options: ValidateOptions) -> str:
    if plan.render or options.render is False:
        return ""
    return N_("checked without a picture: this base is large and there is no GPU; --render renders it all the same")


def plan_render(
    adapter: AdapterFile, base: BaseFile, options: ValidateOptions, environment: Mapping[str, Any]
) -> RenderPlan:
    """Decide what is rendered, from the user's options, the files and the machine (`environment` of hello)."""
    tiny = base.facts.parameters <= TINY_PARAMETERS
    fast = tiny or environment.get("device") != "cpu"
    rendered = fast if options.render is None else options.render
    in_negative = is_negative(adapter.facts, adapter.name)
    words = trigger_words(adapter)
    typed = tuple(as_typed(word) for word in words)
    stands_for = typed[0] if adapter.facts.kind is Kind.EMBEDDING and not in_negative else ""
    prompt, source = choose_prompt(options.prompt, base.header.metadata, adapter.facts, words, stands_for=stands_for)
    neutral, triggered = prompt_pairs(
        adapter.facts.kind, prompt, options.negative or "", typed, in_negative=in_negative
    )
    config, config_source = find_config(base.path, base.header, options.config)
    switch = adapter.facts.kind is Kind.EMBEDDING
    return RenderPlan(
        base=BasePlan(base.path, base.name, base.sha256, config, config_source),
        adapter=AdapterPlan(adapter.path, adapter.name, adapter.sha256, adapter.facts.kind, adapter.name),
        neutral=neutral,
        triggered=triggered,
        triggers=words,
        prompt_source=source,
        sampling=_sampling(options, tiny=tiny, rendered=rendered, fast=fast),
        strengths=(1.0,) if switch else options.strengths or (TINY_STRENGTHS if fast else LARGE_STRENGTHS),
        preview_strength=1.0 if switch else _first(options.weight, adapter.weight),
        device=options.device,
        dtype=options.dtype,
        render=rendered,
    )


def trigger_words(adapter: AdapterFile) -> tuple[str, ...]:
    """Return the words to test: an embedding's own name, else the best-ranked trigger words of one source."""
    if adapter.facts.kind is Kind.EMBEDDING:
        return (adapter.name,)
    words = [trigger for trigger in adapter.triggers if trigger.source != "training-tags" or trigger.score >= 0.5]
    if not words:
        return ()
    return tuple(trigger.text for trigger in words if trigger.source == words[0].source)[:MOST_TRIGGERS]


def _sampling(options: ValidateOptions, *, tiny: bool, rendered: bool, fast: bool) -> Sampling:
    """Return the sampling: what users use on a GPU, little on a CPU, one small noise when nothing is rendered."""
    if tiny:
        usual = Sampling()
    elif not rendered and not fast:
        usual = Sampling(seeds=(1,), width=CHECK_SIZE, height=CHECK_SIZE)
    else:
        usual = Sampling(seeds=(1, 2), steps=20 if fast else 10, cfg=7.0)
    width, height = options.size or (usual.width, usual.height)
    return replace(
        usual,
        seeds=options.seeds or usual.seeds,
        steps=options.steps or usual.steps,
        cfg=usual.cfg if options.cfg is None else options.cfg,
        sampler=options.sampler or usual.sampler,
        width=width,
        height=height,
        clip_skip=options.clip_skip,
    )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def preview_weight(done: Validation) -> float:
    """Return the weight of the preview: the user's or author's if it was rendered, else the measured, else 0.6."""
    assert done.plan is not None
    wanted = _first(done.plan.preview_strength, done.weight.weight if done.weight else None, DEFAULT_WEIGHT)
    assert wanted is not None
    return min(done.plan.strengths, key=lambda strength: (abs(strength - wanted), strength))


def _keep_pictures(done: Validation, options: ValidateOptions, session: RenderSession) -> Validation:
    """Write the preview and the pair without/with; the recipe is kept even when no folder was given."""
    assert done.plan is not None
    weight = preview_weight(done)
    recipe = recipe_text(done, weight)
    if options.out_dir is None:
        return replace(done, recipe=recipe)
    os.makedirs(options.out_dir, exist_ok=True)
    stem = os.path.join(options.out_dir, done.adapter.sha256 or done.adapter.id)
    picture = f"C@{weight:g}"
    texts = {"parameters": recipe, "hubman": _recipe_json(done, weight)}
    bare = {"parameters": recipe_text(done, None)}
    return replace(
        done,
        recipe=recipe,
        preview=session.write(picture, 0, f"{stem}.png", texts),
        with_=session.write(picture, 0, f"{stem}-with.png", texts),
        without=session.write("D", 0, f"{stem}-without.png", bare),
    )


def recipe_text(done: Validation, weight: float | None) -> str:
    """Return A1111's `parameters` text of the first picture; `weight` None leaves the adapter out."""
    plan = done.plan
    assert plan is not None
    adapters = []
    if weight is not None and done.adapter.facts.kind is not Kind.EMBEDDING:
        adapters = [PromptAdapter(done.adapter.facts.kind, done.adapter.name, weight)]
    built = build_prompt(adapters, plan.triggered.positive, plan.triggered.negative)
    width, height = done.numbers.get("base", {}).get("size", (0, 0))
    sampling = plan.sampling
    facts = [
        f"Steps: {sampling.steps}",
        f"Sampler: {'DPM++ 2M Karras' if sampling.sampler.endswith('karras') else 'DPM++ 2M'}",
        f"CFG scale: {format_weight(sampling.cfg)}",
        f"Seed: {sampling.seeds[0]}",
        f"Size: {width}x{height}",
        f"Model hash: {plan.base.sha256[:10]}",
        f"Model: {plan.base.name}",
    ]
    if sampling.clip_skip > 1:
        facts.append(f"Clip skip: {sampling.clip_skip}")
    lines = [built.positive]
    if built.negative:
        lines.append(f"Negative prompt: {built.negative}")
    return "\n".join([*lines, ", ".join(facts)])


def _recipe_json(done: Validation, weight: float) -> str:
    import json

    recipe = {
        "schema": 1,
        "adapter": {"name": done.adapter.name, "sha256": done.adapter.sha256, "weight": weight},
        "verdict": str(done.verdict),
        "rule": done.judgement.rule,
        "plan": done.to_json()["plan"],
        "environment": dict(done.environment),
    }
    return json.dumps(recipe, ensure_ascii=False, sort_keys=True)


__all__ = [
    "AdapterFile",
    "BaseFile",
    "HubmanError",
    "RenderSession",
    "ValidateOptions",
    "Validation",
    "plan_render",
    "validate_adapter",
]
