"""watchdog -> "look into this folder of that root"; nothing else.

Only what means that a name or a content changed is asked of the kernel: created, moved, deleted, closed after writing.
Opening and reading are not among it, or our own reading would wake us; nor is every single write (copying one 200 MB
file raises 155 of them): a file that is written for long is found by its creation, and settles (core/settle).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch

from hubman.core.hints import folder_to_look_at

WANTED: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileDeletedEvent, FileMovedEvent, FileClosedEvent,
    DirCreatedEvent, DirDeletedEvent, DirMovedEvent,
]  # fmt: skip
"""A hard link and a file moved in raise only `created`. Writes without a close are left to settling and rescans."""

Tell = Callable[[tuple[int, str]], None]
Key = tuple[int, str]

if sys.platform == "linux":
    from hubman.watch.inotify import Inotify

    def _new_observer(on_lost: Callable[[ObservedWatch], None]) -> BaseObserver:
        return Inotify(on_lost)
else:
    from watchdog.observers import Observer as SystemObserver

    WANTED.append(FileModifiedEvent)  # no other system tells that a file was closed

    def _new_observer(on_lost: Callable[[ObservedWatch], None]) -> BaseObserver:
        return SystemObserver()


class Observer:
    """Watches folders; calls `tell((root id, relative folder))` from its own threads. Use it as a context.

    Where the system lost events it tells the root itself: everything must be looked at again.

    Args:
        ignored: absolute folders whose events never matter: hubman's own home.
    """

    def __init__(self, tell: Tell, ignored: Sequence[str] = ()) -> None:
        self._tell, self._ignored = tell, tuple(ignored)
        self._silence = logging.NullHandler()  # or watchdog's warnings would be printed on stderr
        self._observer: BaseObserver | None = None
        self._watches: dict[Key, tuple[ObservedWatch, _Handler]] = {}

    def watch(self, root_id: int, path: str, prefix: str = "") -> None:
        """Begin to watch a root, or (`prefix`) what a link in it leads to; anew when another folder took its place.

        Raises:
            OSError: the system does not let us: rights, no watches or no inotify instances are left.
        """
        self._drop((root_id, prefix))
        if self._observer is None:
            self._observer = _new_observer(self._lost)
            self._observer.start()
        handler = _Handler(_Place(root_id, path, prefix, self._ignored), self._tell)
        watch = self._observer.schedule(handler, path, recursive=True, event_filter=WANTED)
        self._watches[root_id, prefix] = (watch, handler)

    def unwatch(self, root_id: int) -> None:
        """End the watches of a root, if there are any."""
        for key in [key for key in self._watches if key[0] == root_id]:
            self._drop(key)

    def covered(self, root_id: int, prefix: str = "") -> int | None:
        """Return how many folders are watched; None on systems where one watch covers a whole tree."""
        if sys.platform != "linux":
            return None
        found = self._watches.get((root_id, prefix))
        return self._observer.size(found[0]) if found and isinstance(self._observer, Inotify) else 0

    def fell_short(self, root_id: int) -> bool:
        """Say whether a new folder got no watch since the last call."""
        if sys.platform != "linux" or not isinstance(self._observer, Inotify):
            return False
        watches = [watch for key, (watch, _) in self._watches.items() if key[0] == root_id]
        return sum(self._observer.fell_short(watch) for watch in watches) > 0  # each of them is asked

    def is_healthy(self) -> bool:
        """Say whether all threads that it needs are running."""
        if self._observer is None:
            return True
        if sys.platform == "linux" and isinstance(self._observer, Inotify):
            return self._observer.is_healthy()
        return all(thread.is_alive() for thread in (self._observer, *self._observer.emitters))

    def close(self) -> None:
        """End all watches and threads; watching a root begins anew."""
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None:
            observer.stop()
            with contextlib.suppress(RuntimeError):  # it never began
                observer.join(5)

    def _drop(self, key: Key) -> None:
        """End one watch; two roots may look at the same folder, which has one watch then."""
        watch, handler = self._watches.pop(key, (None, None))
        if watch is None or handler is None or self._observer is None:
            return
        if any(other == watch for other, _ in self._watches.values()):
            self._observer.remove_handler_for_watch(handler, watch)
        else:
            self._observer.unschedule(watch)

    def _lost(self, watch: ObservedWatch) -> None:
        for (root_id, _), (other, _) in list(self._watches.items()):
            if other == watch:
                self._tell((root_id, ""))

    def __enter__(self) -> Self:
        logging.getLogger("watchdog").addHandler(self._silence)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        logging.getLogger("watchdog").removeHandler(self._silence)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a watch is of: a folder on disk, which is `prefix` in a root."""

    root_id: int
    path: str
    prefix: str
    ignored: tuple[str, ...]

    def relative(self, path: str) -> str | None:
        """Return a path below the watched folder relative to the root; None for all others, and for ignored ones."""
        if any(path == folder or path.startswith(folder + os.sep) for folder in self.ignored):
            return None
        if path == self.path:
            return self.prefix
        start = self.path.rstrip(os.sep) + os.sep
        if not path.startswith(start):
            return None
        below = path[len(start) :].replace(os.sep, "/")
        return f"{self.prefix}/{below}" if self.prefix else below


class _Handler(FileSystemEventHandler):
    def __init__(self, place: _Place, tell: Tell) -> None:
        self._place, self._tell = place, tell

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in {os.fsdecode(event.src_path), os.fsdecode(event.dest_path or "")}:
            relative = self._place.relative(path) if path else None
            folder = None if relative is None else folder_to_look_at(relative, is_folder=event.is_directory)
            if folder is not None:
                self._tell((self._place.root_id, folder))
