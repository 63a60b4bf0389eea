"""Take the model out of what trainers wrap around it in a pickle: `{"state_dict": {...}, "optimizer_states": [...]}`.

Names of wrappers: Lightning (`state_dict`), BasicSR (`params_ema`, `params`), T2I-Adapter (`adapter`), and those that
chaiNNer-org/spandrel's `canonicalize_state_dict` and ComfyUI know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hubman.core.types import Header, TensorInfo

WRAPPERS = ("state_dict", "model_state_dict", "params_ema", "params-ema", "params", "model", "net", "module", "adapter")


def unwrap(header: Header) -> Header:
    """Return the header with the innermost table of tensors as its tree; unchanged where nothing is wrapped."""
    tree = header.tree
    for _ in WRAPPERS:
        inner = _inner(tree)
        if inner is None:
            break
        tree = inner
    if tree is header.tree or not isinstance(tree, dict):
        return header
    tensors = {str(name): value for name, value in tree.items() if isinstance(value, TensorInfo)}
    return replace(header, tree=tree, tensors=tensors)


def _inner(tree: object) -> Mapping[object, object] | None:
    if not isinstance(tree, dict):
        return None
    for name in WRAPPERS:
        value = tree.get(name)
        if isinstance(value, dict) and (_is_table(value) or _inner(value) is not None):
            return value
    return None


def _is_table(value: Mapping[object, object]) -> bool:
    """A state dict: texts as keys, nearly all of them with a tensor."""
    tensors = sum(isinstance(item, TensorInfo) for item in value.values())
    return tensors > 0 and tensors * 10 >= len(value) * 9 and all(isinstance(key, str) for key in value)
