"""Which signatures hold for a file. Pure data in (families/), no order: the more special signature wins.

Every family file is asked. A signature whose conditions are a part of another's that also holds is dropped, so that
what is left is either one answer or an honest set.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from hubman.core.identify import families, names
from hubman.core.identify.declare import DEFAULT, Family, Form, Signature, Variant
from hubman.core.identify.draft import Draft, Tensors
from hubman.core.types import Confidence, Kind

PREFIXES = (
    # What tools put before a model's own names. ComfyUI model_detection.py, kohya and Forge savers, torch wrappers;
    # "x/" is a component of a diffusers folder.
    "", "model.diffusion_model.", "diffusion_model.", "model.model.", "transformer.", "transformer/", "net.", "model.",
    "unet.", "unet/", "module.", "first_stage_model.", "vae.", "vae/", "netG.", "model_ema.",
)  # fmt: skip

PRECEDENCE: tuple[frozenset[Kind], ...] = (
    # What steers a model repeats some of its names, a core may carry its encoders along, face restorers are built
    # around a VAE, and a text encoder that also sees has a picture encoder in it.
    frozenset({Kind.CONTROLNET, Kind.T2I_ADAPTER, Kind.IP_ADAPTER, Kind.MOTION_MODULE, Kind.LORA}),
    frozenset({Kind.DIFFUSION_MODEL}),
    frozenset({Kind.FACE_RESTORER}),
    frozenset({Kind.VAE}),
    frozenset({Kind.TEXT_ENCODER}),
    frozenset({Kind.CLIP_VISION}),
)
STEERING = PRECEDENCE[0]


_replaced: Mapping[str, Family] | None = None


def replace_families(families_instead: Mapping[str, Family] | None) -> None:
    """Answer with these families instead of the installed ones; None takes that back.

    For estimates of what happens to files of an architecture that nobody declared. Caches made from the families
    (`index`, `graph.atlas`, ...) are the caller's to clear.
    """
    global _replaced
    _replaced = families_instead


def all_families() -> Mapping[str, Family]:
    """Return every family by the name of its file."""
    return _installed() if _replaced is None else _replaced


@cache
def _installed() -> Mapping[str, Family]:
    found = {}
    for info in sorted(pkgutil.iter_modules(families.__path__), key=lambda info: info.name):
        family = importlib.import_module(f"{families.__name__}.{info.name}").FAMILY
        assert isinstance(family, Family)
        found[info.name] = family
    return found


@dataclass(frozen=True)
class Part:
    """The tensors of a file under one prefix."""

    prefix: str
    tensors: Tensors

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a tensor of this part, None where there is none of that name."""
        info = self.tensors.get(self.prefix + name)
        return None if info is None else info.shape

    @cached_property
    def inside(self) -> Tensors:
        """The tensors of this part under their own names."""
        if not self.prefix:
            return self.tensors
        cut = len(self.prefix)
        return {name[cut:]: info for name, info in self.tensors.items() if name.startswith(self.prefix)}

    @cached_property
    def templates(self) -> frozenset[str]:
        """The names with `#` for their numbers."""
        return frozenset(names.template(name)[0] for name in self.inside)

    def has(self, wanted: str) -> bool:
        """Whether a name (`a|b`, `#`, trailing `*`) occurs."""
        return any(self._has_one(name) for name in wanted.split("|"))

    def _has_one(self, name: str) -> bool:
        if name.endswith("*"):
            begin = name[:-1]
            return any(inner.startswith(begin) for inner in (self.templates if "#" in begin else self.inside))
        return name in self.templates if "#" in name else self.prefix + name in self.tensors


def fits(form: Form, shape: tuple[int, ...] | None) -> bool:
    """Whether a shape is the one asked for."""
    return shape is not None and len(shape) == len(form) and all(map(_fits_axis, form, shape))


def _fits_axis(wanted: object, size: int) -> bool:
    return wanted is None or size == wanted or (isinstance(wanted, tuple) and size in wanted)


def holds(part: Part, rule: Signature | Variant) -> bool:
    """Whether everything that a signature or variant asks for is so."""
    return (
        all(map(part.has, rule.has))
        and not any(map(part.has, rule.lacks))
        and all(_has_form(part, name, form) for name, form in rule.shapes.items())
    )


