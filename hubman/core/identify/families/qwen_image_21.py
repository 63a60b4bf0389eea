"""Qwen-Image 2.1: one stream for text and picture, and one modulation for all blocks."""

from hubman.core.identify.declare import Family, Graph, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

DIFFUSERS = """
time_text_embed.timestep_embedder.linear_1 4096 256
time_text_embed.timestep_embedder.linear_2 4096 4096
txt_in.text_norm 4096
txt_in.in_layer 4096 4096
txt_in.out_layer 4096 4096
img_in 4096 64
modulation.1 16384 4096
transformer_blocks.{0-31}.attn.to_q 4096 4096
transformer_blocks.{0-31}.attn.to_k 4096 4096
transformer_blocks.{0-31}.attn.to_v 4096 4096
transformer_blocks.{0-31}.attn.to_out.0 4096 4096
transformer_blocks.{0-31}.attn.norm_q 128
transformer_blocks.{0-31}.attn.norm_k 128
transformer_blocks.{0-31}.img_mlp.proj 12288 4096
transformer_blocks.{0-31}.img_mlp.out 4096 12288
transformer_blocks.{0-31}.img_mlp.gate_layer 12288 4096
norm_out.linear 4096 4096
proj_out 64 4096
"""

NAMES = (
    "txt_in.text_norm.weight", "modulation.1.weight",
    "transformer_blocks.0.img_mlp.proj.weight|transformer_blocks.0.img_mlp.gate_up.weight",
    "transformer_blocks.0.attn.norm_q.weight", "img_in.weight",
)  # fmt: skip

FAMILY = Family(
    title="Qwen-Image 2.1",
    sources=(
        "huggingface/diffusers QwenImage21Transformer2DModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/model_detection.py (gate and up projection are one there)",
    ),
    signatures=(
        Signature(
            ("qwen-image-2.1",),
            has=NAMES,
            because=N_("it has {key} and the other parts of {title}, at other widths"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(("qwen-image-2.1",), has=NAMES, shapes={"txt_in.text_norm.weight": (4096,)}),
    ),
    graphs=(Graph("qwen-image-2.1", "diffusers", DIFFUSERS, rare=True),),
    classes={"QwenImage21Transformer2DModel": (Kind.DIFFUSION_MODEL, ("qwen-image-2.1",))},
)
