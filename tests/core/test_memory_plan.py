"""Where the parts of a base lie on GPUs of several sizes, by arithmetic, with the weights of the real models."""

from __future__ import annotations

import pytest

from hubman.core.plan.memory import (
    GIB,
    RESERVE,
    ModelBytes,
    WorkBytes,
    needed,
    plan_cpu_memory,
    plan_memory,
    work_bytes,
)

SIZES = {  # parameters of denoiser, VAE, text encoders (millions); native side, width of U-Net and VAE
    "sd1": ((860, 84, 123), 512, 320),
    "sd2": ((866, 84, 340), 768, 320),
    "sdxl": ((2567, 84, 817), 1024, 320),
}


def sizes(kind: str, pictures: int = 2) -> tuple[ModelBytes, WorkBytes]:
    (denoiser, vae, texts), side, width = SIZES[kind]
    weights = ModelBytes(denoiser * 2 * 10**6, vae * 2 * 10**6, texts * 2 * 10**6)
    vae_item = 4 if kind == "sdxl" else 2
    return weights, work_bytes(
        (side, side), pictures, factor=8, unet_width=width, vae_width=128, item=2, vae_item=vae_item
    )


@pytest.mark.parametrize(
    ("kind", "gib", "pristine", "offload"),
    [
        ("sd1", 24, "device", False),
        ("sd1", 8, "device", False),
        ("sd1", 4, "host", False),
        ("sd2", 12, "device", False),
        ("sdxl", 24, "device", False),
        ("sd2", 6, "host", False),
        ("sdxl", 12, "host", False),
        ("sdxl", 10, "host", False),
    ],
)
def test_a_card_gets_the_fastest_plan_that_fits(kind: str, gib: int, pristine: str, offload: bool) -> None:
    weights, work = sizes(kind)
    plan = plan_memory(gib * GIB, weights, work)
    assert plan.fits
    assert (plan.pristine, plan.offload) == (pristine, offload)
    assert needed(plan, weights, work) + RESERVE <= gib * GIB


def test_a_small_card_gets_part_by_part_what_it_cannot_hold() -> None:
    weights, work = sizes("sdxl", pictures=1)
    plan = plan_memory(7 * GIB, weights, work)
    assert plan.fits
    assert plan.offload


@pytest.mark.parametrize("kind", sorted(SIZES))
def test_less_memory_never_means_a_hungrier_plan(kind: str) -> None:
    weights, work = sizes(kind)
    costs = [needed(plan_memory(gib * GIB, weights, work), weights, work) for gib in (24, 12, 8, 6, 4, 2)]
    assert costs == sorted(costs, reverse=True)


def test_what_fits_nowhere_is_tried_by_the_thriftiest_way_and_said() -> None:
    weights, work = sizes("sdxl")
    plan = plan_memory(2 * GIB, weights, work)
    assert not plan.fits
    assert plan.offload
    assert plan.tiling


def test_a_cpu_draws_in_tiles_only_what_would_take_most_of_its_memory() -> None:
    _, work = sizes("sdxl")
    assert not plan_cpu_memory(64 * GIB, work).tiling
    assert plan_cpu_memory(2 * work.decode, work).tiling
