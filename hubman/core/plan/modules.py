"""Which modules of a base an adapter's file changes, from tensor names and shapes alone.

Suffixes and prefixes: docs/design facts "formats" 1.3 (LyCORIS, kohya sd-scripts, diffusers, PEFT, OneTrainer savers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hubman.core.identify.algorithms import role_of
from hubman.core.plan.factors import consistent, fits, implied_size
from hubman.core.plan.places import OTHER, TE1, TE2, TE3, UNET, Shape, fold
from hubman.core.types import TensorInfo

_OLD_PROCESSOR = re.compile(r"(?:\.processor)?\.(to_q|to_k|to_v|to_out)_lora\.(down|up)\.weight$")
_OLD_TE_NAMES = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}
_XLABS_PROCESSOR = re.compile(r"\.processor\.(qkv|proj)_lora([12]?)\.(down|up)\.weight$")
"""XLabs keep their pairs in attention processors: 1 is the picture's stream of a double block, 2 the text's; those of
a single block have no number (XLabs-AI/x-flux src/flux/modules/layers.py)."""

_XLABS_SINGLE = {"qkv": "qkv", "proj": "linear2"}
_PREFIXES = (
    ("lora_unet_", UNET),
    ("oft_unet_", UNET),
    ("lycoris_unet_", UNET),
    ("lora_te1_", TE1),
    ("lora_te2_", TE2),
    ("lora_te3_", TE3),
    ("lora_te_", TE1),
    ("lycoris_te_", TE1),
    ("text_encoder_2.", TE2),
    ("text_encoder_3.", TE3),
    ("text_encoder.", TE1),
    ("text_encoders.clip_l.transformer.", TE1),
    ("text_encoders.clip_g.transformer.", TE2),
    ("text_encoders.t5xxl.transformer.", TE3),
    ("model.diffusion_model.", UNET),
    ("diffusion_model.", UNET),
    ("unet.", UNET),
    ("lora_transformer_", UNET),
    ("transformer.", UNET),
    ("lycoris_", UNET),
)
_BARE_UNET = (
    *("down_blocks", "up_blocks", "mid_block", "input_blocks", "output_blocks", "middle_block", "conv_in."),
    *("transformer_blocks.", "single_transformer_blocks.", "time_text_embed.", "context_embedder.", "x_embedder."),
    *("pos_embed.", "norm_out.", "proj_out."),
    *("double_blocks.", "single_blocks.", "img_in.", "txt_in.", "time_in.", "vector_in.", "guidance_in."),
    *("joint_blocks.", "t_embedder.", "y_embedder.", "final_layer."),
)
_HARMLESS = ("position_ids",)

BUNDLED = re.compile(r"bundle_emb\.(?P<name>.+?)\.(?P<tensor>string_to_param\..+|[^.]+)|(?P<token><[^<>]+>)")
"""Embeddings that a LoRA was trained with, in its own file: `bundle_emb.NAME.string_to_param.*` (A1111),
`bundle_emb.NAME.clip_l` (OneTrainer), `<s1>` (cloneofsimo)."""

ALGORITHMS = ("lora", "loha", "lokr", "glora", "ia3", "ia3l", "oft", "boft", "full")
"""What the engine can apply; DoRA comes on top of the first three. `ia3` keeps an offset from 1 (LyCORIS), `ia3l` the
factor itself (PEFT)."""

_MARKS: tuple[tuple[str, str], ...] = (
    ("hada_w1_a", "loha"), ("hada_w1_b", "loha"), ("hada_w2_a", "loha"), ("hada_w2_b", "loha"), ("hada_t1", "loha"),
    ("hada_t2", "loha"), ("lokr_w1", "lokr"), ("lokr_w1_a", "lokr"), ("lokr_w1_b", "lokr"), ("lokr_w2", "lokr"),
    ("lokr_w2_a", "lokr"), ("lokr_w2_b", "lokr"), ("lokr_t2", "lokr"), ("down", "lora"), ("up", "lora"),
    ("mid", "lora"), ("a1", "glora"), ("a2", "glora"), ("b1", "glora"), ("b2", "glora"), ("diff", "full"),
    ("diff_b", "full"), ("on_input", "ia3"),
)  # fmt: skip
"""Role -> the algorithm that it is a mark of, the first that is there decides."""

_SIDE_ROLES = frozenset(
    {"alpha", "scalar", "dora", "magnitude", "bias", "rescale", "bm", "diff_b", "oft_blocks", "ia3"}
)
_APPLIED = _SIDE_ROLES | {role for role, _ in _MARKS}
"""Roles that the engine has a formula for. One of any other (`lambda` of T-LoRA, PEFT's `oft_R`, whose form stands in
another file, ...) makes the module unknown: a part of a formula is not the formula."""


@dataclass(frozen=True, slots=True)
class AdapterModule:
    """The tensors of an adapter that belong to one module of the base.

    Attributes:
        name: the module as the file writes it.
        part, key: where it belongs; key is folded, before aliases.
        algorithm: one of ALGORITHMS, or "unknown".
        tensors: role -> (tensor name, shape).
        complete: False when a partner (the up of a down) is missing or does not fit.
    """

    name: str
    part: str
    key: str
    algorithm: str
    tensors: Mapping[str, tuple[str, Shape]]
    complete: bool

    def shape(self, role: str) -> Shape:
        return self.tensors[role][1]

    def size(self) -> tuple[int, int] | None:
        """Return (rows, columns) of the weight that the tensors imply, the kernel in the columns; None if open."""
        return implied_size(self.algorithm, _shapes(self.tensors)) if self.complete else None


@dataclass(frozen=True, slots=True)
class AdapterLayout:
    """What a weight adapter changes: its modules, and tensor names that are no weights or not understood."""

    modules: tuple[AdapterModule, ...]
    harmless: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def adapter_layout(tensors: Mapping[str, TensorInfo]) -> AdapterLayout:
    """Group the tensors of a LoRA-like file by the module they change, in the file's order of first appearance."""
    groups: dict[str, dict[str, tuple[str, Shape]]] = {}
    harmless: list[str] = []
    unknown: list[str] = []
    for name, info in tensors.items():
        if name.endswith(_HARMLESS) or BUNDLED.fullmatch(name):
            harmless.append(name)
            continue
        split = _split_role(name)
        if split is None:
            unknown.append(name)
            continue
        groups.setdefault(split[0], {})[split[1]] = (name, info.shape)
    loose: list[str] = []
    for name in unknown:
        owner = name.removesuffix(".weight")
        if owner != name and "on_input" in groups.get(owner, {}):  # LyCORIS' IA3 calls its offset plainly "weight"
            groups[owner]["ia3"] = (name, tensors[name].shape)
        else:
            loose.append(name)
    modules: list[AdapterModule] = []
    for name, roles in groups.items():
        if set(roles) <= {"alpha", "scalar"}:
            harmless.extend(tensor for tensor, _ in roles.values())
        else:
            modules.append(_module(name, roles))
    return AdapterLayout(tuple(modules), tuple(harmless), tuple(loose))


