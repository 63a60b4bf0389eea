"""Adapter algorithms by the suffixes that they leave in tensor names, and the width of a module from their factors.

Sources: KohakuBlueleaf/LyCORIS `weight_list` of each module class, kohya-ss/sd-scripts networks/lora.py and oft.py,
huggingface/peft and diffusers `save_lora_weights`, cloneofsimo/lora, XLabs-AI/x-flux.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod

from hubman.core.identify.names import KEPT, LONGEST

PARTS: tuple[tuple[str, str] | tuple[str, str, str], ...] = (
    # regular expression of the suffix, name of the part, role in rendering where that is another word
    (r"lora_B(?:\.\w+)?\.bias", "bias"),
    (
        r"lora_down\.weight|lora_(?:embedding_)?A(?:\.\w+)?(?:\.weight)?|lora(?:_linear_layer)?\.down\.weight|lora[12]?\.down\.weight|down",
        "down",
    ),
    (
        r"lora_up\.weight|lora_(?:embedding_)?B(?:\.\w+)?(?:\.weight)?|lora(?:_linear_layer)?\.up\.weight|lora[12]?\.up\.weight|up",
        "up",
    ),
    (r"q_layer\.weight", "down"),
    (r"p_layer\.weight", "up"),
    (r"lambda_layer", "lambda"),
    (r"lora_mid\.weight", "mid"),
    (r"lora_E", "rank"),
    (r"hada_w1_a", "hada_w1_a"),
    (r"hada_w1_b", "hada_w1_b"),
    (r"hada_w2_a", "hada_w2_a"),
    (r"hada_w2_b", "hada_w2_b"),
    (r"hada_t1", "hada_t", "hada_t1"),
    (r"hada_t2", "hada_t", "hada_t2"),
    (r"lokr_w1", "lokr_w1"),
    (r"lokr_w1_a", "lokr_w1_a"),
    (r"lokr_w1_b", "lokr_w1_b"),
    (r"lokr_w2", "lokr_w2"),
    (r"lokr_w2_a", "lokr_w2_a"),
    (r"lokr_w2_b", "lokr_w2_b"),
    (r"lokr_t1", "lokr_t", "lokr_t1"),
    (r"lokr_t2", "lokr_t", "lokr_t2"),
    (r"a1\.weight", "a1"),
    (r"a2\.weight", "a2"),
    (r"b1\.weight", "b1"),
    (r"b2\.weight", "b2"),
    (r"bm\.weight", "bm"),
    (r"oft_blocks", "oft", "oft_blocks"),
    (r"oft_diag", "oft"),
    (r"oft_R(?:\.\w+)?(?:\.weight)?", "oft_r"),
    (r"oft_r", "oft_r"),
    (r"boft_R", "boft_r"),
    (r"boft_s", "boft_s"),
    (r"hra_u", "hra"),
    (r"vera_lambda_b", "vera_b"),
    (r"vera_lambda_d", "vera_d"),
    (r"fourierft_spectrum", "fourierft"),
    (r"rescale", "rescale"),
    (r"reshape_weight|set_weight", "setting"),
    (r"scalar", "setting", "scalar"),
    (r"dora_scale", "dora"),
    (r"lora_magnitude_vector(?:\.\w+){0,2}", "dora", "magnitude"),
    (r"on_input", "on_input"),
    (r"ia3_l", "ia3", "ia3_l"),
    (r"diff", "diff"),
    (r"diff_b", "diff_b"),
    (r"w_norm", "w_norm", "diff"),
    (r"b_norm", "b_norm", "diff_b"),
    (r"alpha", "alpha"),
)

_DOTTED = re.compile(
    r"(?P<module>.+?)(?:[.:]|_(?=lora\.(?:down|up)\.weight$|lora[12]\.(?:down|up)\.weight$)|\.)(?:"
    + "|".join(f"(?P<p{index}>{row[0]})" for index, row in enumerate(PARTS))
    + r")\Z"
)

_MARKS = re.compile(
    r"lora|hada_|lokr_|oft_|dora_|hra_u$|vera_|fourierft_|_weight$|scalar$|ia3_|\.diff(?:_b)?$|[wb]_norm$|alpha$|(?:[qp]|lambda)_layer|on_input$|\.[ab][12m]\.weight$|[.:](?:up|down)$|rescale$"
)
"""A quick look before the exact one: most tensors of a checkpoint end here."""


@dataclass(frozen=True, slots=True)
class Make:
    """What the parts of a module are: the same for all modules with parts of the same names and shapes.

    Attributes:
        algorithm: None for a lone alpha or scale.
        rank: the inner width; None for what has none (a full difference, a full LoKr matrix).
        out, into: the widths of the weight it changes, as far as the factors tell.
        has_kernel: whether it changes a convolution wider than 1x1.
        is_convolution: whether the changed weight is 4-D, where the factors keep it.
    """

    algorithm: str | None
    rank: int | None
    out: int | None
    into: int | None
    has_kernel: bool
    is_convolution: bool | None


@lru_cache(4096)
def _make(items: tuple[tuple[str, tuple[int, ...]], ...]) -> Make:
    parts = dict(items)
    algorithm = next((name for name, needs in _ALGORITHMS if needs & parts.keys()), None)
    out, into = _DIMS.get(algorithm or "", _unknown_dims)(parts)
    kernel = "mid" in parts or any(len(shape) == 4 and shape[-1] > 1 for shape in parts.values())
    return Make(algorithm, _rank(parts), out, into, kernel, _is_convolution(parts))


def _rank(parts: Mapping[str, tuple[int, ...]]) -> int | None:
    for part, axis in _RANKS:
        shape = parts.get(part, ())
        if len(shape) > axis:
            return shape[axis]
    return None


def _is_convolution(parts: Mapping[str, tuple[int, ...]]) -> bool | None:
    shape = next((parts[part] for part in ("down", "diff") if part in parts), None)
    dora = parts.get("dora")
    if shape is not None and len(shape) != 4 and dora is not None and len(dora) == 4:
        return True
    return None if shape is None else len(shape) == 4


@dataclass(slots=True)
class Module:
    """One changed module: its parts and their shapes."""

    name: str
    parts: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def make(self) -> Make:
        """What its parts say about the weight that it changes."""
        return _make(tuple(self.parts.items()))

    def dims(self) -> tuple[int | None, int | None]:
        """(out, in) of the weight it changes, as far as the factors tell."""
        make = self.make
        return make.out, make.into


Modules = Mapping[str, Module]
"""Name -> module."""

_ALGORITHMS: tuple[tuple[str, frozenset[str]], ...] = (
    ("loha", frozenset({"hada_w1_a", "hada_w1_b"})),
    ("lokr", frozenset({"lokr_w1", "lokr_w1_a", "lokr_w2", "lokr_w2_a"})),
    ("glora", frozenset({"a1", "a2", "b1"})),
    ("oft", frozenset({"oft", "oft_r"})),
    ("boft", frozenset({"boft_r", "boft_s"})),
    ("hra", frozenset({"hra"})),
    ("vera", frozenset({"vera_b", "vera_d"})),
    ("fourierft", frozenset({"fourierft"})),
    ("ia3", frozenset({"ia3", "on_input"})),
    ("tlora", frozenset({"lambda"})),
    ("lora", frozenset({"down", "up"})),
    ("full", frozenset({"diff"})),
    ("norm", frozenset({"w_norm", "b_norm", "diff_b"})),
)

_RANKS = (
    ("down", 0), ("hada_w1_b", 0), ("lokr_w2_b", 0), ("lokr_w1_b", 0), ("a2", 0), ("hra", 1), ("vera_d", 0),
)  # fmt: skip


def _shape(parts: Mapping[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    return parts.get(name, ())


def _at(shape: tuple[int, ...], axis: int) -> int | None:
    return shape[axis] if len(shape) > axis else None


_Dims = tuple[int | None, int | None]


def _unknown_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    return _at(_shape(parts, "w_norm"), 0), None


def _lora_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    return _at(_shape(parts, "up"), 0), _at(_shape(parts, "down"), 1)


def _loha_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    """With a Tucker core the outer factor is stored transposed, rank first (LyCORIS loha.py)."""
    a, b = _shape(parts, "hada_w1_a"), _shape(parts, "hada_w1_b")
    return (_at(a, 1) if "hada_t" in parts else _at(a, 0)), _at(b, 1)


def _lokr_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    """The weight is a Kronecker product, so widths multiply."""
    first, second = _lokr_factor(parts, "lokr_w1"), _lokr_factor(parts, "lokr_w2")
    if None in first or None in second:
        return None, None
    return (first[0] or 0) * (second[0] or 0), (first[1] or 0) * (second[1] or 0)


def _lokr_factor(parts: Mapping[str, tuple[int, ...]], name: str) -> _Dims:
    whole = _shape(parts, name)
    if whole:
        return _at(whole, 0), _at(whole, 1)
    a, b = _shape(parts, name + "_a"), _shape(parts, name + "_b")
    if "lokr_t" in parts and name == "lokr_w2":
        return _at(a, 1), _at(b, 1)
    return _at(a, 0), _at(b, 1)


def _glora_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    return _at(_shape(parts, "b1"), 0), _at(_shape(parts, "a2"), 1) or _at(_shape(parts, "b2"), 1)


def _oft_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    """Blocks of rotations along the output: [n, b, b] for OFT, [stages, n, b, b] for BOFT."""
    shape = _shape(parts, "oft")
    return (prod(shape[-3:-1]) if len(shape) >= 3 else None), None


def _peft_out(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    """PEFT's BOFT scales the output (boft_s), VeRA too (vera_lambda_b)."""
    return _at(_shape(parts, "boft_s"), 0) or _at(_shape(parts, "vera_b"), 0), None


