"""How a core is stored: what quantisers packed is unpacked in the header, and the precision is voted by elements.

A packed weight has other bytes, another shape and sometimes another name than the weight it stands for, and lies beside
its scales. `unpacked` gives every weight its own name and shape back and the type that it is stored in (`NF4`, `INT4`),
so that scales and companions never outvote the weights (SD.Next counts them and calls an fp8 file fp32).

Layouts: bitsandbytes functional.py `QuantState.as_dict` and nn/modules.py (`SCB`), Comfy-Org/ComfyUI QUANTIZATION.md
and comfy/quant_ops.py (`comfy_quant`, `weight_scale`, `weight_scale_2`, `weight_s_rel`), nunchaku-tech/nunchaku
(`qweight`, `wscales`, `wtscale`), Disty0/sdnq (`scale`, `zero_point`, `svd_up`), huggingface/optimum-quanto (`_data`,
`_scale`, `_shift`), pytorch/ao safetensors support (`_weight_qdata`), AutoAWQ and AutoGPTQ (`qweight`, `qzeros`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from hubman.core.identify.draft import Draft, Tensors, precision
from hubman.core.types import Format, Header, TensorInfo
from hubman.errors import N_

SCALES = (
    ".scale_weight", ".weight_scale", ".scale_input", ".input_scale", ".output_scale", ".weight_scale_2",
    ".weight_s_rel", ".weight_s_channel", ".weight_codebook", ".absmax", ".quant_map", ".nested_absmax",
    ".nested_quant_map", ".SCB", ".wscales", ".wtscale", ".wcscales", ".smooth_factor", ".smooth_factor_orig",
    ".comfy_quant", ".weight_format", ".scales", ".qzeros", ".zero_point", ".svd_up", ".svd_down", ".g_idx",
    "._scale", "._shift", "._weight_scale", "._weight_zero_point", ".quant_state.bitsandbytes__nf4",
    ".quant_state.bitsandbytes__fp4",
)  # fmt: skip
"""Endings of what lies beside packed weights and is none."""

SCALED = (".scale_weight", ".weight_scale", ".scale")
PACKED = frozenset({"U8", "I8", "I32", "F8_E4M3", "F8_E5M2", "F4"})
"""Types of the tensors that quantisers write. Without one of them nothing is packed."""

PLAIN = frozenset({"F64", "F32", "F16", "BF16", "I64", "I32", "BOOL"})
"""Types of what nobody packed. Quantisers leave convolutions as they are, so where one was at work matrices vote."""

REASONS: Mapping[str, str] = {
    "nf4": N_("its weights are packed as 4-bit NormalFloat (bitsandbytes)"),
    "fp4": N_("its weights are packed as 4-bit floats (bitsandbytes)"),
    "int8": N_("its weights are stored as 8-bit whole numbers with scales"),
    "int4": N_("its weights are packed as 4-bit whole numbers with scales"),
    "nvfp4": N_("its weights are packed as 4-bit floats with scales for every 16 (NVFP4)"),
    "mxfp8": N_("its weights are 8-bit floats with a scale for every 32 (MXFP8)"),
}


def tell(draft: Draft, inside: Tensors) -> None:
    """Set the precision of a core from its own weights, and say how it is packed."""
    weights = list(inside.values())
    if any(info.dtype not in PLAIN for info in weights):
        weights = [info for name, info in inside.items() if not name.endswith(SCALES)]
    matrices = [info for info in weights if len(info.shape) == 2]
    packed = any(info.dtype not in PLAIN for info in matrices)
    found = precision(matrices if packed else weights)
    draft.values["precision"] = found
    if found is not None and found in REASONS:
        draft.note("precision", found, REASONS[found])
    elif found and found.startswith("fp8") and any(name.endswith(SCALED) for name in inside):
        draft.note("precision", found, N_("its 8-bit floats have scales beside them (scaled fp8)"))


# --- unpacking -----------------------------------------------------------------------------------------------------
def unpacked(header: Header) -> Header:
    """Return the header with packed weights under their own names, shapes and types; unchanged where none is."""
    tensors = header.tensors
    if header.format is Format.GGUF:
        return replace(header, tensors={name: _unfolded(name, info, tensors) for name, info in tensors.items()})
    if PACKED.isdisjoint({info.dtype for info in tensors.values()}):
        return header
    found: dict[str, TensorInfo] = {}
    changed = False
    for name, info in tensors.items():
        plain, known = _unpack(name, info, tensors) if info.dtype in PACKED else (name, info)
        changed = changed or known is not info or plain != name
        found[plain] = known
    return replace(header, tensors=found) if changed else header


def _unfolded(name: str, info: TensorInfo, tensors: Tensors) -> TensorInfo:
    """Give a kernel over time its fifth axis back: GGUF has four, so stable-diffusion.cpp joins the first two."""
    if len(info.shape) != 4 or not name.endswith(".weight"):
        return info
    bias = tensors.get(name.removesuffix("weight") + "bias")
    rows = bias.shape[0] if bias is not None and len(bias.shape) == 1 else 0
    if not rows or rows in info.shape[:2] or info.shape[0] % rows:
        return info
    return TensorInfo((rows, info.shape[0] // rows, *info.shape[1:]), info.dtype)


RENAMED = (("._data._data", ""), ("._data", ""), ("._weight_qdata", ".weight"))


def _unpack(name: str, info: TensorInfo, tensors: Tensors) -> tuple[str, TensorInfo]:
    """Return a weight's own name and what it would be without packing."""
    plain = next((name.removesuffix(end) + own for end, own in RENAMED if name.endswith(end)), name)
    if plain != name and info.shape:
        packed = info.dtype == "U8"
        return plain, _typed(info, "INT4" if packed else "I8", (info.shape[0] * (1 + packed), *info.shape[1:]))
    if name.endswith(".qweight"):
        return name, _group(name.removesuffix(".qweight"), info, tensors)
    if name.endswith(".weight"):
        return name, _weight(name, name.removesuffix(".weight"), info, tensors)
    return name, info


