"""Diffusion transformers (Flux, SD 3, Wan, ...): one signature each, as data, where a unique key makes it sure.

A first table; families get modules of their own as they grow. Keys and shapes: Comfy-Org/ComfyUI model_detection.py,
mcmonkeyprojects/SwarmUI T2IModelClassSorter.cs, huggingface/diffusers single_file_utils.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hubman.core.identify.checkpoint import COMPANIONS
from hubman.core.identify.draft import Draft, Tensors, precision
from hubman.core.types import Confidence, Facts, Header, Kind

PREFIXES = (
    "model.diffusion_model.", "diffusion_model.", "model.model.", "transformer/", "transformer.", "net.", "model.", "",
)  # fmt: skip
ADAPTERS_OF_CONTROL = re.compile(r"controlnet|control_layers|ip_adapter|zero_convs|lora_")

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """An architecture by keys that must and must not be there, and a test on shapes where keys are shared.

    Several architectures that nothing tells apart are written with blanks between. Signatures are asked in order; a
    special case stands before the general one.
    """

    architecture: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    test: Callable[[Tensors], bool] | None = None
    variant: Callable[[Tensors], str | None] | None = None


def _shape(tensors: Tensors, name: str) -> Shape:
    info = tensors.get(name)
    return info.shape if info else ()


def _axis(name: str, axis: int, *values: int) -> Callable[[Tensors], bool]:
    return lambda tensors: _shape(tensors, name)[axis : axis + 1] in tuple((value,) for value in values)


def _flux_variant(tensors: Tensors) -> str | None:
    """Channels going in: 64 plain, 384 with mask and picture, 128 with a depth or edge map; schnell has no guidance."""
    inputs = _shape(tensors, "img_in.weight")[1:2] or _shape(tensors, "x_embedder.weight")[1:2]
    found = "inpaint" if inputs == (384,) else "control" if inputs == (128,) else None
    guided = any(name.startswith(("guidance_in.", "time_text_embed.guidance_embedder.")) for name in tensors)
    return found or ("dev" if guided else "schnell")


def _is_qwen_image(tensors: Tensors) -> bool:
    return _shape(tensors, "txt_norm.weight") == (3584,) and _shape(tensors, "img_in.weight")[1:] == (64,)


_QKV = "joint_blocks.0.context_block.attn.qkv.weight"
_DOUBLE = "double_blocks.0.img_attn.qkv.weight"
_VECTOR = "vector_in.in_layer.weight"
_DISTILLED = "distilled_guidance_layer.in_proj.weight"
_CAPTION = "cap_embedder.0.weight"
_IMAGE_IN = "img_in.proj.weight"
_HIDREAM = "double_stream_blocks.0.block.adaLN_modulation.1.weight"
_HUNYUAN = "txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.weight"
_FLUX1 = ("double_blocks.0.img_attn.norm.key_norm.scale", _VECTOR, "img_in.weight", "single_blocks.0.linear1.weight")
_FLUX1_DIFFUSERS = (
    "time_text_embed.text_embedder.linear_1.weight",
    "single_transformer_blocks.0.proj_mlp.weight",
    "x_embedder.weight",
)
_FLUX2 = ("double_stream_modulation_img.lin.weight",)
_WAN = ("head.modulation", "patch_embedding.weight")

SIGNATURES: tuple[Signature, ...] = (
    Signature("sd3.5-large", (_QKV, "joint_blocks.37.x_block.attn.qkv.weight")),
    Signature("sd3.5-medium", (_QKV, "joint_blocks.0.x_block.attn2.qkv.weight")),
    Signature("sd3-medium", (_QKV,), ("joint_blocks.0.x_block.attn.ln_q.weight",), _axis(_QKV, 1, 1536)),
    Signature("sd3", (_QKV,)),
    Signature("flux2-dev", _FLUX2, test=_axis(_FLUX2[0], 0, 36864)),
    Signature("flux2-klein-9b", _FLUX2, test=_axis(_FLUX2[0], 0, 24576)),
    Signature("flux2-klein-4b", _FLUX2, test=_axis(_FLUX2[0], 0, 18432)),
    Signature("flux2", _FLUX2),
    Signature("chroma-radiance", ("img_in_patch.weight", _DOUBLE), (_VECTOR,)),
    Signature("chroma", (_DISTILLED, _DOUBLE), (_VECTOR,)),
    Signature("chroma", (_DISTILLED, "single_transformer_blocks.0.attn.to_q.weight")),
    Signature("flux1", _FLUX1, (_HUNYUAN,), _axis(_DOUBLE, 1, 3072), _flux_variant),
    Signature("flux1", _FLUX1_DIFFUSERS, test=_axis("x_embedder.weight", 0, 3072), variant=_flux_variant),
    Signature("hunyuan-video-1.5", (_HUNYUAN, "cond_type_embedding.weight")),
    Signature("hunyuan-image-2.1", (_HUNYUAN, _IMAGE_IN), test=lambda t: len(_shape(t, _IMAGE_IN)) == 4),
    Signature("hunyuan-video", (_HUNYUAN, _IMAGE_IN), test=_axis(_IMAGE_IN, 1, 16, 32, 33)),
    Signature("auraflow", ("double_layers.0.attn.w1q.weight", "cond_seq_linear.weight")),
    Signature("pixart-alpha", ("t_block.1.weight", "ar_embedder.mlp.0.weight")),
    Signature("pixart-alpha", ("t_block.1.weight",), test=_axis("y_embedder.y_embedding", 0, 120)),
    Signature("pixart-sigma", ("t_block.1.weight",), test=_axis("y_embedder.y_embedding", 0, 300)),
    Signature("hunyuan-dit", ("mlp_t5.0.weight",)),
    Signature("stable-cascade", ("clf.1.weight", "clip_txt_mapper.weight")),
    Signature("stable-cascade", ("clf.1.weight", "effnet_mapper.0.weight")),
    Signature("wan-2.2", _WAN, test=_axis("patch_embedding.weight", 1, 48)),
    Signature("wan-2.1", (*_WAN, "img_emb.proj.0.weight")),
    Signature("wan-2.1", _WAN, test=_axis("patch_embedding.weight", 0, 1536)),
    Signature("wan-2.1 wan-2.2", _WAN, test=_axis("patch_embedding.weight", 0, 5120)),
    Signature("hidream-i1", ("caption_projection.0.linear.weight", _HIDREAM)),
    Signature("qwen-image", ("transformer_blocks.0.img_mod.1.weight", "txt_norm.weight"), test=_is_qwen_image),
    Signature(
        "z-image", (_CAPTION, "x_pad_token", "layers.0.adaLN_modulation.0.weight"), test=_axis(_CAPTION, 0, 2560)
    ),
    Signature("lumina2", (_CAPTION, "layers.0.adaLN_modulation.1.weight"), test=_axis(_CAPTION, 0, 2304)),
    Signature("omnigen2", ("time_caption_embed.caption_embedder.0.weight", "image_index_embedding")),
)


def identify(header: Header) -> Facts | None:
    """Return the facts of a diffusion transformer that the table knows, or None."""
    if any(ADAPTERS_OF_CONTROL.search(name) for name in header.tensors):
        return None
    for prefix in PREFIXES:
        inside = {name[len(prefix) :]: info for name, info in header.tensors.items() if name.startswith(prefix)}
        found = next((signature for signature in SIGNATURES if _matches(signature, inside)), None)
        if found is not None:
            return _facts(header, found, prefix, inside)
    return None


def _matches(signature: Signature, tensors: Tensors) -> bool:
    return (
        all(name in tensors for name in signature.has)
        and not any(name in tensors for name in signature.lacks)
        and (signature.test is None or signature.test(tensors))
    )


def _facts(header: Header, signature: Signature, prefix: str, inside: Tensors) -> Facts:
    companions = sorted({match[1] for name in header.tensors if (match := COMPANIONS.match(name))})
    draft = Draft(header, Kind.CHECKPOINT if companions else Kind.DIFFUSION_MODEL)
    beside = f"together with {', '.join(companions)}" if companions else "alone, without text encoder or VAE"
    draft.note("kind", draft.kind, f"a diffusion transformer {beside}")
    core = [info for name, info in inside.items() if prefix or not COMPANIONS.match(name)]
    draft.values["precision"] = precision(core)
    words = f"it has {signature.has[0]}, as this architecture does"
    draft.architectures(signature.architecture.split(), words, Confidence.LIKELY)
    variant = signature.variant(inside) if signature.variant else None
    if variant:
        draft.say("variant", variant, "told by the channels going in and the guidance embedding")
    return draft.done()
