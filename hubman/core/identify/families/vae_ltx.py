"""VAEs of Lightricks: LTX-Video 0.9 to 0.9.5, LTX-2 and its audio VAE."""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Kind
from hubman.errors import N_

NATIVE = (
    "decoder.up_blocks.0.res_blocks.0.conv1.conv.weight",
    "decoder.conv_in.conv.weight",
    "decoder.conv_out.conv.weight",
)
DIFFUSERS = (
    "decoder.mid_block.resnets.0.conv1.conv.weight",
    "decoder.conv_in.conv.weight",
    "decoder.conv_out.conv.weight",
    "decoder.up_blocks.1.upsamplers.0.conv.conv.weight",
)
AUDIO = (
    "decoder.mid.block_1.conv1.conv.weight",
    "decoder.conv_in.conv.weight",
    "decoder.up.0.block.0.conv1.conv.weight",
)
UNTIMED = ("decoder.last_time_embedder.timestep_embedder.linear_1.weight",)
DIFFUSERS_UNTIMED = (
    "decoder.mid_block.resnets.0.norm1.weight",
    "decoder.time_embedder.timestep_embedder.linear_1.weight",
)
LATENTS_128 = {"decoder.conv_in.conv.weight": (None, 128, 3, 3, 3)}

LTX = N_("128 latent channels and {key}, as the VAE of {title} has")
LTX_2 = N_(
    "128 latent channels and a decoder that begins 1024 wide and does not know the time, as the VAE of {title} has"
)
SOUND = N_("8 latent channels of sound and {key}, as the audio VAE of {title} has")

FAMILY = Family(
    title="LTX-Video",
    sources=(
        "Lightricks/LTX-Video ltx_video/models/autoencoders/causal_video_autoencoder.py",
        "huggingface/diffusers AutoencoderKLLTXVideo, AutoencoderKLLTX2Video, AutoencoderKLLTX2Audio (generated on "
        "meta tensors), loaders/single_file_utils.py",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
    ),
    signatures=(
        Signature(("ltx-video",), NATIVE, shapes=LATENTS_128, because=LTX, kind=Kind.VAE),
        Signature(
            ("ltx-2",),
            NATIVE,
            UNTIMED,
            {**LATENTS_128, "decoder.conv_in.conv.bias": (1024,)},
            because=LTX_2,
            kind=Kind.VAE,
            title="LTX-2",
        ),
        Signature(
            ("ltx-video",),
            DIFFUSERS,
            ("decoder.mid_block.resnets.0.norm1.weight",),
            LATENTS_128,
            because=LTX,
            kind=Kind.VAE,
        ),
        Signature(
            ("ltx-2",),
            DIFFUSERS,
            DIFFUSERS_UNTIMED,
            {**LATENTS_128, "decoder.conv_in.conv.bias": (1024,)},
            because=LTX_2,
            kind=Kind.VAE,
            title="LTX-2",
        ),
        Signature(
            ("ltx-2",),
            AUDIO,
            ("decoder.mid.block_1.norm1.weight",),
            {"decoder.conv_in.conv.weight": (None, 8, 3, 3)},
            because=SOUND,
            kind=Kind.VAE,
            variant="audio",
            title="LTX-2",
            prefixes=("audio_vae.",),
        ),
    ),
    variants=(
        Variant(
            "0.9.5",
            N_("its decoder knows the time and its encoder shrinks by folding, as from LTX-Video 0.9.5 on"),
            has=(
                "decoder.timestep_scale_multiplier",
                "encoder.down_blocks.1.conv.conv.weight|encoder.down_blocks.0.downsamplers.0.conv.conv.weight",
            ),
        ),
        Variant(
            "0.9.1",
            N_("its decoder knows the time, as from LTX-Video 0.9.1 on"),
            has=("decoder.timestep_scale_multiplier",),
        ),
        Variant(
            "0.9",
            N_("its decoder begins 512 wide and does not know the time, as that of LTX-Video 0.9"),
            lacks=("decoder.timestep_scale_multiplier",),
            shapes={"decoder.conv_in.conv.bias": (512,), "decoder.conv_in.conv.weight": (512, 128, 3, 3, 3)},
        ),
    ),
    classes={
        "AutoencoderKLLTXVideo": (Kind.VAE, ("ltx-video",)),
        "AutoencoderKLLTX2Video": (Kind.VAE, ("ltx-2",)),
        "AutoencoderKLLTX2Audio": (Kind.VAE, ("ltx-2",)),
    },
)
