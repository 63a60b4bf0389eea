"""How far pictures on disk differ, pair by pair; needs Pillow only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageChops, ImageStat


def changes(first: Sequence[str], second: Sequence[str]) -> list[float]:
    """Return the mean absolute difference of each pair of pictures of one size, on the 0..255 scale."""
    found = []
    for path, other in zip(first, second, strict=True):
        with Image.open(path) as one, Image.open(other) as two:
            difference = ImageChops.difference(one.convert("RGB"), two.convert("RGB"))
        found.append(round(sum(ImageStat.Stat(difference).mean) / 3, 4))
    return found


def handle(worker: object, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request "compare": {"plan": {"first": [path...], "second": [path...]}}."""
    return {"changes": changes(request["plan"]["first"], request["plan"]["second"])}
