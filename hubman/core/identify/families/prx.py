"""PRX of Photoroom."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
img_in 1792 64
time_in.in_layer 1792 256
time_in.out_layer 1792 1792
txt_in 1792 2304
blocks.{0-15}.attention.img_qkv_proj 5376 1792
blocks.{0-15}.attention.norm_q 64
blocks.{0-15}.attention.norm_k 64
blocks.{0-15}.attention.txt_kv_proj 3584 1792
blocks.{0-15}.attention.norm_added_k 64
blocks.{0-15}.attention.to_out.0 1792 1792
blocks.{0-15}.gate_proj 6272 1792
blocks.{0-15}.up_proj 6272 1792
blocks.{0-15}.down_proj 1792 6272
blocks.{0-15}.modulation.lin 10752 1792
final_layer.linear 64 1792
final_layer.adaLN_modulation.1 3584 1792
"""

FAMILY = Family(
    title="PRX",
    sources=("huggingface/diffusers PRXTransformer2DModel (generated on meta tensors)",),
    signatures=(
        Signature(
            ("prx",),
            has=(
                "blocks.0.attention.img_qkv_proj.weight",
                "blocks.0.attention.txt_kv_proj.weight",
                "blocks.0.modulation.lin.weight",
                "img_in.weight",
                "txt_in.weight",
            ),
        ),
    ),
    graphs=(Graph("prx", "diffusers", DIFFUSERS, rare=True),),
    classes={"PRXTransformer2DModel": (Kind.DIFFUSION_MODEL, ("prx",))},
)
