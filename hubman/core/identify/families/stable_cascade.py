"""Stable Cascade and its ancestor Würstchen: stage C (the prior) paints a small latent, stage B enlarges it."""

from hubman.core.identify.declare import Family, Graph, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

STAGE_C = """
clip_txt_mapper 2048 1280
clip_txt_pooled_mapper 8192 1280
clip_img_mapper 8192 768
embedding.1 2048 16 1x1
down_blocks.{0-1}.{0-69}.depthwise 2048 1 3x3
down_blocks.{0-1}.{0-69}.channelwise.0 8192 2048
down_blocks.{0-1}.{0-69}.channelwise.4 2048 8192
down_blocks.{0-1}.{1-70}.mapper 4096 64
down_blocks.{0-1}.{1-70}.mapper_sca 4096 64
down_blocks.{0-1}.{1-70}.mapper_crp 4096 64
down_blocks.{0-1}.{2-71}.attention.attn.to_q 2048 2048
down_blocks.{0-1}.{2-71}.attention.attn.to_k 2048 2048
down_blocks.{0-1}.{2-71}.attention.attn.to_v 2048 2048
down_blocks.{0-1}.{2-71}.attention.attn.out_proj 2048 2048
down_blocks.{0-1}.{2-71}.kv_mapper.1 2048 2048
down_downscalers.1.1.blocks.0 2048 2048 1x1
up_blocks.{0-1}.{0-69}.depthwise 2048 1 3x3
up_blocks.{0-1}.{0-69}.channelwise.0 8192 2048
up_blocks.{0-1}.{0-69}.channelwise.4 2048 8192
up_blocks.{0-1}.{1-70}.mapper 4096 64
up_blocks.{0-1}.{1-70}.mapper_sca 4096 64
up_blocks.{0-1}.{1-70}.mapper_crp 4096 64
up_blocks.{0-1}.{2-71}.attention.attn.to_q 2048 2048
up_blocks.{0-1}.{2-71}.attention.attn.to_k 2048 2048
up_blocks.{0-1}.{2-71}.attention.attn.to_v 2048 2048
up_blocks.{0-1}.{2-71}.attention.attn.out_proj 2048 2048
up_blocks.{0-1}.{2-71}.kv_mapper.1 2048 2048
up_blocks.1.0.channelwise.0 8192 4096
up_upscalers.0.1.blocks.1 2048 2048 1x1
clf.1 16 2048 1x1
"""

STAGE_B = """
effnet_mapper.0 1280 16 1x1
effnet_mapper.2 320 1280 1x1
pixels_mapper.0 1280 3 1x1
pixels_mapper.2 320 1280 1x1
clip_mapper 5120 1280
embedding.1 320 16 1x1
down_blocks.0.{0-2}.depthwise 320 1 3x3
down_blocks.0.{0-2}.channelwise.0 1280 320
down_blocks.0.{0-2}.channelwise.4 320 1280
down_blocks.0.{1-3}.mapper 640 64
down_blocks.0.{1-3}.mapper_sca 640 64
down_blocks.1.{0-10}.depthwise 640 1 3x3
down_blocks.1.{0-10}.channelwise.0 2560 640
down_blocks.1.{0-10}.channelwise.4 640 2560
down_blocks.1.{1-11}.mapper 1280 64
down_blocks.1.{1-11}.mapper_sca 1280 64
down_blocks.{2-3}.{0-81}.depthwise 1280 1 3x3
down_blocks.{2-3}.{0-81}.channelwise.0 5120 1280
down_blocks.{2-3}.{0-81}.channelwise.4 1280 5120
down_blocks.{2-3}.{1-82}.mapper 2560 64
down_blocks.{2-3}.{1-82}.mapper_sca 2560 64
down_blocks.{2-3}.{2-83}.attention.attn.to_q 1280 1280
down_blocks.{2-3}.{2-83}.attention.attn.to_k 1280 1280
down_blocks.{2-3}.{2-83}.attention.attn.to_v 1280 1280
down_blocks.{2-3}.{2-83}.attention.attn.out_proj 1280 1280
down_blocks.{2-3}.{2-83}.kv_mapper.1 1280 1280
down_downscalers.1.1 640 320 2x2
down_downscalers.2.1 1280 640 2x2
down_downscalers.3.1 1280 1280 2x2
up_blocks.{0-1}.{0-81}.depthwise 1280 1 3x3
up_blocks.{0-1}.{0-81}.channelwise.0 5120 1280
up_blocks.{0-1}.{0-81}.channelwise.4 1280 5120
up_blocks.{0-1}.{1-82}.mapper 2560 64
up_blocks.{0-1}.{1-82}.mapper_sca 2560 64
up_blocks.{0-1}.{2-83}.attention.attn.to_q 1280 1280
up_blocks.{0-1}.{2-83}.attention.attn.to_k 1280 1280
up_blocks.{0-1}.{2-83}.attention.attn.to_v 1280 1280
up_blocks.{0-1}.{2-83}.attention.attn.out_proj 1280 1280
up_blocks.{0-1}.{2-83}.kv_mapper.1 1280 1280
up_blocks.1.0.channelwise.0 5120 2560
up_blocks.2.{0-10}.depthwise 640 1 3x3
up_blocks.2.0.channelwise.0 2560 1280
up_blocks.2.{0-10}.channelwise.4 640 2560
up_blocks.2.{1-11}.mapper 1280 64
up_blocks.2.{1-11}.mapper_sca 1280 64
up_blocks.2.{2-10}.channelwise.0 2560 640
up_blocks.3.{0-2}.depthwise 320 1 3x3
up_blocks.3.0.channelwise.0 1280 640
up_blocks.3.{0-2}.channelwise.4 320 1280
up_blocks.3.{1-3}.mapper 640 64
up_blocks.3.{1-3}.mapper_sca 640 64
up_blocks.3.2.channelwise.0 1280 320
up_upscalers.0.1 1280 1280 2x2
up_upscalers.1.1 1280 640 2x2
up_upscalers.2.1 640 320 2x2
up_repeat_mappers.{0-1}.{0-1} 1280 1280 1x1
up_repeat_mappers.2.0 640 640 1x1
up_repeat_mappers.3.0 320 320 1x1
clf.1 16 320 1x1
"""

