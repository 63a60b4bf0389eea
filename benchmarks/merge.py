"""`python -m benchmarks merge`: what applying a LoRA costs, against diffusers' own way, in one process.

The demo's checkpoint and a LoRA over 236 of its modules (kohya's names). Figures are CPU seconds, medians of rounds:
open + apply + take off against `load_lora_weights` + `unload_lora_weights`, a second strength of an open one, and a
picture with the LoRA against one without it (and one through PEFT's layers).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULES = 236
RANK = 8
ROUNDS = int(os.environ.get("HUBMAN_BENCH_ROUNDS", "7"))
BASE = Path(__file__).resolve().parents[1] / "models" / "Stable-diffusion"


def report(folder: Path) -> dict[str, object]:
    """Measure and return the figures; ratios under "apply" and "picture" are those of the goal."""
    import diffusers
    import torch

    from hubman.core.plan.render import AdapterPlan, BasePlan, PromptPair, Sampling
    from hubman.core.types import Kind
    from hubman.renderers.adapters import open_adapter
    from hubman.renderers.base import load_base
    from hubman.renderers.sample import render

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    file = str(BASE / "tinyshapes.safetensors")
    base = load_base(BasePlan(file, "tinyshapes", "0" * 64, str(BASE / "tinyshapes")), "cpu", "float32")
    path = _write_lora(base, folder / "lora.safetensors")
    plan = AdapterPlan(path, "lora", "0" * 64, Kind.LORA)
    pipe = _pipeline(file)
    open_one = open_adapter(base, plan)
    modules = open_one.report.match.matched
    sampling, pair = Sampling(seeds=(1, 2, 3), steps=10), PromptPair("a red circle on a blue background")
    with torch.inference_mode():
        context = base.family.encode(base, pair, 1, {})

    def ours() -> None:
        adapter = open_adapter(base, plan)
        adapter.set(1.0)
        adapter.remove()

    def theirs() -> None:
        pipe.load_lora_weights(path)
        pipe.unload_lora_weights()

    def again() -> None:
        open_one.set(0.6)
        open_one.remove()

    costs = _medians({"ours": ours, "diffusers": theirs, "another strength": again})
    bare = lambda: render(base, context, sampling)  # noqa: E731
    open_one.set(1.0)
    merged = _medians({"with": bare})["with"]
    open_one.remove()
    without = _medians({"without": bare})["without"]
    pictures = _alternating(base, open_one, bare)
    pipe.load_lora_weights(path)
    layers = _medians({"peft": lambda: _denoise(pipe, context)})["peft"]
    pipe.unload_lora_weights()
    plain = _medians({"plain": lambda: _denoise(pipe, context)})["plain"]
    result: dict[str, object] = {
        "modules": modules,
        "cpu seconds": {**costs, "picture with": merged, "picture without": without},
        "apply": {"of diffusers": costs["ours"] / costs["diffusers"], "goal": 0.25},
        "picture": {"with / without": pictures, "goal": "no more than without", "peft layers / plain": layers / plain},
    }
    for name, value in result.items():
        print(f"  {name:<10} {value}")
    return result


def _medians(variants: dict[str, Callable[[], object]]) -> dict[str, float]:
    samples: dict[str, list[float]] = {name: [] for name in variants}
    for function in variants.values():
        function()
    for _ in range(ROUNDS):
        for name, function in variants.items():
            start = time.process_time()
            function()
            samples[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in samples.items()}


def _alternating(base: Any, adapter: Any, draw: Callable[[], object]) -> float:
    """Return the median of with / without over rounds that take turns, so that a busy machine moves both alike."""
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for strength in (0.0, 1.0):
            if strength:
                adapter.set(strength)
            start = time.process_time()
            draw()
            seconds.append(time.process_time() - start)
        adapter.remove()
        ratios.append(seconds[1] / seconds[0])
    return statistics.median(ratios)


def _denoise(pipe: Any, context: Any) -> object:
    """Ten calls of the pipeline's own U-Net on a batch like ours: what PEFT's layers add to a picture."""
    import torch

    latents = torch.randn((6, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    states = context.states.repeat_interleave(3, dim=0)
    with torch.inference_mode():
        for step in range(10):
            pipe.unet(latents, 999 - 99 * step, encoder_hidden_states=states)
    return latents


def _pipeline(file: str) -> Any:
    from diffusers import StableDiffusionPipeline

    config = os.path.splitext(file)[0]
    return StableDiffusionPipeline.from_single_file(file, config=config, local_files_only=True, safety_checker=None)


def _write_lora(base: Any, path: Path) -> str:
    """Write a LoRA over the first 236 modules of attention, feed-forward and residual blocks, in kohya's names."""
    import torch
    from safetensors.torch import save_file

    make = torch.Generator().manual_seed(0)
    tensors: dict[str, torch.Tensor] = {}
    wanted = ("attn", "ff_net", "proj_in", "proj_out", "conv1", "conv2", "self_attn", "mlp_fc")
    for (part, name), module in base.modules.items():
        weight = module.weight
        if len(tensors) == 3 * MODULES or weight.dim() < 2 or not any(word in name for word in wanted):
            continue
        stem = f"lora_unet_{name}" if part == "unet" else f"lora_te_text_model_{name}"
        tensors[f"{stem}.lora_down.weight"] = torch.randn((RANK, *weight.shape[1:]), generator=make) * 0.02
        up = (weight.shape[0], RANK, *(1,) * (weight.dim() - 2))
        tensors[f"{stem}.lora_up.weight"] = torch.randn(up, generator=make) * 0.02
        tensors[f"{stem}.alpha"] = torch.tensor(float(RANK))
    save_file(tensors, path)
    return str(path)
