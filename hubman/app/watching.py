"""The same scan, driven by file events: an event is a hint to look, and only a scan states a fact.

Lost events cost latency, never correctness: everything is scanned at the start and again every hour.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Sequence

from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.core.coalesce import Coalescer
from hubman.core.library import Root
from hubman.core.ports import Progress, Silence
from hubman.store.reader import open_reader
from hubman.store.writer import Store
from hubman.watch import Observer

RESCAN_SECONDS = 3600.0
POLL_SECONDS = 0.25
OnReport = Callable[[SyncReport], None]


class Watching:
    """Keeps the index right until `stop` says so.

    Args:
        quiet: seconds without an event after which the changed folders are scanned.
    """

    def __init__(
        self,
        store: Store,
        options: SyncOptions,
        on_report: OnReport,
        stop: Callable[[], bool],
        progress: Progress | None = None,
        quiet: float | None = None,
    ) -> None:
        self._store, self._options, self._on_report, self._stop = store, options, on_report, stop
        self._progress = progress or Silence()
        self._quiet = quiet
        self._batches: dict[int, Coalescer] = {}

    def run(self, roots: Sequence[Root]) -> None:
        """Scan everything, then follow the events; returns when `stop` does."""
        events: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        observer = Observer({root.id: root.path for root in roots if os.path.isdir(root.path)}, events.put)
        # Watching begins before the first scan, so that nothing falls between the two.
        with observer:
            self._scan(roots)
            rescan_at = time.monotonic() + RESCAN_SECONDS
            while not self._stop():
                self._gather(events)
                now = time.monotonic()
                if now >= rescan_at or observer.lost_events():
                    self._scan(roots)
                    rescan_at = time.monotonic() + RESCAN_SECONDS
                for root in roots:
                    self._scan_if_due(root, now)

    def _gather(self, events: queue.SimpleQueue[tuple[int, str]]) -> None:
        try:
            root_id, folder = events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        while True:
            self._batch(root_id).add(folder, time.monotonic())
            try:
                root_id, folder = events.get_nowait()
            except queue.Empty:
                return

    def _batch(self, root_id: int) -> Coalescer:
        if root_id not in self._batches:
            self._batches[root_id] = Coalescer() if self._quiet is None else Coalescer(quiet=self._quiet)
        return self._batches[root_id]

    def _scan_if_due(self, root: Root, now: float) -> None:
        due = self._batch(root.id).due(now)
        if due is not None and due <= 0:
            self._scan([root], self._batch(root.id).take())

    def _scan(self, roots: Sequence[Root], folders: Sequence[str] = ("",)) -> None:
        with open_reader(self._store.path) as reader:
            fresh = {root.id: root for root in reader.roots()}
        current = [fresh[root.id] for root in roots if root.id in fresh]
        run = Sync(self._store, self._options, self._progress, self._stop)
        self._on_report(run.run(current, folders))
