"""Which config a single file is loaded with: named, beside it, or the family default when all sizes agree."""

from __future__ import annotations

import os

from hubman.core.types import Format, Header


def find_config(path: str, header: Header, given: str | None = None) -> tuple[str | None, str]:
    """Return (config folder or None, where it comes from); a diffusers folder needs none."""
    if given:
        return given, "given"
    if header.format is Format.FOLDER or os.path.isdir(path):
        return None, "folder"
    beside = os.path.splitext(path)[0]
    if os.path.isfile(os.path.join(beside, "model_index.json")):
        return beside, "beside"
    return None, "none"
