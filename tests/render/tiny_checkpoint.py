"""A checkpoint in the original SD1 layout that is small enough to render in milliseconds; random weights."""

from __future__ import annotations

import json
import os

import torch
from safetensors.torch import save_file

from hubman.core.plan.bases import block_pairs, levels_from_diffusers, rename

CHANNELS = (16, 32, 64, 96)
CONTEXT = 80
_VAE_RENAMES = (
    ("mid_block.resnets.0", "mid.block_1"),
    ("mid_block.resnets.1", "mid.block_2"),
    ("mid_block.attentions.0", "mid.attn_1"),
    ("attn_1.group_norm", "attn_1.norm"),
    ("attn_1.to_q", "attn_1.q"),
    ("attn_1.to_k", "attn_1.k"),
    ("attn_1.to_v", "attn_1.v"),
    ("attn_1.to_out.0", "attn_1.proj_out"),
    ("conv_norm_out", "norm_out"),
    ("conv_shortcut", "nin_shortcut"),
    ("downsamplers.0.conv", "downsample.conv"),
    ("upsamplers.0.conv", "upsample.conv"),
    (".resnets.", ".block."),
    ("down_blocks.", "down."),
)


def build_models(seed: int = 0):
    """Return (unet, vae, text encoder) with random weights, scaled so that pictures are neither flat nor saturated."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=CHANNELS,
        layers_per_block=2,
        attention_head_dim=4,
        norm_num_groups=8,
        cross_attention_dim=CONTEXT,
    )
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 48),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=514,
            hidden_size=CONTEXT,
            intermediate_size=160,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            bos_token_id=512,
            eos_token_id=513,
        )
    )
    with torch.no_grad():  # random text embeddings are too small to steer anything
        text.get_input_embeddings().weight.mul_(20)
    return unet, vae, text


def write_config(folder: str, unet, vae, text) -> str:
    """Write a diffusers folder without weights and return its path."""
    from diffusers import DPMSolverMultistepScheduler
    from transformers.models.clip.tokenization_clip import CLIPTokenizer  # noqa: F401 - the class that reads it

    scheduler = DPMSolverMultistepScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
    )
    for name, part in (("unet", unet), ("vae", vae), ("text_encoder", text), ("scheduler", scheduler)):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        part.save_config(os.path.join(folder, name)) if name != "text_encoder" else part.config.save_pretrained(
            os.path.join(folder, name)
        )
    write_tokenizer(os.path.join(folder, "tokenizer"))
    index = {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write_json(os.path.join(folder, "model_index.json"), index)
    return folder


def write_tokenizer(folder: str) -> None:
    """Write a CLIP tokenizer whose words are letters: 512 byte symbols, BOS and EOS, no merges."""
    os.makedirs(folder, exist_ok=True)
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(n) for n in kept]
    symbols += [chr(256 + n) for n in range(256 - len(kept))]
    names = [*symbols, *(s + "</w>" for s in symbols), "<|startoftext|>", "<|endoftext|>"]
    write_json(os.path.join(folder, "vocab.json"), {name: index for index, name in enumerate(names)})
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n")
    write_json(
        os.path.join(folder, "tokenizer_config.json"),
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": 77,
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
        },
    )


def write_json(path: str, value: object) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def ldm_state(unet, vae, text) -> dict[str, torch.Tensor]:
    """Return the tensors of a single file in the original layout."""
    names = {name.rpartition(".")[0] for name in unet.state_dict()}
    down = levels_from_diffusers(names, "down_blocks", "downsamplers")
    up = levels_from_diffusers(names, "up_blocks", "upsamplers")
    to_ldm = rename(names, [(new, old) for old, new in block_pairs(down, up)])
    state = {}
    for name, tensor in unet.state_dict().items():
        module, _, leaf = name.rpartition(".")
        state[f"model.diffusion_model.{to_ldm[module]}.{leaf}"] = tensor
    levels = len(vae.config.block_out_channels)
    for name, tensor in vae.state_dict().items():
        new = name
        for old, other in _VAE_RENAMES:
            new = new.replace(old, other)
        for level in range(levels):
            new = new.replace(f"up_blocks.{level}.", f"up.{levels - 1 - level}.")
        square = ".attn_1." in new and tensor.dim() == 2
        state[f"first_stage_model.{new}"] = tensor[:, :, None, None] if square else tensor
    for name, tensor in text.state_dict().items():
        state["cond_stage_model.transformer.text_model." + name.removeprefix("text_model.")] = tensor
    return {name: tensor.contiguous().clone() for name, tensor in state.items()}


def write_checkpoint(folder: str, stem: str = "tiny", seed: int = 0) -> tuple[str, str]:
    """Write `<stem>.safetensors` and its config folder `<stem>/`; return both paths."""
    models = build_models(seed)
    path = os.path.join(folder, f"{stem}.safetensors")
    save_file(ldm_state(*models), path, metadata={"hubman.sample_prompt": "a red circle"})
    return path, write_config(os.path.join(folder, stem), *models)


def write_folder(folder: str, config: str) -> str:
    """Write the tiny SD1 as a diffusers folder with weights; `config` is what `write_config` returned."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
    from transformers import CLIPTokenizer

    unet, vae, text = build_models()
    tokenizer = CLIPTokenizer.from_pretrained(f"{config}/tokenizer")
    scheduler = DPMSolverMultistepScheduler.from_pretrained(f"{config}/scheduler")
    pipe = StableDiffusionPipeline(vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False)
    pipe.save_pretrained(folder)
    return folder


def write_sdxl_folder(folder: str, config: str) -> str:
    """Write a tiny SDXL (two text encoders, pooled vector, linear projections, several transformer layers)."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    _unet, vae, _text = build_models()
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
        projection_class_embeddings_input_dim=40 + 6 * 8,
    )
    common = {"vocab_size": 514, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 77}
    ends = {"bos_token_id": 512, "eos_token_id": 513}
    first = CLIPTextModel(CLIPTextConfig(hidden_size=80, intermediate_size=160, **common, **ends))
    second = CLIPTextModelWithProjection(
        CLIPTextConfig(hidden_size=48, intermediate_size=96, projection_dim=40, **common, **ends)
    )
    tokenizer = CLIPTokenizer.from_pretrained(f"{config}/tokenizer")
    scheduler = DPMSolverMultistepScheduler.from_pretrained(f"{config}/scheduler")
    pipe = StableDiffusionXLPipeline(vae, first, second, tokenizer, tokenizer, unet, scheduler, add_watermarker=False)
    pipe.save_pretrained(folder)
    return folder
