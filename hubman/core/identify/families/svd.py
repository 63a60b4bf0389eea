"""Stable Video Diffusion under diffusers' names. Under the original names the U-Net is measured (checkpoint.py)."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Kind
from hubman.errors import N_

FAMILY = Family(
    title="Stable Video Diffusion",
    sources=("huggingface/diffusers UNetSpatioTemporalConditionModel (generated on meta tensors)",),
    signatures=(
        Signature(
            ("svd",),
            has=(
                "down_blocks.0.attentions.0.temporal_transformer_blocks.0.ff_in.net.0.proj.weight",
                "down_blocks.0.resnets.0.temporal_res_block.conv1.weight",
                "conv_in.weight",
            ),
            lacks=("controlnet_cond_embedding.conv_in.weight", "controlnet_down_blocks.0.weight"),
            because=N_("its blocks mix frames over time ({key}), as those of {title} do"),
        ),
    ),
    classes={"UNetSpatioTemporalConditionModel": (Kind.DIFFUSION_MODEL, ("svd",))},
)
