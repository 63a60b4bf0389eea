"""What opening an adapter's file shows before any picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from hubman.core.plan.fit import Match
from hubman.core.types import TensorInfo

_DTYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.bool: "BOOL",
    torch.uint8: "U8",
}


@dataclass(slots=True)
class Report:
    """What opening an adapter showed, before any picture.

    Attributes:
        nonfinite: tensors with NaN or infinity; their modules are not applied.
        zero: modules whose change is exactly nothing.
        numbers: relative size of the change (|dW|/|W|: mean, median, max), vector norms, hook counts.
    """

    match: Match
    nonfinite: list[str] = field(default_factory=list)
    zero: int = 0
    numbers: dict[str, Any] = field(default_factory=dict)


def infos(tensors: Mapping[str, torch.Tensor]) -> dict[str, TensorInfo]:
    """Return the header's view of loaded tensors."""
    return {name: TensorInfo(tuple(t.shape), _DTYPES.get(t.dtype, str(t.dtype))) for name, t in tensors.items()}
