"""Adapters applied to a base in memory: every one can be set to a strength, measured, and taken off without a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any, Protocol

import torch

from hubman.core.plan.bases import UNET
from hubman.core.plan.fit import (
    Match,
    embedding_tensors,
    match_embedding,
    match_hypernetwork,
    match_modules,
    module_problem,
)
from hubman.core.plan.modules import AdapterModule, adapter_layout
from hubman.core.plan.render import AdapterPlan
from hubman.core.types import Kind, TensorInfo
from hubman.errors import N_, RenderError
from hubman.renderers.base import Base
from hubman.renderers.delta import bias_delta, relative_norm, weight_delta
from hubman.renderers.encode import Vectors
from hubman.renderers.tensors import count_nonfinite, flat_tensors, read_object, read_tensors

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


def infos(tensors: Mapping[str, torch.Tensor]) -> dict[str, TensorInfo]:
    """Return the header's view of loaded tensors."""
    return {name: TensorInfo(tuple(t.shape), _DTYPES.get(t.dtype, str(t.dtype))) for name, t in tensors.items()}


@dataclass(slots=True)
class _Target:
    """One adapter module, its tensors, and the modules that share the rows of its change (nearly always one).

    Of an owner only the rows of the slice are the adapter's.
    """

    module: AdapterModule
    tensors: dict[str, torch.Tensor]
    owners: list[tuple[torch.nn.Module, slice]]


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
        sizes = [self._apply(target, strength if target.module.part == UNET else te) for target in self.targets]
        finite = [size for size in sizes if math.isfinite(size)]
        self.report.zero = sum(size == 0.0 for size in sizes)
        if finite:
            self.report.numbers = {
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
        roles = {role: tensor.to(self.base.device, torch.float32) for role, tensor in target.tensors.items()}
        old = self._stacked(target, "weight")
        assert old is not None
        delta = weight_delta(target.module, roles, old)
        self._spread(target, "weight", old + strength * delta)
        bias = self._stacked(target, "bias")
        change = None if bias is None else bias_delta(roles, bias)
        if bias is not None and change is not None:
            self._spread(target, "bias", bias + strength * change)
            return max(relative_norm(delta, old), float(change.norm()))
        return relative_norm(delta, old)

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

    def embeddings(self) -> Mapping[str, Vectors]:
        return {}


class EmbeddingAdapter:
    """A textual inversion: vectors that stand for its name in a prompt. Strength is on or off."""

    def __init__(self, base: Base, plan: AdapterPlan) -> None:
        tensors = read_tensors(plan.path)
        header = infos(tensors)
        self.word = plan.word
        self.on = False
        self.report = Report(match_embedding(header, base.layout), count_nonfinite(tensors))
        self.vectors: dict[str, torch.Tensor] = {}
        for part, (name, shape) in embedding_tensors(header).items():
            if base.layout.te_widths.get(part) == shape[-1]:
                self.vectors[part] = tensors[name].reshape(-1, shape[-1]).to(base.device, base.dtype)
        self.report.numbers = {
            f"{part}_norms": [round(float(row.float().norm()), 4) for row in rows]
            for part, rows in self.vectors.items()
        }
        self.report.numbers["token_median_norm"] = _token_norm(base)

    def set(self, strength: float, te: float | None = None) -> None:
        self.on = (strength if te is None else te) != 0

    def remove(self) -> None:
        self.on = False

    def embeddings(self) -> Mapping[str, Vectors]:
        return {self.word: self.vectors} if self.on and self.vectors else {}


def _token_norm(base: Base) -> float:
    weight = base.texts[0].encoder.get_input_embeddings().weight
    return round(float(weight.float().norm(dim=1).median()), 4)


Transform = Callable[[torch.Tensor], torch.Tensor]


class HypernetworkAdapter:
    """Small networks before to_k and to_v: x + f(x) * strength, chosen by the width of x (A1111's format)."""

    def __init__(self, base: Base, plan: AdapterPlan) -> None:
        tree = read_object(plan.path)
        if not isinstance(tree, Mapping):
            raise RenderError("adapter-unreadable", N_("{path} is no hypernetwork"), path=plan.path)
        pairs = {key: value for key, value in tree.items() if isinstance(key, int)}
        if not pairs or not all(_is_pair(value) for value in pairs.values()):
            raise RenderError("adapter-unreadable", N_("{path} is no hypernetwork"), path=plan.path)
        tensors = dict(flat_tensors({str(key): value for key, value in pairs.items()}))
        self.base = base
        self.strength = 0.0
        self.handles: list[Any] = []
        self.hits: dict[int, int] = {}
        self.report = Report(match_hypernetwork(sorted(pairs), base.layout), count_nonfinite(tensors))
        self.networks = {
            width: (build_network(tree, pair[0]).to(base.device), build_network(tree, pair[1]).to(base.device))
            for width, pair in pairs.items()
            if not any(name.startswith(f"{width}.") for name in self.report.nonfinite)
        }

    def set(self, strength: float, te: float | None = None) -> None:
        self.remove()
        self.strength = strength
        for name, module in self.base.unet.named_modules():
            for slot, end in enumerate(("to_k", "to_v")):
                if name.endswith((f"attn1.{end}", f"attn2.{end}")):
                    network = self.networks.get(module.in_features)
                    if network is not None:
                        self.handles.append(module.register_forward_pre_hook(self._hook(network[slot])))
        self.report.numbers = {"hooked": {str(width): self._count(width) for width in sorted(self.networks)}}

    def _count(self, width: int) -> int:
        modules = self.base.unet.named_modules()
        return sum(1 for name, m in modules if name.endswith(("attn1.to_k", "attn2.to_k")) and m.in_features == width)

    def _hook(self, network: torch.nn.Module) -> Callable[[Any, tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]:
        def change(_module: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            x = args[0]
            return (x + (network(x.float()) * self.strength).to(x.dtype), *args[1:])

        return change

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles = []
        self.strength = 0.0

    def embeddings(self) -> Mapping[str, Vectors]:
        return {}


def _is_pair(value: object) -> bool:
    """A width has two networks (for to_k and to_v), each with at least one matrix."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(half, Mapping) and any(w.dim() == 2 for w in half.values()) for half in value)
    )


_ACTIVATIONS = {"swish": "Hardswish", "leakyrelu": "LeakyReLU"}


def build_network(settings: Mapping[Any, Any], state: Mapping[str, torch.Tensor]) -> torch.nn.Sequential:
    """Build one half of a hypernetwork from its state dict.

    Parameters are placed by their order, for dropout leaves holes in the numbering: a 2-D weight is a Linear, a 1-D
    one the LayerNorm after it. The activation follows every Linear, the last one only with `activate_output`.
    """
    activation = _activation(settings.get("activation_func"))
    activate_last = bool(settings.get("activate_output", True))
    layers: list[torch.nn.Module] = []
    names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    last = max((i for i, name in enumerate(names) if state[f"{name}.weight"].dim() == 2), default=-1)
    for index, name in enumerate(names):
        weight = state[f"{name}.weight"].float()
        layer: torch.nn.Module
        if weight.dim() == 2:
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=f"{name}.bias" in state)
        else:
            layer = torch.nn.LayerNorm(weight.shape[0])
        layer.load_state_dict({key: state[f"{name}.{key}"].float() for key in layer.state_dict()})
        layers.append(layer)
        if weight.dim() == 2 and activation is not None and (index != last or activate_last):
            layers.append(activation())
    return torch.nn.Sequential(*layers).requires_grad_(False).eval()


def _activation(name: object) -> type[torch.nn.Module] | None:
    """Return the class of an activation by A1111's name, None for linear. Raises RenderError `unsupported-adapter`."""
    if name in {None, "linear"}:
        return None
    wanted = _ACTIVATIONS.get(str(name).lower(), str(name)).lower()
    for attribute in torch.nn.modules.activation.__all__:
        if attribute.lower() == wanted:
            found: type[torch.nn.Module] = getattr(torch.nn, attribute)
            return found
    raise RenderError("unsupported-adapter", N_("unknown activation {name} in a hypernetwork"), name=name)
