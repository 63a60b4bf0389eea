"""Text halves of CLIP and its kin. A file that holds the picture half beside counts as a text encoder.

transformers 5 saves CLIP without `text_model.` in front, older ones with it, OpenCLIP in a naming of its own.
"""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

HERE = (
    "text_model.", "clip.text_model.", "te.text_model.", "text_encoder.", "text_encoder.text_model.", "text_encoder/",
    "text_encoder/text_model.", "text_encoder_2/", "text_encoder_2/text_model.", "text_encoder_2.text_model.",
    "transformer.text_model.", "clip_l.", "clip_g.", "clip_l.text_model.", "clip_g.text_model.", "clip_h.text_model.",
    "clip_l.transformer.text_model.", "clip_g.transformer.text_model.", "clip_h.transformer.text_model.",
    "text_encoders.clip_l.transformer.text_model.", "text_encoders.clip_g.transformer.text_model.",
    "text_encoders.clip_l.", "text_encoders.clip_g.", "cond_stage_model.transformer.",
    "cond_stage_model.transformer.text_model.", "conditioner.embedders.0.transformer.text_model.",
)  # fmt: skip
OPEN = (
    "text.", "clip.", "cond_stage_model.model.", "conditioner.embedders.0.model.", "conditioner.embedders.1.model.",
    "clip_g.", "clip_h.",
)  # fmt: skip
WORDS = "embeddings.token_embedding.weight|token_embedding.weight"

FAMILY = Family(
    title="CLIP",
    sources=(
        "Comfy-Org/ComfyUI comfy/sd.py detect_te_model, comfy/sd1_clip.py",
        "huggingface/transformers CLIPTextModel, SiglipTextModel (generated on meta tensors)",
        "mlfoundations/open_clip transformer.py; openai/CLIP model.py",
    ),
    signatures=(
        Signature(
            (),
            has=(
                "embeddings.token_embedding.weight",
                "encoder.layers.0.self_attn.k_proj.weight",
                "encoder.layers.0.mlp.fc1.weight",
            ),
            kind=Kind.TEXT_ENCODER,
            because=N_("it has {key}, as the text half of CLIP has"),
            prefixes=HERE,
        ),
        Signature(
            (),
            has=("token_embedding.weight", "transformer.resblocks.0.attn.in_proj_weight", "positional_embedding"),
            kind=Kind.TEXT_ENCODER,
            because=N_("it has {key}, as the text half of OpenCLIP has"),
            prefixes=OPEN,
        ),
        Signature(
            (),
            has=("t.token_embd.weight", "t.blk.0.attn_q.weight"),
            kind=Kind.TEXT_ENCODER,
            sure=Confidence.LIKELY,
            because=N_("it has {key}, as the text half of CLIP in GGUF has"),
        ),
        Signature(
            (),
            has=("embeddings.word_embeddings.weight", "encoder.layers.0.mixer.Wqkv.weight"),
            kind=Kind.TEXT_ENCODER,
            variant="jina-clip-v2",
            sure=Confidence.LIKELY,
            because=N_("it has {key}, as the text half of Jina CLIP has"),
        ),
    ),
    variants=(
        Variant(
            "siglip-text",
            N_("it knows the words of SigLIP"),
            shapes={"embeddings.token_embedding.weight": ((32000, 256000), None)},
        ),
        Variant(
            "long-clip-l",
            N_("it reads 248 words, as Long-CLIP does"),
            shapes={"embeddings.position_embedding.weight|positional_embedding": (248, 768)},
        ),
        Variant("clip-b", N_("its text has width 512"), shapes={WORDS: (None, 512)}),
        Variant("clip-l", N_("its text has width 768"), shapes={WORDS: (None, 768)}),
        Variant("clip-h", N_("its text has width 1024"), shapes={WORDS: (None, 1024)}),
        Variant("clip-g", N_("its text has width 1280"), shapes={WORDS: (None, 1280)}),
    ),
    classes={
        "CLIPTextModel": (Kind.TEXT_ENCODER, ()),
        "CLIPTextModelWithProjection": (Kind.TEXT_ENCODER, ()),
        "CLIPModel": (Kind.TEXT_ENCODER, ()),
        "SiglipTextModel": (Kind.TEXT_ENCODER, ()),
        "ChineseCLIPTextModel": (Kind.TEXT_ENCODER, ()),
    },
)
