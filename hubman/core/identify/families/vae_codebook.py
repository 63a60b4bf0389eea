"""VAEs with a codebook or a compressor of their own: Würstchen and Stable Cascade, Kandinsky's MoVQ, aMUSEd."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

# A face restorer such as RestoreFormer has a codebook too, under CompVis' names: here only what is a VAE for sure.
PICTURE = (
    "quantize.embedding.weight",
    "decoder.mid_block.resnets.0.conv1.weight",
    "decoder.conv_in.weight",
    "encoder.conv_in.weight",
    "decoder.conv_out.weight",
)
MOVQ_DIFFUSERS = (*PICTURE, "decoder.mid_block.resnets.0.norm1.conv_y.weight")
MOVQ_NATIVE = ("quantize.embedding.weight", "decoder.mid.block_1.norm1.conv_y.weight", "decoder.conv_in.weight")
STAGE_A = ("in_block.1.weight", "out_block.0.weight", "down_blocks.0.gammas", "up_blocks.1.gammas")
EFFNET = ("backbone.1.0.block.0.0.weight", "backbone.0.0.weight", "mapper.0.weight")
PREVIEWER = ("blocks.0.weight", "blocks.2.running_mean", "blocks.3.weight", "blocks.23.running_mean")

CODEBOOK = N_("{key}: it rounds latents to the entries of a codebook, in no known size")
SPATIAL = N_("a codebook, and norms that look at the latents, as Kandinsky's MoVQ has")
AMUSED = N_("a codebook of 8192 entries with 64 numbers each, as aMUSEd has")
CASCADE_A = N_("it has {key}, the codebook of Stable Cascade's stage A")
PAELLA = N_("a codebook and the blocks of Würstchen's VQGAN, which is also Stable Cascade's stage A")
STAGE_C = N_("it has {key}, as the coder of Stable Cascade's stage C has")

FAMILY = Family(
    title="Stable Cascade",
    sources=(
        "Stability-AI/StableCascade modules/stage_a.py, effnet.py, previewer.py",
        "huggingface/diffusers VQModel, PaellaVQModel (generated on meta tensors)",
        "Comfy-Org/ComfyUI comfy/sd.py (facts)",
    ),
    signatures=(
        Signature((), PICTURE, because=CODEBOOK, kind=Kind.VAE, sure=Confidence.LIKELY),
        Signature(("kandinsky2", "kandinsky3"), MOVQ_DIFFUSERS, because=SPATIAL, kind=Kind.VAE),
        Signature(
            ("kandinsky2",), MOVQ_DIFFUSERS, shapes={"decoder.conv_in.bias": (512,)}, because=SPATIAL, kind=Kind.VAE
        ),
        Signature(("kandinsky2", "kandinsky3"), MOVQ_NATIVE, because=SPATIAL, kind=Kind.VAE),
        Signature(
            ("kandinsky2",), MOVQ_NATIVE, shapes={"decoder.conv_in.bias": (512,)}, because=SPATIAL, kind=Kind.VAE
        ),
        Signature(
            ("amused",), PICTURE, shapes={"quantize.embedding.weight": (8192, 64)}, because=AMUSED, kind=Kind.VAE
        ),
        Signature(("stable-cascade",), ("vquantizer.codebook.weight", *STAGE_A), because=CASCADE_A, kind=Kind.VAE),
        Signature(
            ("wuerstchen", "stable-cascade"), ("vquantizer.embedding.weight", *STAGE_A), because=PAELLA, kind=Kind.VAE
        ),
        Signature(
            ("stable-cascade",),
            ("previewer.blocks.0.weight", "encoder.backbone.1.0.block.0.0.weight", "encoder.mapper.0.weight"),
            because=STAGE_C,
            kind=Kind.VAE,
        ),
        Signature(("stable-cascade",), EFFNET, because=STAGE_C, kind=Kind.VAE, variant="encoder"),
        Signature(
            ("stable-cascade",),
            PREVIEWER,
            shapes={"blocks.0.weight": (512, 16, 1, 1)},
            because=STAGE_C,
            kind=Kind.VAE,
            variant="tiny",
        ),
    ),
    classes={
        "VQModel": (Kind.VAE, ()),
        "PaellaVQModel": (Kind.VAE, ("wuerstchen", "stable-cascade")),
        "StableCascadeEfficientNet": (Kind.VAE, ("stable-cascade",)),
    },
)
