"""Sana of NVIDIA: linear attention, for pictures (Sana, Sprint); its films are in video_others."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

DIFFUSERS_06 = """
patch_embed.proj 1152 32 1x1
time_embed.emb.timestep_embedder.linear_1 1152 256
time_embed.emb.timestep_embedder.linear_2 1152 1152
time_embed.linear 6912 1152
caption_projection.linear_1 1152 2304
caption_projection.linear_2 1152 1152
caption_norm 1152
transformer_blocks.{0-27}.attn1.to_q 1152 1152
transformer_blocks.{0-27}.attn1.to_k 1152 1152
transformer_blocks.{0-27}.attn1.to_v 1152 1152
transformer_blocks.{0-27}.attn1.to_out.0 1152 1152
transformer_blocks.{0-27}.attn2.to_q 1152 1152
transformer_blocks.{0-27}.attn2.to_k 1152 1152
transformer_blocks.{0-27}.attn2.to_v 1152 1152
transformer_blocks.{0-27}.attn2.to_out.0 1152 1152
transformer_blocks.{0-27}.ff.conv_inverted 5760 1152 1x1
transformer_blocks.{0-27}.ff.conv_depth 5760 1 3x3
transformer_blocks.{0-27}.ff.conv_point 1152 2880 1x1
proj_out 32 1152
"""

DIFFUSERS_16 = """
patch_embed.proj 2240 32 1x1
time_embed.timestep_embedder.linear_1 2240 256
time_embed.timestep_embedder.linear_2 2240 2240
time_embed.guidance_embedder.linear_1 2240 256
time_embed.guidance_embedder.linear_2 2240 2240
time_embed.linear 13440 2240
caption_projection.linear_1 2240 2304
caption_projection.linear_2 2240 2240
caption_norm 2240
transformer_blocks.{0-19}.attn1.norm_q 2240
transformer_blocks.{0-19}.attn1.norm_k 2240
transformer_blocks.{0-19}.attn1.to_q 2240 2240
transformer_blocks.{0-19}.attn1.to_k 2240 2240
transformer_blocks.{0-19}.attn1.to_v 2240 2240
transformer_blocks.{0-19}.attn1.to_out.0 2240 2240
transformer_blocks.{0-19}.attn2.norm_q 2240
transformer_blocks.{0-19}.attn2.norm_k 2240
transformer_blocks.{0-19}.attn2.to_q 2240 2240
transformer_blocks.{0-19}.attn2.to_k 2240 2240
transformer_blocks.{0-19}.attn2.to_v 2240 2240
transformer_blocks.{0-19}.attn2.to_out.0 2240 2240
transformer_blocks.{0-19}.ff.conv_inverted 11200 2240 1x1
transformer_blocks.{0-19}.ff.conv_depth 11200 1 3x3
transformer_blocks.{0-19}.ff.conv_point 2240 5600 1x1
proj_out 32 2240
"""

DIFFUSERS_48 = """
patch_embed.proj 2240 32 1x1
time_embed.emb.timestep_embedder.linear_1 2240 256
time_embed.emb.timestep_embedder.linear_2 2240 2240
time_embed.linear 13440 2240
caption_projection.linear_1 2240 2304
caption_projection.linear_2 2240 2240
caption_norm 2240
transformer_blocks.{0-59}.attn1.norm_q 2240
transformer_blocks.{0-59}.attn1.norm_k 2240
transformer_blocks.{0-59}.attn1.to_q 2240 2240
transformer_blocks.{0-59}.attn1.to_k 2240 2240
transformer_blocks.{0-59}.attn1.to_v 2240 2240
transformer_blocks.{0-59}.attn1.to_out.0 2240 2240
transformer_blocks.{0-59}.attn2.norm_q 2240
transformer_blocks.{0-59}.attn2.norm_k 2240
transformer_blocks.{0-59}.attn2.to_q 2240 2240
transformer_blocks.{0-59}.attn2.to_k 2240 2240
transformer_blocks.{0-59}.attn2.to_v 2240 2240
transformer_blocks.{0-59}.attn2.to_out.0 2240 2240
transformer_blocks.{0-59}.ff.conv_inverted 11200 2240 1x1
transformer_blocks.{0-59}.ff.conv_depth 11200 1 3x3
transformer_blocks.{0-59}.ff.conv_point 2240 5600 1x1
proj_out 32 2240
"""

VIDEO_DIFFUSERS = """
patch_embedding 2240 16 1x2x2
time_embed.emb.timestep_embedder.linear_1 2240 256
time_embed.emb.timestep_embedder.linear_2 2240 2240
time_embed.linear 13440 2240
caption_projection.linear_1 2240 2304
caption_projection.linear_2 2240 2240
caption_norm 2240
transformer_blocks.{0-19}.attn1.norm_q 2240
transformer_blocks.{0-19}.attn1.norm_k 2240
transformer_blocks.{0-19}.attn1.to_q 2240 2240
transformer_blocks.{0-19}.attn1.to_k 2240 2240
transformer_blocks.{0-19}.attn1.to_v 2240 2240
transformer_blocks.{0-19}.attn1.to_out.0 2240 2240
transformer_blocks.{0-19}.attn2.norm_q 2240
transformer_blocks.{0-19}.attn2.norm_k 2240
transformer_blocks.{0-19}.attn2.to_q 2240 2240
transformer_blocks.{0-19}.attn2.to_k 2240 2240
transformer_blocks.{0-19}.attn2.to_v 2240 2240
transformer_blocks.{0-19}.attn2.to_out.0 2240 2240
transformer_blocks.{0-19}.ff.conv_inverted 11200 2240 1x1
transformer_blocks.{0-19}.ff.conv_depth 11200 1 3x3
transformer_blocks.{0-19}.ff.conv_point 2240 5600 1x1
transformer_blocks.{0-19}.ff.conv_temp 2240 2240 3x1
proj_out 64 2240
"""

NATIVE_NAMES = (
    "attention_y_norm.weight", "blocks.0.mlp.inverted_conv.conv.weight", "blocks.0.cross_attn.q_linear.weight",
    "t_block.1.weight", "final_layer.linear.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "caption_norm.weight", "transformer_blocks.0.ff.conv_inverted.weight", "time_embed.linear.weight",
    "patch_embed.proj.weight", "proj_out.weight",
)  # fmt: skip
CAMERA = ("plucker_embedder.proj.weight",)
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="Sana",
    sources=(
        "NVlabs/Sana diffusion/model/nets/sana_multi_scale.py",
        "huggingface/diffusers SanaTransformer2DModel, scripts/convert_sana_to_diffusers.py",
    ),
    signatures=(
        Signature(
            ("sana",), has=NATIVE_NAMES, lacks=CAMERA, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("sana",), has=NATIVE_NAMES, lacks=CAMERA, shapes={"attention_y_norm.weight": ((1152, 2240),)}),
        Signature(("sana",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("sana",), has=DIFFUSERS_NAMES, shapes={"caption_norm.weight": ((1152, 2240),)}),
    ),
    variants=(
        Variant(
            "video",
            N_("its blocks mix frames over time, as Sana Video does"),
            has=("blocks.0.mlp.t_conv.weight",),
        ),
        Variant(
            "sprint",
            N_("it has a guidance embedding, as Sana Sprint has"),
            has=("time_embed.guidance_embedder.linear_1.weight|cfg_embedder.mlp.0.weight",),
        ),
    ),
    graphs=(
        Graph("sana", "diffusers-0.6b", DIFFUSERS_06),
        Graph("sana", "diffusers-1.6b", DIFFUSERS_16),
        Graph("sana", "diffusers-4.8b", DIFFUSERS_48),
        Graph("sana", "diffusers-video", VIDEO_DIFFUSERS, rare=True),
    ),
    classes={
        "SanaTransformer2DModel": (Kind.DIFFUSION_MODEL, ("sana",)),
    },
)
