"""Which base an adapter can be proved on: by its modules and dimensions in that file's own header, never by a label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from hubman.core.plan.bases import T5, TE1, TE2, BaseLayout, Shape
from hubman.core.plan.modules import AdapterLayout, AdapterModule, adapter_layout, fits_weight
from hubman.core.types import Facts, Header, Kind, TensorInfo

FITTING_SHARE = 0.5
"""A base that lacks more than half of an adapter's modules is another model, not a partial match (render.md C3, 4)."""


@dataclass(frozen=True, slots=True)
class Match:
    """How much of an adapter finds its place in one base.

    Attributes:
        parts: part -> (matched, total) modules; of a hypernetwork the part is a context width.
        unmatched: module names that the base does not have.
        bad_shape: module names that it has in another size.
        incomplete: modules that miss a partner tensor (a down without its up).
        unsupported: modules of an algorithm that hubman does not apply.
        unknown: tensor names without a known meaning.
        harmless: tensors that are no weights (position_ids, bundled embeddings).
    """

    parts: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))
    unmatched: tuple[str, ...] = ()
    bad_shape: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    harmless: int = 0

    @property
    def matched(self) -> int:
        return sum(matched for matched, _ in self.parts.values())

    @property
    def total(self) -> int:
        return sum(total for _, total in self.parts.values())

    @property
    def share(self) -> float:
        """Matched share of all modules, 0..1; 0 for an adapter without modules."""
        return self.matched / self.total if self.total else 0.0

    @property
    def full(self) -> bool:
        return self.total > 0 and self.matched == self.total and not self.unknown

    def to_json(self, most: int = 10) -> dict[str, object]:
        """Return the report with at most `most` names per list and their counts."""
        lists = {
            name: getattr(self, name) for name in ("unmatched", "bad_shape", "incomplete", "unsupported", "unknown")
        }
        return {
            "matched": self.matched,
            "total": self.total,
            "parts": {part: {"matched": m, "total": t} for part, (m, t) in self.parts.items()},
            "harmless": self.harmless,
            **{name: {"count": len(names), "names": list(names[:most])} for name, names in lists.items() if names},
        }


def match_modules(adapter: AdapterLayout, base: BaseLayout) -> Match:
    """Compare a LoRA-like adapter with a base module by module."""
    parts: dict[str, tuple[int, int]] = {}
    lists: dict[str, list[str]] = {"unmatched": [], "bad_shape": [], "incomplete": [], "unsupported": []}
    for module in adapter.modules:
        problem = module_problem(module, base)
        if problem:
            lists[problem].append(module.name)
        matched, total = parts.get(module.part, (0, 0))
        parts[module.part] = (matched + (not problem), total + 1)
    return Match(
        parts=parts,
        unmatched=tuple(lists["unmatched"]),
        bad_shape=tuple(lists["bad_shape"]),
        incomplete=tuple(lists["incomplete"]),
        unsupported=tuple(lists["unsupported"]),
        unknown=adapter.unknown,
        harmless=len(adapter.harmless),
    )


def module_problem(module: AdapterModule, base: BaseLayout) -> str:
    """Return why a module cannot be applied, in the words of `Match`, or "" when it can."""
    if not module.complete:
        return "incomplete"
    places = base.places(module.part, module.key)
    if not places:
        return "unmatched"
    if module.algorithm == "unknown":
        return "unsupported"
    return "" if fits_weight(module, base.shape(places)) else "bad_shape"


_KEYS = {"clip_l": TE1, "clip_g": TE2, "t5": T5, "t5xxl": T5}


def embedding_tensors(tensors: Mapping[str, TensorInfo]) -> dict[str, tuple[str, Shape]]:
    """Return part -> (tensor name, shape) of the vectors of an embedding; the last axis is the width of a token.

    Layouts: A1111 `string_to_param.*`, `emb_params`, SDXL's `clip_l` + `clip_g`, the same with `t5` for Flux.1 and SD3
    (OneTrainer; ComfyUI's `t5xxl`), diffusers `{"<token>": vectors}`. The part of T5's vectors is T5.
    """
    floating = {
        name: info.shape for name, info in tensors.items() if len(info.shape) in {1, 2} and info.dtype[:1] in "FB"
    }
    pair = {part: (name, floating[name]) for name, part in _KEYS.items() if name in floating}
    if pair:
        return pair
    for wanted in ("string_to_param.", "emb_params", "emp_params", ""):
        for name, shape in floating.items():
            if name.startswith(wanted):
                return {TE1: (name, shape)}
    return {}


