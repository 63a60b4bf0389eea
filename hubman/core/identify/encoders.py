"""Text and picture encoders alone: CLIP, T5, language models that newer image models read text with.

Keys: Comfy-Org/ComfyUI `detect_te_model` and clip_vision.py. transformers 5 saves CLIP without `text_model.` in front,
so both spellings count.
"""

from __future__ import annotations

from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, Kind

TEXT: tuple[tuple[tuple[str, ...], str], ...] = (
    (("embeddings.token_embedding.weight", "encoder.layers.0.self_attn.k_proj.weight"), "a CLIP text encoder"),
    (("shared.weight", "encoder.block.0.layer.0.SelfAttention.k.weight"), "a T5 encoder"),
    (("encoder.block.0.layer.0.SelfAttention.k.weight", "encoder.final_layer_norm.weight"), "a T5 encoder"),
    (
        ("embed_tokens.weight", "layers.0.self_attn.q_proj.weight"),
        "a language model, as newer image models read text with",
    ),
    (("transformer.resblocks.0.attn.in_proj_weight", "token_embedding.weight"), "an OpenCLIP text encoder"),
)
VISION: tuple[tuple[tuple[str, ...], str], ...] = (
    (("embeddings.patch_embedding.weight", "encoder.layers.0.layer_norm1.weight"), "a CLIP or SigLIP picture encoder"),
    (("visual.transformer.resblocks.0.attn.in_proj_weight",), "an OpenCLIP picture encoder"),
    (
        ("embeddings.patch_embeddings.projection.weight", "encoder.layer.39.layer_scale2.lambda1"),
        "a DINOv2 picture encoder",
    ),
)
PREFIXES = ("", "text_model.", "vision_model.", "model.", "model.vision_model.", "text_encoders.", "clip.")
CLASSES = {
    "CLIPTextModel": Kind.TEXT_ENCODER,
    "CLIPTextModelWithProjection": Kind.TEXT_ENCODER,
    "T5EncoderModel": Kind.TEXT_ENCODER,
    "CLIPVisionModel": Kind.CLIP_VISION,
    "CLIPVisionModelWithProjection": Kind.CLIP_VISION,
    "SiglipVisionModel": Kind.CLIP_VISION,
}
"""`architectures` in the config.json of a transformers folder."""


def identify(header: Header) -> Facts | None:
    """Return the facts of an encoder alone, or None."""
    for kind, signatures in ((Kind.CLIP_VISION, VISION), (Kind.TEXT_ENCODER, TEXT)):
        for names, words in signatures:
            if any(all(prefix + name in header.tensors for name in names) for prefix in PREFIXES):
                return _facts(header, kind, f"its tensors are those of {words}")
    config = header.configs.get("config.json")
    listed = config.get("architectures") if isinstance(config, dict) else None
    known = [CLASSES[name] for name in listed if name in CLASSES] if isinstance(listed, list) else []
    return _facts(header, known[0], "config.json says so") if known else None


def _facts(header: Header, kind: Kind, because: str) -> Facts:
    draft = Draft(header, kind)
    draft.note("kind", kind, because)
    draft.weaken(Confidence.LIKELY)
    return draft.done()
