"""From a context to latents to pixels: a small deterministic sampling loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hubman.core.plan.render import Sampling
from hubman.renderers.base import Base
from hubman.renderers.encode import Context, Guide
from hubman.renderers.offload import tiled

PROBE_STEP = 600
"""Timestep of the one-step check, of 1000 (render.md C2: noisy enough for layout and colour to be decided there)."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """One batch: latents (n, c, h, w) and pixels (n, 3, H, W) in 0..1, both float32 on the CPU.

    `upcast`: the VAE was read in higher precision than the rest (its overflow is no fault of an adapter).
    """

    latents: torch.Tensor
    pixels: torch.Tensor
    upcast: bool = False


def size_of(base: Base, sampling: Sampling) -> tuple[int, int]:
    """Return (width, height) in pixels: as asked, else the base's native size."""
    width = sampling.width or base.native_size
    height = sampling.height or sampling.width or base.native_size
    step = base.size_step
    return max(step, width // step * step), max(step, height // step * step)


def noise(base: Base, sampling: Sampling) -> torch.Tensor:
    """Return the starting noise, one generator per seed on the CPU, so that a seed gives one picture in any batch."""
    shape = base.family.latent_shape(base, size_of(base, sampling))
    rows = [torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)) for seed in sampling.seeds]
    return torch.stack(rows)


@torch.inference_mode()
def render(
    base: Base,
    context: Context | Sequence[Guide],
    sampling: Sampling,
    on_step: Callable[[int, int], None] | None = None,
) -> Pictures:
    """Render one picture per seed with classifier-free guidance.

    `context` is one for all steps, or a Guide per step. `on_step(done, of)` is called after each.
    """
    guides = (Guide((context,)),) if isinstance(context, Context) else tuple(context)
    scheduler = base.family.scheduler(base, sampling, size_of(base, sampling))
    latents = noise(base, sampling).to(base.device) * getattr(scheduler, "init_noise_sigma", 1.0)
    extra = _noise_source(base, scheduler, sampling)
    for index, step in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(latents, step) if hasattr(scheduler, "scale_model_input") else latents
        guided = _guided(base, scaled, step, guides[min(index, len(guides) - 1)], sampling.cfg)
        latents = scheduler.step(guided, step, latents, return_dict=False, **extra)[0]
        if on_step:
            on_step(index + 1, len(scheduler.timesteps))
    pixels, upcast = decode(base, latents)
    return Pictures(latents.float().cpu(), pixels, upcast)


def _guided(base: Base, latents: torch.Tensor, step: Any, guide: Guide, cfg: float) -> torch.Tensor:
    """Return negative + cfg * sum of weight * (positive - negative): composable diffusion (Liu et al. 2022, eq. 11)."""
    negative, positive = base.family.predict(base, latents, step, guide.contexts[0], cfg)
    guided = negative + cfg * guide.weights[0] * (positive - negative)
    for context, weight in zip(guide.contexts[1:], guide.weights[1:], strict=True):
        unwanted, wanted = base.family.predict(base, latents, step, context, cfg)
        guided = guided + cfg * weight * (wanted - unwanted)
    return guided


def _noise_source(base: Base, scheduler: Any, sampling: Sampling) -> dict[str, Any]:
    """Return generators for samplers that add noise on the way: each goes on where its seed's first noise ended."""
    if "generator" not in inspect.signature(scheduler.step).parameters:
        return {}
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in sampling.seeds]
    for generator in generators:
        torch.randn(base.family.latent_shape(base, size_of(base, sampling)), generator=generator)
    return {"generator": generators}


def decode(base: Base, latents: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """Return pixels (n, 3, H, W) in 0..1, and whether the VAE had to be read in higher precision than the base.

    It is from the start where SDXL's config says that half precision overflows (`force_upcast`; diffusers has it as the
    default of every VAE, so with SD1 and SD2 it says nothing), and again when
    finite latents came out of it as numbers that are none: first float32, then, where that does not fit, bfloat16.
    """
    size = latents.shape[-1] * base.factor, latents.shape[-2] * base.factor
    base.vae.use_tiling = tiled(base, size)
    forced = base.xl and base.dtype == torch.float16 and bool(getattr(base.vae.config, "force_upcast", False))
    if not forced:
        pixels = _decode(base, latents, base.dtype)
        overflown = bool(torch.isfinite(latents).all()) and not bool(torch.isfinite(pixels).all())
        if base.dtype == torch.float32 or not overflown:
            return pixels, False
    try:
        return _decode(base, latents, torch.float32), True
    except torch.OutOfMemoryError:
        return _decode(base, latents, torch.bfloat16), True


def _decode(base: Base, latents: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Decode row by row with the VAE in `dtype`; it has the base's own again afterwards."""
    config = base.vae.config
    shift = getattr(config, "shift_factor", None) or 0.0
    base.bring("vae")
    try:
        if dtype != base.dtype:
            base.vae.to(dtype)
        rows = [
            base.vae.decode((row[None] / config.scaling_factor + shift).to(dtype), return_dict=False)[0].float().cpu()
            for row in latents
        ]
    finally:
        if dtype != base.dtype:
            base.vae.to(base.dtype)
    return (torch.cat(rows) / 2 + 0.5).clamp(0, 1)


@torch.inference_mode()
def one_step(base: Base, context: Context, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the outputs (negative, positive) on pure noise at PROBE_STEP, on the CPU."""
    latents = noise(base, sampling).to(base.device)
    negative, positive = base.family.contrast(base, latents, PROBE_STEP, context, sampling.cfg)
    return negative.cpu(), positive.cpu()
