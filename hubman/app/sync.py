"""Disk -> index. One code path for `hubman sync`, the start of `watch`, its hourly rescan and an event's sub-paths.

Index first, hash later: a file is searchable as soon as its header is read (a few KB), and the hashes follow, smallest
file first. Everything is committed in small batches, so an interrupted run loses nothing and goes on where it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from hubman.app.hashing import hash_model
from hubman.app.reading import failure_of, read_file
from hubman.config import Config
from hubman.core.diff import FACTS_VERSION, Diff, diff
from hubman.core.library import Change, ChangeKind, Reading, Root, RootState, Seen
from hubman.core.ports import Progress, Silence
from hubman.disk.walk import Walk, enclosing_model_folder
from hubman.errors import ConflictError, HubmanError
from hubman.store.reader import Reader, open_reader
from hubman.store.writer import Store, Writer

BATCH = 200
BATCH_SECONDS = 1.0
T = TypeVar("T")


@dataclass(slots=True)
class SyncReport:
    """What a run saw and did; its fields are the JSON of `sync --json`."""

    roots: list[dict[str, object]] = field(default_factory=list)
    seen: int = 0
    added: int = 0
    modified: int = 0
    moved: int = 0
    removed: int = 0
    unreachable: int = 0
    identified: int = 0
    hashed: int = 0
    errors: list[dict[str, object]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """Whether the run found anything new."""
        return bool(self.added or self.modified or self.moved or self.removed or self.identified or self.hashed)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a run goes about it: which files are hashed, and whether a mass disappearance was meant."""

    hash_mode: str = "auto"
    hash_limit: int = 2_000_000_000
    accept_missing: bool = False


def options_of(config: Config) -> SyncOptions:
    """Return the options that the configuration asks for."""
    return SyncOptions(config.hash_mode, config.hash_limit)


