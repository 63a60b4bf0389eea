"""The pictures of a validation that people see: which weight they show, where they lie, and their recipe."""

from __future__ import annotations

import json
import os
from dataclasses import replace

from hubman.app.validation import RenderSession, ValidateOptions, Validation, first_of
from hubman.core.prompt import PromptAdapter, build_prompt, format_weight
from hubman.core.types import Kind

DEFAULT_WEIGHT = 0.6


def preview_weight(done: Validation) -> float:
    """Return the weight of the preview: the user's or author's if it was rendered, else the measured, else 0.6."""
    assert done.plan is not None
    wanted = first_of(done.plan.preview_strength, done.weight.weight if done.weight else None, DEFAULT_WEIGHT)
    assert wanted is not None
    return min(done.plan.strengths, key=lambda strength: (abs(strength - wanted), strength))


def keep_pictures(done: Validation, options: ValidateOptions, session: RenderSession) -> Validation:
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
    recipe = {
        "schema": 1,
        "adapter": {"name": done.adapter.name, "sha256": done.adapter.sha256, "weight": weight},
        "verdict": str(done.verdict),
        "rule": done.judgement.rule,
        "plan": done.to_json()["plan"],
        "environment": dict(done.environment),
    }
    return json.dumps(recipe, ensure_ascii=False, sort_keys=True)