def _hra_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    """Householder reflections of the input: [in, rank] (PEFT hra layer.py)."""
    return None, _at(_shape(parts, "hra"), 0)


def _full_dims(parts: Mapping[str, tuple[int, ...]]) -> _Dims:
    shape = _shape(parts, "diff")
    return _at(shape, 0), _at(shape, 1)


_DIMS = {
    "lora": _lora_dims,
    "tlora": _lora_dims,
    "loha": _loha_dims,
    "lokr": _lokr_dims,
    "glora": _glora_dims,
    "oft": _oft_dims,
    "full": _full_dims,
    "boft": _peft_out,
    "vera": _peft_out,
    "hra": _hra_dims,
}


def part_of(key: str) -> tuple[str, str] | None:
    """Return (module, part) of a tensor's name, or None when no adapter writes such a name."""
    found = _split(key) if len(key) <= LONGEST else None
    if found is None:
        return None
    module, row = found
    numbered = _XLABS.search(key)
    return (f"{module}_{numbered[1]}" if numbered else module), PARTS[row][1]


def role_of(key: str) -> tuple[str, str] | None:
    """Return (module, role in rendering) of a tensor's name: `part_of`, with the two cores of a LoHa told apart."""
    found = _split(key) if len(key) <= LONGEST else None
    return (found[0], PARTS[found[1]][-1]) if found else None


