"""Who proves what next: adapters grouped by the base they need, so that a base is loaded once, the newest first.

Pure and for one thread at a time; who shares a rota between threads guards it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

MOST_CRASHES = 3
"""Adapters in a row that end the render process on one base; then it is the base's fault, or the machine's with it."""

WORTH_LOADING = 2
"""Adapters that must be left in a group before a second worker loads its base too."""

T = TypeVar("T")
B = TypeVar("B", bound=Hashable)


class Rota(Generic[T, B]):
    """What is left to do, group by group.

    Args:
        items: (what is to be proven, the base that it needs), the newest first. Groups come in the order of their
            newest member.
        most_crashes: crashes in a row after which a base is given up.
    """

    def __init__(self, items: Sequence[tuple[T, B]], most_crashes: int = MOST_CRASHES) -> None:
        self._groups: dict[B, deque[T]] = {}
        for item, base in items:
            self._groups.setdefault(base, deque()).append(item)
        self._at: dict[int, B] = {}
        self._crashes: dict[B, int] = {}
        self._most_crashes = most_crashes

    def next(self, worker: int) -> tuple[T, B] | None:
        """Return what a worker does next: more on its base, else the newest group that nobody is at, else it helps."""
        base = self._choose(worker)
        if base is None:
            self._at.pop(worker, None)
            return None
        self._at[worker] = base
        return self._groups[base].popleft(), base

    def went_well(self, base: B) -> None:
        """The base (and the machine) can do it."""
        self._crashes[base] = 0

    def crashed(self, base: B) -> list[T]:
        """Count a crash; return what is given up because the base is to blame now, which is left out from here on."""
        self._crashes[base] = self._crashes.get(base, 0) + 1
        if self._crashes[base] < self._most_crashes:
            return []
        return self.give_up(base)

    def give_up(self, base: B) -> list[T]:
        """Leave out all that is left on a base, and return it."""
        rest = list(self._groups.get(base, ()))
        self._groups[base] = deque()
        return rest

    def left(self) -> dict[B, int]:
        """Return base -> how many are left on it."""
        return {base: len(group) for base, group in self._groups.items() if group}

    def _choose(self, worker: int) -> B | None:
        own = self._at.get(worker)
        if own is not None and self._groups[own]:
            return own
        others = {base for number, base in self._at.items() if number != worker}
        free = [base for base, group in self._groups.items() if group and base not in others]
        if free:
            return free[0]
        busy = [base for base in others if len(self._groups[base]) >= WORTH_LOADING]
        return max(busy, key=lambda base: len(self._groups[base]), default=None)


class Estimate(Generic[B]):
    """How long the rest will take, from what is finished, base by base.

    The first adapter on a base (which is loaded for it, and renders the pictures without an adapter) is counted apart.
    """

    def __init__(self) -> None:
        self._first: dict[B, float] = {}
        self._times: dict[B, list[float]] = {}

    def finished(self, base: B, seconds: float) -> None:
        """One more took so long."""
        if base in self._first:
            self._times.setdefault(base, []).append(seconds)
        else:
            self._first[base] = seconds

    def left(self, remaining: Mapping[B, int], workers: int = 1) -> float | None:
        """Return the seconds that the remaining will take, None as long as nothing is known."""
        total = 0.0
        for base, count in remaining.items():
            each, first = self._each(base), self._opening(base)
            if each is None or first is None:
                return None
            total += each * count + (first if base not in self._first else 0.0)
        return total / max(1, workers)

    def _each(self, base: B) -> float | None:
        """Return the mean of this base, else that of all, else what the first ones took."""
        times = self._times.get(base) or [time for times in self._times.values() for time in times]
        if not times:
            own = self._first.get(base)
            times = [own] if own is not None else list(self._first.values())
        return sum(times) / len(times) if times else None

    def _opening(self, base: B) -> float | None:
        """Return what the first on a base took beyond the others, as a mean over the bases seen."""
        if not self._first:
            return None
        beyond = [max(0.0, first - (self._each(seen) or 0.0)) for seen, first in self._first.items()]
        return sum(beyond) / len(beyond)
