"""Background work that gives way: the lowest priority for its thread, and rests while others use the machine.

Both are needed. The priority alone lets others go first on the processor, but the disk, the memory bus and the fan
belong to everybody; a rest is felt by them too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from hubman.core.throttle import rest_after

LOOK_EVERY = 0.5
"""Seconds between two looks at how busy the machine is. /proc/stat counts in hundredths."""
SHORTEST_REST = 0.02
LONGEST_NAP = 0.1
"""Seconds of one sleep; in between it is asked whether to stop."""
LOWEST = 19


def lower_priority() -> None:
    """Give the calling thread, and the threads that it starts from now on, the lowest priority.

    Only Linux has a priority for each thread (elsewhere it would slow down the whole process, a watcher too: there only
    the rests are left). Where the disk's scheduler knows priorities, the one of a thread that has set none follows from
    this one (ioprio_set(2)). An ordinary user cannot raise it again, so a thread is made for the work and ends with it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # refused by a sandbox: the rests are left
            os.setpriority(os.PRIO_PROCESS, 0, LOWEST)


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds since some time in the past: of the whole machine, and of this process."""

    everybody: float
    ourselves: float
    at: float


def read_spent() -> Spent | None:
    """Return what was spent so far; None where the system does not say (there is no /proc/stat)."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = file.readline().split()
        user, nice, system, _idle, _iowait, irq, softirq = map(int, fields[1:8])
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
    own = os.times()
    return Spent((user + nice + system + irq + softirq) / ticks, own.user + own.system, time.monotonic())


def busy_cores(before: Spent, after: Spent) -> float:
    """Return how many cores others kept busy between two readings."""
    others = (after.everybody - before.everybody) - (after.ourselves - before.ourselves)
    return max(0.0, others / max(after.at - before.at, 1e-9))


class Throttle:
    """Rests as long as the work in between asks for.

    Attributes:
        rested: seconds of rest so far.
    """

    def __init__(self, read: Callable[[], Spent | None] = read_spent) -> None:
        """Take how to read what was spent."""
        self._read = read
        self._before = read()
        self._look_at = self._since = time.monotonic()
        self._look_at += LOOK_EVERY
        self._busy: float | None = None
        self._owed = self.rested = 0.0

    def step(self, ask: Callable[[], None]) -> None:
        """Rest for what was worked since the last step; `ask` is called between naps and may raise to end it."""
        now = time.monotonic()
        self._owed += rest_after(now - self._since, self._busy)
        if now >= self._look_at:
            self._look(now)
        if self._owed >= SHORTEST_REST:
            self._rest(ask)
        self._since = time.monotonic()

    def _look(self, now: float) -> None:
        after = self._read()
        self._busy = busy_cores(self._before, after) if self._before and after else None
        self._before, self._look_at = after, now + LOOK_EVERY

    def _rest(self, ask: Callable[[], None]) -> None:
        start = time.monotonic()
        end, self._owed = start + self._owed, 0.0
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, LONGEST_NAP))
            ask()
        self.rested += time.monotonic() - start
