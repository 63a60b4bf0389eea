"""Where the watcher's threads leave their hints, and the scan takes them from. It stays small whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from hubman.core.coalesce import Coalescer


class Inbox:
    """Changed folders by root id. `tell` may be called from any thread.

    Args:
        quiet: seconds without an event after which the folders of a root are due.
    """

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        self._lock = threading.Lock()
        self._batches: dict[int, Coalescer] = {}

    def tell(self, hint: tuple[int, str]) -> None:
        """Take the hint that something happened in a folder, given as (root id, relative folder)."""
        root_id, folder = hint
        with self._lock:
            batch = self._batches.setdefault(root_id, Coalescer(quiet=self._quiet))
            batch.add(folder, time.monotonic())

    def take_due(self) -> list[tuple[int, list[str]]]:
        """Return (root id, folders) of every batch that is due, and forget it."""
        now, found = time.monotonic(), []
        with self._lock:
            for root_id, batch in self._batches.items():
                due = batch.due(now)
                if due is not None and due <= 0:
                    found.append((root_id, batch.take()))
        return found

    def keep(self, root_ids: Iterable[int]) -> None:
        """Forget what was told of all other roots."""
        wanted = set(root_ids)
        with self._lock:
            self._batches = {root_id: batch for root_id, batch in self._batches.items() if root_id in wanted}
