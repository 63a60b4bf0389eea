"""VAEs: every labelled case is told, at any prefix and without what is optional, and nothing else is a VAE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from corpus import Case, cases, generated, header_of, kind_of, of

from hubman.core.identify import match, vae
from hubman.core.identify.draft import Tensors
from hubman.core.types import Confidence, Facts, Format, Header, Kind, TensorInfo

FAMILIES = [family for name, family in match.all_families().items() if name.startswith("vae_")]
SD = ("sd1", "sd2", "sdxl")

ALSO: Mapping[str, set[str]] = {
    # A label, and what no tensor tells apart from it.
    "sd1": set(SD),
    "sdxl": set(SD),
    "flux1": {"flux1", "sd3"},
    "wan-2.1": {"wan-2.1", "qwen-image"},
    "hunyuan-video-1.5": {"hunyuan-video-1.5", "hunyuan-image-2.1"},
    "hunyuan-image-2.1": {"hunyuan-video-1.5", "hunyuan-image-2.1"},
    "stable-audio": {"stable-audio", "ace-step-1.5"},
    "longcat-audio": {"stable-audio", "ace-step-1.5", "longcat-audio"},
    "wuerstchen": {"wuerstchen", "stable-cascade"},
}
TOYS = {"any", "toy"}

ALL = [*cases(), *generated()]
CASES = [case for case in ALL if kind_of(case) == "vae"]
WHOLE = [case for case in CASES if header_of(case).tensors]


def told(tensors: Tensors) -> Facts:
    facts = vae.identify(Header(Format.SAFETENSORS, tensors))
    assert facts is not None, "nothing holds"
    return facts


def summary(facts: Facts) -> tuple[object, ...]:
    return facts.kind, facts.candidates, facts.variant


def expect(case: Case, facts: Facts) -> None:
    label = case["expected_base"]
    assert facts.kind is Kind.VAE
    assert all(one.because for one in facts.evidence)
    if label in TOYS:
        assert facts.candidates == ()
        assert facts.confidence is Confidence.LIKELY
    else:
        assert facts.candidates
        assert set(facts.candidates) <= {label, *ALSO.get(label, set()), *case.get("ambiguous_base", ())}
    assert (facts.variant == "tiny") == (case["expected_type"] == "vae_approx")


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case["file"])
def test_a_case_is_told(case: Case) -> None:
    header = header_of(case)
    facts = vae.identify(header)
    assert facts is not None
    expect(case, facts)
    assert match.best(match.matches(header.tensors))[0].kind is Kind.VAE


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case["file"])
def test_the_prefix_does_not_matter(case: Case) -> None:
    tensors = header_of(case).tensors
    first = next(one for one in match.matches(tensors) if one.kind is Kind.VAE).part.prefix
    first = first if first in match.PREFIXES else ""
    plain = told(tensors)
    for prefix in ("", "first_stage_model.", "vae.", "vae/"):
        moved = {prefix + name.removeprefix(first): info for name, info in tensors.items()}
        assert summary(told(moved)) == summary(plain)


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case["file"])
def test_the_decoder_alone_tells_as_much_or_less(case: Case) -> None:
    tensors = header_of(case).tensors
    half = {name: info for name, info in tensors.items() if not name.startswith(("encoder.", "first_stage_model.enc"))}
    if len(half) < len(tensors):
        facts = vae.identify(Header(Format.SAFETENSORS, half))
        if facts is not None and facts.candidates:
            expect(case, facts)


def test_no_other_case_is_a_vae() -> None:
    ours = {id(family) for family in FAMILIES}
    for case in ALL:
        if kind_of(case) in ("vae", "checkpoint"):
            continue
        tensors = header_of(case).tensors
        assert not [one for one in match.best(match.matches(tensors)) if id(one.entry.family) in ours], case["file"]
        assert vae.identify(header_of(case)) is None, case["file"]


def test_a_checkpoint_is_no_vae() -> None:
    for case in ALL:
        if kind_of(case) == "checkpoint":
            assert vae.identify(header_of(case)) is None, case["file"]


# --- Stable Diffusion's, by config and name ------------------------------------------------------------------------
def sd(name: str = "", config: Mapping[str, object] | None = None) -> Facts:
    case = next(case for case in WHOLE if case["file"].endswith("vae_sd1_sdxl__diffusers.json"))
    facts = vae.identify(replace(header_of(case), configs={"config.json": dict(config or {})}), name)
    assert facts is not None
    return facts


@pytest.mark.parametrize(
    ("scale", "expected"), [(0.13025, ("sdxl",)), (0.18215, ("sd1", "sd2")), (0.5, SD), (None, SD)]
)
def test_the_scaling_factor_decides(scale: float | None, expected: tuple[str, ...]) -> None:
    facts = sd("some_xl", {"scaling_factor": scale, "_class_name": "AutoencoderKL"})
    assert set(facts.candidates) == set(expected)
    assert facts.architecture == (expected[0] if len(expected) == 1 else None)


def test_a_name_only_orders() -> None:
    assert sd("sdxl_vae").candidates == ("sdxl", "sd1", "sd2")
    assert sd("vae-ft-mse-840000").candidates == SD


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"latent_channels": 4, "scaling_factor": 0.13025}, ("sdxl",)),
        ({"latent_channels": 4}, SD),
        ({"latent_channels": 16, "scaling_factor": 0.3611}, ("flux1",)),
        ({"latent_channels": 16, "scaling_factor": 1.5305}, ("sd3",)),
        ({"latent_channels": 12}, ()),
        ({}, ()),
    ],
)
def test_a_config_without_weights(config: Mapping[str, object], expected: tuple[str, ...]) -> None:
    header = Header(Format.FOLDER, {}, configs={"config.json": {"_class_name": "AutoencoderKL", **config}})
    facts = vae.identify(header)
    assert facts is not None
    assert (facts.kind, facts.candidates, facts.confidence) == (Kind.VAE, expected, Confidence.LIKELY)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("AutoencoderKLHunyuanImageRefiner", "hunyuan-image-2.1"), ("AutoencoderKLHunyuanVideo15", "hunyuan-video-1.5")],
)
def test_the_class_in_a_config_decides_where_two_are_alike(name: str, expected: str) -> None:
    case = next(case for case in WHOLE if case["file"].endswith(f"{name}.json"))
    header = replace(header_of(case), configs={"config.json": {"_class_name": name}})
    facts = vae.identify(header)
    assert facts is not None
    assert facts.architecture == expected


# --- widths --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("vae_sd1_sdxl__diffusers", SD),
        ("vae__sd_4ch_ldm.json", SD),
        ("vae_flux1__diffusers", ("flux1", "sd3")),
        ("vae_svd__diffusers", ("svd",)),
        ("vae__wan22_48ch", ("wan-2.2",)),
        ("default__AutoencoderKLWan", ("wan-2.1", "qwen-image")),
        ("default__AutoencoderKLHunyuanVideo.", ("hunyuan-video",)),
    ],
)
def test_the_same_blocks_at_another_width(part: str, expected: tuple[str, ...]) -> None:
    case = next(case for case in WHOLE if part in case["file"])
    narrow = {name: replace(info, shape=halved(info.shape)) for name, info in header_of(case).tensors.items()}
    assert summary(told(narrow)) == (Kind.VAE, expected, "custom-width")


def halved(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size // 2 if size > 64 else size for size in shape)


# --- layouts of which no header is at hand ------------------------------------------------------------------------
def convolution(out: int, into: int, size: int = 3) -> tuple[int, ...]:
    return (out, into, size, size)


def taesd_decoder(latents: int) -> dict[str, tuple[int, ...]]:
    """Return the convolutions of TAESD's decoder: madebyollin/taesd taesd.py."""
    blocks = {
        f"{block}.conv.{place}.weight": convolution(64, 64)
        for block in (3, 4, 5, 8, 9, 10, 13, 14, 15, 18)
        for place in (0, 2, 4)
    }
    plain = {f"{place}.weight": convolution(64, 64) for place in (7, 12, 17)}
    return {**blocks, **plain, "1.weight": convolution(64, latents), "19.weight": convolution(3, 64)}


