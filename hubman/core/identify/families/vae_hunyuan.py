"""VAEs of Tencent Hunyuan: HunyuanVideo, HunyuanVideo 1.5, HunyuanImage 2.1 and its refiner, Hunyuan3D."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

VIDEO_NATIVE = (
    "decoder.conv_in.conv.weight",
    "decoder.mid.block_1.norm1.weight",
    "decoder.mid.block_1.conv1.conv.weight",
    "decoder.up.0.block.0.conv1.conv.weight",
)
VIDEO_DIFFUSERS = (
    "decoder.conv_in.conv.weight",
    "decoder.mid_block.resnets.0.norm1.weight",
    "decoder.mid_block.resnets.0.conv1.conv.weight",
    "decoder.up_blocks.0.resnets.0.conv1.conv.weight",
)
CAUSAL_NATIVE = (
    "decoder.conv_in.conv.weight",
    "decoder.mid.block_1.norm1.gamma",
    "decoder.up.0.block.0.norm1.gamma",
)
REFINER_NATIVE = ("decoder.conv_in.weight", "decoder.mid.block_1.norm1.gamma", "decoder.up.0.block.0.norm1.gamma")
CAUSAL_DIFFUSERS = (
    "decoder.conv_in.conv.weight",
    "decoder.mid_block.resnets.0.norm1.gamma",
    "decoder.up_blocks.0.upsamplers.0.conv.conv.weight",
)
IMAGE_NATIVE = (
    "decoder.conv_in.weight",
    "decoder.mid.block_1.norm1.weight",
    "decoder.mid.block_1.conv1.weight",
    "decoder.conv_out.weight",
)
IMAGE_DIFFUSERS = (
    "decoder.conv_in.weight",
    "decoder.mid_block.resnets.0.norm1.weight",
    "decoder.mid_block.resnets.0.conv1.weight",
    "decoder.conv_out.weight",
    "decoder.up_blocks.0.norm1.weight",
)
NO_CODEBOOK = ("quantize.embedding.weight",)

VIDEO = N_("{key}: convolutions over time, and 16 latent channels, as the VAE of HunyuanVideo has")
OTHER_WIDTH = N_("{key}: convolutions over time in the order of HunyuanVideo's VAE, but at another width")
SHARED = N_(
    "32 latent channels and {key}; the VAE of HunyuanVideo 1.5 and the refiner's of HunyuanImage 2.1 look alike"
)
VIDEO_15 = N_("32 latent channels and {key}, as the VAE of HunyuanVideo 1.5 has")
REFINER = N_("32 latent channels, as the VAE of HunyuanImage 2.1's refiner has")
IMAGE = N_("64 latent channels, as the VAE of HunyuanImage 2.1 has")
SHAPES = N_("{key}, as the VAE of Hunyuan3D has, which decodes solids")

FAMILY = Family(
    title="Hunyuan",
    sources=(
        "Tencent/HunyuanVideo hyvideo/vae",
        "huggingface/diffusers AutoencoderKLHunyuanVideo, AutoencoderKLHunyuanVideo15, AutoencoderKLHunyuanImage, "
        "AutoencoderKLHunyuanImageRefiner (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
    ),
    signatures=(
        Signature(
            ("hunyuan-video",),
            VIDEO_NATIVE,
            because=OTHER_WIDTH,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("hunyuan-video",),
            VIDEO_NATIVE,
            shapes={"decoder.conv_in.conv.weight": (512, 16, 3, 3, 3)},
            because=VIDEO,
            kind=Kind.VAE,
        ),
        Signature(
            ("hunyuan-video",),
            VIDEO_DIFFUSERS,
            because=OTHER_WIDTH,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("hunyuan-video",),
            VIDEO_DIFFUSERS,
            shapes={"decoder.conv_in.conv.weight": (512, 16, 3, 3, 3)},
            because=VIDEO,
            kind=Kind.VAE,
        ),
        Signature(
            ("hunyuan-video-1.5",),
            CAUSAL_NATIVE,
            shapes={"decoder.conv_in.conv.weight": (None, 32, 3, 3, 3)},
            because=VIDEO_15,
            kind=Kind.VAE,
        ),
        Signature(
            ("hunyuan-image-2.1",),
            REFINER_NATIVE,
            shapes={"decoder.conv_in.weight": (None, 32, 3, 3, 3)},
            because=REFINER,
            kind=Kind.VAE,
            variant="refiner",
        ),
        Signature(
            ("hunyuan-video-1.5", "hunyuan-image-2.1"),
            CAUSAL_DIFFUSERS,
            shapes={"decoder.conv_in.conv.weight": (None, 32, 3, 3, 3)},
            because=SHARED,
            kind=Kind.VAE,
        ),
        Signature(
            ("hunyuan-image-2.1",),
            IMAGE_NATIVE,
            NO_CODEBOOK,
            {"decoder.conv_in.weight": (None, 64, 3, 3)},
            because=IMAGE,
            kind=Kind.VAE,
        ),
        Signature(
            ("hunyuan-image-2.1",),
            IMAGE_DIFFUSERS,
            NO_CODEBOOK,
            {"decoder.conv_in.weight": (None, 64, 3, 3)},
            because=IMAGE,
            kind=Kind.VAE,
        ),
        Signature(
            ("hunyuan3d",),
            ("geo_decoder.cross_attn_decoder.ln_1.bias", "geo_decoder.query_proj.weight"),
            because=SHAPES,
            kind=Kind.VAE,
        ),
    ),
    classes={
        "AutoencoderKLHunyuanVideo": (Kind.VAE, ("hunyuan-video",)),
        "AutoencoderKLHunyuanVideo15": (Kind.VAE, ("hunyuan-video-1.5",)),
        "AutoencoderKLHunyuanImage": (Kind.VAE, ("hunyuan-image-2.1",)),
        "AutoencoderKLHunyuanImageRefiner": (Kind.VAE, ("hunyuan-image-2.1",)),
    },
)
