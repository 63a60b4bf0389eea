"""Every sampler runs a tiny U-Net to the end, as diffusers' own pipeline does with the same scheduler."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hubman.core.plan.render import SAMPLERS, PromptPair, Sampling  # noqa: E402
from hubman.renderers.sample import render  # noqa: E402

pytestmark = pytest.mark.render


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_draws_the_same_twice_and_no_other_draws_it(base: Any, sampler: str) -> None:
    with torch.inference_mode():
        context = base.family.encode(base, PromptPair("a red circle"), 1, {})
    first, again = (render(base, context, Sampling(seeds=(3,), steps=4, sampler=sampler)) for _ in range(2))
    usual = render(base, context, Sampling(seeds=(3,), steps=4))
    assert torch.isfinite(first.latents).all()
    assert torch.equal(first.latents, again.latents)
    assert torch.equal(first.latents, usual.latents) == (sampler == "dpmpp_2m")
    assert float(first.latents.std()) < 4 * float(usual.latents.std())
