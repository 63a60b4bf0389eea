"""The size a preview is rendered at: the one the adapter was trained at, inside what its base can draw."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

LEAST_SHARE = 0.25
"""Of the base's native area. A LoRA trained on 256 px crops is not shown on a postage stamp: an SDXL base draws noise
there."""

LONGEST_TO_SHORTEST = 2.0
"""Sides of a preview at most; a bucket of 1:4 is a banner that no list of tiles shows well."""

Size = tuple[int, int]


def trained_size(metadata: Mapping[str, str]) -> tuple[Size, str] | None:
    """Return ((width, height), the key that says so): the commonest bucket, else the resolution; None for none.

    Keys of kohya's sd-scripts (`ss_bucket_info`: {"buckets": {"0": {"resolution": [w, h], "count": n}}}, of one dataset
    or inside `ss_datasets`; `ss_resolution`: "(768, 768)", "512,512", "768") and of ModelSpec ("1024x1024").
    """
    buckets = _buckets(metadata)
    if buckets:
        # Of equally common ones the one nearest to a square, then the smaller: the same choice at every run.
        best = min(buckets, key=lambda size: (-buckets[size], abs(math.log(size[0] / size[1])), size))
        return best, "ss_bucket_info"
    for key in ("ss_resolution", "modelspec.resolution"):
        size = _size(metadata.get(key))
        if size is not None:
            return size, key
    return None


def _buckets(metadata: Mapping[str, str]) -> dict[Size, int]:
    counts: dict[Size, int] = {}
    for info in (_json(metadata.get("ss_bucket_info")), *_of_datasets(_json(metadata.get("ss_datasets")))):
        listed = info.get("buckets") if isinstance(info, dict) else None
        for bucket in listed.values() if isinstance(listed, dict) else ():
            size = _pair(bucket.get("resolution")) if isinstance(bucket, dict) else None
            count = bucket.get("count") if isinstance(bucket, dict) else None
            if size is not None and isinstance(count, int) and count > 0:
                counts[size] = counts.get(size, 0) + count
        if counts:
            break  # the first place that says it: the second one says the same again
    return counts


def _of_datasets(datasets: object) -> list[dict[str, object]]:
    """Join the buckets of several datasets into one object of `ss_bucket_info`'s form."""
    infos = (
        [entry.get("bucket_info") for entry in datasets if isinstance(entry, dict)]
        if isinstance(datasets, list)
        else []
    )
    joined: dict[str, object] = {}
    for number, info in enumerate(infos):
        listed = info.get("buckets") if isinstance(info, dict) else None
        if isinstance(listed, dict):
            joined |= {f"{number}.{key}": bucket for key, bucket in listed.items()}
    return [{"buckets": joined}] if joined else []


def _json(text: str | None) -> object:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _pair(value: object) -> Size | None:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(side, int) and side > 0 for side in value):
        return value[0], value[1]
    return None


def _size(text: str | None) -> Size | None:
    numbers = [int(number) for number in re.findall(r"\d{2,5}", text or "")]
    if len(numbers) == 1:
        return numbers[0], numbers[0]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and min(numbers) > 0 else None


def preview_size(trained: Size | None, native: Size) -> Size:
    """Return the size to render at: the trained shape and area, clipped to the base's native area.

    Args:
        trained: what the adapter was trained at; None: the base's own size.
        native: the base's own size; its sides say which multiples it takes: of 64 from 512 on (what the WebUI's
            sliders and trainers' buckets give), else of 8.
    """
    if trained is None:
        return native
    step = 64 if min(native) >= 512 else 8
    most = native[0] * native[1]
    ratio = min(max(trained[0] / trained[1], 1 / LONGEST_TO_SHORTEST), LONGEST_TO_SHORTEST)
    area = min(max(trained[0] * trained[1], LEAST_SHARE * most), most)
    width = _multiple(math.sqrt(area * ratio), step)
    height = _multiple(math.sqrt(area / ratio), step)
    while width * height > most and max(width, height) > step:  # rounding up went over: the longer side gives way
        if width >= height:
            width -= step
        else:
            height -= step
    return width, height


def _multiple(side: float, step: int) -> int:
    return max(step, round(side / step) * step)
