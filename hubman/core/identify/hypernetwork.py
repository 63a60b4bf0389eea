"""Hypernetworks, as A1111 saves them: modules/hypernetworks/hypernetwork.py `Hypernetwork.save`.

A dictionary with whole numbers as keys (the context widths), each with a pair of small networks for keys and values,
beside the settings they were built from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise

from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, HypernetworkFacts, Kind, TensorInfo
from hubman.errors import N_, IntegrityError

CONTEXTS: Mapping[int, tuple[tuple[str, ...], str]] = {
    768: (("sd1",), N_("it has modules for 768-wide text, as SD 1.x reads")),
    1024: (("sd2",), N_("it has modules for 1024-wide text, as SD 2.x reads")),
    2048: (("sdxl",), N_("it has modules for 2048-wide text, as SDXL reads")),
}
LEVELS = frozenset({320, 640, 1280})
_LAYER = re.compile(r"linear\.?(\d{1,9})\.weight\Z")


def identify(header: Header) -> Facts | None:
    """Return the facts of a hypernetwork, or None.

    Raises:
        IntegrityError: `hypernetwork-broken` when its networks do not fit the widths they stand under.
    """
    tree = header.tree if header.tree is not None else _tree(header)
    if not isinstance(tree, dict):
        return None
    widths = {width: value for key, value in tree.items() if (width := _width(key)) is not None}
    pairs = {width: value for width, value in widths.items() if _is_pair(value)}
    if not pairs:
        return None
    for width, pair in widths.items():
        _check(width, pair if width in pairs else ())
    dims = tuple(sorted(pairs))
    draft = Draft(header, Kind.HYPERNETWORK)
    draft.note("kind", Kind.HYPERNETWORK, N_("it has pairs of small networks for the widths {widths}"), widths=dims)
    _tell_structure(draft, tree, dims, pairs[dims[-1]][0])
    _tell_architecture(draft, dims)
    return draft.done()


def _width(key: object) -> int | None:
    """Return the width that a key is: a whole number, or a text of its digits."""
    if isinstance(key, str):
        return int(key) if key.isdecimal() and len(key) <= DIGITS else None
    return key if type(key) is int and abs(key) < 10**DIGITS else None


DIGITS = 9
"""Of a width or a setting; what has more is none."""

_FLAT = re.compile(r"(\d{1,9})\.([01])\.(linear\.?\d+\.(?:weight|bias))\Z")


def _tree(header: Header) -> object:
    """Undo what flattening a state dict into safetensors does: `768.0.linear.0.weight`; settings become metadata."""
    tree: dict[object, object] = {}
    for name, info in header.tensors.items():
        found = _FLAT.match(name)
        if found is None:
            return None
        pair = tree.setdefault(int(found[1]), ({}, {}))
        pair[int(found[2])][found[3]] = info  # type: ignore[index]
    tree.update({key: _value(key, value) for key, value in header.metadata.items() if key in _SETTINGS})
    return tree


_SETTINGS = (
    "name", "step", "layer_structure", "activation_func", "is_layer_norm", "use_dropout", "dropout_structure",
    "activate_output",
)  # fmt: skip
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}


def _value(key: str, text: str) -> object:
    """Read a setting that was written as text."""
    if key == "name" or text in _WORDS:
        return _WORDS.get(text, text) if key != "name" else text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_pair(value: object) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_network, value))


def _is_network(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(key, str) and _LAYER.match(key) for key in value)


def _weights(network: Mapping[object, object]) -> list[tuple[int, ...]]:
    """Return the shapes of the linear layers in order; layer norms have vectors and are left out."""
    found: dict[int, tuple[int, ...]] = {}
    for key, value in network.items():
        match = _LAYER.match(key) if isinstance(key, str) else None
        if match and isinstance(value, TensorInfo) and len(value.shape) == 2:
            found[int(match[1])] = value.shape
    return [found[number] for number in sorted(found)]


def _check(width: int, pair: object) -> None:
    networks = pair if isinstance(pair, (tuple, list)) else ()
    for shapes in map(_weights, networks) if networks else ([],):
        chained = all(before[0] == after[1] for before, after in pairwise(shapes))
        if width < 1 or not shapes or shapes[0][1] != width or shapes[-1][0] != width or not chained:
            raise IntegrityError(
                "hypernetwork-broken",
                N_("this hypernetwork is broken: its network for width {width} does not fit that width"),
                hint=N_("download it again, or train it anew"),
                width=width,
            )


def _tell_structure(
    draft: Draft, tree: Mapping[object, object], dims: tuple[int, ...], network: Mapping[object, object]
) -> None:
    """Read the structure from the tensors, and from the settings what tensors do not tell."""
    width, shapes = dims[-1], _weights(network)
    structure = _numbers(tree.get("layer_structure"))
    if [int(width * factor) for factor in structure[1:]] != [shape[0] for shape in shapes]:
        measured = (1.0, *(shape[0] / width for shape in shapes))
        if structure:
            words = N_("it declares the layers {declared}, its tensors have {measured}")
            draft.note("layer_structure", measured, words, declared=structure, measured=measured)
        structure = measured
    normed = any(isinstance(value, TensorInfo) and len(value.shape) == 1 and isinstance(key, str)
                 and key.endswith("weight") for key, value in network.items())  # fmt: skip
    name, step = tree.get("name"), tree.get("step")
    draft.values["hypernetwork"] = HypernetworkFacts(
        dims=dims,
        layer_structure=structure,
        activation=_activation(tree, network),
        layer_norm=normed or tree.get("is_layer_norm") is True,
        dropout=tree.get("use_dropout") is True or any(_numbers(tree.get("dropout_structure"))),
        activate_output=bool(tree.get("activate_output", True)),
        name=name if isinstance(name, str) else None,
        step=int(step) if isinstance(step, (int, float)) and step == step // 1 and _is_modest(step) else None,
    )


def _activation(tree: Mapping[object, object], network: Mapping[object, object]) -> str:
    """Return the activation that is written; where none is, numbers that are left out between layers betray one."""
    written = tree.get("activation_func")
    if isinstance(written, str) and written:
        return written
    numbers = sorted(int(match[1]) for key in network if isinstance(key, str) and (match := _LAYER.match(key)))
    step = max((after - before for before, after in pairwise(numbers)), default=1)
    return "unknown" if "activation_func" not in tree and step > 1 else "linear"


def _numbers(value: object) -> tuple[float, ...]:
    parts = value if isinstance(value, (list, tuple)) else ()
    meant = all(isinstance(part, (int, float)) and _is_modest(part) for part in parts)
    return tuple(map(float, parts)) if meant else ()


def _is_modest(number: float) -> bool:
    """Whether a setting can be meant: no NaN, no infinity, nothing astronomical."""
    limit: int = 10**DIGITS
    return -limit < number < limit


def _tell_architecture(draft: Draft, dims: tuple[int, ...]) -> None:
    found = [CONTEXTS[width] for width in dims if width in CONTEXTS]
    if len(found) == 1:
        draft.architectures(*found[0])
    elif found:
        words = N_("it has modules for the text of several bases: {widths}")
        draft.architectures(tuple(name for names, _ in found for name in names), words, widths=dims)
    elif set(dims) <= LEVELS:
        several = ("sd1", "sd2") if min(LEVELS) in dims else ("sd1", "sd2", "sdxl")
        draft.architectures(several, N_("it has modules for self-attention only, which several bases share"))
    else:
        draft.architectures((), N_("the widths {widths} are no known model's"), Confidence.LIKELY, widths=dims)
        draft.say("variant", "custom-width", N_("it was made for a base that was built narrower or wider"))
