"""How long background work rests while somebody else uses the machine."""

from __future__ import annotations

LEAST_SHARE = 0.2
"""Share of the time that is worked however busy the machine is: a game or a training run may last all day."""
UNKNOWN = 0.5
"""Share of the time that is worked where nobody can say how busy the machine is."""
LONGEST_STEP = 1.0
"""Seconds of one step that count: a longer one means that the machine slept, or a disk woke up."""


def share_of(busy_cores: float | None) -> float:
    """Return which share of the time to work, 0..1.

    `busy_cores`: how many processor cores others keep busy. One core is enough to call the machine used, be there 2 or
    64: whoever draws pictures on the graphics card needs just that one.
    """
    return UNKNOWN if busy_cores is None else min(1.0, max(LEAST_SHARE, 1.0 - busy_cores))


def rest_after(worked: float, busy_cores: float | None) -> float:
    """Return the seconds of rest that belong to so many seconds of work."""
    return min(worked, LONGEST_STEP) * (1.0 / share_of(busy_cores) - 1.0)
