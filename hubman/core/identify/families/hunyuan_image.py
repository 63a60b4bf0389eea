"""HunyuanImage 2.1: HunyuanVideo's blocks on single pictures, with a refiner as second stage."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

NATIVE = """
img_in.proj 3584 64 1x1
time_in.in_layer 3584 256
time_in.out_layer 3584 3584
txt_in.input_embedder 3584 3584
txt_in.t_embedder.in_layer 3584 256
txt_in.t_embedder.out_layer 3584 3584
txt_in.c_embedder.in_layer 3584 3584
txt_in.c_embedder.out_layer 3584 3584
txt_in.individual_token_refiner.blocks.{0-1}.adaLN_modulation.1 7168 3584
txt_in.individual_token_refiner.blocks.{0-1}.norm1 3584
txt_in.individual_token_refiner.blocks.{0-1}.self_attn.qkv 10752 3584
txt_in.individual_token_refiner.blocks.{0-1}.self_attn.proj 3584 3584
txt_in.individual_token_refiner.blocks.{0-1}.norm2 3584
txt_in.individual_token_refiner.blocks.{0-1}.mlp.0 14336 3584
txt_in.individual_token_refiner.blocks.{0-1}.mlp.2 3584 14336
double_blocks.{0-19}.img_mod.lin 21504 3584
double_blocks.{0-19}.img_attn.qkv 10752 3584
double_blocks.{0-19}.img_attn.proj 3584 3584
double_blocks.{0-19}.img_mlp.0 14336 3584
double_blocks.{0-19}.img_mlp.2 3584 14336
double_blocks.{0-19}.txt_mod.lin 21504 3584
double_blocks.{0-19}.txt_attn.qkv 10752 3584
double_blocks.{0-19}.txt_attn.proj 3584 3584
double_blocks.{0-19}.txt_mlp.0 14336 3584
double_blocks.{0-19}.txt_mlp.2 3584 14336
single_blocks.{0-39}.linear1 25088 3584
single_blocks.{0-39}.linear2 3584 17920
single_blocks.{0-39}.modulation.lin 10752 3584
byt5_in.layernorm 1472
byt5_in.fc1 2048 1472
byt5_in.fc2 2048 2048
byt5_in.fc3 3584 2048
final_layer.linear 64 3584
final_layer.adaLN_modulation.1 7168 3584
"""

DIFFUSERS = """
x_embedder.proj 3584 64 1x1
context_embedder.time_text_embed.timestep_embedder.linear_1 3584 256
context_embedder.time_text_embed.timestep_embedder.linear_2 3584 3584
context_embedder.time_text_embed.text_embedder.linear_1 3584 3584
context_embedder.time_text_embed.text_embedder.linear_2 3584 3584
context_embedder.proj_in 3584 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.norm1 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_q 3584 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_k 3584 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_v 3584 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_out.0 3584 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.norm2 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.ff.net.0.proj 14336 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.ff.net.2 3584 14336
context_embedder.token_refiner.refiner_blocks.{0-1}.norm_out.linear 7168 3584
time_guidance_embed.timestep_embedder.linear_1 3584 256
time_guidance_embed.timestep_embedder.linear_2 3584 3584
time_guidance_embed.timestep_embedder_r.linear_1 3584 256
time_guidance_embed.timestep_embedder_r.linear_2 3584 3584
time_guidance_embed.guidance_embedder.linear_1 3584 256
time_guidance_embed.guidance_embedder.linear_2 3584 3584
transformer_blocks.{0-19}.norm1.linear 21504 3584
transformer_blocks.{0-19}.norm1_context.linear 21504 3584
transformer_blocks.{0-19}.attn.norm_q 128
transformer_blocks.{0-19}.attn.norm_k 128
transformer_blocks.{0-19}.attn.to_q 3584 3584
transformer_blocks.{0-19}.attn.to_k 3584 3584
transformer_blocks.{0-19}.attn.to_v 3584 3584
transformer_blocks.{0-19}.attn.add_k_proj 3584 3584
transformer_blocks.{0-19}.attn.add_v_proj 3584 3584
transformer_blocks.{0-19}.attn.add_q_proj 3584 3584
transformer_blocks.{0-19}.attn.to_out.0 3584 3584
transformer_blocks.{0-19}.attn.to_add_out 3584 3584
transformer_blocks.{0-19}.attn.norm_added_q 128
transformer_blocks.{0-19}.attn.norm_added_k 128
transformer_blocks.{0-19}.ff.net.0.proj 14336 3584
transformer_blocks.{0-19}.ff.net.2 3584 14336
transformer_blocks.{0-19}.ff_context.net.0.proj 14336 3584
transformer_blocks.{0-19}.ff_context.net.2 3584 14336
single_transformer_blocks.{0-39}.attn.norm_q 128
single_transformer_blocks.{0-39}.attn.norm_k 128
single_transformer_blocks.{0-39}.attn.to_q 3584 3584
single_transformer_blocks.{0-39}.attn.to_k 3584 3584
single_transformer_blocks.{0-39}.attn.to_v 3584 3584
single_transformer_blocks.{0-39}.norm.linear 10752 3584
single_transformer_blocks.{0-39}.proj_mlp 14336 3584
single_transformer_blocks.{0-39}.proj_out 3584 17920
norm_out.linear 7168 3584
proj_out 64 3584
"""

NATIVE_NAMES = (
    "txt_in.individual_token_refiner.blocks.0.norm1.weight", "img_in.proj.weight",
    "double_blocks.0.img_attn.qkv.weight", "final_layer.linear.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "context_embedder.token_refiner.refiner_blocks.0.norm1.weight", "x_embedder.proj.weight",
    "single_transformer_blocks.0.proj_mlp.weight", "time_guidance_embed.timestep_embedder.linear_1.weight",
)  # fmt: skip
LACKS = ("cond_type_embedding.weight", "vector_in.in_layer.weight", "double_blocks.0.img_attn_qkv.weight")
PLANE = N_("it has {key} as HunyuanVideo does, but takes pictures without a time axis, as {title} does")
CUSTOM = N_("it has {key} and takes pictures without a time axis, as {title} does, at another width")

TENCENT = """
img_in.proj 3584 64 1x1
time_in.in_layer 3584 256
time_in.out_layer 3584 3584
txt_in.input_embedder 3584 3584
txt_in.t_embedder.in_layer 3584 256
txt_in.t_embedder.out_layer 3584 3584
txt_in.c_embedder.in_layer 3584 3584
txt_in.c_embedder.out_layer 3584 3584
txt_in.individual_token_refiner.blocks.{0-1}.adaLN_modulation.1 7168 3584
txt_in.individual_token_refiner.blocks.{0-1}.norm1 3584
txt_in.individual_token_refiner.blocks.{0-1}.self_attn.qkv 10752 3584
txt_in.individual_token_refiner.blocks.{0-1}.self_attn.proj 3584 3584
txt_in.individual_token_refiner.blocks.{0-1}.norm2 3584
txt_in.individual_token_refiner.blocks.{0-1}.mlp.0 14336 3584
txt_in.individual_token_refiner.blocks.{0-1}.mlp.2 3584 14336
double_blocks.{0-19}.img_mod.lin 21504 3584
double_blocks.{0-19}.img_attn.qkv 10752 3584
double_blocks.{0-19}.img_attn.proj 3584 3584
double_blocks.{0-19}.img_mlp.fc1 14336 3584
double_blocks.{0-19}.img_mlp.fc2 3584 14336
double_blocks.{0-19}.txt_mod.lin 21504 3584
double_blocks.{0-19}.txt_attn.qkv 10752 3584
double_blocks.{0-19}.txt_attn.proj 3584 3584
double_blocks.{0-19}.txt_mlp.fc1 14336 3584
double_blocks.{0-19}.txt_mlp.fc2 3584 14336
single_blocks.{0-39}.linear1 25088 3584
single_blocks.{0-39}.linear2 3584 17920
single_blocks.{0-39}.modulation.lin 10752 3584
byt5_in.layernorm 1472
byt5_in.fc1 2048 1472
byt5_in.fc2 2048 2048
byt5_in.fc3 3584 2048
final_layer.linear 64 3584
final_layer.adaLN_modulation.1 7168 3584
"""

FAMILY = Family(
    title="HunyuanImage 2.1",
    sources=(
        "Tencent-Hunyuan/HunyuanImage-2.1 hyimage/models/hunyuan/modules",
        "Comfy-Org/ComfyUI comfy/model_detection.py, comfy/supported_models.py",
        "huggingface/diffusers HunyuanImageTransformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("hunyuan-image-2.1",),
            has=NATIVE_NAMES,
            lacks=LACKS,
            shapes={"img_in.proj.weight": (None, None, None, None)},
            because=CUSTOM,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("hunyuan-image-2.1",),
            has=NATIVE_NAMES,
            lacks=LACKS,
            shapes={"img_in.proj.weight": (None, None, None, None), "img_in.proj.bias": (3584,)},
            because=PLANE,
        ),
        Signature(
            ("hunyuan-image-2.1",),
            has=NATIVE_NAMES,
            lacks=LACKS,
            shapes={"img_in.proj.weight": (None, 128, 1, 1, 1)},
            because=N_("it has {key} and takes a picture beside the noise, as the refiner of {title} does"),
            variant="refiner",
        ),
        Signature(
            ("hunyuan-image-2.1",),
            has=DIFFUSERS_NAMES,
            shapes={"x_embedder.proj.weight": (None, None, None, None)},
            because=CUSTOM,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("hunyuan-image-2.1",),
            has=DIFFUSERS_NAMES,
            shapes={"x_embedder.proj.weight": (None, None, None, None), "x_embedder.proj.bias": (3584,)},
            because=PLANE,
        ),
    ),
    variants=(
        Variant(
            "distilled",
            N_("it has a second time embedding, as distilled models have"),
            has=("time_r_in.in_layer.weight|time_guidance_embed.timestep_embedder_r.linear_1.weight",),
        ),
    ),
    graphs=(
        Graph("hunyuan-image-2.1", "tencent", TENCENT),
        Graph("hunyuan-image-2.1", "native", NATIVE),
        Graph("hunyuan-image-2.1", "diffusers", DIFFUSERS, dotted=True),
    ),
    classes={"HunyuanImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("hunyuan-image-2.1",))},
)
