"""Models that paint pixels (PixelDiT, SenseNova U1.5), and the U-Net of DreamLite."""

from hubman.core.identify.declare import Family, Signature
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

FAMILY = Family(
    title="PixelDiT",
    sources=(
        "Comfy-Org/ComfyUI comfy/model_detection.py",
        "huggingface/diffusers DreamLiteUNetModel (generated on meta tensors)",
    ),
    signatures=(
        Signature(("pixeldit",), has=("core.pixel_embedder.proj.weight",)),
        Signature(
            ("pixeldit",),
            has=("lq_proj.latent_proj.0.weight", "lq_proj.*"),
            because=N_("it has {key}, as the decoders of {title} have, which turn latents into pixels"),
            variant="decoder",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("sensenova-u1.5",),
            has=(
                "fm_modules.vision_model_mot_gen.embeddings.patch_embedding.weight",
                "language_model.model.layers.0.self_attn.q_proj_mot_gen.weight",
            ),
            title="SenseNova U1.5",
        ),
        Signature(
            ("dreamlite",),
            has=(
                "conv_in.weight",
                "down_blocks.0.resnets.0.conv1.depthwise.weight",
                "down_blocks.0.resnets.0.conv1.pointwise.weight",
                "down_blocks.0.attentions.0.transformer_blocks.0.attn2.norm_q.weight",
            ),
            because=N_("it has {key} and separable convolutions, as {title} has"),
            title="DreamLite",
        ),
    ),
    classes={"DreamLiteUNetModel": (Kind.DIFFUSION_MODEL, ("dreamlite",))},
)
