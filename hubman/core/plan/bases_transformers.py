"""Flux.1 and SD3: how diffusers' names of their modules and the original ones belong together.

The originals (black-forest-labs/flux, Stability-AI/sd3.5; kohya, ComfyUI and XLabs write their names) keep q, k and v
in one matrix and the two halves of the last modulation in another order. Facts: diffusers
`loaders/single_file_utils.py` (`convert_flux_transformer_checkpoint_to_diffusers`, `convert_sd3_...`) and
`loaders/lora_conversion_utils.py`; checked against both in tests. Here only names and shapes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from hubman.core.plan.places import UNET, Place, Shape, fold

FLUX, SD3 = "flux", "sd3"

GUIDANCE_EMBEDDER = "time_text_embed.guidance_embedder.linear_1"
"""A Flux.1 that was distilled to be told the strength of the guidance ([dev]) has it; [schnell] and SD3 have not."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One original module and its diffusers names, whose rows are stacked in it; `#` stands for the block's number.

    Attributes:
        swapped: the halves of the only name lie the other way round (shift, scale against scale, shift).
        last: holds for the last block only (True), for all but the last (False), for any (None).
    """

    old: str
    new: tuple[str, ...]
    swapped: bool = False
    last: bool | None = None


def _flux_double(old: str, new: str, parts: tuple[str, ...], norms: tuple[str, str], out: str) -> list[_Rule]:
    """Return the rules of one stream (img or txt) of a double block."""
    block, attn = f"double_blocks.#.{old}", "transformer_blocks.#.attn"
    return [
        _Rule(f"{block}_attn.qkv", tuple(f"{attn}.{part}" for part in parts)),
        _Rule(f"{block}_attn.proj", (f"{attn}.{out}",)),
        _Rule(f"{block}_attn.norm.query_norm", (f"{attn}.{norms[0]}",)),
        _Rule(f"{block}_attn.norm.key_norm", (f"{attn}.{norms[1]}",)),
        _Rule(f"{block}_mlp.0", (f"transformer_blocks.#.ff{new}.net.0.proj",)),
        _Rule(f"{block}_mlp.2", (f"transformer_blocks.#.ff{new}.net.2",)),
        _Rule(f"{block}_mod.lin", (f"transformer_blocks.#.norm1{new}.linear",)),
    ]


_QKV = ("to_q", "to_k", "to_v")
_ADDED = ("add_q_proj", "add_k_proj", "add_v_proj")
_SINGLE = "single_transformer_blocks.#"
_SINGLE_QKV = tuple(f"{_SINGLE}.attn.{part}" for part in _QKV)
_EMBEDDERS = (("time_in", "timestep"), ("vector_in", "text"), ("guidance_in", "guidance"))

_FLUX_RULES = (
    *_flux_double("img", "", _QKV, ("norm_q", "norm_k"), "to_out.0"),
    *_flux_double("txt", "_context", _ADDED, ("norm_added_q", "norm_added_k"), "to_add_out"),
    _Rule("single_blocks.#.linear1", (*_SINGLE_QKV, f"{_SINGLE}.proj_mlp")),
    _Rule(
        "single_blocks.#.qkv", _SINGLE_QKV
    ),  # what XLabs' processor of a single block changes, as modules.py names it
    _Rule("single_blocks.#.linear2", (f"{_SINGLE}.proj_out",)),
    _Rule("single_blocks.#.modulation.lin", (f"{_SINGLE}.norm.linear",)),
    _Rule("single_blocks.#.norm.query_norm", (f"{_SINGLE}.attn.norm_q",)),
    _Rule("single_blocks.#.norm.key_norm", (f"{_SINGLE}.attn.norm_k",)),
    _Rule("img_in", ("x_embedder",)),
    _Rule("txt_in", ("context_embedder",)),
    *(
        _Rule(f"{old}.{layer}", (f"time_text_embed.{new}_embedder.linear_{number}",))
        for old, new in _EMBEDDERS
        for layer, number in (("in_layer", 1), ("out_layer", 2))
    ),
    _Rule("final_layer.linear", ("proj_out",)),
    _Rule("final_layer.adaLN_modulation.1", ("norm_out.linear",), swapped=True),
)


def _sd3_attention(old: str, new: str, parts: tuple[str, ...], norms: tuple[str, str], out: str) -> list[_Rule]:
    block, attn = f"joint_blocks.#.{old}", f"transformer_blocks.#.{new}"
    return [
        _Rule(f"{block}.qkv", tuple(f"{attn}.{part}" for part in parts)),
        _Rule(f"{block}.proj", (f"{attn}.{out}",)),
        _Rule(f"{block}.ln_q", (f"{attn}.{norms[0]}",)),
        _Rule(f"{block}.ln_k", (f"{attn}.{norms[1]}",)),
    ]


_SD3_RULES = (
    *_sd3_attention("x_block.attn", "attn", _QKV, ("norm_q", "norm_k"), "to_out.0"),
    *_sd3_attention("x_block.attn2", "attn2", _QKV, ("norm_q", "norm_k"), "to_out.0"),
    *_sd3_attention("context_block.attn", "attn", _ADDED, ("norm_added_q", "norm_added_k"), "to_add_out"),
    *(
        _Rule(f"joint_blocks.#.{old}_block.mlp.{layer}", (f"transformer_blocks.#.ff{new}.net.{inner}",))
        for old, new in (("x", ""), ("context", "_context"))
        for layer, inner in (("fc1", "0.proj"), ("fc2", "2"))
    ),
    _Rule("joint_blocks.#.x_block.adaLN_modulation.1", ("transformer_blocks.#.norm1.linear",)),
    _Rule(
        "joint_blocks.#.context_block.adaLN_modulation.1", ("transformer_blocks.#.norm1_context.linear",), last=False
    ),
    # The last block's text stream ends in it: shift and scale only, and diffusers keeps scale first.
    _Rule(
        "joint_blocks.#.context_block.adaLN_modulation.1",
        ("transformer_blocks.#.norm1_context.linear",),
        swapped=True,
        last=True,
    ),
    _Rule("x_embedder.proj", ("pos_embed.proj",)),
    *(
        _Rule(f"{old}_embedder.mlp.{layer}", (f"time_text_embed.{new}_embedder.linear_{number}",))
        for old, new in (("t", "timestep"), ("y", "text"))
        for layer, number in ((0, 1), (2, 2))
    ),
    _Rule("context_embedder", ("context_embedder",)),
    _Rule("final_layer.linear", ("proj_out",)),
    _Rule("final_layer.adaLN_modulation.1", ("norm_out.linear",), swapped=True),
)

_RULES: Mapping[str, tuple[_Rule, ...]] = {FLUX: _FLUX_RULES, SD3: _SD3_RULES}

_MARKS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    # kind: what a diffusers folder of it has, what a file in the original layout has. Chroma is a Flux.1 without
    # modulation; Flux.2, HunyuanVideo and Bria share some block names only.
    FLUX: (
        frozenset(
            (
                "transformer_blocks.0.norm1_context.linear",
                "single_transformer_blocks.0.norm.linear",
                "time_text_embed.text_embedder.linear_1",
                "x_embedder",
            )
        ),
        frozenset(("double_blocks.0.txt_mod.lin", "single_blocks.0.modulation.lin", "vector_in.in_layer", "img_in")),
    ),
    SD3: (
        frozenset(
            (
                "transformer_blocks.0.norm1_context.linear",
                "time_text_embed.text_embedder.linear_1",
                "pos_embed.proj",
                "context_embedder",
            )
        ),
        frozenset(("joint_blocks.0.x_block.attn.qkv", "y_embedder.mlp.0", "x_embedder.proj")),
    ),
}


def transformer_kind(modules: Collection[str]) -> str:
    """Return FLUX, SD3, or "" for the diffusers names of a denoiser's modules."""
    return next((kind for kind, (marks, _) in _MARKS.items() if marks <= set(modules)), "")


