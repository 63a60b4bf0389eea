"""Small approximate VAEs: TAESD and its relatives for pictures, TAEHV for videos, A1111's approximate decoder."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

DECODER = ("1.weight", "3.conv.0.weight", "5.conv.4.weight", "7.weight")
DECODER_WIDTH = {"3.conv.0.weight": (64, 64, 3, 3)}
DECODER_PREFIXES = (
    "decoder.", "taesd_decoder.", "vae.decoder.", "vae.taesd_decoder.", "tae.decoder.", "first_stage_model.decoder.",
    "first_stage_model.taesd_decoder.",
)  # fmt: skip

ENCODER = ("1.conv.0.weight", "0.weight", "2.weight", "3.conv.0.weight", "14.weight")
ENCODER_WIDTH = {"1.conv.0.weight": (64, 64, 3, 3)}
ENCODER_PREFIXES = (
    "encoder.", "taesd_encoder.", "vae.encoder.", "vae.taesd_encoder.", "tae.encoder.", "first_stage_model.encoder.",
    "first_stage_model.taesd_encoder.",
)  # fmt: skip

DIFFUSERS = ("decoder.layers.0.weight", "decoder.layers.2.conv.0.weight", "decoder.layers.6.weight")
DIFFUSERS_ENCODER = ("encoder.layers.1.conv.0.weight", "encoder.layers.0.weight", "encoder.layers.14.weight")
VIDEO = (
    "decoder.1.weight",
    "decoder.3.conv.0.weight",
    "decoder.7.conv.weight",
    "decoder.13.conv.weight",
    "decoder.22.weight",
)
APPROXIMATE = ("conv1.weight", "conv2.weight", "conv3.weight", "conv7.weight", "conv8.weight")

SD = ("sd1", "sd2", "sdxl")
SIXTEEN = ("flux1", "sd3")
VIDEO_SIXTEEN = ("wan-2.1", "qwen-image", "hunyuan-video", "cogvideox")

TINY = N_("a short sequence of small convolutions between pictures and latents, as {title} is")
FOUR = N_("a short sequence of small convolutions for 4 latent channels: TAESD for SD 1 and 2 or for SDXL")
SIXTEEN_SHARED = N_(
    "a short sequence of small convolutions for 16 latent channels: TAEF1 for Flux.1 or TAESD3 for SD 3"
)
FLUX2 = N_("a short sequence of small convolutions for 32 latent channels: TAEF2 for Flux.2")
QWEN = N_("a short sequence of small convolutions for 64 latent channels, as Qwen-Image 2.1 has them")
FILM = N_("a short sequence of small convolutions that remembers the frame before: a tiny video VAE")
FILM_FOR = N_("a tiny video VAE with as many latent channels as {title} has")
FILM_SIXTEEN = N_("a tiny video VAE for 16 latent channels: Wan 2.1, Qwen-Image, HunyuanVideo and CogVideoX share it")
PREVIEW = N_("eight convolutions from latents to colours: the approximate decoder of AUTOMATIC1111")

FAMILY = Family(
    title="TAESD",
    sources=(
        "madebyollin/taesd taesd.py",
        "madebyollin/taehv taehv.py",
        "huggingface/diffusers AutoencoderTiny (generated on meta tensors)",
        "lllyasviel/stable-diffusion-webui-forge modules/sd_vae_approx.py",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
    ),
    signatures=(
        # one half, as sequences are saved
        Signature(
            (),
            DECODER,
            shapes=DECODER_WIDTH,
            because=TINY,
            kind=Kind.VAE,
            variant="tiny",
            sure=Confidence.LIKELY,
            prefixes=DECODER_PREFIXES,
        ),
        Signature(
            SD,
            DECODER,
            shapes={**DECODER_WIDTH, "1.weight": (64, 4, 3, 3)},
            because=FOUR,
            kind=Kind.VAE,
            variant="tiny",
            prefixes=DECODER_PREFIXES,
        ),
        Signature(
            SIXTEEN,
            DECODER,
            shapes={**DECODER_WIDTH, "1.weight": (64, 16, 3, 3)},
            because=SIXTEEN_SHARED,
            kind=Kind.VAE,
            variant="tiny",
            prefixes=DECODER_PREFIXES,
        ),
        Signature(
            ("flux2",),
            DECODER,
            shapes={**DECODER_WIDTH, "1.weight": (64, (32, 128), 3, 3)},
            because=FLUX2,
            kind=Kind.VAE,
            variant="tiny",
            prefixes=DECODER_PREFIXES,
        ),
        Signature(
            ("qwen-image-2.1",),
            DECODER,
            shapes={**DECODER_WIDTH, "1.weight": (64, 64, 3, 3)},
            because=QWEN,
            kind=Kind.VAE,
            variant="tiny",
            sure=Confidence.LIKELY,
            prefixes=DECODER_PREFIXES,
        ),
        Signature(
            (),
            ENCODER,
            shapes=ENCODER_WIDTH,
            because=TINY,
            kind=Kind.VAE,
            variant="tiny",
            sure=Confidence.LIKELY,
            prefixes=ENCODER_PREFIXES,
        ),
        Signature(
            SD,
            ENCODER,
            shapes={**ENCODER_WIDTH, "14.weight": (4, 64, 3, 3)},
            because=FOUR,
            kind=Kind.VAE,
            variant="tiny",
            prefixes=ENCODER_PREFIXES,
        ),
        Signature(
            SIXTEEN,
            ENCODER,
            shapes={**ENCODER_WIDTH, "14.weight": (16, 64, 3, 3)},
            because=SIXTEEN_SHARED,
            kind=Kind.VAE,
            variant="tiny",
            prefixes=ENCODER_PREFIXES,
        ),
        Signature(
            ("flux2",),
            ENCODER,
            shapes={**ENCODER_WIDTH, "14.weight": ((32, 128), 64, 3, 3)},
            because=FLUX2,
            kind=Kind.VAE,
            variant="tiny",
            prefixes=ENCODER_PREFIXES,
        ),
        # diffusers
        Signature((), DIFFUSERS, because=TINY, kind=Kind.VAE, variant="tiny", sure=Confidence.LIKELY),
        Signature(
            SD,
            DIFFUSERS,
            shapes={"decoder.layers.0.weight": (64, 4, 3, 3)},
            because=FOUR,
            kind=Kind.VAE,
            variant="tiny",
        ),
        Signature(
            SIXTEEN,
            DIFFUSERS,
            shapes={"decoder.layers.0.weight": (64, 16, 3, 3)},
            because=SIXTEEN_SHARED,
            kind=Kind.VAE,
            variant="tiny",
        ),
        Signature(
            ("flux2",),
            DIFFUSERS,
            shapes={"decoder.layers.0.weight": (64, (32, 128), 3, 3)},
            because=FLUX2,
            kind=Kind.VAE,
            variant="tiny",
        ),
        Signature(
            (),
            DIFFUSERS_ENCODER,
            lacks=("decoder.layers.0.weight",),
            because=TINY,
            kind=Kind.VAE,
            variant="tiny",
            sure=Confidence.LIKELY,
        ),
        Signature(
            SD,
            DIFFUSERS_ENCODER,
            lacks=("decoder.layers.0.weight",),
            shapes={"encoder.layers.14.weight": (4, 64, 3, 3)},
            because=FOUR,
            kind=Kind.VAE,
            variant="tiny",
        ),
        Signature(
            SIXTEEN,
            DIFFUSERS_ENCODER,
            lacks=("decoder.layers.0.weight",),
            shapes={"encoder.layers.14.weight": (16, 64, 3, 3)},
            because=SIXTEEN_SHARED,
            kind=Kind.VAE,
            variant="tiny",
        ),
        Signature(
            ("flux2",),
            DIFFUSERS_ENCODER,
            lacks=("decoder.layers.0.weight",),
            shapes={"encoder.layers.14.weight": ((32, 128), 64, 3, 3)},
            because=FLUX2,
            kind=Kind.VAE,
            variant="tiny",
        ),
        # videos
        Signature((), VIDEO, because=FILM, kind=Kind.VAE, variant="tiny", title="TAEHV", sure=Confidence.LIKELY),
        Signature(
            VIDEO_SIXTEEN,
            VIDEO,
            shapes={"decoder.1.weight": (256, 16, 3, 3)},
            because=FILM_SIXTEEN,
            kind=Kind.VAE,
            variant="tiny",
        ),
        Signature(
            ("minimax-h3",),
            VIDEO,
            shapes={"decoder.1.weight": (256, 24, 3, 3)},
            because=FILM_FOR,
            kind=Kind.VAE,
            variant="tiny",
            title="MiniMax H3",
        ),
        Signature(
            ("hunyuan-video-1.5",),
            VIDEO,
            shapes={"decoder.1.weight": (256, 32, 3, 3)},
            because=FILM_FOR,
            kind=Kind.VAE,
            variant="tiny",
            title="HunyuanVideo 1.5",
        ),
        Signature(
            ("wan-2.2",),
            VIDEO,
            shapes={"decoder.1.weight": (256, 48, 3, 3)},
            because=FILM_FOR,
            kind=Kind.VAE,
            variant="tiny",
            title="Wan 2.2",
        ),
        Signature(
            ("ltx-2",),
            VIDEO,
            shapes={"decoder.1.weight": (256, 128, 3, 3)},
            because=FILM_FOR,
            kind=Kind.VAE,
            variant="tiny",
            title="LTX-2",
        ),
        # AUTOMATIC1111
        Signature(
            SD,
            APPROXIMATE,
            shapes={"conv1.weight": (8, 4, 7, 7), "conv8.weight": (3, 8, 3, 3)},
            because=PREVIEW,
            kind=Kind.VAE,
            variant="tiny",
        ),
        Signature(
            ("sd3",),
            APPROXIMATE,
            shapes={"conv1.weight": (8, 16, 7, 7), "conv8.weight": (3, 8, 3, 3)},
            because=PREVIEW,
            kind=Kind.VAE,
            variant="tiny",
        ),
    ),
    classes={"AutoencoderTiny": (Kind.VAE, ())},
)
