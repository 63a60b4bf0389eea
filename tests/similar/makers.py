"""Adapters made for a test, with numpy alone: trainings, their epochs, and what tools do to a file afterwards.

An adapter is name of module -> (up, down), in float64, as `up @ down` is added at strength 1. What a trainer or a tool
writes is made from that: names, alpha, precision, order, metadata.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from hubman.core.units import units_of
from hubman.formats.spans import tensor_spans
from hubman.sketch.weights import _E4M3, _E5M2, Weights

Factors = dict[str, tuple[np.ndarray, np.ndarray]]
Tensors = dict[str, np.ndarray]
Sizes = Mapping[str, tuple[int, int]]

_PROJECTIONS = {"attn1.to_q": (1, 1), "attn1.to_k": (1, 1), "attn2.to_v": (1, 0), "attn2.to_out.0": (1, 1),
                "ff.net.0.proj": (8, 1), "ff.net.2": (1, 4)}  # fmt: skip


def sizes(width: int = 64, context: int = 96, blocks: int = 6) -> dict[str, tuple[int, int]]:
    """Return diffusers module name -> (rows, columns) of a U-Net of attention blocks, and a text encoder's."""
    found = {}
    for number in range(blocks):
        block = f"unet.down_blocks.{number // 2}.attentions.{number % 2}.transformer_blocks.0"
        wide = width * (1 + number // 2)
        for name, (out, into) in _PROJECTIONS.items():
            found[f"{block}.{name}"] = (wide * out, wide * into or context)
    for layer in range(2):
        for name in ("q_proj", "v_proj"):
            found[f"text_encoder.text_model.encoder.layers.{layer}.self_attn.{name}"] = (context, context)
    return found


# --- trainings -------------------------------------------------------------------------------------------------------
def trained(make: np.random.Generator, shapes: Sizes, rank: int, decay: float = 0.7, size: float = 0.02) -> Factors:
    """Return an adapter whose singular values fall as i ** -decay, with unequal sizes of modules."""
    found = {}
    for name, (rows, columns) in shapes.items():
        inner = min(rank, rows, columns)
        values = np.arange(1, inner + 1) ** -decay * size * np.exp(make.normal(0, 0.5))
        left, _ = np.linalg.qr(make.standard_normal((rows, inner)))
        right, _ = np.linalg.qr(make.standard_normal((columns, inner)))
        turn, _ = np.linalg.qr(make.standard_normal((inner, inner)))
        found[name] = (left * np.sqrt(values)) @ turn, turn.T @ (right * np.sqrt(values)).T
    return found


def initialised(make: np.random.Generator, shapes: Sizes, rank: int) -> Factors:
    """Return kaiming-uniform downs, as kohya begins, and no ups yet."""
    found = {}
    for name, (rows, columns) in shapes.items():
        inner = min(rank, rows, columns)
        found[name] = np.zeros((rows, inner)), make.uniform(-1, 1, (inner, columns)) / columns**0.5
    return found


def walked(make: np.random.Generator, adapter: Factors, step: float, *, downs: bool = True) -> Factors:
    """Return a later epoch: every factor moves by `step` of its size, all over."""

    def moved(array: np.ndarray) -> np.ndarray:
        return array + make.standard_normal(array.shape) * step * np.sqrt(np.mean(array**2))

    return {name: (moved(up), moved(down) if downs else down) for name, (up, down) in adapter.items()}


def drifted(make: np.random.Generator, adapter: Factors, step: float) -> Factors:
    """Return a later epoch that went on in one direction: a low-rank change on top, of `step` of the size."""
    found = {}
    for name, (up, down) in adapter.items():
        way = np.outer(make.standard_normal(up.shape[0]), make.standard_normal(up.shape[1]))
        found[name] = up + way * step * np.linalg.norm(up) / np.linalg.norm(way), down
    return found


def joined(parts: list[tuple[float, Factors]]) -> Factors:
    """Return the sum of several adapters with weights: the factors side by side (kohya merge with concat)."""
    names = parts[0][1]
    return {
        name: (np.hstack([part[name][0] * weight for weight, part in parts]), np.vstack([p[name][1] for _, p in parts]))
        for name in names
    }


# --- tools -----------------------------------------------------------------------------------------------------------
def resized(adapter: Factors, choose: Callable[[np.ndarray], int]) -> Factors:
    """Return a truncated decomposition, up taking the values, as kohya's resize_lora.py writes it."""
    found = {}
    for name, (up, down) in adapter.items():
        left, r1 = np.linalg.qr(up)
        right, r2 = np.linalg.qr(down.T)
        u, values, v = np.linalg.svd(r1 @ r2.T)
        rank = max(1, min(choose(values), len(values)))
        found[name] = (left @ u)[:, :rank] * values[:rank], (right @ v.T)[:, :rank].T
    return found


def fixed(rank: int) -> Callable[[np.ndarray], int]:
    return lambda values: rank


def sv_ratio(ratio: float) -> Callable[[np.ndarray], int]:
    """Keep what is above the largest value / ratio."""
    return lambda values: int((values > values[0] / ratio).sum())


def sv_fro(share: float) -> Callable[[np.ndarray], int]:
    """Keep so much of the Frobenius norm."""
    return lambda values: int((np.sqrt(np.cumsum(values**2) / np.sum(values**2)) < share).sum()) + 1


def sv_cumulative(share: float) -> Callable[[np.ndarray], int]:
    return lambda values: int((np.cumsum(values) / np.sum(values) < share).sum()) + 1


def scaled(adapter: Factors, strength: float) -> Factors:
    return {name: (up * strength, down) for name, (up, down) in adapter.items()}


# --- files -----------------------------------------------------------------------------------------------------------
def kohya(adapter: Factors, alpha: float | None = None, fold: str = "up") -> Tensors:
    """Return kohya's tensors. alpha None: the rank itself; `fold`: which factor takes what alpha leaves (or `both`)."""
    tensors: Tensors = {}
    for name, (up, down) in adapter.items():
        rank = down.shape[0]
        rest = rank / (alpha or rank)
        shares = {"up": (rest, 1.0), "down": (1.0, rest), "both": (rest**0.5, rest**0.5)}[fold]
        full = kohya_name(name)
        tensors[f"{full}.alpha"] = np.array(alpha or rank, np.float32)
        tensors[f"{full}.lora_down.weight"] = (down * shares[1]).astype(np.float32)
        tensors[f"{full}.lora_up.weight"] = (up * shares[0]).astype(np.float32)
    return tensors


def kohya_name(name: str) -> str:
    part, _, rest = name.partition(".")
    return {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + rest.replace(".", "_")


def peft(adapter: Factors) -> Tensors:
    """Return diffusers' and PEFT's tensors, without alpha."""
    tensors: Tensors = {}
    for name, (up, down) in adapter.items():
        tensors[f"{name}.lora_A.weight"] = down.astype(np.float32)
        tensors[f"{name}.lora_B.weight"] = up.astype(np.float32)
    return tensors


_CODES = {"F8_E4M3": _E4M3, "F8_E5M2": _E5M2}


def encoded(array: np.ndarray, dtype: str) -> bytes:
    """Return the bytes of an array in a type, rounded to the nearest."""
    single = np.ascontiguousarray(array, np.float32)
    if dtype == "F32":
        return single.astype("<f4").tobytes()
    if dtype == "F16":
        return single.astype("<f2").tobytes()
    if dtype == "BF16":
        bits = single.view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    table = _CODES[dtype]
    order = np.argsort(table)[: int(np.isfinite(table).sum())]
    values = table[order]
    middle = (values[1:] + values[:-1]) / 2
    return order[np.searchsorted(middle, single.reshape(-1))].astype(np.uint8).tobytes()


def write(path: Path, tensors: Tensors, dtype: str = "F16", metadata: Mapping[str, str] | None = None) -> Path:
    """Write a safetensors file; single numbers stay float32, as some savers leave them."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    data = b""
    parts = []
    position = 0
    for name, array in tensors.items():
        kind = dtype if array.size > 1 else "F32"
        data = encoded(array, kind)
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [position, position + len(data)]}
        position += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    return path


def opened(path: Path, kind: str = "lora", architecture: str | None = "sd1") -> Weights:
    spans = tensor_spans(path)
    return Weights(str(path), spans, units_of(spans, kind, architecture))
