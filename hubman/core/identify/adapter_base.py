"""Which base an adapter fits: the one architecture, or the honest set, whose modules it changes.

Every module that it changes is looked up by name and width in the graphs of all bases. What is left is narrowed
(`adapter_narrowing`), then by the trainer's word. What that does not decide stays a set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hubman.core.identify import graph, metadata, names, unets
from hubman.core.identify.adapter_narrowing import narrowed
from hubman.core.identify.adapter_texts import CLIPS, text_architectures, width_of
from hubman.core.identify.algorithms import Modules
from hubman.core.identify.draft import Draft
from hubman.core.identify.graph import Net
from hubman.core.types import Confidence, Evidence, Format, Header, Kind
from hubman.errors import N_

MIN_FIT = 0.9
"""Share of the modules that a base must have. Architectures borrow block names from one another: HunyuanVideo has two
thirds of Flux.1's at the same widths, so that a smaller share would file one under the other."""

PROJECTIONS = ("proj_in", "proj_out")
"""A matrix in some bases and a 1x1 convolution in others; elsewhere factors may be flattened."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Where the changed modules occur: all that names and shapes say of the base, before the trainer's word.

    Attributes:
        how: `exact`, `scaled` (names fit, widths do not) or `foreign`.
        architectures: what is left after narrowing; empty for `foreign`.
        count: how many modules occur there with the same widths.
        evidence, confidence: of the narrowing.
    """

    how: str
    architectures: tuple[str, ...] = ()
    count: int = 0
    evidence: tuple[Evidence, ...] = ()
    confidence: Confidence = Confidence.CERTAIN


def tell_base(draft: Draft, parts: Mapping[str, Modules], fit: Fit) -> None:
    """Set architecture and candidates from the modules of each part (unet, te1, ...; by their names without prefix)."""
    unet, texts = parts.get("unet", {}), _texts(parts)
    if parts.keys() & {"unet:", "te:"}:
        _tell_numbered(draft, parts)
    elif not unet:
        _tell_text_only(draft, texts)
    else:
        draft.evidence += fit.evidence
        draft.weaken(fit.confidence)
        if fit.how == "exact":
            _tell_fitting(draft, fit.architectures, fit.count, unet)
        elif fit.how == "scaled":
            _tell_custom(draft, fit.architectures)
        else:
            _tell_foreign(draft, unet, texts)


def _texts(parts: Mapping[str, Modules]) -> Mapping[str, Modules]:
    return {name: modules for name, modules in parts.items() if name.startswith("te") and not name.endswith(":")}


# --- by the graphs -------------------------------------------------------------------------------------------------
def fit_of(parts: Mapping[str, Modules]) -> Fit:
    """Look every module up in all nets, and narrow what has them. It depends on names and shapes alone."""
    unet, texts = parts.get("unet", {}), _texts(parts)
    fitting, named, misfits = _looked_up(unet)
    known = [net for net in graph.atlas().nets if named[net] >= MIN_FIT * len(unet)] if unet else []
    exact = [net for net in known if fitting[net] == named[net] or _misfits(net, misfits) <= INPUTS]
    most = max((named[net] for net in known), default=0)
    draft = Draft(Header(Format.UNKNOWN, {}), Kind.LORA)
    if exact:
        best = max(fitting[net] for net in exact)
        nets = [net for net in exact if fitting[net] == best]
        if max(named[net] for net in nets) < most:
            draft.weaken(Confidence.GUESS)  # another base has more of the names, at other widths
        left = narrowed(draft, nets, unet, texts)
        return Fit("exact", left, best, tuple(draft.evidence), draft.confidence)
    scaled = [net for net in known if named[net] == most and _scaled(net, unet)]
    if scaled:
        left = narrowed(draft, [net for net in scaled if _projects_alike(net, unet)] or scaled, unet, texts)
        return Fit("scaled", left, 0, tuple(draft.evidence), draft.confidence)
    return Fit("foreign")


