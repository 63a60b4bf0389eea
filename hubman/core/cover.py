"""The picture that a trainer or a model's author put into the header of the file itself. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

LARGEST_COVER = 16 << 20
"""Letters of a picture in a header; a header has at most 100 MB, and a cover is some 100 KB."""

_SIGNS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF8", "gif"), (b"RIFF", "webp"))


def cover_of(metadata: Mapping[str, str]) -> tuple[bytes, str] | None:
    """Return the picture and its extension: A1111's `ssmd_cover_images` (a JSON list of base64), else ModelSpec's
    `modelspec.thumbnail` (a data URI); None when there is none that can be read."""
    texts = [*_list(metadata.get("ssmd_cover_images", "")), metadata.get("modelspec.thumbnail", "")]
    return next((found for text in texts if (found := _picture(text)) is not None), None)


def _list(text: str) -> list[str]:
    try:
        found = json.loads(text[: 2 * LARGEST_COVER]) if text else []
    except (ValueError, RecursionError):
        return []
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []


def _picture(text: str) -> tuple[bytes, str] | None:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    if not text or len(text) > LARGEST_COVER:
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None
    return next(((data, extension) for sign, extension in _SIGNS if data.startswith(sign)), None)
