"""Models in GGUF: city96's converter, stable-diffusion.cpp, llama.cpp. Tensors tell, metadata is not needed."""

from __future__ import annotations

import pytest
from corpus import of
from packing import CORE, bare, gguf, prefixed

from hubman.core.identify import identify
from hubman.core.types import Format, Header, Kind, TensorInfo

MODELS = {
    # case: (general.architecture that city96/ComfyUI-GGUF tools/convert.py writes, what it is, variant)
    "model_toolkit/unet_only_sd1.json": ("sd1", "sd1", None),
    "comfy_generated/sdxl_unet__bare.json": ("sdxl", "sdxl", None),
    "comfy_generated/flux1_dev__bare.json": ("flux", "flux1", "dev"),
    "comfy_generated/sd3_medium__bare.json": ("sd3", "sd3-medium", None),
    "comfy_generated/sd35_medium__prefixed.json": ("sd3", "sd3.5-medium", None),
    "comfy_generated/auraflow__bare.json": ("aura", "auraflow", None),
    "comfy_generated/hidream_i1__prefixed.json": ("hidream", "hidream-i1", None),
    "comfy_generated/cosmos_predict2_2b_t2i__bare.json": ("cosmos", "cosmos-predict2", None),
    "comfy_generated/ltxv_13b__bare.json": ("ltxv", "ltx-video", None),
    "comfy_generated/hunyuan_video_t2v__prefixed.json": ("hyvid", "hunyuan-video", None),
    "comfy_generated/wan22_i2v_a14b__bare.json": ("wan", "wan-2.2", "i2v"),
    "generated/native/lumina2__bare.json": ("lumina2", "lumina2", None),
    "musubi_generated/zimage__bare.json": ("lumina2", "z-image", None),
    "comfy_generated/qwen_image__prefixed.json": ("qwen_image", "qwen-image", None),
}


@pytest.mark.parametrize("kind", ["Q4_K", "Q8_0", "BF16", "IQ4_XS"])
@pytest.mark.parametrize("file", MODELS)
def test_a_core(file: str, kind: str) -> None:
    written, architecture, variant = MODELS[file]
    tensors = bare(file)
    for header in (gguf(tensors, written, kind), gguf(prefixed(CORE, tensors), None, kind), gguf(tensors, "pig", kind)):
        facts = identify(header)
        assert (facts.kind, facts.architecture) == (Kind.DIFFUSION_MODEL, architecture)
        assert facts.precision == kind.lower()
        if variant:
            assert facts.variant == variant


def test_a_t5_of_llama_cpp_and_of_stable_diffusion_cpp() -> None:
    llama = of({"token_embd.weight": (32128, 4096), "enc.blk.0.attn_k.weight": (4096, 4096),
                "enc.blk.0.attn_norm.weight": (4096,)}).tensors  # fmt: skip
    plain = of({"shared.weight": (32128, 4096), "encoder.block.0.layer.0.SelfAttention.k.weight": (4096, 4096),
                "encoder.block.0.layer.0.layer_norm.weight": (4096,)}).tensors  # fmt: skip
    for header in (gguf(llama, "t5encoder"), gguf(prefixed("text_encoders.t5xxl.transformer.", plain))):
        facts = identify(header)
        assert (facts.kind, facts.variant, facts.precision) == (Kind.TEXT_ENCODER, "t5-xxl", "q4_k")


def test_the_eyes_of_a_language_model_are_no_clip_h() -> None:
    """ggml-org/llama.cpp tools/mtmd: `v.blk` with general.architecture clip, general.type mmproj."""
    names = {"v.patch_embd.weight": (1280, 3, 14, 14), "v.blk.0.attn_q.weight": (1280, 1280)}
    facts = identify(gguf(of(names).tensors, "clip", "F16", **{"general.type": "mmproj"}))
    assert (facts.kind, facts.variant) == (Kind.CLIP_VISION, None)


def test_a_tiny_vae_by_its_metadata() -> None:
    """leejet/stable-diffusion.cpp: a real taesd-decoder.gguf has `sd.vae.name` and no general.architecture."""
    facts = identify(Header(Format.GGUF, {}, {"sd.vae.name": "taesd", "sd.vae.dtype": "F16"}))
    assert (facts.kind, facts.architecture, facts.variant) == (Kind.VAE, "sd1", "tiny")


def test_a_convolution_is_not_unfolded() -> None:
    from hubman.core.identify.wrappers import unwrap

    shapes = {"conv.weight": (320, 4, 3, 3), "conv.bias": (320,), "up.weight": (512, 256, 4, 4), "up.bias": (256,)}
    header = unwrap(Header(Format.GGUF, {name: TensorInfo(shape, "F16") for name, shape in shapes.items()}))
    assert {name: info.shape for name, info in header.tensors.items()} == shapes
