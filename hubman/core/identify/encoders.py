"""Text and picture encoders alone: CLIP, T5, language models that newer image models read text with.

What they look like is in families/text_*.py and families/vision_encoder.py. A file that holds both halves of CLIP, or a
language model with its eyes, counts as a text encoder: that is what the image model asks it for.
"""

from __future__ import annotations

from hubman.core.identify import match, parts, quantized
from hubman.core.identify.draft import Draft, Tensors
from hubman.core.identify.match import Part
from hubman.core.types import Confidence, Facts, Header, Kind
from hubman.errors import N_

KINDS = (Kind.TEXT_ENCODER, Kind.CLIP_VISION)
EYES = (
    "vision_model.", "visual.", "model.visual.", "vision_tower.", "model.vision_tower.", "multi_modal_projector.",
    "model.multi_modal_projector.", "lm_head.", "model.",
)  # fmt: skip
"""What lies beside the text half of CLIP or of a language model and belongs to it."""


def identify(header: Header) -> Facts | None:
    """Return the facts of an encoder alone, or None."""
    found = match.matches(header.tensors)
    for kind in KINDS:
        chosen = match.best([one for one in found if one.kind is kind])
        if chosen and _is_all(header.tensors, chosen[0].part):
            draft = Draft(header, kind)
            match.tell(draft, chosen)
            quantized.tell(draft, header.tensors)
            return draft.done()
    return _from_config(header)


def _is_all(tensors: Tensors, part: Part) -> bool:
    """Whether the part, with other encoders and a VAE beside it, is most of the file and not beside a foreign core."""
    if any(name.startswith(parts.OWN) for name in tensors):
        return False
    if not part.prefix:
        return True
    inside = sum(name.startswith((part.prefix, *EYES)) or parts.COMPANIONS.match(name) is not None for name in tensors)
    return inside * 10 >= len(tensors) * 7


def _from_config(header: Header) -> Facts | None:
    config = header.configs.get("config.json")
    listed = config.get("architectures") if isinstance(config, dict) else None
    for name in listed if isinstance(listed, list) else ():
        for family in match.all_families().values():
            kind, _ = family.classes.get(str(name), (None, ()))
            if kind in KINDS:
                draft = Draft(header, kind)
                draft.note("kind", kind, N_("its config.json calls it a {name}"), name=name)
                draft.weaken(Confidence.LIKELY)
                return draft.done()
    return None
