"""Modules as trainers see them: the U-Nets of SD 1, SD 2 and SDXL with their text encoders, on the meta device."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.corpora.generate.diffusers_labels import NAMED
from tests.corpora.generate.diffusers_models import build

CORPORA = Path(__file__).resolve().parent.parent
SDXL_LDM = "comfy_generated/sdxl_unet__bare.json"
TEXTS = {"sd1": ((768, 12, 12),), "sd2": ((1024, 23, 16),), "sdxl": ((768, 12, 12), (1280, 32, 20))}


@cache
def natives() -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of every header in tests/corpora that is a whole diffusion model, by file, without wrapping prefixes."""
    index = {case["file"]: case for case in json.loads((CORPORA / "INDEX.json").read_text("utf-8"))}
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    with lzma.open(CORPORA / "headers.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if index[record["file"]]["expected_type"] == "diffusion_model" and "tensors" in record:
                shapes = {name: tuple(raw["shape"]) for name, raw in record["tensors"].items()}
                found[record["file"]] = _bare(shapes)
    return found


def _bare(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    for prefix in ("model.diffusion_model.", "net.", "model."):
        if all(name.startswith(prefix) for name in shapes):
            return {name.removeprefix(prefix): shape for name, shape in shapes.items()}
    return shapes


class Transformer2DModel(torch.nn.Module):
    """Named as kohya's SDXL U-Net names its blocks of attention."""


class ResnetBlock2D(torch.nn.Module):
    """Named as kohya's SDXL U-Net names its residual blocks."""


class Downsample2D(torch.nn.Module):
    """Named as kohya's SDXL U-Net names what halves."""


class Upsample2D(torch.nn.Module):
    """Named as kohya's SDXL U-Net names what doubles."""


def _box(names: set[str]) -> torch.nn.Module:
    if "transformer_blocks" in names:
        return Transformer2DModel()
    if "in_layers" in names:
        return ResnetBlock2D()
    if "op" in names:
        return Downsample2D()
    return Upsample2D() if names == {"conv"} else torch.nn.Module()


def _leaf(shapes: dict[str, tuple[int, ...]]) -> torch.nn.Module:
    weight, bias = shapes["weight"], "bias" in shapes
    if len(weight) == 4:
        return torch.nn.Conv2d(weight[1], weight[0], weight[2], padding=weight[2] // 2, bias=bias)
    if len(weight) == 2:
        return torch.nn.Linear(weight[1], weight[0], bias=bias)
    return torch.nn.LayerNorm(weight[0])


def tree(shapes: dict[str, tuple[int, ...]]) -> torch.nn.Module:
    """A module whose parts have these names and shapes, and kohya's class names where blocks are."""
    if "weight" in shapes:
        return _leaf(shapes)
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        first, _, rest = name.partition(".")
        parts.setdefault(first, {})[rest] = shape
    box = _box(set(parts))
    for name, inner in parts.items():
        box.add_module(name, tree(inner))
    return box


def unet(base: str, diffusers_names: bool = False, hide_time: bool = False) -> Any:
    """The U-Net as kohya's trainers build it: SDXL under LDM's names, the others under diffusers'.

    `hide_time` gives the embedding of time another class: LyCORIS 4.1.3 names its parts twice under the preset `full`,
    by their class and by their names, and then refuses them.
    """
    if base == "sdxl" and not diffusers_names:
        with torch.device("meta"):
            return tree(natives()[SDXL_LDM])
    kind, _, config = NAMED[{"sd1": "unet_sd15", "sd2": "unet_sd21", "sdxl": "unet_sdxl"}[base]]
    model = build(kind, config)
    if hide_time:
        model.time_embedding.__class__ = type("TimeEmbedding", (type(model.time_embedding),), {})
    return model


def texts(base: str) -> list[Any]:
    """The text encoders as transformers before 5 nested them."""
    made = []
    for hidden, layers, heads in TEXTS[base]:
        config = transformers.CLIPTextConfig(
            hidden_size=hidden, intermediate_size=4 * hidden, num_hidden_layers=layers, num_attention_heads=heads
        )
        with torch.device("meta"):
            outer = torch.nn.Module()
            outer.text_model = transformers.CLIPTextModel(config)
        made.append(outer)
    return made


def weights(model: Any, inside: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and weight shape of every linear map and convolution inside modules of those class names, in their order."""
    for name, module in model.named_modules():
        if type(module).__name__ in inside:
            for inner, part in module.named_modules():
                if isinstance(part, (torch.nn.Linear, torch.nn.Conv2d)):
                    yield f"{name}.{inner}" if inner else name, tuple(part.weight.shape)
