"""watchdog's inotify observer, with what it keeps to itself: lost events, and how many folders it really watches.

Written against watchdog 7.1, whose internals it extends (pyproject.toml keeps to that series; tests/watch notices a
change). What is different here:

* a queue overflow is told to the application, not only logged;
* folders that no scan goes into (`.git`, `venv`, trash) take no watch;
* a folder that was moved away and deleted later does not end the reading thread (a KeyError in watchdog 7.1.0).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

from watchdog.events import FileSystemEvent
from watchdog.observers.api import EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter, InotifyObserver, InotifyWatchGroup
from watchdog.observers.inotify_c import InotifyFD, Mask, WatchDescriptor

from hubman.core.hints import is_skipped_folder

# A folder that is deleted and made anew, or moved away and made anew, is registered twice: that is what we want.
warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)

NO_WATCH = -1
"""The number under which watchdog registers all folders that it may not read."""


class WatchGroup(InotifyWatchGroup):
    """The watches of one root. `on_lost` is called from the reading thread after the watches were set anew."""

    def __init__(self, on_lost: Callable[[], None], inotify: InotifyFD, path: bytes, mask: Mask) -> None:
        self._on_lost = on_lost
        self.fell_short = False
        super().__init__(inotify, path, is_recursive=True, event_mask=mask)

    @property
    def size(self) -> int:
        """Number of folders that are watched."""
        with self._lock:
            return len(self._active_callbacks_by_watch) - (NO_WATCH in self._active_callbacks_by_watch)

    def on_queue_overflow(self) -> None:
        """Set all watches anew, then tell."""
        super().on_queue_overflow()
        self._on_lost()

    def _add_all_callbacks(self, path: bytes) -> None:
        """Watch a folder and all below it, without what no scan goes into."""
        below = os.path.relpath(path, self.path)
        if below != b"." and any(is_skipped_folder(os.fsdecode(part)) for part in below.split(os.sep.encode())):
            return
        self._add_one(path)
        for here, folders, _names in os.walk(path):
            folders[:] = [name for name in folders if not is_skipped_folder(os.fsdecode(name))]
            for name in folders:
                folder = os.path.join(here, name)
                if not os.path.islink(folder):
                    self._add_one(folder)

    def _add_one(self, folder: bytes) -> None:
        """Watch one folder; what the limit of the system does not allow is only noted by us, not by watchdog."""
        self._add_callback(folder)
        self.fell_short = self.fell_short or (folder not in self._active_callbacks_by_path and os.path.isdir(folder))

    def _remove_watch_internally(self, wd: WatchDescriptor) -> None:
        """Forget a watch, also when another one has taken its path over meanwhile."""
        path = self._active_callbacks_by_watch.pop(wd, None)
        if path is not None and self._active_callbacks_by_path.get(path) == wd:
            del self._active_callbacks_by_path[path]


class Emitter(InotifyEmitter):
    """Reads the events of one root."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        timeout: float = 1.0,
        event_filter: list[type[FileSystemEvent]] | None = None,
        inotify_fd: InotifyFD | None = None,
        on_lost: Callable[[ObservedWatch], None] = lambda _watch: None,
    ) -> None:
        super().__init__(event_queue, watch, timeout=timeout, event_filter=event_filter, inotify_fd=inotify_fd)
        self._tell_lost = on_lost

    def on_thread_start(self) -> None:
        """Set the watches; raises OSError when the root itself cannot be watched."""
        path, mask = os.fsencode(self.watch.path), self.get_event_mask_from_filter()
        self._inotify = WatchGroup(lambda: self._tell_lost(self.watch), self._inotify_fd, path, mask)

    @property
    def group(self) -> WatchGroup | None:
        """The watches, while there are any."""
        return self._inotify if isinstance(self._inotify, WatchGroup) else None


class Inotify(InotifyObserver):
    """An observer that tells lost events and counts its watches.

    Raises:
        OSError: no inotify instance is left (fs.inotify.max_user_instances).
    """

    def __init__(self, on_lost: Callable[[ObservedWatch], None]) -> None:
        super().__init__()
        self._emitter_class = Emitter
        self._emitter_kwargs = {**self._emitter_kwargs, "on_lost": on_lost}

    def size(self, watch: ObservedWatch) -> int:
        """Return how many folders a watch covers."""
        emitter = self._emitter_for_watch.get(watch)
        group = emitter.group if isinstance(emitter, Emitter) else None
        return group.size if group else 0

    def fell_short(self, watch: ObservedWatch) -> bool:
        """Say whether a folder got no watch since the last call."""
        emitter = self._emitter_for_watch.get(watch)
        group = emitter.group if isinstance(emitter, Emitter) else None
        found = group is not None and group.fell_short
        if group is not None:
            group.fell_short = False
        return found

    def is_healthy(self) -> bool:
        """Say whether every thread that it needs is running."""
        threads = [self, self._inotify_fd, *self._emitters]
        return all(thread.is_alive() for thread in threads)
