"""VAEs that compress deeper than a factor of 8: DC-AE, which Sana uses, and representation autoencoders."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

DIFFUSERS = (
    "decoder.up_blocks.0.0.conv.weight",
    "decoder.conv_in.weight",
    "decoder.norm_out.weight",
    "encoder.down_blocks.0.0.conv1.weight",
)
NATIVE = (
    "decoder.project_in.conv.weight|decoder.project_in.main.conv.weight",
    "decoder.project_out.0.weight",
    "decoder.project_out.2.conv.weight|decoder.project_out.2.main.conv.weight",
)

SANA = N_("32 latent channels and {key}: DC-AE, as Sana uses it")
DEEP = N_("it has {key}, as DC-AE has, but not with Sana's 32 latent channels")
RAE = N_("a vision model as encoder and {key}: a representation autoencoder")

FAMILY = Family(
    title="DC-AE",
    sources=(
        "mit-han-lab/efficientvit efficientvit/models/efficientvit/dc_ae.py",
        "huggingface/diffusers AutoencoderDC, AutoencoderRAE (generated on meta tensors), loaders/single_file_utils.py",
    ),
    signatures=(
        Signature((), DIFFUSERS, because=DEEP, kind=Kind.VAE, sure=Confidence.LIKELY),
        Signature(
            ("sana",), DIFFUSERS, shapes={"decoder.conv_in.weight": (None, 32, 3, 3)}, because=SANA, kind=Kind.VAE
        ),
        Signature((), NATIVE, because=DEEP, kind=Kind.VAE, sure=Confidence.LIKELY),
        Signature(
            ("sana",),
            NATIVE,
            shapes={"decoder.project_in.conv.weight|decoder.project_in.main.conv.weight": (None, 32, 3, 3)},
            because=SANA,
            kind=Kind.VAE,
        ),
        Signature(
            ("rae",),
            ("decoder.trainable_cls_token", "decoder.decoder_pred.weight", "decoder.decoder_embed.weight"),
            because=RAE,
            kind=Kind.VAE,
        ),
    ),
    classes={"AutoencoderDC": (Kind.VAE, ()), "AutoencoderRAE": (Kind.VAE, ("rae",))},
)
