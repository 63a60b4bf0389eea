"""LoRA and its relatives: which algorithm, which rank, and what base they fit.

The base follows from the module graph: an architecture fits when it has every changed module with the same widths.
Where several fit, the text encoder's half, then the trainer's word decides; where that leaves more than one, so do we.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hubman.core.identify import dit_adapters, metadata, unets
from hubman.core.identify.algorithms import Module, parse
from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, Kind, TensorInfo

MIN_SHARE = 0.5
"""Some merged checkpoints still hold lora_* keys (InvokeAI), so a share counts, not a single key."""

PREFIXES: tuple[tuple[str, str], ...] = (
    # prefix of a module name, the part that it belongs to. kohya networks/lora.py, lora_flux.py, oft.py; LyCORIS;
    # diffusers save_lora_weights; PEFT.
    ("lora_te1_", "te1"), ("lora_te2_", "te2"), ("lora_te3_", "te3"), ("lora_te_", "te"), ("lora_unet_", "unet"),
    ("oft_unet_", "unet"), ("lycoris_", "unet"), ("lora_transformer_", "unet"), ("base_model.model.", ""),
    ("text_encoder_2.", "te2"), ("text_encoder_3.", "te3"), ("text_encoder.", "te"), ("text_encoder:", "te:"),
    ("unet:", "unet:"), ("unet.", "unet"), ("transformer.", "unet"), ("diffusion_model.", "unet"),
    ("model.diffusion_model.", "unet"), ("te1.", "te1"), ("te2.", "te2"),
)  # fmt: skip

CLIPS: Mapping[int, tuple[int, tuple[str, ...]]] = {
    # width -> (layers, architectures that read it). OpenAI CLIP-L, OpenCLIP ViT-H (SD 2), OpenCLIP ViT-bigG (SDXL).
    768: (12, ("sd1",)),
    1024: (24, ("sd2",)),
    1280: (32, ("sdxl",)),
}

LANGUAGE_MODELS = re.compile(
    r"(^|\.)(encoder\.layer\.\d|encoder\.block|decoder\.block|decoder\.layers\.\d|model\.layers\.\d|roberta|bert|gpt|"
    r"transformer\.h\.\d|h\.\d+\.attn|classifier|lin\d|conv\dd|score|lm_head|unilora|base_layer)(\.|_|$)"
)


def identify(header: Header) -> Facts | None:
    """Return the facts of an adapter, or None when the file is none."""
    listed = _cloneofsimo_list(header)
    if listed is not None:
        return listed
    modules, rest = parse(header.tensors)
    changed = {name: module for name, module in modules.items() if module.algorithm}
    bundled = [key for key in rest if _is_bundled(key, header.tensors[key])]
    if not changed or _share(header, rest, bundled) < MIN_SHARE:
        return _unproven_peft(header)
    parts = _by_part(changed.values())
    if _is_language_model(parts, changed):
        return _non_image(header)
    return _draft(header, changed, parts)


def _share(header: Header, rest: Sequence[str], bundled: Sequence[str]) -> float:
    total = len(header.tensors) - len(bundled)
    return (total - (len(rest) - len(bundled))) / total if total else 0.0


def _is_bundled(key: str, info: TensorInfo) -> bool:
    """A token that was trained along: OneTrainer `bundle_emb.`, cloneofsimo `<s1>`, A1111 string_to_param."""
    return key.startswith(("bundle_emb.", "<")) or ".string_to_param." in key


# --- names ---------------------------------------------------------------------------------------------------------
def split(name: str) -> tuple[str, str]:
    """Split a module's name into (part, name inside the part); the part is "" where nothing says."""
    for prefix, part in PREFIXES:
        if name.startswith(prefix):
            inner = name[len(prefix) :]
            return split(inner) if not part else (part, inner)
    return "", name


def _by_part(modules: Iterable[Module]) -> dict[str, dict[str, Module]]:
    parts: dict[str, dict[str, Module]] = {}
    for module in modules:
        part, inner = split(module.name)
        if part == "te" and re.match(r"(2_|2\.)", inner):
            part, inner = "te2", inner[2:]
        folded = _plain_module(unets.fold(inner))
        parts.setdefault(part or "unet", {})[folded] = module
    return parts


def _plain_module(folded: str) -> str:
    """Undo diffusers' old attention processors: `attn1.processor.to_q_lora` changes `attn1.to_q`."""
    name = folded.replace("_processor_", "_").removesuffix("_lora")
    return (
        name.replace("to_out_lora", "to_out_0")
        if name.endswith("to_out_lora")
        else re.sub(r"_to_out$", "_to_out_0", name)
    )


