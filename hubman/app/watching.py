"""The same scan, driven by file events: an event is a hint to look, and only a scan states a fact.

Lost events cost latency, never correctness: everything is scanned at the start and again every hour. Which roots there
are, and whether the folders under their names are still the same ones, is looked at every few seconds.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from hubman.app.hashing import Hashing
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.core.coalesce import Coalescer
from hubman.core.library import Root, Unhashed
from hubman.core.ports import Progress, Silence
from hubman.store.door import Store
from hubman.store.reader import open_reader
from hubman.watch import Observer

RESCAN_SECONDS = 3600.0
ROOTS_SECONDS = 3.0
POLL_SECONDS = 0.25
OnReport = Callable[[SyncReport], None]
OnUnwatched = Callable[[Root, str], None]
Place = tuple[int, int]


class Watching:
    """Keeps the index right until `stop` says so.

    Args:
        on_unwatched: told of every root that cannot be watched, and why; it is still scanned every hour.
        quiet: seconds without an event after which the changed folders are scanned.
        roots_every: seconds between two looks at which roots there are.
    """

    def __init__(
        self,
        store: Store,
        options: SyncOptions,
        on_report: OnReport,
        stop: Callable[[], bool],
        progress: Progress | None = None,
        quiet: float | None = None,
        on_unwatched: OnUnwatched = lambda _root, _why: None,
        roots_every: float = ROOTS_SECONDS,
    ) -> None:
        self._store, self._options, self._on_report, self._stop = store, options, on_report, stop
        self._progress = progress or Silence()
        self._quiet, self._on_unwatched, self._roots_every = quiet, on_unwatched, roots_every
        self._events: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._observer = Observer(self._events.put)
        self._batches: dict[int, Coalescer] = {}
        self._roots: dict[int, Root] = {}
        self._places: dict[int, Place | None] = {}
        self._rescan_at = self._look_at = 0.0
        self._thread = ThreadPoolExecutor(1)
        self._ended = threading.Event()
        self._large: tuple[Unhashed, Future[SyncReport]] | None = None
        self._large_wait = True
        self._tried: set[Unhashed] = set()

    def run(self) -> None:
        """Scan everything, then follow the events; returns when `stop` does."""
        with self._thread, self._observer:
            try:
                while not self._stop():
                    self._step()
                    self._gather(POLL_SECONDS)
                    self._hash_while_idle()
            finally:
                self._ended.set()

    def _step(self) -> None:
        """Do what is due: look at the roots, scan everything, scan what changed."""
        now = time.monotonic()
        if now >= self._look_at:
            changed = self._look_at_roots()
            self._look_at = time.monotonic() + self._roots_every
            if self._rescan_at and changed:
                self._scan(changed)
        # Watching begins before the first scan, so that nothing falls between the two.
        if now >= self._rescan_at or self._observer.lost_events():
            self._rescan_at = now + RESCAN_SECONDS
            self._scan(self._roots)
        for root_id in list(self._batches):
            due = self._batches[root_id].due(now)
            if due is not None and due <= 0:
                self._scan([root_id], self._batches[root_id].take())

    # --- which folders -------------------------------------------------------------------------------------------

    def _look_at_roots(self) -> list[int]:
        """Watch what is new, or took the place of what was watched; return the ids of roots to scan."""
        with open_reader(self._store.path) as reader:
            roots = {root.id: root for root in reader.roots()}
        gone = {root_id for root_id, root in self._roots.items() if _path(roots.get(root_id)) != root.path}
        for root_id in gone:
            self._observer.unwatch(root_id)
            self._places.pop(root_id, None)
            self._batches.pop(root_id, None)
        self._roots = roots
        taken_up = [root.id for root in roots.values() if self._take_up(root)]
        return list(roots) if gone else taken_up

    def _take_up(self, root: Root) -> bool:
        """Say whether another folder (or none, or one again) is under the root's name; watch that one."""
        place = _place(root.path)
        if root.id in self._places and self._places[root.id] == place:
            return False
        self._places[root.id] = place
        self._observer.unwatch(root.id)
        if place is not None:
            try:
                self._observer.watch(root.id, root.path)
            except OSError as error:
                self._on_unwatched(root, error.strerror or str(error))
        return True

    # --- what happened -------------------------------------------------------------------------------------------

    def _gather(self, seconds: float) -> None:
        """Take the events that are there; wait for the first one at most so long."""
        try:
            root_id, folder = self._events.get(timeout=seconds)
            while True:
                self._batch(root_id).add(folder, time.monotonic())
                root_id, folder = self._events.get_nowait()
        except queue.Empty:
            return

    def _batch(self, root_id: int) -> Coalescer:
        if root_id not in self._batches:
            self._batches[root_id] = Coalescer() if self._quiet is None else Coalescer(quiet=self._quiet)
        return self._batches[root_id]

    def _scan(self, root_ids: Collection[int], folders: Sequence[str] = ("",)) -> None:
        with open_reader(self._store.path) as reader:
            roots = [root for root in reader.roots() if root.id in root_ids]
        run = Sync(self._store, self._options, self._progress, self._stop)
        self._on_report(run.run(roots, folders))
        self._large_wait = True

    # --- large files ---------------------------------------------------------------------------------------------

    def _hash_while_idle(self) -> None:
        """Hash the next file that is too large for a scan, in a thread of its own: events are followed meanwhile."""
        if self._large is not None:
            self._finish_large(self._large)
        elif self._large_wait and all(batch.due(0) is None for batch in self._batches.values()):
            place = self._next_large()
            self._large_wait = place is not None
            if place is not None:
                self._large = (place, self._thread.submit(self._hash, place))

    def _hash(self, place: Unhashed) -> SyncReport:
        started = time.monotonic()
        hashing = Hashing(self._store, lambda _bytes: None, lambda: self._stop() or self._ended.is_set(), nice=True)
        hashing.run([place])
        return SyncReport(hashed=hashing.done, seconds=round(time.monotonic() - started, 3))

    def _finish_large(self, large: tuple[Unhashed, Future[SyncReport]]) -> None:
        place, future = large
        if not future.done():
            return
        self._large = None
        report = future.result()
        if report.hashed:
            self._on_report(report)
        self._tried.add(place)  # if it failed: not again before it, or this process, is another one

    def _next_large(self) -> Unhashed | None:
        if self._options.hash_mode != "auto":
            return None
        with open_reader(self._store.path) as reader:
            large = [
                place for root in reader.roots() for place in reader.unhashed(root, self._options.hash_limit, None)
            ]
        waiting = [place for place in large if place not in self._tried]
        return min(waiting, key=lambda place: place.size, default=None)


def _path(root: Root | None) -> str | None:
    return root.path if root else None


def _place(path: str) -> Place | None:
    """Return what identifies a folder, whatever its name; None when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
