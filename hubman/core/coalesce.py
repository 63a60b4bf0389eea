"""Many file events -> few sub-paths to look at. Pure: time is an argument.

An event is a hint to look, never a fact to store. The paths are gathered until nothing happened for a while (or too
long), and many in one folder become the folder. However many events there are, what is remembered stays small.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field

QUIET_SECONDS = 2.0
LONGEST_SECONDS = 30.0
MANY_IN_ONE_FOLDER = 128
"""Changed folders in one folder above which the whole of that is looked at."""

MOST = 512
"""Folders of one root that are remembered apart; beyond, the deepest become their parents."""


@dataclass(slots=True)
class Coalescer:
    """Gathers changed directories of one root (relative POSIX paths, "" is the root itself).

    `quiet`: seconds without an event after which the batch is due; `longest`: seconds after its first event at which
    it is due whatever happens.
    """

    quiet: float = QUIET_SECONDS
    longest: float = LONGEST_SECONDS
    _first: float | None = None
    _last: float = 0.0
    _folders: set[str] = field(default_factory=set)

    def add(self, folder: str, now: float) -> None:
        """Note that something happened in a folder."""
        if self._first is None:
            self._first = now
        self._last = now
        self._folders.add(folder)
        if len(self._folders) > MOST:
            self._folders = set(_few(self._folders))

    def due(self, now: float) -> float | None:
        """Return the seconds until the batch should be taken (0 or less: now), or None when it is empty."""
        if self._first is None:
            return None
        return min(self._last + self.quiet, self._first + self.longest) - now

    def take(self) -> list[str]:
        """Return the folders to look at, without those that lie below another one, and start anew."""
        folders = _few(self._folders)
        self._folders = set()
        self._first = None
        return folders


def _few(folders: Iterable[str]) -> list[str]:
    """Return at most half of MOST folders that cover all of the given ones, as narrow as that allows."""
    kept = _outermost(folders)
    while len(kept) > MOST // 2:
        deepest = max(_depth(folder) for folder in kept)
        kept = _outermost(posixpath.dirname(folder) if _depth(folder) == deepest else folder for folder in kept)
    return kept


def _outermost(folders: Iterable[str]) -> list[str]:
    """Drop folders that lie below another one; too many siblings become their parent."""
    kept = _roots_of(folders)
    siblings: dict[str, int] = {}
    for folder in kept:
        parent = posixpath.dirname(folder)
        siblings[parent] = siblings.get(parent, 0) + 1
    crowded = {parent for parent, count in siblings.items() if count > MANY_IN_ONE_FOLDER}
    if not crowded:
        return kept
    return _outermost(parent if (parent := posixpath.dirname(folder)) in crowded else folder for folder in kept)


def _roots_of(folders: Iterable[str]) -> list[str]:
    """Drop folders that lie below another one. Sorted by their parts, a folder comes right before what is below it."""
    kept: list[str] = []
    for folder in sorted(set(folders), key=lambda path: path.split("/") if path else []):
        if not kept or not _inside(folder, kept[-1]):
            kept.append(folder)
    return kept


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def _inside(path: str, folder: str) -> bool:
    return folder == "" or path == folder or path.startswith(folder + "/")
