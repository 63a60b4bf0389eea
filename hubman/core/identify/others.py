"""Small things that lie about among models: told so that they are not taken for embeddings or checkpoints.

A bare tensor has no names to know it by, only a shape. What has names and is no model of pictures (aesthetic
predictors, segmenters, detectors, language models without a reader) fits no signature and stays unknown.
"""

from __future__ import annotations

from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, Kind, TensorInfo
from hubman.errors import N_


def identify(header: Header) -> Facts | None:
    """Return the facts of a bare tensor that is an aesthetic gradient or a cached prompt, or None."""
    shape = header.tree.shape if isinstance(header.tree, TensorInfo) else ()
    if shape in ((768,), (1, 768)):
        draft = Draft(header, Kind.AESTHETIC_GRADIENT)
        draft.note("kind", draft.kind, N_("one picture embedding of CLIP-L without a name"))
    elif len(shape) == 3 and shape[0] == 1 and shape[1] in (77, 154, 231) and shape[2] == 768:
        draft = Draft(header, Kind.CACHED_PROMPT)
        draft.note(
            "kind", draft.kind, N_("{count} text positions of 768: a prompt that was encoded before"), count=shape[1]
        )
    else:
        return None
    draft.architectures(("sd1",), N_("768 is the width of CLIP-L, which SD 1.x reads"), Confidence.LIKELY)
    return draft.done()
