"""sha256 of bytes as they come, in a thread of its own: the network, the disk and the hash work at the same time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from queue import Queue
from threading import Thread
from typing import Self

BATCHES = 24
"""Batches that may wait to be hashed. With batches of 1 MiB this bounds the memory of a download."""


class RunningHash:
    """The sha256 of everything that was given to it since it was made or `reset`. For one caller at a time."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._queue: Queue[Sequence[bytes | memoryview] | None] = Queue(BATCHES)
        self._thread: Thread | None = None
        self.length = 0

    def take(self, chunks: Sequence[bytes | memoryview]) -> None:
        """Hash what follows. The buffers must stay as they are until `wait`."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="hash", daemon=True)
            self._thread.start()
        self.length += sum(map(len, chunks))
        self._queue.put(chunks)

    def wait(self) -> None:
        """Wait until everything given is hashed."""
        self._queue.join()

    def reset(self) -> None:
        """Begin at byte 0."""
        self.wait()
        self._sha256, self.length = hashlib.sha256(), 0

    def hexdigest(self) -> str:
        """Return the sha256 of everything given so far."""
        self.wait()
        return self._sha256.hexdigest()

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while (chunks := self._queue.get()) is not None:
            for chunk in chunks:
                self._sha256.update(chunk)
            self._queue.task_done()
        self._queue.task_done()
