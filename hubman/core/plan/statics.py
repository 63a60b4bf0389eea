"""What an adapter's header says in numbers: algorithms, ranks and number formats, without loading a tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Any

from hubman.core.plan.modules import AdapterModule, adapter_layout
from hubman.core.types import Facts, Kind, TensorInfo

_RANK_ROLES = (("down", 0), ("hada_w1_b", 0), ("lokr_w2_b", 0), ("lokr_w1_b", 0), ("b2", 0), ("oft_blocks", -1))
"""Role whose axis is the rank (LoRA's down has it first); of a rotation the size of a block."""


def rank_of(module: AdapterModule) -> int | None:
    """Return the rank of a module's change, None for one that has none (full differences, IA3)."""
    for role, axis in _RANK_ROLES:
        if role in module.tensors and module.shape(role):
            return module.shape(role)[axis]
    return None


def static_facts(facts: Facts, tensors: Mapping[str, TensorInfo]) -> dict[str, Any]:
    """Return {"tensors", "dtypes", "algorithms", "ranks"}; the last two only of weight adapters."""
    found: dict[str, Any] = {
        "tensors": len(tensors),
        "dtypes": dict(sorted(Counter(info.dtype for info in tensors.values()).items())),
    }
    if facts.kind is not Kind.LORA:
        return found
    modules = adapter_layout(tensors).modules
    found["algorithms"] = dict(sorted(Counter(module.algorithm for module in modules).items()))
    ranks = [rank for module in modules if (rank := rank_of(module)) is not None]
    found["ranks"] = {"min": min(ranks), "median": median(ranks), "max": max(ranks)} if ranks else None
    return found
