"""LoRA and its relatives: which algorithm, which rank, which parts they change; `adapter_base` says what they fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hubman.core.identify import graph, metadata, names
from hubman.core.identify.adapter_base import Fit, fit_of, tell_base, tell_by_input_widths
from hubman.core.identify.adapter_texts import CLIPS
from hubman.core.identify.algorithms import Make, Module, Modules, parse
from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, Kind, TensorInfo
from hubman.errors import N_

MIN_SHARE = 0.5
"""Some merged checkpoints still hold lora_* keys (InvokeAI), so a share counts, not a single key."""

PREFIXES: tuple[tuple[str, str], ...] = (
    # prefix of a module name, the part that it belongs to. kohya networks/lora.py, lora_flux.py, oft.py; LyCORIS;
    # OneTrainer; diffusers save_lora_weights; PEFT; ComfyUI's own savers.
    ("lora_te1_", "te1"), ("lora_te2_", "te2"), ("lora_te3_", "te3"), ("lora_te_", "te"), ("lora_unet_", "unet"),
    ("oft_unet_", "unet"), ("lycoris_", "unet"), ("lora_transformer_", "unet"), ("lora_prior_unet_", "unet"),
    ("lora_prior_te_", "te"), ("Hunyuan_video_I2V_lora_", "unet"), ("pipe.dit.", "unet"), ("lora_unet-", "unet"),
    ("base_model.model.", ""), ("text_encoder_2.", "te2"), ("text_encoder_3.", "te3"), ("text_encoder.", "te"),
    ("text_encoders.clip_l.transformer.", "te1"), ("text_encoders.clip_g.transformer.", "te2"),
    ("text_encoders.clip_h.transformer.", "te"), ("text_encoders.t5xxl.transformer.", "te3"), ("text_encoders.", "te"),
    ("clip_l.transformer.", "te1"), ("clip_g.transformer.", "te2"), ("clip_h.transformer.", "te"),
    ("clip_l.", "te1"), ("clip_g.", "te2"), ("t5.", "te3"),
    ("text_encoder:", "te:"), ("unet:", "unet:"), ("unet.", "unet"), ("transformer.", "unet"),
    ("model.diffusion_model.", "unet"), ("diffusion_model.", "unet"), ("te1.", "te1"), ("te2.", "te2"),
    ("net.", "unet"),
)  # fmt: skip

MOST_LETTERS = 1 << 20
"""In all names of a file whose structure is remembered: the largest adapters have a third of it."""

LANGUAGE_MODELS = re.compile(
    r"(^|\.)(encoder\.layer\.\d|encoder\.block|decoder\.block|decoder\.layers\.\d|model\.layers\.\d|roberta|bert|gpt|"
    r"transformer\.h\.\d|h\.\d+\.attn|classifier|lin\d|conv\dd|score|lm_head|unilora|base_layer)(\.|_|$)"
)

Parts = Mapping[str, Modules]


def identify(header: Header) -> Facts | None:
    """Return the facts of an adapter, or None when the file is none."""
    listed = _cloneofsimo_list(header)
    if listed is not None:
        return listed
    names = tuple(header.tensors)
    structure = _structure if sum(map(len, names)) <= MOST_LETTERS else _structure.__wrapped__
    found = structure(names, tuple([info.shape for info in header.tensors.values()]))
    if found is None:
        return _unproven_peft(header)
    if _is_language_model(found):
        return _non_image(header)
    return _draft(header, found)


@dataclass(frozen=True, slots=True)
class Structure:
    """What names and shapes of an adapter say. Trainers write the same names again and again, so it is kept.

    Attributes:
        modules: the changed ones; makes: what their parts say, in the same order.
        parts: unet, te1, ... -> folded module name -> module.
        rest: names that belong to no module.
        fit: where they occur.
    """

    modules: tuple[Module, ...]
    makes: tuple[Make, ...]
    parts: Parts
    rest: tuple[str, ...]
    fit: Fit


@lru_cache(128)
def _structure(names: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]) -> Structure | None:
    """Return the structure of an adapter; None when these are not, or not mainly, the names of one."""
    modules, rest = parse(dict(zip(names, shapes, strict=True)))
    makes = {name: module.make for name, module in modules.items()}
    changed = [modules[name] for name, make in makes.items() if make.algorithm]
    bundled = sum(map(is_bundled, rest))
    total = len(names) - bundled
    if any(name.startswith(("image_proj.", "ip_adapter.")) for name in rest):
        return None  # IP-Adapter FaceID carries a LoRA along
    if not changed or (total - (len(rest) - bundled)) < MIN_SHARE * total:
        return None
    parts = _by_part(changed)
    made = tuple(makes[module.name] for module in changed)
    return Structure(tuple(changed), made, parts, tuple(rest), fit_of(parts))


def is_bundled(key: str) -> bool:
    """A token that was trained along: OneTrainer `bundle_emb.`, cloneofsimo `<s1>`, A1111 string_to_param."""
    return key.startswith(("bundle_emb.", "<")) or ".string_to_param." in key


# --- names ---------------------------------------------------------------------------------------------------------
@lru_cache(names.KEPT)
def split(name: str) -> tuple[str, str]:
    """Split a module's name into (part, folded name inside the part); the part is "" where nothing says."""
    part, inner = _split(name)
    if part == "te" and re.match(r"(2_|2\.)", inner):
        part, inner = "te2", inner[2:]
    folded = _plain_module(inner.replace(".", "_").replace("-", "_"))
    return part or ("te" if folded.startswith("text_model_") else ""), folded


