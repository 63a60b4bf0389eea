"""Lens: double-stream blocks with gated MLPs, reading one or several layers of its text encoder."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Kind

FAMILY = Family(
    title="Lens",
    sources=("Comfy-Org/ComfyUI comfy/model_detection.py",),
    signatures=(
        Signature(
            ("lens",),
            has=(
                "transformer_blocks.0.img_mlp.w1.weight",
                "transformer_blocks.0.attn.norm_added_q.weight",
                "txt_norm.weight|txt_norm.0.weight",
                "img_in.weight",
                "proj_out.weight",
            ),
        ),
    ),
    classes={"LensTransformer2DModel": (Kind.DIFFUSION_MODEL, ("lens",))},
)
