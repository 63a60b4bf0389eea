"""One validation in the child: open the adapter, compare it with the base, render A, B, C, D and the sweep."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.render import PromptPair, RenderPlan
from hubman.core.types import Kind
from hubman.renderers.adapters import Applied, open_adapter
from hubman.renderers.base import Base
from hubman.renderers.encode import Context
from hubman.renderers.metrics import cosine, pair_stats, picture_stats, relative_change
from hubman.renderers.sample import Pictures, one_step, render, size_of

if TYPE_CHECKING:
    from hubman.renderers.worker import Worker

Progress = Callable[[str], None]


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
        result["adapter"] = report.numbers
        return result

    def _measure(self, adapter: Applied, result: dict[str, Any]) -> None:
        self.progress("one-step")
        result["base"] = self._base_numbers()
        result["one_step"] = self._one_steps(adapter)
        result["rendered"] = self.plan.render
        if self.plan.render:
            self._render_all(adapter, result)

    def _context(self, pair: PromptPair, adapter: Applied | None) -> Context:
        with torch.inference_mode():
            embeddings = adapter.embeddings() if adapter else {}
            return self.base.family.encode(self.base, pair, self.plan.sampling.clip_skip, embeddings)

    def _remembered(self, what: str, pair: PromptPair, make: Callable[[], Any]) -> Any:
        """Return something about the bare base, made once per base, prompt and sampling."""
        key = (what, pair, self.plan.sampling)
        if key not in self.base.memory:
            self.base.memory[key] = make()
        return self.base.memory[key]

    def _base_numbers(self) -> dict[str, Any]:
        """Return facts of the bare base: size, prediction type probe, and the noise floor of rendering twice."""
        plan = self.plan
        context = self._context(plan.neutral, None)

        def make() -> dict[str, Any]:
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
                stats = _pair(pair[0], pair[1])
                numbers["floor"]["mae"] = stats["mae"] if stats else 0.0
            return numbers

        found: dict[str, Any] = self._remembered(f"numbers {plan.render}", plan.neutral, make)
        return found

    def _bare_step(self, pair: PromptPair) -> tuple[torch.Tensor, torch.Tensor]:
        def make() -> Any:
            return one_step(self.base, self._context(pair, None), self.plan.sampling)

        step: tuple[torch.Tensor, torch.Tensor] = self._remembered("step", pair, make)
        return step

    def _bare(self, pair: PromptPair) -> Pictures:
        def make() -> Any:
            return render(self.base, self._context(pair, None), self.plan.sampling)

        pictures: Pictures = self._remembered("pictures", pair, make)
        return pictures

    def _with(self, pair: PromptPair, adapter: Applied) -> Pictures:
        return render(self.base, self._context(pair, adapter), self.plan.sampling)

    def _one_steps(self, adapter: Applied) -> dict[str, Any]:
        """Return the relative change of the U-Net's output at strength 1, with the neutral and the triggered prompt."""
        changes = {}
        bare = {}
        pairs = {"neutral": self.plan.neutral, "triggered": self.plan.triggered}
        adapter.remove()
        for name, pair in pairs.items():
            bare[name] = self._bare_step(pair)
        adapter.set(1.0)
        for name, pair in pairs.items():
            step = one_step(self.base, self._context(pair, adapter), self.plan.sampling)
            finite = all(bool(torch.isfinite(t).all()) for t in step)
            changes[name] = max(relative_change(bare[name][half], step[half]) for half in (0, 1)) if finite else None
        adapter.remove()
        return changes

    def _render_all(self, adapter: Applied, result: dict[str, Any]) -> None:
        plan = self.plan
        adapter.remove()
        self.progress("A")
        a = self._bare(plan.neutral)
        d = self._bare(plan.triggered)
        bare_guidance = _guidance(self._bare_step(plan.neutral))
        self.pictures = {"A": a, "D": d}
        sweep = []
        for strength in plan.strengths:
            self.progress(f"C@{strength:g}")
            adapter.set(strength)
            c = self._with(plan.triggered, adapter)
            step = one_step(self.base, self._context(plan.neutral, adapter), plan.sampling)
            self.pictures[f"C@{strength:g}"] = c
            sweep.append(
                {
                    "strength": strength,
                    **picture_stats(c.latents, c.pixels),
                    "change": _pair(d, c),
                    "prompt_kept": cosine(bare_guidance, _guidance(step)),
                }
            )
        self.progress("B")
        adapter.set(1.0)
        full = self.pictures.get("C@1") or self._with(plan.triggered, adapter)
        if plan.adapter.kind is Kind.EMBEDDING:
            b = a  # its word is not in the neutral prompt
        else:
            b = full if plan.neutral == plan.triggered else self._with(plan.neutral, adapter)
        adapter.remove()
        self.pictures |= {"B": b, "C": full}
        result["sweep"] = sweep
        result["pictures"] = {
            name: picture_stats(p.latents, p.pixels) for name, p in zip("ABCD", (a, b, full, d), strict=True)
        }
        result["pairs"] = {"BA": _pair(a, b), "CD": _pair(d, full), "CA": _pair(a, full), "DA": _pair(a, d)}


def _guidance(step: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Return the direction in which the prompt pulls: positive minus negative prediction."""
    return step[1] - step[0]


def _pair(first: Pictures, second: Pictures) -> dict[str, float] | None:
    return pair_stats((first.latents, second.latents), (first.pixels, second.pixels))


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
