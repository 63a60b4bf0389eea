"""Krea 2: blocks with grouped heads and gates, and a small network that fuses the layers of the text encoder."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

NATIVE = """
first 6144 64
blocks.{0-27}.attn.wq 6144 6144
blocks.{0-27}.attn.wk 1536 6144
blocks.{0-27}.attn.wv 1536 6144
blocks.{0-27}.attn.gate 6144 6144
blocks.{0-27}.attn.wo 6144 6144
blocks.{0-27}.mlp.gate 16384 6144
blocks.{0-27}.mlp.up 16384 6144
blocks.{0-27}.mlp.down 6144 16384
tmlp.0 6144 256
tmlp.2 6144 6144
txtfusion.layerwise_blocks.{0-1}.attn.wq 2560 2560
txtfusion.layerwise_blocks.{0-1}.attn.wk 2560 2560
txtfusion.layerwise_blocks.{0-1}.attn.wv 2560 2560
txtfusion.layerwise_blocks.{0-1}.attn.gate 2560 2560
txtfusion.layerwise_blocks.{0-1}.attn.wo 2560 2560
txtfusion.layerwise_blocks.{0-1}.mlp.gate 6912 2560
txtfusion.layerwise_blocks.{0-1}.mlp.up 6912 2560
txtfusion.layerwise_blocks.{0-1}.mlp.down 2560 6912
txtfusion.projector 1 12
txtfusion.refiner_blocks.{0-1}.attn.wq 2560 2560
txtfusion.refiner_blocks.{0-1}.attn.wk 2560 2560
txtfusion.refiner_blocks.{0-1}.attn.wv 2560 2560
txtfusion.refiner_blocks.{0-1}.attn.gate 2560 2560
txtfusion.refiner_blocks.{0-1}.attn.wo 2560 2560
txtfusion.refiner_blocks.{0-1}.mlp.gate 6912 2560
txtfusion.refiner_blocks.{0-1}.mlp.up 6912 2560
txtfusion.refiner_blocks.{0-1}.mlp.down 2560 6912
txtmlp.1 6144 2560
txtmlp.3 6144 6144
last.linear 64 6144
tproj.1 36864 6144
"""

DIFFUSERS = """
img_in 6144 64
time_embed.linear_1 6144 256
time_embed.linear_2 6144 6144
time_mod_proj 36864 6144
text_fusion.layerwise_blocks.{0-1}.norm1 2560
text_fusion.layerwise_blocks.{0-1}.norm2 2560
text_fusion.layerwise_blocks.{0-1}.attn.to_q 2560 2560
text_fusion.layerwise_blocks.{0-1}.attn.to_k 2560 2560
text_fusion.layerwise_blocks.{0-1}.attn.to_v 2560 2560
text_fusion.layerwise_blocks.{0-1}.attn.to_gate 2560 2560
text_fusion.layerwise_blocks.{0-1}.attn.norm_q 128
text_fusion.layerwise_blocks.{0-1}.attn.norm_k 128
text_fusion.layerwise_blocks.{0-1}.attn.to_out.0 2560 2560
text_fusion.layerwise_blocks.{0-1}.ff.gate 6912 2560
text_fusion.layerwise_blocks.{0-1}.ff.up 6912 2560
text_fusion.layerwise_blocks.{0-1}.ff.down 2560 6912
text_fusion.projector 1 12
text_fusion.refiner_blocks.{0-1}.norm1 2560
text_fusion.refiner_blocks.{0-1}.norm2 2560
text_fusion.refiner_blocks.{0-1}.attn.to_q 2560 2560
text_fusion.refiner_blocks.{0-1}.attn.to_k 2560 2560
text_fusion.refiner_blocks.{0-1}.attn.to_v 2560 2560
text_fusion.refiner_blocks.{0-1}.attn.to_gate 2560 2560
text_fusion.refiner_blocks.{0-1}.attn.norm_q 128
text_fusion.refiner_blocks.{0-1}.attn.norm_k 128
text_fusion.refiner_blocks.{0-1}.attn.to_out.0 2560 2560
text_fusion.refiner_blocks.{0-1}.ff.gate 6912 2560
text_fusion.refiner_blocks.{0-1}.ff.up 6912 2560
text_fusion.refiner_blocks.{0-1}.ff.down 2560 6912
txt_in.norm 2560
txt_in.linear_1 6144 2560
txt_in.linear_2 6144 6144
transformer_blocks.{0-27}.norm1 6144
transformer_blocks.{0-27}.norm2 6144
transformer_blocks.{0-27}.attn.to_q 6144 6144
transformer_blocks.{0-27}.attn.to_k 1536 6144
transformer_blocks.{0-27}.attn.to_v 1536 6144
transformer_blocks.{0-27}.attn.to_gate 6144 6144
transformer_blocks.{0-27}.attn.norm_q 128
transformer_blocks.{0-27}.attn.norm_k 128
transformer_blocks.{0-27}.attn.to_out.0 6144 6144
transformer_blocks.{0-27}.ff.gate 16384 6144
transformer_blocks.{0-27}.ff.up 16384 6144
transformer_blocks.{0-27}.ff.down 6144 16384
final_layer.norm 6144
final_layer.linear 64 6144
"""

NATIVE_NAMES = (
    "txtfusion.projector.weight", "blocks.0.attn.wq.weight", "blocks.0.attn.gate.weight", "first.weight",
    "last.linear.weight",
)  # fmt: skip
DIFFUSERS_NAMES = (
    "text_fusion.projector.weight", "transformer_blocks.0.attn.to_gate.weight", "time_mod_proj.weight",
    "img_in.weight", "final_layer.linear.weight",
)  # fmt: skip
CUSTOM = N_("it has {key} and the other parts of {title}, at other widths")

FAMILY = Family(
    title="Krea 2",
    sources=(
        "kohya-ss/musubi-tuner src/musubi_tuner/krea2 (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers Krea2Transformer2DModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(("krea2",), has=NATIVE_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("krea2",), has=NATIVE_NAMES, shapes={"blocks.0.prenorm.scale|blocks.0.prenorm.weight": (6144,)}),
        Signature(("krea2",), has=DIFFUSERS_NAMES, because=CUSTOM, variant="custom-width", sure=Confidence.LIKELY),
        Signature(("krea2",), has=DIFFUSERS_NAMES, shapes={"transformer_blocks.0.norm1.weight": (6144,)}),
    ),
    graphs=(Graph("krea2", "native", NATIVE), Graph("krea2", "diffusers", DIFFUSERS, dotted=True)),
    classes={"Krea2Transformer2DModel": (Kind.DIFFUSION_MODEL, ("krea2",))},
)
