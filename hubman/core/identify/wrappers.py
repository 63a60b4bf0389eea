"""Take the model out of what trainers wrap around it: `{"state_dict": {...}, "optimizer_states": [...]}`.

In a pickle the wrapper is a dict around the table, in safetensors a name before every name (`params_ema.conv.weight`).
Names of wrappers: Lightning (`state_dict`), BasicSR (`params_ema`, `params`), T2I-Adapter (`adapter`), SparseCtrl
(`controlnet`), and those that chaiNNer-org/spandrel's `canonicalize_state_dict` and ComfyUI know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from hubman.core.identify import quantized, unets
from hubman.core.types import Header, TensorInfo

WRAPPERS = (
    "state_dict", "model_state_dict", "params_ema", "params-ema", "params", "model", "net", "module", "netG", "net_g",
    "G_ema", "g_ema", "generator", "adapter", "controlnet",
)  # fmt: skip
DOTTED = (
    "state_dict.", "model_state_dict.", "params_ema.", "params-ema.", "params.", "module.", "netG.", "net_g.", "G_ema.",
    "g_ema.", "generator.",
)  # fmt: skip
"""Names before all names. `model.` is none of them: ESRGAN's own names begin so."""
PREFERRED = ("params_ema.", "params-ema.")
"""Where a file holds the weights and their running mean, the mean is what is used."""


def unwrap(header: Header) -> Header:
    """Return the header with the innermost table of tensors as its tree and names, and with quantised weights unpacked.

    A header that nothing wraps and nobody packed comes back unchanged.
    """
    return quantized.unpacked(_averaged(_without_prefix(_from_tree(header))))


def _from_tree(header: Header) -> Header:
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


COMPILED = "_orig_mod."
"""torch.compile puts it before the names of what it compiled: of a whole model, of a part or of every block."""


def _without_prefix(header: Header) -> Header:
    tensors = header.tensors
    if any(COMPILED in name for name in tensors):
        tensors = {name.replace(COMPILED, ""): info for name, info in tensors.items()}
    for _ in DOTTED:
        prefix = _prefix(tensors)
        if prefix is None:
            break
        tensors = {name[len(prefix) :]: info for name, info in tensors.items() if name.startswith(prefix)}
    return header if tensors is header.tensors else replace(header, tensors=tensors)


def _prefix(tensors: Mapping[str, TensorInfo]) -> str | None:
    if next(iter(tensors), "").partition(".")[0] + "." not in DOTTED:
        return None
    heads = {name.partition(".")[0] + "." for name in tensors}
    if len(heads) == 1:
        return next((head for head in heads if head in DOTTED), None)
    if heads <= set(DOTTED):
        return next((head for head in PREFERRED if head in heads), None)
    return None


# --- running means -------------------------------------------------------------------------------------------------
EMA, LIVE = "model_ema.diffusion_model", "model.diffusion_model."
"""CompVis latent-diffusion ldm/modules/ema.py: `LitEma` keeps the names without their dots."""


def _averaged(header: Header) -> Header:
    """Give the running mean of a U-Net the names of the U-Net, where the file holds nothing but the mean."""
    tensors = header.tensors
    if EMA + "input_blocks00weight" not in tensors or LIVE + "input_blocks.0.0.weight" in tensors:
        return header
    known = _without_dots()
    return replace(header, tensors={known.get(name, name): info for name, info in tensors.items()})


@cache
def _without_dots() -> Mapping[str, str]:
    names = (
        f"{module}.{part}"
        for unet in unets.FAMILY
        for module in unets.names(unet, "ldm")
        for part in ("weight", "bias")
    )
    return {EMA + name.replace(".", ""): LIVE + name for name in names}
