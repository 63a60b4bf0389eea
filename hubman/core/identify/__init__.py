"""Header -> Facts: what a file is, and how we know. Pure: docs/identify.md tells how.

A module answers None for "not mine" and raises IntegrityError for "mine but broken". The order is by what a file may
hold beside: an adapter may name the blocks of a U-Net, a checkpoint holds a VAE.
"""

from __future__ import annotations

from dataclasses import replace

from hubman.core import triggers
from hubman.core.identify import adapters, checkpoint, embedding, encoders, hypernetwork, match, others, parts, vae
from hubman.core.identify.draft import Draft
from hubman.core.identify.wrappers import unwrap
from hubman.core.types import Confidence, Facts, Header, Kind
from hubman.errors import N_


def identify(header: Header, *, name: str = "", values: checkpoint.Values | None = None) -> Facts:
    """Say what the file with this header is.

    Args:
        name: the file's stem. It is the weakest evidence there is and never decides the kind or the architecture.
        values: reads the numbers of one small tensor, where a caller can: what no name or shape tells.

    Raises:
        IntegrityError: the file is of a known kind and broken.
    """
    header = unwrap(header)
    facts = _identify(header, name, values)
    return replace(
        facts, triggers=triggers.of_header(header, facts.kind, name), tags=triggers.tag_cloud(header.metadata)
    )


def _identify(header: Header, name: str, values: checkpoint.Values | None) -> Facts:
    return (
        others.identify(header)
        or hypernetwork.identify(header)
        or adapters.identify(header)
        or embedding.identify(header, name)
        or by_signature(header, name, values)
        or _unknown(header)
    )


def by_signature(header: Header, name: str, values: checkpoint.Values | None = None) -> Facts | None:
    """Ask the families. What steers a model goes before its core, and a U-Net, which is measured, among the cores."""
    found = match.matches(header.tensors)
    chosen = match.best(found)
    kind = chosen[0].kind if chosen else None
    if kind is not None and kind in (*match.STEERING, Kind.FACE_RESTORER):
        return parts.alone(header, chosen)
    if kind is Kind.DIFFUSION_MODEL:
        return parts.core(header, chosen)
    return (
        checkpoint.identify(header, values)
        or vae.identify(header, name)
        or encoders.identify(header)
        or (parts.alone(header, chosen) if kind is not None and kind not in WITHIN else parts.by_class(header))
        or parts.foreign_core(header)
    )


WITHIN = (Kind.VAE, *encoders.KINDS)
"""Kinds that lie within other files: one of them counts only where it is most of the file."""


def _unknown(header: Header) -> Facts:
    draft = Draft(header, Kind.UNKNOWN)
    words = N_("its tensors are those of no model that hubman knows") if header.tensors else N_("it holds no tensors")
    draft.note("kind", Kind.UNKNOWN, words)
    draft.weaken(Confidence.GUESS)
    return draft.done()
