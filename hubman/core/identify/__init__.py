"""Header -> Facts: what a file is, and how we know. Pure; one module per family.

A family answers None for "not mine" and raises IntegrityError for "mine but broken". The order is by what a file may
hold beside: an adapter may name the blocks of a U-Net, a checkpoint holds a VAE.
"""

from __future__ import annotations

from dataclasses import replace

from hubman.core import triggers
from hubman.core.identify import adapters, checkpoint, embedding, encoders, hypernetwork, others, transformers, vae
from hubman.core.identify.draft import Draft
from hubman.core.identify.wrappers import unwrap
from hubman.core.types import Confidence, Facts, Header, Kind


def identify(header: Header, *, name: str = "") -> Facts:
    """Say what the file with this header is.

    Args:
        name: the file's stem. It is the weakest evidence there is and never decides the kind or the architecture.

    Raises:
        IntegrityError: the file is of a known kind and broken.
    """
    header = unwrap(header)
    facts = _identify(header, name)
    return replace(
        facts, triggers=triggers.of_header(header, facts.kind, name), tags=triggers.tag_cloud(header.metadata)
    )


def _identify(header: Header, name: str) -> Facts:
    found = (
        others.identify(header)
        or hypernetwork.identify(header)
        or adapters.identify(header)
        or embedding.identify(header, name)
        or checkpoint.identify(header)
        or transformers.identify(header)
        or vae.identify(header, name)
        or encoders.identify(header)
    )
    return found or _unknown(header)


def _unknown(header: Header) -> Facts:
    draft = Draft(header, Kind.UNKNOWN)
    draft.note(
        "kind",
        Kind.UNKNOWN,
        "its tensors are those of no model that hubman knows" if header.tensors else "it holds no tensors",
    )
    draft.weaken(Confidence.GUESS)
    return draft.done()
