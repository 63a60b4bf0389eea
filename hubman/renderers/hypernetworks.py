"""Hypernetworks: small networks before the keys and values of the attention (A1111's format)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import torch

from hubman.core.plan.fit import match_hypernetwork
from hubman.core.plan.render import AdapterPlan
from hubman.errors import N_, RenderError
from hubman.renderers.base import Base
from hubman.renderers.encode import Vectors
from hubman.renderers.report import Report
from hubman.renderers.tensors import count_nonfinite, flat_tensors, read_object


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
        for width, pair in pairs.items():
            check_chain(plan.path, width, pair)
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


def check_chain(path: str, width: int, halves: Sequence[Mapping[str, torch.Tensor]]) -> None:
    """Raise RenderError `adapter-malformed` unless each half leads from its width through its layers back to it."""
    for half in halves:
        size = width
        for name, weight in half.items():
            if not name.endswith(".weight"):
                continue
            if weight.shape[-1:] != (size,) or weight.dim() not in {1, 2}:
                _malformed(path, width, name)
            if weight.dim() == 2:
                size = weight.shape[0]
            bias = half.get(f"{name.removesuffix('.weight')}.bias")
            if bias is not None and bias.shape != (size,):
                _malformed(path, width, name)
        if size != width:
            _malformed(path, width, "")


def _malformed(path: str, width: int, name: str) -> NoReturn:
    raise RenderError(
        "adapter-malformed",
        N_("{path}: the layers of its network for width {width} do not fit each other ({name})"),
        path=path,
        width=width,
        name=name or N_("the last one has another width"),
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
    """Return the class of an activation by A1111's name, None for linear. Raises RenderError `unsupported-adapter`.

    A1111 offers every class of torch.nn.modules.activation by its name in lower case, without arguments.
    """
    if name in {None, "linear"}:
        return None
    wanted = _ACTIVATIONS.get(str(name).lower(), str(name)).lower()
    for attribute in torch.nn.modules.activation.__all__:
        if attribute.lower() == wanted and "softm" not in wanted:  # those mix the pictures of a batch
            found: type[torch.nn.Module] = getattr(torch.nn, attribute)
            try:
                found()
            except TypeError:  # Threshold, MultiheadAttention: no function of one number
                break
            return found
    raise RenderError("unsupported-adapter", N_("unknown activation {name} in a hypernetwork"), name=name)
