"""SD1, SD2 and SDXL: a U-Net with classifier-free guidance, read on the schedule that its config names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hubman.core.plan.render import PromptPair, Sampling
from hubman.errors import N_, RenderError
from hubman.renderers.base import Base
from hubman.renderers.encode import Context, Vectors, encode

_DPM = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_SAMPLERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {**_DPM, "use_karras_sigmas": False}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {**_DPM, "use_karras_sigmas": True}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {"clip_sample": False}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
"""Sampler -> diffusers' scheduler and its settings; the rest (betas, prediction type) is the base's own config."""


class UNetFamily:
    """See `families.Family`."""

    texts: tuple[str, ...] = ()  # any one will do
    batches_prompts = True

    def channels(self, base: Base) -> int:
        return int(base.unet.config.in_channels)

    def encode(self, base: Base, pair: PromptPair, clip_skip: int, embeddings: Mapping[str, Vectors]) -> Context:
        return encode(base, pair, clip_skip, embeddings)

    def scheduler(self, base: Base, sampling: Sampling, size: tuple[int, int]) -> Any:
        import diffusers

        if sampling.sampler not in _SAMPLERS:
            raise RenderError(
                "unknown-sampler",
                N_("{name} is no sampler of hubman; it has {known}"),
                name=sampling.sampler,
                known=", ".join(_SAMPLERS),
            )
        name, settings = _SAMPLERS[sampling.sampler]
        scheduler = getattr(diffusers, name).from_config(dict(base.scheduler_config), **settings)
        scheduler.set_timesteps(sampling.steps, device=base.device)
        return scheduler

    def latent_shape(self, base: Base, size: tuple[int, int]) -> tuple[int, int, int]:
        width, height = size
        return int(base.vae.config.latent_channels), height // base.factor, width // base.factor

    def predict(
        self, base: Base, latents: torch.Tensor, step: torch.Tensor | float, context: Context, guidance: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        count = 2 * len(latents) // len(context.states)  # pictures per prompt; a context may hold several
        states = context.states.repeat_interleave(count, dim=0)
        extra: dict[str, Any] = {}
        if context.pooled is not None:
            height, width = latents.shape[-2] * base.factor, latents.shape[-1] * base.factor
            ids = torch.tensor([[height, width, 0, 0, height, width]], device=latents.device, dtype=states.dtype)
            extra["added_cond_kwargs"] = {
                "text_embeds": context.pooled.repeat_interleave(count, dim=0),
                "time_ids": ids.expand(2 * len(latents), -1),
            }
        doubled = torch.cat([latents, latents]).to(base.dtype)
        output = base.unet(doubled, step, encoder_hidden_states=states, return_dict=False, **extra)[0]
        negative, positive = output.float().chunk(2)
        return negative, positive

    def contrast(
        self, base: Base, latents: torch.Tensor, step: torch.Tensor | float, context: Context, guidance: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self.predict(base, latents, step, context)