def _looked_up(unet: Modules) -> tuple[Counter[Net], Counter[Net], Mapping[str, int]]:
    """Return how many modules fit in each net, how many it has by name, and which nets have a name at other widths."""
    fitting: Counter[int] = Counter()
    named: Counter[int] = Counter()
    misfits: dict[str, int] = {}
    for name, module in unet.items():
        make = module.make
        out, into = (None, None) if make.algorithm == "norm" else (make.out, make.into)
        fits = graph.fitting(name, out, into, make.is_convolution if name.endswith(PROJECTIONS) else None)
        has = graph.named(name)
        fitting[fits] += 1
        named[has] += 1
        if has & ~fits:
            plain = names.folded(name)[0]
            misfits[plain] = misfits.get(plain, 0) | (has & ~graph.fitting(name, make.out, make.into, None))
    return _tally(fitting), _tally(named), misfits


def _misfits(net: Net, misfits: Mapping[str, int]) -> set[str]:
    """Return the folded names of the modules that the net has at other widths."""
    return {name for name, mask in misfits.items() if mask & net.bit}


def _tally(found: Mapping[int, int]) -> Counter[Net]:
    """Count for every net how many modules have its bit."""
    counts: Counter[Net] = Counter()
    for mask, count in found.items():
        for net in graph.atlas().of(mask):
            counts[net] += count
    return counts


INPUTS = frozenset({
    "img_in", "x_embedder", "x_embedder_proj", "patch_embed_proj", "patch_embedding", "pos_embed_proj", "conv_in",
    "input_blocks_#_#",
})  # fmt: skip
"""First layers, which adapters for depth maps or masks widen. Any other width that differs is another base's."""


def _tell_fitting(draft: Draft, found: Sequence[str], fitting: int, unet: Modules) -> None:
    total = len(unet)
    left = metadata.refine(draft, found)
    sure = Confidence.CERTAIN if fitting == total else Confidence.LIKELY
    if fitting < total:
        words = N_("{fitting} of its {total} modules occur there with the same widths, more than in any other base")
        draft.architectures(left, words, sure, fitting=fitting, total=total)
    elif len(left) > 1:
        words = N_("all {total} modules occur with the same widths in each of these; nothing in the file decides")
        draft.architectures(left, words, sure, total=total)
    elif context := _context(left[0], unet):
        words = N_("cross-attention reads {context}-wide text, as {title} does")
        draft.architectures(left, words, sure, context=context.context, title=context.words)
    else:
        words = N_("all {total} modules that it changes occur in this base with the same widths")
        draft.architectures(left, words, sure, total=total)


def _context(architecture: str, unet: Modules) -> unets.UNet | None:
    """The U-Net whose text width an SD adapter shows, which is the reason that people know."""
    if not any("attn2_to_k" in name or "attn2_to_v" in name for name in unet):
        return None
    return next((unet for unet in unets.FAMILY if unet.id == architecture), None)


def _tell_custom(draft: Draft, found: Sequence[str]) -> None:
    """Names fit and widths do not: a base with that block structure at another width.

    Transformers borrow names from one another, so that for them it is a guess.
    """
    known = all(any(name == net.id for net in unets.FAMILY) for name in found)
    ids = [name for name in found if name != "kolors"] or list(found)
    left = metadata.refine(draft, parents(ids))
    sure = Confidence.LIKELY if known else Confidence.GUESS
    draft.architectures(left, N_("its modules are named as in this architecture, at other widths"), sure)
    draft.say("variant", "custom-width", N_("the widths are those of a base that was built narrower or wider"))


def _projects_alike(net: Net, unet: Modules) -> bool:
    """SD 1 projects into attention by a 1x1 convolution, SD 2 by a matrix, whatever their widths."""
    for name, module in unet.items():
        make = module.make
        if make.is_convolution is not None and name.endswith(PROJECTIONS):
            place = graph.place(net, name)
            if place and place.into and (place.kernel > 0) != make.is_convolution:
                return False
    return True


def _scaled(net: Net, unet: Modules) -> bool:
    """Whether the file is the net built wider or narrower: each width of the net is one other width throughout.

    The levels of a U-Net may be scaled on their own, so there the names are enough.
    """
    if any(net.graph.architecture == known.id for known in unets.FAMILY):
        return True
    scaled: dict[int, int] = {}
    for name, module in unet.items():
        place = graph.place(net, name)
        out, into = module.dims()
        for known, found in ((place.out, out), (place.into, into)) if place else ():
            if known and found is not None and scaled.setdefault(known, found) != found:
                return False
    return True


