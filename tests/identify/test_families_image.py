"""The families of picture transformers: every labelled header, and the forms in which such files are saved."""

from __future__ import annotations

import functools
import json
import lzma
import re
from collections.abc import Callable, Iterator, Mapping
from math import prod

import pytest
from corpus import HERE, Case, base_of, cases, header_from, header_of, kind_of

from hubman.core.identify import match, names
from hubman.core.identify.draft import Tensors
from hubman.core.types import Confidence, Header, Kind, TensorInfo

MODULES = (
    "auraflow", "bria", "chroma", "cogview", "dit", "ernie_image", "flux1", "flux2", "flux3", "hidream", "hunyuan_dit",
    "hunyuan_image", "ideogram4", "joyimage", "kandinsky", "krea2", "lens", "lumina", "nucleus_image", "omnigen",
    "ovis_image", "pixart", "pixel_models", "prx", "qwen_image", "qwen_image_21", "sana", "sd3", "stable_cascade",
    "z_image",
)  # fmt: skip
PARENTS = {"sd3": ("sd3-medium",)}
"""What may be said instead of a label that is only the parent."""

UNTOLD: Mapping[str, tuple[str, ...]] = {
    # Default configs that build no released model, under names and widths of another one.
    "default__CogView3PlusTransformer2DModel.json": ("cogview3", "cogview4"),
    "default__CogView4Transformer2DModel.json": ("cogview3", "cogview4"),
    "default__PriorTransformer.json": ("kandinsky2", "unclip"),
}
PREFIXES = (
    "model.diffusion_model.", "diffusion_model.", "model.model.", "transformer.", "transformer/", "net.", "model.",
    "unet.", "unet/", "module.",
)  # fmt: skip


@functools.cache
def generated() -> tuple[Case, ...]:
    lines = lzma.decompress((HERE / "generated.jsonl.xz").read_bytes()).decode().splitlines()
    return tuple(map(json.loads, lines))


def everything() -> Iterator[tuple[Case, Header]]:
    yield from ((case, header_of(case)) for case in cases())
    yield from ((record, header_from(record)) for record in generated())


@functools.cache
def known() -> frozenset[str]:
    families = match.all_families()
    return frozenset(
        architecture
        for module in MODULES
        for signature in families[module].signatures
        for architecture in signature.architectures
    )


@functools.cache
def ours() -> tuple[tuple[Case, Header], ...]:
    return tuple(
        (case, header)
        for case, header in everything()
        if header.tensors and kind_of(case) in ("diffusion-model", "checkpoint") and base_of(case) in known()
    )


def identity(value: object) -> str:
    return str(value["file"]) if isinstance(value, dict) else ""


def told(tensors: Tensors) -> tuple[str, ...]:
    chosen = match.best(match.matches(tensors))
    return tuple(dict.fromkeys(name for found in chosen for name in found.entry.signature.architectures))


def wanted(case: Case) -> set[tuple[str, ...]]:
    base = base_of(case)
    assert base
    short = case["file"].rpartition("/")[2]
    if short in UNTOLD:
        return {UNTOLD[short]}
    either = case.get("ambiguous_base")
    return {(base,), PARENTS.get(base, (base,))} | ({tuple(sorted(either, reverse=True))} if either else set())


def expect(case: Case, tensors: Tensors) -> None:
    found = told(tensors)
    assert found in wanted(case) or tuple(sorted(found, reverse=True)) in wanted(case)


# --- as they are ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("case", "header"), ours(), ids=identity)
def test_label(case: Case, header: Header) -> None:
    expect(case, header.tensors)
    assert len(match.best(match.matches(header.tensors))) == 1


def test_nothing_else_matches() -> None:
    families = {id(match.all_families()[module]) for module in MODULES}
    mine = {id(case) for case, _ in ours()}
    wrong = {
        case["file"]: found.entry.signature.architectures
        for case, header in everything()
        if header.tensors and id(case) not in mine
        for found in match.matches(header.tensors)
        if id(found.entry.family) in families
    }
    assert not wrong


def test_every_architecture_has_a_case() -> None:
    seen = {base_of(case) for case, _ in ours()}
    unseen = {
        "boogu-image", "hidream-o1", "lens", "mage-flow", "ming-image", "newbie-image", "pixeldit", "sensenova-u1.5",
    }  # fmt: skip
    assert known() - seen - {"flux2"} == unseen


# --- as they are saved ---------------------------------------------------------------------------------------------
def bare(tensors: Tensors) -> dict[str, TensorInfo]:
    """The core's tensors alone, under their own names."""
    prefix = match.best(match.matches(tensors))[0].part.prefix
    return {name[len(prefix) :]: info for name, info in tensors.items() if name.startswith(prefix)}


