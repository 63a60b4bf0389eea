"""Hypernetworks, as A1111 saves them: modules/hypernetworks/hypernetwork.py `Hypernetwork.save`.

A dictionary with whole numbers as keys (the context widths), each with a pair of small networks for keys and values,
beside the settings they were built from.
"""

from __future__ import annotations

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
_LAYER = re.compile(r"linear\.?(\d+)\.weight\Z")


def identify(header: Header) -> Facts | None:
    """Return the facts of a hypernetwork, or None.

    Raises:
        IntegrityError: `hypernetwork-broken` when its networks do not fit the widths they stand under.
    """
    tree = header.tree if header.tree is not None else _tree(header)
    if not isinstance(tree, dict):
        return None
    pairs = {key: value for key, value in tree.items() if type(key) is int and _is_pair(value)}
    if not pairs:
        return None
    for width, pair in pairs.items():
        _check(width, pair)
    dims = tuple(sorted(pairs))
    draft = Draft(header, Kind.HYPERNETWORK)
    draft.note("kind", Kind.HYPERNETWORK, N_("it has pairs of small networks for the widths {widths}"), widths=dims)
    draft.values["hypernetwork"] = _facts(tree, dims, next(iter(pairs.values()))[0])
    _tell_architecture(draft, dims)
    return draft.done()


_FLAT = re.compile(r"(\d+)\.([01])\.(linear\.?\d+\.(?:weight|bias))\Z")


def _tree(header: Header) -> object:
    """Undo what flattening a state dict into safetensors does: `768.0.linear.0.weight`; settings become metadata."""
    tree: dict[object, object] = {}
    for name, info in header.tensors.items():
        found = _FLAT.match(name)
        if found is None:
            return None
        pair = tree.setdefault(int(found[1]), ({}, {}))
        pair[int(found[2])][found[3]] = info  # type: ignore[index]
    tree.update({key: value for key, value in header.metadata.items() if key in _SETTINGS})
    return tree


_SETTINGS = ("name", "activation_func")


def _is_pair(value: object) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_network, value))


def _is_network(value: object) -> bool:
    return isinstance(value, dict) and any(_LAYER.match(str(key)) for key in value)


def _weights(network: Mapping[object, object]) -> list[tuple[int, ...]]:
    """Return the shapes of the linear layers in order; layer norms have vectors and are left out."""
    found: dict[int, tuple[int, ...]] = {}
    for key, value in network.items():
        match = _LAYER.match(str(key))
        if match and isinstance(value, TensorInfo) and len(value.shape) == 2:
            found[int(match[1])] = value.shape
    return [found[number] for number in sorted(found)]


def _check(width: int, pair: object) -> None:
    for network in pair if isinstance(pair, (tuple, list)) else ():
        shapes = _weights(network)
        chained = all(before[0] == after[1] for before, after in pairwise(shapes))
        if not shapes or shapes[0][1] != width or shapes[-1][0] != width or not chained:
            raise IntegrityError(
                "hypernetwork-broken",
                N_("this hypernetwork is broken: its network for width {width} does not fit that width"),
                hint=N_("download it again, or train it anew"),
                width=width,
            )


def _facts(tree: Mapping[object, object], dims: tuple[int, ...], network: Mapping[object, object]) -> HypernetworkFacts:
    shapes = _weights(network)
    measured = (1.0, *(shape[0] / shapes[0][1] for shape in shapes))
    written = tree.get("layer_structure")
    structure = _numbers(written) or measured
    normed = any(isinstance(value, TensorInfo) and len(value.shape) == 1 and str(key).endswith("weight")
                 for key, value in network.items())  # fmt: skip
    name, step = tree.get("name"), tree.get("step")
    return HypernetworkFacts(
        dims=dims,
        layer_structure=structure,
        activation=str(tree.get("activation_func") or "linear"),
        layer_norm=bool(tree.get("is_layer_norm", normed)),
        dropout=bool(tree.get("use_dropout", False)),
        activate_output=bool(tree.get("activate_output", True)),
        name=name if isinstance(name, str) else None,
        step=step if type(step) is int else None,
    )


def _numbers(value: object) -> tuple[float, ...]:
    parts = value if isinstance(value, (list, tuple)) else ()
    return tuple(float(part) for part in parts) if all(isinstance(part, (int, float)) for part in parts) else ()


def _tell_architecture(draft: Draft, dims: tuple[int, ...]) -> None:
    for context, (found, words) in CONTEXTS.items():
        if context in dims:
            draft.architectures(found, words)
            return
    if set(dims) <= LEVELS:
        draft.architectures(("sd1", "sd2"), N_("it has modules for self-attention only, which SD 1.x and 2.x share"))
        return
    draft.architectures((), N_("the widths {widths} are no known model's"), Confidence.LIKELY, widths=dims)
    draft.say("variant", "custom-width", N_("it was made for a base that was built narrower or wider"))
