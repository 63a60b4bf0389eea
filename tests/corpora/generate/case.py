"""What a generated case is, and how tensors become a header."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DTYPES = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
}
Shapes = Mapping[str, tuple[int, ...]]
Table = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled header. Labels are those of the shared corpora's INDEX.json; `kind` is their `expected_type`."""

    file: str
    kind: str
    base: str
    layout: str
    source: str
    tensors: Table
    ambiguous: tuple[str, ...] = ()
    variant: str | None = None
    algo: str | None = None
    rank: int | None = None
    note: str | None = None
    provenance: str = "upstream-generated"
    license: str = "Apache-2.0"
    metadata: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The case as it is written: one JSON object, labels first."""
        labels = {
            "file": self.file,
            "expected_type": self.kind,
            "expected_base": self.base,
            "ambiguous_base": list(self.ambiguous) or None,
            "expected_format": self.layout,
            "source": self.source,
            "provenance": self.provenance,
            "license": self.license,
            "variant": self.variant,
            "algo": self.algo,
            "rank": self.rank,
            "note": self.note,
        }
        found = {name: value for name, value in labels.items() if value is not None}
        return {**found, "metadata": dict(self.metadata), "tensors": self.tensors}


def table(tensors: Mapping[str, Any], dtype: str | None = None) -> Table:
    """Names, shapes and dtypes of a state dict; `dtype` stands for every floating dtype, as models are saved."""
    return {
        name: {"shape": list(tensor.shape), "dtype": _dtype(tensor, dtype)}
        for name, tensor in tensors.items()
        if hasattr(tensor, "shape")
    }


def of_shapes(shapes: Shapes, dtype: str = "BF16") -> Table:
    return {name: {"shape": list(shape), "dtype": dtype} for name, shape in shapes.items()}


def renamed(tensors: Table, prefix: str = "", cut: str = "") -> Table:
    """The same tensors with `cut` taken from the front of every name that has it and `prefix` put there."""
    return {prefix + name.removeprefix(cut): value for name, value in tensors.items()}


def _dtype(tensor: Any, wanted: str | None) -> str:
    return wanted if wanted and tensor.is_floating_point() else DTYPES[str(tensor.dtype)]


def hide_torchvision() -> None:
    """Let diffusers and transformers believe that there is no torchvision: one that fits another torch fails late."""
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: (
        None if name.split(".")[0] == "torchvision" else find(name, package)
    )
