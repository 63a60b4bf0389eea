"""Flux.1 of Black Forest Labs: dev, schnell, Fill, Depth, Canny, Kontext, and fine-tunes that keep its structure."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

BFL = """
img_in 3072 64
time_in.in_layer 3072 256
time_in.out_layer 3072 3072
vector_in.in_layer 3072 768
vector_in.out_layer 3072 3072
guidance_in.in_layer 3072 256
guidance_in.out_layer 3072 3072
txt_in 3072 4096
double_blocks.{0-18}.img_mod.lin 18432 3072
double_blocks.{0-18}.img_attn.qkv 9216 3072
double_blocks.{0-18}.img_attn.proj 3072 3072
double_blocks.{0-18}.img_mlp.0 12288 3072
double_blocks.{0-18}.img_mlp.2 3072 12288
double_blocks.{0-18}.txt_mod.lin 18432 3072
double_blocks.{0-18}.txt_attn.qkv 9216 3072
double_blocks.{0-18}.txt_attn.proj 3072 3072
double_blocks.{0-18}.txt_mlp.0 12288 3072
double_blocks.{0-18}.txt_mlp.2 3072 12288
single_blocks.{0-37}.linear1 21504 3072
single_blocks.{0-37}.linear2 3072 15360
single_blocks.{0-37}.modulation.lin 9216 3072
final_layer.linear 64 3072
final_layer.adaLN_modulation.1 6144 3072
"""

DIFFUSERS = """
time_text_embed.timestep_embedder.linear_1 3072 256
time_text_embed.timestep_embedder.linear_2 3072 3072
time_text_embed.guidance_embedder.linear_1 3072 256
time_text_embed.guidance_embedder.linear_2 3072 3072
time_text_embed.text_embedder.linear_1 3072 768
time_text_embed.text_embedder.linear_2 3072 3072
context_embedder 3072 4096
x_embedder 3072 64
transformer_blocks.{0-18}.norm1.linear 18432 3072
transformer_blocks.{0-18}.norm1_context.linear 18432 3072
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
single_transformer_blocks.{0-37}.norm.linear 9216 3072
single_transformer_blocks.{0-37}.proj_mlp 12288 3072
single_transformer_blocks.{0-37}.proj_out 3072 15360
single_transformer_blocks.{0-37}.attn.norm_q 128
single_transformer_blocks.{0-37}.attn.norm_k 128
single_transformer_blocks.{0-37}.attn.to_q 3072 3072
single_transformer_blocks.{0-37}.attn.to_k 3072 3072
single_transformer_blocks.{0-37}.attn.to_v 3072 3072
norm_out.linear 6144 3072
proj_out 64 3072
"""

BFL_NAMES = (
    "double_blocks.0.img_attn.norm.key_norm.scale|double_blocks.0.img_attn.norm.key_norm.weight",
    "vector_in.in_layer.weight", "img_in.weight", "double_blocks.0.img_mlp.0.weight",
    "single_blocks.0.linear1.weight", "final_layer.linear.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "time_text_embed.text_embedder.linear_1.weight", "single_transformer_blocks.0.proj_mlp.weight",
    "transformer_blocks.0.norm1_context.linear.weight", "x_embedder.weight", "context_embedder.weight",
    "proj_out.weight",
)  # fmt: skip
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="Flux.1",
    sources=(
        "black-forest-labs/flux src/flux/model.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers FluxTransformer2DModel (generated on meta tensors)",
        "nunchaku-tech/nunchaku nunchaku/models/transformers/transformer_flux.py",
    ),
    signatures=(
        Signature(("flux1",), has=BFL_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("flux1",), has=BFL_NAMES, shapes={"img_in.bias": (3072,)}),
        Signature(("flux1",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("flux1",), has=DIFFUSERS_NAMES, shapes={"x_embedder.bias": (3072,)}),
        Signature(
            ("flux1",),
            has=("single_transformer_blocks.0.mlp_fc1.qweight", "transformer_blocks.0.mlp_context_fc1.qweight"),
            because=N_("it has {key}: {title} quantised by Nunchaku"),
        ),
    ),
    variants=(
        Variant(
            "inpaint",
            N_("it takes 384 channels: picture, mask and masked picture, as Flux.1 Fill does"),
            shapes={"img_in.weight|x_embedder.weight": ((3072, 589824), (384, 1))},
        ),
        Variant(
            "control",
            N_("it takes 128 channels: the picture and a depth or edge map"),
            shapes={"img_in.weight|x_embedder.weight": ((3072, 196608), (128, 1))},
        ),
        Variant(
            "flex.2",
            N_("it takes 196 channels: picture, control map, masked picture and mask, as Flex.2 does"),
            shapes={"img_in.weight|x_embedder.weight": ((3072, 301056), (196, 1))},
        ),
        Variant(
            "pruned",
            N_("it has fewer double blocks than Flux.1: a pruned model such as Flex.1 or Flux.1 Lite"),
            lacks=("double_blocks.18.*", "transformer_blocks.18.*"),
        ),
        Variant(
            "pruned",
            N_("it has fewer single blocks than Flux.1: a pruned model"),
            lacks=("single_blocks.37.*", "single_transformer_blocks.37.*"),
        ),
        Variant(
            "dev",
            N_("it has a guidance embedding, as Flux.1 dev has"),
            has=("guidance_in.in_layer.*|time_text_embed.guidance_embedder.linear_1.*",),
        ),
        Variant(
            "schnell",
            N_("it has no guidance embedding, as Flux.1 schnell"),
            has=("vector_in.in_layer.*|time_text_embed.text_embedder.linear_1.*",),
            lacks=("guidance_in.*", "time_text_embed.guidance_embedder.*"),
        ),
    ),
    graphs=(Graph("flux1", "bfl", BFL), Graph("flux1", "diffusers", DIFFUSERS)),
    classes={"FluxTransformer2DModel": (Kind.DIFFUSION_MODEL, ("flux1",))},
)