def _is_language_model(parts: Mapping[str, Mapping[str, Module]], changed: Mapping[str, Module]) -> bool:
    if parts.keys() - {"unet"} or any(dit_adapters.PATTERNS.search(name) for name in changed):
        return False
    if any(parts["unet"].keys() & unets.every_module(unet).keys() for unet in unets.FAMILY):
        return False
    return all(name.startswith("base_model.") or LANGUAGE_MODELS.search(name) for name in changed)


def _unproven_peft(header: Header) -> Facts | None:
    """PEFT names every tensor `base_model...`; one that changes no image model known to us is a language model's."""
    names = list(header.tensors)
    if (
        names
        and all(name.startswith("base_model.") for name in names)
        and not any(map(dit_adapters.PATTERNS.search, names))
    ):
        return _non_image(header)
    return None


def _non_image(header: Header) -> Facts:
    draft = Draft(header, Kind.NON_IMAGE_LORA)
    draft.note(
        "kind", Kind.NON_IMAGE_LORA, "it changes layers of a language model or classifier, not of an image model"
    )
    draft.weaken(Confidence.LIKELY)
    return draft.done()


# --- facts ---------------------------------------------------------------------------------------------------------
def _draft(header: Header, changed: Mapping[str, Module], parts: Mapping[str, Mapping[str, Module]]) -> Facts:
    draft = Draft(header, Kind.LORA)
    draft.note("kind", Kind.LORA, f"its tensors are small changes to {len(changed)} modules of another model")
    _tell_algorithm(draft, changed)
    _tell_rank(draft, changed)
    _tell_base(draft, parts)
    _tell_trained(draft, parts)
    metadata.tell_lineage(draft)
    metadata.prediction(draft)
    return draft.done()


def _tell_algorithm(draft: Draft, changed: Mapping[str, Module]) -> None:
    counts = Counter(module.algorithm for module in changed.values())
    counts.pop("norm", None) if len(counts) > 1 else None
    algorithm = counts.most_common(1)[0][0] or "lora"
    shapes = [module.parts.get("oft", ()) for module in changed.values()]
    if algorithm == "oft" and any(len(shape) == 4 for shape in shapes):
        algorithm = "boft"
    if algorithm == "lora" and any(module.has_kernel or "w_norm" in module.parts for module in changed.values()):
        algorithm = "locon"
    if algorithm == "norm":
        algorithm = "full"
    if any("dora" in module.parts for module in changed.values()):
        if algorithm in ("lora", "locon"):
            algorithm = "dora"
        else:
            draft.say("variant", "dora", "it also scales every module's magnitude (dora_scale)")
    draft.say("algorithm", algorithm, _ALGORITHM_WORDS[algorithm])


_ALGORITHM_WORDS = {
    "lora": "every module has a pair of low-rank matrices",
    "locon": "it also changes 3x3 convolutions or norms, as LoCon does",
    "dora": "low-rank pairs with a magnitude of their own (dora_scale)",
    "loha": "every module has Hadamard factors (hada_w1, hada_w2)",
    "lokr": "every module has Kronecker factors (lokr_w1, lokr_w2)",
    "ia3": "every module is one vector of scales",
    "glora": "every module has the four factors of GLoRA (a1, a2, b1, b2)",
    "oft": "every module is a set of rotations (oft_blocks)",
    "boft": "every module is a cascade of rotations (4-D oft_blocks)",
    "full": "it stores whole differences, not factors",
}


def _tell_rank(draft: Draft, changed: Mapping[str, Module]) -> None:
    ranks = Counter(module.rank for module in changed.values() if module.rank)
    if ranks:
        rank, count = ranks.most_common(1)[0]
        draft.say("rank", rank, f"{count} of {sum(ranks.values())} modules have an inner width of {rank}")
    alpha = metadata.number(draft.header.metadata, "ss_network_alpha")
    if alpha is not None and any("alpha" in module.parts for module in changed.values()):
        draft.say("alpha", alpha, "the trainer wrote ss_network_alpha; the file keeps it per module")


def _tell_trained(draft: Draft, parts: Mapping[str, object]) -> None:
    names = {name.rstrip(":") for name in parts}
    trained = [name for name in ("unet", "te", "te1", "te2", "te3") if name in names]
    trained = ["te1" if name == "te" else name for name in trained]
    draft.say("trained", tuple(dict.fromkeys(trained)), "its modules are named after these parts")


# --- base ----------------------------------------------------------------------------------------------------------
def _tell_base(draft: Draft, parts: Mapping[str, Mapping[str, Module]]) -> None:
    unet = parts.get("unet", {})
    texts = {name: modules for name, modules in parts.items() if name.startswith("te") and not name.endswith(":")}
    if parts.keys() & {"unet:", "te:"}:
        _tell_numbered(draft, parts)
    elif not unet:
        _tell_text_only(draft, texts)
    elif any(dit_adapters.PATTERNS.search(name) for name in unet) and not _fits_names(unet):
        from_dit = _dit(draft, unet)
        draft.architectures(from_dit, "its modules are those of a transformer model", Confidence.LIKELY)
    else:
        _tell_unet(draft, unet, texts)


