"""How pictures are made with Flux.1 and SD3 unless somebody says otherwise."""

from __future__ import annotations

from dataclasses import replace

from hubman.core.plan.bases import UNET, BaseLayout, fold
from hubman.core.plan.bases_transformers import FLUX, GUIDANCE_EMBEDDER
from hubman.core.plan.render import Sampling

SCHNELL_STEPS = 4
"""Flux.1 [schnell] was distilled to 1 to 4 steps (its model card)."""

DEV_GUIDANCE, SD3_CFG = 3.5, 4.5
"""Strengths of the guidance that the model cards of Flux.1 [dev] and SD3.5 Large use."""


def suited(usual: Sampling, layout: BaseLayout) -> Sampling:
    """Return the usual sampling with what these models need: their own sampler, steps and guidance; U-Nets keep it."""
    if not layout.transformer:
        return usual
    if layout.transformer != FLUX:
        return replace(usual, sampler="euler", cfg=SD3_CFG)
    if (UNET, fold(GUIDANCE_EMBEDDER)) in layout.modules:
        return replace(usual, sampler="euler", cfg=DEV_GUIDANCE)
    return replace(usual, sampler="euler", cfg=1.0, steps=min(usual.steps, SCHNELL_STEPS))
