"""HunyuanVideo of Tencent, with FramePack and SkyReels V1, which keep its blocks, and HunyuanVideo 1.5."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

HV_COMFY = """
img_in.proj 3072 16 1x2x2
time_in.in_layer 3072 256
time_in.out_layer 3072 3072
vector_in.in_layer 3072 768
vector_in.out_layer 3072 3072
guidance_in.in_layer 3072 256
guidance_in.out_layer 3072 3072
txt_in.input_embedder 3072 4096
txt_in.t_embedder.in_layer 3072 256
txt_in.t_embedder.out_layer 3072 3072
txt_in.c_embedder.in_layer 3072 4096
txt_in.c_embedder.out_layer 3072 3072
txt_in.individual_token_refiner.blocks.{0-1}.adaLN_modulation.1 6144 3072
txt_in.individual_token_refiner.blocks.{0-1}.norm1 3072
txt_in.individual_token_refiner.blocks.{0-1}.self_attn.qkv 9216 3072
txt_in.individual_token_refiner.blocks.{0-1}.self_attn.proj 3072 3072
txt_in.individual_token_refiner.blocks.{0-1}.norm2 3072
txt_in.individual_token_refiner.blocks.{0-1}.mlp.0 12288 3072
txt_in.individual_token_refiner.blocks.{0-1}.mlp.2 3072 12288
double_blocks.{0-19}.img_mod.lin 18432 3072
double_blocks.{0-19}.img_attn.qkv 9216 3072
double_blocks.{0-19}.img_attn.proj 3072 3072
double_blocks.{0-19}.img_mlp.0 12288 3072
double_blocks.{0-19}.img_mlp.2 3072 12288
double_blocks.{0-19}.txt_mod.lin 18432 3072
double_blocks.{0-19}.txt_attn.qkv 9216 3072
double_blocks.{0-19}.txt_attn.proj 3072 3072
double_blocks.{0-19}.txt_mlp.0 12288 3072
double_blocks.{0-19}.txt_mlp.2 3072 12288
single_blocks.{0-39}.linear1 21504 3072
single_blocks.{0-39}.linear2 3072 15360
single_blocks.{0-39}.modulation.lin 9216 3072
final_layer.linear 64 3072
final_layer.adaLN_modulation.1 6144 3072"""

HV_TENCENT = """
img_in.proj 3072 16 1x2x2
time_in.mlp.0 3072 256
time_in.mlp.2 3072 3072
vector_in.in_layer 3072 768
vector_in.out_layer 3072 3072
guidance_in.mlp.0 3072 256
guidance_in.mlp.2 3072 3072
txt_in.input_embedder 3072 4096
txt_in.t_embedder.mlp.0 3072 256
txt_in.t_embedder.mlp.2 3072 3072
txt_in.c_embedder.linear_1 3072 4096
txt_in.c_embedder.linear_2 3072 3072
txt_in.individual_token_refiner.blocks.{0-1}.adaLN_modulation.1 6144 3072
txt_in.individual_token_refiner.blocks.{0-1}.norm1 3072
txt_in.individual_token_refiner.blocks.{0-1}.self_attn_qkv 9216 3072
txt_in.individual_token_refiner.blocks.{0-1}.self_attn_proj 3072 3072
txt_in.individual_token_refiner.blocks.{0-1}.norm2 3072
txt_in.individual_token_refiner.blocks.{0-1}.mlp.fc1 12288 3072
txt_in.individual_token_refiner.blocks.{0-1}.mlp.fc2 3072 12288
double_blocks.{0-19}.img_mod.linear 18432 3072
double_blocks.{0-19}.img_attn_qkv 9216 3072
double_blocks.{0-19}.img_attn_proj 3072 3072
double_blocks.{0-19}.img_mlp.fc1 12288 3072
double_blocks.{0-19}.img_mlp.fc2 3072 12288
double_blocks.{0-19}.txt_mod.linear 18432 3072
double_blocks.{0-19}.txt_attn_qkv 9216 3072
double_blocks.{0-19}.txt_attn_proj 3072 3072
double_blocks.{0-19}.txt_mlp.fc1 12288 3072
double_blocks.{0-19}.txt_mlp.fc2 3072 12288
single_blocks.{0-39}.linear1 21504 3072
single_blocks.{0-39}.linear2 3072 15360
single_blocks.{0-39}.modulation.linear 9216 3072
final_layer.linear 64 3072
final_layer.adaLN_modulation.1 6144 3072"""

HV_D = """
x_embedder.proj 3072 16 1x2x2
clean_x_embedder.proj 3072 16 1x2x2
clean_x_embedder.proj_2x 3072 16 2x4x4
clean_x_embedder.proj_4x 3072 16 4x8x8
context_embedder.time_text_embed.timestep_embedder.linear_1 3072 256
context_embedder.time_text_embed.timestep_embedder.linear_2 3072 3072
context_embedder.time_text_embed.text_embedder.linear_1 3072 4096
context_embedder.time_text_embed.text_embedder.linear_2 3072 3072
context_embedder.proj_in 3072 4096
context_embedder.token_refiner.refiner_blocks.{0-1}.norm1 3072
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_q 3072 3072
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_k 3072 3072
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_v 3072 3072
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_out.0 3072 3072
context_embedder.token_refiner.refiner_blocks.{0-1}.norm2 3072
context_embedder.token_refiner.refiner_blocks.{0-1}.ff.net.0.proj 12288 3072
context_embedder.token_refiner.refiner_blocks.{0-1}.ff.net.2 3072 12288
context_embedder.token_refiner.refiner_blocks.{0-1}.norm_out.linear 6144 3072
image_projection.up 9216 1152
image_projection.down 3072 9216
time_text_embed.timestep_embedder.linear_1 3072 256
time_text_embed.timestep_embedder.linear_2 3072 3072
time_text_embed.text_embedder.linear_1 3072 768
time_text_embed.text_embedder.linear_2 3072 3072
time_text_embed.guidance_embedder.linear_1 3072 256
time_text_embed.guidance_embedder.linear_2 3072 3072
transformer_blocks.{0-19}.norm1.linear 18432 3072
transformer_blocks.{0-19}.norm1_context.linear 18432 3072
transformer_blocks.{0-19}.attn.norm_q 128
transformer_blocks.{0-19}.attn.norm_k 128
transformer_blocks.{0-19}.attn.to_q 3072 3072
transformer_blocks.{0-19}.attn.to_k 3072 3072
transformer_blocks.{0-19}.attn.to_v 3072 3072
transformer_blocks.{0-19}.attn.add_k_proj 3072 3072
transformer_blocks.{0-19}.attn.add_v_proj 3072 3072
transformer_blocks.{0-19}.attn.add_q_proj 3072 3072
transformer_blocks.{0-19}.attn.to_out.0 3072 3072
transformer_blocks.{0-19}.attn.to_add_out 3072 3072
transformer_blocks.{0-19}.attn.norm_added_q 128
transformer_blocks.{0-19}.attn.norm_added_k 128
transformer_blocks.{0-19}.ff.net.0.proj 12288 3072
transformer_blocks.{0-19}.ff.net.2 3072 12288
transformer_blocks.{0-19}.ff_context.net.0.proj 12288 3072
transformer_blocks.{0-19}.ff_context.net.2 3072 12288
single_transformer_blocks.{0-39}.attn.norm_q 128
single_transformer_blocks.{0-39}.attn.norm_k 128
single_transformer_blocks.{0-39}.attn.to_q 3072 3072
single_transformer_blocks.{0-39}.attn.to_k 3072 3072
single_transformer_blocks.{0-39}.attn.to_v 3072 3072
single_transformer_blocks.{0-39}.norm.linear 9216 3072
single_transformer_blocks.{0-39}.proj_mlp 12288 3072
single_transformer_blocks.{0-39}.proj_out 3072 15360
norm_out.linear 6144 3072
proj_out 64 3072"""

HV15 = """
byt5_in.layernorm 1472
byt5_in.fc1 2048 1472
byt5_in.fc2 2048 2048
byt5_in.fc3 2048 2048
img_in.proj 2048 65 1x1x1
vision_in.proj.0 1152
vision_in.proj.1 1152 1152
vision_in.proj.3 2048 1152
vision_in.proj.4 2048
txt_in.input_embedder 2048 3584
txt_in.t_embedder.mlp.0 2048 256
txt_in.t_embedder.mlp.2 2048 2048
txt_in.c_embedder.linear_1 2048 3584
txt_in.c_embedder.linear_2 2048 2048
txt_in.individual_token_refiner.blocks.{0-1}.norm1 2048
txt_in.individual_token_refiner.blocks.{0-1}.self_attn_qkv 6144 2048
txt_in.individual_token_refiner.blocks.{0-1}.self_attn_proj 2048 2048
txt_in.individual_token_refiner.blocks.{0-1}.norm2 2048
txt_in.individual_token_refiner.blocks.{0-1}.mlp.fc1 8192 2048
txt_in.individual_token_refiner.blocks.{0-1}.mlp.fc2 2048 8192
txt_in.individual_token_refiner.blocks.{0-1}.adaLN_modulation.1 4096 2048
time_in.mlp.0 2048 256
time_in.mlp.2 2048 2048
double_blocks.{0-53}.img_mod.linear 12288 2048
double_blocks.{0-53}.img_attn_q 2048 2048
double_blocks.{0-53}.img_attn_k 2048 2048
double_blocks.{0-53}.img_attn_v 2048 2048
double_blocks.{0-53}.img_attn_q_norm 128
double_blocks.{0-53}.img_attn_k_norm 128
double_blocks.{0-53}.img_attn_proj 2048 2048
double_blocks.{0-53}.img_mlp.fc1 8192 2048
double_blocks.{0-53}.img_mlp.fc2 2048 8192
double_blocks.{0-53}.txt_mod.linear 12288 2048
double_blocks.{0-53}.txt_attn_q 2048 2048
double_blocks.{0-53}.txt_attn_k 2048 2048
double_blocks.{0-53}.txt_attn_v 2048 2048
double_blocks.{0-53}.txt_attn_q_norm 128
double_blocks.{0-53}.txt_attn_k_norm 128
double_blocks.{0-53}.txt_attn_proj 2048 2048
double_blocks.{0-53}.txt_mlp.fc1 8192 2048
double_blocks.{0-53}.txt_mlp.fc2 2048 8192
final_layer.linear 32 2048
final_layer.adaLN_modulation.1 4096 2048
cond_type_embedding 3 2048"""

HV15_D = """
x_embedder.proj 2048 65 1x1x1
image_embedder.norm_in 1152
image_embedder.linear_1 1152 1152
image_embedder.linear_2 2048 1152
image_embedder.norm_out 2048
context_embedder.time_text_embed.timestep_embedder.linear_1 2048 256
context_embedder.time_text_embed.timestep_embedder.linear_2 2048 2048
context_embedder.time_text_embed.text_embedder.linear_1 2048 3584
context_embedder.time_text_embed.text_embedder.linear_2 2048 2048
context_embedder.proj_in 2048 3584
context_embedder.token_refiner.refiner_blocks.{0-1}.norm1 2048
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_q 2048 2048
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_k 2048 2048
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_v 2048 2048
context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_out.0 2048 2048
context_embedder.token_refiner.refiner_blocks.{0-1}.norm2 2048
context_embedder.token_refiner.refiner_blocks.{0-1}.ff.net.0.proj 8192 2048
context_embedder.token_refiner.refiner_blocks.{0-1}.ff.net.2 2048 8192
context_embedder.token_refiner.refiner_blocks.{0-1}.norm_out.linear 4096 2048
context_embedder_2.norm 1472
context_embedder_2.linear_1 2048 1472
context_embedder_2.linear_2 2048 2048
context_embedder_2.linear_3 2048 2048
time_embed.timestep_embedder.linear_1 2048 256
time_embed.timestep_embedder.linear_2 2048 2048
cond_type_embed 3 2048
transformer_blocks.{0-53}.norm1.linear 12288 2048
transformer_blocks.{0-53}.norm1_context.linear 12288 2048
transformer_blocks.{0-53}.attn.norm_q 128
transformer_blocks.{0-53}.attn.norm_k 128
transformer_blocks.{0-53}.attn.to_q 2048 2048
transformer_blocks.{0-53}.attn.to_k 2048 2048
transformer_blocks.{0-53}.attn.to_v 2048 2048
transformer_blocks.{0-53}.attn.add_k_proj 2048 2048
transformer_blocks.{0-53}.attn.add_v_proj 2048 2048
transformer_blocks.{0-53}.attn.add_q_proj 2048 2048
transformer_blocks.{0-53}.attn.to_out.0 2048 2048
transformer_blocks.{0-53}.attn.to_add_out 2048 2048
transformer_blocks.{0-53}.attn.norm_added_q 128
transformer_blocks.{0-53}.attn.norm_added_k 128
transformer_blocks.{0-53}.ff.net.0.proj 8192 2048
transformer_blocks.{0-53}.ff.net.2 2048 8192
transformer_blocks.{0-53}.ff_context.net.0.proj 8192 2048
transformer_blocks.{0-53}.ff_context.net.2 2048 8192
norm_out.linear 4096 2048
proj_out 32 2048"""

COMFY = (
    # The first four are those of Flux.1, whose blocks it has: this is the special case.
    "double_blocks.0.img_attn.norm.key_norm.scale|double_blocks.0.img_attn.norm.key_norm.weight",
    "vector_in.in_layer.weight",
    "double_blocks.0.img_mlp.0.weight",
    "single_blocks.0.linear1.weight",
    "txt_in.individual_token_refiner.blocks.0.norm1.weight",
)
TENCENT = (
    "txt_in.individual_token_refiner.blocks.0.norm1.weight",
    "vector_in.in_layer.weight",
    "double_blocks.0.img_attn_q_norm.weight",
    "double_blocks.0.img_attn_qkv.weight",
    "single_blocks.0.linear1.weight",
)
DIFFUSERS = (
    "context_embedder.token_refiner.refiner_blocks.0.norm1.weight",
    "x_embedder.proj.weight",
    "time_text_embed.text_embedder.linear_1.weight",
    "transformer_blocks.0.norm1_context.linear.weight",
    "single_transformer_blocks.0.proj_mlp.weight",
)
NATIVE_15 = (
    "cond_type_embedding.weight",
    "txt_in.individual_token_refiner.blocks.0.norm1.weight",
    "byt5_in.fc1.weight",
    "double_blocks.0.img_mod.linear.weight|double_blocks.0.img_mod.lin.weight",
)
DIFFUSERS_15 = (
    "cond_type_embed.weight",
    "context_embedder.token_refiner.refiner_blocks.0.norm1.weight",
    "context_embedder_2.linear_1.weight",
    "transformer_blocks.0.norm1_context.linear.weight",
)
WIDE = {"txt_in.individual_token_refiner.blocks.0.norm1.weight": (3072,)}
WIDE_15 = {"txt_in.individual_token_refiner.blocks.0.norm1.weight": (2048,)}
DIFFUSERS_WIDE = {"context_embedder.token_refiner.refiner_blocks.0.norm1.weight": (3072,)}
DIFFUSERS_WIDE_15 = {"context_embedder.token_refiner.refiner_blocks.0.norm1.weight": (2048,)}

BLOCKS = N_("double blocks, and text that goes through a token refiner first, as HunyuanVideo has")
OTHER_WIDTH = N_("the double blocks and the token refiner of HunyuanVideo, but at another width")
BLOCKS_15 = N_("it has {key} and a token refiner, as HunyuanVideo 1.5 has")
OTHER_WIDTH_15 = N_("it has {key} and a token refiner, as HunyuanVideo 1.5 has, but at another width")

FAMILY = Family(
    title="HunyuanVideo",
    sources=(
        "Tencent/HunyuanVideo hyvideo/modules/models.py",
        "kohya-ss/musubi-tuner src/musubi_tuner/hunyuan_video_1_5",
        "huggingface/diffusers HunyuanVideoTransformer3DModel, HunyuanVideoFramepackTransformer3DModel, "
        "HunyuanVideo15Transformer3DModel (generated on meta tensors), loaders/single_file_utils.py",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(("hunyuan-video",), COMFY, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("hunyuan-video",), COMFY, shapes=WIDE, because=BLOCKS),
        Signature(("hunyuan-video",), TENCENT, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("hunyuan-video",), TENCENT, shapes=WIDE, because=BLOCKS),
        Signature(("hunyuan-video",), DIFFUSERS, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("hunyuan-video",), DIFFUSERS, shapes=DIFFUSERS_WIDE, because=BLOCKS),
        Signature(
            ("hunyuan-video-1.5",), NATIVE_15, because=OTHER_WIDTH_15, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("hunyuan-video-1.5",), NATIVE_15, shapes=WIDE_15, because=BLOCKS_15),
        Signature(
            ("hunyuan-video-1.5",), DIFFUSERS_15, because=OTHER_WIDTH_15, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("hunyuan-video-1.5",), DIFFUSERS_15, shapes=DIFFUSERS_WIDE_15, because=BLOCKS_15),
    ),
    variants=(
        Variant(
            "framepack",
            N_("it looks at the frames before through embedders of their own, as FramePack does"),
            has=("clean_x_embedder.proj.weight",),
        ),
        Variant(
            "skyreels-i2v",
            N_("it takes 32 channels, as SkyReels V1 does to begin with a picture"),
            shapes={"img_in.proj.weight|x_embedder.proj.weight": (None, 32, None, None, None)},
        ),
        Variant(
            "i2v",
            N_("it takes 33 channels: the video, a picture to begin with and a mask"),
            shapes={"img_in.proj.weight|x_embedder.proj.weight": (None, 33, None, None, None)},
        ),
    ),
    graphs=(
        Graph("hunyuan-video", "comfy", HV_COMFY),
        Graph("hunyuan-video", "tencent", HV_TENCENT),
        Graph("hunyuan-video", "diffusers", HV_D),
        Graph("hunyuan-video-1.5", "tencent", HV15),
        Graph("hunyuan-video-1.5", "diffusers", HV15_D, dotted=True),
    ),
    classes={
        "HunyuanVideoTransformer3DModel": (Kind.DIFFUSION_MODEL, ("hunyuan-video",)),
        "HunyuanVideoFramepackTransformer3DModel": (Kind.DIFFUSION_MODEL, ("hunyuan-video",)),
        "HunyuanVideo15Transformer3DModel": (Kind.DIFFUSION_MODEL, ("hunyuan-video-1.5",)),
    },
)