def renamed(tensors: Tensors) -> Tensors:
    return {name.removesuffix(".scale") + (".weight" * name.endswith(".scale")): tensors[name] for name in tensors}


def is_matrix(name: str, info: TensorInfo) -> bool:
    return (
        name.endswith(".weight") and len(info.shape) == 2 and "embed" not in name.rpartition(".")[0].rpartition(".")[2]
    )


def nf4(tensors: Tensors) -> Tensors:
    """bitsandbytes: two weights a byte in one column, with the state beside it."""
    found: dict[str, TensorInfo] = {}
    for name, info in tensors.items():
        if is_matrix(name, info):
            found[name] = TensorInfo((prod(info.shape) // 2, 1), "U8")
            found |= {
                f"{name}.{part}": TensorInfo((16,), "F32")
                for part in ("absmax", "quant_map", "nested_absmax", "quant_state.bitsandbytes__nf4")
            }
        else:
            found[name] = info
    return found


def fp8(tensors: Tensors) -> Tensors:
    found = dict(tensors)
    for name, info in tensors.items():
        if is_matrix(name, info):
            found |= {
                name: TensorInfo(info.shape, "F8_E4M3"),
                name.removesuffix("weight") + "scale_weight": TensorInfo((), "F32"),
                name.removesuffix("weight") + "input_scale": TensorInfo((), "F32"),
            }
    return found | {"scaled_fp8": TensorInfo((2,), "F8_E4M3")}


def nvfp4(tensors: Tensors) -> Tensors:
    """Two weights a byte along the rows, as ComfyUI saves it; thin matrices stay as they are."""
    found = dict(tensors)
    for name, info in tensors.items():
        if is_matrix(name, info) and min(info.shape) >= 1024:
            found |= {
                name: TensorInfo((info.shape[0], info.shape[1] // 2), "U8"),
                name + "_scale": TensorInfo((info.shape[0], info.shape[1] // 16), "F8_E4M3"),
                name + "_scale_2": TensorInfo((), "F32"),
                name.removesuffix("weight") + "comfy_quant": TensorInfo((24,), "U8"),
            }
    return found


def pruned(tensors: Tensors) -> Tensors:
    """Only the first blocks of each row of many."""
    depth: dict[str, int] = {}
    for name in tensors:
        _, numbers = names.template(name)
        if numbers:
            row = re.split(r"(?<=[._])\d", name, maxsplit=1)[0]
            depth[row] = max(depth.get(row, 0), numbers[0])
    return {
        name: info
        for name, info in tensors.items()
        if not (numbers := names.template(name)[1])
        or depth[re.split(r"(?<=[._])\d", name, maxsplit=1)[0]] < 5
        or numbers[0] < 3
    }


def prefixed(prefix: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {prefix + name: info for name, info in tensors.items()}


SAVED: Mapping[str, Callable[[Tensors], Tensors]] = {
    "bare": dict,
    **{prefix: prefixed(prefix) for prefix in PREFIXES},
    "norms as .weight": renamed,
    "nf4": nf4,
    "fp8": fp8,
    "nvfp4": nvfp4,
    "pruned": pruned,
}


@pytest.mark.parametrize("form", SAVED)
def test_form(form: str) -> None:
    for case, header in ours():
        tensors = SAVED[form](bare(header.tensors))
        try:
            expect(case, tensors)
        except AssertionError as error:
            raise AssertionError(f"{case['file']}: {told(tensors)}") from error


def test_other_widths() -> None:
    """A narrower one is the same architecture, or its parent, and never certain, where the width was looked at."""
    parents = {"sd3-medium": "sd3", "sd3.5-large": "sd3", **dict.fromkeys(
        ("flux2-dev", "flux2-klein-9b", "flux2-klein-4b"), "flux2")}  # fmt: skip
    unknown = []
    for case, header in ours():
        base = base_of(case)
        assert base
        tensors = {
            name: TensorInfo(tuple(size * 9 // 16 if size > 24 else size for size in info.shape), info.dtype)
            for name, info in bare(header.tensors).items()
        }
        chosen = match.best(match.matches(tensors))
        if not {base, parents.get(base, base)} & set(told(tensors)):
            unknown.append(case["file"].rpartition("/")[2])
        elif chosen[0].entry.signature.sure is not Confidence.CERTAIN:
            assert chosen[0].entry.signature.variant in ("custom-width", "prior")
    # Only the width tells PixArt sigma from Allegro in diffusers' naming.
    assert set(unknown) == {"pixart_alpha_512__diffusers.json", "pixart_sigma_1024__diffusers.json"}


@pytest.mark.parametrize("module", MODULES)
def test_each_signature_holds_for_what_it_asks(module: str) -> None:
    for signature in match.all_families()[module].signatures:
        asked = (wish.split("|")[0].replace("#", "0").replace("*", "x") for wish in signature.has)
        tensors = dict.fromkeys(asked, TensorInfo((1,), "F16"))
        for wish, form in signature.shapes.items():
            sizes = (size[0] if isinstance(size, tuple) else size or 1 for size in form)
            tensors[wish.split("|")[0]] = TensorInfo(tuple(sizes), "F16")
        assert told(tensors) == signature.architectures


@pytest.mark.parametrize(
    ("architecture", "shapes"),
    [
        ("flux1", {"single_transformer_blocks.0.mlp_fc1.qweight": (6144, 3072),
                   "transformer_blocks.0.mlp_context_fc1.qweight": (6144, 3072)}),
        ("qwen-image", {"transformer_blocks.0.img_mod.1.qweight": (4608, 1536), "txt_norm.weight": (3584,),
                        "transformer_blocks.0.txt_mlp.net.0.proj.qweight": (12288, 1536), "img_in.weight": (3072, 64),
                        "transformer_blocks.0.attn.norm_added_q.weight": (128,), "img_in.bias": (3072,),
                        "txt_in.weight": (3072, 3584), "proj_out.weight": (64, 3072)}),
        ("z-image", {"cap_embedder.0.weight": (2560,), "cap_embedder.1.weight": (3840, 2560), "x_pad_token": (1, 3840),
                     "layers.0.adaLN_modulation.0.weight": (15360, 256), "cap_pad_token": (1, 3840),
                     "noise_refiner.0.adaLN_modulation.0.weight": (15360, 256),
                     "context_refiner.0.attention_norm1.weight": (3840,),
                     "layers.0.attention.to_qkv.qweight": (11520, 1920)}),
    ],
)  # fmt: skip
def test_nunchaku(architecture: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
    tensors = {name: TensorInfo(shape, "I8") for name, shape in shapes.items()}
    assert told(tensors) == (architecture,)


def test_channels_are_told_in_packed_files() -> None:
    for file, variant in (("flux1_fill__prefixed", "inpaint"), ("flux1_depth_canny__bare", "control")):
        header = next(header for case, header in ours() if case["file"] == f"comfy_generated/{file}.json")
        (found,) = match.best(match.matches(nf4(bare(header.tensors))))
        assert next(item.name for item in found.entry.family.variants if match.holds(found.part, item)) == variant


# --- single facts --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("file", "variant"),
    [
        ("comfy_generated/flux1_fill__prefixed.json", "inpaint"),
        ("comfy_generated/flux1_depth_canny__bare.json", "control"),
        ("comfy_generated/flux1_dev__bare.json", "dev"),
        ("comfy_generated/flux1_schnell__prefixed.json", "schnell"),
        ("generated/diffusers/flux1_fill__diffusers.json", "inpaint"),
        ("generated/diffusers/flux1_schnell__diffusers.json", "schnell"),
        ("generated/diffusers/qwen_image_layered__diffusers.json", "layered"),
        ("generated/diffusers/zimage_omni__diffusers.json", "omni"),
        ("generated/diffusers/sana_sprint_1.6b__diffusers.json", "sprint"),
        ("generated/diffusers/hunyuandit_1.1__diffusers.json", "v1.1"),
        ("comfy_generated/hunyuandit_v1.2__bare.json", "v1.2"),
        ("comfy_generated/cascade_stage_b__bare.json", "stage-b"),
        ("comfy_generated/cascade_stage_c__bare.json", "stage-c"),
        ("generated/diffusers/kandinsky5_image__diffusers.json", "image"),
        ("generated/diffusers/default__SD3Transformer2DModel.json", "custom-width"),
    ],
)
def test_variant(file: str, variant: str) -> None:
    header = next(header for case, header in ours() if case["file"] == file)
    (found,) = match.best(match.matches(header.tensors))
    first = (item.name for item in found.entry.family.variants if match.holds(found.part, item))
    assert (found.entry.signature.variant or next(first, None)) == variant


@pytest.mark.parametrize("file", ["comfy_generated/flux1_dev__bare", "generated/diffusers/flux1_dev__diffusers"])
def test_pruned_flux_is_told(file: str) -> None:
    header = next(header for case, header in ours() if case["file"] == f"{file}.json")
    (found,) = match.best(match.matches(pruned(header.tensors)))
    assert next(item.name for item in found.entry.family.variants if match.holds(found.part, item)) == "pruned"


def test_classes_name_known_architectures() -> None:
    parents = {"sd3", "flux2"}
    for module in MODULES:
        for name, (kind, architectures) in match.all_families()[module].classes.items():
            assert kind is Kind.DIFFUSION_MODEL, name
            assert set(architectures) <= known() | parents, name
