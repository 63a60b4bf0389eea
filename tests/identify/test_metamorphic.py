"""What must not change an answer: prefixes, order, precision, name, container, metadata, missing blocks.

A change may make us less sure (a set, `unknown`), never confidently wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest
from corpus import Case, base_of, cases, generated, header_of, kind_of, right_base

from hubman.core.identify import identify
from hubman.core.types import Confidence, Facts, Format, Header, Kind, TensorInfo
from hubman.errors import IntegrityError

CASES = [case for case in (*cases(), *generated()) if header_of(case).tensors]
CORE_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "model.", "net.", "module.", "transformer.")
LIES: tuple[Mapping[str, str], ...] = (
    {"ss_base_model_version": "sd_v1", "modelspec.architecture": "stable-diffusion-v1"},
    {"ss_base_model_version": "sdxl_base_v1-0", "modelspec.architecture": "stable-diffusion-xl-v1-base"},
    {"ss_base_model_version": "flux1", "ss_v2": "True", "modelspec.architecture": "flux-1-dev"},
    {"ss_sd_model_name": "ponyDiffusionV6XL.safetensors", "sshs_model_hash": "e3b0c44298fc"},
)


def sample(count: int, seed: str) -> list[Case]:
    """Choose some cases, the same in every run; every kind has its share."""
    shuffled = sorted(CASES, key=lambda case: random.Random(seed + case["file"]).random())
    by_kind: dict[str, list[Case]] = {}
    for case in shuffled:
        by_kind.setdefault(kind_of(case), []).append(case)
    rows = [row[: max(4, count * len(row) // len(CASES))] for row in by_kind.values()]
    return [case for row in rows for case in row]


def confidently_wrong(facts: Facts, case: Case) -> bool:
    if facts.kind is not Kind.UNKNOWN and facts.kind != kind_of(case):
        return True
    if facts.architecture is None or base_of(case) is None or facts.confidence is Confidence.GUESS:
        return False
    return facts.kind == kind_of(case) and not right_base(facts, case)


def is_right(header: Header, case: Case) -> bool:
    try:
        facts = identify(header)
    except IntegrityError:
        return False
    return facts.kind == kind_of(case) and (base_of(case) is None or right_base(facts, case))


def check(case: Case, changed: Iterator[Header], *, same: bool = True) -> None:
    """Ask again for every changed header; `same` says that a right answer must stay the right answer."""
    right = is_right(header_of(case), case)
    for header in changed:
        try:
            facts = identify(header)
        except IntegrityError:
            assert not right or not same
            continue
        assert not confidently_wrong(facts, case), (facts.kind, facts.architecture, facts.evidence)
        if right and same:
            assert is_right(header, case), (facts.kind, facts.candidates)


def with_tensors(header: Header, tensors: Mapping[str, TensorInfo]) -> Header:
    tree = dict(tensors) if isinstance(header.tree, dict) else header.tree
    return replace(header, tensors=dict(tensors), tree=tree)


def parametrize(count: int, keep: Callable[[Case], bool] = lambda case: True) -> pytest.MarkDecorator:
    chosen = [case for case in sample(count, str(count)) if keep(case)]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case["file"])


def is_flat(case: Case) -> bool:
    """The tensors lie in one table, as in a safetensors file."""
    return header_of(case).tree is None


@parametrize(120, lambda case: kind_of(case) == "diffusion-model" and is_flat(case))
def test_a_prefix_does_not_matter(case: Case) -> None:
    header = header_of(case)
    bare = _bare(header)
    check(
        case,
        (with_tensors(header, {prefix + name: info for name, info in bare.items()}) for prefix in ("", *CORE_PREFIXES)),
    )


def _bare(header: Header) -> Mapping[str, TensorInfo]:
    for prefix in CORE_PREFIXES:
        if all(name.startswith(prefix) for name in header.tensors):
            return {name[len(prefix) :]: info for name, info in header.tensors.items()}
    return header.tensors


@parametrize(150, is_flat)
def test_the_order_of_the_tensors_does_not_matter(case: Case) -> None:
    header = header_of(case)
    names = sorted(header.tensors, key=lambda name: random.Random(name).random())
    check(case, iter([with_tensors(header, {name: header.tensors[name] for name in names})]))


@parametrize(150, is_flat)
def test_the_precision_does_not_matter(case: Case) -> None:
    header = header_of(case)
    floats = ("F16", "F32", "BF16")

    def changed(dtype: str) -> Header:
        return with_tensors(
            header,
            {
                name: TensorInfo(info.shape, dtype if info.dtype in floats else info.dtype)
                for name, info in header.tensors.items()
            },
        )

    check(case, (changed(dtype) for dtype in ("BF16", "F32", "F8_E4M3")))


@parametrize(200, lambda case: not case.get("ambiguous_base"))
def test_metadata_that_lies_is_not_believed(case: Case) -> None:
    header = header_of(case)
    for lie in LIES:
        facts = identify(replace(header, metadata={**header.metadata, **lie}))
        assert not confidently_wrong(facts, case), (lie, facts.architecture, facts.evidence)


@parametrize(100)
def test_the_file_name_does_not_matter(case: Case) -> None:
    header = header_of(case)
    for name in ("sdxl_vae_fp16", "flux1-dev-lora", "EasyNegative", "control_v11p_sd15_canny", "4x-UltraSharp"):
        facts = identify(header, name=name)
        assert not confidently_wrong(facts, case), (name, facts.kind, facts.architecture)


@parametrize(150, is_flat)
def test_the_container_does_not_matter(case: Case) -> None:
    """A state dict in a pickle, bare or wrapped, is what it is in a safetensors file."""
    header = header_of(case)
    tree = dict(header.tensors)
    wrapped = {"state_dict": tree, "epoch": 3}
    flat = {f"state_dict.{name}": info for name, info in tree.items()}
    pickled = [
        replace(header, format=Format.PICKLE, metadata={}, tree=tree),
        replace(header, format=Format.PICKLE, metadata={}, tree=wrapped, tensors=flat),
    ]
    check(case, iter(pickled), same=not header.metadata)


@parametrize(
    120,
    # half of a U-Net with motion modules built in is a motion module and a little more
    lambda case: kind_of(case) in ("lora", "diffusion-model") and is_flat(case) and "animatediff" not in case["file"],
)
def test_missing_blocks_make_us_less_sure_and_never_wrong(case: Case) -> None:
    """One block alone, the first half, all but the first block."""
    header = header_of(case)
    names = list(header.tensors)
    ambiguous = header_of(case)

    def kept() -> Iterator[Header]:
        blocks = sorted({_block(name) for name in names} - {""})
        for block in blocks[:: max(1, len(blocks) // 3)]:
            yield with_tensors(ambiguous, {name: header.tensors[name] for name in names if _block(name) == block})
        yield with_tensors(header, {name: header.tensors[name] for name in names[: len(names) // 2]})
        yield with_tensors(
            header, {name: header.tensors[name] for name in names if _block(name) != (blocks or [""])[0]}
        )

    for part in kept():
        try:
            facts = identify(part)
        except IntegrityError:
            continue
        if facts.kind is not Kind.CHECKPOINT:  # half a file may hold what looks like companions
            assert not confidently_wrong(facts, case), (facts.kind, facts.architecture, facts.evidence)


def _block(name: str) -> str:
    """The row of blocks and the number in it, as `transformer_blocks.3` or `lora_unet_input_blocks_4`."""
    parts = name.replace("_", ".").split(".")
    number = next((place for place, part in enumerate(parts) if part.isdigit()), None)
    return ".".join(parts[: number + 1]) if number is not None else ""