def _dit(draft: Draft, unet: Mapping[str, Module]) -> tuple[str, ...]:
    return metadata.refine(draft, dit_adapters.candidates(unet))


def _fits_names(modules: Mapping[str, Module]) -> list[unets.UNet]:
    """The U-Nets that have every module by name."""
    return [unet for unet in unets.FAMILY if modules.keys() <= unets.every_module(unet).keys()]


def _fits_widths(unet: unets.UNet, modules: Mapping[str, Module]) -> bool:
    table = unets.every_module(unet)
    return all(_same_width(table[name], name, module) for name, module in modules.items())


def _same_width(expected: Iterable[unets.Dims], name: str, module: Module) -> bool:
    if "norm" in name or name.endswith(("conv_in", "input_blocks_0_0")):
        return True
    wide, deep = module.dims()
    kernel = 9 if _CONVOLUTION.search(name) else 1
    return any(wide in (None, out, into) and deep in (None, into, into * kernel) for out, into in expected)


_CONVOLUTION = re.compile(r"(conv\d?|_op|in_layers_2|out_layers_3)$")
"""3x3 convolutions: LoHa and LoKr flatten them, so the width going in counts nine times."""


def _tell_unet(draft: Draft, modules: Mapping[str, Module], texts: Mapping[str, Mapping[str, Module]]) -> None:
    named = _fits_names(modules)
    exact = [unet for unet in named if _fits_widths(unet, modules)]
    if exact:
        _tell_exact(draft, exact, modules, texts)
    elif named:
        _tell_custom(draft, named, modules)
    else:
        _tell_partly(draft, modules, texts)


def _tell_exact(
    draft: Draft, exact: list[unets.UNet], modules: Mapping[str, Module], texts: Mapping[str, Mapping[str, Module]]
) -> None:
    names = [unet.id for unet in exact]
    names = _without_kolors(names, modules, texts)
    names = _by_projection(names, modules)
    names = _by_texts(draft, names, texts)
    left = metadata.refine(draft, names)
    draft.architectures(left, _exact_words(left, modules))


def _exact_words(names: Sequence[str], modules: Mapping[str, Module]) -> str:
    if len(names) > 1:
        return f"all {len(modules)} modules occur with the same widths in each of these; nothing in the file decides"
    unet = unets.by_id(names[0])
    if any("attn2_to_k" in name or "attn2_to_v" in name for name in modules):
        return f"cross-attention reads {unet.context}-wide text, as {unet.words} does"
    return f"all {len(modules)} modules occur in {unet.words} with the same widths"


def _without_kolors(names: list[str], modules: Mapping[str, Module], texts: Mapping[str, object]) -> list[str]:
    """Kolors has SDXL's blocks under diffusers' names only, and no CLIP text encoder."""
    ldm = any(name.startswith(("input_blocks", "output_blocks", "middle_block")) for name in modules)
    return [name for name in names if name != "kolors"] if (ldm or texts) and len(names) > 1 else names


def _by_projection(names: list[str], modules: Mapping[str, Module]) -> list[str]:
    """SD 1 projects into attention by a 1x1 convolution, SD 2 by a matrix."""
    kinds = {module.is_convolution for name, module in modules.items() if name.endswith(("proj_in", "proj_out"))} - {
        None
    }
    if len(kinds) != 1 or not {"sd1", "sd2"} <= set(names):
        return names
    return ["sd1"] if kinds == {True} else ["sd2"]


def _by_texts(draft: Draft, names: list[str], texts: Mapping[str, Mapping[str, Module]]) -> list[str]:
    fitting = [name for name in names if name in _text_architectures(texts)]
    if fitting and len(names) > 1:
        draft.note("architecture", fitting, "the text encoder that it also changes belongs to it")
        return fitting
    return names


def _tell_custom(draft: Draft, named: list[unets.UNet], modules: Mapping[str, Module]) -> None:
    """Every name fits and the widths do not: a base with that block structure at another width."""
    ids = _by_projection([unet.id for unet in named if unet.id != "kolors"] or [named[0].id], modules)
    left = metadata.refine(draft, ids)
    draft.architectures(left, "its modules are named as in this architecture, at other widths", Confidence.LIKELY)
    draft.say("variant", "custom-width", "the widths are those of a base that was built narrower or wider")


