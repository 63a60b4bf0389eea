"""Names of a single-file checkpoint (SD1, SD2, SDXL): its parts, its tensors by diffusers' names, what it cannot be.

A single file has the U-Net and the VAE in the layout of the original LDM code, CLIP-L as transformers writes it and
OpenCLIP encoders as open_clip does. Shapes in, words out; no tensor is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hubman.core.plan.bases import block_pairs, levels_from_diffusers, rename
from hubman.core.plan.places import TE1, TE2, UNET, Shape

VAE = "vae"

PREFIXES: Mapping[str, tuple[str, ...]] = {
    UNET: ("model.diffusion_model.",),
    VAE: ("first_stage_model.",),
    TE1: ("cond_stage_model.", "conditioner.embedders.0."),
    TE2: ("conditioner.embedders.1.",),
}
"""Part -> how its tensors begin. Anything else (EMA copies, schedule tables, v_pred markers) is no weight."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "StableDiffusionPipeline": (UNET, VAE, TE1),
    "StableDiffusionXLPipeline": (UNET, VAE, TE1, TE2),
}
"""Pipeline class of a config -> parts without which it draws nothing."""

FOLDERS: Mapping[str, str] = {UNET: "unet", VAE: "vae", TE1: "text_encoder", TE2: "text_encoder_2"}
"""Part -> its folder in a diffusers model."""

_VAE_NAMES = (
    ("mid_block.resnets.0.", "mid.block_1."),
    ("mid_block.resnets.1.", "mid.block_2."),
    ("mid_block.attentions.0.group_norm.", "mid.attn_1.norm."),
    ("mid_block.attentions.0.to_q.", "mid.attn_1.q."),
    ("mid_block.attentions.0.to_k.", "mid.attn_1.k."),
    ("mid_block.attentions.0.to_v.", "mid.attn_1.v."),
    ("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out."),
    ("conv_norm_out.", "norm_out."),
    ("conv_shortcut.", "nin_shortcut."),
    (".downsamplers.0.", ".downsample."),
    (".upsamplers.0.", ".upsample."),
    (".resnets.", ".block."),
    ("down_blocks.", "down."),
)
_OPEN_CLIP = (
    ("self_attn.out_proj.", "attn.out_proj."),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
)
_OPEN_CLIP_FIXED = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
    "text_projection.weight": "text_projection",
}


def part_of(name: str) -> str | None:
    """Return the part (unet, vae, te1, te2) that a tensor of a single file belongs to, None for anything else."""
    return next((part for part, starts in PREFIXES.items() if name.startswith(starts)), None)


def canonical(name: str) -> str:
    """Return a tensor's usual name: NAI's files lack the level `text_model.` of CLIP-L."""
    found = re.match(
        r"((?:cond_stage_model|conditioner\.embedders\.0)\.transformer\.)(embeddings|encoder|final_)", name
    )
    return f"{found[1]}text_model.{name[len(found[1]) :]}" if found else name


def unet_names(names: Iterable[str]) -> dict[str, str]:
    """Return diffusers' parameter name -> its name in a single file, for a U-Net of any depth."""
    kept = list(names)
    modules = [name.rpartition(".")[0] for name in kept]
    pairs = block_pairs(
        levels_from_diffusers(modules, "down_blocks", "downsamplers"),
        levels_from_diffusers(modules, "up_blocks", "upsamplers"),
    )
    table = rename(modules, [(new, old) for old, new in pairs])
    found = {name: table.get(module, module) for name, module in zip(kept, modules, strict=True)}
    return {name: f"{PREFIXES[UNET][0]}{module}.{name.rpartition('.')[2]}" for name, module in found.items()}


def vae_names(names: Iterable[str], levels: int) -> dict[str, str]:
    """Return diffusers' parameter name -> its name in a single file, for a VAE of so many levels."""
    found = {}
    for name in names:
        new = name
        for old, other in _VAE_NAMES:
            new = new.replace(old, other)
        new = re.sub(r"up_blocks\.(\d+)\.", lambda match: f"up.{levels - 1 - int(match[1])}.", new)
        found[name] = PREFIXES[VAE][0] + new
    return found


def clip_names(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Return transformers' parameter name -> its name in a single file under `prefix` (`cond_stage_model.` or so).

    A name without `text_model.` is that of transformers >= 5.6, which flattened CLIPTextModel.
    """
    return {name: f"{prefix}transformer.text_model.{name.removeprefix('text_model.')}" for name in names}


def open_clip_names(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Return transformers' parameter name -> the OpenCLIP tensor that holds it; q, k and v share one."""
    found = {}
    for name in names:
        inner = name.removeprefix("text_model.")
        new = _OPEN_CLIP_FIXED.get(inner) or inner.replace("encoder.layers.", "transformer.resblocks.")
        for old, other in _OPEN_CLIP:
            new = new.replace(old, other)
        new = re.sub(r"self_attn\.[qkv]_proj\.(weight|bias)", r"attn.in_proj_\1", new)
        found[name] = f"{prefix}model.{new}"
    return found


def same_shape(part: str, name: str, wanted: Shape, has: Shape) -> bool:
    """Say whether a tensor of a single file has the size of diffusers' parameter `name`.

    Allowed: 1x1 kernels for linear layers in the VAE's attention, three projections stacked, OpenCLIP's projection
    lying on its side.
    """
    if part == VAE and has[2:] == (1, 1) and len(wanted) == 2:
        return has[:2] == wanted
    if part in {TE1, TE2} and len(has) == len(wanted) and re.search(r"self_attn\.[qkv]_proj", name):
        return has in {wanted, (3 * wanted[0], *wanted[1:])}
    return wanted in {has, has[::-1]} if name == "text_projection.weight" else has == wanted


_MARKED = (
    ("edm_mean", "Playground v2.5 (EDM)"),
    ("edm_vpred.sigma_max", "CosXL (EDM v-prediction)"),
)
_QUANTISED = (".scale_weight", ".weight_scale", ".quant_map", ".absmax", "scaled_fp8")
_CHANNELS = {5: "depth", 7: "the x4 upscaler", 8: "InstructPix2Pix", 9: "inpainting"}
_REFINER_CONTEXT = 1280


def unsupported_base(shapes: Mapping[str, Shape]) -> str:
    """Return what a single file is that hubman cannot render with, or "" (a plain checkpoint, or one not known)."""
    for name, words in _MARKED:
        if name in shapes:
            return words
    if any(name.endswith(_QUANTISED) for name in shapes):
        return "quantised weights with scales"
    start = shapes.get("model.diffusion_model.input_blocks.0.0.weight", ())
    if len(start) == 4 and start[1] in _CHANNELS:
        return f"{_CHANNELS[start[1]]} ({start[1]} latent channels)"
    reader = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    if shapes.get(reader, ())[-1:] == (_REFINER_CONTEXT,) and "model.diffusion_model.label_emb.0.0.weight" in shapes:
        return "the SDXL refiner"
    return ""
