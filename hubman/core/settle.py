"""When is a file that changes done? Pure: both clocks are arguments.

A file is left alone until it did not change for a while. After that its header may still say that bytes are missing
(a stalled download): then it is given more time, and only if nothing comes it is taken as it is, broken.

What was observed by this process is counted by the monotonic clock. The file's own time is believed for the first sight
alone, and only when it lies in the past, so that no wrong clock and no time of 1970 or 2100 holds a file up for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Stamp = tuple[int, int, int]
"""(size, mtime_ns, inode) of a file."""

Place = tuple[str, str]
"""(path of a root, path relative to it)."""

MAYBE_INCOMPLETE = frozenset({
    "safetensors-truncated", "gguf-truncated", "empty-file", "zero-filled", "shard-missing", "pickle-unreadable",
    "safetensors-header", "lfs-pointer",
})  # fmt: skip
"""Failures that a file shows while it is being written, for a watcher that can wait and look again."""

SURELY_INCOMPLETE = frozenset({"safetensors-truncated", "gguf-truncated"})
"""Failures whose header names more bytes than there are: enough for one look without a second."""

MOST_SIGHTINGS = 50_000


class Standing(StrEnum):
    """How far a file is: still changing; quiet, so that its header decides; quiet for so long that it is as it is."""

    CHANGING = "changing"
    QUIET = "quiet"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds without a change after which a file is looked into, and after which it is done though incomplete."""

    quiet: float = 2.0
    incomplete: float = 60.0


LOCAL = Patience(2.0, 60.0)
NETWORK = Patience(10.0, 120.0)
"""Clients of network file systems learn of new sizes with delay (NFS: attribute cache of 3 to 60 s)."""


def standing(unchanged: float, patience: Patience) -> Standing:
    """Judge a file by the seconds in which it did not change."""
    if unchanged < patience.quiet:
        return Standing.CHANGING
    return Standing.QUIET if unchanged < patience.incomplete else Standing.SETTLED


def age(mtime_ns: int, now_ns: int) -> float | None:
    """Return the seconds since a file's own time; None when that lies in the future, so that it tells nothing."""
    return (now_ns - mtime_ns) / 1e9 if mtime_ns <= now_ns else None


@dataclass(slots=True)
class Sighting:
    """A file that is not done: its last stamp, and since when (monotonic seconds) it has it.

    Attributes:
        incomplete: its header was read since, and says that bytes are missing.
        asked: a scan was asked for, which has not looked at it yet.
    """

    stamp: Stamp
    since: float
    patience: Patience
    incomplete: bool = False
    asked: bool = False

    @property
    def due(self) -> float:
        """Monotonic seconds at which it is worth a scan if nothing changes."""
        return self.since + (self.patience.incomplete if self.incomplete else self.patience.quiet)


@dataclass(slots=True)
class Settler:
    """Remembers the files that are not done, and nothing of the others."""

    _sightings: dict[Place, Sighting] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sightings)

    def look(self, place: Place, stamp: Stamp, clocks: tuple[float, int], patience: Patience) -> Standing:
        """Judge a file that is new or changed.

        Args:
            clocks: monotonic seconds, and nanoseconds since 1970.
        """
        now, now_ns = clocks
        known = self._sightings.get(place)
        if known is None:
            known = Sighting(stamp, now - (age(stamp[1], now_ns) or 0.0), patience)
            self._remember(place, known)
        known.asked = False
        self._update(known, stamp, now)
        found = standing(now - known.since, patience)
        return Standing.CHANGING if found is Standing.QUIET and known.incomplete else found

    def found_incomplete(self, place: Place) -> None:
        """Note that a quiet file's header says that bytes are missing."""
        if place in self._sightings:
            self._sightings[place].incomplete = True

    def forget(self, place: Place) -> None:
        """Drop a file that is done or gone."""
        self._sightings.pop(place, None)

    def waiting(self) -> list[tuple[Place, Stamp]]:
        """Return every file that waits, with the last stamp it had."""
        return [(place, sighting.stamp) for place, sighting in self._sightings.items()]

    def asks(self, place: Place, stamp: Stamp, now: float) -> bool:
        """Take another stat of a file that waits; say whether it is worth a scan now.

        A file that was asked for, and that the scan found done without asking, is forgotten.
        """
        known = self._sightings[place]
        self._update(known, stamp, now)
        if known.asked:
            self.forget(place)
            return False
        known.asked = now >= known.due
        return known.asked

    @staticmethod
    def _update(known: Sighting, stamp: Stamp, now: float) -> None:
        if known.stamp != stamp:
            known.stamp, known.since, known.incomplete, known.asked = stamp, now, False, False

    def _remember(self, place: Place, sighting: Sighting) -> None:
        if len(self._sightings) >= MOST_SIGHTINGS:
            self._sightings.pop(next(iter(self._sightings)))  # the oldest; a later scan comes back to it
        self._sightings[place] = sighting
