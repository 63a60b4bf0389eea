"""Checkpoints of the Stable Diffusion family in every form that trainers, mergers and converters leave them in."""

from __future__ import annotations

import functools

import pytest
from corpus import cases, header_of, of
from packing import CORE, Parts, gguf

from hubman.core.identify import identify
from hubman.core.identify.draft import Tensors
from hubman.core.types import Facts, Format, Header, Kind, TensorInfo

WHOLE = {
    "sd1": "model_toolkit/full_sd1.json",
    "sd1 (NovelAI's CLIP)": "model_toolkit/full_sd1_nai_clip.json",
    "sd2": "model_toolkit/full_sd2.json",
    "sd2 (Waifu Diffusion's CLIP)": "model_toolkit/full_sd2_wdclip.json",
    "sdxl-refiner": "model_toolkit/full_sdxl_refiner.json",
    "sdxl": "sd_mecha/sdxl-sgm.json",
}
TEXT, VAE = ("cond_stage_model.", "conditioner."), ("first_stage_model.",)


@functools.cache
def whole(name: str) -> Tensors:
    case = next(case for case in cases() if case["file"] == WHOLE[name])
    return {name: info for name, info in header_of(case).tensors.items() if not name.startswith("edm_")}


def told(tensors: Tensors) -> tuple[Kind, str | None]:
    facts = facts_of(tensors)
    return facts.kind, facts.architecture


def facts_of(tensors: Tensors) -> Facts:
    return identify(Header(Format.SAFETENSORS, tensors))


def without(tensors: Tensors, *prefixes: str) -> Parts:
    return {name: info for name, info in tensors.items() if not name.startswith(prefixes)}


def mean(tensors: Tensors) -> Parts:
    """CompVis latent-diffusion ldm/modules/ema.py: names without dots."""
    core = {name.removeprefix(CORE): info for name, info in tensors.items() if name.startswith(CORE)}
    names = {f"model_ema.diffusion_model{name.replace('.', '')}": info.shape for name, info in core.items()}
    return {
        **{name: TensorInfo(shape, "F32") for name, shape in names.items()},
        "model_ema.decay": TensorInfo((), "F32"),
        "model_ema.num_updates": TensorInfo((), "I32"),
    }


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_left_out_or_added(name: str) -> None:
    tensors, architecture = whole(name), name.partition(" ")[0]
    assert told(tensors) == (Kind.CHECKPOINT, architecture)
    assert told(without(tensors, *VAE)) == (Kind.CHECKPOINT, architecture)
    assert told(without(tensors, *TEXT)) == (Kind.CHECKPOINT, architecture)
    assert told(without(tensors, *TEXT, *VAE)) == (Kind.DIFFUSION_MODEL, architecture)
    left = of({f"lora_unet_x.{part}.weight": (4, 320) for part in ("lora_down", "lora_up")}).tensors
    assert told({**tensors, **left}) == (Kind.CHECKPOINT, architecture)
    assert told({**tensors, "betas": TensorInfo((1000,), "F32")}) == (Kind.CHECKPOINT, architecture)


@pytest.mark.parametrize("name", WHOLE)
def test_running_means(name: str) -> None:
    tensors, architecture = whole(name), name.partition(" ")[0]
    both = facts_of({**tensors, **mean(tensors)})
    assert (both.kind, both.architecture, both.precision) == (
        Kind.CHECKPOINT, architecture, facts_of(tensors).precision
    )  # fmt: skip
    assert told({**without(tensors, CORE), **mean(tensors)}) == (Kind.CHECKPOINT, architecture)
    assert told(mean(tensors)) == (Kind.DIFFUSION_MODEL, architecture)


@pytest.mark.parametrize("name", WHOLE)
def test_a_companion_alone_is_no_checkpoint(name: str) -> None:
    tensors = whole(name)
    text = {key: info for key, info in tensors.items() if key.startswith(TEXT)}
    vae = {key: info for key, info in tensors.items() if key.startswith(VAE)}
    assert told(text) == (Kind.TEXT_ENCODER, None)
    assert facts_of(vae).candidates == ("sd1", "sd2", "sdxl")


