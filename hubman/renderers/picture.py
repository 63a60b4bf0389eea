"""Pictures of any prompt with any adapters: one PNG per seed, each the same alone as among others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.picture import PicturePlan
from hubman.errors import N_, RenderError
from hubman.renderers.base import Base
from hubman.renderers.contexts import guides
from hubman.renderers.png import save_png
from hubman.renderers.sample import Pictures, render, size_of
from hubman.renderers.stack import stacked

if TYPE_CHECKING:
    from hubman.renderers.worker import Worker


def render_pictures(
    base: Base,
    plan: PicturePlan,
    paths: Sequence[str],
    texts: Sequence[Mapping[str, str]],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Render and save; return {"size", "paths", "finite", "context_tokens", "adapters"}.

    Seeds are rendered one by one: the size of a batch changes the last bits of a matrix product, and a recipe must
    give its picture again.
    """
    if len(paths) != len(plan.sampling.seeds) or len(texts) not in {0, len(paths)}:
        raise RenderError("render-failed", N_("a picture needs a path and its texts: {count}"), count=len(paths))
    finite = True
    with stacked(base, plan.adapters) as stack:
        steps = guides(base, plan.prompt, plan.sampling, stack.adapters)
        for index, seed in enumerate(plan.sampling.seeds):
            label = f"picture {index + 1}/{len(paths)}, " if len(paths) > 1 else ""

            def told(done: int, of: int, label: str = label) -> None:
                progress(f"{label}step {done}/{of}")

            pictures = render(base, steps, replace(plan.sampling, seeds=(seed,)), told)
            finite = finite and is_finite(pictures)
            save_png(pictures.pixels[0], paths[index], texts[index] if texts else {})
        adapters = [_report(use.adapter.name, adapter.report) for use, adapter in stack.opened]
    return {
        "size": list(size_of(base, plan.sampling)),
        "paths": list(paths),
        "finite": finite,
        "context_tokens": max(context.states.shape[1] for guide in steps for context in guide.contexts),
        "adapters": adapters,
    }


def is_finite(pictures: Pictures) -> bool:
    """Say whether latents and pixels are numbers; where they are not, the PNG is black there."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in (pictures.latents, pictures.pixels))


def _report(name: str, report: Any) -> dict[str, Any]:
    return {"name": name, "matched": report.match.matched, "total": report.match.total}


def handle(worker: Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request "picture": {"plan", "paths": one per seed, "texts": PNG text chunks per picture, or []}."""
    plan = PicturePlan.from_json(request["plan"])
    base = worker.load(plan.base, plan.device, plan.dtype)
    try:
        return render_pictures(
            base, plan, request["paths"], request.get("texts", ()), lambda stage: worker.progress(request, stage)
        )
    except RenderError as error:
        if error.reference == "base-contaminated":
            worker.distrust()
        raise
    except Exception:
        worker.distrust()
        raise
