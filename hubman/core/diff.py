"""Known rows against a walk's findings -> changes. Pure: the walk and the database are arguments.

Invariant: **a row is trusted if and only if its (size, mtime_ns, inode) equal the file's.** All else is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hubman.core.library import Change, ChangeKind, Known, Seen

FACTS_VERSION = 2
"""Raised when identification learns something: files with an older number are read (not hashed) again."""

MASS_DISAPPEARANCE = 0.5
"""Above this share of a root gone at once (and more than MASS_FLOOR files) the root is unreachable, not emptied."""

MASS_FLOOR = 20


@dataclass(frozen=True, slots=True)
class Diff:
    """All changes of one scope of one root. `suspicious` holds removals back: too much vanished at once.

    Attributes:
        unplugged: rows that vanished together with the file system they lay on; they are not gone.
        remounted: (row id, device) of rows whose file system has another number now.
    """

    changes: tuple[Change, ...]
    unchanged: int
    suspicious: bool = False
    unplugged: tuple[Known, ...] = ()
    remounted: tuple[tuple[int, int], ...] = ()

    def of(self, kind: ChangeKind) -> list[Change]:
        """Return the changes of one kind."""
        return [change for change in self.changes if change.kind is kind]


def diff(
    known: Iterable[Known],
    seen: Iterable[Seen],
    *,
    whole_root: bool = True,
    devices: Mapping[str, int] = MappingProxyType({}),
) -> Diff:
    """Compare what is remembered with what is there.

    A file that vanished from one path while one with the same inode, size and time appeared at another has MOVED and
    keeps its row.

    Args:
        whole_root: the comparison covers the whole root, so that a mass disappearance can be told.
        devices: relative folder -> number of the file system it is on now, as a walk found them. A row that vanished
            from another file system than the one that is there now was unplugged, not removed.
    """
    before = {row.relpath: row for row in known}
    now = {entry.relpath: entry for entry in seen}
    compared = [_compare(before[path], now[path]) for path in now if path in before]
    changes = [change for change in compared if change is not None]
    unchanged = len(compared) - len(changes)
    arrived = {path: entry for path, entry in now.items() if path not in before}
    gone = {path: row for path, row in before.items() if path not in now and row.present}
    moved = _pair_moves(gone, arrived)
    changes += moved
    moved_from = {change.known.relpath for change in moved if change.known}
    moved_to = {change.seen.relpath for change in moved if change.seen}
    changes += [Change(ChangeKind.ADDED, None, entry) for path, entry in arrived.items() if path not in moved_to]
    vanished = [row for path, row in gone.items() if path not in moved_from]
    remounted = _remounted(before, now)
    renumbered = {row.device for row in before.values() if row.id in remounted}
    unplugged = [row for row in vanished if row.device not in renumbered and _is_unplugged(row, devices)]
    held = {row.id for row in unplugged}
    removed = [Change(ChangeKind.REMOVED, row, None) for row in vanished if row.id not in held]
    present = sum(row.present for row in before.values())
    suspicious = whole_root and len(removed) > max(MASS_FLOOR, MASS_DISAPPEARANCE * present)
    if not suspicious:
        changes += removed
    return Diff(tuple(changes), unchanged, suspicious, tuple(unplugged), tuple(remounted.items()))


def _remounted(before: Mapping[str, Known], now: Mapping[str, Seen]) -> dict[int, int]:
    """Return row id -> device where a file is still there and its file system has another number than remembered."""
    return {
        before[path].id: entry.device
        for path, entry in now.items()
        if path in before and entry.device is not None and entry.device != before[path].device
    }


def _is_unplugged(row: Known, devices: Mapping[str, int]) -> bool:
    """Say whether the nearest folder that is still there is on another file system than the row was."""
    if row.device is None:
        return False
    folder = row.relpath
    while folder not in devices and folder:
        folder = folder.rpartition("/")[0]
    return devices.get(folder, row.device) != row.device


def _compare(row: Known, entry: Seen) -> Change | None:
    if (row.size, row.mtime_ns, row.inode) != (entry.size, entry.mtime_ns, entry.inode):
        return Change(ChangeKind.MODIFIED, row, entry)
    if not row.present:
        return Change(ChangeKind.RETURNED, row, entry)
    if row.beside != entry.beside or row.facts_version != FACTS_VERSION:
        return Change(ChangeKind.REREAD, row, entry)
    return None


def _pair_moves(gone: Mapping[str, Known], arrived: Mapping[str, Seen]) -> list[Change]:
    """Pair vanished rows with new files by inode, size and time; only where the pair is unique."""
    by_key: dict[tuple[int, int, int], list[Known]] = {}
    for row in gone.values():
        by_key.setdefault((row.inode, row.size, row.mtime_ns), []).append(row)
    moves = []
    for entry in arrived.values():
        rows = by_key.pop((entry.inode, entry.size, entry.mtime_ns), [])
        if entry.inode and len(rows) == 1:
            moves.append(Change(ChangeKind.MOVED, rows[0], entry))
    return moves