@lru_cache(KEPT)
def _split(key: str) -> tuple[str, int] | None:
    """Return (module, row of PARTS)."""
    match = _DOTTED.match(key) if _MARKS.search(key) else None
    if match is None or match.lastgroup is None:
        return None
    return match["module"], int(match.lastgroup[1:])


_XLABS = re.compile(r"_(lora[12])\.(?:down|up)\.weight\Z")
"""XLabs has two pairs in one module, for the picture (lora1) and the text (lora2)."""


def parse(tensors: Mapping[str, tuple[int, ...]]) -> tuple[dict[str, Module], list[str]]:
    """Group tensor names into modules; return them and the names that belong to no module.

    IA3 stores a plain `.weight`, which counts only beside its `.on_input` (LyCORIS ia3.py).
    """
    modules: dict[str, Module] = {}
    rest: list[str] = []
    for key, shape in tensors.items():
        found = part_of(key)
        if found is None:
            rest.append(key)
            continue
        name, part = found
        module = modules.get(name)
        if module is None:
            module = modules[name] = Module(name)
        module.parts[part] = shape
    left = [key for key in rest if not _joins(key, tensors, modules)]
    return modules, left


def _joins(key: str, tensors: Mapping[str, tuple[int, ...]], modules: dict[str, Module]) -> bool:
    name, _, leaf = key.rpartition(".")
    module = modules.get(name)
    if module is None or "on_input" not in module.parts or leaf not in ("weight", "bias"):
        return False
    module.parts[leaf] = tensors[key]
    return True
