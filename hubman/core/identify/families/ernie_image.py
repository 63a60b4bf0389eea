"""ERNIE-Image of Baidu."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Kind

DIFFUSERS = """
x_embedder.proj 4096 128 1x1
text_proj 4096 3072
time_embedding.linear_1 4096 4096
time_embedding.linear_2 4096 4096
adaLN_modulation.1 24576 4096
layers.{0-35}.adaLN_sa_ln 4096
layers.{0-35}.self_attention.to_q 4096 4096
layers.{0-35}.self_attention.to_k 4096 4096
layers.{0-35}.self_attention.to_v 4096 4096
layers.{0-35}.self_attention.norm_q 128
layers.{0-35}.self_attention.norm_k 128
layers.{0-35}.self_attention.to_out.0 4096 4096
layers.{0-35}.adaLN_mlp_ln 4096
layers.{0-35}.mlp.gate_proj 12288 4096
layers.{0-35}.mlp.up_proj 12288 4096
layers.{0-35}.mlp.linear_fc2 4096 12288
final_norm.linear 8192 4096
final_linear 128 4096
"""

FAMILY = Family(
    title="ERNIE-Image",
    sources=(
        "huggingface/diffusers ErnieImageTransformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/ldm/ernie/model.py, leejet/stable-diffusion.cpp (sizes as released)",
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
    graphs=(Graph("ernie-image", "diffusers", DIFFUSERS),),
    classes={"ErnieImageTransformer2DModel": (Kind.DIFFUSION_MODEL, ("ernie-image",))},
)
