"""Quantised models are what they were before, and `precision` is that of the weights and not of what lies beside."""

from __future__ import annotations

import pytest
from corpus import of
from packing import CORE, PACKINGS, bare, packed, prefixed

from hubman.core.identify import identify
from hubman.core.identify.draft import Tensors
from hubman.core.types import Format, Header, Kind, TensorInfo

CORES = {
    "sd1": "model_toolkit/unet_only_sd1.json",
    "sd2": "comfy_generated/sd21_unet__ldm_prefixed.json",
    "sdxl": "comfy_generated/sdxl_unet__bare.json",
    "flux1": "comfy_generated/flux1_dev__bare.json",
    "sd3.5-large": "comfy_generated/sd35_large__prefixed.json",
    "qwen-image": "comfy_generated/qwen_image__prefixed.json",
    "z-image": "musubi_generated/zimage__bare.json",
    "chroma": "comfy_generated/chroma__bare.json",
    "hidream-i1": "comfy_generated/hidream_i1__prefixed.json",
    "ltx-video": "comfy_generated/ltxv_13b__bare.json",
    "wan-2.2": "comfy_generated/wan22_ti2v_5b__bare.json",
    "flux2-dev": "musubi_generated/flux2_dev__prefixed.json",
    "sana": "generated/native/sana_1.6b__bare.json",
}
ENCODER = {
    "encoder.block.0.layer.0.SelfAttention.k.weight": (4096, 4096),
    "encoder.block.0.layer.0.layer_norm.weight": (4096,),
    "shared.weight": (32128, 4096),
}


def safetensors(tensors: Tensors) -> Header:
    return Header(Format.SAFETENSORS, tensors)


@pytest.mark.parametrize("name", PACKINGS)
@pytest.mark.parametrize("architecture", CORES)
def test_a_packed_core(architecture: str, name: str) -> None:
    packing = PACKINGS[name]
    tensors = packed(bare(CORES[architecture]), packing)
    plain = identify(safetensors(bare(CORES[architecture])))
    beside = prefixed("text_encoders.t5xxl.transformer.", of(ENCODER, dtype="F32").tensors)
    for header, kind in (
        (safetensors(tensors), Kind.DIFFUSION_MODEL),
        (safetensors(prefixed(CORE, tensors)), Kind.DIFFUSION_MODEL),
        (safetensors({**prefixed(CORE, tensors), **beside}), Kind.CHECKPOINT),
    ):
        facts = identify(header)
        assert (facts.kind, facts.architecture, facts.variant) == (kind, architecture, plain.variant)
        assert facts.precision == packing.precision


def test_parameters_are_counted_unpacked() -> None:
    plain = bare(CORES["flux1"])
    before = identify(safetensors(plain)).parameters or 0
    for name in ("bitsandbytes nf4", "comfy nvfp4", "quanto int4"):
        after = identify(safetensors(packed(plain, PACKINGS[name]))).parameters or 0
        assert before <= after < before * 1.08, name


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32", "F8_E4M3", "F8_E5M2"])
def test_companions_do_not_vote(dtype: str) -> None:
    spelled = {"F16": "fp16", "BF16": "bf16", "F32": "fp32", "F8_E4M3": "fp8-e4m3", "F8_E5M2": "fp8-e5m2"}
    core = {CORE + name: TensorInfo(info.shape, dtype) for name, info in bare(CORES["sd1"]).items()}
    beside = {"cond_stage_model.transformer.text_model.x.weight": TensorInfo((1 << 16, 1 << 16), "F64")}
    assert identify(safetensors({**core, **beside})).precision == spelled[dtype]


def test_what_is_not_packed_stays_as_it_is() -> None:
    from hubman.core.identify.wrappers import unwrap

    header = safetensors(bare(CORES["flux1"]))
    assert unwrap(header) is header


def test_nunchaku_says_which_four_bits() -> None:
    """nunchaku-tech/nunchaku: `qweight` with `wscales`; NVFP4 has `wtscale` beside."""
    core = {
        "single_transformer_blocks.0.mlp_fc1.qweight": TensorInfo((12288, 1536), "I8"),
        "single_transformer_blocks.0.mlp_fc1.wscales": TensorInfo((48, 12288), "BF16"),
        "transformer_blocks.0.mlp_context_fc1.qweight": TensorInfo((12288, 1536), "I8"),
        "transformer_blocks.0.mlp_context_fc1.wscales": TensorInfo((48, 12288), "BF16"),
    }
    facts = identify(safetensors(core))
    assert (facts.architecture, facts.precision) == ("flux1", "int4")
    scale = {"single_transformer_blocks.0.mlp_fc1.wtscale": TensorInfo((1,), "BF16")}
    other = {"transformer_blocks.0.mlp_context_fc1.wtscale": TensorInfo((1,), "BF16")}
    assert identify(safetensors({**core, **scale, **other})).precision == "nvfp4"
