"""The parts of an adapter that can be compared one by one, named alike whatever trainer or tool wrote the file.

kohya's underscores, diffusers' and PEFT's dots and the block numbers of the original U-Net are folded into one key
(core/plan/bases.py), so that the same module of two files meets under one name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from hubman.core.plan.bases import UNET, Level, block_pairs, fold
from hubman.core.plan.modules import AdapterModule, adapter_layout
from hubman.core.types import Kind, TensorInfo

Shape = tuple[int, ...]

LINEAR_ALGORITHMS = ("lora", "loha", "lokr", "full")
"""What their tensors say is a change of weights by itself; others (OFT, IA3, GLoRA) need the base to be one."""

_SD1 = ((Level(2, True, True),) * 3 + (Level(2, False, False),),
        (Level(3, False, True), Level(3, True, True), Level(3, True, True), Level(3, True, False)))  # fmt: skip
_SDXL = (
    (Level(2, False, True), Level(2, True, True), Level(2, True, False)),
    (Level(3, True, True), Level(3, True, True), Level(3, False, False)),
)
_UNETS = {"sd1": _SD1, "sd2": _SD1, "sdxl": _SDXL, "kolors": _SDXL}
"""Blocks of the U-Nets that have two numberings (CompVis/latent-diffusion openaimodel.py, diffusers UNet2D)."""
_TRANSFORMER_PREFIXES = ("lora_transformer_", "transformer_")
_WEIGHT_ROLES = frozenset(
    {"up", "down", "mid", "alpha", "scalar", "diff"}
    | {f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")}
    | {f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")}
)
_ADDED_ROLES = frozenset({"diff", "diff_b"})
"""Roles of which twice as much is twice the strength; not so a DoRA's magnitudes, which are no change but a size."""
LONGEST_SIDE, LARGEST_CHANGE = 1 << 17, 1 << 27
"""Of a changed weight, in numbers. Small factors can claim an enormous product, which nobody trained."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a tensor lies in a file: its elements stand in row-major order in `length` bytes from `begin` on."""

    info: TensorInfo
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class Unit:
    """The tensors that change one module.

    Attributes:
        key: the module in the one spelling that all layouts share, e.g. `unet:mid_block_attentions_0_proj_in`.
        algorithm: one of LINEAR_ALGORITHMS, or "plain" for one tensor that is compared as it is.
        rows, columns: of the changed weight, a convolution's kernel in the columns; of a plain tensor, itself.
        roles: role -> (tensor name, shape).
        added: whether twice the numbers is twice the strength.
    """

    key: str
    algorithm: str
    rows: int
    columns: int
    roles: Mapping[str, tuple[str, Shape]]
    added: bool = True

    @property
    def plain(self) -> bool:
        return self.algorithm == "plain"

    @property
    def rank(self) -> int:
        """The most that the rank of the change can be by the shapes of its factors."""
        full = min(self.rows, self.columns)
        if self.algorithm == "lora":
            return min(full, self.roles["up"][1][1])
        if self.algorithm == "loha":
            first, second = (self.roles[f"hada_{name}"][1] for name in ("w1_b", "w2_b"))
            return min(full, first[0] * second[0]) if "hada_t1" not in self.roles else full
        return full

    @property
    def shapes(self) -> dict[str, Shape]:
        """Role -> shape, of what is more than one number."""
        return {role: shape for role, (_, shape) in self.roles.items() if prod(shape) != 1}


def units_of(spans: Mapping[str, Span], kind: str, architecture: str | None) -> dict[str, Unit]:
    """Return key -> Unit of an adapter file.

    Args:
        kind: lora, embedding or hypernetwork: only a lora has modules, the others are compared tensor by tensor.
        architecture: tells which numbering of blocks `input_blocks` means.
    """
    infos = {name: span.info for name, span in spans.items() if _is_weight(span.info)}
    if kind == Kind.EMBEDDING:
        return dict(_vectors(infos))
    if kind == Kind.HYPERNETWORK:
        return {unit.key: unit for name, info in infos.items() if (unit := _plain(name, name, info.shape))}
    found: dict[str, Unit] = {}
    layout = adapter_layout(infos)
    for module in layout.modules:
        found |= {unit.key: unit for unit in _split(module, architecture)}
    for name in layout.unknown:
        unit = _plain(fold(name), name, infos[name].shape)
        found[unit.key] = unit
    return found


def _is_weight(info: TensorInfo) -> bool:
    return (info.dtype in ("F64", "F32", "F16", "BF16") or info.dtype.startswith("F8_")) and prod(info.shape) > 0


def key_of(part: str, folded: str, architecture: str | None) -> str:
    """Return the key of a module: its part and its folded diffusers name."""
    if part != UNET:
        for prefix in _TRANSFORMER_PREFIXES:
            if folded.startswith(prefix):
                return f"{UNET}:{folded.removeprefix(prefix)}"
        return f"{part}:{folded}"
    table = _numbered_blocks(architecture)
    cut = len(folded)
    while table and cut > 0:
        if folded[:cut] in table:
            return f"{UNET}:{table[folded[:cut]]}{folded[cut:]}"
        cut = folded.rfind("_", 0, cut)
    return f"{UNET}:{folded}"


@lru_cache(8)
def _numbered_blocks(architecture: str | None) -> Mapping[str, str]:
    """Return folded LDM prefix -> folded diffusers prefix of a U-Net; nothing for what has one numbering."""
    levels = _UNETS.get(architecture or "")
    return {fold(old): fold(new) for old, new in block_pairs(*levels)} if levels else {}


def _split(module: AdapterModule, architecture: str | None) -> Iterator[Unit]:
    """Yield the change of the weight as one unit, and everything beside it (biases, magnitudes) one by one."""
    key = key_of(module.part, module.key, architecture)
    size = _size(module)
    weights = _WEIGHT_ROLES if size else frozenset[str]()
    if size:
        roles = {role: tensor for role, tensor in module.tensors.items() if role in weights}
        yield Unit(key, module.algorithm, *size, roles)
    for role, (name, shape) in module.tensors.items():
        if role not in weights:
            yield _plain(f"{key}#{role}", name, shape, added=role in _ADDED_ROLES)


def _size(module: AdapterModule) -> tuple[int, int] | None:
    """Return (rows, columns) of the changed weight where the tensors alone say what changes."""
    if module.algorithm not in LINEAR_ALGORITHMS or not module.complete:
        return None
    if module.algorithm == "lora" and prod(module.shape("up")[2:]) != 1:
        return None
    size = None if "lokr_t2" in module.tensors else module.size()
    if size is None or not min(size) or max(size) > LONGEST_SIDE or size[0] * size[1] > LARGEST_CHANGE:
        return None
    return size


def _plain(key: str, name: str, shape: Shape, *, added: bool = False) -> Unit:
    rows = shape[0] if len(shape) > 1 else 1
    return Unit(key, "plain", rows, prod(shape) // max(rows, 1), {"value": (name, shape)}, added)


def _vectors(infos: Mapping[str, TensorInfo]) -> Iterator[tuple[str, Unit]]:
    """Yield the vectors of an embedding by their width: every tool has another name for them."""
    tables = {name: info for name, info in infos.items() if len(info.shape) in (1, 2) and prod(info.shape) > 1}
    for name, info in tables.items():
        columns = info.shape[-1]
        key = f"vectors:{columns}"
        if sum(other.shape[-1] == columns for other in tables.values()) > 1:
            key += f":{name}"
        yield key, Unit(key, "plain", prod(info.shape) // columns, columns, {"value": (name, info.shape)}, added=False)
