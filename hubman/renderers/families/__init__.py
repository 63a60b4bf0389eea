"""One module per kind of denoiser: how it reads a prompt, what it predicts, and on which schedule.

A family is chosen by the class of the loaded denoiser; `base.family` is the only way the rest of the engine knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.render import PromptPair, Sampling
from hubman.errors import N_, RenderError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from hubman.renderers.base import Base
    from hubman.renderers.encode import Context, Vectors

    class Family(Protocol):
        """What differs between U-Nets and the transformers; stateless, the base is an argument."""

        def encode(self, base: Base, pair: PromptPair, clip_skip: int, embeddings: Mapping[str, Vectors]) -> Context:
            """Encode a pair of prompts (negative, positive) to contexts of equal length."""

        def scheduler(self, base: Base, sampling: Sampling, size: tuple[int, int]) -> Any:
            """Return a diffusers scheduler with its timesteps set for pictures of (width, height) pixels."""

        def latent_shape(self, base: Base, size: tuple[int, int]) -> tuple[int, int, int]:
            """Return (channels, height, width) of the latents of a picture of (width, height) pixels."""

        def predict(
            self, base: Base, latents: torch.Tensor, step: torch.Tensor | float, context: Context
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Return the output for the negative and the positive context, each (n, c, h, w), float32.

            `latents` (n, c, h, w) as the scheduler scaled them; `step` on the scale of 1000.
            """


def pick_family(denoiser: Any) -> Family:
    """Return the family of a loaded denoiser. Raises RenderError `base-unsupported`."""
    from hubman.renderers.families.unet import UNetFamily

    match type(denoiser).__name__:
        case "UNet2DConditionModel":
            return UNetFamily()
        case name:
            raise RenderError("base-unsupported", N_("hubman cannot render with a {kind} yet"), kind=name)
