"""Tiny SD2 and SDXL with random weights: as diffusers folders and as single files in the layouts of their authors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tiny_checkpoint
import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]

_OPEN_CLIP = (
    ("encoder.layers.", "transformer.resblocks."),
    ("self_attn.out_proj", "attn.out_proj"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("final_layer_norm", "ln_final"),
    ("embeddings.token_embedding", "token_embedding"),
    ("embeddings.position_embedding.weight", "positional_embedding"),
)


def open_clip_state(state: Tensors, prefix: str, width: int) -> Tensors:
    """Return a transformers text encoder under open_clip's names, q, k and v as one matrix, the projection transposed.

    An encoder without a projection gets a random one of (width, width), as SD2's files have it.
    """
    found: Tensors = {"logit_scale": torch.tensor(4.6)}
    stacks: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in state.items():
        new = name.removeprefix("text_model.")
        if new == "text_projection.weight":
            found["text_projection"] = tensor.T
            continue
        for old, other in _OPEN_CLIP:
            new = new.replace(old, other)
        part = re.match(r"(.+)\.self_attn\.([qkv])_proj\.(weight|bias)$", new)
        if part:
            stacks.setdefault(f"{part[1]}.attn.in_proj_{part[3]}", {})[part[2]] = tensor
        else:
            found[new] = tensor
    found |= {name: torch.cat([stack[which] for which in "qkv"]) for name, stack in stacks.items()}
    found.setdefault("text_projection", torch.randn(width, width))
    return {f"{prefix}model.{name}": tensor.contiguous().clone() for name, tensor in found.items()}


def _text(kind: str, width: int, layers: int, **more: Any) -> Any:
    import transformers

    common = {"vocab_size": 514, "num_attention_heads": 4, "max_position_embeddings": 77}
    ends = {"bos_token_id": 512, "eos_token_id": 513}
    config = transformers.CLIPTextConfig(
        hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, **common, **ends, **more
    )
    text = getattr(transformers, kind)(config)
    with torch.no_grad():
        text.get_input_embeddings().weight.mul_(20)
    return text


def build_sd2() -> tuple[Any, Any, Any]:
    """Return (unet, vae, text encoder): linear projections, and a text encoder that OpenCLIP files call their own."""
    from diffusers import UNet2DConditionModel

    _unet, vae, _clip = tiny_checkpoint.build_models()
    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32, 64, 96),
        layers_per_block=2,
        attention_head_dim=(2, 4, 8, 8),
        norm_num_groups=8,
        cross_attention_dim=56,
        use_linear_projection=True,
    )
    return unet, vae, _text("CLIPTextModel", 56, 2, hidden_act="gelu")


def build_sdxl() -> tuple[Any, Any, Any, Any]:
    """Return (unet, vae, CLIP-L, CLIP-G); the projection is square, as in the real one."""
    from diffusers import UNet2DConditionModel

    _unet, vae, _clip = tiny_checkpoint.build_models()
    torch.manual_seed(1)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32, 64),
        layers_per_block=2,
        attention_head_dim=(2, 4, 8),
        norm_num_groups=8,
        cross_attention_dim=80 + 48,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=48 + 6 * 8,
    )
    second = _text("CLIPTextModelWithProjection", 48, 3, projection_dim=48, hidden_act="gelu")
    return unet, vae, _text("CLIPTextModel", 80, 3), second


def _renamed(state: Tensors, old: str, new: str) -> Tensors:
    return {new + name.removeprefix(old) if name.startswith(old) else name: value for name, value in state.items()}


def sd2_state(unet: Any, vae: Any, text: Any) -> Tensors:
    """Return an SD2 single file; it has one text layer more than is used, as the real ones do."""
    state = {name: value for name, value in tiny_checkpoint.ldm_state(unet, vae, text).items() if "cond_" not in name}
    encoder = open_clip_state(text.state_dict(), "cond_stage_model.", 56)
    layer = "cond_stage_model.model.transformer.resblocks."
    extra = {
        name.replace(f"{layer}1.", f"{layer}2."): value + 1 for name, value in encoder.items() if f"{layer}1." in name
    }
    return state | encoder | extra


def sdxl_state(unet: Any, vae: Any, first: Any, second: Any) -> Tensors:
    """Return an SDXL single file."""
    state = tiny_checkpoint.ldm_state(unet, vae, first)
    state = _renamed(state, "cond_stage_model.transformer.", "conditioner.embedders.0.transformer.")
    return state | open_clip_state(second.state_dict(), "conditioner.embedders.1.", 48)


def write(folder: Path, kind: str, config: str) -> tuple[str, str]:
    """Write a tiny `sd2` or `sdxl` twice, as a folder and as a single file; return (folder, file).

    `config`: a folder with a tokenizer and a scheduler. The folder beside the file is the diffusers one.
    """
    import diffusers
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(f"{config}/tokenizer")
    scheduler = diffusers.DPMSolverMultistepScheduler.from_pretrained(f"{config}/scheduler")
    if kind == "sd2":
        unet, vae, text = build_sd2()
        pipe: Any = diffusers.StableDiffusionPipeline(
            vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False
        )
        state = sd2_state(unet, vae, text)
    else:
        unet, vae, first, second = build_sdxl()
        pipe = diffusers.StableDiffusionXLPipeline(
            vae, first, second, tokenizer, tokenizer, unet, scheduler, add_watermarker=False
        )
        state = sdxl_state(unet, vae, first, second)
    pipe.save_pretrained(str(folder / f"{kind}-folder"))
    path = str(folder / f"{kind}.safetensors")
    save_file(state, path)
    return str(folder / f"{kind}-folder"), path
