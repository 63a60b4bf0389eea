"""One validation in the child: open the adapter, compare it with the base, one step first, then pictures."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from hubman.core.limits import FLOOR_FACTOR, FULL_STRENGTH, NO_EFFECT_STEP
from hubman.core.plan.render import PromptPair, RenderPlan
from hubman.renderers.adapters import Applied, open_adapter
from hubman.renderers.base import Base
from hubman.renderers.control import turned
from hubman.renderers.encode import Context
from hubman.renderers.exhibits import Exhibits
from hubman.renderers.gallery import contexts, memory_of
from hubman.renderers.metrics import pair_stats, relative_change
from hubman.renderers.sample import Pictures, one_step, render, size_of
from hubman.renderers.tensors import alphas

if TYPE_CHECKING:
    from hubman.renderers.worker import Worker

Progress = Callable[[str], None]
Step = tuple[torch.Tensor, torch.Tensor]


class Measurement:
    """The pictures and numbers of one plan; pictures stay here until the next measurement."""

    def __init__(self, base: Base, plan: RenderPlan, progress: Progress) -> None:
        self.base = base
        self.plan = plan
        self.progress = progress
        self.pictures: dict[str, Pictures] = {}

    def run(self) -> dict[str, Any]:
        """Return the measurements as JSON values; the base is bit-exact afterwards or RenderError is raised."""
        self.progress("open")
        adapter = open_adapter(self.base, self.plan.adapter)
        report = adapter.report
        result: dict[str, Any] = {
            "match": report.match.to_json(),
            "matched_share": report.match.share,
            "nonfinite": {"count": len(report.nonfinite), "names": report.nonfinite[:10]},
        }
        try:
            if report.match.matched and not report.nonfinite:
                self._measure(adapter, result)
        finally:
            adapter.remove()
        self.base.check()
        result["vae_upcast"] = any(pictures.upcast for pictures in self.pictures.values())
        result["zero_modules"] = report.zero
        result["adapter"] = report.numbers | alphas(self.plan.adapter.path)
        return result

    def _measure(self, adapter: Applied, result: dict[str, Any]) -> None:
        self.progress("one-step")
        result["base"] = self._base_numbers()
        result["one_step"] = steps = self._one_steps(adapter)
        result["rendered"] = self.plan.render
        if not self.plan.render:
            return
        exhibits = Exhibits(self.base, self.plan, adapter, self.progress)
        # What one step says does nothing is rendered once, to confirm it, and not over a whole sweep.
        changes = [change for change in (steps["neutral"], steps["triggered"]) if change is not None]
        limit = max(FLOOR_FACTOR * result["base"]["floor"]["one_step"], NO_EFFECT_STEP)
        result |= exhibits.show(confirm=len(changes) == 2 and max(changes) < limit)
        self.pictures = exhibits.pictures

    def _context(self, pair: PromptPair, adapter: Applied | None) -> Context:
        embeddings = adapter.embeddings() if adapter else {}
        return contexts(self.base, [pair], self.plan.sampling, embeddings)[0]

    def _base_numbers(self) -> dict[str, Any]:
        """Return facts of the bare base: size, prediction type probe, and the noise floor of rendering twice."""
        plan = self.plan

        def make() -> dict[str, Any]:
            context = self._context(plan.neutral, None)
            numbers: dict[str, Any] = {
                "size": list(size_of(self.base, plan.sampling)),
                "prediction_cosine": self.base.prediction.cosine,
                "prediction_type": self.base.prediction.type,
                **self.base.facts(),
            }
            numbers["floor"] = {"one_step": 0.0, "mae": 0.0}
            if not plan.render and self.base.device.type == "cpu":
                return numbers  # two more passes of a large U-Net, to learn that a CPU repeats itself
            pair_of_steps = [one_step(self.base, context, plan.sampling)[1] for _ in range(2)]
            numbers["floor"]["one_step"] = relative_change(pair_of_steps[0], pair_of_steps[1])
            if self.base.device.type != "cpu":
                pair = [render(self.base, context, plan.sampling) for _ in range(2)]
                stats = pair_stats((pair[0].latents, pair[1].latents), (pair[0].pixels, pair[1].pixels))
                numbers["floor"]["mae"] = stats["mae"] if stats else 0.0
            return numbers

        found: dict[str, Any] = memory_of(self.base).get(("numbers", plan.render, plan.neutral, plan.sampling), make)
        return found

    def _step(self, pair: PromptPair, adapter: Applied) -> Step:
        return one_step(self.base, self._context(pair, adapter), self.plan.sampling)

    def _bare_step(self, pair: PromptPair) -> Step:
        def make() -> Any:
            return one_step(self.base, self._context(pair, None), self.plan.sampling)

        step: Step = memory_of(self.base).get(("step", pair, self.plan.sampling), make)
        return step

    def _one_steps(self, adapter: Applied) -> dict[str, Any]:
        """Return the relative change of the output at strength 1, with the neutral and the triggered prompt.

        "sweep" has the triggered prompt at the plan's strengths where nothing is rendered; "control" what the same
        weights do in random directions, the mean over the plan's turns, and the adapter's change over it.
        """
        plan = self.plan
        adapter.remove()
        bare = {"neutral": self._bare_step(plan.neutral), "triggered": self._bare_step(plan.triggered)}
        adapter.set(FULL_STRENGTH)
        steps = {"neutral": self._step(plan.neutral, adapter)}
        same = plan.neutral == plan.triggered
        steps["triggered"] = steps["neutral"] if same else self._step(plan.triggered, adapter)
        found: dict[str, Any] = {name: step_change(bare[name], step) for name, step in steps.items()}
        positive = max(relative_change(bare[name][1], step[1]) for name, step in steps.items())
        found["control"] = self._control(adapter, bare["triggered"][1], positive)
        found["sweep"] = []
        if not plan.render:
            for strength in plan.strengths:
                if strength != FULL_STRENGTH:
                    adapter.set(strength)
                    change = step_change(bare["triggered"], self._step(plan.triggered, adapter))
                else:
                    change = found["triggered"]
                found["sweep"].append({"strength": strength, "change": change})
        adapter.remove()
        return found

    def _control(self, adapter: Applied, bare: torch.Tensor, change: float) -> dict[str, Any] | None:
        """Compare the change of the positive prompt's output with what the same weights do turned at random.

        Returns {"change": the larger of the neutral and the triggered one, "turned": the mean over the plan's turns
        with the triggered prompt, "times"}; None for what changes no weights. The adapter is on at strength 1.
        """
        turns: list[float] = []
        for turn in range(self.plan.turns):
            with turned(self.base, turn) as weights:
                if not weights:
                    return None
                turns.append(relative_change(bare, self._step(self.plan.triggered, adapter)[1]))
        if not turns or not all(math.isfinite(value) for value in (change, *turns)) or not any(turns):
            return None
        mean = fmean(turns)
        return {"change": change, "turned": float(f"{mean:.6g}"), "times": float(f"{change / mean:.6g}")}


def step_change(bare: Step, step: Step) -> float | None:
    """Return the larger relative change of the two halves (negative and positive prompt), None when not finite."""
    if not all(bool(torch.isfinite(half).all()) for half in step):
        return None
    return max(relative_change(bare[half], step[half]) for half in (0, 1))


def versions() -> dict[str, str]:
    """Return the versions that a picture depends on."""
    import diffusers
    import transformers

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "diffusers": str(diffusers.__version__),
        "transformers": str(transformers.__version__),
    }


def handle(worker: Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request "measure": load the base, measure the plan's adapter on it, keep the pictures for "write"."""
    plan = RenderPlan.from_json(request["plan"])
    worker.last = None
    base = worker.load(plan.base, plan.device, plan.dtype)
    worker.last = Measurement(base, plan, lambda stage: worker.progress(request, stage))
    try:
        result: dict[str, Any] = worker.last.run()
        return result
    except Exception:
        worker.distrust()
        raise
