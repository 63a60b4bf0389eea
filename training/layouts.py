"""Names of tensors: from diffusers' modules to the single file of Stable Diffusion 1."""

from __future__ import annotations

import re

from torch import Tensor

Tensors = dict[str, Tensor]

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
UNET_ENDS = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
VAE_ATTENTION = {
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip
PER_LEVEL = 3
"""Blocks per level: two resnets and the change of size (or three resnets on the way up)."""
LAST_LEVEL = 3


def _unet_block(name: str) -> str:
    """The LDM name of the block that a diffusers U-Net module belongs to."""
    if match := re.match(r"down_blocks\.(\d)\.(resnets|attentions)\.(\d)", name):
        number = 1 + PER_LEVEL * int(match[1]) + int(match[3])
        return f"input_blocks.{number}.{int(match[2] == 'attentions')}"
    if match := re.match(r"down_blocks\.(\d)\.downsamplers\.0\.conv", name):
        return f"input_blocks.{PER_LEVEL * (int(match[1]) + 1)}.0.op"
    if match := re.match(r"up_blocks\.(\d)\.(resnets|attentions)\.(\d)", name):
        number = PER_LEVEL * int(match[1]) + int(match[3])
        return f"output_blocks.{number}.{int(match[2] == 'attentions')}"
    if match := re.match(r"up_blocks\.(\d)\.upsamplers\.0\.conv", name):
        # The lowest level has no attention, so its upsampler comes one place earlier.
        place = 1 if match[1] == "0" else 2
        return f"output_blocks.{PER_LEVEL * int(match[1]) + 2}.{place}.conv"
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d)", name):
        return f"middle_block.{1 if match[1] == 'attentions' else 2 * int(match[2])}"
    raise KeyError(name)


def unet_name(name: str) -> str:
    """``down_blocks.0.resnets.0.conv1.weight`` -> ``input_blocks.1.0.in_layers.2.weight``."""
    module, _, kind = name.rpartition(".")
    if module in UNET_ENDS:
        return f"{UNET_ENDS[module]}.{kind}"
    prefix = re.match(r"(?:(?:down|up)_blocks\.\d|mid_block)\.\w+\.\d(?:\.conv$)?", module)
    assert prefix is not None, name
    rest = module[prefix.end() + 1 :]
    if "resnets" in prefix[0]:
        rest = RESNET[rest]
    return ".".join(filter(None, (_unet_block(prefix[0]), rest, kind)))


def vae_name(name: str) -> str:
    """``decoder.up_blocks.0.resnets.1.conv1.weight`` -> ``decoder.up.3.block.1.conv1.weight``."""
    for theirs, ours in VAE_ATTENTION.items():
        name = re.sub(rf"mid_block\.attentions\.0\.{re.escape(theirs)}\.", f"mid.attn_1.{ours}.",
                      name)  # fmt: skip
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(
        r"up_blocks\.(\d)\.resnets\.(\d)",
        lambda m: f"up.{LAST_LEVEL - int(m[1])}.block.{m[2]}", name,
    )  # fmt: skip
    name = re.sub(
        r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{LAST_LEVEL - int(m[1])}.upsample", name
    )
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


def unet_tensors(state: Tensors) -> Tensors:
    return {unet_name(name): value for name, value in state.items()}


def vae_tensors(state: Tensors) -> Tensors:
    """LDM keeps the linear layers of the VAE's attention as 1 x 1 convolutions."""
    renamed = {vae_name(name): value for name, value in state.items()}
    return {
        name: value[:, :, None, None] if "attn_1" in name and value.ndim == 2 else value
        for name, value in renamed.items()
    }


def text_tensors(state: Tensors) -> Tensors:
    """transformers 5 leaves ``text_model.`` out of the names; the single file has it."""
    return {f"text_model.{name.removeprefix('text_model.')}": v for name, v in state.items()}


def checkpoint(unet: Tensors, vae: Tensors, text: Tensors) -> Tensors:
    """One dictionary with the prefixes of Stable Diffusion 1."""
    parts = {
        "model.diffusion_model.": unet_tensors(unet),
        "first_stage_model.": vae_tensors(vae),
        "cond_stage_model.transformer.": text_tensors(text),
    }
    return {prefix + name: value for prefix, part in parts.items() for name, value in part.items()}
