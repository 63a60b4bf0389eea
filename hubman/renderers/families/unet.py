"""SD1, SD2 and SDXL: a U-Net with classifier-free guidance, read on the schedule that its config names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hubman.core.plan.render import PromptPair, Sampling
from hubman.errors import N_, RenderError
from hubman.renderers.base import Base
from hubman.renderers.encode import Context, Vectors, encode


class UNetFamily:
    """See `families.Family`."""

    texts: tuple[str, ...] = ()  # any one will do
    batches_prompts = True

    def channels(self, base: Base) -> int:
        return int(base.unet.config.in_channels)

    def encode(self, base: Base, pair: PromptPair, clip_skip: int, embeddings: Mapping[str, Vectors]) -> Context:
        return encode(base, pair, clip_skip, embeddings)

    def scheduler(self, base: Base, sampling: Sampling, size: tuple[int, int]) -> Any:
        from diffusers import DPMSolverMultistepScheduler

        known = {"dpmpp_2m": {"use_karras_sigmas": False}, "dpmpp_2m_karras": {"use_karras_sigmas": True}}
        if sampling.sampler not in known:
            raise RenderError(
                "unknown-sampler",
                N_("{name} is no sampler of hubman; it has {known}"),
                name=sampling.sampler,
                known=", ".join(known),
            )
        scheduler = DPMSolverMultistepScheduler.from_config(
            dict(base.scheduler_config), algorithm_type="dpmsolver++", solver_order=2, **known[sampling.sampler]
        )
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