def match_embedding(tensors: Mapping[str, TensorInfo], base: BaseLayout) -> Match:
    """Compare the width of an embedding's vectors with the text encoders of a base; all vectors must have a place.

    T5 may go without: an embedding made for CLIP alone speaks to CLIP alone in Flux.1 and SD3, as in ComfyUI.
    """
    vectors = embedding_tensors(tensors)
    bad = {part: name for part, (name, shape) in vectors.items() if (base.token(part) or ("", 0))[1] != shape[-1]}
    missing = set(base.te_widths) - set(vectors) if vectors else set()
    return Match(
        parts={
            **{part: (int(part not in bad), 1) for part in vectors},
            **dict.fromkeys(sorted(missing), (0, 1)),
        },
        bad_shape=tuple(bad.values()),
        unmatched=tuple(sorted(missing)),
    )


def hypernetwork_dims(names: Sequence[str]) -> tuple[int, ...]:
    """Return the context widths in a hypernetwork's tensor names (`768.0.linear.0.weight`), ascending."""
    return tuple(sorted({int(found[1]) for name in names if (found := re.match(r"(\d+)\.[01]\.", name))}))


def match_hypernetwork(dims: Sequence[int], base: BaseLayout) -> Match:
    """Compare the widths of a hypernetwork with the cross- and self-attention of a base."""
    widths = base.channels | ({base.context} if base.context else set())
    return Match(
        parts={str(dim): (int(dim in widths), 1) for dim in dims},
        bad_shape=tuple(str(dim) for dim in dims if dim not in widths),
    )


@dataclass(frozen=True, slots=True)
class AdapterShape:
    """What an adapter needs from a base; made once per adapter and compared with every base."""

    kind: Kind
    modules: AdapterLayout
    tensors: Mapping[str, TensorInfo]
    dims: tuple[int, ...] = ()

    def match(self, base: BaseLayout) -> Match:
        if self.kind is Kind.EMBEDDING:
            return match_embedding(self.tensors, base)
        if self.kind is Kind.HYPERNETWORK:
            return match_hypernetwork(self.dims, base)
        return match_modules(self.modules, base)


def adapter_shape(facts: Facts, tensors: Mapping[str, TensorInfo]) -> AdapterShape:
    """Return what an adapter needs from a base, by its kind."""
    dims = facts.hypernetwork.dims if facts.hypernetwork else hypernetwork_dims(tuple(tensors))
    layout = adapter_layout(tensors) if facts.kind is Kind.LORA else AdapterLayout(())
    return AdapterShape(facts.kind, layout, tensors, dims)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A base that could be used. `autov1` as in Hashes, or None; `renderable`: its config is known and it is safe."""

    name: str
    sha256: str
    layout: BaseLayout
    autov1: str | None = None
    lineage: str | None = None
    variant: str | None = None
    renderable: bool = True


@dataclass(frozen=True, slots=True)
class Declared:
    """The base that an adapter's file names as the one it was trained on."""

    hashes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    lineage: str | None = None

    def names_base(self, base: Candidate) -> bool:
        """Say whether this is that base: a sha256 (or its first 10 or more), an AutoV1, or the same file name."""
        stem = _stem(base.name)
        return any(_same_hash(value, base) for value in self.hashes) or any(_stem(n) == stem for n in self.names)


_EMPTY_AUTOV1 = "e3b0c442"  # sha256 of nothing: what AutoV1 of any file of 1 MiB or less comes to


def _same_hash(value: str, base: Candidate) -> bool:
    if value.startswith(_EMPTY_AUTOV1):
        return False
    return (len(value) >= 10 and base.sha256.startswith(value)) or (bool(base.autov1) and value == base.autov1)


def _stem(name: str) -> str:
    tail = re.split(r"[\\/]", name)[-1].casefold()
    return re.sub(r"\.(safetensors|ckpt|pt|bin)$", "", tail)


