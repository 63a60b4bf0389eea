"""Ovis-Image: Flux's double and single blocks with gated MLPs, reading Ovis 2.5."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
timestep_embedder.linear_1 3072 256
timestep_embedder.linear_2 3072 3072
context_embedder_norm 2048
context_embedder 3072 2048
x_embedder 3072 64
transformer_blocks.{0-5}.norm1.linear 18432 3072
transformer_blocks.{0-5}.norm1_context.linear 18432 3072
transformer_blocks.{0-5}.attn.norm_q 128
transformer_blocks.{0-5}.attn.norm_k 128
transformer_blocks.{0-5}.attn.to_q 3072 3072
transformer_blocks.{0-5}.attn.to_k 3072 3072
transformer_blocks.{0-5}.attn.to_v 3072 3072
transformer_blocks.{0-5}.attn.to_out.0 3072 3072
transformer_blocks.{0-5}.attn.norm_added_q 128
transformer_blocks.{0-5}.attn.norm_added_k 128
transformer_blocks.{0-5}.attn.add_q_proj 3072 3072
transformer_blocks.{0-5}.attn.add_k_proj 3072 3072
transformer_blocks.{0-5}.attn.add_v_proj 3072 3072
transformer_blocks.{0-5}.attn.to_add_out 3072 3072
transformer_blocks.{0-5}.ff.net.0.proj 24576 3072
transformer_blocks.{0-5}.ff.net.2 3072 12288
transformer_blocks.{0-5}.ff_context.net.0.proj 24576 3072
transformer_blocks.{0-5}.ff_context.net.2 3072 12288
single_transformer_blocks.{0-26}.norm.linear 9216 3072
single_transformer_blocks.{0-26}.proj_mlp 24576 3072
single_transformer_blocks.{0-26}.proj_out 3072 15360
single_transformer_blocks.{0-26}.attn.norm_q 128
single_transformer_blocks.{0-26}.attn.norm_k 128
single_transformer_blocks.{0-26}.attn.to_q 3072 3072
single_transformer_blocks.{0-26}.attn.to_k 3072 3072
single_transformer_blocks.{0-26}.attn.to_v 3072 3072
norm_out.linear 6144 3072
proj_out 64 3072
"""

FAMILY = Family(
    title="Ovis-Image",
    sources=(
        "huggingface/diffusers OvisImageTransformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "leejet/stable-diffusion.cpp model.cpp",
    ),
    signatures=(
        Signature(
            ("ovis-image",),
            has=(
                "double_blocks.0.img_mlp.gate_proj.weight",
                "txt_norm.weight|txt_norm.scale",
                "img_in.weight",
                "final_layer.linear.weight",
            ),
        ),
        Signature(
            ("ovis-image",),
            has=(
                "context_embedder_norm.weight",
                "timestep_embedder.linear_1.weight",
                "single_transformer_blocks.0.proj_mlp.weight",
                "x_embedder.weight",
            ),
        ),
    ),
    graphs=(Graph("ovis-image", "diffusers", DIFFUSERS, rare=True),),
    classes={"OvisImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("ovis-image",))},
)