def taesd_encoder(latents: int) -> dict[str, tuple[int, ...]]:
    blocks = {
        f"{block}.conv.{place}.weight": convolution(64, 64)
        for block in (1, 3, 4, 5, 7, 8, 9, 11, 12, 13)
        for place in (0, 2, 4)
    }
    plain = {f"{place}.weight": convolution(64, 64) for place in (2, 6, 10)}
    return {**blocks, **plain, "0.weight": convolution(64, 3), "14.weight": convolution(latents, 64)}


TINY = [(4, SD), (16, ("flux1", "sd3")), (32, ("flux2",)), (7, ())]


@pytest.mark.parametrize(("latents", "expected"), TINY)
def test_taesd_as_a_sequence(latents: int, expected: tuple[str, ...]) -> None:
    tiny = (Kind.VAE, expected, "tiny")
    decoder, encoder = taesd_decoder(latents), taesd_encoder(latents)
    for prefix in ("", "decoder.", "taesd_decoder.", "vae.decoder."):
        assert summary(told(of({prefix + name: shape for name, shape in decoder.items()}).tensors)) == tiny
    for prefix in ("", "encoder.", "taesd_encoder."):
        assert summary(told(of({prefix + name: shape for name, shape in encoder.items()}).tensors)) == tiny
    both = {f"taesd_decoder.{name}": shape for name, shape in decoder.items()}
    both |= {f"taesd_encoder.{name}": shape for name, shape in encoder.items()}
    assert summary(told(of({**both, "vae_scale": (1,), "vae_shift": (1,)}).tensors)) == tiny


