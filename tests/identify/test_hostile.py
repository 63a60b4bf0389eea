"""Headers that no trainer writes: identify answers or raises IntegrityError, never anything else."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping
from typing import Any

import pytest
from corpus import cases, generated, header_of, of
from hypothesis import given
from hypothesis import strategies as st

from hubman.core.identify import algorithms, identify, names
from hubman.core.types import Facts, Format, Header, Kind, TensorInfo
from hubman.errors import IntegrityError

POOL = random.Random(7).sample([*cases(), *generated()], 120)
DIMENSIONS = st.sampled_from([0, 1, 2, 3, 4, 77, 320, 768, 1280, 3072, 1 << 62])
TENSORS = st.builds(
    TensorInfo,
    st.lists(DIMENSIONS, max_size=5).map(tuple),
    st.sampled_from(["F16", "U8", "I8", "I32", "F8_E4M3", "F4", "I64", "", "odd"]),
)
TEXTS = st.sampled_from(["", "#", "9" * 5000, "\n", "\ud800", "{0-3}", "٣", "²", ".0.", "a" * 5000]) | st.text(
    max_size=5
)
ENDS = st.sampled_from([
    ".lora_down.weight", ".lora_up.weight", ".hada_w1_a", ".lokr_w1", ".oft_blocks", ".diff", ".on_input", ".alpha",
    ".weight", ".qweight", "._data", "._data._data", ".weight_scale", "_0.lora_up.weight",
])  # fmt: skip
KEYS = TEXTS | st.sampled_from([768, 0, -1, None, True, 1.5, 10**400, "768", "state_dict", "model", "layer_structure"])
TREES: st.SearchStrategy[Any] = st.recursive(
    TENSORS | st.sampled_from([None, True, 10**400, float("nan"), float("inf"), "x", b"x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


def asked(header: Header) -> Facts | None:
    """Identify; every reason must be a sentence."""
    with contextlib.suppress(IntegrityError):
        facts = identify(header, name="any")
        assert all(evidence.because for evidence in facts.evidence)
        return facts
    return None


@given(st.sampled_from(POOL), st.data())
def test_a_known_file_with_odd_names_and_shapes(case: Mapping[str, Any], data: st.DataObject) -> None:
    header = header_of(case)
    tensors, known = dict(header.tensors), list(header.tensors)
    for number in data.draw(st.lists(st.integers(0, len(known) - 1), max_size=6)) if known else ():
        name = known[number]
        tensors[name] = data.draw(TENSORS)
        place, odd = data.draw(st.integers(0, len(name))), data.draw(TEXTS)
        tensors[name[:place] + odd + name[place:] + data.draw(ENDS)] = data.draw(TENSORS)
    asked(Header(header.format, tensors, header.metadata, tree=header.tree, configs=header.configs))


@given(TREES, st.dictionaries(TEXTS, TENSORS, max_size=4))
def test_any_tree(tree: object, tensors: Mapping[str, TensorInfo]) -> None:
    asked(Header(Format.PICKLE, tensors, tree=tree))


PAIR = {"linear.0.weight": TensorInfo((768, 768), "F32")}


@pytest.mark.parametrize("structure", [[1, float("nan")], [1, float("inf")], [1, 10**400], [1, 1e305]])
def test_a_hypernetwork_that_declares_no_numbers_is_measured(structure: list[float]) -> None:
    facts = asked(Header(Format.PICKLE, {}, tree={768: (PAIR, PAIR), "layer_structure": structure, "step": 10**400}))
    assert facts is not None
    assert facts.kind is Kind.HYPERNETWORK
    assert facts.hypernetwork is not None
    assert facts.hypernetwork.layer_structure == (1.0, 1.0)
    assert facts.hypernetwork.step is None


@pytest.mark.parametrize("width", [0, 10**5000, "9" * 5000], ids=["none", "number", "digits"])
def test_a_width_that_is_none(width: int | str) -> None:
    square = {"linear.0.weight": TensorInfo((0, 0), "F32")}
    facts = asked(Header(Format.PICKLE, {}, tree={width: (square, square)}))
    assert facts is None or facts.kind is not Kind.HYPERNETWORK


def test_a_number_sign_in_a_name_is_no_number() -> None:
    """`#` stands for a number in the graphs; in a file it is a letter like any other."""
    plain = {"lora_unet_double_blocks_3_img_mlp_0": (12288, 3072)}
    odd = {"lora_unet_double_blocks_#_img_mlp_0": (12288, 3072)}

    def lora(modules: Mapping[str, tuple[int, int]]) -> Header:
        return of(
            {
                f"{name}.{end}.weight": shape
                for name, (out, into) in modules.items()
                for end, shape in (("lora_down", (8, into)), ("lora_up", (out, 8)))
            }
        )

    assert "flux1" in identify(lora(plain)).candidates
    assert identify(lora(odd)).candidates == ()


def test_names_longer_than_any_are_not_remembered() -> None:
    before = names._template.cache_info().currsize, algorithms._split.cache_info().currsize
    long = {f"{'layer.' * 100}{number}.lora_down.weight": (4, 4) for number in range(50)}
    assert asked(of(long)) is not None
    assert (names._template.cache_info().currsize, algorithms._split.cache_info().currsize) == before
    assert names.template("a.1." + "b" * names.LONGEST) == ("a.1." + "b" * names.LONGEST, ())