def declared_base(header: Header, lineage: str | None = None) -> Declared:
    """Read the base that a header names: kohya's `ss_*` metadata, A1111's `sd_checkpoint*` in pickles."""
    said: dict[str, object] = dict(header.metadata)
    if isinstance(header.tree, Mapping):
        said.update({str(key): value for key, value in header.tree.items() if isinstance(key, str)})
    hashes = [said.get(key) for key in ("ss_new_sd_model_hash", "ss_sd_model_hash", "sd_checkpoint")]
    names = [said.get(key) for key in ("ss_sd_model_name", "sd_checkpoint_name")]
    return Declared(_texts(hashes, r"[0-9a-fA-F]{8,64}"), _texts(names, r".+"), lineage)


def _texts(values: Sequence[object], pattern: str) -> tuple[str, ...]:
    texts = [value.strip() for value in values if isinstance(value, str) and value.strip() not in {"", "None"}]
    return tuple(text.lower() if "0-9" in pattern else text for text in texts if re.fullmatch(pattern, text))


@dataclass(frozen=True, slots=True)
class BaseChoice:
    """The base to prove an adapter on, and why.

    Attributes:
        index: position in the given candidates, or None when none fits.
        rule: given, declared, lineage, fits, partial; misfit when the given or declared base does not fit; none.
        reason: the rule in words.
        match: the comparison with the chosen (or misfitting) base.
        considered: (name, matched, total) of every candidate that matched anything, best first.
    """

    index: int | None
    rule: str
    reason: str
    match: Match
    considered: tuple[tuple[str, int, int], ...] = ()


def choose_base(
    adapter: AdapterShape, declared: Declared, candidates: Sequence[Candidate], *, given: bool = False
) -> BaseChoice:
    """Choose by shapes first; among bases that fit prefer the one the file names, then its lineage, then a plain one.

    `given`: the user named the candidates (`--base`); then the first is taken, and a misfit is the adapter's verdict.
    """
    matches = [adapter.match(base.layout) for base in candidates]
    order = sorted(range(len(matches)), key=lambda i: (-matches[i].share, i))
    considered = tuple((candidates[i].name, matches[i].matched, matches[i].total) for i in order if matches[i].matched)
    if given and candidates:
        fits = matches[0].share > FITTING_SHARE
        reason = "--base was given" if fits else "--base was given and does not fit"
        return BaseChoice(0, "given" if fits else "misfit", reason, matches[0], considered)
    named = [i for i, base in enumerate(candidates) if declared.names_base(base)]
    best = _best(matches, candidates, declared, named)
    if best is not None:
        rule, reason = _why(best, matches, candidates, declared, named)
        return BaseChoice(best, rule, reason, matches[best], considered)
    if named:
        reason = "the file names this base, and it does not fit"
        return BaseChoice(named[0], "misfit", reason, matches[named[0]], considered)
    empty = matches[order[0]] if order else Match()
    return BaseChoice(None, "none", "no checkpoint in the library has these modules in these sizes", empty, considered)


def _best(
    matches: Sequence[Match], candidates: Sequence[Candidate], declared: Declared, named: Sequence[int]
) -> int | None:
    usable = [i for i, match in enumerate(matches) if match.share > FITTING_SHARE]

    def rank(i: int) -> tuple[float, bool, bool, bool, bool, bool, str, str]:
        base = candidates[i]
        return (
            -matches[i].share,
            not base.renderable,
            i not in named,
            not _same_lineage(base, declared),
            bool(base.layout.transformer),  # an embedding for CLIP alone was hardly made for what reads T5 too
            base.variant in {"inpaint", "depth", "ip2p", "lotus", "zero123", "lcm"},
            base.name.casefold(),
            base.sha256,
        )

    return min(usable, key=rank, default=None)


def _same_lineage(base: Candidate, declared: Declared) -> bool:
    return declared.lineage is not None and base.lineage == declared.lineage


def _why(
    best: int,
    matches: Sequence[Match],
    candidates: Sequence[Candidate],
    declared: Declared,
    named: Sequence[int],
) -> tuple[str, str]:
    match, base = matches[best], candidates[best]
    if match.share < 1:
        return "partial", f"{match.matched} of {match.total} modules occur in it, more than in any other base"
    if best in named:
        return "declared", "the adapter's file names it, and all modules and sizes occur in it"
    if _same_lineage(base, declared):
        return "lineage", f"same lineage ({base.lineage}), and all modules and sizes occur in it"
    return "fits", "all modules and sizes occur in it"
