"""Flux.2 of Black Forest Labs: dev, klein 9B and klein 4B, which differ in width and depth only."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

DEV = """
img_in 6144 128
time_in.in_layer 6144 256
time_in.out_layer 6144 6144
txt_in 6144 15360
guidance_in.in_layer 6144 256
guidance_in.out_layer 6144 6144
double_blocks.{0-7}.img_attn.qkv 18432 6144
double_blocks.{0-7}.img_attn.proj 6144 6144
double_blocks.{0-7}.img_mlp.0 36864 6144
double_blocks.{0-7}.img_mlp.2 6144 18432
double_blocks.{0-7}.txt_attn.qkv 18432 6144
double_blocks.{0-7}.txt_attn.proj 6144 6144
double_blocks.{0-7}.txt_mlp.0 36864 6144
double_blocks.{0-7}.txt_mlp.2 6144 18432
single_blocks.{0-47}.linear1 55296 6144
single_blocks.{0-47}.linear2 6144 24576
double_stream_modulation_img.lin 36864 6144
double_stream_modulation_txt.lin 36864 6144
single_stream_modulation.lin 18432 6144
final_layer.linear 128 6144
final_layer.adaLN_modulation.1 12288 6144
"""

KLEIN_9B = """
img_in 4096 128
time_in.in_layer 4096 256
time_in.out_layer 4096 4096
txt_in 4096 12288
double_blocks.{0-7}.img_attn.qkv 12288 4096
double_blocks.{0-7}.img_attn.proj 4096 4096
double_blocks.{0-7}.img_mlp.0 24576 4096
double_blocks.{0-7}.img_mlp.2 4096 12288
double_blocks.{0-7}.txt_attn.qkv 12288 4096
double_blocks.{0-7}.txt_attn.proj 4096 4096
double_blocks.{0-7}.txt_mlp.0 24576 4096
double_blocks.{0-7}.txt_mlp.2 4096 12288
single_blocks.{0-23}.linear1 36864 4096
single_blocks.{0-23}.linear2 4096 16384
double_stream_modulation_img.lin 24576 4096
double_stream_modulation_txt.lin 24576 4096
single_stream_modulation.lin 12288 4096
final_layer.linear 128 4096
final_layer.adaLN_modulation.1 8192 4096
"""

KLEIN_4B = """
img_in 3072 128
time_in.in_layer 3072 256
time_in.out_layer 3072 3072
txt_in 3072 7680
double_blocks.{0-4}.img_attn.qkv 9216 3072
double_blocks.{0-4}.img_attn.proj 3072 3072
double_blocks.{0-4}.img_mlp.0 18432 3072
double_blocks.{0-4}.img_mlp.2 3072 9216
double_blocks.{0-4}.txt_attn.qkv 9216 3072
double_blocks.{0-4}.txt_attn.proj 3072 3072
double_blocks.{0-4}.txt_mlp.0 18432 3072
double_blocks.{0-4}.txt_mlp.2 3072 9216
single_blocks.{0-19}.linear1 27648 3072
single_blocks.{0-19}.linear2 3072 12288
double_stream_modulation_img.lin 18432 3072
double_stream_modulation_txt.lin 18432 3072
single_stream_modulation.lin 9216 3072
final_layer.linear 128 3072
final_layer.adaLN_modulation.1 6144 3072
"""

DEV_DIFFUSERS = """
time_guidance_embed.timestep_embedder.linear_1 6144 256
time_guidance_embed.timestep_embedder.linear_2 6144 6144
time_guidance_embed.guidance_embedder.linear_1 6144 256
time_guidance_embed.guidance_embedder.linear_2 6144 6144
double_stream_modulation_img.linear 36864 6144
double_stream_modulation_txt.linear 36864 6144
single_stream_modulation.linear 18432 6144
x_embedder 6144 128
context_embedder 6144 15360
transformer_blocks.{0-7}.attn.to_q 6144 6144
transformer_blocks.{0-7}.attn.to_k 6144 6144
transformer_blocks.{0-7}.attn.to_v 6144 6144
transformer_blocks.{0-7}.attn.norm_q 128
transformer_blocks.{0-7}.attn.norm_k 128
transformer_blocks.{0-7}.attn.to_out.0 6144 6144
transformer_blocks.{0-7}.attn.norm_added_q 128
transformer_blocks.{0-7}.attn.norm_added_k 128
transformer_blocks.{0-7}.attn.add_q_proj 6144 6144
transformer_blocks.{0-7}.attn.add_k_proj 6144 6144
transformer_blocks.{0-7}.attn.add_v_proj 6144 6144
transformer_blocks.{0-7}.attn.to_add_out 6144 6144
transformer_blocks.{0-7}.ff.linear_in 36864 6144
transformer_blocks.{0-7}.ff.linear_out 6144 18432
transformer_blocks.{0-7}.ff_context.linear_in 36864 6144
transformer_blocks.{0-7}.ff_context.linear_out 6144 18432
single_transformer_blocks.{0-47}.attn.to_qkv_mlp_proj 55296 6144
single_transformer_blocks.{0-47}.attn.norm_q 128
single_transformer_blocks.{0-47}.attn.norm_k 128
single_transformer_blocks.{0-47}.attn.to_out 6144 24576
norm_out.linear 12288 6144
proj_out 128 6144
"""

KLEIN_9B_DIFFUSERS = """
time_guidance_embed.timestep_embedder.linear_1 4096 256
time_guidance_embed.timestep_embedder.linear_2 4096 4096
double_stream_modulation_img.linear 24576 4096
double_stream_modulation_txt.linear 24576 4096
single_stream_modulation.linear 12288 4096
x_embedder 4096 128
context_embedder 4096 12288
transformer_blocks.{0-7}.attn.to_q 4096 4096
transformer_blocks.{0-7}.attn.to_k 4096 4096
transformer_blocks.{0-7}.attn.to_v 4096 4096
transformer_blocks.{0-7}.attn.norm_q 128
transformer_blocks.{0-7}.attn.norm_k 128
transformer_blocks.{0-7}.attn.to_out.0 4096 4096
transformer_blocks.{0-7}.attn.norm_added_q 128
transformer_blocks.{0-7}.attn.norm_added_k 128
transformer_blocks.{0-7}.attn.add_q_proj 4096 4096
transformer_blocks.{0-7}.attn.add_k_proj 4096 4096
transformer_blocks.{0-7}.attn.add_v_proj 4096 4096
transformer_blocks.{0-7}.attn.to_add_out 4096 4096
transformer_blocks.{0-7}.ff.linear_in 24576 4096
transformer_blocks.{0-7}.ff.linear_out 4096 12288
transformer_blocks.{0-7}.ff_context.linear_in 24576 4096
transformer_blocks.{0-7}.ff_context.linear_out 4096 12288
single_transformer_blocks.{0-23}.attn.to_qkv_mlp_proj 36864 4096
single_transformer_blocks.{0-23}.attn.norm_q 128
single_transformer_blocks.{0-23}.attn.norm_k 128
single_transformer_blocks.{0-23}.attn.to_out 4096 16384
norm_out.linear 8192 4096
proj_out 128 4096
"""

KLEIN_4B_DIFFUSERS = """
time_guidance_embed.timestep_embedder.linear_1 3072 256
time_guidance_embed.timestep_embedder.linear_2 3072 3072
double_stream_modulation_img.linear 18432 3072
double_stream_modulation_txt.linear 18432 3072
single_stream_modulation.linear 9216 3072
x_embedder 3072 128
context_embedder 3072 7680
transformer_blocks.{0-4}.attn.to_q 3072 3072
transformer_blocks.{0-4}.attn.to_k 3072 3072
transformer_blocks.{0-4}.attn.to_v 3072 3072
transformer_blocks.{0-4}.attn.norm_q 128
transformer_blocks.{0-4}.attn.norm_k 128
transformer_blocks.{0-4}.attn.to_out.0 3072 3072
transformer_blocks.{0-4}.attn.norm_added_q 128
transformer_blocks.{0-4}.attn.norm_added_k 128
transformer_blocks.{0-4}.attn.add_q_proj 3072 3072
transformer_blocks.{0-4}.attn.add_k_proj 3072 3072
transformer_blocks.{0-4}.attn.add_v_proj 3072 3072
transformer_blocks.{0-4}.attn.to_add_out 3072 3072
transformer_blocks.{0-4}.ff.linear_in 18432 3072
transformer_blocks.{0-4}.ff.linear_out 3072 9216
transformer_blocks.{0-4}.ff_context.linear_in 18432 3072
transformer_blocks.{0-4}.ff_context.linear_out 3072 9216
single_transformer_blocks.{0-19}.attn.to_qkv_mlp_proj 27648 3072
single_transformer_blocks.{0-19}.attn.norm_q 128
single_transformer_blocks.{0-19}.attn.norm_k 128
single_transformer_blocks.{0-19}.attn.to_out 3072 12288
norm_out.linear 6144 3072
proj_out 128 3072
"""

NAMES = (
    "double_stream_modulation_img.lin.weight|double_stream_modulation_img.linear.weight",
    "single_stream_modulation.lin.weight|single_stream_modulation.linear.weight",
    "img_in.weight|x_embedder.weight", "txt_in.weight|context_embedder.weight",
    "final_layer.linear.weight|proj_out.weight",
)  # fmt: skip
MODULATION = "double_stream_modulation_img.lin.weight|double_stream_modulation_img.linear.weight"
WIDTH = N_("it has {key} at the width of {title}")

FAMILY = Family(
    title="Flux.2",
    sources=(
        "black-forest-labs/flux2 src/flux2/model.py (header from kohya-ss/musubi-tuner's copy on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers Flux2Transformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("flux2",),
            has=NAMES,
            because=N_("it has {key}, as {title} does, at a width of none of the released models"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        # The second number is what bitsandbytes packs the weight into, in four bits.
        Signature(
            ("flux2-dev",),
            has=NAMES,
            shapes={MODULATION: ((36864, 113246208, 226492416), None)},
            because=WIDTH,
            title="Flux.2 dev",
        ),
        Signature(
            ("flux2-klein-9b",),
            has=NAMES,
            shapes={MODULATION: ((24576, 50331648, 100663296), None)},
            because=WIDTH,
            title="Flux.2 Klein 9B",
        ),
        Signature(
            ("flux2-klein-4b",),
            has=NAMES,
            shapes={MODULATION: ((18432, 28311552, 56623104), None)},
            because=WIDTH,
            title="Flux.2 Klein 4B",
        ),
    ),
    graphs=(
        Graph("flux2-dev", "bfl", DEV),
        Graph("flux2-klein-9b", "bfl", KLEIN_9B),
        Graph("flux2-klein-4b", "bfl", KLEIN_4B),
        Graph("flux2-dev", "diffusers", DEV_DIFFUSERS, dotted=True),
        Graph("flux2-klein-9b", "diffusers", KLEIN_9B_DIFFUSERS, dotted=True),
        Graph("flux2-klein-4b", "diffusers", KLEIN_4B_DIFFUSERS, dotted=True),
    ),
    classes={"Flux2Transformer2DModel": (Kind.DIFFUSION_MODEL, ("flux2",))},
)
