"""watchdog -> "something happened in this folder of that root"; nothing else.

Only events that mean a name or content changed are asked for: opening and closing a file for reading are not among
them, or our own reading would wake us.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
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
from watchdog.observers import Observer as WatchdogObserver
from watchdog.observers.api import ObservedWatch

from hubman.core.layout import is_temporary

WANTED: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent, FileClosedEvent,
    DirCreatedEvent, DirDeletedEvent, DirMovedEvent,
]  # fmt: skip


class Observer:
    """Watches several roots; calls `tell((root id, relative folder))` from its own thread. Use it as a context."""

    def __init__(self, tell: Callable[[tuple[int, str]], None]) -> None:
        self._observer = WatchdogObserver()
        self._overflow = _OverflowLog()
        self._tell = tell
        self._watches: dict[int, ObservedWatch] = {}

    def watch(self, root_id: int, path: str) -> None:
        """Begin to watch a root, or begin anew when another folder took its place.

        Raises:
            OSError: the system does not let us: rights, or no watches are left.
        """
        self.unwatch(root_id)
        handler = _Handler(root_id, path, self._tell)
        self._watches[root_id] = self._observer.schedule(handler, path, recursive=True, event_filter=WANTED)

    def unwatch(self, root_id: int) -> None:
        """End the watch of a root, if there is one."""
        watch = self._watches.pop(root_id, None)
        if watch is not None:
            self._observer.unschedule(watch)

    def lost_events(self) -> bool:
        """Say whether the system dropped events since the last call, so that everything must be looked at again."""
        return self._overflow.taken()

    def __enter__(self) -> Self:
        logging.getLogger("watchdog").addHandler(self._overflow)
        self._observer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observer.stop()
        self._observer.join()
        logging.getLogger("watchdog").removeHandler(self._overflow)


class _Handler(FileSystemEventHandler):
    def __init__(self, root_id: int, path: str, tell: Callable[[tuple[int, str]], None]) -> None:
        self._root_id, self._root, self._tell = root_id, path, tell

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in {os.fsdecode(event.src_path), os.fsdecode(event.dest_path or "")}:
            relative = os.path.relpath(path, self._root) if path else ".."
            if relative.startswith("..") or (not event.is_directory and is_temporary(os.path.basename(path))):
                continue
            folder = relative if event.is_directory else os.path.dirname(relative)
            self._tell((self._root_id, "" if folder == "." else folder.replace(os.sep, "/")))


class _OverflowLog(logging.Handler):
    """watchdog reports a queue overflow only as a log record (7.1 rebuilds its watches; the events stay lost)."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._seen = False

    def emit(self, record: logging.LogRecord) -> None:
        self._seen = self._seen or "overflow" in record.getMessage().lower()

    def taken(self) -> bool:
        seen, self._seen = self._seen, False
        return seen
