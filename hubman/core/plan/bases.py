"""Which modules a checkpoint has, from tensor names and shapes alone, and under which names adapters know them.

Every naming of the same module (kohya's underscores, diffusers' dots, the original LDM block numbers, PEFT's prefixes)
is folded into one key, so that an adapter in any layout can be compared with a base in any layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hubman.core.plan.bases_transformers import (
    FLUX,
    diffusers_modules,
    original_kind,
    original_names,
    transformer_kind,
)
from hubman.core.plan.places import OTHER, T5, TE1, TE2, TE3, UNET, Place, Shape, fold
from hubman.core.types import TensorInfo

__all__ = [
    "OTHER",
    "T5",
    "TE1",
    "TE2",
    "TE3",
    "UNET",
    "BaseLayout",
    "Level",
    "Place",
    "Shape",
    "base_layout",
    "block_pairs",
    "fold",
    "layout_of_parts",
]

_RESNET = (
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
)
_FIXED = (
    ("input_blocks.0.0", "conv_in"),
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("label_emb.0.0", "add_embedding.linear_1"),
    ("label_emb.0.2", "add_embedding.linear_2"),
    ("out.0", "conv_norm_out"),
    ("out.2", "conv_out"),
    ("middle_block.1", "mid_block.attentions.0"),
)
_OPEN_CLIP = (
    ("attn.out_proj", "self_attn.out_proj"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
)

_UNET_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet/", "unet.", "transformer/")
_BARE_ORIGINALS = (
    *("double_blocks.", "single_blocks.", "img_in.", "txt_in.", "time_in.", "vector_in.", "guidance_in."),
    *("joint_blocks.", "x_embedder.", "context_embedder.", "t_embedder.", "y_embedder.", "final_layer."),
)
"""Flux.1 and SD3 in the original layout are often saved without a prefix."""

_CLIP_PREFIXES = (
    ("cond_stage_model.transformer.", TE1),
    ("conditioner.embedders.0.transformer.", TE1),
    ("text_encoder/", TE1),
    ("text_encoder_2/", TE2),
    ("text_encoder_3/", TE3),
    ("text_encoders.clip_l.transformer.", TE1),
    ("text_encoders.clip_g.transformer.", TE2),
    ("text_encoders.t5xxl.transformer.", TE3),
)
_OPEN_CLIP_PREFIXES = (
    ("cond_stage_model.model.", TE1),
    ("conditioner.embedders.0.model.", TE1),
    ("conditioner.embedders.1.model.", TE2),
)


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a U-Net half: how many resnets, whether each has an attention, whether it ends in a sampler."""

    resnets: int
    attentions: bool
    sampler: bool


def block_pairs(down: Iterable[Level], up: Iterable[Level]) -> list[tuple[str, str]]:
    """Return (LDM prefix, diffusers prefix) of every block; the numbering of the original U-Net, for any depth."""
    pairs = list(_FIXED)
    blocks = [("middle_block.0", "mid_block.resnets.0"), ("middle_block.2", "mid_block.resnets.1")]
    index = 1
    for number, level in enumerate(down):
        for resnet in range(level.resnets):
            blocks.append((f"input_blocks.{index}.0", f"down_blocks.{number}.resnets.{resnet}"))
            if level.attentions:
                pairs.append((f"input_blocks.{index}.1", f"down_blocks.{number}.attentions.{resnet}"))
            index += 1
        if level.sampler:
            pairs.append((f"input_blocks.{index}.0.op", f"down_blocks.{number}.downsamplers.0.conv"))
            index += 1
    index = 0
    for number, level in enumerate(up):
        for resnet in range(level.resnets):
            blocks.append((f"output_blocks.{index}.0", f"up_blocks.{number}.resnets.{resnet}"))
            if level.attentions:
                pairs.append((f"output_blocks.{index}.1", f"up_blocks.{number}.attentions.{resnet}"))
            if level.sampler and resnet == level.resnets - 1:
                slot = 2 if level.attentions else 1
                pairs.append((f"output_blocks.{index}.{slot}.conv", f"up_blocks.{number}.upsamplers.0.conv"))
            index += 1
    pairs.extend((f"{old}.{a}", f"{new}.{b}") for old, new in blocks for a, b in _RESNET)
    return pairs


def _levels_from_ldm(names: Iterable[str]) -> tuple[list[Level], list[Level]]:
    slots: dict[str, dict[int, set[str]]] = {"input_blocks": {}, "output_blocks": {}}
    for name in names:
        found = re.match(r"(input_blocks|output_blocks)\.(\d+)\.\d+\.(\w+)", name)
        if found:
            slots[found[1]].setdefault(int(found[2]), set()).add(found[3])
    return (
        _group_levels([slots["input_blocks"][i] for i in sorted(slots["input_blocks"]) if i > 0], "op"),
        _group_levels([slots["output_blocks"][i] for i in sorted(slots["output_blocks"])], "conv"),
    )


