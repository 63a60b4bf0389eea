"""How long a render process may say nothing before it is taken for hung. Pure: time is an argument.

A process says when it begins a stage and after every pass through the U-Net or the VAE's decoder. How long such a pass
takes is learnt from those that were seen: a tenth of a second on a GPU, minutes for SDXL on a CPU.
"""

from __future__ import annotations

FACTOR = 50.0
"""A pass may take so many times as long as the longest that was seen: merging, swapping, another program's turn."""

SHORTEST = 120.0
"""Seconds that are always waited for a sign: the largest adapters are merged in less (OFT on SDXL: seconds)."""

ENOUGH = 8
"""Passes after which the longest says something; the first one warms up kernels."""

SLOWEST_READ = 1_000_000
"""Bytes a second that a file comes with at least: a network drive over a bad line."""


class Patience:
    """The allowed silence in seconds, never more than `longest`. One for every process and base."""

    def __init__(self, longest: float, shortest: float = SHORTEST) -> None:
        self._longest, self._shortest = longest, shortest
        self._passes, self._slowest = 0, 0.0
        self._sign_at = 0.0
        self._passed = False
        self._bytes = 0

    def begin(self, now: float, size: int = 0) -> None:
        """A request is sent that makes the process read a file of so many bytes."""
        self._sign_at, self._passed, self._bytes = now, False, size

    def stage(self, now: float) -> None:
        """The process said what it is at."""
        self._sign_at = now

    def passed(self, now: float) -> None:
        """One more pass is done. The first of a request counts from something else, so that it teaches nothing."""
        if self._passed:
            self._passes += 1
            self._slowest = max(self._slowest, now - self._sign_at)
        self._passed, self._sign_at = True, now

    def allowed(self) -> float:
        """Return the seconds from the last sign after which the process is given up."""
        if self._passes < ENOUGH:
            return self._longest
        usual = max(self._shortest, FACTOR * self._slowest)
        if not self._passed:
            usual += self._bytes / SLOWEST_READ
        return min(self._longest, usual)

    def left(self, now: float) -> float:
        """Return the seconds until it is given up; below 0: now."""
        return self._sign_at + self.allowed() - now
