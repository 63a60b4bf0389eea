"""The change that one adapter module makes to one weight, as a dense tensor in float32.

Formulas from the papers and the trainers' own forward passes, checked in tests against float64 references:
LoRA (Hu 2021; conv with `mid` as in LoCon), LoHa and LoKr (LyCORIS, Yeh 2023), DoRA (Liu 2024), IA3 (Liu 2022),
GLoRA (Chavan 2023), OFT (Qiu 2023), BOFT (Liu 2023), full difference. W is the base weight, s a global scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from hubman.core.plan.factors import glora_naming
from hubman.core.plan.modules import AdapterModule
from hubman.errors import N_, RenderError

Tensors = Mapping[str, torch.Tensor]


def weight_delta(module: AdapterModule, t: Tensors, weight: torch.Tensor) -> torch.Tensor:
    """Return W' - W in W's shape for the role -> float32 tensors `t` of a module that fits W."""
    match module.algorithm:
        case "ia3":
            return weight * _ia3_factor(t, weight)
        case "ia3l":
            return weight * (t["ia3"].reshape(*t["ia3"].shape, *(1,) * (weight.dim() - 2)) - 1)
        case "glora":
            return _glora(t, weight)
        case "oft":
            return _rescaled(_rotate(_rotations(t, weight), weight), t) - weight
        case "boft":
            return _rescaled(_butterfly(_rotations(t, weight), weight), t) - weight
        case "full":
            return t["diff"].reshape(weight.shape) if "diff" in t else torch.zeros_like(weight)
    low = _low_rank(module.algorithm, t, weight)
    if "dora" in t or "magnitude" in t:
        return _decomposed(weight + low, t) - weight
    return low


def bias_delta(t: Tensors, bias: torch.Tensor) -> torch.Tensor | None:
    """Return b' - b, or None when the module leaves the bias alone."""
    if "bias" in t and "down" in t:  # PEFT's `lora_bias`: the up projection has one, scaled like its weight
        return t["bias"].reshape(bias.shape) * _scale(t, t["down"].shape[0])
    return t["diff_b"].reshape(bias.shape) if "diff_b" in t else None


def _scale(t: Tensors, rank: int) -> float:
    """Return alpha / rank; a missing or zero alpha means rank (kohya sd-scripts)."""
    alpha = float(t["alpha"].item()) if "alpha" in t else 0.0
    scale = alpha / rank if alpha else 1.0
    return scale * (float(t["scalar"].item()) if "scalar" in t else 1.0)


def _low_rank(algorithm: str, t: Tensors, weight: torch.Tensor) -> torch.Tensor:
    if algorithm == "loha":
        delta = _loha_factor(t, "w1", "t1") * _loha_factor(t, "w2", "t2")
        return delta.reshape(weight.shape) * _scale(t, t["hada_w1_b"].shape[0])
    if algorithm == "lokr":
        return _lokr(t).reshape(weight.shape)
    up, down = t["up"], t["down"]
    rank = down.shape[0]
    if "mid" in t:  # CP decomposition of a k x k kernel: down and up are 1 x 1
        delta = torch.einsum("or,rskl,si->oikl", up.flatten(1), t["mid"], down.flatten(1))
    else:
        delta = up.flatten(1) @ down.flatten(1)
    return delta.reshape(weight.shape) * _scale(t, rank)


def _loha_factor(t: Tensors, which: str, core: str) -> torch.Tensor:
    a, b = t[f"hada_{which}_a"], t[f"hada_{which}_b"]
    if f"hada_{core}" in t:  # Tucker: core (r, r, kh, kw), a (r, out), b (r, in)
        kernel: torch.Tensor = torch.einsum("pqkl,qi,po->oikl", t[f"hada_{core}"], b, a)
        return kernel
    return a @ b.flatten(1)


def _lokr(t: Tensors) -> torch.Tensor:
    """Return w1 (x) w2; alpha/rank counts only when a factor is decomposed (LyCORIS)."""
    scale = float(t["scalar"].item()) if "scalar" in t else 1.0
    if "lokr_w1" in t:
        first = t["lokr_w1"]
    else:
        first = t["lokr_w1_a"] @ t["lokr_w1_b"]
        scale = _scale(t, t["lokr_w1_b"].shape[0])
    if "lokr_w2" in t:
        second = t["lokr_w2"]
    else:
        scale = _scale(t, t["lokr_w2_b"].shape[0])
        if "lokr_t2" in t:
            second = torch.einsum("pqkl,po,qi->oikl", t["lokr_t2"], t["lokr_w2_a"], t["lokr_w2_b"])
        else:
            second = t["lokr_w2_a"] @ t["lokr_w2_b"].flatten(1)
    first = first.reshape(*first.shape, *(1,) * (second.dim() - first.dim()))
    return torch.kron(first.contiguous(), second.contiguous()) * scale