def _split_role(name: str) -> tuple[str, str] | None:
    old = _OLD_PROCESSOR.search(name)
    if old:
        if name.startswith("text_encoder"):
            return f"{name[: old.start()]}.{_OLD_TE_NAMES[old[1]]}", old[2]
        return f"{name[: old.start()]}.{old[1]}{'.0' if old[1] == 'to_out' else ''}", old[2]
    xlabs = _XLABS_PROCESSOR.search(name)
    if xlabs:
        inner = f"{'txt' if xlabs[2] == '2' else 'img'}_attn.{xlabs[1]}" if xlabs[2] else _XLABS_SINGLE[xlabs[1]]
        return f"{name[: xlabs.start()]}.{inner}", xlabs[3]
    return role_of(name)


def _module(name: str, roles: dict[str, tuple[str, Shape]]) -> AdapterModule:
    part, key = _place(name)
    if "ia3_l" in roles:
        roles["ia3"] = roles.pop("ia3_l")
    algorithm = _algorithm(roles)
    return AdapterModule(name, part, key, algorithm, roles, consistent(algorithm, _shapes(roles)))


def _shapes(roles: Mapping[str, tuple[str, Shape]]) -> dict[str, Shape]:
    return {role: shape for role, (_, shape) in roles.items()}


def _place(name: str) -> tuple[str, str]:
    rest = name.removeprefix("base_model.model.")
    for prefix, part in _PREFIXES:
        if rest.startswith(prefix):
            folded = fold(rest.removeprefix(prefix))
            return part, folded if part == UNET else folded.removeprefix("text_model_")
    if f"{rest}.".startswith(_BARE_UNET):
        return UNET, fold(rest)
    return OTHER, fold(rest)


def _algorithm(roles: Mapping[str, tuple[str, Shape]]) -> str:
    if not set(roles) <= _APPLIED:
        return "unknown"
    if "oft_blocks" in roles:
        return {3: "oft", 4: "boft"}.get(len(roles["oft_blocks"][1]), "unknown")
    found = next((algorithm for role, algorithm in _MARKS if role in roles), None)
    return found or ("ia3l" if "ia3" in roles else "unknown")


def fits_weight(module: AdapterModule, weight: Shape) -> bool:
    """Say whether a module's tensors can be added to a weight of that shape (a 1x1 convolution equals a linear)."""
    return module.complete and fits(module.algorithm, _shapes(module.tensors), weight)
