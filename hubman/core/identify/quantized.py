"""How a core is stored: precision by elements, and the marks that quantisers leave.

Scales and companions do not vote (SD.Next counts them and calls an fp8 file fp32). Marks: ComfyUI `scaled_fp8` and
`comfy_quant`, bitsandbytes `quant_state`, Nunchaku `qweight`/`wscales`, `.SCB` of LLM.int8, GGUF's own type names.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubman.core.identify.draft import Draft, Tensors, precision
from hubman.core.types import TensorInfo
from hubman.errors import N_

SCALES = (
    ".scale_weight", ".weight_scale", ".scale_input", ".input_scale", ".weight_scale_2", ".absmax", ".quant_map",
    ".nested_absmax", ".nested_quant_map", ".SCB", ".wscales", ".wtscale", ".wcscales", ".smooth_factor",
    ".smooth_factor_orig", ".comfy_quant", ".scale_shift", ".weight_format",
)  # fmt: skip

MARKS: tuple[tuple[str, str, str], ...] = (
    # ending or part of a name, precision, reason
    (".quant_state.bitsandbytes__nf4", "nf4", N_("its weights are packed as 4-bit NormalFloat (bitsandbytes)")),
    (".quant_state.bitsandbytes__fp4", "fp4", N_("its weights are packed as 4-bit floats (bitsandbytes)")),
    (".SCB", "int8", N_("its weights are stored as 8-bit whole numbers with scales (LLM.int8)")),
    (".wscales", "int4", N_("its weights are packed as 4-bit whole numbers (Nunchaku, SVDQuant)")),
    (".wtscale", "nvfp4", N_("its weights are packed as 4-bit floats (Nunchaku, NVFP4)")),
)
"""bitsandbytes, Nunchaku: names that only such a file has."""

SCALED = (".scale_weight", ".weight_scale")


def tell(draft: Draft, inside: Tensors) -> None:
    """Set the precision of a core from its own weights, and say how it is packed."""
    weights = {name: info for name, info in inside.items() if not name.endswith(SCALES)}
    found = precision(weights.values())
    draft.values["precision"] = found
    if draft.header.metadata.get("general.architecture") or not _is_packed(weights):
        return
    for name in inside:
        for mark, kind, words in MARKS:
            if mark in name:
                draft.say("precision", kind, words)
                return
    if found and found.startswith("fp8") and any(name.endswith(SCALED) for name in inside):
        draft.note("precision", found, N_("its 8-bit floats have scales beside them (scaled fp8)"))


def _is_packed(weights: Mapping[str, TensorInfo]) -> bool:
    return any(info.dtype in ("U8", "I8", "F8_E4M3", "F8_E5M2", "I32", "F4") for info in weights.values())
