"""VAEs with Wan's causal blocks: Wan 2.1 and Qwen-Image, which share one, Wan 2.2, and Qwen-Image 2.1."""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

NATIVE = (
    "decoder.middle.0.residual.0.gamma",
    "decoder.conv1.weight",
    "decoder.head.0.gamma",
    "decoder.upsamples.0.residual.2.weight",
)
NATIVE_22 = (
    "decoder.middle.0.residual.0.gamma",
    "decoder.conv1.weight",
    "decoder.head.0.gamma",
    "decoder.upsamples.0.upsamples.0.residual.2.weight",
)
DIFFUSERS = (
    "decoder.mid_block.resnets.0.norm1.gamma",
    "decoder.conv_in.weight",
    "decoder.norm_out.gamma",
    "decoder.up_blocks.0.upsamplers.0.time_conv.weight",
)
DIFFUSERS_22 = (
    "decoder.mid_block.resnets.0.norm1.gamma",
    "decoder.conv_in.weight",
    "decoder.norm_out.gamma",
    "decoder.up_blocks.0.upsampler.time_conv.weight",
)

SHARED = ("wan-2.1", "qwen-image")

SIXTEEN = N_("16 latent channels and {key}; Wan 2.1 and Qwen-Image share this VAE")
OTHER_WIDTH = N_("{key}, as the VAE that Wan 2.1 and Qwen-Image share has, but at another width")
LAYERS = N_("it reads and writes four channels: colours and transparency, as that of Qwen-Image Layered")
FORTY_EIGHT = N_("{key} and 48 latent channels, as the VAE of Wan 2.2 5B has")
OTHER_22 = N_("{key}, as the VAE of Wan 2.2 5B has, but at another width")
QWEN_21 = N_("Wan 2.2's blocks for single pictures with 64 latent channels, as the VAE of Qwen-Image 2.1 has")

FAMILY = Family(
    title="Wan",
    sources=(
        "Wan-Video/Wan2.1 wan/modules/vae.py",
        "Wan-Video/Wan2.2 wan/modules/vae2_2.py",
        "huggingface/diffusers AutoencoderKLWan, AutoencoderKLQwenImage, AutoencoderKLQwenImage21 (generated on meta "
        "tensors)",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
    ),
    signatures=(
        Signature(SHARED, NATIVE, because=OTHER_WIDTH, kind=Kind.VAE, variant="custom-width", sure=Confidence.LIKELY),
        Signature(SHARED, NATIVE, shapes={"decoder.head.0.gamma": (96, 1, 1, 1)}, because=SIXTEEN, kind=Kind.VAE),
        Signature(
            ("wan-2.2",), NATIVE_22, because=OTHER_22, kind=Kind.VAE, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(
            ("wan-2.2",),
            NATIVE_22,
            shapes={"decoder.conv1.weight": (None, 48, 3, 3, 3), "decoder.head.0.gamma": (256, 1, 1, 1)},
            because=FORTY_EIGHT,
            kind=Kind.VAE,
        ),
        Signature(
            ("qwen-image-2.1",),
            NATIVE_22,
            shapes={"decoder.conv1.weight": (None, 64, 1, 3, 3)},
            because=QWEN_21,
            kind=Kind.VAE,
        ),
        Signature(
            SHARED, DIFFUSERS, because=OTHER_WIDTH, kind=Kind.VAE, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(SHARED, DIFFUSERS, shapes={"decoder.norm_out.gamma": (96, 1, 1, 1)}, because=SIXTEEN, kind=Kind.VAE),
        Signature(
            ("wan-2.2",), DIFFUSERS_22, because=OTHER_22, kind=Kind.VAE, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(
            ("wan-2.2",),
            DIFFUSERS_22,
            shapes={"decoder.conv_in.weight": (None, 48, 3, 3, 3), "decoder.norm_out.gamma": (256, 1, 1, 1)},
            because=FORTY_EIGHT,
            kind=Kind.VAE,
        ),
        Signature(
            ("qwen-image-2.1",),
            DIFFUSERS_22,
            shapes={"decoder.conv_in.weight": (None, 64, 3, 3)},
            because=QWEN_21,
            kind=Kind.VAE,
        ),
    ),
    variants=(Variant("layered", LAYERS, shapes={"decoder.head.2.weight|decoder.conv_out.weight": (4, 96, 3, 3, 3)}),),
    classes={
        "AutoencoderKLWan": (Kind.VAE, ("wan-2.1", "wan-2.2", "qwen-image")),
        "AutoencoderKLQwenImage": (Kind.VAE, SHARED),
        "AutoencoderKLQwenImage21": (Kind.VAE, ("qwen-image-2.1",)),
    },
)
