"""Prove an adapter: choose a base by its shapes, plan, render in the child process, judge, keep the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hubman.app.preview import keep_pictures
from hubman.app.validation import AdapterFile, BaseFile, RenderSession, ValidateOptions, Validation, first_of
from hubman.core.evidence import MatchCounts, Measured, measured_from_json
from hubman.core.plan.bases import BaseLayout
from hubman.core.plan.fit import (
    AdapterShape,
    BaseChoice,
    Match,
    adapter_shape,
    choose_base,
    declared_base,
)
from hubman.core.plan.flow import suited
from hubman.core.plan.other_word import change_word
from hubman.core.plan.prompts import add_words, choose_prompt, is_negative, prompt_pairs
from hubman.core.plan.render import TINY_PARAMETERS, AdapterPlan, BasePlan, PromptPair, RenderPlan, Sampling
from hubman.core.prompt import as_typed
from hubman.core.sweep import measured_weight
from hubman.core.types import Format, Header, Kind, Safety
from hubman.core.verdict import Judgement, Verdict, judge
from hubman.errors import N_, RenderError
from hubman.renderers.configs import find_config

TINY_STRENGTHS = (0.4, 0.6, 0.8, 1.0, 1.4, 2.0)
"""A fine sweep where a picture costs a fraction of a second, or a GPU is there; borders are sought between them."""

REFINE = 3
"""Weights more that may be rendered to find the borders: 0.2 halved twice is core.sweep.RESOLUTION."""

LARGE_STRENGTHS = (0.6, 1.0)
CHECK_STRENGTHS = (0.4, 0.6, 0.8, 1.0)
"""What the one-step check of a large model on a CPU looks at."""

TURNS = 3
CHECK_SIZE = 256
"""Side in pixels for the one-step check of a large model on a CPU: a quarter of SD1's cost; the change is relative."""

MOST_TRIGGERS = 3
"""More words would prove the words, not the adapter."""


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


def chosen_base(adapter: AdapterFile, bases: Sequence[BaseFile], options: ValidateOptions) -> BaseFile | None:
    """Return the base that `validate_adapter` will render on, None when its verdict needs no rendering."""
    if adapter.header.safety is Safety.UNSAFE:
        return None
    shape = adapter_shape(adapter.facts, adapter.header.tensors)
    declared = declared_base(adapter.header, adapter.facts.lineage)
    choice = choose_base(shape, declared, [base.candidate for base in bases], given=options.base_given)
    return bases[choice.index] if choice.index is not None else None


def _judge_failure(adapter: AdapterFile, error: RenderError) -> Judgement:
    """Tell the adapter's own failures from the machine's."""
    if error.reference == "unsupported-adapter":
        return Judgement(Verdict.UNSUPPORTED, error.reference, error.template, fields=error.fields)
    if error.reference == "adapter-malformed":
        return Judgement(Verdict.CORRUPT, error.reference, error.template, fields=error.fields)
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
    judgement = judge(measured)
    weight = None if measured.switch else measured_weight(measured.sweep, measured.base, measured.reference)
    done = replace(
        known,
        judgement=judgement,
        plan=plan,
        numbers=numbers,
        measured=measured,
        weight=weight,
        environment=environment,
        hint=_result_hint(judgement, plan, options),
    )
    if not measured.rendered or not options.preview:
        return done
    try:
        return keep_pictures(done, options, session)
    except (OSError, RenderError) as error:
        # The verdict stands on the numbers; a folder that takes no picture does not change it.
        return replace(done, hint=f"the pictures could not be kept: {error}")


def _result_hint(judgement: Judgement, plan: RenderPlan, options: ValidateOptions) -> str:
    if judgement.rule == "like-noise":
        return N_("its trigger word may be another one: `hubman triggers MODEL --guess` looks for it")
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
    changed = change_word(triggered.positive, typed)
    return RenderPlan(
        base=BasePlan(base.path, base.name, base.sha256, config, config_source),
        adapter=AdapterPlan(adapter.path, adapter.name, adapter.sha256, adapter.facts.kind, adapter.name),
        neutral=neutral,
        triggered=triggered,
        triggers=words,
        changed=replace(triggered, positive=changed.prompt) if rendered else None,
        swapped=(changed.old, changed.new),
        alone=_alone(adapter.facts.kind, neutral, typed),
        opposite=replace(neutral, positive=add_words(neutral.positive, typed)) if in_negative else None,
        prompt_source=source,
        sampling=usual_sampling(options, base.candidate.layout, tiny=tiny, rendered=rendered, fast=fast),
        **_sweep(options, switch=adapter.facts.kind is Kind.EMBEDDING, rendered=rendered, fast=fast),
        preview_strength=first_of(options.weight, adapter.weight) if adapter.facts.kind is not Kind.EMBEDDING else 1.0,
        device=options.device,
        dtype=options.dtype,
        render=rendered,
    )


def _alone(kind: Kind, neutral: PromptPair, words: Sequence[str]) -> tuple[PromptPair, ...]:
    """Return the neutral prompt with each trigger word alone, where there are several."""
    if kind is Kind.EMBEDDING or len(words) < 2:
        return ()
    return tuple(replace(neutral, positive=add_words(neutral.positive, [word])) for word in words)


def _sweep(options: ValidateOptions, *, switch: bool, rendered: bool, fast: bool) -> dict[str, Any]:
    """Return strengths, refinement and turns of a plan: all that a picture's cost allows; the user's own are exact."""
    turns = TURNS if fast else 1
    if switch:
        return {"strengths": (1.0,), "turns": 0}
    if options.strengths:
        return {"strengths": options.strengths, "turns": turns}
    if not rendered:
        return {"strengths": CHECK_STRENGTHS, "turns": turns}
    return {
        "strengths": TINY_STRENGTHS if fast else LARGE_STRENGTHS,
        "refine": REFINE if fast else 0,
        "turns": turns,
    }


def trigger_words(adapter: AdapterFile) -> tuple[str, ...]:
    """Return the words to test: an embedding's own name, else the best-ranked trigger words of one source."""
    if adapter.facts.kind is Kind.EMBEDDING:
        return (adapter.name,)
    words = [trigger for trigger in adapter.triggers if trigger.source != "training-tags" or trigger.score >= 0.5]
    if not words:
        return ()
    return tuple(trigger.text for trigger in words if trigger.source == words[0].source)[:MOST_TRIGGERS]


def usual_sampling(options: ValidateOptions, layout: BaseLayout, *, tiny: bool, rendered: bool, fast: bool) -> Sampling:
    """Return the sampling: what users use on a GPU, little on a CPU, one small noise when nothing is rendered."""
    if tiny:
        usual = Sampling()
    elif not rendered and not fast:
        usual = Sampling(seeds=(1,), width=CHECK_SIZE, height=CHECK_SIZE)
    else:
        usual = Sampling(seeds=(1, 2), steps=20 if fast else 10, cfg=7.0)
    usual = suited(usual, layout)
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
