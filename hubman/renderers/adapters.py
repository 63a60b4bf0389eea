"""Adapters applied to a base in memory: every one can be set to a strength, measured, and taken off without a trace."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, Protocol

import torch

from hubman.core.plan.bases import UNET
from hubman.core.plan.fit import (
    match_modules,
    module_problem,
)
from hubman.core.plan.modules import AdapterModule, adapter_layout
from hubman.core.plan.render import AdapterPlan
from hubman.core.types import Kind
from hubman.renderers.base import Base
from hubman.renderers.delta import bias_delta, relative_norm, weight_delta
from hubman.renderers.embeddings import EmbeddingAdapter, read_bundled
from hubman.renderers.encode import Vectors
from hubman.renderers.hypernetworks import HypernetworkAdapter
from hubman.renderers.report import Report, infos
from hubman.renderers.tensors import count_nonfinite, read_tensors

KEPT_CHANGES = 2**30
"""Bytes of float32 changes that an open adapter keeps for its next strength; above, each strength has them computed."""


class Applied(Protocol):
    """An adapter that is open on a base. `set` may be called again and again; `remove` leaves the base bit-exact.

    `strength` counts for the denoiser, `te` for the text encoders (the same when None).
    """

    report: Report

    def set(self, strength: float, te: float | None = None) -> None: ...

    def remove(self) -> None: ...

    def embeddings(self) -> Mapping[str, Vectors]: ...


def open_adapter(base: Base, plan: AdapterPlan) -> Applied:
    """Read an adapter's file and compare it with the base. The base is not changed until `set`."""
    if plan.kind is Kind.EMBEDDING:
        return EmbeddingAdapter(base, plan)
    if plan.kind is Kind.HYPERNETWORK:
        return HypernetworkAdapter(base, plan)
    return WeightAdapter(base, plan)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a module adds to weight and bias at strength 1, in float32, and its size beside the weight's."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    size: float


@dataclass(slots=True)
class _Target:
    """One adapter module, its tensors, and the modules that share the rows of its change (nearly always one).

    Of an owner only the rows of the slice are the adapter's.
    """

    module: AdapterModule
    tensors: dict[str, torch.Tensor]
    owners: list[tuple[torch.nn.Module, slice]]
    change: _Change | None = None


class WeightAdapter:
    """LoRA and its relatives: added to the weights in float32 and cast back; taken off by copying the original."""

    def __init__(self, base: Base, plan: AdapterPlan) -> None:
        tensors = read_tensors(plan.path)
        layout = adapter_layout(infos(tensors))
        bad = set(count_nonfinite(tensors))
        self.base = base
        self.report = Report(match_modules(layout, base.layout), sorted(bad))
        self.targets = [
            _Target(module, self._roles(module, tensors), self._owners(module))
            for module in layout.modules
            if not module_problem(module, base.layout) and not bad & {name for name, _ in module.tensors.values()}
        ]
        self.touched: list[torch.nn.Parameter] = []
        self.bundled = read_bundled(tensors, base)
        if self.bundled:
            self.report.numbers["bundled"] = {
                word: {part: len(rows) for part, rows in vectors.items()} for word, vectors in self.bundled.items()
            }
        # Deltas depend on the weights below; those are the same for every strength of one open adapter.
        owners = {id(owner): owner for target in self.targets for owner, _ in target.owners}
        numbers = sum(sum(p.numel() for p in owner.parameters(recurse=False)) for owner in owners.values())
        self._cached = 4 * numbers <= KEPT_CHANGES
        self.on = False

    @staticmethod
    def _roles(module: AdapterModule, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {role: tensors[name] for role, (name, _) in module.tensors.items()}

    def _owners(self, module: AdapterModule) -> list[tuple[torch.nn.Module, slice]]:
        places = self.base.layout.places(module.part, module.key)
        return [(self.base.modules[place.key], place.slice) for place in places]

    @torch.no_grad()
    def set(self, strength: float, te: float | None = None) -> None:
        self._put_back()
        te = strength if te is None else te
        self.on = te != 0
        sizes = [self._apply(target, strength if target.module.part == UNET else te) for target in self.targets]
        finite = [size for size in sizes if math.isfinite(size)]
        self.report.zero = sum(size == 0.0 for size in sizes)
        if finite:
            self.report.numbers |= {
                "dw_mean": fmean(finite),
                "dw_median": median(finite),
                "dw_max": max(finite),
                "dw_top": self._largest(sizes),
            }

    def _largest(self, sizes: list[float], most: int = 5) -> list[dict[str, Any]]:
        """Return the modules that change most, by their names in the file."""
        pairs = [(size, target.module.name) for size, target in zip(sizes, self.targets, strict=True)]
        return [{"module": name, "dw": size} for size, name in sorted(pairs, key=lambda pair: -pair[0])[:most]]

    def _apply(self, target: _Target, strength: float) -> float:
        """Change one module; return the relative size of the full change (strength 1)."""
        old = self._stacked(target, "weight")
        assert old is not None
        bias = self._stacked(target, "bias")
        change = target.change or self._change(target, old, bias)
        if self._cached:
            target.change = change
        self._spread(target, "weight", torch.add(old, change.weight, alpha=strength))
        if bias is not None and change.bias is not None:
            self._spread(target, "bias", torch.add(bias, change.bias, alpha=strength))
        return change.size

    def _change(self, target: _Target, old: torch.Tensor, bias: torch.Tensor | None) -> _Change:
        roles = {role: tensor.to(self.base.device, torch.float32) for role, tensor in target.tensors.items()}
        delta = weight_delta(target.module, roles, old)
        extra = None if bias is None else bias_delta(roles, bias)
        size = relative_norm(delta, old)
        return _Change(delta, extra, size if extra is None else max(size, float(extra.norm())))

    def _stacked(self, target: _Target, name: str) -> torch.Tensor | None:
        """Return the untouched weight (or bias) that the owners make up together, in float32."""
        parts = []
        for owner, rows in target.owners:
            parameter = getattr(owner, name, None)
            if not isinstance(parameter, torch.nn.Parameter):
                return None
            parts.append(self.base.keep(parameter)[rows].float())
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _spread(self, target: _Target, name: str, value: torch.Tensor) -> None:
        start = 0
        for owner, rows in target.owners:
            parameter = getattr(owner, name)
            count = len(parameter[rows])
            parameter[rows].copy_(value[start : start + count])
            self.touched.append(parameter)
            start += count

    def _put_back(self) -> None:
        self.base.restore(self.touched)
        self.touched = []

    def remove(self) -> None:
        self._put_back()
        self.on = False

    def embeddings(self) -> Mapping[str, Vectors]:
        return self.bundled if self.on else {}