def _split(name: str) -> tuple[str, str]:
    for prefix, part in PREFIXES:
        if name.startswith(prefix):
            inner = name[len(prefix) :].lstrip("_")  # VideoX-Fun has two underscores: lora_unet__blocks_0
            return _split(inner) if not part else (part, inner)
    return "", name


def _by_part(modules: Iterable[Module]) -> dict[str, dict[str, Module]]:
    parts: dict[str, dict[str, Module]] = {}
    for module in modules:
        part, inner = split(module.name)
        found = parts.setdefault(part or "unet", {})
        piece = _PIECE.match(inner)
        if piece and not graph.named(inner):
            inner, module = piece[1], _joined(found.get(piece[1]), module)
        found[inner] = module
    return parts


_PIECE = re.compile(r"(.+_(?:qkv|linear1))_[0-3]\Z")
"""OneTrainer cuts fused matrices into `qkv.0` to `qkv.2` and `linear1.0` to `linear1.3` (InvokeAI
flux_onetrainer_bfl_lora_conversion_utils.py)."""


def _joined(before: Module | None, piece: Module) -> Module:
    """Put the pieces of a fused matrix together again: their outputs add up."""
    if before is None or "up" not in before.parts or "up" not in piece.parts:
        return piece
    up, more = before.parts["up"], piece.parts["up"]
    if not up or not more:
        return piece
    return Module(piece.name, {**piece.parts, "up": (up[0] + more[0], *up[1:])})


_XLABS = {
    "processor_qkv_lora1": "img_attn_qkv", "processor_qkv_lora2": "txt_attn_qkv",
    "processor_proj_lora1": "img_attn_proj", "processor_proj_lora2": "txt_attn_proj",
}  # fmt: skip
"""What XLabs' processors change in a double block (XLabs-AI/x-flux src/flux/modules/layers.py)."""


def _plain_module(folded: str) -> str:
    """Undo attention processors: diffusers' old `attn1.processor.to_q_lora` changes `attn1.to_q`."""
    if "processor_" in folded:
        for theirs, plain in _XLABS.items():
            if folded.endswith(theirs):
                return folded.removesuffix(theirs) + plain
        folded = folded.replace("_processor_", "_")
    name = folded.removesuffix("_lora")
    if name.endswith("to_out_lora"):
        return name.replace("to_out_lora", "to_out_0")
    return name + "_0" if name.endswith("_to_out") and not graph.named(name) else name


