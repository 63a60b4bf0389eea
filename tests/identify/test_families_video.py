"""Video, audio and 3D cores: every labelled case is told by what its family declares, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest
from corpus import Case, cases, generated, header_of, of

from hubman.core.identify import graph, match
from hubman.core.identify.declare import Graph
from hubman.core.identify.draft import Draft, Tensors
from hubman.core.types import Header, Kind, TensorInfo

FILES = ("wan", "hunyuan_video", "ltx", "mochi", "cosmos", "cogvideox", "video_others", "audio_3d")
FAMILIES = {name: match.all_families()[name] for name in FILES}
OURS = {
    architecture
    for family in FAMILIES.values()
    for signature in family.signatures
    for architecture in signature.architectures
}
MIXED = {"sana": ("SanaVideo", "SanaWM")}
"""Declared partly by another family: only these classes are ours."""

ALSO: Mapping[str, set[str]] = {
    # A label, and what no tensor tells apart from it.
    "wan": {"wan", "wan-2.1", "wan-2.2"},
    "wan-2.1": {"wan-2.1", "wan-2.2"},
    "wan-2.2": {"wan-2.1", "wan-2.2"},
    "cosmos-predict2": {"cosmos-predict2", "cosmos-predict2.5", "anima"},
}


def is_ours(case: Case) -> bool:
    base, name = case["expected_base"], case["file"]
    here = any(part in name for part in MIXED[base]) if base in MIXED else base in OURS
    return here and case["expected_type"] in ("diffusion_model", "checkpoint")


ALL = [*cases(), *generated()]
CASES = [case for case in ALL if is_ours(case)]


def best(tensors: Tensors) -> list[match.Match]:
    return match.best(match.matches(tensors))


def told(tensors: Tensors) -> tuple[str, ...]:
    found = (name for one in best(tensors) for name in one.entry.signature.architectures)
    return tuple(dict.fromkeys(found))


def variant(tensors: Tensors) -> str | None:
    draft = Draft(Header.__new__(Header), Kind.DIFFUSION_MODEL)
    match.tell(draft, best(tensors))
    found = draft.values.get("variant")
    assert found is None or isinstance(found, str)
    return found


def renamed(tensors: Tensors, cut: str, prefix: str) -> Tensors:
    return {prefix + name.removeprefix(cut): info for name, info in tensors.items()}


def expect(case: Case, tensors: Tensors) -> None:
    label = case["expected_base"]
    found = told(tensors)
    assert found, "nothing holds"
    assert set(found) <= {label, *ALSO.get(label, set()), *case.get("ambiguous_base", ())}
    assert {one.kind for one in best(tensors)} == {Kind.DIFFUSION_MODEL}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_a_case_is_told(case: Case) -> None:
    expect(case, header_of(case).tensors)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_prefix_and_quantisation_do_not_matter(case: Case) -> None:
    tensors = header_of(case).tensors
    first = best(tensors)[0].part.prefix
    plain = told(tensors)
    for prefix in ("", "model.diffusion_model.", "diffusion_model.", "transformer.", "net."):
        assert told(renamed(tensors, first, prefix)) == plain
    scales = {name.replace(".weight", ".scale_weight"): TensorInfo((), "F32") for name in tensors}
    assert told({**scales, **tensors, "scaled_fp8": TensorInfo((2,), "F8_E4M3")}) == plain
    unbiased = {
        name: info for name, info in tensors.items() if not name.endswith(".bias") or "norm" in name or "proj.b" in name
    }
    expect(case, unbiased)


def test_nothing_else_is_told_by_these_families() -> None:
    ours = {id(family) for family in FAMILIES.values()}
    for case in ALL:
        if not is_ours(case):
            assert not [one for one in best(header_of(case).tensors) if id(one.entry.family) in ours], case["file"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("wan21_flf2v_14b__bare", "flf"),
        ("wan21_vace_1.3b__bare", "vace"),
        ("wan22_i2v_a14b__bare", "i2v"),
        ("wan22_ti2v_5b__bare", "ti2v"),
        ("wan21_t2v_14b__bare", "t2v"),
        ("wan21_i2v_14b__diffusers", "i2v"),
        ("default__WanAnimateT", "animate"),
        ("default__SkyReelsV2", "custom-width"),
        ("default__Helios", "helios"),
        ("hunyuan_video_i2v__bare", "i2v"),
        ("hunyuan_video_skyreels_i2v__bare", "skyreels-i2v"),
        ("hunyuan_video_t2v__prefixed", None),
        ("framepack_i2v__diffusers", "framepack"),
        ("cosmos1_7b_v2w__net", "i2v"),
        ("cogvideox_1.5_5b_i2v", "i2v"),
        ("cogvideox_5b__diffusers", None),
        ("easyanimate_5.1_inpaint", "inpaint"),
        ("ltx_video_0.9.7_13b", "13b"),
        ("default__SanaVideo", "video"),
    ],
)
def test_the_variant(part: str, expected: str | None) -> None:
    found = [case for case in CASES if part in case["file"]]
    assert found
    for case in found:
        assert variant(header_of(case).tensors) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("wan21_t2v_14b__bare", ("wan-2.1", "wan-2.2")),
        ("wan21_t2v_1.3b__prefixed", ("wan-2.1",)),
        ("wan22_i2v_a14b__bare", ("wan-2.2",)),
        ("wan21_flf2v_14b__bare", ("wan-2.1",)),
        ("wan22_ti2v_5b__bare", ("wan-2.2",)),
        ("cosmos_predict2_2b_t2i__diffusers", ("cosmos-predict2", "anima")),
        ("cosmos_predict2_2b_t2i__net", ("cosmos-predict2",)),
        ("cosmos_predict2.5_2b", ("cosmos-predict2.5",)),
    ],
)
def test_what_can_be_told_is_told_and_what_cannot_stays_a_set(part: str, expected: tuple[str, ...]) -> None:
    found = [case for case in CASES if part in case["file"]]
    assert found
    for case in found:
        assert told(header_of(case).tensors) == expected


# --- layouts of which no header is at hand: the modules of their graphs, and what is no module's weight --------------
EXTRA: Mapping[tuple[str, str], Mapping[str, tuple[int, ...]]] = {
    ("hunyuan-video", "comfy"): {"double_blocks.0.img_attn.norm.key_norm.scale": (128,)},
    ("hunyuan-video", "tencent"): {"double_blocks.0.img_attn_q_norm.weight": (128,)},
    ("mochi", "native"): {"t5_yproj.bias": (1536,), "pos_frequencies": (3, 24, 64)},
    ("ltx-2", "native"): {"scale_shift_table": (2, 4096), "transformer_blocks.0.scale_shift_table": (6, 4096)},
    ("ltx-video", "native"): {"scale_shift_table": (2, 2048), "transformer_blocks.0.scale_shift_table": (6, 2048)},
    ("wan-2.1", "native"): {"head.modulation": (1, 2, 5120), "blocks.0.modulation": (1, 6, 5120)},
    ("wan-2.2", "native"): {"head.modulation": (1, 2, 5120), "blocks.0.modulation": (1, 6, 5120)},
    ("wan-2.1", "diffusers"): {"scale_shift_table": (1, 2, 5120), "blocks.0.scale_shift_table": (1, 6, 5120)},
    ("wan-2.2", "diffusers"): {"scale_shift_table": (1, 2, 5120), "blocks.0.scale_shift_table": (1, 6, 5120)},
    ("ltx-video", "diffusers"): {"scale_shift_table": (2, 2048), "transformer_blocks.0.scale_shift_table": (6, 2048)},
    ("ltx-2", "diffusers"): {"scale_shift_table": (2, 4096), "transformer_blocks.0.scale_shift_table": (6, 4096)},
    ("allegro", "diffusers"): {"scale_shift_table": (2, 2304)},
    ("cosmos-1", "diffusers"): {"learnable_pos_embed.pos_emb_t": (128, 4096)},
    ("mochi", "diffusers"): {"time_embed.caption_proj.bias": (1536,)},
}
GRAPHS = [graph for family in FAMILIES.values() for graph in family.graphs]


def weights(drawn: Graph) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for line in drawn.modules.split("\n"):
        name, *sizes = line.split() or [""]
        kernel = tuple(map(int, sizes.pop().split("x"))) if sizes and "x" in sizes[-1] else ()
        for full in spread(name) if name else ():
            found[f"{full}.weight"] = (*map(int, sizes), *kernel)
    return {**found, **EXTRA.get((drawn.architecture, drawn.layout), {})}


def spread(name: str) -> Iterator[str]:
    row = re.search(r"\{(\d+)-(\d+)\}", name)
    if row is None:
        yield name
        return
    for number in range(int(row[1]), int(row[2]) + 1):
        yield from spread(name[: row.start()] + str(number) + name[row.end() :])


@pytest.mark.parametrize("drawn", GRAPHS, ids=lambda drawn: f"{drawn.architecture}-{drawn.layout}")
def test_a_model_of_just_these_modules_is_of_that_architecture(drawn: Graph) -> None:
    assert drawn.architecture in told(of(weights(drawn)).tensors)


@pytest.mark.parametrize("drawn", GRAPHS, ids=lambda drawn: f"{drawn.architecture}-{drawn.layout}")
def test_every_module_of_a_graph_fits_it(drawn: Graph) -> None:
    bits = sum(net.bit for net in graph.atlas().nets if net.graph is drawn)
    extra = EXTRA.get((drawn.architecture, drawn.layout), {})
    for name, shape in weights(drawn).items():
        if name not in extra:
            module = name.removesuffix(".weight")
            assert graph.named(module) & bits
            assert graph.named(module.replace(".", "_")) & bits
            assert graph.fitting(module, shape[0], None, None) & bits


def test_animate_and_speech_of_wan_22() -> None:
    clip = next(one for one in GRAPHS if "img_emb" in one.modules)
    picture = {**weights(clip), "patch_embedding.weight": (5120, 36, 1, 2, 2)}
    assert told(of(picture).tensors) == ("wan-2.1",)
    face = {
        **picture,
        "face_adapter.fuser_blocks.0.k_norm.weight": (128,),
        "pose_patch_embedding.weight": (5120, 16, 1, 2, 2),
    }
    assert (told(of(face).tensors), variant(of(face).tensors)) == (("wan-2.2",), "animate")
    plain = next(one for one in GRAPHS if one.architecture == "wan-2.2" and one.layout == "native")
    speech = {**weights(plain), "casual_audio_encoder.encoder.final_linear.weight": (1, 1)}
    assert (told(of(speech).tensors), variant(of(speech).tensors)) == (("wan-2.2",), "s2v")


def test_a_small_model_of_the_same_blocks_has_a_custom_width() -> None:
    for drawn in GRAPHS:
        if drawn.architecture in ("allegro", "motif-video", "easyanimate", "latte"):
            continue  # told by names alone, but Allegro: only its width tells it from PixArt in diffusers' naming
        narrow = {name: tuple(max(1, size // 16) for size in shape) for name, shape in weights(drawn).items()}
        found = told(of(narrow).tensors)
        parent = {"wan-2.1": "wan", "wan-2.2": "wan"}.get(drawn.architecture, drawn.architecture)
        parent = "cosmos-predict2" if (drawn.architecture, drawn.layout) == ("anima", "diffusers") else parent
        assert found == (parent,)
        assert variant(of(narrow).tensors) == "custom-width"
