"""The U-Nets of the Stable Diffusion family, as data, and the names and widths of all modules that follow from it.

The block structure is that of CompVis latent-diffusion `openaimodel.UNetModel` (names `input_blocks`, `middle_block`,
`output_blocks`) and of diffusers `UNet2DConditionModel` (names `down_blocks`, `mid_block`, `up_blocks`): the same net
under two namings. Numbers: CompVis v1-inference.yaml, Stability-AI v2-inference.yaml, generative-models sd_xl_base.yaml
and sd_xl_refiner.yaml, Kwai-Kolors unet/config.json, segmind SSD-1B and Vega unet/config.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Layout = Literal["ldm", "diffusers"]
LAYOUTS: tuple[Layout, ...] = ("ldm", "diffusers")


@dataclass(frozen=True, slots=True)
class UNet:
    """One architecture's block structure.

    Attributes:
        channels: width of each level; depths: transformer blocks in an attention of each level (0: no attention).
        middle: transformer blocks in the middle; context: width of the text it reads.
        adm: width of the pooled conditioning, None where there is none; linear: `proj_in` is a matrix, not a 1x1
            convolution.
    """

    id: str
    channels: tuple[int, ...]
    depths: tuple[int, ...]
    middle: int
    context: int
    adm: int | None
    linear: bool
    words: str
    layers: int = 2


SD1 = UNet("sd1", (320, 640, 1280, 1280), (1, 1, 1, 0), 1, 768, None, False, "SD 1.x")
SD2 = UNet("sd2", (320, 640, 1280, 1280), (1, 1, 1, 0), 1, 1024, None, True, "SD 2.x")
SDXL = UNet("sdxl", (320, 640, 1280), (0, 2, 10), 10, 2048, 2816, True, "SDXL")
REFINER = UNet("sdxl-refiner", (384, 768, 1536, 1536), (0, 4, 4, 0), 4, 1280, 2560, True, "the SDXL refiner")
KOLORS = UNet("kolors", (320, 640, 1280), (0, 2, 10), 10, 2048, 5632, True, "Kolors")

FAMILY = (SD1, SD2, SDXL, REFINER, KOLORS)


Dims = tuple[int, int]
"""(out, in) of a module's weight."""


CONVOLUTIONS = ("conv", "conv1", "conv2", "conv_in", "conv_out", "op", "in_layers.2", "out_layers.3", "out.2", "s.0.0")
ONE_TAP = ("conv_shortcut", "skip_connection")
PROJECTIONS = ("proj_in", "proj_out")
NORMS = ("norm", "norm1", "norm2", "norm3", "norm_out", "in_layers.0", "out_layers.0", "out.0")
WHOLE = ("attn1", "attn2")
"""Attention as a whole: a module to the trainers of rotations, without a weight of its own."""


def names(unet: UNet, layout: Layout) -> Iterator[str]:
    """Yield the names of all modules with their dots."""
    return (name for name, _ in _modules(unet, layout))


def lines(unet: UNet, layout: Layout) -> Iterator[str]:
    """Yield the modules as the lines of a `declare.Graph`: name, out, in, kernel."""
    for name, (out, into) in _compact(unet, layout):
        if name.endswith(ONE_TAP) or (name.endswith(PROJECTIONS) and not unet.linear):
            yield f"{name} {out} {into} 1x1"
        elif name.endswith((".to_out.0", *WHOLE)):
            yield f"{name} {out} {into}"
        elif name.endswith(NORMS):
            yield f"{name} {out}"
        elif name.endswith(CONVOLUTIONS):
            yield f"{name} {out} {into} 3x3"
        else:
            yield f"{name} {out} {into}"


def _modules(unet: UNet, layout: Layout) -> Iterator[tuple[str, Dims]]:
    for name, dims in _compact(unet, layout):
        row = _ROW.search(name)
        for number in range(int(row[1]) + 1) if row else ():
            yield f"{name[: row.start()]}{number}{name[row.end() :]}", dims  # type: ignore[union-attr]
        if not row:
            yield name, dims


_ROW = re.compile(r"\{0-(\d+)\}")


def _compact(unet: UNet, layout: Layout) -> Iterator[tuple[str, Dims]]:
    first, time = unet.channels[0], unet.channels[0] * 4
    names = _FRAME[layout]
    yield names["conv_in"], (first, 4)
    yield names["time_1"], (time, first)
    yield names["time_2"], (time, time)
    if unet.adm is not None:
        yield names["adm_1"], (time, unet.adm)
        yield names["adm_2"], (time, time)
    yield names["norm_out"], (first, first)
    yield names["conv_out"], (4, first)
    skips: list[int] = [first]
    yield from _down(unet, layout, skips)
    yield from _middle(unet, layout)
    yield from _up(unet, layout, skips)