def _is_language_model(found: Structure) -> bool:
    if found.parts.keys() - {"unet"}:
        return False
    known = sum(graph.named(name) != 0 for name in found.parts["unet"])
    if known * 2 >= len(found.parts["unet"]):
        return False
    return all(module.name.startswith("base_model.") or LANGUAGE_MODELS.search(module.name) for module in found.modules)


def _unproven_peft(header: Header) -> Facts | None:
    """PEFT names every tensor `base_model...`; one that changes no image model known to us is a language model's."""
    found = list(header.tensors)
    if not found or not all(name.startswith("base_model.") and ".text_model." not in name for name in found):
        return None
    known = sum(graph.named(split(name.rpartition(".")[0])[1]) != 0 for name in found)
    return None if known * 2 >= len(found) else _non_image(header)


def _non_image(header: Header) -> Facts:
    draft = Draft(header, Kind.NON_IMAGE_LORA)
    words = N_("it changes layers of a language model or classifier, not of an image model")
    draft.note("kind", Kind.NON_IMAGE_LORA, words)
    draft.weaken(Confidence.LIKELY)
    return draft.done()


# --- facts ---------------------------------------------------------------------------------------------------------
def _draft(header: Header, found: Structure) -> Facts:
    draft = Draft(header, Kind.LORA)
    words = N_("its tensors are small changes to {count} modules of another model")
    draft.note("kind", Kind.LORA, words, count=len(found.modules))
    _tell_algorithm(draft, found)
    _tell_rank(draft, found)
    tell_base(draft, found.parts, found.fit)
    _tell_control(draft, found)
    _tell_trained(draft, found.parts)
    metadata.tell_lineage(draft)
    metadata.prediction(draft)
    return draft.done()


def _tell_algorithm(draft: Draft, found: Structure) -> None:
    counts = Counter(make.algorithm for make in found.makes)
    counts.pop("norm", None) if len(counts) > 1 else None
    algorithm = counts.most_common(1)[0][0] or "lora"
    if algorithm == "oft" and any(len(module.parts.get("oft", ())) == 4 for module in found.modules):
        algorithm = "boft"
    if algorithm == "lora" and (
        any(make.has_kernel for make in found.makes) or any("w_norm" in module.parts for module in found.modules)
    ):
        algorithm = "locon"
    if algorithm == "norm":
        algorithm = "full"
    if any("dora" in module.parts for module in found.modules):
        if algorithm in ("lora", "locon"):
            algorithm = "dora"
        else:
            draft.say("variant", "dora", N_("it also scales every module's magnitude (dora_scale)"))
    draft.say("algorithm", algorithm, _ALGORITHM_WORDS[algorithm])


_ALGORITHM_WORDS = {
    "lora": N_("every module has a pair of low-rank matrices"),
    "locon": N_("it also changes 3x3 convolutions or norms, as LoCon does"),
    "dora": N_("low-rank pairs with a magnitude of their own (dora_scale)"),
    "tlora": N_("every module has an orthogonal pair with its singular values (T-LoRA)"),
    "loha": N_("every module has Hadamard factors (hada_w1, hada_w2)"),
    "lokr": N_("every module has Kronecker factors (lokr_w1, lokr_w2)"),
    "ia3": N_("every module is one vector of scales"),
    "glora": N_("every module has the four factors of GLoRA (a1, a2, b1, b2)"),
    "oft": N_("every module is a set of rotations (oft_blocks)"),
    "boft": N_("every module is a cascade of rotations (4-D oft_blocks, or boft_R)"),
    "hra": N_("every module has Householder reflections (hra_u)"),
    "vera": N_("every module has two vectors that scale shared random matrices (VeRA)"),
    "fourierft": N_("every module has coefficients of a Fourier transform (FourierFT)"),
    "full": N_("it stores whole differences, not factors"),
}


