"""ERNIE-Image of Baidu."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
x_embedder.proj 3072 128 1x1
text_proj 3072 2560
time_embedding.linear_1 3072 3072
time_embedding.linear_2 3072 3072
adaLN_modulation.1 18432 3072
layers.{0-23}.adaLN_sa_ln 3072
layers.{0-23}.self_attention.to_q 3072 3072
layers.{0-23}.self_attention.to_k 3072 3072
layers.{0-23}.self_attention.to_v 3072 3072
layers.{0-23}.self_attention.norm_q 128
layers.{0-23}.self_attention.norm_k 128
layers.{0-23}.self_attention.to_out.0 3072 3072
layers.{0-23}.adaLN_mlp_ln 3072
layers.{0-23}.mlp.gate_proj 8192 3072
layers.{0-23}.mlp.up_proj 8192 3072
layers.{0-23}.mlp.linear_fc2 3072 8192
final_norm.linear 6144 3072
final_linear 128 3072
"""

FAMILY = Family(
    title="ERNIE-Image",
    sources=(
        "huggingface/diffusers ErnieImageTransformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/ldm/ernie/model.py",
    ),
    signatures=(
        Signature(
            ("ernie-image",),
            has=(
                "layers.0.adaLN_sa_ln.weight",
                "layers.0.adaLN_mlp_ln.weight",
                "adaLN_modulation.1.weight",
                "text_proj.weight",
                "final_linear.weight",
            ),
        ),
    ),
    graphs=(Graph("ernie-image", "diffusers", DIFFUSERS, rare=True),),
    classes={"ErnieImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("ernie-image",))},
)
