"""Picture encoders: the picture half of CLIP, SigLIP, DINOv2, EVA. IP-Adapters, Redux and video models look with them.

A plain ViT is none of them: DINOv2 is told by its layer scales, CLIP by its layer norms before the blocks.
"""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

HERE = (
    "vision_model.", "vision_tower.", "vision_tower.vision_model.", "model.vision_model.", "model.vision_tower.",
    "model.vision_tower.vision_model.", "image_encoder.", "image_encoder.vision_model.", "image_encoder/",
    "image_encoder/vision_model.", "clip_vision.", "clip_vision.vision_model.", "clip.vision_model.",
)  # fmt: skip
OPEN = (
    "embedder.model.", "clip.", "conditioner.embedders.0.open_clip.model.", "conditioner.embedders.0.model.",
    "cond_stage_model.model.",
)  # fmt: skip
PATCH = "embeddings.patch_embedding.weight|visual.conv1.weight|visual.patch_embedding.weight|v.patch_embd.weight"
DINO = "embeddings.cls_token|cls_token"

FAMILY = Family(
    title="CLIP Vision",
    sources=(
        "Comfy-Org/ComfyUI comfy/clip_vision.py, comfy/image_encoders/dino2.py",
        "huggingface/transformers CLIPVisionModel, SiglipVisionModel, Dinov2Model (generated on meta tensors)",
        "mlfoundations/open_clip; facebookresearch/dinov2; Wan-Video/Wan2.1 wan/modules/clip.py",
    ),
    signatures=(
        Signature(
            (),
            has=(
                "embeddings.patch_embedding.weight",
                "encoder.layers.0.layer_norm1.weight",
                "encoder.layers.0.self_attn.k_proj.weight",
            ),
            kind=Kind.CLIP_VISION,
            because=N_("it has {key}, as the picture half of CLIP or SigLIP has"),
            prefixes=HERE,
        ),
        Signature(
            (),
            has=(
                "concept_embeds",
                "special_care_embeds",
                "vision_model.vision_model.embeddings.patch_embedding.weight",
            ),
            kind=Kind.CLIP_VISION,
            variant="safety-checker",
            because=N_("it has {key} beside a CLIP, as the safety checker of SD 1 has"),
        ),
        Signature(
            (),
            has=("visual.conv1.weight", "visual.transformer.resblocks.0.attn.in_proj_weight"),
            kind=Kind.CLIP_VISION,
            because=N_("it has {key}, as the picture half of OpenCLIP has"),
            prefixes=OPEN,
        ),
        Signature(
            (),
            has=("visual.patch_embedding.weight", "visual.transformer.0.attn.to_qkv.weight"),
            kind=Kind.CLIP_VISION,
            because=N_("it has {key}, as the picture half of CLIP in the naming of Wan has"),
        ),
        Signature(
            (),
            has=("visual.patch_embed.proj.weight", "visual.blocks.0.attn.q_proj.weight", "visual.cls_token"),
            kind=Kind.CLIP_VISION,
            variant="eva-clip",
            sure=Confidence.LIKELY,
            because=N_("it has {key}, as the picture half of EVA-CLIP has"),
        ),
        Signature(
            (),
            has=("v.patch_embd.weight", "v.blk.0.attn_q.weight|v.blk.0.attn_qkv.weight"),
            kind=Kind.CLIP_VISION,
            because=N_("it has {key}, as the eyes of a language model in GGUF (mmproj) have"),
        ),
        Signature(
            (),
            has=("embeddings.patch_embeddings.projection.weight", "encoder.layer.0.layer_scale1.lambda1"),
            kind=Kind.CLIP_VISION,
            because=N_("it has {key} and layer scales, as DINOv2 has"),
            prefixes=("image_encoder.", "image_encoder/", "conditioner.main_image_encoder.model."),
        ),
        Signature(
            (),
            has=(
                "patch_embed.proj.weight",
                "blocks.0.ls1.gamma",
                "cls_token",
                "mask_token",
                "blocks.0.attn.qkv.weight",
            ),
            kind=Kind.CLIP_VISION,
            because=N_("it has {key} and layer scales, as DINOv2 has"),
        ),
        Signature(
            (),
            has=(
                "embeddings.register_tokens",
                "embeddings.patch_embeddings.weight",
                "layer.0.layer_scale1.lambda1|model.layer.0.layer_scale1.lambda1",
            ),
            kind=Kind.CLIP_VISION,
            variant="dinov3",
            because=N_("it has {key} and layer scales, as DINOv3 has"),
            prefixes=("image_encoder.", "image_encoder/"),
        ),
    ),
    variants=(
        Variant(
            "siglip-so400m",
            N_("its width is 1152, as that of SigLIP"),
            shapes={PATCH: (1152, 3, None, None)},
        ),
        Variant("siglip-so400m", N_("its width is 1152, as that of SigLIP 2"), shapes={PATCH: (1152, None)}),
        Variant(
            "siglip-base", N_("it has the head of SigLIP"), has=("head.probe",), shapes={PATCH: (768, 3, None, None)}
        ),
        Variant("clip-b", N_("its width is 768"), shapes={PATCH: (768, 3, None, None)}),
        Variant(
            "clip-l-336",
            N_("its width is 1024 and it sees 336 pixels"),
            shapes={PATCH: (1024, 3, 14, 14), "embeddings.position_embedding.weight": (577, 1024)},
        ),
        Variant("clip-l", N_("its width is 1024"), lacks=("v.blk.*",), shapes={PATCH: (1024, 3, 14, 14)}),
        Variant("clip-h", N_("its width is 1280"), lacks=("v.blk.*",), shapes={PATCH: (1280, 3, 14, 14)}),
        Variant("clip-g", N_("its width is 1664"), lacks=("v.blk.*",), shapes={PATCH: (1664, 3, 14, 14)}),
        Variant("dinov2-small", N_("its width is 384"), shapes={DINO: (1, 1, 384)}),
        Variant("dinov2-base", N_("its width is 768"), shapes={DINO: (1, 1, 768)}),
        Variant("dinov2-large", N_("its width is 1024"), shapes={DINO: (1, 1, 1024)}),
        Variant("dinov2-giant", N_("its width is 1536"), shapes={DINO: (1, 1, 1536)}),
    ),
    classes={
        "CLIPVisionModel": (Kind.CLIP_VISION, ()),
        "CLIPVisionModelWithProjection": (Kind.CLIP_VISION, ()),
        "SiglipVisionModel": (Kind.CLIP_VISION, ()),
        "Siglip2VisionModel": (Kind.CLIP_VISION, ()),
        "Dinov2Model": (Kind.CLIP_VISION, ()),
        "Dinov2WithRegistersModel": (Kind.CLIP_VISION, ()),
        "StableDiffusionSafetyChecker": (Kind.CLIP_VISION, ()),
    },
)
