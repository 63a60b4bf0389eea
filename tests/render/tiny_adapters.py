"""Adapter files that fit the tiny checkpoint, with exactly the property a test is about."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_checkpoint import CONTEXT

from hubman.app.validation import AdapterFile, BaseFile
from hubman.core.types import Facts, Header, Kind, Trigger
from hubman.formats import read_header

Change = Callable[[dict[str, torch.Tensor]], None]


def attention_modules(base) -> dict[str, torch.Size]:
    """Return kohya name -> weight shape of all attention projections of the U-Net and the text encoder."""
    named = {}
    for (part, name), module in base.modules.items():
        if part == "unet" and ("attn" in name or "proj_in" in name):
            named[f"lora_unet_{name}"] = module.weight.shape
        elif part == "te1" and "self_attn" in name:
            named[f"lora_te_text_model_{name}"] = module.weight.shape
    return {name: shape for name, shape in named.items() if len(shape) >= 2}


def lora_tensors(base, strength: float = 1.0, rank: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return a kohya LoRA over the attentions; `strength` scales it to a visible (1.0) or absurd change."""
    make = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in attention_modules(base).items():
        tail = (1,) * (len(shape) - 2)
        size = shape[1] ** -0.5
        tensors[f"{name}.lora_down.weight"] = torch.randn((rank, shape[1], *tail), generator=make) * size
        tensors[f"{name}.lora_up.weight"] = torch.randn((shape[0], rank, *tail), generator=make) * 0.35 * strength
        tensors[f"{name}.alpha"] = torch.tensor(float(rank) / 2)
    return tensors


def taught_tensors(base, prompt: str = "a red circle, zqx", strength: float = 1.0) -> dict[str, torch.Tensor]:
    """Return a LoRA that knows this base, as training makes one: its downs look where the prompt's states lie.

    Random weights do no more than random weights turned elsewhere (verdict `weak`, `like-noise`); these do.
    """
    from hubman.core.plan.render import PromptPair

    with torch.inference_mode():
        states = base.family.encode(base, PromptPair(prompt), 1, {}).states[1].float()
    directions = torch.linalg.svd(states, full_matrices=False).Vh[:4]
    tensors = lora_tensors(base, strength=0.025 * strength)
    for name in [
        name for name in tensors if name.endswith(("attn2_to_k.lora_down.weight", "attn2_to_v.lora_down.weight"))
    ]:
        tensors[name] = directions.clone()
        tensors[name.replace("lora_down", "lora_up")] *= 30
    return tensors


class Maker:
    """Writes files into one folder and describes them as the library would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def safetensors(
        self, name: str, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None
    ) -> str:
        path = str(self.folder / f"{name}.safetensors")
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path, metadata=metadata)
        return path

    def pickle(self, name: str, value: object) -> str:
        path = str(self.folder / f"{name}.pt")
        torch.save(value, path)
        return path

    def embedding(self, name: str, vectors: int = 2, scale: float = 20.0, seed: int = 3) -> str:
        make = torch.Generator().manual_seed(seed)
        return self.safetensors(name, {"emb_params": torch.randn((vectors, CONTEXT), generator=make) * 0.02 * scale})

    def hypernetwork(self, name: str, scale: float = 1.0, dims: tuple[int, ...] = (CONTEXT, 32), **more: object) -> str:
        make = torch.Generator().manual_seed(4)

        def half(width: int) -> dict[str, torch.Tensor]:
            return {
                "linear.0.weight": torch.randn((2 * width, width), generator=make) * width**-0.5,
                "linear.0.bias": torch.zeros(2 * width),
                "linear.2.weight": torch.randn((width, 2 * width), generator=make) * scale * width**-0.5,
                "linear.2.bias": torch.zeros(width),
            }

        value: dict[object, object] = {dim: (half(dim), half(dim)) for dim in dims}
        value |= {"layer_structure": [1, 2, 1], "activation_func": "relu", "activate_output": False, "name": name}
        return self.pickle(name, value | more)


def sha256_of(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def parameters_of(header: Header) -> int:
    total = 0
    for info in header.tensors.values():
        count = 1
        for length in info.shape:
            count *= length
        total += count
    return total


def adapter_file(path: str, kind: Kind = Kind.LORA, triggers: tuple[str, ...] = (), **facts) -> AdapterFile:
    """Describe a file the way the library does, with facts as given."""
    header = read_header(path, isolate=False)
    sha = sha256_of(path)
    return AdapterFile(
        path=path,
        id=sha[:10],
        sha256=sha,
        name=os.path.splitext(os.path.basename(path))[0],
        facts=Facts(kind, **facts),
        header=header,
        triggers=tuple(Trigger(text, "header", None, 1.0) for text in triggers),
    )


def base_file(path: str) -> BaseFile:
    header = read_header(path, isolate=False)
    name = os.path.splitext(os.path.basename(path))[0]
    return BaseFile(path, sha256_of(path), name, Facts(Kind.CHECKPOINT, parameters=parameters_of(header)), header)
