"""Known rows against a walk's findings -> changes. Pure: the walk and the database are arguments.

Invariant: **a row is trusted if and only if its (size, mtime_ns, inode) equal the file's.** All else is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from hubman.core.library import Change, ChangeKind, Known, Seen

P = TypeVar("P", Known, Seen)

FACTS_VERSION = 3
"""Raised when identification learns something: files with an older number are read (not hashed) again."""

MASS_DISAPPEARANCE = 0.5
"""Above this share of a root gone at once (and more than MASS_FLOOR files) the root is unreachable, not emptied."""

MASS_FLOOR = 20


@dataclass(frozen=True, slots=True)
class Diff:
    """All changes of one scope of one root.

    Attributes:
        held: rows that vanished and are not called gone, because too much vanished at once.
        unplugged: rows that vanished together with the file system they lay on; they are not gone.
        remounted: (row id, device) of rows whose file system has another number now.
    """

    changes: tuple[Change, ...]
    unchanged: int
    held: tuple[Known, ...] = ()
    unplugged: tuple[Known, ...] = ()
    remounted: tuple[tuple[int, int], ...] = ()

    def of(self, kind: ChangeKind) -> list[Change]:
        """Return the changes of one kind."""
        return [change for change in self.changes if change.kind is kind]


def diff(
    known: Collection[Known],
    seen: Iterable[Seen],
    *,
    whole_root: bool = True,
    devices: Mapping[str, int] = MappingProxyType({}),
) -> Diff:
    """Compare what is remembered with what is there.

    A file that vanished from one path while one with the same inode, size and time appeared at another has MOVED and
    keeps its row, also when the other path had a row of its own (names that were swapped, a file that was overwritten).

    Args:
        whole_root: the comparison covers the whole root, so that a mass disappearance can be told.
        devices: relative folder -> number of the file system it is on now, as a walk found them. A row that vanished
            from another file system than the one that is there now was unplugged, not removed.
    """
    places = _compare(known, seen)
    left = [row for row in (*places.displaced.values(), *places.missing.values()) if row.present]
    moved = _pair_moves(left, places.came)
    followed = {change.known.id for change in moved if change.known}
    taken = {change.seen.relpath for change in moved if change.seen}
    changes = places.reconsidered + moved
    for entry in places.came:
        there = places.displaced.get(entry.relpath)
        if entry.relpath in taken:
            if there is not None and there.id not in followed:
                changes.append(Change(ChangeKind.REPLACED, there, None))
        elif there is None or there.id in followed:
            changes.append(Change(ChangeKind.ADDED, None, entry))
        else:
            changes.append(Change(ChangeKind.MODIFIED, there, entry))
    vanished = [row for row in places.missing.values() if row.present and row.id not in followed]
    renumbered = {row.device for row in known if row.id in places.remounted} if vanished else set()
    unplugged = [row for row in vanished if row.device not in renumbered and _is_unplugged(row, devices)]
    away = {row.id for row in unplugged}
    removed = [row for row in vanished if row.id not in away]
    held = whole_root and bool(removed) and is_mass(len(removed), sum(row.present for row in known))
    if not held:
        changes += [Change(ChangeKind.REMOVED, row, None) for row in removed]
    remounted = tuple(places.remounted.items())
    return Diff(tuple(changes), places.unchanged, tuple(removed if held else ()), tuple(unplugged), remounted)


def is_mass(missing: int, present: int) -> bool:
    """Say whether so many files are missing at once, of so many, that nobody may have deleted them."""
    return missing > max(MASS_FLOOR, MASS_DISAPPEARANCE * present)


@dataclass(slots=True)
class _Places:
    """Rows against files, path by path.

    Attributes:
        unchanged: how many rows need no look.
        reconsidered: changes of files that are where they were and what they were.
        came: files that are not what is remembered of their path, or of whose path nothing is.
        displaced: path -> row, where another file is now.
        missing: path -> row, where nothing is.
        remounted: row id -> device, where the file system has another number than remembered.
    """

    unchanged: int
    reconsidered: list[Change]
    came: list[Seen]
    displaced: dict[str, Known]
    missing: dict[str, Known]
    remounted: dict[int, int]


def _compare(known: Iterable[Known], seen: Iterable[Seen]) -> _Places:
    """Go once through what was seen. Fields are taken by position: this is what a scan of 100,000 files waits for."""
    missing = {row.relpath: row for row in known}
    places = _Places(0, [], [], {}, missing, {})
    take, unchanged = missing.pop, 0
    for entry in seen:
        row = take(entry[0], None)
        if row is None:
            places.came.append(entry)
            continue
        if entry.device != row.device and entry.device is not None:
            places.remounted[row.id] = entry.device
        if row[2:5] != entry[1:4]:  # size, mtime_ns, inode: in both, in this order
            places.came.append(entry)
            places.displaced[entry.relpath] = row
        elif row.beside == entry.beside and row.present and row.facts_version == FACTS_VERSION:
            unchanged += 1
        else:
            kind = ChangeKind.REREAD if row.present else ChangeKind.RETURNED
            places.reconsidered.append(Change(kind, row, entry))
    places.unchanged = unchanged
    return places


def _is_unplugged(row: Known, devices: Mapping[str, int]) -> bool:
    """Say whether the nearest folder that is still there is on another file system than the row was."""
    if row.device is None:
        return False
    folder = row.relpath
    while folder not in devices and folder:
        folder = folder.rpartition("/")[0]
    return devices.get(folder, row.device) != row.device


def _number(place: Known | Seen) -> tuple[int, int, int]:
    """What stays the same of a file that is renamed, and differs between two files: number, size and time."""
    return place.inode, place.size, place.mtime_ns


def _pair_moves(left: Iterable[Known], came: Iterable[Seen]) -> list[Change]:
    """Pair rows whose file left its path with files that came to a path; only where the pair is unique.

    A path may have a row already, of a file that was overwritten or left for another path itself: then files that
    swapped their names are two moves, and the row of an overwritten one is REPLACED.
    """
    rows, entries = _unique(left), _unique(entry for entry in came if entry.inode)
    return [Change(ChangeKind.MOVED, rows[key], entry) for key, entry in entries.items() if key in rows]


def _unique(places: Iterable[P]) -> dict[tuple[int, int, int], P]:
    """Return number -> the one place that has it: hard links have several."""
    found: dict[tuple[int, int, int], P] = {}
    several: set[tuple[int, int, int]] = set()
    for place in places:
        key = _number(place)
        if key in found:
            several.add(key)
        found[key] = place
    return {key: place for key, place in found.items() if key not in several}
