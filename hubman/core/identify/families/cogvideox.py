"""CogVideoX of Zhipu, with ConsisID, which keeps its blocks."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

COG_2B = """
patch_embed.proj 1920 16 2x2
patch_embed.text_proj 1920 4096
time_embedding.linear_1 512 1920
time_embedding.linear_2 512 512
transformer_blocks.{0-29}.norm1.linear 11520 512
transformer_blocks.{0-29}.norm1.norm 1920
transformer_blocks.{0-29}.attn1.norm_q 64
transformer_blocks.{0-29}.attn1.norm_k 64
transformer_blocks.{0-29}.attn1.to_q 1920 1920
transformer_blocks.{0-29}.attn1.to_k 1920 1920
transformer_blocks.{0-29}.attn1.to_v 1920 1920
transformer_blocks.{0-29}.attn1.to_out.0 1920 1920
transformer_blocks.{0-29}.norm2.linear 11520 512
transformer_blocks.{0-29}.norm2.norm 1920
transformer_blocks.{0-29}.ff.net.0.proj 7680 1920
transformer_blocks.{0-29}.ff.net.2 1920 7680
norm_final 1920
norm_out.linear 3840 512
norm_out.norm 1920
proj_out 64 1920"""

COG_5B = """
patch_embed.proj 3072 16 2x2
patch_embed.text_proj 3072 4096
time_embedding.linear_1 512 3072
time_embedding.linear_2 512 512
transformer_blocks.{0-41}.norm1.linear 18432 512
transformer_blocks.{0-41}.norm1.norm 3072
transformer_blocks.{0-41}.attn1.norm_q 64
transformer_blocks.{0-41}.attn1.norm_k 64
transformer_blocks.{0-41}.attn1.to_q 3072 3072
transformer_blocks.{0-41}.attn1.to_k 3072 3072
transformer_blocks.{0-41}.attn1.to_v 3072 3072
transformer_blocks.{0-41}.attn1.to_out.0 3072 3072
transformer_blocks.{0-41}.norm2.linear 18432 512
transformer_blocks.{0-41}.norm2.norm 3072
transformer_blocks.{0-41}.ff.net.0.proj 12288 3072
transformer_blocks.{0-41}.ff.net.2 3072 12288
norm_final 3072
norm_out.linear 6144 512
norm_out.norm 3072
proj_out 64 3072"""

DIFFUSERS = (
    "patch_embed.text_proj.weight",
    "transformer_blocks.0.norm1.linear.weight",
    "transformer_blocks.0.norm1.norm.weight",
    "transformer_blocks.0.attn1.norm_q.weight",
    "norm_final.weight",
    "time_embedding.linear_1.weight",
)
COMFY = (
    "patch_embed.text_proj.weight",
    "blocks.0.norm1.linear.weight",
    "blocks.0.norm1.norm.weight",
    "norm_final.weight",
)
SAT = (
    "mixins.patch_embed.text_proj.weight",
    "mixins.adaln_layer.adaLN_modulations.0.1.weight",
    "transformer.layers.0.attention.query_key_value.weight",
)
SIZES = {"norm_final.weight": ((1920, 3072),)}

BLOCKS = N_("it has {key} and text in the same row as the video, as CogVideoX has")
OTHER_WIDTH = N_("the blocks of CogVideoX, but at another width")

FAMILY = Family(
    title="CogVideoX",
    sources=(
        "zai-org/CogVideo sat/dit_video_concat.py",
        "huggingface/diffusers CogVideoXTransformer3DModel, ConsisIDTransformer3DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py (facts)",
    ),
    signatures=(
        Signature(("cogvideox",), DIFFUSERS, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("cogvideox",), DIFFUSERS, shapes=SIZES, because=BLOCKS),
        Signature(("cogvideox",), COMFY, because=OTHER_WIDTH, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("cogvideox",), COMFY, shapes=SIZES, because=BLOCKS),
        Signature(("cogvideox",), SAT, because=BLOCKS, prefixes=("model.diffusion_model.",)),
    ),
    variants=(
        Variant(
            "consisid",
            N_("it looks at a face, as ConsisID does"),
            has=("local_facial_extractor.*|perceiver_cross_attention.0.*",),
        ),
        Variant(
            "i2v",
            N_("it has ofs_embedding, as CogVideoX 1.5 has to begin with a picture"),
            has=("ofs_embedding.linear_1.weight|ofs_embedding_linear_1.weight",),
        ),
        Variant(
            "i2v",
            N_("it takes 32 channels: the video and a picture to begin with"),
            shapes={"patch_embed.proj.weight": (None, 32, 2, 2)},
        ),
    ),
    graphs=(
        Graph("cogvideox", "diffusers", COG_2B, dotted=True),
        Graph("cogvideox", "diffusers", COG_5B, dotted=True),
    ),
    classes={
        "CogVideoXTransformer3DModel": (Kind.DIFFUSION_MODEL, ("cogvideox",)),
        "ConsisIDTransformer3DModel": (Kind.DIFFUSION_MODEL, ("cogvideox",)),
    },
)