STAGE_C_DIFFUSERS = """
clip_txt_pooled_mapper 8192 1280
clip_txt_mapper 2048 1280
clip_img_mapper 8192 768
embedding.1 2048 16 1x1
down_blocks.{0-1}.{0-69}.depthwise 2048 1 3x3
down_blocks.{0-1}.{0-69}.channelwise.0 8192 2048
down_blocks.{0-1}.{0-69}.channelwise.4 2048 8192
down_blocks.{0-1}.{1-70}.mapper 4096 64
down_blocks.{0-1}.{1-70}.mapper_sca 4096 64
down_blocks.{0-1}.{1-70}.mapper_crp 4096 64
down_blocks.{0-1}.{2-71}.attention.to_q 2048 2048
down_blocks.{0-1}.{2-71}.attention.to_k 2048 2048
down_blocks.{0-1}.{2-71}.attention.to_v 2048 2048
down_blocks.{0-1}.{2-71}.attention.to_out.0 2048 2048
down_blocks.{0-1}.{2-71}.kv_mapper.1 2048 2048
down_downscalers.1.1.blocks.0 2048 2048 1x1
up_blocks.{0-1}.{0-69}.depthwise 2048 1 3x3
up_blocks.{0-1}.{0-69}.channelwise.0 8192 2048
up_blocks.{0-1}.{0-69}.channelwise.4 2048 8192
up_blocks.{0-1}.{1-70}.mapper 4096 64
up_blocks.{0-1}.{1-70}.mapper_sca 4096 64
up_blocks.{0-1}.{1-70}.mapper_crp 4096 64
up_blocks.{0-1}.{2-71}.attention.to_q 2048 2048
up_blocks.{0-1}.{2-71}.attention.to_k 2048 2048
up_blocks.{0-1}.{2-71}.attention.to_v 2048 2048
up_blocks.{0-1}.{2-71}.attention.to_out.0 2048 2048
up_blocks.{0-1}.{2-71}.kv_mapper.1 2048 2048
up_blocks.1.0.channelwise.0 8192 4096
up_upscalers.0.1.blocks.1 2048 2048 1x1
clf.1 16 2048 1x1
"""

NAMES = (
    "clf.1.weight", "embedding.1.weight", "down_blocks.0.0.channelwise.0.weight",
    "clip_txt_pooled_mapper.weight|clip_mapper.weight",
)  # fmt: skip

FAMILY = Family(
    title="Stable Cascade",
    sources=(
        "Stability-AI/StableCascade modules/stage_b.py, modules/stage_c.py",
        "Comfy-Org/ComfyUI comfy/ldm/cascade (generated on meta tensors)",
        "huggingface/diffusers StableCascadeUNet, WuerstchenPrior, WuerstchenDiffNeXt (generated on meta tensors)",
    ),
    signatures=(
        Signature(
            ("stable-cascade",),
            has=NAMES,
            lacks=("effnet_mappers.*",),
            because=N_("it has {key} and the other parts of {title}, at other widths"),
            variant="custom-width",
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("stable-cascade",),
            has=NAMES,
            lacks=("effnet_mappers.*",),
            shapes={"embedding.1.bias": ((320, 1536, 2048),)},
        ),
        Signature(
            ("wuerstchen",),
            has=(
                "cond_mapper.0.weight",
                "blocks.0.channelwise.0.weight",
                "blocks.1.mapper.weight",
                "projection.weight",
            ),
            because=N_("it has {key}, as the prior of {title} does"),
            variant="prior",
            title="Würstchen",
        ),
        Signature(
            ("wuerstchen",),
            has=("clf.1.weight", "effnet_mappers.*", "clip_mapper.weight", "down_blocks.0.0.channelwise.0.weight"),
            because=N_("it has {key}, as the decoder of {title} does"),
            variant="decoder",
            title="Würstchen",
        ),
    ),
    variants=(
        Variant("stage-b", N_("it reads the picture of stage C, as stage B does"), has=("effnet_mapper.0.weight",)),
        Variant("stage-c", N_("it reads text only, as stage C does"), has=("clip_txt_pooled_mapper.weight",)),
    ),
    graphs=(
        Graph("stable-cascade", "stage-c", STAGE_C),
        Graph("stable-cascade", "stage-b", STAGE_B, rare=True),
        Graph("stable-cascade", "stage-c-diffusers", STAGE_C_DIFFUSERS),
    ),
    classes={
        "StableCascadeUNet": (Kind.DIFFUSION_MODEL, ("stable-cascade",)),
        "WuerstchenPrior": (Kind.DIFFUSION_MODEL, ("wuerstchen",)),
        "WuerstchenDiffNeXt": (Kind.DIFFUSION_MODEL, ("wuerstchen",)),
    },
)
