"""VAEs of pictures with the blocks of Stable Diffusion's: SD 1, 2, XL, Flux.1, SD 3, Flux.2, CogView, SVD, Allegro."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

LDM = (
    "decoder.conv_in.weight",
    "decoder.mid.block_1.norm1.weight",
    "decoder.mid.block_1.conv1.weight",
    "decoder.conv_out.weight",
)
DIFFUSERS = (
    "decoder.conv_in.weight",
    "decoder.mid_block.resnets.0.norm1.weight",
    "decoder.mid_block.resnets.0.conv1.weight",
    "decoder.conv_out.weight",
)
LDM_FOUR_LEVELS = (*LDM, "decoder.up.3.block.0.conv1.weight")
DIFFUSERS_FOUR_LEVELS = (*DIFFUSERS, "decoder.up_blocks.3.resnets.0.conv1.weight")
LDM_THREE_LEVELS = (*LDM, "decoder.up.2.block.0.conv1.weight")
DIFFUSERS_THREE_LEVELS = (*DIFFUSERS, "decoder.up_blocks.2.resnets.0.conv1.weight")
SVD_DIFFUSERS = (
    "decoder.time_conv_out.weight",
    "decoder.conv_in.weight",
    "decoder.mid_block.resnets.0.spatial_res_block.norm1.weight",
    "decoder.mid_block.resnets.0.time_mixer.mix_factor",
)

NO_CODEBOOK = ("quantize.embedding.weight",)
NO_QUANT = (*NO_CODEBOOK, "quant_conv.weight")

LDM_ENCODER = ("encoder.conv_in.weight", "encoder.mid.block_1.norm1.weight", "encoder.conv_out.weight")
DIFFUSERS_ENCODER = (
    "encoder.conv_in.weight",
    "encoder.mid_block.resnets.0.norm1.weight",
    "encoder.conv_out.weight",
)
ENCODES_ONLY = (*NO_CODEBOOK, "decoder.conv_in.weight", "decoder_unet.conv_in.weight")
ENCODES_4 = {"encoder.conv_out.weight": (8, 512, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3)}
ENCODES_16 = {"encoder.conv_out.weight": (32, 512, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3)}

LATENTS_4 = {"decoder.conv_in.weight": (None, 4, 3, 3)}
LATENTS_16 = {"decoder.conv_in.weight": (None, 16, 3, 3)}
LATENTS_32 = {"decoder.conv_in.weight": (None, 32, 3, 3)}
WIDE_512 = {"decoder.conv_in.bias": (512,)}
WIDE_1024 = {"decoder.conv_in.bias": (1024,)}

SD = ("sd1", "sd2", "sdxl")
SIXTEEN = ("flux1", "sd3")

HALF = N_("the encoder alone of a VAE; several families share its structure")
UNKNOWN = N_("an encoder and a decoder of pictures, in a size that no known family has")
FOUR = N_("4 latent channels; SD 1, SD 2 and SDXL share this structure")
FOUR_OTHER = N_("4 latent channels at an unusual width; the blocks are those that SD 1, SD 2 and SDXL share")
SIXTEEN_SHARED = N_("16 latent channels and no quant_conv, as Flux.1 and SD 3 share")
SIXTEEN_OTHER = N_("16 latent channels at an unusual width; the blocks are those that Flux.1 and SD 3 share")
COGVIEW = N_("16 latent channels and blocks up to 1024 wide, as CogView 3 and 4 share")
UPSCALER = N_("4 latent channels and three levels, as the x4 upscaler has")
FLUX2 = N_("32 latent channels with batch statistics, as Flux.2 has")
MIXES = N_("its decoder mixes frames over time, as that of Stable Video Diffusion does")
ASYMMETRIC = N_("its decoder also sees the masked picture, as the asymmetric VAE does")
CONSISTENCY = N_("its decoder is a U-Net: the consistency decoder, which exists for SD 1.x only")
ALLEGRO = N_("convolutions over time beside Stable Diffusion's blocks, as Allegro's VAE has")

FAMILY = Family(
    title="Stable Diffusion",
    sources=(
        "CompVis/stable-diffusion ldm/modules/diffusionmodules/model.py",
        "huggingface/diffusers AutoencoderKL, AutoencoderKLFlux2, AutoencoderKLTemporalDecoder, "
        "AsymmetricAutoencoderKL, ConsistencyDecoderVAE, AutoencoderKLAllegro (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
        "invoke-ai/InvokeAI #6524, #8790",
    ),
    signatures=(
        Signature((), LDM, NO_CODEBOOK, because=UNKNOWN, kind=Kind.VAE, sure=Confidence.LIKELY),
        Signature((), DIFFUSERS, NO_CODEBOOK, because=UNKNOWN, kind=Kind.VAE, sure=Confidence.LIKELY),
        # the encoder alone
        Signature(SD, LDM_ENCODER, ENCODES_ONLY, ENCODES_4, because=HALF, kind=Kind.VAE),
        Signature(SD, DIFFUSERS_ENCODER, ENCODES_ONLY, ENCODES_4, because=HALF, kind=Kind.VAE),
        Signature(SIXTEEN, LDM_ENCODER, (*ENCODES_ONLY, "quant_conv.weight"), ENCODES_16, because=HALF, kind=Kind.VAE),
        Signature(
            SIXTEEN, DIFFUSERS_ENCODER, (*ENCODES_ONLY, "quant_conv.weight"), ENCODES_16, because=HALF, kind=Kind.VAE
        ),
        # 4 latent channels
        Signature(
            SD,
            LDM_FOUR_LEVELS,
            NO_CODEBOOK,
            LATENTS_4,
            because=FOUR_OTHER,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(SD, LDM_FOUR_LEVELS, NO_CODEBOOK, {**LATENTS_4, **WIDE_512}, because=FOUR, kind=Kind.VAE),
        Signature(
            SD,
            DIFFUSERS_FOUR_LEVELS,
            NO_CODEBOOK,
            LATENTS_4,
            because=FOUR_OTHER,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(SD, DIFFUSERS_FOUR_LEVELS, NO_CODEBOOK, {**LATENTS_4, **WIDE_512}, because=FOUR, kind=Kind.VAE),
        Signature(
            ("sd-x4-upscaler",),
            LDM_THREE_LEVELS,
            (*NO_CODEBOOK, "decoder.up.3.block.0.conv1.weight"),
            {**LATENTS_4, **WIDE_512},
            because=UPSCALER,
            kind=Kind.VAE,
        ),
        Signature(
            ("sd-x4-upscaler",),
            DIFFUSERS_THREE_LEVELS,
            (*NO_CODEBOOK, "decoder.up_blocks.3.resnets.0.conv1.weight"),
            {**LATENTS_4, **WIDE_512},
            because=UPSCALER,
            kind=Kind.VAE,
        ),
        Signature(
            SD,
            (*DIFFUSERS_FOUR_LEVELS, "decoder.condition_encoder.layers.#.weight"),
            NO_CODEBOOK,
            LATENTS_4,
            because=ASYMMETRIC,
            kind=Kind.VAE,
            variant="asymmetric",
        ),
        Signature(
            ("sd1",),
            (
                "decoder_unet.conv_in.weight",
                "decoder_unet.conv_out.weight",
                "decoder_unet.time_embedding.linear_1.weight",
            ),
            because=CONSISTENCY,
            kind=Kind.VAE,
            variant="consistency-decoder",
        ),
        Signature(
            ("allegro",),
            (*DIFFUSERS_FOUR_LEVELS, "decoder.temp_conv_in.weight"),
            NO_CODEBOOK,
            LATENTS_4,
            because=ALLEGRO,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("allegro",),
            (*DIFFUSERS_FOUR_LEVELS, "decoder.temp_conv_in.weight"),
            NO_CODEBOOK,
            {**LATENTS_4, **WIDE_512},
            because=ALLEGRO,
            kind=Kind.VAE,
        ),
        # frames mixed over time
        Signature(
            ("svd",),
            (*LDM_FOUR_LEVELS, "decoder.mid.block_1.mix_factor"),
            NO_CODEBOOK,
            LATENTS_4,
            because=MIXES,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("svd",),
            (*LDM_FOUR_LEVELS, "decoder.mid.block_1.mix_factor"),
            NO_CODEBOOK,
            {**LATENTS_4, **WIDE_512},
            because=MIXES,
            kind=Kind.VAE,
        ),
        Signature(
            ("svd",), SVD_DIFFUSERS, because=MIXES, kind=Kind.VAE, variant="custom-width", sure=Confidence.LIKELY
        ),
        Signature(("svd",), SVD_DIFFUSERS, shapes=WIDE_512, because=MIXES, kind=Kind.VAE),
        # 16 latent channels
        Signature(
            SIXTEEN,
            LDM_FOUR_LEVELS,
            NO_QUANT,
            LATENTS_16,
            because=SIXTEEN_OTHER,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            SIXTEEN, LDM_FOUR_LEVELS, NO_QUANT, {**LATENTS_16, **WIDE_512}, because=SIXTEEN_SHARED, kind=Kind.VAE
        ),
        Signature(
            ("cogview3", "cogview4"),
            LDM_FOUR_LEVELS,
            NO_QUANT,
            {**LATENTS_16, **WIDE_1024},
            because=COGVIEW,
            kind=Kind.VAE,
        ),
        Signature(
            SIXTEEN,
            DIFFUSERS_FOUR_LEVELS,
            NO_QUANT,
            LATENTS_16,
            because=SIXTEEN_OTHER,
            kind=Kind.VAE,
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            SIXTEEN, DIFFUSERS_FOUR_LEVELS, NO_QUANT, {**LATENTS_16, **WIDE_512}, because=SIXTEEN_SHARED, kind=Kind.VAE
        ),
        Signature(
            ("cogview3", "cogview4"),
            DIFFUSERS_FOUR_LEVELS,
            NO_QUANT,
            {**LATENTS_16, **WIDE_1024},
            because=COGVIEW,
            kind=Kind.VAE,
        ),
        # 32 latent channels
        Signature(
            ("flux2",), (*LDM_FOUR_LEVELS, "bn.running_mean"), NO_CODEBOOK, LATENTS_32, because=FLUX2, kind=Kind.VAE
        ),
        Signature(
            ("flux2",),
            (*DIFFUSERS_FOUR_LEVELS, "bn.running_mean"),
            NO_CODEBOOK,
            LATENTS_32,
            because=FLUX2,
            kind=Kind.VAE,
        ),
    ),
    classes={
        "AutoencoderKL": (Kind.VAE, ()),
        "AsymmetricAutoencoderKL": (Kind.VAE, SD),
        "AutoencoderKLAllegro": (Kind.VAE, ("allegro",)),
        "AutoencoderKLFlux2": (Kind.VAE, ("flux2",)),
        "AutoencoderKLTemporalDecoder": (Kind.VAE, ("svd",)),
        "ConsistencyDecoderVAE": (Kind.VAE, ("sd1",)),
    },
)
