"""Flux.1 and SD3 folders that are small enough to render in a fraction of a second; random weights."""

from __future__ import annotations

import os
import string

import torch
from tiny_checkpoint import write_tokenizer

NAMES = ("dev", "schnell", "sd3", "sd35", "sd3-no-t5")

T5_WIDTH = 48
CLIP_WIDTH = 40
INNER = 32
"""Width of the transformers' streams: the 3072 of Flux.1."""


def _vae():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 32, 48),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        scaling_factor=0.36,
        shift_factor=0.11,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def _clip(width: int, projection: int | None = None):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=projection or width,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=512,
        eos_token_id=513,
    )
    model = CLIPTextModel(config) if projection is None else CLIPTextModelWithProjection(config)
    with torch.no_grad():  # random text embeddings are too small to steer anything
        model.get_input_embeddings().weight.mul_(20)
    return model


def _t5():
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(
            vocab_size=128,
            d_model=T5_WIDTH,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
        )
    )


def _clip_tokenizer(folder: str):
    from transformers import CLIPTokenizer

    path = os.path.join(os.path.dirname(folder), "clip-tokenizer")
    write_tokenizer(path)
    return CLIPTokenizer.from_pretrained(path)


def _t5_tokenizer():
    """Return a T5 tokenizer whose words are letters: a unigram model, as SentencePiece trains it, without a file."""
    from transformers import T5Tokenizer

    letters = [*string.ascii_letters, *string.digits, *",.-:()'"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in letters] + [(f"▁{letter}", -3.5) for letter in string.ascii_lowercase]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def write_flux_folder(folder: str, *, guided: bool = True) -> str:
    """Write a tiny Flux.1: [dev], which is told the guidance and shifts its schedule, or [schnell], which does not."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    torch.manual_seed(2)
    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=CLIP_WIDTH,
        guidance_embeds=guided,
        axes_dims_rope=(4, 6, 6),
    )
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0 if guided else 1.0, use_dynamic_shifting=guided)
    pipe = FluxPipeline(
        scheduler, _vae(), _clip(CLIP_WIDTH), _clip_tokenizer(folder), _t5(), _t5_tokenizer(), transformer
    )
    pipe.save_pretrained(folder)
    return folder


def write_sd3_folder(folder: str, *, t5: bool = True, newer: bool = False) -> str:
    """Write a tiny SD3; `newer`: with the second attention and the norms of SD3.5; without `t5` as many have it."""
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    torch.manual_seed(3)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        num_layers=3,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=T5_WIDTH,
        caption_projection_dim=INNER,
        pooled_projection_dim=20 + 24,
        pos_embed_max_size=24,
        dual_attention_layers=(0, 1) if newer else (),
        qk_norm="rms_norm" if newer else None,
    )
    tokenizer = _clip_tokenizer(folder)
    pipe = StableDiffusion3Pipeline(
        transformer,
        FlowMatchEulerDiscreteScheduler(shift=3.0),
        _vae(),
        _clip(20, 20),
        tokenizer,
        _clip(24, 24),
        tokenizer,
        _t5() if t5 else None,
        _t5_tokenizer() if t5 else None,
    )
    pipe.save_pretrained(folder)
    return folder


def write(name: str, folder: str) -> str:
    """Write one of NAMES."""
    match name:
        case "dev" | "schnell":
            return write_flux_folder(folder, guided=name == "dev")
        case _:
            return write_sd3_folder(folder, t5=name != "sd3-no-t5", newer=name == "sd35")
