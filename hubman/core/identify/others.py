"""Small things that lie about among models: told so that they are not taken for embeddings or checkpoints."""

from __future__ import annotations

from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, Kind, TensorInfo


def identify(header: Header) -> Facts | None:
    """Return the facts of a bare tensor that is an aesthetic gradient or a cached prompt, or None."""
    shape = _single(header)
    if shape is None:
        return None
    if shape in ((768,), (1, 768)):
        return _one(header, Kind.AESTHETIC_GRADIENT, "one picture embedding of CLIP-L without a name")
    if len(shape) == 3 and shape[0] == 1 and shape[1] in (77, 154, 231) and shape[2] == 768:
        return _one(header, Kind.CACHED_PROMPT, f"{shape[1]} text positions of 768: a prompt that was encoded before")
    return None


def _single(header: Header) -> tuple[int, ...] | None:
    return header.tree.shape if isinstance(header.tree, TensorInfo) else None


def _one(header: Header, kind: Kind, because: str) -> Facts:
    draft = Draft(header, kind)
    draft.note("kind", kind, because)
    draft.architectures(("sd1",), "768 is the width of CLIP-L, which SD 1.x reads", Confidence.LIKELY)
    return draft.done()
