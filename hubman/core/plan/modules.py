"""Which modules a checkpoint has and which modules an adapter changes, from tensor names and shapes alone.

Every naming of the same module (kohya's underscores, diffusers' dots, the original LDM block numbers, PEFT's prefixes)
is folded into one key, so that an adapter in any layout can be compared with a base in any layout.
Suffixes and prefixes: docs/design facts "formats" 1.3 (LyCORIS, kohya sd-scripts, diffusers, PEFT, OneTrainer savers).
Known limit: U-Net families only (SD1, SD2, SDXL); other architectures have a layout without modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hubman.core.types import TensorInfo

Shape = tuple[int, ...]

UNET, TE1, TE2, OTHER = "unet", "te1", "te2", "other"

_RESNET = (
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
)
_FIXED = (
    ("input_blocks.0.0", "conv_in"),
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("label_emb.0.0", "add_embedding.linear_1"),
    ("label_emb.0.2", "add_embedding.linear_2"),
    ("out.0", "conv_norm_out"),
    ("out.2", "conv_out"),
    ("middle_block.1", "mid_block.attentions.0"),
)
_OPEN_CLIP = (
    ("attn.out_proj", "self_attn.out_proj"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
)

_UNET_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet/", "unet.")
_CLIP_PREFIXES = (
    ("cond_stage_model.transformer.", TE1),
    ("conditioner.embedders.0.transformer.", TE1),
    ("text_encoder/", TE1),
    ("text_encoder_2/", TE2),
)
_OPEN_CLIP_PREFIXES = (
    ("cond_stage_model.model.", TE1),
    ("conditioner.embedders.0.model.", TE1),
    ("conditioner.embedders.1.model.", TE2),
)


def fold(name: str) -> str:
    """Return a module name with its dots as underscores: the one spelling all layouts share."""
    return name.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a U-Net half: how many resnets, whether each has an attention, whether it ends in a sampler."""

    resnets: int
    attentions: bool
    sampler: bool


def block_pairs(down: Iterable[Level], up: Iterable[Level]) -> list[tuple[str, str]]:
    """Return (LDM prefix, diffusers prefix) of every block; the numbering of the original U-Net, for any depth."""
    pairs = list(_FIXED)
    blocks = [("middle_block.0", "mid_block.resnets.0"), ("middle_block.2", "mid_block.resnets.1")]
    index = 1
    for number, level in enumerate(down):
        for resnet in range(level.resnets):
            blocks.append((f"input_blocks.{index}.0", f"down_blocks.{number}.resnets.{resnet}"))
            if level.attentions:
                pairs.append((f"input_blocks.{index}.1", f"down_blocks.{number}.attentions.{resnet}"))
            index += 1
        if level.sampler:
            pairs.append((f"input_blocks.{index}.0.op", f"down_blocks.{number}.downsamplers.0.conv"))
            index += 1
    index = 0
    for number, level in enumerate(up):
        for resnet in range(level.resnets):
            blocks.append((f"output_blocks.{index}.0", f"up_blocks.{number}.resnets.{resnet}"))
            if level.attentions:
                pairs.append((f"output_blocks.{index}.1", f"up_blocks.{number}.attentions.{resnet}"))
            if level.sampler and resnet == level.resnets - 1:
                slot = 2 if level.attentions else 1
                pairs.append((f"output_blocks.{index}.{slot}.conv", f"up_blocks.{number}.upsamplers.0.conv"))
            index += 1
    pairs.extend((f"{old}.{a}", f"{new}.{b}") for old, new in blocks for a, b in _RESNET)
    return pairs


def _levels_from_ldm(names: Iterable[str]) -> tuple[list[Level], list[Level]]:
    slots: dict[str, dict[int, set[str]]] = {"input_blocks": {}, "output_blocks": {}}
    for name in names:
        found = re.match(r"(input_blocks|output_blocks)\.(\d+)\.\d+\.(\w+)", name)
        if found:
            slots[found[1]].setdefault(int(found[2]), set()).add(found[3])
    return (
        _group_levels([slots["input_blocks"][i] for i in sorted(slots["input_blocks"]) if i > 0], "op"),
        _group_levels([slots["output_blocks"][i] for i in sorted(slots["output_blocks"])], "conv"),
    )


def _group_levels(blocks: list[set[str]], sampler: str) -> list[Level]:
    levels: list[Level] = []
    resnets, attentions = 0, False
    for words in blocks:
        resnets += "in_layers" in words
        attentions |= "transformer_blocks" in words
        if sampler in words:
            levels.append(Level(resnets, attentions, True))
            resnets, attentions = 0, False
    if resnets:
        levels.append(Level(resnets, attentions, False))
    return levels


def _levels_from_diffusers(names: Iterable[str], half: str, sampler: str) -> list[Level]:
    found: dict[int, tuple[set[int], bool, bool]] = {}
    for name in names:
        match = re.match(half + r"\.(\d+)\.(resnets|attentions|" + sampler + r")\.(\d+)", name)
        if match:
            resnets, attentions, ends = found.get(int(match[1]), (set(), False, False))
            if match[2] == "resnets":
                resnets.add(int(match[3]))
            found[int(match[1])] = (resnets, attentions or match[2] == "attentions", ends or match[2] == sampler)
    return [Level(len(found[n][0]), found[n][1], found[n][2]) for n in sorted(found)]


