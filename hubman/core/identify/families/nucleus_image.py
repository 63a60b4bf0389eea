"""Nucleus-Image: Qwen-Image's picture stream with experts, reading text at every block."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
time_text_embed.timestep_embedder.linear_1 8192 2048
time_text_embed.timestep_embedder.linear_2 2048 8192
time_text_embed.norm 2048
txt_norm 3584
img_in 2048 64
transformer_blocks.{0-23}.img_mod.1 8192 2048
transformer_blocks.{0-23}.encoder_proj 2048 3584
transformer_blocks.{0-23}.attn.norm_q 128
transformer_blocks.{0-23}.attn.norm_k 128
transformer_blocks.{0-23}.attn.to_q 2048 2048
transformer_blocks.{0-23}.attn.to_k 2048 2048
transformer_blocks.{0-23}.attn.to_v 2048 2048
transformer_blocks.{0-23}.attn.add_k_proj 2048 2048
transformer_blocks.{0-23}.attn.add_v_proj 2048 2048
transformer_blocks.{0-23}.attn.to_out.0 2048 2048
transformer_blocks.{0-23}.attn.norm_added_q 128
transformer_blocks.{0-23}.attn.norm_added_k 128
transformer_blocks.{0-23}.img_mlp.net.0.proj 10752 2048
transformer_blocks.{0-23}.img_mlp.net.2 2048 5376
transformer_blocks.{3-22}.img_mlp.gate 128 4096
transformer_blocks.{3-22}.img_mlp.shared_expert.net.0.proj 2688 2048
transformer_blocks.{3-22}.img_mlp.shared_expert.net.2 2048 1344
norm_out.linear 4096 2048
proj_out 256 2048
"""

FAMILY = Family(
    title="Nucleus-Image",
    sources=("huggingface/diffusers NucleusMoEImageTransformer2DModel (generated on meta tensors)",),
    signatures=(
        Signature(
            ("nucleus-image",),
            has=(
                "transformer_blocks.0.encoder_proj.weight",
                "transformer_blocks.0.img_mod.1.weight",
                "txt_norm.weight",
                "time_text_embed.norm.weight",
                "img_in.weight",
            ),
        ),
    ),
    graphs=(Graph("nucleus-image", "diffusers", DIFFUSERS, rare=True),),
    classes={"NucleusMoEImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("nucleus-image",))},
)
