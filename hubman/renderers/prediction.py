"""Find out what a loaded U-Net predicts, before anything is rendered with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from hubman.core.plan.prediction import VELOCITY, Prediction, read_claims, settle, zero_terminal_snr
from hubman.core.plan.render import PromptPair
from hubman.renderers.configs import SD2, is_shipped

if TYPE_CHECKING:
    from hubman.renderers.base import Base

NOISIEST = 999
_LATENTS = 32
"""Side of the probe's noise in latents at most: the cosine does not ask for a picture."""

_SAMPLES = 2
_SD2_VELOCITY = 96
"""Latents per side of SD2's v models, which draw 768 pixels; its epsilon models draw 512."""


def settle_prediction(base: Base, metadata: Mapping[str, str], names: Iterable[str]) -> None:
    """Set `base.prediction`, and its scheduler config and native size to match.

    `metadata` and `names` are those of a single file, nothing for a folder.
    """
    kept = set(names)
    shipped = bool(base.plan.config) and is_shipped(base.plan.config or "")
    source = "family" if shipped else base.plan.config_source or "folder"
    claims = read_claims(_stated(base.scheduler_config), source, metadata, kept)
    zero = zero_terminal_snr(base.scheduler_config, metadata, kept)
    base.prediction = settle(claims, cosine_of(base), name=base.plan.name, zero_snr=zero)
    base.scheduler_config = scheduler_config(base.scheduler_config, base.prediction)
    if base.plan.config == SD2 and base.prediction.type == VELOCITY:
        base.sample_size = _SD2_VELOCITY


def _stated(config: Mapping[str, object]) -> dict[str, object]:
    """Return what a scheduler's file says; diffusers fills in the defaults of the class and lists which."""
    defaults = config.get("_use_default_values")
    silent = set(defaults) if isinstance(defaults, list | tuple) else set()
    return {key: value for key, value in config.items() if key not in silent}


def scheduler_config(config: Mapping[str, object], prediction: Prediction) -> dict[str, object]:
    """Return a scheduler's config for the type found.

    A schedule that ends in pure noise has to be rescaled (Lin et al. 2024, https://arxiv.org/abs/2305.08891) and must
    begin at its very last step ("trailing"), or the first step takes noise for a trace of a picture.
    What is set here leaves the list of defaults, for diffusers drops everything on it when it reads the config.
    """
    changed: dict[str, object] = {**config, "prediction_type": prediction.type}
    if prediction.zero_snr:
        changed |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    silent = config.get("_use_default_values")
    if isinstance(silent, list | tuple):
        said = {"prediction_type", *(("rescale_betas_zero_snr", "timestep_spacing") if prediction.zero_snr else ())}
        changed["_use_default_values"] = [key for key in silent if key not in said]
    return changed


@torch.inference_mode()
def cosine_of(base: Base) -> float | None:
    """Return the mean cosine of output and input at the noisiest step for an empty prompt; None if it is not finite."""
    context = base.family.encode(base, PromptPair(""), 1, {})
    side = min(base.native_size // base.factor, _LATENTS) * base.factor
    shape = (_SAMPLES, *base.family.latent_shape(base, (side, side)))
    noise = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(0)).to(base.device)
    output = base.family.predict(base, noise, NOISIEST, context)[1]
    cosine = torch.nn.functional.cosine_similarity(output.flatten(1), noise.flatten(1)).mean().item()
    return round(cosine, 4) if cosine == cosine else None


def unprobed(kind: str) -> Prediction:
    """Return the prediction of a model whose config alone says it (flow matching)."""
    return replace(Prediction(kind, "folder"), claims=(("folder", kind),))
