"""Tensors out of adapter files, without running what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from hubman.errors import N_, RenderError


def read_object(path: str) -> Any:
    """Return what a weights file holds: a dict of tensors for safetensors, the object for a pickle.

    Raises RenderError `adapter-unreadable`. A pickle is opened with `weights_only`, which refuses every callable but
    torch's own tensor builders; `ParameterDict` (first textual inversion trainers) is allowed on top.
    """
    with open(path, "rb") as file:
        head = file.read(9)
    try:
        if head[8:9] == b"{":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals([torch.nn.modules.container.ParameterDict]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the loaders raise anything from KeyError to their own Rust errors
        raise RenderError(
            "adapter-unreadable",
            N_("{path} cannot be opened as weights: {reason}"),
            path=path,
            reason=f"{type(error).__name__}: {error}".splitlines()[0],
        ) from error


def flat_tensors(tree: Any, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (path of keys joined by ".", tensor) in the file's order; the spelling of `Header.tensors`."""
    if isinstance(tree, torch.Tensor):
        yield prefix, tree.detach()
    elif isinstance(tree, Mapping | torch.nn.ParameterDict):
        for key, value in tree.items():
            yield from flat_tensors(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(tree, list | tuple):
        for index, value in enumerate(tree):
            yield from flat_tensors(value, f"{prefix}.{index}" if prefix else str(index))


def read_tensors(path: str) -> dict[str, torch.Tensor]:
    """Return name -> tensor on the CPU, a wrapping `state_dict` removed."""
    tree = read_object(path)
    if isinstance(tree, Mapping) and isinstance(tree.get("state_dict"), Mapping):
        tree = tree["state_dict"]
    return dict(flat_tensors(tree))


def count_nonfinite(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the names of the floating tensors that hold a NaN or an infinity (float8 has no isfinite of its own)."""
    return [n for n, t in tensors.items() if t.is_floating_point() and not bool(torch.isfinite(t.float()).all())]


def alphas(path: str) -> dict[str, float]:
    """Return {"alpha_min", "alpha_max"} of a safetensors file, {} where it states none; reads those numbers only."""
    with open(path, "rb") as file:
        if file.read(9)[8:9] != b"{":
            return {}
    from safetensors import safe_open

    with safe_open(path, framework="pt") as opened:
        found = [float(opened.get_tensor(name).reshape(-1)[0]) for name in opened.keys() if name.endswith(".alpha")]  # noqa: SIM118
    return {"alpha_min": min(found), "alpha_max": max(found)} if found else {}