def _decomposed(changed: torch.Tensor, t: Tensors) -> torch.Tensor:
    """Return the DoRA weight: magnitude * direction; the axis of the norm is told by the magnitude's shape."""
    magnitude = t["dora"] if "dora" in t else t["magnitude"]
    eps = torch.finfo(torch.float32).eps
    # PEFT's are per output always, whatever axis they stand on.
    per_input = (
        "dora" in t and magnitude.dim() > 1 and magnitude.shape[0] == 1 and magnitude.shape[1] == changed.shape[1]
    )
    axes = [axis for axis in range(changed.dim()) if axis != (1 if per_input else 0)]
    norm: torch.Tensor = torch.linalg.vector_norm(changed, dim=axes, keepdim=True) + eps
    return changed * (magnitude.reshape(norm.shape) / norm)


def _ia3_factor(t: Tensors, weight: torch.Tensor) -> torch.Tensor:
    """Return the stored offset from 1, along the inputs or the outputs."""
    axis = 1 if bool(t["on_input"].item()) and weight.dim() > 1 else 0
    if t["ia3"].numel() != weight.shape[axis]:
        raise RenderError(
            "adapter-malformed",
            N_("an IA3 module has {n} numbers for an axis of {size}"),
            n=t["ia3"].numel(),
            size=weight.shape[axis],
        )
    shape = [1] * weight.dim()
    shape[axis] = -1
    return t["ia3"].reshape(shape)


def _glora(t: Tensors, weight: torch.Tensor) -> torch.Tensor:
    """Return B + W A; two namings exist (old WebUI: b2 b1 and a2 a1, LyCORIS: b1 b2 and a1 a2), told by the shapes."""
    a1, a2, b1, b2 = (t[name].flatten(1) for name in ("a1", "a2", "b1", "b2"))
    if glora_naming({role: tuple(tensor.shape) for role, tensor in t.items()}, tuple(weight.shape)) == "webui":
        scale = _scale(t, b1.shape[0])
        inner, outer = b2 @ b1, a2 @ a1
    else:
        scale = _scale(t, b2.shape[0])
        inner = torch.einsum("or,rskl,si->oikl", b1, t["bm"], b2) if "bm" in t else b1 @ b2
        outer = a1 @ a2
    mixed: torch.Tensor = torch.einsum("oi...,ij->oj...", weight, outer)
    return (inner.reshape(weight.shape) + mixed) * scale


def _rotations(t: Tensors, weight: torch.Tensor) -> torch.Tensor:
    """Return orthogonal blocks by Cayley's transform; `alpha` holds the constraint on the skew part's norm."""
    blocks = t["oft_blocks"]
    skew = blocks - blocks.transpose(-1, -2)
    constraint = float(t["alpha"].item()) * weight.shape[0] if "alpha" in t else 0.0
    norm = skew.norm() + 1e-8
    if constraint > 0 and norm > constraint:
        skew = skew * (constraint / norm)
    eye = torch.eye(skew.shape[-1], device=skew.device)
    rotations: torch.Tensor = (eye + skew) @ torch.linalg.inv(eye - skew)
    return rotations


def _rotate(blocks: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Apply block-diagonal rotations (n, b, b) to the rows of W, transposed as the trainers do (kohya, LyCORIS)."""
    rows = weight.reshape(-1, blocks.shape[-1], weight[0].numel())
    turned: torch.Tensor = torch.einsum("knm,knx->kmx", blocks, rows)
    return turned.reshape(weight.shape)


def _butterfly(stages: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Apply butterfly stages (m, n, b, b) to the rows of W.

    Stage i pairs rows that lie 2**i * b/2 apart: rows are regrouped as (groups, 2, stride), transposed, rotated block
    by block, and put back.
    """
    block = stages.shape[-1]
    rows = weight.flatten(1)
    for index, stage in enumerate(stages):
        stride = 2**index * (block // 2)
        mixed = rows.reshape(-1, 2, stride, rows.shape[1]).transpose(1, 2).reshape(-1, block, rows.shape[1])
        turned: torch.Tensor = torch.einsum("kij,kjx->kix", stage, mixed)
        rows = turned.reshape(-1, stride, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
    return rows.reshape(weight.shape)


def _rescaled(weight: torch.Tensor, t: Tensors) -> torch.Tensor:
    if "rescale" not in t:
        return weight
    return weight * t["rescale"].reshape(-1, *(1,) * (weight.dim() - 1))


def relative_norm(delta: torch.Tensor, weight: torch.Tensor) -> float:
    """Return |dW| / |W|, 0 for an empty weight."""
    size = float(weight.norm())
    value = float(delta.norm()) / size if size else 0.0
    return value if math.isfinite(value) else math.inf
