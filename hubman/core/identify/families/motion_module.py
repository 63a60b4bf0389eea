"""Motion modules of AnimateDiff: what makes pictures of SD 1 or SDXL move.

A motion LoRA has the same names with `_lora.down` or `lora_A` at their ends, so it lacks the plain `proj_in.weight`
that is asked for here. A whole U-Net with motion modules inside has `conv_out` and is none.
"""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

HERE = (
    "down_blocks.0.motion_modules.0.temporal_transformer.proj_in.weight|down_blocks.0.motion_modules.0.proj_in.weight"
)
DEEP = (
    "down_blocks.3.motion_modules.0.temporal_transformer.proj_in.weight|down_blocks.3.motion_modules.0.proj_in.weight"
)
MID = "mid_block.motion_modules.0.temporal_transformer.proj_in.weight|mid_block.motion_modules.0.proj_in.weight"
PLACES = (
    "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.pos_encoder.pe"
    "|down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.pos_encoder.pe"
    "|down_blocks.0.motion_modules.0.transformer_blocks.0.pos_embed.pe"
)

FAMILY = Family(
    title="AnimateDiff",
    sources=(
        "Kosinkadink/ComfyUI-AnimateDiff-Evolved animatediff/motion_module_ad.py",
        "huggingface/diffusers MotionAdapter (generated on meta tensors)",
        "guoyww/AnimateDiff, hotshotco/Hotshot-XL",
    ),
    signatures=(
        Signature(
            ("sd1",),
            has=(HERE, DEEP),
            lacks=("controlnet_down_blocks.0.weight", "conv_out.weight", "conv_norm_out.weight"),
            kind=Kind.MOTION_MODULE,
            because=N_("it has {key} in four blocks, as AnimateDiff for SD 1 has"),
        ),
        Signature(
            ("sdxl",),
            has=(HERE,),
            lacks=(DEEP, "controlnet_down_blocks.0.weight", "conv_out.weight", "conv_norm_out.weight"),
            kind=Kind.MOTION_MODULE,
            because=N_("it has {key} in three blocks, as AnimateDiff for SDXL has"),
        ),
        Signature(
            ("sdxl",),
            has=(
                "down_blocks.0.temporal_attentions.0.proj_in.weight"
                "|down_blocks.0.temporal_attentions.0.transformer_blocks.0.norms.0.weight"
                "|down_blocks.0.temporal_attentions.0.norm.weight",
            ),
            lacks=("conv_out.weight", "conv_norm_out.weight"),
            kind=Kind.MOTION_MODULE,
            variant="hotshot-xl",
            sure=Confidence.LIKELY,
            title="HotShot-XL",
        ),
    ),
    variants=(
        Variant("pia", N_("it brings an input layer of its own, as PIA does"), has=("conv_in.weight",)),
        Variant("animatelcm", N_("it knows no places in time, as AnimateLCM"), lacks=(PLACES,)),
        Variant("v1", N_("it knows 24 places in time, as version 1 does"), shapes={PLACES: (1, 24, None)}),
        Variant(
            "v2",
            N_("it knows 32 places in time and reaches the middle block, as version 2 does"),
            has=(DEEP, MID),
            shapes={PLACES: (1, 32, None)},
        ),
        Variant(
            "v3",
            N_("it knows 32 places in time and leaves the middle block, as version 3 does"),
            has=(DEEP,),
            lacks=(MID,),
            shapes={PLACES: (1, 32, None)},
        ),
    ),
    classes={"MotionAdapter": (Kind.MOTION_MODULE, ("sd1", "sdxl"))},
)