def _tell_partly(draft: Draft, modules: Mapping[str, Module], texts: Mapping[str, Mapping[str, Module]]) -> None:
    """Some modules are foreign: take the context width where cross-attention shows it."""
    contexts = {module.dims()[1] for name, module in modules.items() if re.search(r"attn2_to_[kv]$", name)} - {None}
    found = [unet.id for unet in unets.FAMILY[:4] if contexts == {unet.context}]
    found = found or list(_text_architectures(texts))
    left = metadata.refine(draft, found)
    because = f"cross-attention reads {contexts}-wide text" if contexts else "no module of it is in a base that we know"
    draft.architectures(left, because.replace("{", "").replace("}", ""), Confidence.LIKELY)


# --- text encoders and numbered layouts ----------------------------------------------------------------------------
def _widths(modules: Iterable[Module]) -> Counter[int]:
    """Widths of attention projections, which are square, so that MLP layers do not vote."""
    votes: Counter[int] = Counter()
    for module in modules:
        wide, deep = module.dims()
        if wide is not None and deep in (None, wide):
            votes[wide] += 1
    return votes


def _text_architectures(texts: Mapping[str, Mapping[str, Module]]) -> tuple[str, ...]:
    if "te2" in texts and _width(texts["te2"]) == 1280:
        return ("sdxl",)
    if "te1" in texts:
        return ("sdxl", "flux1", "sd3") if _width(texts["te1"]) == 768 else ()
    width = _width(texts.get("te", {}))
    return CLIPS[width][1] if width is not None and width in CLIPS else ()


def _width(modules: Mapping[str, Module]) -> int | None:
    votes = _widths(modules.values())
    return votes.most_common(1)[0][0] if votes else None


def _tell_text_only(draft: Draft, texts: Mapping[str, Mapping[str, Module]]) -> None:
    found = metadata.refine(draft, _text_architectures(texts))
    width = next((_width(modules) for modules in texts.values()), None)
    known = CLIPS.get(width or 0)
    words = f"it changes only a text encoder of width {width}" + ("" if known else ", which is no known one")
    declared = metadata.declared(draft.header.metadata)
    if not found and declared:
        found, words = (declared[0],), words + f"; the trainer declared {declared[0]}"
        draft.say("variant", "custom-width", "the text encoder's width is that of a base built narrower or wider")
    draft.architectures(found, words, Confidence.LIKELY)


def _tell_numbered(draft: Draft, parts: Mapping[str, Mapping[str, Module]]) -> None:
    """cloneofsimo numbers its modules; the input widths of cross-attention still tell the text encoder."""
    deep = {module.dims()[1] for module in parts.get("unet:", {}).values()}
    _tell_by_input_widths(draft, deep, _width(parts.get("te:", {})))


def _tell_by_input_widths(draft: Draft, widths: set[int | None], text: int | None) -> None:
    found = [unet for unet in (SD for SD in unets.FAMILY[:3]) if unet.context in widths]
    if found:
        words = f"cross-attention reads {found[-1].context}-wide text, as {found[-1].words} does"
        draft.architectures((found[-1].id,), words, Confidence.CERTAIN)
    elif text in CLIPS:
        draft.architectures(CLIPS[text or 0][1], f"its text encoder is {text} wide", Confidence.LIKELY)
    else:
        draft.architectures(metadata.refine(draft, ("sd1", "sd2")), "no module reads the text", Confidence.LIKELY)


def _cloneofsimo_list(header: Header) -> Facts | None:
    """A bare list of tensors: up, down, up, down, ... in the order of the base's modules (cloneofsimo/lora, 2022)."""
    tree = header.tree
    if not isinstance(tree, list) or len(tree) < 4 or len(tree) % 2:
        return None
    shapes = [item.shape for item in tree if isinstance(item, TensorInfo) and len(item.shape) in (2, 4)]
    pairs = list(zip(shapes[::2], shapes[1::2], strict=True)) if len(shapes) == len(tree) else []
    if not pairs or any(up[1] != down[0] for up, down in pairs):
        return None
    draft = Draft(header, Kind.LORA)
    draft.note(
        "kind", Kind.LORA, f"it is a list of {len(pairs)} pairs of low-rank matrices, as cloneofsimo's trainer wrote"
    )
    draft.say("algorithm", "lora", _ALGORITHM_WORDS["lora"])
    draft.say("rank", pairs[0][1][0], "the inner width of the pairs")
    _tell_pairs(draft, pairs)
    return draft.done()


def _tell_pairs(draft: Draft, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    widths = {down[1] for _, down in pairs}
    text = {(up[0], down[1]) for up, down in pairs} if len(widths) <= 2 else set()
    only = next(iter(widths)) if len(widths) == 1 else None
    if only is not None and only in CLIPS and all(wide == deep for wide, deep in text):
        draft.say("trained", ("te1",), "every pair has the one width of a text encoder")
        draft.architectures(CLIPS[only][1], f"its text encoder is {only} wide", Confidence.LIKELY)
        return
    draft.say("trained", ("unet",), "the pairs have the widths of a U-Net's levels")
    _tell_by_input_widths(draft, set(widths), None)
