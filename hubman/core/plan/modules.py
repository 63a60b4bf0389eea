"""Which modules of a base an adapter's file changes, from tensor names and shapes alone.

Suffixes and prefixes: docs/design facts "formats" 1.3 (LyCORIS, kohya sd-scripts, diffusers, PEFT, OneTrainer savers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hubman.core.plan.places import OTHER, TE1, TE2, TE3, UNET, Shape, fold
from hubman.core.types import TensorInfo

_ROLES: Mapping[str, str] = {
    "lora_down.weight": "down",
    "lora_up.weight": "up",
    "lora_mid.weight": "mid",
    "lora_A.weight": "down",
    "lora_B.weight": "up",
    "lora_A.default.weight": "down",
    "lora_B.default.weight": "up",
    "lora.down.weight": "down",
    "lora.up.weight": "up",
    "lora_linear_layer.down.weight": "down",
    "lora_linear_layer.up.weight": "up",
    "lora_conv_layer.down.weight": "down",
    "lora_conv_layer.up.weight": "up",
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
    "lora_magnitude_vector.default.weight": "magnitude",
    "dora_scale": "dora",
    "alpha": "alpha",
    "scalar": "scalar",
    "on_input": "on_input",
    "weight": "ia3",
    "diff": "diff",
    "diff_b": "diff_b",
    "w_norm": "diff",
    "b_norm": "diff_b",
    "rescale": "rescale",
    "oft_blocks": "oft_blocks",
    **{f"hada_{name}": f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f"lokr_{name}": f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
    **{f"{name}.weight": name for name in ("a1", "a2", "b1", "b2")},
}
_SUFFIXES = tuple(sorted(_ROLES, key=len, reverse=True))
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

ALGORITHMS = ("lora", "loha", "lokr", "glora", "ia3", "oft", "boft", "full")
"""What the engine can apply; DoRA comes on top of the first three."""

_REQUIRED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "lora": (("down", "up"),),
    "loha": (("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),),
    "lokr": tuple(
        (*first, *second)
        for first in (("lokr_w1",), ("lokr_w1_a", "lokr_w1_b"))
        for second in (("lokr_w2",), ("lokr_w2_a", "lokr_w2_b"))
    ),
    "glora": (("a1", "a2", "b1", "b2"),),
    "ia3": (("ia3", "on_input"),),
    "oft": (("oft_blocks",),),
    "boft": (("oft_blocks",),),
    "full": (("diff",), ("diff_b",)),
}


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
        return _implied_size(self)


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
        if name.endswith(_HARMLESS) or name.startswith("bundle_emb."):
            harmless.append(name)
            continue
        split = _split_role(name)
        if split is None:
            unknown.append(name)
            continue
        groups.setdefault(split[0], {})[split[1]] = (name, info.shape)
    modules: list[AdapterModule] = []
    for name, roles in groups.items():
        if set(roles) <= {"alpha", "scalar"}:
            harmless.extend(tensor for tensor, _ in roles.values())
        elif set(roles) == {"ia3"}:
            unknown.append(roles["ia3"][0])
        else:
            modules.append(_module(name, roles))
    return AdapterLayout(tuple(modules), tuple(harmless), tuple(unknown))


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
    for suffix in _SUFFIXES:
        if name.endswith("." + suffix):
            return name[: -len(suffix) - 1], _ROLES[suffix]
    return None


def _module(name: str, roles: dict[str, tuple[str, Shape]]) -> AdapterModule:
    part, key = _place(name)
    algorithm = _algorithm(roles)
    complete = algorithm == "unknown" or any(all(role in roles for role in need) for need in _REQUIRED[algorithm])
    complete = complete and _partners_fit(roles)
    return AdapterModule(name, part, key, algorithm, roles, complete)


def _partners_fit(roles: Mapping[str, tuple[str, Shape]]) -> bool:
    """Say whether a down and its up share an inner width above 0, and a stated alpha is one number."""
    alpha = roles.get("alpha")
    if alpha is not None and _product(alpha[1]) != 1:
        return False
    if "up" not in roles or "down" not in roles or "mid" in roles:
        return True
    up, down = roles["up"][1], roles["down"][1]
    return len(up) >= 2 and len(down) >= 2 and up[1] == down[0] > 0


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
    if "oft_blocks" in roles:
        return {3: "oft", 4: "boft"}.get(len(roles["oft_blocks"][1]), "unknown")
    for algorithm, words in (
        ("loha", ("hada_",)),
        ("lokr", ("lokr_",)),
        ("lora", ("down", "up")),
        ("glora", ("a1", "a2", "b1", "b2")),
        ("full", ("diff", "diff_b")),
        ("ia3", ("ia3", "on_input")),
    ):
        if any(role.startswith(words) for role in roles):
            return algorithm
    return "unknown"


def _product(shape: Shape) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


def _implied_size(module: AdapterModule) -> tuple[int, int] | None:
    tensors = module.tensors
    if not module.complete:
        return None
    match module.algorithm:
        case "lora":
            kernel = module.shape("mid")[2:] if "mid" in tensors else ()
            return module.shape("up")[0], _product(module.shape("down")[1:]) * _product(kernel)
        case "loha" if "hada_t1" in tensors:
            kernel = module.shape("hada_t1")[2:]
            return module.shape("hada_w1_a")[1], module.shape("hada_w1_b")[1] * _product(kernel)
        case "loha":
            return module.shape("hada_w1_a")[0], _product(module.shape("hada_w1_b")[1:])
        case "lokr":
            return _lokr_size(module)
        case "glora":
            return None
        case "full" if "diff" in tensors:
            return module.shape("diff")[0], _product(module.shape("diff")[1:])
        case _:
            return None


def _lokr_size(module: AdapterModule) -> tuple[int, int]:
    tensors = module.tensors
    if "lokr_w1" in tensors:
        first = module.shape("lokr_w1")[:2]
    else:
        first = (module.shape("lokr_w1_a")[0], module.shape("lokr_w1_b")[1])
    if "lokr_w2" in tensors:
        shape = module.shape("lokr_w2")
        second = (shape[0], _product(shape[1:]))
    elif "lokr_t2" in tensors:
        kernel = module.shape("lokr_t2")[2:]
        second = (module.shape("lokr_w2_a")[1], module.shape("lokr_w2_b")[1] * _product(kernel))
    else:
        second = (module.shape("lokr_w2_a")[0], _product(module.shape("lokr_w2_b")[1:]))
    return first[0] * second[0], first[1] * second[1]


def fits_weight(module: AdapterModule, weight: Shape) -> bool:
    """Say whether a module's tensors can be added to a weight of that shape (a 1x1 convolution equals a linear)."""
    rows, columns = weight[0], _product(weight[1:])
    size = module.size()
    if size is not None:
        return size == (rows, columns)
    match module.algorithm:
        case "glora":
            b1, b2 = module.shape("b1"), module.shape("b2")
            return {(b1[0], _product(b2[1:])), (b2[0], _product(b1[1:]))} & {(rows, columns)} != set()
        case "ia3":
            return _product(module.shape("ia3")) in {rows, weight[1] if len(weight) > 1 else rows}
        case "oft" | "boft":
            blocks = module.shape("oft_blocks")
            return blocks[-3] * blocks[-1] == rows and blocks[-1] == blocks[-2]
        case "full":
            return _product(module.shape("diff_b")) == rows
        case _:
            return False