def _group_levels(blocks: list[set[str]], sampler: str) -> list[Level]:
    levels: list[Level] = []
    resnets, attentions = 0, False
    for words in blocks:
        resnets += "in_layers" in words
        attentions |= "transformer_blocks" in words
        if sampler in words:
            levels.append(Level(resnets, attentions, True))
            resnets, attentions = 0, False
    if resnets:
        levels.append(Level(resnets, attentions, False))
    return levels


def levels_from_diffusers(names: Iterable[str], half: str, sampler: str) -> list[Level]:
    """Return the levels of a half (`down_blocks`, ending in `downsamplers`) from diffusers' module names."""
    found: dict[int, tuple[set[int], bool, bool]] = {}
    for name in names:
        match = re.match(half + r"\.(\d+)\.(resnets|attentions|" + sampler + r")\.(\d+)", name)
        if match:
            resnets, attentions, ends = found.get(int(match[1]), (set(), False, False))
            if match[2] == "resnets":
                resnets.add(int(match[3]))
            found[int(match[1])] = (resnets, attentions or match[2] == "attentions", ends or match[2] == sampler)
    return [Level(len(found[n][0]), found[n][1], found[n][2]) for n in sorted(found)]


def rename(names: Iterable[str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return old name -> new name for the names under one of the prefixes."""
    table = dict(pairs)
    renamed: dict[str, str] = {}
    for name in names:
        parts = name.split(".")
        for cut in range(len(parts), 0, -1):
            new = table.get(".".join(parts[:cut]))
            if new is not None:
                renamed[name] = ".".join([new, *parts[cut:]])
                break
    return renamed


@dataclass(frozen=True, slots=True)
class BaseLayout:
    """What an adapter can change in a base.

    Attributes:
        modules: (part, folded diffusers name) -> shape of its weight; parts are unet (the denoiser, also when it is a
            transformer), te1, te2, te3.
        aliases: folded name in another layout (LDM) -> folded diffusers name, for the denoiser.
        fused: folded name of a module that the base keeps in several (`qkv` of the original Flux) -> where its rows go.
        context: width of the text that the cross-attention reads (768 in SD1), or None.
        channels: widths of the self-attention (320, 640, 1280 in SD1).
        te_widths: part -> width of a token's embedding, of the CLIPs: an embedding must have vectors for all of them.
        t5_widths: the same of a T5 (Flux.1, SD3), for which most embeddings have none.
        transformer: "flux" or "sd3" where the denoiser is one of these, else "".
        part_aliases: other names of a part: kohya calls T5 te3, also in Flux.1 whose second encoder it is.
    """

    modules: Mapping[tuple[str, str], Shape]
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fused: Mapping[str, tuple[Place, ...]] = field(default_factory=lambda: MappingProxyType({}))
    context: int | None = None
    channels: frozenset[int] = frozenset()
    te_widths: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    t5_widths: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    transformer: str = ""
    part_aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def places(self, part: str, folded: str) -> tuple[Place, ...]:
        """Return where the change of a module goes, by its folded name in any layout; () when the base lacks it."""
        if part == UNET and folded in self.fused:
            places = self.fused[folded]
            return places if all(place.key in self.modules for place in places) else ()
        part = self.part_aliases.get(part, part)
        key = part, self.aliases.get(folded, folded) if part == UNET else folded
        return (Place(key),) if key in self.modules else ()

    def token(self, part: str) -> tuple[str, int] | None:
        """Return (part, width of a token's embedding) of a text encoder, T5 by that name too; None if it is missing."""
        if part == T5:
            return next(iter(self.t5_widths.items()), None)
        return (part, self.te_widths[part]) if part in self.te_widths else None

    def renders(self, *, folder: bool) -> bool:
        """Say whether hubman draws with this denoiser: a U-Net, or Flux.1 and SD3 in a diffusers `folder`."""
        return folder if self.transformer else (UNET, "conv_in") in self.modules

    def shape(self, places: tuple[Place, ...]) -> Shape:
        """Return the shape of the weight that the places make up together, their rows stacked."""
        first = self.modules[places[0].key]
        if len(places) == 1 and places[0].rows is None:
            return first
        return (sum(place.rows or self.modules[place.key][0] for place in places), *first[1:])


def layout_of_parts(parts: Mapping[str, Mapping[str, Shape]]) -> BaseLayout:
    """Return the layout of a base from part -> {diffusers module name: weight shape}; the engine's own entry."""
    unet = parts.get(UNET, {})
    kind = transformer_kind(unet)
    if kind:
        return _transformer_layout(kind, parts)
    down = levels_from_diffusers(unet, "down_blocks", "downsamplers")
    up = levels_from_diffusers(unet, "up_blocks", "upsamplers")
    to_ldm = rename(unet, [(new, old) for old, new in block_pairs(down, up)])
    modules = _folded(parts)
    context = next((shape[-1] for name, shape in unet.items() if name.endswith("attn2.to_k")), None)
    return BaseLayout(
        modules=modules,
        aliases={fold(old): fold(new) for new, old in to_ldm.items()},
        context=context,
        channels=frozenset(shape[-1] for name, shape in unet.items() if name.endswith("attn1.to_k")),
        te_widths=_widths(modules, "token_embedding"),
    )


def _folded(parts: Mapping[str, Mapping[str, Shape]]) -> dict[tuple[str, str], Shape]:
    return {(part, fold(name)): shape for part, names in parts.items() for name, shape in names.items()}


def _widths(modules: Mapping[tuple[str, str], Shape], ending: str) -> dict[str, int]:
    """Return part -> width of a token's embedding, by the name that its table ends in."""
    return {
        part: shape[1]
        for (part, name), shape in modules.items()
        if part != UNET and name.endswith(ending) and len(shape) == 2
    }


def _transformer_layout(kind: str, parts: Mapping[str, Mapping[str, Shape]]) -> BaseLayout:
    """Return the layout of Flux.1 or SD3; hypernetworks have no place there, so it names no attention widths."""
    aliases, fused = original_names(kind, parts[UNET])
    modules = {key: shape for key, shape in _folded(parts).items() if key[1] != _T5_COPY}
    return BaseLayout(
        modules=modules,
        aliases=aliases,
        fused=fused,
        te_widths=_widths(modules, "token_embedding"),
        t5_widths=_widths(modules, "shared"),
        transformer=kind,
        part_aliases={TE3: TE2} if kind == FLUX else {},
    )


_T5_COPY = "encoder_embed_tokens"
"""T5's table of tokens under its second name (`shared` is the first): some files hold it twice."""


def base_layout(tensors: Mapping[str, TensorInfo]) -> BaseLayout:
    """Return what the header of a checkpoint (LDM or diffusers layout) offers to adapters."""
    parts: dict[str, dict[str, Shape]] = {UNET: {}, TE1: {}, TE2: {}, TE3: {}}
    for name, info in tensors.items():
        for part, module, shape in _base_modules(name, info.shape):
            parts[part][module] = shape
    unet = parts[UNET]
    kind = original_kind(unet)
    if kind:
        parts[UNET] = diffusers_modules(kind, unet)
        if kind == FLUX:
            parts[TE2] = parts.pop(TE3)
    elif any(name.startswith("input_blocks.") for name in unet):
        down, up = _levels_from_ldm(unet)
        renamed = rename(unet, block_pairs(down, up))
        parts[UNET] = {renamed[name]: shape for name, shape in unet.items() if name in renamed}
    return layout_of_parts(parts)


def _base_modules(name: str, shape: Shape) -> list[tuple[str, str, Shape]]:
    for prefix in _UNET_PREFIXES:
        if name.startswith(prefix):
            return _denoiser_module(name.removeprefix(prefix), shape)
    for prefix, part in _OPEN_CLIP_PREFIXES:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            if rest == "text_projection" and part == TE2:  # stored the other way round; SD2's encoder has no use for it
                return [(part, rest, shape[::-1])]
            return [(part, module, size) for module, size in _open_clip_modules(rest, shape)]
    for prefix, part in _CLIP_PREFIXES:
        if name.startswith(prefix):
            rest = _file_part(name.removeprefix(prefix)).removeprefix("text_model.")
            return [(part, _module_of(rest), shape)] if name.endswith(".weight") else []
    return _denoiser_module(name, shape) if name.startswith(_BARE_ORIGINALS) else []


def _denoiser_module(rest: str, shape: Shape) -> list[tuple[str, str, Shape]]:
    """Return the module of a weight; the original Flux.1 calls that of its norms `scale`."""
    if rest.endswith((".weight", "_norm.scale")):
        return [(UNET, _module_of(rest).removesuffix(".scale"), shape)]
    return []


def _file_part(name: str) -> str:
    """Drop a weight file's own name in a folder's tensor path (`model.safetensors:encoder...`)."""
    return name.rpartition(":")[2]


def _module_of(name: str) -> str:
    return _file_part(name).removesuffix(".weight")


def _open_clip_modules(name: str, shape: Shape) -> list[tuple[str, Shape]]:
    """Return the CLIP names of an OpenCLIP tensor; its fused q, k, v are three modules."""
    if name == "token_embedding.weight":
        return [("embeddings.token_embedding", shape)]
    found = re.match(r"transformer\.resblocks\.(\d+)\.(.+)", name)
    if not found:
        return []
    layer = f"encoder.layers.{found[1]}"
    if found[2] == "attn.in_proj_weight":
        size = (shape[0] // 3, *shape[1:])
        return [(f"{layer}.self_attn.{which}_proj", size) for which in "qkv"]
    return [(f"{layer}.{new}", shape) for old, new in _OPEN_CLIP if found[2] == f"{old}.weight"]
