"""Flux.1 (dev and schnell): a transformer that was distilled to need no classifier-free guidance.

Its negative prompt counts nothing. [dev] is told the strength of the guidance as a number; [schnell] is not, and reads
256 tokens of T5 where [dev] reads 512. CLIP gives only its pooled vector. Sources: black-forest-labs/flux, diffusers
`FluxPipeline`, whose pictures these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hubman.core.plan.bases import TE1, TE2
from hubman.core.plan.render import PromptPair, Sampling
from hubman.renderers.base import Base, TextPart
from hubman.renderers.encode import Context, Vectors, chunk_prompt, read_chunk
from hubman.renderers.families import GUIDANCE
from hubman.renderers.families.flow import clips, flow_scheduler, side, t5_of, t5_states

T5_LENGTH = {True: 512, False: 256}
"""Tokens of T5, by whether the model is told the guidance."""


class FluxFamily:
    """See `families.Family`."""

    texts: tuple[str, ...] = (TE1, TE2)

    def channels(self, base: Base) -> int:
        return int(base.unet.config.in_channels) // 4  # two by two latents are one token

    def encode(self, base: Base, pair: PromptPair, clip_skip: int, embeddings: Mapping[str, Vectors]) -> Context:
        """Encode both prompts; `clip_skip` counts nothing, for only the pooled vector of CLIP is read."""
        t5 = t5_of(base)
        assert t5 is not None  # `texts` says so
        length = T5_LENGTH[bool(base.unet.config.guidance_embeds)]
        prompts = (pair.negative, pair.positive)
        return Context(
            torch.cat([t5_states(base, t5, prompt, length, embeddings) for prompt in prompts]),
            torch.cat([_pooled(clips(base)[0], prompt, embeddings) for prompt in prompts]).to(base.dtype),
        )

    def scheduler(self, base: Base, sampling: Sampling, size: tuple[int, int]) -> Any:
        _channels, height, width = self.latent_shape(base, size)
        sigmas = torch.linspace(1.0, 1 / sampling.steps, sampling.steps, dtype=torch.float64).tolist()
        return flow_scheduler(base, sampling, (height // 2) * (width // 2), sigmas)

    def latent_shape(self, base: Base, size: tuple[int, int]) -> tuple[int, int, int]:
        width, height = size
        return int(base.vae.config.latent_channels), height // base.factor, width // base.factor

    def predict(
        self,
        base: Base,
        latents: torch.Tensor,
        step: torch.Tensor | float,
        context: Context,
        guidance: float = GUIDANCE,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        output = self._output(base, latents, step, side(context, 1), guidance)
        return output, output

    def contrast(
        self,
        base: Base,
        latents: torch.Tensor,
        step: torch.Tensor | float,
        context: Context,
        guidance: float = GUIDANCE,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        negative = self._output(base, latents, step, side(context, 0), guidance)
        return negative, self.predict(base, latents, step, context, guidance)[1]

    def _output(
        self,
        base: Base,
        latents: torch.Tensor,
        step: torch.Tensor | float,
        text: tuple[torch.Tensor, torch.Tensor],
        guidance: float,
    ) -> torch.Tensor:
        """Return the output (n, c, h, w) for n latents and one text, as `side` gives it."""
        count, _channels, height, width = latents.shape
        states, pooled = text
        time = torch.as_tensor(step, device=latents.device).expand(count).to(base.dtype)
        told = torch.full([count], guidance, device=latents.device, dtype=torch.float32)
        output = base.unet(
            hidden_states=pack(latents.to(base.dtype)),
            timestep=time / 1000,
            guidance=told if base.unet.config.guidance_embeds else None,
            pooled_projections=pooled.expand(count, -1),
            encoder_hidden_states=states.expand(count, -1, -1),
            txt_ids=torch.zeros(states.shape[1], 3, device=latents.device, dtype=base.dtype),
            img_ids=positions(height // 2, width // 2).to(latents.device, base.dtype),
            return_dict=False,
        )[0]
        return unpack(output.float(), height, width)


def _pooled(text: TextPart, prompt: str, embeddings: Mapping[str, Vectors]) -> torch.Tensor:
    """Return CLIP's pooled vector (1, width) of the prompt's first chunk; emphasis does not reach it."""
    pooled: torch.Tensor = read_chunk(text, chunk_prompt(text, prompt, embeddings)[0], embeddings).pooler_output
    return pooled


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Return (n, h/2 * w/2, 4c): the four latents of a square one after the other, channel by channel."""
    count, channels, height, width = latents.shape
    squares = latents.reshape(count, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return squares.reshape(count, (height // 2) * (width // 2), channels * 4)


def unpack(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Undo `pack` for latents of that height and width."""
    count, _length, depth = tokens.shape
    squares = tokens.reshape(count, height // 2, width // 2, depth // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return squares.reshape(count, depth // 4, height, width)


def positions(rows: int, columns: int) -> torch.Tensor:
    """Return (rows * columns, 3): 0, row and column of every token."""
    grid = torch.zeros(rows, columns, 3)
    grid[..., 1] += torch.arange(rows)[:, None]
    grid[..., 2] += torch.arange(columns)[None, :]
    return grid.reshape(rows * columns, 3)
