"""Many file events -> few sub-paths to look at. Pure: time is an argument.

An event is a hint to look, never a fact to store. Copying one 200 MB file raises about 155 events; the paths are
gathered until nothing happened for a while (or too long), and many in one folder become the folder.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

QUIET_SECONDS = 2.0
LONGEST_SECONDS = 30.0
MANY_IN_ONE_FOLDER = 64


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
    _folders: dict[str, int] = field(default_factory=dict)

    def add(self, folder: str, now: float) -> None:
        """Note that something happened in a folder."""
        if self._first is None:
            self._first = now
        self._last = now
        self._folders[folder] = self._folders.get(folder, 0) + 1

    def due(self, now: float) -> float | None:
        """Return the seconds until the batch should be taken (0 or less: now), or None when it is empty."""
        if self._first is None:
            return None
        return min(self._last + self.quiet, self._first + self.longest) - now

    def take(self) -> list[str]:
        """Return the folders to look at, without those that lie below another one, and start anew."""
        folders = sorted(self._folders)
        self._folders.clear()
        self._first = None
        return _outermost(folders)


def _outermost(folders: list[str]) -> list[str]:
    """Drop folders that lie below another one; too many siblings become their parent."""
    kept: list[str] = []
    for folder in folders:
        if not any(_inside(folder, other) for other in kept):
            kept.append(folder)
    parents: dict[str, list[str]] = {}
    for folder in kept:
        parents.setdefault(posixpath.dirname(folder), []).append(folder)
    crowded = {parent for parent, children in parents.items() if len(children) > MANY_IN_ONE_FOLDER}
    if not crowded:
        return kept
    return _outermost(sorted({posixpath.dirname(f) if posixpath.dirname(f) in crowded else f for f in kept}))


def _inside(path: str, folder: str) -> bool:
    return folder == "" or path == folder or path.startswith(folder + "/")
