"""What quantisers and converters make of plain headers: facts about their files, each with the place it was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

from corpus import cases, generated, header_of

from hubman.core.identify.draft import Tensors
from hubman.core.types import Format, Header, TensorInfo

CORE = "model.diffusion_model."
Parts = dict[str, TensorInfo]


def bare(file: str) -> Tensors:
    """The tensors of a labelled core without the prefix."""
    case = next(case for case in (*cases(), *generated()) if case["file"] == file)
    return {name.removeprefix(CORE).removeprefix("net."): info for name, info in header_of(case).tensors.items()}


def prefixed(prefix: str, tensors: Tensors) -> Parts:
    return {prefix + name: info for name, info in tensors.items()}


@dataclass(frozen=True)
class Packing:
    """One way of storing matrices: where it was read, what `precision` must say and what becomes of a weight."""

    source: str
    precision: str
    pack: Callable[[str, int, int], Mapping[str, tuple[tuple[int, ...], str]]]


def _bnb(kind: str) -> Callable[[str, int, int], Mapping[str, tuple[tuple[int, ...], str]]]:
    return lambda name, out, into: {
        f"{name}.weight": ((out * into // 2, 1), "U8"),
        f"{name}.weight.absmax": ((out * into // 64,), "F32"),
        f"{name}.weight.quant_map": ((16,), "F32"),
        f"{name}.weight.quant_state.bitsandbytes__{kind}": ((80,), "U8"),
    }


PACKINGS: Mapping[str, Packing] = {
    "bitsandbytes nf4": Packing("bitsandbytes functional.py QuantState.as_dict", "nf4", _bnb("nf4")),
    "bitsandbytes fp4": Packing("bitsandbytes functional.py QuantState.as_dict", "fp4", _bnb("fp4")),
    "bitsandbytes int8": Packing(
        "bitsandbytes nn/modules.py Linear8bitLt", "int8",
        lambda name, out, into: {
            f"{name}.weight": ((out, into), "I8"), f"{name}.SCB": ((out,), "F32"), f"{name}.weight_format": ((), "U8")
        },
    ),
    "plain fp8": Packing("torch", "fp8-e4m3", lambda name, out, into: {f"{name}.weight": ((out, into), "F8_E4M3")}),
    "scaled fp8": Packing(
        "ComfyUI comfy/ops.py scaled_fp8_ops", "fp8-e4m3",
        lambda name, out, into: {
            f"{name}.weight": ((out, into), "F8_E4M3"), f"{name}.scale_weight": ((), "F32"),
            f"{name}.scale_input": ((), "F32"),
        },
    ),
    "comfy fp8": Packing(
        "ComfyUI QUANTIZATION.md", "fp8-e4m3",
        lambda name, out, into: {
            f"{name}.weight": ((out, into), "F8_E4M3"), f"{name}.weight_scale": ((), "F32"),
            f"{name}.comfy_quant": ((27,), "U8"),
        },
    ),
    "comfy int8_tensorwise": Packing(
        "ComfyUI comfy/quant_ops.py", "int8",
        lambda name, out, into: {
            f"{name}.weight": ((out, into), "I8"), f"{name}.weight_scale": ((out, 1), "F32"),
            f"{name}.comfy_quant": ((72,), "U8"),
        },
    ),
    "comfy nvfp4": Packing(
        "ComfyUI QUANTIZATION.md", "nvfp4",
        lambda name, out, into: {
            f"{name}.weight": ((out, into // 2), "U8"), f"{name}.weight_scale": ((out, into // 16), "F8_E4M3"),
            f"{name}.weight_scale_2": ((), "F32"),
        },
    ),
    "comfy mxfp8": Packing(
        "ComfyUI comfy/quant_ops.py", "mxfp8",
        lambda name, out, into: {
            f"{name}.weight": ((out, into), "F8_E4M3"), f"{name}.weight_scale": ((out, into // 32), "U8")
        },
    ),
    "comfy asym_w4a8_int8": Packing(
        "ComfyUI comfy/quant_ops.py", "int4",
        lambda name, out, into: {
            f"{name}.weight": ((out, into // 2), "I8"), f"{name}.weight_s_rel": ((out, into // 16), "F8_E4M3"),
            f"{name}.weight_s_channel": ((out,), "F32"), f"{name}.weight_codebook": ((16,), "F32"),
        },
    ),
    "SDNQ int8": Packing(
        "Disty0/sdnq", "int8",
        lambda name, out, into: {f"{name}.weight": ((out, into), "I8"), f"{name}.scale": ((out, 1), "F32")},
    ),
    "SDNQ uint4": Packing(
        "Disty0/sdnq", "int4",
        lambda name, out, into: {
            f"{name}.weight": ((out * into // 2,), "U8"), f"{name}.scale": ((out, into // 64, 1), "BF16"),
            f"{name}.zero_point": ((out, into // 64, 1), "BF16"), f"{name}.svd_up": ((out, 32), "BF16"),
            f"{name}.svd_down": ((32, into), "BF16"),
        },
    ),
    "quanto int8": Packing(
        "optimum-quanto tensor/weights/qbytes.py", "int8",
        lambda name, out, into: {
            f"{name}.weight._data": ((out, into), "I8"), f"{name}.weight._scale": ((out, 1), "BF16"),
            f"{name}.input_scale": ((), "BF16"), f"{name}.output_scale": ((), "BF16"),
        },
    ),
    "quanto int4": Packing(
        "optimum-quanto tensor/weights/qbits.py", "int4",
        lambda name, out, into: {
            f"{name}.weight._data._data": ((out // 2, into), "U8"), f"{name}.weight._scale": ((out, 1), "BF16"),
            f"{name}.weight._shift": ((out, 1), "BF16"),
        },
    ),
}  # fmt: skip


def packed(tensors: Tensors, packing: Packing) -> Parts:
    """Pack every large matrix, as quantisers do; convolutions, norms and biases stay."""
    found: Parts = {}
    for name, info in tensors.items():
        if name.endswith(".weight") and len(info.shape) == 2 and prod(info.shape) >= 1 << 16 and min(info.shape) >= 64:
            out, into = info.shape
            for part, (shape, dtype) in packing.pack(name.removesuffix(".weight"), out, into).items():
                found[part] = TensorInfo(shape, dtype)
        else:
            found[name] = TensorInfo(info.shape, "BF16")
    return found


def gguf(tensors: Tensors, architecture: str | None = None, kind: str = "Q4_K", **metadata: str) -> Header:
    """As GGUF holds it: ggml types, no axes of one in front, no fifth axis (ggml.h GGML_MAX_DIMS)."""
    found: Parts = {}
    for name, info in tensors.items():
        shape = info.shape
        if len(shape) == 5:
            shape = (shape[0] * shape[1], *shape[2:])
        while len(shape) > 1 and shape[0] == 1:
            shape = shape[1:]
        plain = "F32" if len(shape) < 2 else "BF16" if kind == "BF16" else "F16"
        found[name] = TensorInfo(shape, kind if len(shape) == 2 and shape[1] % 256 == 0 else plain)
    told = {"general.architecture": architecture} if architecture else {}
    return Header(Format.GGUF, found, {**told, **metadata})