def _has_form(part: Part, wanted: str, form: Form) -> bool:
    return any(fits(form, part.shape(name)) for name in wanted.split("|"))


# --- the index -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Entry:
    """A signature with its family, its place in the order of declaration and what it asks for."""

    family: Family
    signature: Signature
    number: int
    conditions: frozenset[object]


@cache
def index() -> Mapping[str, tuple[tuple[str, Entry], ...]]:
    """Return the whole name of an anchor -> (prefix, signature) to try when a file has it."""
    found: dict[str, list[tuple[str, Entry]]] = {}
    number = 0
    for family in all_families().values():
        for signature in family.signatures:
            entry = Entry(family, signature, number, signature.conditions)
            number += 1
            for anchor in signature.has[0].split("|"):
                for prefix in (*PREFIXES, *signature.prefixes):
                    found.setdefault(prefix + anchor, []).append((prefix, entry))
    return {name: tuple(entries) for name, entries in found.items()}


@dataclass(frozen=True, slots=True)
class Match:
    """A signature that holds, and the part of the file it holds for."""

    entry: Entry
    part: Part

    @property
    def kind(self) -> Kind:
        """What the part is when it is alone."""
        return self.entry.signature.kind


def matches(tensors: Tensors) -> list[Match]:
    """Return the signatures that hold and that no more special one makes superfluous, in order of declaration."""
    table = index()
    parts: dict[str, Part] = {}
    found: dict[tuple[int, str], Match] = {}
    for name in tensors.keys() & table.keys():
        for prefix, entry in table[name]:
            part = parts.get(prefix)
            if part is None:
                part = parts[prefix] = Part(prefix, tensors)
            if (entry.number, prefix) not in found and holds(part, entry.signature):
                found[entry.number, prefix] = Match(entry, part)
    special = [match for match in found.values() if not _is_dominated(match, found.values())]
    return sorted(special, key=lambda match: (match.entry.number, len(match.part.prefix)))


def _is_dominated(match: Match, others: Iterable[Match]) -> bool:
    return any(
        other.part.prefix == match.part.prefix and other.entry.conditions > match.entry.conditions for other in others
    )


def best(found: Sequence[Match]) -> list[Match]:
    """Return the matches of the kinds that decide, see PRECEDENCE; of one part where several prefixes hold the same."""
    for kinds in PRECEDENCE:
        chosen = [match for match in found if match.kind in kinds]
        if chosen:
            first = chosen[0]
            return [match for match in chosen if match.part.prefix == first.part.prefix]
    return list(found[:1])


# --- concluding ----------------------------------------------------------------------------------------------------
def tell(draft: Draft, chosen: Sequence[Match]) -> None:
    """Set architecture, variant and what else the signatures say."""
    first = chosen[0]
    architectures = tuple(dict.fromkeys(name for match in chosen for name in match.entry.signature.architectures))
    sure = Confidence.CERTAIN if len(chosen) == 1 else Confidence.LIKELY
    sure = first.entry.signature.sure if sure is Confidence.CERTAIN else sure
    words = _words(first.entry)
    if architectures:
        draft.architectures(architectures, words, sure, **_fields(first))
    else:
        draft.note("kind", draft.kind, words, **_fields(first))
        draft.weaken(sure)
    for match in chosen:
        if match.entry.signature.variant and not draft.values.get("variant"):
            draft.say("variant", match.entry.signature.variant, words, **_fields(match))
        _tell_variants(draft, match)


def _words(entry: Entry) -> str:
    return entry.signature.because or DEFAULT


def _fields(match: Match) -> dict[str, str]:
    signature = match.entry.signature
    key = next(name for name in signature.has[0].split("|") if match.part.has(name))
    return {"key": match.part.prefix + key, "title": signature.title or match.entry.family.title}


def _tell_variants(draft: Draft, match: Match) -> None:
    for variant in match.entry.family.variants:
        if not draft.values.get(variant.fact) and holds(match.part, variant):
            draft.say(variant.fact, variant.name, variant.because, **_fields(match))