_FRAME: Mapping[Layout, Mapping[str, str]] = {
    "ldm": {
        "conv_in": "input_blocks.0.0",
        "time_1": "time_embed.0",
        "time_2": "time_embed.2",
        "adm_1": "label_emb.0.0",
        "adm_2": "label_emb.0.2",
        "norm_out": "out.0",
        "conv_out": "out.2",
    },
    "diffusers": {
        "conv_in": "conv_in",
        "time_1": "time_embedding.linear_1",
        "time_2": "time_embedding.linear_2",
        "adm_1": "add_embedding.linear_1",
        "adm_2": "add_embedding.linear_2",
        "norm_out": "conv_norm_out",
        "conv_out": "conv_out",
    },
}


def _down(unet: UNet, layout: Layout, skips: list[int]) -> Iterator[tuple[str, Dims]]:
    time, current, number = unet.channels[0] * 4, unet.channels[0], 1
    for level, width in enumerate(unet.channels):
        for layer in range(unet.layers):
            block = f"input_blocks.{number}" if layout == "ldm" else f"down_blocks.{level}"
            yield from _resnet(_part(block, layout, "resnets", layer), layout, current, width, time)
            if unet.depths[level]:
                yield from _attention(_part(block, layout, "attentions", layer), unet, width, unet.depths[level])
            current, number = width, number + 1
            skips.append(width)
        if level < len(unet.channels) - 1:
            ldm, diffusers = f"input_blocks.{number}.0.op", f"down_blocks.{level}.downsamplers.0.conv"
            yield (ldm if layout == "ldm" else diffusers), (width, width)
            number += 1
            skips.append(width)


def _middle(unet: UNet, layout: Layout) -> Iterator[tuple[str, Dims]]:
    width, time = unet.channels[-1], unet.channels[0] * 4
    ldm = ("middle_block.0", "middle_block.1", "middle_block.2")
    first, attention, last = (
        ldm if layout == "ldm" else ("mid_block.resnets.0", "mid_block.attentions.0", "mid_block.resnets.1")
    )
    yield from _resnet(first, layout, width, width, time)
    yield from _attention(attention, unet, width, unet.middle)
    yield from _resnet(last, layout, width, width, time)


def _up(unet: UNet, layout: Layout, skips: list[int]) -> Iterator[tuple[str, Dims]]:
    time, current, number = unet.channels[0] * 4, unet.channels[-1], 0
    last = len(unet.channels) - 1
    for step, level in enumerate(range(last, -1, -1)):
        width, depth = unet.channels[level], unet.depths[level]
        for layer in range(unet.layers + 1):
            block = f"output_blocks.{number}" if layout == "ldm" else f"up_blocks.{step}"
            skip = skips.pop()
            yield from _resnet(_part(block, layout, "resnets", layer), layout, current + skip, width, time)
            if depth:
                yield from _attention(_part(block, layout, "attentions", layer), unet, width, depth)
            if level and layer == unet.layers:
                ldm = f"output_blocks.{number}.{2 if depth else 1}.conv"
                yield (ldm if layout == "ldm" else f"up_blocks.{step}.upsamplers.0.conv"), (width, width)
            current, number = width, number + 1


def _part(block: str, layout: Layout, kind: str, layer: int) -> str:
    return f"{block}.{'01'[kind == 'attentions']}" if layout == "ldm" else f"{block}.{kind}.{layer}"


_RESNET: Mapping[Layout, tuple[str, ...]] = {
    "ldm": ("in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3", "skip_connection"),
    "diffusers": ("norm1", "conv1", "time_emb_proj", "norm2", "conv2", "conv_shortcut"),
}


def _resnet(prefix: str, layout: Layout, before: int, after: int, time: int) -> Iterator[tuple[str, Dims]]:
    dims = ((before, before), (after, before), (after, time), (after, after), (after, after), (after, before))
    for name, pair in zip(_RESNET[layout], dims, strict=True):
        if name not in ("skip_connection", "conv_shortcut") or before != after:
            yield f"{prefix}.{name}", pair


def _attention(prefix: str, unet: UNet, width: int, depth: int) -> Iterator[tuple[str, Dims]]:
    same = (width, width)
    for name in ("norm", "proj_in", "proj_out"):
        yield f"{prefix}.{name}", same
    inner = f"{prefix}.transformer_blocks.{{0-{depth - 1}}}"
    for name in ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_out.0"):
        yield f"{inner}.{name}", same
    for name in ("norm1", "norm2", "norm3", "attn1", "attn2"):
        yield f"{inner}.{name}", same
    yield f"{inner}.attn2.to_k", (width, unet.context)
    yield f"{inner}.attn2.to_v", (width, unet.context)
    yield f"{inner}.ff.net.0.proj", (width * 8, width)
    yield f"{inner}.ff.net.2", (width, width * 4)
