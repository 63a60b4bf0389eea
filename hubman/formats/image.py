"""Pictures. An embedding can hide in one (A1111 modules/textual_inversion/image_embedding.py); not read yet."""

from __future__ import annotations

import os

from hubman.core.types import Format, Header, Safety


def read(path: str | os.PathLike[str]) -> Header:
    """Return the header of a picture: its format and nothing else."""
    return Header(Format.IMAGE, {}, safety=Safety.NOT_APPLICABLE)
