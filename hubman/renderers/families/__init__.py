"""One module per kind of denoiser: how it reads a prompt, what it predicts, and on which schedule.

A family is chosen by the class of the loaded denoiser; `base.family` is the only way the rest of the engine knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.render import PromptPair, Sampling
from hubman.errors import N_, RenderError

GUIDANCE = 3.5
"""What Flux.1 [dev] is told unless something else is asked for (the default of its authors and of diffusers)."""

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from hubman.renderers.base import Base
    from hubman.renderers.encode import Context, Vectors

    class Family(Protocol):
        """What differs between U-Nets and the transformers; stateless, the base is an argument.

        Attributes:
            texts: the text encoders that it cannot do without.
        """

        texts: tuple[str, ...]

        def channels(self, base: Base) -> int:
            """Return how many latent channels the denoiser reads; more than the VAE's: an inpainting model."""

        def encode(self, base: Base, pair: PromptPair, clip_skip: int, embeddings: Mapping[str, Vectors]) -> Context:
            """Encode a pair of prompts (negative, positive) to contexts of equal length."""

        def scheduler(self, base: Base, sampling: Sampling, size: tuple[int, int]) -> Any:
            """Return a diffusers scheduler with its timesteps set for pictures of (width, height) pixels."""

        def latent_shape(self, base: Base, size: tuple[int, int]) -> tuple[int, int, int]:
            """Return (channels, height, width) of the latents of a picture of (width, height) pixels."""

        def predict(
            self,
            base: Base,
            latents: torch.Tensor,
            step: torch.Tensor | float,
            context: Context,
            guidance: float = GUIDANCE,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Return the output for the negative and the positive context, each (n, c, h, w), float32.

            `latents` (n, c, h, w) as the scheduler scaled them; `step` on the scale of 1000. A model without
            classifier-free guidance answers for the positive context alone, twice: its negative prompt counts nothing,
            and where it was distilled to be told the strength of the guidance, that is `guidance`.
            """

        def contrast(
            self,
            base: Base,
            latents: torch.Tensor,
            step: torch.Tensor | float,
            context: Context,
            guidance: float = GUIDANCE,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Return what `predict` does, but for the negative context too in any model: what the prompt's pull is."""


def pick_family(denoiser: Any) -> Family:
    """Return the family of a loaded denoiser. Raises RenderError `base-unsupported`."""
    from hubman.renderers.families.flux import FluxFamily
    from hubman.renderers.families.sd3 import SD3Family
    from hubman.renderers.families.unet import UNetFamily

    match type(denoiser).__name__:
        case "UNet2DConditionModel":
            return UNetFamily()
        case "FluxTransformer2DModel":
            return FluxFamily()
        case "SD3Transformer2DModel":
            return SD3Family()
        case name:
            raise RenderError("base-unsupported", N_("hubman cannot render with a {kind} yet"), kind=name)
