"""Hypernetworks in every form that A1111 writes (modules/hypernetworks/hypernetwork.py): old, flattened, broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from hubman.core.identify import identify
from hubman.core.types import Format, Header, HypernetworkFacts, Kind, TensorInfo
from hubman.errors import IntegrityError
from hubman.formats.pickle import flattened

SD1, SD2 = (320, 640, 768, 1280), (320, 640, 1024, 1280)
SETTINGS = {
    "step": 1000, "name": "it", "layer_structure": [1, 2, 1], "activation_func": "relu", "is_layer_norm": False,
    "weight_initialization": "Normal", "sd_checkpoint": "abcdef", "activate_output": True, "use_dropout": False,
}  # fmt: skip


def tensor(*shape: int) -> TensorInfo:
    return TensorInfo(shape, "F32")


def network(width: int, structure: Sequence[float] = (1, 2, 1), *, active: bool = True, norm: bool = False) -> Any:
    """`HypernetworkModule`: per layer a matrix, then an activation, a norm: those without numbers leave gaps."""
    found: dict[str, TensorInfo] = {}
    number = 0
    for before, after in pairwise(structure):
        found[f"linear.{number}.weight"] = tensor(int(width * after), int(width * before))
        found[f"linear.{number}.bias"] = tensor(int(width * after))
        number += 1 + active
        if norm:
            found[f"linear.{number}.weight"] = found[f"linear.{number}.bias"] = tensor(int(width * after))
            number += 1
    return found


def first_form(width: int) -> Any:
    """Before October 2022, and NovelAI's: two matrices and nothing between."""
    return {"linear1.weight": tensor(width * 2, width), "linear2.weight": tensor(width, width * 2)}


def header(tree: Any) -> Header:
    return Header(Format.PICKLE, dict(flattened(tree)), tree=tree)


def pairs(widths: Iterable[int], make: Any = network, **form: Any) -> dict[Any, Any]:
    return {width: (make(width, **form), make(width, **form)) for width in widths}


def facts_of(tree: Any) -> HypernetworkFacts:
    facts = identify(header(tree))
    assert facts.kind is Kind.HYPERNETWORK
    assert facts.hypernetwork is not None
    return facts.hypernetwork


@pytest.mark.parametrize(
    ("widths", "candidates"),
    [
        (SD1, ("sd1",)),
        (SD2, ("sd2",)),
        ((768,), ("sd1",)),
        ((640, 1280, 2048), ("sdxl",)),
        ((320, 640, 768, 1024, 1280), ("sd1", "sd2")),  # all boxes ticked: works on both
        ((320, 640, 1280), ("sd1", "sd2")),
        ((640, 1280), ("sd1", "sd2", "sdxl")),
        ((16, 32, 64, 80), ()),
    ],
)
def test_base(widths: tuple[int, ...], candidates: tuple[str, ...]) -> None:
    facts = identify(header(pairs(widths) | SETTINGS))
    assert (facts.kind, facts.candidates) == (Kind.HYPERNETWORK, candidates)
    assert facts.hypernetwork is not None
    assert facts.hypernetwork.dims == widths


@pytest.mark.parametrize("structure", [(1, 1), (1, 2, 1), (1, 1.5, 1), (1, 0.5, 1), (1, 2, 2, 1), (1, 2, 4, 2, 1)])
@pytest.mark.parametrize("settings", [True, False])
def test_layer_structure(structure: tuple[float, ...], settings: bool) -> None:
    written = {**SETTINGS, "layer_structure": list(structure)} if settings else {}
    assert facts_of(pairs(SD1, structure=structure) | written).layer_structure == structure


def test_tensors_outrank_the_declared_structure() -> None:
    tree = pairs(SD1) | {**SETTINGS, "layer_structure": [1, 3, 1]}
    assert facts_of(tree).layer_structure == (1, 2, 1)
    assert any(evidence.fact == "layer_structure" for evidence in identify(header(tree)).evidence)


@pytest.mark.parametrize(
    ("form", "settings", "activation"),
    [
        ({}, {"activation_func": "swish"}, "swish"),
        ({"active": False}, {"activation_func": None}, "linear"),
        ({"active": False}, {}, "linear"),
        ({"active": False, "norm": True}, {}, "linear"),
        ({}, {}, "unknown"),  # something stood between the layers, and nobody wrote what
        ({"norm": True}, {}, "unknown"),
    ],
)
def test_activation(form: dict[str, bool], settings: dict[str, Any], activation: str) -> None:
    assert facts_of(pairs(SD1, **form) | settings).activation == activation


def test_norm_dropout_and_step() -> None:
    assert facts_of(pairs(SD1, norm=True)).layer_norm
    assert not facts_of(pairs(SD1)).layer_norm
    assert facts_of(pairs(SD1) | {"use_dropout": True}).dropout
    assert facts_of(pairs(SD1) | {"dropout_structure": [0, 0.3, 0]}).dropout
    assert not facts_of(pairs(SD1) | {"dropout_structure": [0, 0, 0]}).dropout
    assert (facts_of(pairs(SD1) | SETTINGS).step, facts_of(pairs(SD1) | {"step": 12.0}).step) == (1000, 12)


def test_the_first_form() -> None:
    found = facts_of(pairs(SD1, first_form))
    assert (found.layer_structure, found.activation, found.layer_norm) == ((1, 2, 1), "linear", False)


def test_keys_that_became_text() -> None:
    assert facts_of({str(width): pair for width, pair in pairs(SD1).items()}).dims == SD1


@pytest.mark.parametrize("make", [network, first_form])
def test_flattened_into_safetensors(make: Any) -> None:
    tensors = {
        f"{width}.{side}.{name}": info
        for width, pair in pairs(SD2, make).items()
        for side, net in enumerate(pair)
        for name, info in net.items()
    }
    metadata = {
        "name": "it",
        "step": "700",
        "layer_structure": "[1, 2, 1]",
        "activation_func": "mish",
        "use_dropout": "True",
    }
    facts = identify(Header(Format.SAFETENSORS, tensors, metadata))
    assert (facts.kind, facts.candidates) == (Kind.HYPERNETWORK, ("sd2",))
    assert facts.hypernetwork == HypernetworkFacts(SD2, (1, 2, 1), "mish", False, True, True, "it", 700)


@pytest.mark.parametrize(
    "pair",
    [
        (network(768), network(640)),
        (network(768), {"linear.0.weight": tensor(1536, 768)}),
        (network(768),),
        (network(768), {}),
        (),
    ],
)
def test_broken(pair: Any) -> None:
    with pytest.raises(IntegrityError, match="hypernetwork"):
        identify(header(pairs(SD1) | {768: pair} | SETTINGS))


@pytest.mark.parametrize(
    "tree",
    [
        SETTINGS,
        {"hash": "abc", "optimizer_state_dict": {"state": {0: {"exp_avg": tensor(1536, 768)}}, "param_groups": []}},
        {0: tensor(4, 768), 1: tensor(3, 3)},
    ],
)
def test_what_is_none(tree: Any) -> None:
    assert identify(header(tree)).kind is not Kind.HYPERNETWORK
