"""Files that somebody is still writing are left alone until they are done: never half a model in the index.

`sync` looks once: a file that was written a moment ago and whose header says that bytes are missing is left out when it
grows, and said so. `watch` can look again: it waits for every new or changed file until it is still (core/settle).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Protocol

from hubman.core.library import Known, Seen
from hubman.core.settle import (
    LOCAL,
    MAYBE_INCOMPLETE,
    NETWORK,
    SURELY_INCOMPLETE,
    Patience,
    Settler,
    Stamp,
    Standing,
    age,
)
from hubman.core.shares import mount_of
from hubman.errors import HubmanError


class Settling(Protocol):
    """Decides which new or changed files a scan leaves out."""

    def young_since(self) -> int:
        """Return the time (nanoseconds since 1970) after which a file must have been written to be one to wait for."""

    def waits(self, root: str, entry: Seen) -> bool:
        """Say whether a new or changed file is left out of this scan."""


class OneLook:
    """For a scan that does not come back. A time in the future (a wrong clock) holds nothing up.

    It waits the rest of the seconds in which a writer would show: then the file is known to be broken, or to grow.
    """

    def young_since(self) -> int:
        """Only what was written in the last seconds."""
        return time.time_ns() - int(NETWORK.quiet * 1e9)

    def waits(self, root: str, entry: Seen) -> bool:
        """Written a moment ago, its header says that bytes are missing, and it changed while we waited for it."""
        from hubman.disk.mounts import read_mounts  # only where something was written a moment ago

        mount = mount_of(read_mounts(), os.path.realpath(root))
        quiet = LOCAL.quiet if mount is None or mount.has_events else NETWORK.quiet
        path = os.path.join(root, entry.relpath)
        if self._rest(entry.mtime_ns, quiet) <= 0 or failure_of_header(path) not in SURELY_INCOMPLETE:
            return False
        time.sleep(min(quiet, max(0.0, self._rest(entry.mtime_ns, quiet))))
        return _stat(path, _stamp(entry)) != _stamp(entry)

    @staticmethod
    def _rest(mtime_ns: int, quiet: float) -> float:
        """Return the seconds until a file was quiet for so long; 0 when it was, or its time tells nothing."""
        old = age(mtime_ns, time.time_ns())
        return 0.0 if old is None else quiet - old


class Patiently:
    """For a watcher: what changed is taken when it is still, and complete (or still for long).

    Args:
        patience_of: root path -> how long to wait there.
    """

    def __init__(self, patience_of: Callable[[str], Patience]) -> None:
        self._patience_of = patience_of
        self._settler = Settler()

    def young_since(self) -> int:
        """Everything written lately, and what comes from the future."""
        return time.time_ns() - int(NETWORK.incomplete * 1e9)

    def waits(self, root: str, entry: Seen) -> bool:
        """Still changing, or quiet and not complete."""
        place, clocks = (root, entry.relpath), (time.monotonic(), time.time_ns())
        found = self._settler.look(place, _stamp(entry), clocks, self._patience_of(root))
        if found is Standing.QUIET and failure_of_header(os.path.join(*place)) in MAYBE_INCOMPLETE:
            self._settler.found_incomplete(place)
            return True
        if found is Standing.CHANGING:
            return True
        self._settler.forget(place)
        return False

    def ready(self) -> list[tuple[str, str]]:
        """Return (root path, folder) of what is worth a scan now, by a stat of each file that waits.

        A model of several files is judged by the scan itself.
        """
        now, found = time.monotonic(), []
        for place, before in self._settler.waiting():
            stamp = _stat(os.path.join(*place), before)
            if stamp is None:
                self._settler.forget(place)  # it is gone: its deletion raised an event of its own
            elif self._settler.asks(place, stamp, now):
                found.append((place[0], place[1].rpartition("/")[0]))
        return list(dict.fromkeys(found))


def hold_back(
    settling: Settling, root: str, known: list[Known], seen: list[Seen]
) -> tuple[list[Known], list[Seen], list[str]]:
    """Leave what is still being written out of both sides of a comparison, so that what is known of it stays.

    A file whose size, time and number are known already, at whatever path, is done: it was moved.

    Returns:
        What to compare, and the relative paths that wait.
    """
    since = settling.young_since()
    young = {entry.relpath: entry for entry in seen if entry.mtime_ns > since}
    if not young:
        return known, seen, []
    inodes = {entry.inode for entry in young.values()}
    stamps = {_stamp(row) for row in known if row.inode in inodes}
    changed = [entry for entry in young.values() if _stamp(entry) not in stamps]
    waiting = {entry.relpath for entry in changed if settling.waits(root, entry)}
    if not waiting:
        return known, seen, []
    # A row whose very file is somewhere else now goes on with it; what is being written at its path is another one.
    elsewhere = {_stamp(entry) for entry in seen if entry.relpath not in waiting}
    elsewhere -= {_stamp(row) for row in known if row.relpath not in waiting}
    rows = [row for row in known if row.relpath not in waiting or _stamp(row) in elsewhere]
    return rows, [entry for entry in seen if entry.relpath not in waiting], sorted(waiting)


def failure_of_header(path: str) -> str | None:
    """Return the reference of what is wrong with a file's header, None when it is whole or cannot be looked at."""
    from hubman import formats  # the scan of an unchanged library opens nothing

    try:
        formats.read_header(path)
    except HubmanError as error:
        return error.reference
    except OSError:
        return None
    return None


def _stamp(entry: Seen | Known) -> Stamp:
    return (entry.size, entry.mtime_ns, entry.inode)


def _stat(path: str, before: Stamp) -> Stamp | None:
    """Return a file's stamp now; that of before for a model in several files, None when nothing is there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if os.path.isdir(path) or path.endswith(".json"):
        return before
    return (status.st_size, status.st_mtime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF)
