"""Which weights to render, and what they say: where an adapter appears, where it burns, which weight to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubman.core.evidence import Picture, SweepPoint
from hubman.core.limits import APPEARED, BEGUN, FULL_STRENGTH, LATE_FACTOR, WEAK_MAE

RESOLUTION = 0.05
"""Weights are sought on this grid: finer than anybody types."""


@dataclass(frozen=True, slots=True)
class MeasuredWeight:
    """The weight to use on this base, the range that works, and how much of the prompt survives at the weight.

    Attributes:
        low, high: from half-way there to the last weight that was measured and does not burn.
        burns_from: the smallest weight measured at which the picture has fallen apart, None when none did.
        reference: the weight whose picture shows what was trained: 1, unless it burns there or appears only above.
    """

    weight: float
    low: float
    high: float
    prompt_kept: float | None = None
    burns_from: float | None = None
    reference: float = FULL_STRENGTH


def in_order(points: Sequence[SweepPoint]) -> list[SweepPoint]:
    return sorted((point for point in points if point.strength > 0), key=lambda point: point.strength)


def burns_from(points: Sequence[SweepPoint], base: Picture | None) -> float | None:
    """Return the smallest strength at which the picture is no number or has fallen apart."""
    return next((point.strength for point in in_order(points) if not point.healthy(base)), None)


def usable(points: Sequence[SweepPoint], base: Picture | None) -> list[SweepPoint]:
    """Return the points below the first that burns, in order."""
    limit = burns_from(points, base)
    return [point for point in in_order(points) if limit is None or point.strength < limit]


def reference_strength(points: Sequence[SweepPoint], base: Picture | None) -> float | None:
    """Return the strength that shows what was trained: 1, or the strongest under it that does not burn.

    A sweep that begins above 1 has its weakest. None when everything burns.
    """
    good = usable(points, base)
    below = [point.strength for point in good if point.strength <= FULL_STRENGTH]
    return max(below) if below else min((point.strength for point in good), default=None)


def late_strength(points: Sequence[SweepPoint], base: Picture | None) -> float | None:
    """Return the strongest usable strength above 1 if the picture moves far out of proportion there, else None."""
    good = {point.strength: point.change.mae for point in usable(points, base) if point.change is not None}
    full, last = good.get(FULL_STRENGTH), max(good, default=0.0)
    if full is None or last <= FULL_STRENGTH or good[last] < WEAK_MAE:
        return None
    return last if good[last] > LATE_FACTOR * full * last / FULL_STRENGTH else None


def _is_there(point: SweepPoint, limit: float) -> bool:
    visible = point.change is not None and point.change.mae >= WEAK_MAE
    return visible and point.distance is not None and point.distance <= limit


def next_strength(points: Sequence[SweepPoint], base: Picture | None) -> float | None:
    """Return the strength to render next: half-way where it appears, then where it burns; None when both are known."""
    good = usable(points, base)
    appears = next((point.strength for point in good if _is_there(point, APPEARED)), None)
    before = [point.strength for point in good if appears is not None and point.strength < appears]
    borders = [] if appears is None else [(max(before, default=0.0), appears)]
    burns = burns_from(points, base)
    if burns is not None and good:
        borders.append((good[-1].strength, burns))
    for low, high in borders:
        half = round(round((low + high) / 2 / RESOLUTION) * RESOLUTION, 2)
        if low < half < high:
            return half
    return None


def measured_weight(
    points: Sequence[SweepPoint], base: Picture | None, reference: float = FULL_STRENGTH
) -> MeasuredWeight | None:
    """Return the weight a sweep recommends: the smallest at which what was trained has appeared, unburnt.

    None when nothing appears. It knows the strengths that were rendered, between them nothing.
    """
    good = usable(points, base)
    found = next((point for point in good if _is_there(point, APPEARED)), None)
    if found is None:
        return None
    low = next(point for point in good if _is_there(point, BEGUN))
    return MeasuredWeight(
        found.strength, low.strength, good[-1].strength, found.prompt_kept, burns_from(points, base), reference
    )
