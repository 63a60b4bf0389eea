"""T2I-Adapters: small networks that steer SD 1 or SDXL by a picture.

The picture is folded 8 times for SD 1 (64 or 192 channels) and 16 times for SDXL (256 or 768 channels).
"""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

SD1 = N_("it has {key}, as a T2I-Adapter has, and folds its picture 8 times, as those for SD 1 do")
SDXL = N_("it has {key}, as a T2I-Adapter has, and folds its picture 16 times, as those for SDXL do")

FAMILY = Family(
    title="T2I-Adapter",
    sources=(
        "Comfy-Org/ComfyUI comfy/controlnet.py load_t2i_adapter, comfy/sd.py load_style_model",
        "huggingface/diffusers models/adapter.py (generated on meta tensors)",
        "TencentARC/T2I-Adapter ldm/modules/encoders/adapter.py",
    ),
    signatures=(
        Signature(
            ("sd1",),
            has=("conv_in.weight", "body.0.block1.weight|body.0.resnets.0.block1.weight"),
            shapes={"conv_in.weight": (None, (64, 192), 3, 3)},
            kind=Kind.T2I_ADAPTER,
            variant="full",
            because=SD1,
            prefixes=("adapter.",),
        ),
        Signature(
            ("sdxl",),
            has=("conv_in.weight", "body.0.block1.weight|body.0.resnets.0.block1.weight"),
            shapes={"conv_in.weight": (None, (256, 768), 3, 3)},
            kind=Kind.T2I_ADAPTER,
            variant="full",
            because=SDXL,
            prefixes=("adapter.",),
        ),
        Signature(
            ("sd1",),
            has=("body.0.in_conv.weight", "body.0.out_conv.weight"),
            shapes={"body.0.in_conv.weight": (None, (64, 192), 1, 1)},
            kind=Kind.T2I_ADAPTER,
            variant="light",
            because=SD1,
            prefixes=("adapter.",),
        ),
        Signature(
            ("sdxl",),
            has=("body.0.in_conv.weight", "body.0.out_conv.weight"),
            shapes={"body.0.in_conv.weight": (None, (256, 768), 1, 1)},
            kind=Kind.T2I_ADAPTER,
            variant="light",
            because=SDXL,
            prefixes=("adapter.",),
        ),
        Signature(
            ("sd1",),
            has=("style_embedding", "transformer_layes.0.attn.in_proj_weight"),
            kind=Kind.T2I_ADAPTER,
            variant="style",
        ),
        Signature(
            ("sd1",),
            has=("spatial_feat_mapping.0.1.weight", "task_embedding"),
            kind=Kind.T2I_ADAPTER,
            variant="fuser",
            sure=Confidence.LIKELY,
        ),
    ),
    classes={"T2IAdapter": (Kind.T2I_ADAPTER, ("sd1", "sdxl")), "MultiAdapter": (Kind.T2I_ADAPTER, ("sd1", "sdxl"))},
)
