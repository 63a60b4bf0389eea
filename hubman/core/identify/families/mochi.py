"""Mochi 1 of Genmo."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

MOCHI = """
x_embedder.proj 3072 12 2x2
t_embedder.mlp.0 3072 256
t_embedder.mlp.2 3072 3072
t5_y_embedder.to_kv 8192 4096
t5_y_embedder.to_q 4096 4096
t5_y_embedder.to_out 3072 4096
t5_yproj 1536 4096
final_layer.mod 6144 3072
final_layer.linear 48 3072
blocks.{0-47}.mod_x 12288 3072
blocks.{0-46}.mod_y 6144 3072
blocks.{0-47}.attn.qkv_x 9216 3072
blocks.{0-47}.attn.q_norm_x 128
blocks.{0-47}.attn.k_norm_x 128
blocks.{0-47}.attn.proj_x 3072 3072
blocks.{0-47}.attn.qkv_y 9216 1536
blocks.{0-47}.attn.q_norm_y 128
blocks.{0-47}.attn.k_norm_y 128
blocks.{0-47}.mlp_x.w1 16384 3072
blocks.{0-47}.mlp_x.w2 3072 8192
blocks.{0-46}.attn.proj_y 1536 3072
blocks.{0-46}.mlp_y.w1 8192 1536
blocks.{0-46}.mlp_y.w2 1536 4096
blocks.47.mod_y 1536 3072"""

MOCHI_D = """
patch_embed.proj 3072 12 2x2
time_embed.timestep_embedder.linear_1 3072 256
time_embed.timestep_embedder.linear_2 3072 3072
time_embed.pooler.to_kv 8192 4096
time_embed.pooler.to_q 4096 4096
time_embed.pooler.to_out 3072 4096
time_embed.caption_proj 1536 4096
transformer_blocks.{0-47}.norm1.linear 12288 3072
transformer_blocks.{0-46}.norm1_context.linear 6144 3072
transformer_blocks.{0-47}.attn1.norm_q 128
transformer_blocks.{0-47}.attn1.norm_k 128
transformer_blocks.{0-47}.attn1.norm_added_q 128
transformer_blocks.{0-47}.attn1.norm_added_k 128
transformer_blocks.{0-47}.attn1.to_q 3072 3072
transformer_blocks.{0-47}.attn1.to_k 3072 3072
transformer_blocks.{0-47}.attn1.to_v 3072 3072
transformer_blocks.{0-47}.attn1.add_k_proj 3072 1536
transformer_blocks.{0-47}.attn1.add_v_proj 3072 1536
transformer_blocks.{0-47}.attn1.add_q_proj 3072 1536
transformer_blocks.{0-47}.attn1.to_out.0 3072 3072
transformer_blocks.{0-46}.attn1.to_add_out 1536 3072
transformer_blocks.{0-47}.ff.net.0.proj 16384 3072
transformer_blocks.{0-47}.ff.net.2 3072 8192
transformer_blocks.{0-46}.ff_context.net.0.proj 8192 1536
transformer_blocks.{0-46}.ff_context.net.2 1536 4096
transformer_blocks.47.norm1_context.linear_1 1536 3072
norm_out.linear 6144 3072
proj_out 48 3072"""

NATIVE = (
    "t5_yproj.weight",
    "t5_y_embedder.to_q.weight",
    "blocks.0.attn.q_norm_x.weight",
    "blocks.0.attn.qkv_x.weight",
    "blocks.0.mod_x.weight",
)
DIFFUSERS = (
    "time_embed.pooler.to_q.weight",
    "time_embed.caption_proj.weight",
    "patch_embed.proj.weight",
    "transformer_blocks.0.norm1_context.linear.weight",
    "transformer_blocks.0.attn1.norm_added_q.weight",
)
WIDE = {"t5_yproj.bias": (1536,)}
DIFFUSERS_WIDE = {"time_embed.caption_proj.bias": (1536,)}

BLOCKS = N_("it has {key} and two streams of different width, as Mochi 1 has")
OTHER_WIDTH = N_("it has {key} and two streams, as Mochi 1 has, but at another width")

FAMILY = Family(
    title="Mochi 1",
    sources=(
        "genmoai/mochi src/genmo/mochi_preview/dit/joint_model/asymm_models_joint.py",
        "huggingface/diffusers MochiTransformer3DModel (generated on meta tensors), loaders/single_file_utils.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(("mochi",), NATIVE, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("mochi",), NATIVE, shapes=WIDE, because=BLOCKS),
        Signature(("mochi",), DIFFUSERS, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("mochi",), DIFFUSERS, shapes=DIFFUSERS_WIDE, because=BLOCKS),
    ),
    graphs=(Graph("mochi", "native", MOCHI, rare=True), Graph("mochi", "diffusers", MOCHI_D, rare=True, dotted=True)),
    classes={"MochiTransformer3DModel": (Kind.DIFFUSION_MODEL, ("mochi",))},
)
