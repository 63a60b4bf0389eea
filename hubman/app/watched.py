"""Which roots there are, how each of them is watched, and when the next look at one is due that no event tells of."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hubman.core.library import Root
from hubman.core.pace import SHORTEST_POLL, poll_interval
from hubman.core.settle import LOCAL, NETWORK, Patience
from hubman.core.shares import Mount, is_named, mount_of, without_events
from hubman.disk.mounts import read_mounts
from hubman.errors import N_, Phrase
from hubman.store.door import Store
from hubman.store.reader import open_reader
from hubman.watch import Observer
from hubman.watch.survey import Survey, survey

MOST_LINKS = 64
"""Links out of a root that are watched: each takes a thread. What further ones lead to is looked at from time to time.
"""

NAMED = N_("{path} is looked at every {seconds:.0f} s or less often, as `poll` says.")
NETWORKED = N_("{path} is looked at every {seconds:.0f} s or less often: {point} is {type}, which reports no changes.")
REFUSED = N_("{path} cannot be watched ({why}). It is looked at every {seconds:.0f} s or less often instead.")
LIMIT = N_(
    "Only {covered} of {folders} folders in {path} can be watched: the system's limit is reached. All of it is "
    "looked at every {seconds:.0f} s or less often instead. To raise the limit: "
    "sudo sysctl fs.inotify.max_user_watches={wanted}"
)
INSTANCES = N_(
    "{path} cannot be watched: the system's limit of watching programs is reached. It is looked at every "
    "{seconds:.0f} s or less often instead. To raise the limit: sudo sysctl fs.inotify.max_user_instances=1024"
)
LINKS = N_(
    "{path} has {count} links to other folders, of which {most} are watched. "
    "It is looked at every {seconds:.0f} s or less often as well."
)
LARGEST_DEFAULT = 524_288
"""What editors and distributions recommend for fs.inotify.max_user_watches; a watch takes about 1 KB of the kernel."""

Place = tuple[int, int]
Warn = Callable[[Phrase], None]


@dataclass(slots=True)
class Held:
    """How one root is watched.

    Attributes:
        place: what identifies the folder under the root's name; None while there is none.
        watches: events tell at least some of what happens there.
        polls: no event tells all of it.
        poll_at: monotonic seconds of the next look, for those.
        prefixes: relative paths of the links out of the root that are watched too.
        warned: what the user was told of it already.
    """

    root: Root
    place: Place | None = None
    polls: bool = False
    poll_at: float = 0.0
    patience: Patience = LOCAL
    watches: bool = False
    prefixes: tuple[str, ...] = ()
    warned: set[str] = field(default_factory=set)


class Watched:
    """Every root of the library, watched or looked at from time to time.

    Args:
        named: folders that the user wants to be looked at from time to time.
        shortest: seconds between two looks, at least.
    """

    def __init__(
        self, store: Store, observer: Observer, warn: Warn, named: Sequence[str] = (), shortest: float = SHORTEST_POLL
    ) -> None:
        self._store, self._observer, self._warn = store, observer, warn
        self._named, self._shortest = tuple(named), shortest
        self._held: dict[int, Held] = {}
        self._library: tuple[object, ...] = ()
        self._mounts: list[Mount] = []

    @property
    def ids(self) -> list[int]:
        return list(self._held)

    @property
    def roots(self) -> list[Root]:
        return [held.root for held in self._held.values()]

    def id_of(self, path: str) -> int | None:
        """Return the id of the root at a path."""
        return next((root.id for root in self.roots if root.path == path), None)

    def patience_of(self, path: str) -> Patience:
        """Return how long files of a root are waited for."""
        return next((held.patience for held in self._held.values() if held.root.path == path), LOCAL)

    def look(self) -> list[int]:
        """Watch what is new, or took the place of what was watched; return the ids of roots to scan."""
        roots = self._roots()
        gone = [root_id for root_id, held in self._held.items() if _path(roots.get(root_id)) != held.root.path]
        for root_id in gone:
            self._observer.unwatch(root_id)
            del self._held[root_id]
        for root in roots.values():
            self._held.setdefault(root.id, Held(root)).root = root
        changed = [held.root.id for held in self._held.values() if self._take_up(held)]
        return self.ids if gone else changed

    def renew(self) -> None:
        """Compare watches and folders of every root, and watch anew what does not agree."""
        self._mounts = read_mounts()
        for held in self._held.values():
            if held.watches:
                self._check(held)

    def restart(self) -> None:
        """Watch everything anew: a thread of the observer ended."""
        self._observer.close()
        for held in self._held.values():
            held.place = None
        self.look()

    def due(self) -> list[int]:
        """Return the ids of roots that no event tells of and that it is time to look at."""
        now = time.monotonic()
        return [root_id for root_id, held in self._held.items() if held.polls and now >= held.poll_at]

    def looked(self, root_ids: Iterable[int], took: float) -> None:
        """Note that some roots were scanned, in so many seconds."""
        for root_id in root_ids:
            if root_id in self._held:
                self._held[root_id].poll_at = time.monotonic() + poll_interval(took, self._shortest)

    # --- one root ------------------------------------------------------------------------------------------------

    def _roots(self) -> dict[int, Root]:
        """Return the roots of the library, which is only opened when its files changed."""
        library = _signature(str(self._store.path))
        if library == self._library:
            return {held.root.id: held.root for held in self._held.values()}
        self._library = library
        with open_reader(self._store.path) as reader:
            return {root.id: root for root in reader.roots()}

    def _take_up(self, held: Held) -> bool:
        """Say whether another folder (or none, or one again) is under the root's name; watch that one."""
        place = _place(held.root.path)
        if held.place == place and not (held.watches and self._observer.covered(held.root.id) == 0):
            if held.watches and not held.polls and self._observer.fell_short(held.root.id):
                self._check(held)
            return False
        held.place = place
        self._mounts = read_mounts()
        self._begin(held)
        return True

    def _begin(self, held: Held) -> None:
        """Watch a root from the start, or decide that it must be looked at from time to time."""
        self._observer.unwatch(held.root.id)
        held.watches, held.polls, held.prefixes = False, False, ()
        if held.place is None:
            return
        own, mount = mount_of(self._mounts, held.root.path), without_events(self._mounts, held.root.path)
        held.patience = LOCAL if own is None or own.has_events else NETWORK
        if is_named(self._named, held.root.path):
            self._poll(held, NAMED)
        elif mount is not None:
            self._poll(held, NETWORKED, point=mount.point, type=mount.type)
        if own is not None and not own.has_events:
            return
        try:
            self._observer.watch(held.root.id, held.root.path)
        except OSError as error:
            self._refused(held, error)
            return
        held.watches = True
        found = survey(held.root.path)
        self._watch_links(held, found.links)
        self._compare(held, found)

    def _refused(self, held: Held, error: OSError) -> None:
        """Look from time to time where the system does not let us watch. A link that leads nowhere now is no reason."""
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return
        if error.errno == errno.EMFILE:
            self._poll(held, INSTANCES)
        elif error.errno == errno.ENOSPC:
            self._limit(held, 0, survey(held.root.path).folders)
        else:
            self._poll(held, REFUSED, why=error.strerror or str(error))

    def _check(self, held: Held) -> None:
        """Watch a root anew when its watches are not those that its folders need."""
        covered, found = self._observer.covered(held.root.id), survey(held.root.path)
        if held.prefixes != _prefixes(found) or covered not in (None, found.folders):
            self._begin(held)
        else:
            self._compare(held, found)

    def _compare(self, held: Held, found: Survey) -> None:
        """Look at a root from time to time when folders of it, or of what its links lead to, are not watched."""
        targets = dict(found.links)
        folders = found.folders + sum(survey(targets[link]).folders for link in held.prefixes)
        # Counted last: a folder made meanwhile is watched by then.
        covered = [self._observer.covered(held.root.id, prefix) for prefix in ("", *held.prefixes)]
        watched = sum(count for count in covered if count is not None)
        if None not in covered and watched < folders:
            self._limit(held, watched, folders)

    def _watch_links(self, held: Held, links: Sequence[tuple[str, str]]) -> None:
        if len(links) > MOST_LINKS:
            self._poll(held, LINKS, count=len(links), most=MOST_LINKS)
        held.prefixes = tuple(link for link, _ in links[:MOST_LINKS])
        for link, target in links[:MOST_LINKS]:
            self._link(held, link, target)

    def _link(self, held: Held, link: str, target: str) -> None:
        mount = without_events(self._mounts, target)
        if mount is not None:
            self._poll(held, NETWORKED, point=mount.point, type=mount.type)
            return
        try:
            self._observer.watch(held.root.id, target, link)
        except OSError as error:
            self._refused(held, error)

    def _limit(self, held: Held, covered: int, folders: int) -> None:
        wanted = max(LARGEST_DEFAULT, 2 * folders)
        self._poll(held, LIMIT, covered=covered, folders=folders, wanted=wanted)

    def _poll(self, held: Held, template: str, **fields: object) -> None:
        """Look at a root from time to time from now on (counted from its last scan), and say so once."""
        held.polls = True
        if template not in held.warned:
            held.warned.add(template)
            self._warn(Phrase(template, path=held.root.path, seconds=self._shortest, **fields))


def _prefixes(found: Survey) -> tuple[str, ...]:
    return tuple(link for link, _ in found.links[:MOST_LINKS])


def _path(root: Root | None) -> str | None:
    return root.path if root else None


def _place(path: str) -> Place | None:
    """Return what identifies a folder, whatever its name; None when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _signature(path: str) -> tuple[object, ...]:
    """Return what changes with every write to the library."""
    found: list[object] = []
    for name in (path, path + "-wal"):
        try:
            status = os.stat(name)
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)
