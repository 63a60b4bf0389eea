"""An adapter that burns: a copy of another with all its up-matrices multiplied."""

from __future__ import annotations

from pathlib import Path


def burnt_copy(source: Path, target: Path, factor: float) -> None:
    """Write the copy; metadata and names stay."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(source, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118, a handle is no mapping
        metadata = opened.metadata()
    changed = {
        name: tensor.float() * factor if name.endswith("lora_up.weight") else tensor for name, tensor in tensors.items()
    }
    save_file(changed, target, metadata)
