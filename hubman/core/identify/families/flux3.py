"""Flux.3: streams of its own for picture, reference picture and text, then blocks for all of them."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
timestep_embedder.linear_1 3072 256
timestep_embedder.linear_2 3072 3072
early_stream_modulations.image.linear 9216 3072
early_stream_modulations.image_cond.linear 9216 3072
early_stream_modulations.txt.linear 9216 3072
single_stream_modulations.image.linear 9216 3072
single_stream_modulations.image_cond.linear 9216 3072
single_stream_modulations.txt.linear 9216 3072
x_embedders.image 3072 128
x_embedders.image_cond 3072 128
context_embedder 3072 20480
mode_blocks.image.{0-4}.attn.to_q 3072 3072
mode_blocks.image.{0-4}.attn.to_k 3072 3072
mode_blocks.image.{0-4}.attn.to_v 3072 3072
mode_blocks.image.{0-4}.attn.norm_q 128
mode_blocks.image.{0-4}.attn.norm_k 128
mode_blocks.image.{0-4}.attn.to_out.0 3072 3072
mode_blocks.image.{0-4}.ff.linear_in 18432 3072
mode_blocks.image.{0-4}.ff.linear_out 3072 9216
mode_blocks.image_cond.{0-4}.attn.to_q 3072 3072
mode_blocks.image_cond.{0-4}.attn.to_k 3072 3072
mode_blocks.image_cond.{0-4}.attn.to_v 3072 3072
mode_blocks.image_cond.{0-4}.attn.norm_q 128
mode_blocks.image_cond.{0-4}.attn.norm_k 128
mode_blocks.image_cond.{0-4}.attn.to_out.0 3072 3072
mode_blocks.image_cond.{0-4}.ff.linear_in 18432 3072
mode_blocks.image_cond.{0-4}.ff.linear_out 3072 9216
txt_mode_blocks.{0-4}.attn.to_q 3072 3072
txt_mode_blocks.{0-4}.attn.to_k 3072 3072
txt_mode_blocks.{0-4}.attn.to_v 3072 3072
txt_mode_blocks.{0-4}.attn.norm_q 128
txt_mode_blocks.{0-4}.attn.norm_k 128
txt_mode_blocks.{0-4}.attn.to_out.0 3072 3072
txt_mode_blocks.{0-4}.ff.linear_in 18432 3072
txt_mode_blocks.{0-4}.ff.linear_out 3072 9216
single_transformer_blocks.{0-27}.attn.to_q 3072 3072
single_transformer_blocks.{0-27}.attn.to_k 3072 3072
single_transformer_blocks.{0-27}.attn.to_v 3072 3072
single_transformer_blocks.{0-27}.attn.norm_q 128
single_transformer_blocks.{0-27}.attn.norm_k 128
single_transformer_blocks.{0-27}.attn.to_out.0 3072 3072
single_transformer_blocks.{0-27}.ff.linear_in 18432 3072
single_transformer_blocks.{0-27}.ff.linear_out 3072 9216
norm_out.linear 6144 3072
proj_out 128 3072
"""

FAMILY = Family(
    title="Flux.3",
    sources=(
        "huggingface/diffusers Flux3Transformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/ldm/flux (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("flux3",),
            has=(
                "txt_mode_blocks.0.attn.to_q.weight",
                "early_stream_modulations.txt.linear.weight",
                "single_stream_modulations.txt.linear.weight",
                "mode_blocks.*",
                "context_embedder.weight",
            ),
        ),
        Signature(
            ("flux3",),
            has=(
                "txt_mode_blocks.0.q_proj.weight",
                "early_stream_modulations.txt.linear.weight",
                "single_stream_modulations.txt.linear.weight",
                "content_mode_blocks.*",
                "txt_in.weight",
            ),
        ),
    ),
    graphs=(Graph("flux3", "diffusers", DIFFUSERS, rare=True),),
    classes={"Flux3Transformer2DModel": (Kind.DIFFUSION_MODEL, ("flux3",))},
)