def test_a_strange_core_beside_known_companions_is_not_called_after_them() -> None:
    strange = of({f"{CORE}stream.{number}.mix.weight": (64, 64) for number in range(60)}).tensors
    known = without(whole("sd1"), CORE)
    facts = facts_of({**strange, **known})
    assert (facts.kind, facts.architecture, facts.confidence.value) == (Kind.CHECKPOINT, None, "guess")
    assert facts_of(strange).kind is Kind.DIFFUSION_MODEL
    bare = {name.removeprefix(CORE): info for name, info in strange.items()}
    many = {f"{name}{number}": info for name, info in bare.items() for number in range(40)}
    assert facts_of({**many, **known}).kind is Kind.UNKNOWN


@pytest.mark.parametrize("place", ["_orig_mod.", CORE + "_orig_mod.", "module._orig_mod."])
def test_compiled_and_parallel_wrappers_do_not_matter(place: str) -> None:
    core = {place + name.removeprefix(CORE): info for name, info in whole("sdxl").items() if name.startswith(CORE)}
    assert told(core) == (Kind.DIFFUSION_MODEL, "sdxl")


def core_with(name: str, **shapes: tuple[int, ...]) -> Parts:
    changed = {key: TensorInfo(shape, "F16") for key, shape in shapes.items()}
    return {**whole(name), **changed}


FIRST, POOLED = CORE + "input_blocks.0.0.weight", CORE + "label_emb.0.0.weight"
VARIANTS: tuple[tuple[str, dict[str, tuple[int, ...]], str, str], ...] = (
    # CompVis v1-inpainting-inference.yaml, instruct-pix2pix, v2-midas-inference.yaml
    ("sd1", {FIRST: (320, 9, 3, 3)}, "inpaint", "sd1"),
    ("sd1", {FIRST: (320, 8, 3, 3)}, "ip2p", "sd1"),
    ("sd2", {FIRST: (320, 5, 3, 3)}, "depth", "sd2"),
    ("sdxl", {FIRST: (320, 9, 3, 3)}, "inpaint", "sdxl"),
    ("sdxl", {FIRST: (320, 8, 3, 3)}, "ip2p", "sdxl"),
    # cvlab-columbia/zero123 ldm/models/diffusion/ddpm.py
    ("sd1", {FIRST: (320, 8, 3, 3), "cc_projection.weight": (768, 772)}, "zero123", "sd1"),
    # Stability-AI stablediffusion v2-1-stable-unclip-l-inference.yaml and -h-
    ("sd2", {POOLED: (1280, 1536)}, "unclip-l", "sd2"),
    ("sd2", {POOLED: (1280, 2048)}, "unclip-h", "sd2"),
    # Comfy-Org/ComfyUI supported_models.py LotusD
    ("sd2", {POOLED: (1280, 4)}, "lotus", "sd2"),
    # luosiallen/latent-consistency-model
    ("sd1", {CORE + "time_embed.cond_proj.weight": (320, 256)}, "lcm", "sd1"),
)


@pytest.mark.parametrize(("name", "shapes", "variant", "architecture"), VARIANTS)
def test_variants(name: str, shapes: dict[str, tuple[int, ...]], variant: str, architecture: str) -> None:
    facts = facts_of(core_with(name, **shapes))
    assert (facts.kind, facts.architecture, facts.variant) == (Kind.CHECKPOINT, architecture, variant)


@pytest.mark.parametrize(("width", "variant"), [(768, None), (256, "sv3d-u"), (1280, "sv3d-p")])
def test_the_pooled_width_tells_sv3d(width: int, variant: str | None) -> None:
    """Comfy-Org/ComfyUI supported_models.py SV3D_u, SV3D_p."""
    case = next(case for case in cases() if case["file"] == "comfy_generated/svd_img2vid__ldm_prefixed.json")
    facts = facts_of({**header_of(case).tensors, POOLED: TensorInfo((1280, width), "F16")})
    assert (facts.architecture, facts.variant) == ("svd", variant)


@pytest.mark.parametrize("name", WHOLE)
def test_projections_that_stable_diffusion_cpp_made_convolutions(name: str) -> None:
    header = gguf(whole(name))
    flat = ("proj_in.weight", "proj_out.weight")
    tensors = {
        key: TensorInfo((*info.shape, 1, 1), "F16") if key.endswith(flat) and len(info.shape) == 2 else info
        for key, info in header.tensors.items()
    }
    facts = identify(Header(Format.GGUF, tensors))
    assert (facts.kind, facts.architecture) == (Kind.CHECKPOINT, name.partition(" ")[0])
    assert facts.precision == "q4_k"
