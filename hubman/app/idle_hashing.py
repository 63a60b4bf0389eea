"""Hashing in a thread of its own while a watcher follows events: a scan never waits for gigabytes to be read."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from hubman.app.applying import reunite_by_content
from hubman.app.hashing import Hashing
from hubman.app.sync import SyncOptions, SyncReport
from hubman.core.library import Unhashed
from hubman.store.door import Store
from hubman.store.reader import open_reader

MOST_FILES = 2000
MOST_BYTES = 4_000_000_000
"""One round of hashing: so many files, of so many bytes (or one larger file). What came meanwhile is asked for then."""

MOST_TRIED = 10_000


class IdleHashing:
    """Hashes what has no hash, smallest first, a round at a time. Use it as a context; its end stops the round."""

    def __init__(self, store: Store, options: SyncOptions, stop: Callable[[], bool]) -> None:
        self._store, self._options, self._stop = store, options, stop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hashing")
        self._ended = threading.Event()
        self._round: Future[SyncReport | None] | None = None
        self._wanted = False
        self._since_ns: int | None = None
        self._tried: set[Unhashed] = set()

    def want(self, since_ns: int | None = None) -> None:
        """There may be something to hash, found by a scan that began at a time (nanoseconds since 1970)."""
        if self._since_ns is None:
            self._since_ns = since_ns
        self._wanted = self._options.hash_mode != "none"

    @property
    def resting(self) -> bool:
        """Whether nothing is being hashed, and nothing is known to wait for it."""
        return self._round is None and not self._wanted

    def try_all_again(self) -> None:
        """Forget what could not be hashed: another try is due."""
        self._tried.clear()
        self.want()

    def step(self) -> SyncReport | None:
        """Begin a round when there may be work, and return the report of one that ended and did something.

        Raises:
            StoreError: the round could not be recorded.
        """
        if self._round is None:
            if self._wanted:
                self._wanted = False
                self._round = self._thread.submit(self._run)
            return None
        if not self._round.done():
            return None
        ended, self._round = self._round, None
        report = ended.result()
        if report is None:
            self._since_ns = None  # all is hashed: what comes from now on is new
            return None
        self.want()
        return report if report.hashed or report.errors else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.shutdown()

    def _is_over(self) -> bool:
        return self._stop() or self._ended.is_set()

    def _run(self) -> SyncReport | None:
        """Hash one round; None when there was nothing to do."""
        places = self._next()
        if not places:
            return None
        started = time.monotonic()
        hashing = Hashing(self._store, lambda _bytes: None, self._is_over, nice=True)
        hashing.run(places)
        if len(self._tried) > MOST_TRIED:
            self._tried.clear()
        self._tried.update(places)  # if one failed: not again before it, or the hour, is another one
        errors: list[dict[str, object]] = [
            {"path": path, "reference": failure.reference, "message": failure.message}
            for path, failure in hashing.failures
        ]
        moved = 0
        if hashing.done and self._since_ns is not None:
            moved = reunite_by_content(self._store, self._since_ns)
        return SyncReport(moved=moved, hashed=hashing.done, errors=errors, seconds=round(time.monotonic() - started, 3))

    def _next(self) -> list[Unhashed]:
        with open_reader(self._store.path) as reader:
            waiting = (place for root in reader.roots() for place in reader.unhashed(root, -1, None))
            smallest = heapq.nsmallest(
                MOST_FILES, (place for place in waiting if place not in self._tried), key=lambda place: place.size
            )
        total = 0
        chosen: list[Unhashed] = []
        for place in smallest:
            total += place.size
            if chosen and total > MOST_BYTES:
                break
            chosen.append(place)
        return chosen
