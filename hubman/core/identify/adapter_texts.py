"""The text encoders that an adapter changes, and the architectures that read them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from hubman.core.identify.algorithms import Module, Modules

CLIPS: Mapping[int, tuple[int, tuple[str, ...]]] = {
    # width -> (layers, architectures that read it). OpenAI CLIP-L, OpenCLIP ViT-H (SD 2), OpenCLIP ViT-bigG (SDXL).
    768: (12, ("sd1",)),
    1024: (24, ("sd2",)),
    1280: (32, ("sdxl",)),
}


def _widths(modules: Iterable[Module]) -> Counter[int]:
    """Widths of attention projections, which are square, so that MLP layers do not vote."""
    votes: Counter[int] = Counter()
    for module in modules:
        wide, deep = module.dims()
        if wide is not None and deep in (None, wide):
            votes[wide] += 1
    return votes


def width_of(modules: Modules) -> int | None:
    """Return the width of a text encoder's attention."""
    votes = _widths(modules.values())
    return votes.most_common(1)[0][0] if votes else None


CLIP_NAMES = re.compile(
    r"(?:text_model_)?encoder_layers_\d+_(?:self_attn_(?:(?:[qkv]|out)_proj|to_)|mlp_fc)|.*resblocks_\d+_|text_projection"
)
"""What CLIP's modules are called. Language models that serve as encoders (Qwen3 0.6B, Gemma) have CLIP's widths."""


def _clip_width(modules: Modules) -> int | None:
    return width_of(modules) if modules and all(map(CLIP_NAMES.match, modules)) else None


def text_architectures(texts: Mapping[str, Modules]) -> tuple[str, ...]:
    """Return the architectures that read the text encoders which are changed."""
    widths = {part: _clip_width(modules) for part, modules in texts.items()}
    first = widths.get("te1", widths.get("te"))
    if widths.get("te2") == 1280:
        return ("sd3",) if "te3" in texts else ("sdxl",)
    if "te2" in texts:
        return ("flux1",) if first == 768 else ()
    if "te3" in texts:
        return ("flux1", "sd3") if first == 768 else ()
    if "te1" in texts:
        return ("sdxl", "flux1", "sd3") if first == 768 else ()
    if first == 768 and any(module.name.startswith("text_encoder.") for module in texts["te"].values()):
        return "sd1", "flux1"  # diffusers names the first encoder so, whatever the pipeline
    return CLIPS[first][1] if first is not None and first in CLIPS else ()
