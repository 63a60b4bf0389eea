"""Small things that lie about among models: told so that they are not taken for embeddings or checkpoints.

A bare tensor has no names to know it by, only a shape. What has names and is no model of pictures (aesthetic
predictors, segmenters, detectors, language models without a reader) fits no signature and stays unknown.
"""

from __future__ import annotations

from hubman.core.identify.draft import Draft
from hubman.core.types import Confidence, Facts, Header, Kind, TensorInfo
from hubman.errors import N_

PROMPTS = {
    # width of an encoded prompt -> architecture that reads it, and why
    768: ("sd1", N_("768 is the width of CLIP-L, which SD 1.x reads")),
    1024: ("sd2", N_("1024 is the width of OpenCLIP-H, which SD 2.x reads")),
    2048: ("sdxl", N_("2048 is the width of both of SDXL's text encoders together")),
}
POSITIONS = (77, 154, 231)
"""One, two and three times CLIP's window."""


def identify(header: Header) -> Facts | None:
    """Return the facts of a bare tensor that is an aesthetic gradient or a cached prompt, or None."""
    shape = header.tree.shape if isinstance(header.tree, TensorInfo) else ()
    if shape in ((768,), (1, 768)):
        draft = Draft(header, Kind.AESTHETIC_GRADIENT)
        draft.note("kind", draft.kind, N_("one picture embedding of CLIP-L without a name"))
    elif shape[:-2] in ((), (1,)) and len(shape) > 1 and shape[-2] in POSITIONS and shape[-1] in PROMPTS:
        draft = Draft(header, Kind.CACHED_PROMPT)
        words = N_("{count} text positions of {width}: a prompt that was encoded before")
        draft.note("kind", draft.kind, words, count=shape[-2], width=shape[-1])
    else:
        return None
    architecture, because = PROMPTS[shape[-1]]
    draft.architectures((architecture,), because, Confidence.LIKELY)
    return draft.done()
