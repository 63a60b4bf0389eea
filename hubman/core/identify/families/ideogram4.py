"""Ideogram 4: one stream of blocks that reads a language model."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

NATIVE = """
input_proj 4608 128
llm_cond_norm 53248
llm_cond_proj 4608 53248
t_embedding.mlp_in 4608 4608
t_embedding.mlp_out 4608 4608
adaln_proj 512 4608
embed_image_indicator 2 4608
layers.{0-33}.attention.qkv 13824 4608
layers.{0-33}.attention.norm_q 256
layers.{0-33}.attention.norm_k 256
layers.{0-33}.attention.o 4608 4608
layers.{0-33}.feed_forward.w1 12288 4608
layers.{0-33}.feed_forward.w2 4608 12288
layers.{0-33}.feed_forward.w3 12288 4608
layers.{0-33}.attention_norm1 4608
layers.{0-33}.ffn_norm1 4608
layers.{0-33}.attention_norm2 4608
layers.{0-33}.ffn_norm2 4608
layers.{0-33}.adaln_modulation 18432 512
final_layer.linear 128 4608
final_layer.adaln_modulation 4608 512
"""

DIFFUSERS = """
input_proj 4608 128
llm_cond_norm 53248
llm_cond_proj 4608 53248
t_embedding.mlp_in 4608 4608
t_embedding.mlp_out 4608 4608
adaln_proj 512 4608
embed_image_indicator 2 4608
layers.{0-33}.attention.to_q 4608 4608
layers.{0-33}.attention.to_k 4608 4608
layers.{0-33}.attention.to_v 4608 4608
layers.{0-33}.attention.norm_q 256
layers.{0-33}.attention.norm_k 256
layers.{0-33}.attention.to_out.0 4608 4608
layers.{0-33}.feed_forward.w1 12288 4608
layers.{0-33}.feed_forward.w2 4608 12288
layers.{0-33}.feed_forward.w3 12288 4608
layers.{0-33}.attention_norm1 4608
layers.{0-33}.ffn_norm1 4608
layers.{0-33}.attention_norm2 4608
layers.{0-33}.ffn_norm2 4608
layers.{0-33}.adaln_modulation 18432 512
final_layer.linear 128 4608
final_layer.adaln_modulation 4608 512
"""

NAMES = (
    "embed_image_indicator.weight", "llm_cond_proj.weight", "llm_cond_norm.weight", "adaln_proj.weight",
    "layers.0.ffn_norm1.weight",
)  # fmt: skip

FAMILY = Family(
    title="Ideogram 4",
    sources=(
        "kohya-ss/musubi-tuner src/musubi_tuner/ideogram4 (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers Ideogram4Transformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("ideogram4",),
            has=NAMES,
            because=N_("it has {key} and the other parts of {title}, at other widths"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("ideogram4",), has=NAMES, shapes={"layers.0.ffn_norm1.weight": (4608,)}),
    ),
    graphs=(Graph("ideogram4", "native", NATIVE), Graph("ideogram4", "diffusers", DIFFUSERS, dotted=True)),
    classes={"Ideogram4Transformer2DModel": (Kind.DIFFUSION_MODEL, ("ideogram4",))},
)
