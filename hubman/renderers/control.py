"""Two checks of an adapter that need no second model: weights turned at random, and denoising one's own pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hubman.core.plan.render import Sampling
from hubman.renderers.base import Base
from hubman.renderers.encode import Context
from hubman.renderers.metrics import relative_change
from hubman.renderers.sample import noise, size_of

OWN_STEP = 300
"""Timestep, of 1000, at which a picture is noised and denoised again: outlines are lost, colours and places are not."""

_FRESH = 7919
"""Added to a seed: the noise must not be the one that the picture was made from."""


@contextmanager
def turned(base: Base, seed: int) -> Iterator[int]:
    """Put the change that is on the base now on it in random directions; yield how many weights that are.

    Rows and columns of each change (of a convolution: output and input channels) are permuted and their signs flipped:
    the singular values stay, what they are aligned to is lost. Whoever put the change on takes it off afterwards.
    """
    make = torch.Generator("cpu").manual_seed(seed)
    changed = [(p, base.pristine[p]) for p in base.pristine if not torch.equal(p, base.pristine[p])]
    with torch.no_grad():
        kept = [parameter.detach().clone() for parameter, _ in changed]
        for parameter, clean in changed:
            parameter.copy_(clean.float() + _turn(parameter.float() - clean.float(), make))
        try:
            yield len(changed)
        finally:
            for (parameter, _), value in zip(changed, kept, strict=True):
                parameter.copy_(value)


def _turn(change: torch.Tensor, make: torch.Generator) -> torch.Tensor:
    for axis in range(min(2, change.dim())):
        count = change.shape[axis]
        order = torch.randperm(count, generator=make).to(change.device)
        signs = (torch.randint(0, 2, (count,), generator=make) * 2.0 - 1).to(change.device)
        shape = [1] * change.dim()
        shape[axis] = count
        change = change.index_select(axis, order) * signs.reshape(shape)
    return change


@torch.inference_mode()
def self_error(base: Base, context: Context, latents: torch.Tensor, sampling: Sampling) -> float | None:
    """Return the relative error of denoising these latents (n, c, h, w), noised to OWN_STEP, with what is on the base.

    None when they are not finite. The target is what the model was trained to answer: the noise, the velocity of
    v-prediction (Salimans and Ho 2022, eq. 10), or the difference of noise and picture (flow matching).
    """
    if not bool(torch.isfinite(latents).all()):
        return None
    seeds = tuple(seed + _FRESH for seed in sampling.seeds)
    fresh = noise(base, Sampling(seeds, width=sampling.width, height=sampling.height)).to(base.device)
    clean = latents.to(base.device)
    scheduler = base.family.scheduler(base, sampling, size_of(base, sampling))
    schedule = getattr(scheduler, "alphas_cumprod", None)
    if schedule is None:
        share = OWN_STEP / 1000
        noised, target = (1 - share) * clean + share * fresh, fresh - clean
    else:
        keep = schedule[OWN_STEP].to(clean) ** 0.5
        share = (1 - keep**2) ** 0.5
        noised = keep * clean + share * fresh
        velocity = scheduler.config.prediction_type == "v_prediction"
        target = keep * fresh - share * clean if velocity else fresh
    answer = base.family.predict(base, noised, OWN_STEP, context, sampling.cfg)[1]
    if not bool(torch.isfinite(answer).all()):
        return None
    return relative_change(target, answer)
