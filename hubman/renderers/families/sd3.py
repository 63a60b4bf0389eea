"""SD3 and SD3.5: a transformer with classifier-free guidance that reads two CLIPs and, where it is there, T5.

Sources: Stability-AI/sd3.5, diffusers `StableDiffusion3Pipeline`, whose pictures these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hubman.core.plan.bases import TE1, TE2
from hubman.core.plan.render import PromptPair, Sampling
from hubman.renderers.base import Base
from hubman.renderers.encode import Context, Vectors, chunk_prompt, encode_chunk
from hubman.renderers.families.flow import clips, flow_scheduler, t5_of, t5_states

T5_LENGTH = 256


class SD3Family:
    """See `families.Family`."""

    texts: tuple[str, ...] = (TE1, TE2)

    def channels(self, base: Base) -> int:
        return int(base.unet.config.in_channels)

    def encode(self, base: Base, pair: PromptPair, clip_skip: int, embeddings: Mapping[str, Vectors]) -> Context:
        """Encode both prompts: 77 tokens of the CLIPs (what is longer is T5's alone), then 256 of T5."""
        rows = [self._encode(base, prompt, clip_skip, embeddings) for prompt in (pair.negative, pair.positive)]
        return Context(torch.cat([states for states, _ in rows]), torch.cat([pooled for _, pooled in rows]))

    def _encode(
        self, base: Base, prompt: str, clip_skip: int, embeddings: Mapping[str, Vectors]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        columns, pools = [], []
        for text in clips(base):
            chunk = chunk_prompt(text, prompt, embeddings)[0]
            states, pooled = encode_chunk(text, chunk, clip_skip, embeddings, xl=True)
            assert pooled is not None  # both are CLIPTextModelWithProjection
            columns.append(states)
            pools.append(pooled)
        width = int(base.unet.config.joint_attention_dim)
        wide = torch.cat(columns, dim=-1)
        wide = torch.nn.functional.pad(wide, (0, width - wide.shape[-1]))
        t5 = t5_of(base)
        if t5 is None:
            rest = torch.zeros(1, T5_LENGTH, width, device=wide.device, dtype=wide.dtype)
        else:
            rest = t5_states(base, t5, prompt, T5_LENGTH, embeddings)
        return torch.cat([wide, rest], dim=1), torch.cat(pools, dim=-1)

    def scheduler(self, base: Base, sampling: Sampling, size: tuple[int, int]) -> Any:
        _channels, height, width = self.latent_shape(base, size)
        patch = int(base.unet.config.patch_size)
        return flow_scheduler(base, sampling, (height // patch) * (width // patch))

    def latent_shape(self, base: Base, size: tuple[int, int]) -> tuple[int, int, int]:
        width, height = size
        return int(base.vae.config.latent_channels), height // base.factor, width // base.factor

    def predict(
        self, base: Base, latents: torch.Tensor, step: torch.Tensor | float, context: Context, guidance: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        count = len(latents)
        assert context.pooled is not None  # `encode` makes it
        output = base.unet(
            hidden_states=torch.cat([latents, latents]).to(base.dtype),
            timestep=torch.as_tensor(step, device=latents.device).expand(2 * count),
            encoder_hidden_states=context.states.repeat_interleave(count, dim=0),
            pooled_projections=context.pooled.repeat_interleave(count, dim=0),
            return_dict=False,
        )[0]
        negative, positive = output.float().chunk(2)
        return negative, positive

    def contrast(
        self, base: Base, latents: torch.Tensor, step: torch.Tensor | float, context: Context, guidance: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self.predict(base, latents, step, context)
