"""How often to look where no event tells, and whether the clock jumped. Pure: time is an argument."""

from __future__ import annotations

SHORTEST_POLL = 30.0
LONGEST_POLL = 600.0
POLL_SHARE = 0.01
"""Share of the time that looking may take; a slow share is looked at less often, but at least every 10 minutes."""

JUMP_SECONDS = 10.0
"""Difference between the clocks from which the machine slept or the clock was set; time servers correct less."""


def poll_interval(took: float, shortest: float = SHORTEST_POLL) -> float:
    """Return the seconds until the next look at a folder whose last look took so many seconds."""
    return min(max(shortest, took / POLL_SHARE), max(LONGEST_POLL, shortest))


def jumped(before: tuple[float, float], now: tuple[float, float]) -> bool:
    """Say whether one clock went ahead of the other between two moments, given as (monotonic, wall) seconds.

    The monotonic clock stands still while the machine sleeps, the wall clock is set by people.
    """
    return abs((now[1] - before[1]) - (now[0] - before[0])) > JUMP_SECONDS
