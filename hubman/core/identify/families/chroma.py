"""Chroma: Flux.1's blocks without modulation layers, steered by a small network instead; Radiance works on pixels."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

BFL = """
img_in 3072 64
txt_in 3072 4096
distilled_guidance_layer.in_proj 5120 64
distilled_guidance_layer.layers.{0-4}.in_layer 5120 5120
distilled_guidance_layer.layers.{0-4}.out_layer 5120 5120
distilled_guidance_layer.out_proj 3072 5120
double_blocks.{0-18}.img_attn.qkv 9216 3072
double_blocks.{0-18}.img_attn.proj 3072 3072
double_blocks.{0-18}.img_mlp.0 12288 3072
double_blocks.{0-18}.img_mlp.2 3072 12288
double_blocks.{0-18}.txt_attn.qkv 9216 3072
double_blocks.{0-18}.txt_attn.proj 3072 3072
double_blocks.{0-18}.txt_mlp.0 12288 3072
double_blocks.{0-18}.txt_mlp.2 3072 12288
single_blocks.{0-37}.linear1 21504 3072
single_blocks.{0-37}.linear2 3072 15360
final_layer.linear 64 3072
"""

RADIANCE = """
img_in_patch 3072 3 16x16
txt_in 3072 4096
distilled_guidance_layer.in_proj 5120 64
distilled_guidance_layer.layers.{0-4}.in_layer 5120 5120
distilled_guidance_layer.layers.{0-4}.out_layer 5120 5120
distilled_guidance_layer.out_proj 3072 5120
double_blocks.{0-18}.img_attn.qkv 9216 3072
double_blocks.{0-18}.img_attn.proj 3072 3072
double_blocks.{0-18}.img_mlp.0 12288 3072
double_blocks.{0-18}.img_mlp.2 3072 12288
double_blocks.{0-18}.txt_attn.qkv 9216 3072
double_blocks.{0-18}.txt_attn.proj 3072 3072
double_blocks.{0-18}.txt_mlp.0 12288 3072
double_blocks.{0-18}.txt_mlp.2 3072 12288
single_blocks.{0-37}.linear1 21504 3072
single_blocks.{0-37}.linear2 3072 15360
nerf_image_embedder.embedder.0 64 67
nerf_blocks.{0-3}.param_generator 49152 3072
nerf_final_layer_conv.conv 3 64 3x3
"""

DIFFUSERS = """
distilled_guidance_layer.in_proj 5120 64
distilled_guidance_layer.layers.{0-4}.linear_1 5120 5120
distilled_guidance_layer.layers.{0-4}.linear_2 5120 5120
distilled_guidance_layer.norms.{0-4} 5120
distilled_guidance_layer.out_proj 3072 5120
context_embedder 3072 4096
x_embedder 3072 64
transformer_blocks.{0-18}.attn.norm_q 128
transformer_blocks.{0-18}.attn.norm_k 128
transformer_blocks.{0-18}.attn.to_q 3072 3072
transformer_blocks.{0-18}.attn.to_k 3072 3072
transformer_blocks.{0-18}.attn.to_v 3072 3072
transformer_blocks.{0-18}.attn.to_out.0 3072 3072
transformer_blocks.{0-18}.attn.norm_added_q 128
transformer_blocks.{0-18}.attn.norm_added_k 128
transformer_blocks.{0-18}.attn.add_q_proj 3072 3072
transformer_blocks.{0-18}.attn.add_k_proj 3072 3072
transformer_blocks.{0-18}.attn.add_v_proj 3072 3072
transformer_blocks.{0-18}.attn.to_add_out 3072 3072
transformer_blocks.{0-18}.ff.net.0.proj 12288 3072
transformer_blocks.{0-18}.ff.net.2 3072 12288
transformer_blocks.{0-18}.ff_context.net.0.proj 12288 3072
transformer_blocks.{0-18}.ff_context.net.2 3072 12288
single_transformer_blocks.{0-37}.proj_mlp 12288 3072
single_transformer_blocks.{0-37}.proj_out 3072 15360
single_transformer_blocks.{0-37}.attn.norm_q 128
single_transformer_blocks.{0-37}.attn.norm_k 128
single_transformer_blocks.{0-37}.attn.to_q 3072 3072
single_transformer_blocks.{0-37}.attn.to_k 3072 3072
single_transformer_blocks.{0-37}.attn.to_v 3072 3072
proj_out 64 3072
"""

BFL_NAMES = (
    "distilled_guidance_layer.in_proj.weight", "double_blocks.0.img_attn.qkv.weight",
    "single_blocks.0.linear1.weight", "img_in.weight", "txt_in.weight",
)  # fmt: skip
RADIANCE_NAMES = (
    "nerf_blocks.0.norm.scale|nerf_blocks.0.norm.weight", "img_in_patch.weight",
    "distilled_guidance_layer.in_proj.weight", "double_blocks.0.img_attn.qkv.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "distilled_guidance_layer.in_proj.weight", "single_transformer_blocks.0.proj_mlp.weight",
    "transformer_blocks.0.attn.add_q_proj.weight", "x_embedder.weight", "context_embedder.weight",
    "proj_out.weight",
)  # fmt: skip
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="Chroma",
    sources=(
        "Comfy-Org/ComfyUI comfy/ldm/chroma, comfy/ldm/chroma_radiance (generated on meta tensors)",
        "huggingface/diffusers ChromaTransformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(("chroma",), has=BFL_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("chroma",), has=BFL_NAMES, shapes={"img_in.bias": (3072,)}),
        Signature(("chroma",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("chroma",), has=DIFFUSERS_NAMES, shapes={"x_embedder.bias": (3072,)}),
        Signature(
            ("chroma-radiance",),
            has=RADIANCE_NAMES,
            because=CUSTOM,
            variant="custom-width",
            title="Chroma Radiance",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("chroma-radiance",), has=RADIANCE_NAMES, shapes={"img_in_patch.bias": (3072,)}, title="Chroma Radiance"
        ),
    ),
    graphs=(
        Graph("chroma", "bfl", BFL, kin="flux1"),
        Graph("chroma-radiance", "bfl", RADIANCE, kin="flux1", rare=True),
        Graph("chroma", "diffusers", DIFFUSERS, kin="flux1", dotted=True),
    ),
    classes={"ChromaTransformer2DModel": (Kind.DIFFUSION_MODEL, ("chroma",))},
)
