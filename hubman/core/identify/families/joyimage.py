"""JoyImage Edit and Edit Plus, which look the same."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
img_in 3072 16 1x2x2
condition_embedder.time_embedder.linear_1 3072 256
condition_embedder.time_embedder.linear_2 3072 3072
condition_embedder.time_proj 18432 3072
condition_embedder.text_embedder.linear_1 3072 4096
condition_embedder.text_embedder.linear_2 3072 3072
double_blocks.{0-19}.img_mlp.net.0.proj 12288 3072
double_blocks.{0-19}.img_mlp.net.2 3072 12288
double_blocks.{0-19}.txt_mlp.net.0.proj 12288 3072
double_blocks.{0-19}.txt_mlp.net.2 3072 12288
double_blocks.{0-19}.attn.img_attn_qkv 9216 3072
double_blocks.{0-19}.attn.img_attn_q_norm 128
double_blocks.{0-19}.attn.img_attn_k_norm 128
double_blocks.{0-19}.attn.img_attn_proj 3072 3072
double_blocks.{0-19}.attn.txt_attn_qkv 9216 3072
double_blocks.{0-19}.attn.txt_attn_q_norm 128
double_blocks.{0-19}.attn.txt_attn_k_norm 128
double_blocks.{0-19}.attn.txt_attn_proj 3072 3072
proj_out 64 3072
"""

FAMILY = Family(
    title="JoyImage",
    sources=(
        "huggingface/diffusers JoyImageEditTransformer3DModel, JoyImageEditPlusTransformer3DModel (generated on meta "
        "tensors)",
        "Comfy-Org/ComfyUI comfy/ldm/joyimage/model.py",
    ),
    signatures=(
        Signature(
            ("joyimage",),
            has=(
                "double_blocks.0.img_mod.modulate_table",
                "double_blocks.0.txt_mod.modulate_table",
                "condition_embedder.time_proj.weight",
                "condition_embedder.text_embedder.linear_1.weight",
                "img_in.weight",
            ),
            variant="edit",
        ),
    ),
    graphs=(Graph("joyimage", "diffusers", DIFFUSERS, rare=True),),
    classes={
        "JoyImageEditTransformer3DModel": (Kind.DIFFUSION_MODEL, ("joyimage",)),
        "JoyImageEditPlusTransformer3DModel": (Kind.DIFFUSION_MODEL, ("joyimage",)),
    },
)