def _typed(info: TensorInfo, dtype: str, shape: tuple[int, ...] | None = None) -> TensorInfo:
    return TensorInfo(info.shape if shape is None else shape, dtype)


def _group(module: str, info: TensorInfo, tensors: Tensors) -> TensorInfo:
    """Whole numbers in groups: Nunchaku (I8, two in a byte), AWQ and GPTQ (I32, eight in a number)."""
    scales = tensors.get(module + ".wscales")
    if scales is not None:
        floats = module + ".wtscale" in tensors or scales.dtype.startswith("F8")
        return _typed(info, "NVFP4" if floats else "INT4", _wider(info.shape, 2))
    if info.dtype == "I32" and module + ".qzeros" in tensors:
        return _typed(info, "INT4", _wider(info.shape, 8))
    return info


def _weight(name: str, module: str, info: TensorInfo, tensors: Tensors) -> TensorInfo:
    if info.dtype == "U8":
        return _bytes(name, module, info, tensors)
    scale = tensors.get(module + ".weight_scale")
    if info.dtype == "I8" and module + ".weight_s_rel" in tensors:
        return _typed(info, "INT4", _wider(info.shape, 2))
    if info.dtype == "F8_E4M3" and scale is not None and scale.dtype in ("U8", "F8_E8M0"):
        return _typed(info, "MXFP8")
    return info


def _bytes(name: str, module: str, info: TensorInfo, tensors: Tensors) -> TensorInfo:
    """Two weights in a byte."""
    for dtype in ("nf4", "fp4"):
        if f"{name}.quant_state.bitsandbytes__{dtype}" in tensors:
            return _typed(info, dtype.upper(), _restored(module, info, tensors))
    scale = tensors.get(module + ".weight_scale")
    if scale is not None and scale.dtype.startswith("F8"):
        return _typed(info, "NVFP4", _wider(info.shape, 2))
    scale = tensors.get(module + ".scale")
    if scale is None or not scale.shape:
        return info
    rows = scale.shape[0]
    row = 2 * prod(info.shape)
    return _typed(info, "INT4", (rows, row // rows) if rows and not row % rows else None)


def _restored(module: str, info: TensorInfo, tensors: Tensors) -> tuple[int, ...]:
    """bitsandbytes keeps a column of bytes. The bias has the rows, of attention that of the projection behind it."""
    bias = tensors.get(module + ".bias")
    if bias is None and module.endswith((".to_q", ".to_k", ".to_v")):
        bias = tensors.get(module[:-4] + "to_out.0.bias")
    elements = 2 * prod(info.shape)
    if bias is None or len(bias.shape) != 1 or not bias.shape[0] or elements % bias.shape[0]:
        return elements, 1
    return bias.shape[0], elements // bias.shape[0]


def _wider(shape: tuple[int, ...], times: int) -> tuple[int, ...]:
    return (*shape[:-1], shape[-1] * times) if shape else shape