def _tell_rank(draft: Draft, found: Structure) -> None:
    ranks = Counter(make.rank for make in found.makes if make.rank)
    if ranks:
        rank, count = ranks.most_common(1)[0]
        words = N_("{count} of {total} modules have an inner width of {rank}")
        draft.say("rank", rank, words, count=count, total=sum(ranks.values()), rank=rank)
    alpha = metadata.number(draft.header.metadata, "ss_network_alpha")
    if alpha is not None and any("alpha" in module.parts for module in found.modules):
        draft.say("alpha", alpha, N_("the trainer wrote ss_network_alpha; the file keeps it per module"))


def _tell_control(draft: Draft, found: Structure) -> None:
    """Black Forest Labs' control LoRAs widen the first layer to take a second picture and replace norms."""
    unet = found.parts.get("unet", {})
    first = unet.get("img_in") or unet.get("x_embedder")
    widened = first is not None and first.dims()[1] == 128
    if widened and draft.values.get("architecture") == "flux1" and not draft.values.get("variant"):
        draft.say("variant", "control", N_("it widens the first layer to take a depth or edge map as well"))
    elif any("lora_controlnet" in key for key in found.rest):
        draft.say("variant", "control", N_("the key lora_controlnet marks a ControlLoRA"))


def _tell_trained(draft: Draft, parts: Parts) -> None:
    found = {name.rstrip(":") for name in parts}
    trained = [name for name in ("unet", "te", "te1", "te2", "te3") if name in found]
    trained = ["te1" if name == "te" else name for name in trained]
    draft.say("trained", tuple(dict.fromkeys(trained)), N_("its modules are named after these parts"))


# --- cloneofsimo's lists -------------------------------------------------------------------------------------------
Pair = tuple[tuple[int, ...], tuple[int, ...]]


def _cloneofsimo_list(header: Header) -> Facts | None:
    """A bare list of tensors: up, down, up, down, ... in the order of the base's modules (cloneofsimo/lora, 2022)."""
    tree = header.tree if header.tree is not None else _numbered(header)
    if not isinstance(tree, list) or len(tree) < 4 or len(tree) % 2:
        return None
    shapes = [item.shape for item in tree if isinstance(item, TensorInfo) and len(item.shape) in (2, 4)]
    pairs = list(zip(shapes[::2], shapes[1::2], strict=True)) if len(shapes) == len(tree) else []
    if not pairs or any(up[1] != down[0] for up, down in pairs):
        return None
    draft = Draft(header, Kind.LORA)
    words = N_("it is a list of {count} pairs of low-rank matrices, as cloneofsimo's trainer wrote")
    draft.note("kind", Kind.LORA, words, count=len(pairs))
    draft.say("algorithm", "lora", _ALGORITHM_WORDS["lora"])
    draft.say("rank", pairs[0][1][0], N_("the inner width of the pairs"))
    _tell_pairs(draft, pairs)
    return draft.done()


def _numbered(header: Header) -> object:
    """Undo what flattening a list into safetensors does: names that are the numbers from 0 on."""
    count = len(header.tensors)
    if "0" not in header.tensors or any(str(number) not in header.tensors for number in range(count)):
        return None
    return [header.tensors[str(number)] for number in range(count)]


def _tell_pairs(draft: Draft, pairs: Sequence[Pair]) -> None:
    widths = {down[1] for _, down in pairs}
    only = next(iter(widths)) if len(widths) == 1 else None
    if only in CLIPS and all(up[0] == down[1] for up, down in pairs):
        draft.say("trained", ("te1",), N_("every pair has the one width of a text encoder"))
        words = N_("its text encoder is {width} wide")
        draft.architectures(CLIPS[only or 0][1], words, Confidence.LIKELY, width=only)
        return
    draft.say("trained", ("unet",), N_("the pairs have the widths of a U-Net's levels"))
    tell_by_input_widths(draft, set(widths), None)