def _rename(names: Iterable[str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return old name -> new name for the names under one of the prefixes."""
    table = dict(pairs)
    renamed: dict[str, str] = {}
    for name in names:
        parts = name.split(".")
        for cut in range(len(parts), 0, -1):
            new = table.get(".".join(parts[:cut]))
            if new is not None:
                renamed[name] = ".".join([new, *parts[cut:]])
                break
    return renamed


@dataclass(frozen=True, slots=True)
class BaseLayout:
    """What an adapter can change in a base.

    Attributes:
        modules: (part, folded diffusers name) -> shape of its weight; parts are unet, te1, te2.
        aliases: folded LDM name -> folded diffusers name, for the unet.
        context: width of the text that the cross-attention reads (768 in SD1), or None.
        channels: widths of the self-attention (320, 640, 1280 in SD1).
        te_widths: part -> width of a token's embedding.
    """

    modules: Mapping[tuple[str, str], Shape]
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    context: int | None = None
    channels: frozenset[int] = frozenset()
    te_widths: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def key(self, part: str, folded: str) -> tuple[str, str]:
        """Return the key in `modules` that a folded name of any layout means."""
        return part, self.aliases.get(folded, folded) if part == UNET else folded


def layout_of_parts(parts: Mapping[str, Mapping[str, Shape]]) -> BaseLayout:
    """Return the layout of a base from part -> {diffusers module name: weight shape}; the engine's own entry."""
    unet = parts.get(UNET, {})
    down = _levels_from_diffusers(unet, "down_blocks", "downsamplers")
    up = _levels_from_diffusers(unet, "up_blocks", "upsamplers")
    to_ldm = _rename(unet, [(new, old) for old, new in block_pairs(down, up)])
    modules = {(part, fold(name)): shape for part, names in parts.items() for name, shape in names.items()}
    context = next((shape[-1] for name, shape in unet.items() if name.endswith("attn2.to_k")), None)
    widths = {
        part: shape[1]
        for (part, name), shape in modules.items()
        if part != UNET and name.endswith("token_embedding") and len(shape) == 2
    }
    return BaseLayout(
        modules=modules,
        aliases={fold(old): fold(new) for new, old in to_ldm.items()},
        context=context,
        channels=frozenset(shape[-1] for name, shape in unet.items() if name.endswith("attn1.to_k")),
        te_widths=widths,
    )


def base_layout(tensors: Mapping[str, TensorInfo]) -> BaseLayout:
    """Return what the header of a checkpoint (LDM or diffusers layout) offers to adapters."""
    parts: dict[str, dict[str, Shape]] = {UNET: {}, TE1: {}, TE2: {}}
    for name, info in tensors.items():
        for part, module, shape in _base_modules(name, info.shape):
            parts[part][module] = shape
    unet = parts[UNET]
    if any(name.startswith("input_blocks.") for name in unet):
        down, up = _levels_from_ldm(unet)
        renamed = _rename(unet, block_pairs(down, up))
        parts[UNET] = {renamed[name]: shape for name, shape in unet.items() if name in renamed}
    return layout_of_parts(parts)


def _base_modules(name: str, shape: Shape) -> list[tuple[str, str, Shape]]:
    for prefix in _UNET_PREFIXES:
        if name.startswith(prefix):
            return [(UNET, _module_of(name.removeprefix(prefix)), shape)] if name.endswith(".weight") else []
    for prefix, part in _OPEN_CLIP_PREFIXES:
        if name.startswith(prefix):
            return [(part, module, size) for module, size in _open_clip_modules(name.removeprefix(prefix), shape)]
    for prefix, part in _CLIP_PREFIXES:
        if name.startswith(prefix):
            rest = _file_part(name.removeprefix(prefix)).removeprefix("text_model.")
            return [(part, _module_of(rest), shape)] if name.endswith(".weight") else []
    return []


def _file_part(name: str) -> str:
    """Drop a weight file's own name in a folder's tensor path (`model.safetensors:encoder...`)."""
    return name.rpartition(":")[2]


def _module_of(name: str) -> str:
    return _file_part(name).removesuffix(".weight")


def _open_clip_modules(name: str, shape: Shape) -> list[tuple[str, Shape]]:
    """Return the CLIP names of an OpenCLIP tensor; its fused q, k, v are three modules."""
    if name == "token_embedding.weight":
        return [("embeddings.token_embedding", shape)]
    found = re.match(r"transformer\.resblocks\.(\d+)\.(.+)", name)
    if not found:
        return []
    layer = f"encoder.layers.{found[1]}"
    if found[2] == "attn.in_proj_weight":
        size = (shape[0] // 3, *shape[1:])
        return [(f"{layer}.self_attn.{which}_proj", size) for which in "qkv"]
    return [(f"{layer}.{new}", shape) for old, new in _OPEN_CLIP if found[2] == f"{old}.weight"]


# --- adapters -------------------------------------------------------------------------------------------------------

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
_PREFIXES = (
    ("lora_unet_", UNET),
    ("oft_unet_", UNET),
    ("lycoris_unet_", UNET),
    ("lora_te1_", TE1),
    ("lora_te2_", TE2),
    ("lora_te_", TE1),
    ("lycoris_te_", TE1),
    ("text_encoder_2.", TE2),
    ("text_encoder.", TE1),
    ("model.diffusion_model.", UNET),
    ("diffusion_model.", UNET),
    ("unet.", UNET),
    ("lycoris_", UNET),
)
_BARE_UNET = ("down_blocks", "up_blocks", "mid_block", "input_blocks", "output_blocks", "middle_block", "conv_in.")
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
    if rest.startswith(_BARE_UNET):
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