def original_kind(modules: Collection[str]) -> str:
    """Return FLUX, SD3, or "" for the names of a denoiser's modules in the original layout."""
    return next((kind for kind, (_, marks) in _MARKS.items() if marks <= set(modules)), "")


def _blocks(modules: Collection[str], root: str) -> list[int]:
    """Return the numbers of the blocks `root.N.`, ascending."""
    found = (re.match(rf"{root}\.(\d+)\.", name) for name in modules)
    return sorted({int(match[1]) for match in found if match})


def _instances(rules: tuple[_Rule, ...], modules: Collection[str], side: str) -> Iterator[_Rule]:
    """Yield the rules with the number of every block that occurs in `modules`, on its old or new side."""
    numbers: dict[str, list[int]] = {}
    for rule in rules:
        root, many, _ = (rule.old if side == "old" else rule.new[0]).partition(".#.")
        if not many:
            yield rule
            continue
        if root not in numbers:
            numbers[root] = _blocks(modules, root)
        for number in numbers[root]:
            if rule.last is None or rule.last == (number == numbers[root][-1]):
                new = tuple(name.replace("#", str(number)) for name in rule.new)
                yield _Rule(rule.old.replace("#", str(number)), new, rule.swapped)


def original_names(kind: str, modules: Mapping[str, Shape]) -> tuple[dict[str, str], dict[str, tuple[Place, ...]]]:
    """Return (aliases, fused) as in `BaseLayout` for the denoiser's diffusers modules (name -> shape of the weight)."""
    aliases: dict[str, str] = {}
    fused: dict[str, tuple[Place, ...]] = {}
    for rule in _instances(_RULES[kind], modules, "new"):
        if not all(name in modules for name in rule.new):
            continue
        keys = [(UNET, fold(name)) for name in rule.new]
        old = fold(rule.old)
        if rule.swapped:
            half = modules[rule.new[0]][0] // 2
            fused[old] = (Place(keys[0], half, half), Place(keys[0], half, 0))
        elif len(keys) == 1:
            aliases[old] = keys[0][1]
        else:
            fused[old] = tuple(Place(key, modules[name][0]) for key, name in zip(keys, rule.new, strict=True))
            # OneTrainer writes the pieces of a fused matrix one by one, numbered.
            aliases.update({f"{old}_{index}": key[1] for index, key in enumerate(keys)})
    return aliases, fused


def diffusers_modules(kind: str, modules: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return diffusers name -> shape for the modules of a file in the original layout."""
    found: dict[str, Shape] = {}
    for rule in _instances(_RULES[kind], modules, "old"):
        shape = modules.get(rule.old)
        if shape is None:
            continue
        width = shape[-1] if len(rule.new) == 4 else shape[0] // len(rule.new)
        for name in rule.new[:-1]:
            found[name] = (width, *shape[1:])
        found[rule.new[-1]] = (shape[0] - width * (len(rule.new) - 1), *shape[1:])
    return found
