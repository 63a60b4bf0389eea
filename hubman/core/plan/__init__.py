"""What would be done, as values: which base an adapter fits and what would be rendered to prove it."""

from __future__ import annotations

from hubman.core.plan.bases import BaseLayout, base_layout
from hubman.core.plan.fit import (
    AdapterShape,
    BaseChoice,
    Candidate,
    Declared,
    Match,
    adapter_shape,
    choose_base,
    declared_base,
)
from hubman.core.plan.modules import AdapterLayout, adapter_layout
from hubman.core.plan.prompts import choose_prompt
from hubman.core.plan.render import AdapterPlan, BasePlan, PromptPair, RenderPlan, Sampling

__all__ = [
    "AdapterLayout",
    "AdapterPlan",
    "AdapterShape",
    "BaseChoice",
    "BaseLayout",
    "BasePlan",
    "Candidate",
    "Declared",
    "Match",
    "PromptPair",
    "RenderPlan",
    "Sampling",
    "adapter_layout",
    "adapter_shape",
    "base_layout",
    "choose_base",
    "choose_prompt",
    "declared_base",
]
