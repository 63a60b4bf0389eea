"""The changes that a scan found -> short write transactions, in an order in which no two files want one path."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from hubman.core.diff import Diff
from hubman.core.library import Change, ChangeKind, Root
from hubman.store.door import Store

BATCH = 500
T = TypeVar("T")


def apply_changes(store: Store, root: Root, found: Diff) -> None:
    """Record the changes of one root.

    Removals come first and moves next, so that a path that changed hands is free again. Moves that want each other's
    paths are one transaction.
    """
    for batch in batches([change.known.id for change in found.of(ChangeKind.REMOVED) if change.known], BATCH):
        with store.writer() as writer:
            writer.apply_gone(batch)
    moves, replaced = found.of(ChangeKind.MOVED), found.of(ChangeKind.REPLACED)
    tangled = tangled_moves(moves, replaced)
    if tangled:
        with store.writer() as writer:
            writer.apply_replaced([change.known.id for change in replaced if change.known])
            writer.apply_seen(root.path, tangled)
    tied = {id(change) for change in tangled}
    seen = [change for change in moves if id(change) not in tied]
    seen += [change for change in found.changes if change.known and change.seen and change.kind is not ChangeKind.MOVED]
    for changes in batches(seen, BATCH):
        with store.writer() as writer:
            writer.apply_seen(root.path, changes)
    for changes in batches(found.of(ChangeKind.ADDED), BATCH * 2):
        with store.writer() as writer:
            writer.apply_added(root.id, root.path, [change.seen for change in changes if change.seen])
    for devices in batches(found.remounted, BATCH * 4):
        with store.writer() as writer:
            writer.set_devices(devices)


def tangled_moves(moves: Sequence[Change], replaced: Sequence[Change]) -> list[Change]:
    """Return the moves to a path that another row has, and those that free such a path."""
    sources = {change.known.relpath for change in moves if change.known}
    wanted = sources | {change.known.relpath for change in replaced if change.known}
    contested = {change.seen.relpath for change in moves if change.seen} & wanted
    return [
        change
        for change in moves
        if change.known and change.seen and {change.known.relpath, change.seen.relpath} & contested
    ]


def reunite_by_number(store: Store, missing: Collection[int]) -> set[int]:
    """Let rows find their files again where the very same file is somewhere else now; return the ids of those rows.

    Args:
        missing: ids of rows that are looked for although nobody has said yet that their files are gone.
    """
    moved: set[int] = set()
    for batch in [[], *batches(missing, BATCH)]:
        while True:
            with store.writer() as writer:
                found = writer.reunion.by_number(batch, missing, BATCH)
            moved |= found
            if not found:
                break
    return moved


def reunite_by_content(store: Store, since_ns: int) -> int:
    """Let rows of vanished files become one with places that have the same content; return how many moved.

    A file whose content was in a second place before `since_ns` already has not moved: one of two copies is gone.
    """
    moved = 0
    while True:
        with store.writer() as writer:
            found, to_new = writer.reunion.by_content(BATCH, since_ns)
        moved += to_new
        if not found:
            return moved


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a sequence into lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