@pytest.mark.parametrize(
    ("latents", "expected"),
    [
        (16, ("wan-2.1", "qwen-image", "hunyuan-video", "cogvideox")),
        (32, ("hunyuan-video-1.5",)),
        (48, ("wan-2.2",)),
        (128, ("ltx-2",)),
        (9, ()),
    ],
)
def test_taehv(latents: int, expected: tuple[str, ...]) -> None:
    tensors = {
        "decoder.1.weight": convolution(256, latents),
        "decoder.3.conv.0.weight": convolution(256, 512),
        "decoder.7.conv.weight": convolution(256, 256, 1),
        "decoder.13.conv.weight": convolution(256, 128, 1),
        "decoder.22.weight": convolution(3, 64),
        "encoder.0.weight": convolution(64, 3),
    }
    assert summary(told(of(tensors).tensors)) == (Kind.VAE, expected, "tiny")


@pytest.mark.parametrize(("latents", "expected"), [(4, SD), (16, ("sd3",))])
def test_the_approximate_decoder_of_automatic1111(latents: int, expected: tuple[str, ...]) -> None:
    widths = (latents, 8, 16, 32, 64, 32, 16, 8, 3)
    sizes = (7, 5, 3, 3, 3, 3, 3, 3)
    tensors = {
        f"conv{number}.weight": convolution(widths[number], widths[number - 1], sizes[number - 1])
        for number in range(1, 9)
    }
    assert summary(told(of(tensors).tensors)) == (Kind.VAE, expected, "tiny")


def test_a_tiny_vae_whose_gguf_names_it() -> None:
    facts = vae.identify(Header(Format.GGUF, {}, metadata={"sd.vae.name": "TAESDXL decoder"}))
    assert facts is not None
    assert (facts.architecture, facts.variant) == ("sdxl", "tiny")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("vae__ltxv_v0", "0.9"),
        ("vae__ltxv_v1", "0.9.1"),
        ("vae__ltxv_v2", "0.9.5"),
        ("vae_asymmetric_x1.5", "asymmetric"),
    ],
)
def test_the_variant(part: str, expected: str) -> None:
    case = next(case for case in WHOLE if part in case["file"])
    assert told(header_of(case).tensors).variant == expected


def test_ltx_2_as_lightricks_saves_it() -> None:
    case = next(case for case in WHOLE if "vae__ltxv_v2" in case["file"])
    untimed = {
        name: info for name, info in header_of(case).tensors.items() if "time" not in name and "scale_shift" not in name
    }
    assert (told(untimed).candidates, told(untimed).variant) == (("ltx-2",), None)


def test_a_structure_of_tomorrow_is_a_vae_without_architecture() -> None:
    tensors = {f"decoder.stage.{number}.conv.weight": TensorInfo((8, 8, 3, 3), "F16") for number in range(9)}
    facts = told({**tensors, "decoder.conv_out.weight": TensorInfo((3, 8, 3, 3), "F16")})
    assert (facts.kind, facts.candidates, facts.confidence) == (Kind.VAE, (), Confidence.LIKELY)
    assert vae.identify(of({"x": (1,)})) is None