PARENTS: Mapping[str, str] = {
    "sd3-medium": "sd3", "sd3.5-medium": "sd3", "sd3.5-large": "sd3", "wan-2.1": "wan", "wan-2.2": "wan",
    "flux2-dev": "flux2", "flux2-klein-9b": "flux2", "flux2-klein-4b": "flux2",
}  # fmt: skip
"""Forms of one architecture that differ in width or depth: where those are unusual, the parent is what can be said."""


def parents(found: Iterable[str]) -> tuple[str, ...]:
    """Return the architectures with forms that differ only in size replaced by their parent."""
    return tuple(dict.fromkeys(PARENTS.get(name, name) for name in found))


def _tell_foreign(draft: Draft, unet: Modules, texts: Mapping[str, Modules]) -> None:
    """Most modules are foreign: take the context width where cross-attention shows it."""
    contexts = {module.dims()[1] for name, module in unet.items() if re.search(r"attn2_to_[kv]$", name)} - {None}
    found = [net.id for net in unets.FAMILY[:4] if contexts == {net.context}]
    motion = any("motion_modules" in name for name in unet)
    if motion:
        draft.say("variant", "motion", N_("it changes motion modules, which AnimateDiff adds to a U-Net"))
        found, words = ["sd1"], N_("motion LoRAs exist for AnimateDiff on SD 1.x")
    elif contexts and _mostly(found, unet):
        words = N_("cross-attention reads text as wide as this base does")
    else:
        found, words = list(text_architectures(texts)), N_("its modules are in no base that hubman knows")
    draft.architectures(metadata.refine(draft, found), words, Confidence.LIKELY)


def _mostly(found: Sequence[str], unet: Modules) -> bool:
    """Whether most modules are named as in one of these U-Nets: what is built around one has more of its own."""
    bits = sum(net.bit for net in graph.atlas().nets if net.graph.architecture in found)
    return sum(bool(graph.named(name) & bits) for name in unet) >= MOSTLY * len(unet)


MOSTLY = 0.8


# --- text encoders and numbered layouts ------------------------------------------------------------------------------
def _tell_text_only(draft: Draft, texts: Mapping[str, Modules]) -> None:
    found = metadata.refine(draft, text_architectures(texts))
    width = next((width_of(modules) for modules in texts.values()), None)
    known = width in CLIPS
    declared = metadata.declared(draft.header.metadata)
    words = N_("it changes only a text encoder of width {width}")
    if not found and declared:
        found = (declared[0],)
        words = N_("it changes only a text encoder of width {width}; the trainer wrote {declared}")
        draft.say("variant", "custom-width", N_("the text encoder's width is that of a base built narrower or wider"))
    elif not known:
        words = N_("it changes only a text encoder of width {width}, which is no known one")
    draft.architectures(found, words, Confidence.LIKELY, width=width, declared=declared[0] if declared else "")


def _tell_numbered(draft: Draft, parts: Mapping[str, Modules]) -> None:
    """cloneofsimo numbers its modules; the input widths of cross-attention still tell the text encoder."""
    deep = {module.dims()[1] for module in parts.get("unet:", {}).values()}
    tell_by_input_widths(draft, deep, width_of(parts.get("te:", {})))


def tell_by_input_widths(draft: Draft, widths: set[int | None], text: int | None) -> None:
    """Tell the base of modules without names by the width of the text that some of them read."""
    found = [unet for unet in unets.FAMILY[:3] if unet.context in widths]
    if found:
        words = N_("cross-attention reads {context}-wide text, as {title} does")
        draft.architectures((found[-1].id,), words, context=found[-1].context, title=found[-1].words)
    elif text in CLIPS:
        draft.architectures(CLIPS[text or 0][1], N_("its text encoder is {width} wide"), Confidence.LIKELY, width=text)
    else:
        left = metadata.refine(draft, ("sd1", "sd2"))
        draft.architectures(left, N_("no module of it reads the text"), Confidence.LIKELY)
