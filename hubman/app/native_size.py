"""The size a checkpoint draws at, read from its config without loading it."""

from __future__ import annotations

import json
import os
from typing import Any

from hubman.app.validation import BaseFile

BY_ARCHITECTURE = {"sd1": 512, "sd2": 768, "sdxl": 1024, "sd3": 1024, "flux1": 1024}
"""Side in pixels where no config says it: the resolution that each family was published with."""

USUAL = 512


def native_size(base: BaseFile, config: str | None) -> tuple[int, int]:
    """Return (width, height) in pixels: `sample_size` of the U-Net's config times the pixels of a latent.

    Args:
        config: the config folder (renderers/configs), None for a diffusers folder, which holds its own.
    """
    folder = config or (base.path if os.path.isdir(base.path) else None)
    if folder is not None:
        latents = _read(folder, "unet").get("sample_size")
        channels = _read(folder, "vae").get("block_out_channels")
        if isinstance(latents, int) and latents > 0 and isinstance(channels, list) and channels:
            side = latents * 2 ** (len(channels) - 1)
            return side, side
    side = BY_ARCHITECTURE.get(base.facts.architecture or "", USUAL)
    return side, side


def _read(folder: str, part: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, part, "config.json"), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
