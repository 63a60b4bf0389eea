"""The change of one weight as a product of two thin matrices, or as one matrix where no thin ones exist.

LoRA (Hu 2021), convolutions with a middle factor as in LoCon, LoHa and LoKr (LyCORIS, Yeh 2023), whole differences.
The kernel of a convolution stands in the columns, as kohya's resize does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hubman.core.units import Unit
from hubman.sketch.weights import Array

WIDEST_HADAMARD = 256
"""Columns up to which a LoHa's product is kept as thin factors (ranks of 16 by 16)."""


@dataclass(frozen=True, slots=True)
class Delta:
    """left @ right; `right` None stands for the identity."""

    left: Array
    right: Array | None = None


def scale_of(roles: Mapping[str, Array], rank: int) -> float:
    """Return alpha / rank; a missing or zero alpha means rank (kohya sd-scripts)."""
    alpha = float(roles["alpha"].reshape(-1)[0]) if "alpha" in roles else 0.0
    scalar = float(roles["scalar"].reshape(-1)[0]) if "scalar" in roles else 1.0
    return (alpha / rank if alpha else 1.0) * scalar


def strength_of(unit: Unit, roles: Mapping[str, Array]) -> float:
    """Return the factor that stands before the product of a unit's tensors."""
    match unit.algorithm:
        case "lora":
            return scale_of(roles, unit.roles["down"][1][0])
        case "loha":
            return scale_of(roles, unit.roles["hada_w1_b"][1][0])
        case "lokr":  # alpha counts only where a factor is decomposed (LyCORIS)
            inner = next((unit.roles[f"lokr_{name}"][1][0] for name in ("w2_b", "w1_b") if f"lokr_{name}" in roles), 0)
            return scale_of(roles, inner) if inner else 1.0
    return 1.0


def delta_of(unit: Unit, roles: Mapping[str, Array]) -> Delta:
    """Return the change that a unit's tensors make (`unit.plain`: the tensor itself)."""
    strength = np.float32(strength_of(unit, roles))
    match unit.algorithm:
        case "lora":
            left, right = _lora(roles)
            return Delta(left * strength, right)
        case "loha":
            return _loha(roles, strength)
        case "lokr":
            first, second = _kronecker(roles)
            return Delta(np.kron(first, second) * strength)
        case "full":
            return Delta(roles["diff"].reshape(unit.rows, unit.columns))
    return Delta(roles["value"].reshape(unit.rows, unit.columns))


def _lora(roles: Mapping[str, Array]) -> tuple[Array, Array]:
    up, down = roles["up"], roles["down"]
    left = up.reshape(up.shape[0], -1)
    if "mid" not in roles:
        return left, down.reshape(down.shape[0], -1)
    mid = roles["mid"]
    right = np.einsum("abkl,bi->aikl", mid, down.reshape(down.shape[0], -1), optimize=True)
    return left, right.reshape(mid.shape[0], -1)


def _loha(roles: Mapping[str, Array], strength: np.float32) -> Delta:
    a, b = roles["hada_w1_a"], roles["hada_w1_b"]
    c, d = roles["hada_w2_a"], roles["hada_w2_b"]
    if "hada_t1" in roles:
        first, second = (
            np.einsum("pqkl,qi,po->oikl", roles[f"hada_t{number}"], right, left, optimize=True)
            for number, left, right in ((1, a, b), (2, c, d))
        )
        return Delta((first * second).reshape(first.shape[0], -1) * strength)
    b, d = b.reshape(b.shape[0], -1), d.reshape(d.shape[0], -1)
    if b.shape[0] * d.shape[0] > WIDEST_HADAMARD:
        return Delta((a @ b) * (c @ d) * strength)
    left = (a[:, :, None] * c[:, None, :]).reshape(a.shape[0], -1)
    right = (b[:, None, :] * d[None, :, :]).reshape(-1, b.shape[1])
    return Delta(left * strength, right)


def _kronecker(roles: Mapping[str, Array]) -> tuple[Array, Array]:
    first = roles["lokr_w1"] if "lokr_w1" in roles else roles["lokr_w1_a"] @ roles["lokr_w1_b"]
    if "lokr_w2" in roles:
        second = roles["lokr_w2"]
    else:
        inner = roles["lokr_w2_b"]
        second = roles["lokr_w2_a"] @ inner.reshape(inner.shape[0], -1)
    return first.reshape(first.shape[:2]), second.reshape(second.shape[0], -1)


def probed(unit: Unit, roles: Mapping[str, Array], left: Array, right: Array) -> Array:
    """Return left^T D right, (p, q), without making D where it is a product."""
    if unit.algorithm != "lokr":
        delta = delta_of(unit, roles)
        inner = left.T @ delta.left
        return np.asarray(inner @ right if delta.right is None else inner @ (delta.right @ right), np.float32)
    first, second = _kronecker(roles)
    folded = right.reshape(first.shape[1], second.shape[1], -1)
    product = np.einsum("ij,kl,jlq->ikq", first, second, folded, optimize=True).reshape(unit.rows, -1)
    return np.asarray(left.T @ product * strength_of(unit, roles), np.float32)