class Sync:
    """One run over the library. `stop` is asked between files, so that Ctrl-C and a watcher's end are quick."""

    def __init__(
        self,
        store: Store,
        options: SyncOptions,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._options = options
        self._progress = progress or Silence()
        self._stop = stop
        self.report = SyncReport()

    def run(self, roots: Sequence[Root], folders: Sequence[str] = ("",)) -> SyncReport:
        """Scan, identify and hash the given roots (or only some folders of one root)."""
        started = time.monotonic()
        everything = self._ask(lambda reader: reader.roots())
        scanned = [root for root in roots if self._scan(root, _inner_roots(root, everything), folders)]
        for root in scanned:
            self._identify(root)
        if self._options.hash_mode != "none":
            self._hash(scanned)
        self._list_errors()
        self.report.seconds = round(self.report.seconds + time.monotonic() - started, 3)
        return self.report

    # --- what is there -------------------------------------------------------------------------------------------

    def _scan(self, root: Root, inner: frozenset[str], folders: Sequence[str]) -> bool:
        """Compare one root with its rows and record the changes. False when it cannot be reached.

        `inner`: other roots below this one; their files belong to them.
        """
        device = _device(root.path)
        scope = _scope(root.path, folders) if device is not None else [""]
        known = self._ask(lambda reader: reader.known(root.id, scope))
        present = sum(row.present for row in known)
        if device is None:
            return self._unreachable(root, present)
        walk = Walk(root.path, scope, inner)
        self._progress.phase("scan", present)
        seen = list(_ticking(walk, self._progress))
        self.report.seen += len(seen)
        whole = "" in scope
        if whole and present and not seen and device != root.device:
            return self._unreachable(root, present)
        inside = [row for row in known if not _covers(walk.blocked, row.relpath)]
        found = diff(inside, seen, whole_root=whole and not self._options.accept_missing)
        if found.suspicious:
            self.report.unreachable += sum(row.present for row in inside) - found.unchanged
        self._apply(root, found)
        state = RootState.OK if os.access(root.path, os.W_OK) else RootState.READ_ONLY
        self._set_state(root, RootState.UNREACHABLE if found.suspicious else state, device)
        return True

    def _unreachable(self, root: Root, present: int) -> bool:
        self.report.unreachable += present
        self._set_state(root, RootState.UNREACHABLE, None)
        return False

    def _set_state(self, root: Root, state: RootState, device: int | None) -> None:
        self.report.roots.append({"path": root.path, "layout": root.layout.value, "state": state.value})
        if state is not root.state or (device is not None and device != root.device):
            with self._store.writer() as writer:
                writer.set_root(root.id, state, device)

    def _apply(self, root: Root, found: Diff) -> None:
        counts = {kind: len(found.of(kind)) for kind in ChangeKind}
        self.report.added += counts[ChangeKind.ADDED] + counts[ChangeKind.RETURNED]
        self.report.modified += counts[ChangeKind.MODIFIED]
        self.report.moved += counts[ChangeKind.MOVED]
        self.report.removed += counts[ChangeKind.REMOVED]
        # Removals and moves come first, so that a path that changed hands is free again.
        urgent = (ChangeKind.REMOVED, ChangeKind.MOVED)
        for batch in _batches(sorted(found.changes, key=lambda change: change.kind not in urgent), BATCH * 5):
            with self._store.writer() as writer:
                for change in batch:
                    _apply_change(writer, root.path, change)
                added = [change.seen for change in batch if change.kind is ChangeKind.ADDED and change.seen]
                writer.apply_added(root.id, root.path, added)

    # --- what it is ----------------------------------------------------------------------------------------------

    def _identify(self, root: Root) -> None:
        """Read the header of every file that needs it, smallest first."""
        waiting = self._ask(lambda reader: reader.unread(root.id, FACTS_VERSION))
        if not waiting:
            return
        self._progress.phase("identify", len(waiting))
        batch: list[tuple[int, str, Reading]] = []
        since = time.monotonic()
        for file_id, relpath, name, folder in waiting:
            if self._stop():
                break
            reading = read_file(root.path, relpath, folder=folder)
            batch.append((file_id, name, reading))
            self._progress.advance()
            if len(batch) >= BATCH or time.monotonic() - since > BATCH_SECONDS:
                self._record(batch)
                since = time.monotonic()
        self._record(batch)

    def _record(self, batch: list[tuple[int, str, Reading]]) -> None:
        if batch:
            with self._store.writer() as writer:
                writer.record_readings(batch)
            self.report.identified += len(batch)
            batch.clear()

    # --- what it hashes to ---------------------------------------------------------------------------------------

    def _hash(self, roots: Sequence[Root]) -> None:
        """Hash what has no hash yet, smallest first over all roots."""
        largest = None if self._options.hash_mode == "all" else self._options.hash_limit
        waiting = [
            (size, root.path, file_id, relpath)
            for root in roots
            for file_id, relpath, size in self._unhashed(root, largest)
        ]
        if not waiting:
            return
        self._progress.phase("hash", sum(entry[0] for entry in waiting))
        for size, root_path, file_id, relpath in sorted(waiting):
            if self._stop():
                return
            self._hash_one(root_path, file_id, relpath, size)

    def _unhashed(self, root: Root, largest: int | None) -> list[tuple[int, str, int]]:
        return self._ask(lambda reader: reader.unhashed(root.id, largest))

    def _hash_one(self, root: str, file_id: int, relpath: str, size: int) -> None:
        path = os.path.join(root, relpath)
        try:
            hashes = hash_model(path, self._progress.advance)
        except ConflictError:
            return  # it changed under us: the next scan sees another mtime and comes back
        except (OSError, HubmanError) as error:
            failure = failure_of(error)
            self.report.errors.append({"path": path, "reference": failure.reference, "message": failure.message})
            return
        with self._store.writer() as writer:
            writer.record_hashes(file_id, size, hashes)
        self.report.hashed += 1

    def _list_errors(self) -> None:
        """List every file that is broken now, not only those found broken by this run."""
        for file in self._ask(lambda reader: reader.broken()):
            assert file.failure is not None
            entry: dict[str, object] = {
                "path": file.path,
                "reference": file.failure.reference,
                "message": file.failure.message,
            }
            if entry not in self.report.errors:
                self.report.errors.append(entry)

    def _ask(self, question: Callable[[Reader], T]) -> T:
        with open_reader(self._store.path) as reader:
            return question(reader)


def _apply_change(writer: Writer, root_path: str, change: Change) -> None:
    known, seen = change.known, change.seen
    if change.kind is ChangeKind.REMOVED and known:
        writer.apply_gone([known.id])
    elif known and seen:
        writer.apply_seen(root_path, known, seen, content_changed=change.kind is ChangeKind.MODIFIED)


def _device(path: str) -> int | None:
    try:
        return os.stat(path).st_dev if os.path.isdir(path) else None
    except OSError:
        return None


def _scope(root: str, folders: Sequence[str]) -> list[str]:
    """Lift folders that lie inside a model folder to the folder that holds the model."""
    lifted = []
    for folder in folders:
        model = enclosing_model_folder(root, folder)
        lifted.append(folder if model is None else model.rpartition("/")[0])
    return sorted(set(lifted))


def _covers(folders: Iterable[str], relpath: str) -> bool:
    return any(folder == "" or relpath == folder or relpath.startswith(folder + "/") for folder in folders)


def _inner_roots(root: Root, roots: Sequence[Root]) -> frozenset[str]:
    """Return the other roots below this one: their files belong to them, so that nothing is listed twice."""
    prefix = root.path.rstrip(os.sep) + os.sep
    return frozenset(other.path for other in roots if other.id != root.id and other.path.startswith(prefix))


def _ticking(entries: Iterable[Seen], progress: Progress) -> Iterator[Seen]:
    for entry in entries:
        progress.advance()
        yield entry


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
