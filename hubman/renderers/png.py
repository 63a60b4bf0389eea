"""PNG files that say how they were made: A1111's `parameters` text, which every WebUI reads, and hubman's own JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def to_image(pixels: torch.Tensor) -> Image.Image:
    """Return (3, h, w) in 0..1 as a picture."""
    array = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array, "RGB")


def save_png(pixels: torch.Tensor, path: str, texts: Mapping[str, str]) -> None:
    """Write beside and move into place, so that nobody sees half a picture."""
    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text) if not text.isascii() else info.add_text(key, text)
    part = f"{path}.{os.getpid()}.part"
    try:
        to_image(torch.nan_to_num(pixels)).save(part, format="PNG", pnginfo=info)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
