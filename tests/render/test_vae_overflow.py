"""A VAE whose half precision overflows is read once more in float32, and it comes back to half precision afterwards."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hubman.core.plan.render import BasePlan  # noqa: E402
from hubman.renderers.base import load_base  # noqa: E402
from hubman.renderers.sample import decode  # noqa: E402

pytestmark = pytest.mark.render


@pytest.fixture(scope="module")
def half(checkpoint: tuple[str, str]) -> Any:
    return load_base(BasePlan(checkpoint[0], "tiny", "0" * 64, checkpoint[1]), "cpu", "float16")


@pytest.fixture
def latents(half: Any) -> Any:
    shape = (2, *half.family.latent_shape(half, (32, 32)))
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).half()


def test_a_vae_that_stays_in_range_is_read_as_it_is(half: Any, latents: Any) -> None:
    with torch.inference_mode():
        pixels, upcast = decode(half, latents)
    assert not upcast
    assert torch.isfinite(pixels).all()


def test_one_that_overflows_is_read_in_float32_and_put_back(half: Any, latents: Any) -> None:
    """The first convolution's answer is over 65,504, the largest number of float16; the norm after it takes it back."""
    first = half.vae.decoder.conv_in
    kept = first.weight.detach().clone()
    with torch.no_grad():
        first.weight.mul_(30000 / float(kept.abs().max()))
    try:
        with torch.inference_mode():
            assert not torch.isfinite(first(half.vae.post_quant_conv(latents / half.vae.config.scaling_factor))).all()
            pixels, upcast = decode(half, latents)
        assert upcast
        assert torch.isfinite(pixels).all()
        assert float(pixels.std()) > 0
        assert {parameter.dtype for parameter in half.vae.parameters()} == {torch.float16}
    finally:
        with torch.no_grad():
            first.weight.copy_(kept)
