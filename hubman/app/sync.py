"""Disk -> index. One code path for `hubman sync`, the start of `watch`, its hourly rescan and an event's sub-paths.

Index first, hash later: a file is searchable as soon as its header is read (a few KB), and the hashes follow, smallest
file first. Everything is committed in small batches, so an interrupted run loses nothing and goes on where it was.
"""

from __future__ import annotations

import gc
import os
import posixpath
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

from hubman.app.applying import apply_changes, batches, reunite_by_content, reunite_by_number
from hubman.app.identifying import identify_all
from hubman.config import Config
from hubman.core.browser_name import UNFINISHED
from hubman.core.diff import Diff, diff, is_mass
from hubman.core.layout import covers
from hubman.core.library import ChangeKind, Known, Layout, Root, RootState, Seen, Unhashed
from hubman.core.ports import Progress, Silence
from hubman.disk.walk import Walk, enclosing_model_folder
from hubman.errors import N_, HubmanError, NotFoundError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

if TYPE_CHECKING:
    from hubman.app.settling import Settling

FEWER_COLLECTIONS = 50_000
"""New containers after which Python looks for cycles."""

MTIME = itemgetter(Seen._fields.index("mtime_ns"))
YOUNG_NS = 60_000_000_000
"""Files that are older than this are not being written: more than anybody waits for (core/settle)."""

NEWS = (ChangeKind.ADDED, ChangeKind.MODIFIED, ChangeKind.MOVED, ChangeKind.RETURNED)

GONE_AT_ONCE = 500

TICK = 100
"""Files after which a scan says how far it is."""

T = TypeVar("T")

UNREADABLE_FOLDER = N_("The system refused to look in here: {reason}. Nothing of it is forgotten.")
UNPLUGGED_FOLDER = N_("The drive or share that was here is not: {count} files are unreachable. Nothing is forgotten.")


@dataclass(slots=True)
class SyncReport:
    """What a run saw and did; its fields are the JSON of `sync --json`.

    Attributes:
        looked_up, found: contents that a hub answered about, and that one knows (app/unasked_lookup.py).
        cached: new contents that Hugging Face's cache on this machine knows (app/cache_news.py).
        verdicts: adapters that were proven by rendering: id, name, verdict, rule, base, preview (app/idle_proving.py).
    """

    roots: list[dict[str, object]] = field(default_factory=list)
    seen: int = 0
    added: int = 0
    modified: int = 0
    moved: int = 0
    removed: int = 0
    unreachable: int = 0
    identified: int = 0
    hashed: int = 0
    looked_up: int = 0
    found: int = 0
    cached: int = 0
    errors: list[dict[str, object]] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    notices: list[dict[str, object]] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    verdicts: list[dict[str, object]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """Whether the run found anything new."""
        news = self.added or self.modified or self.moved or self.removed
        return bool(news or self.identified or self.hashed or self.found or self.cached or self.offers or self.verdicts)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a run goes about it: which files are hashed, whether a mass disappearance was meant, whether to give way."""

    hash_mode: str = "auto"
    hash_limit: int = 2_000_000_000
    accept_missing: bool = False
    nice: bool = False


def options_of(config: Config) -> SyncOptions:
    """Return the options that the configuration asks for."""
    return SyncOptions(config.hash_mode, config.hash_limit, nice=config.nice)


@dataclass(slots=True)
class Doubtful:
    """A root that was scanned, and its rows whose files are missing while it is not yet said that they are gone."""

    root: Root
    device: int
    present: int
    missing: set[int]


class Sync:
    """One run over the library. `stop` is asked between files, so that Ctrl-C and a watcher's end are quick."""

    def __init__(
        self,
        store: Store,
        options: SyncOptions,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
        settling: Settling | None = None,
    ) -> None:
        self._settling = settling
        self._store = store
        self._options = options
        self._progress = progress or Silence()
        self._stop = stop
        self._doubtful: list[Doubtful] = []
        self._began_ns = time.time_ns()
        self._news: dict[int, list[str]] = {}
        self.report = SyncReport()

    def run(self, roots: Sequence[Root], folders: Sequence[str] = ("",)) -> SyncReport:
        """Scan, identify and hash the given roots (or only some folders of one root)."""
        with _fewer_collections():
            return self._run(roots, folders)

    def _run(self, roots: Sequence[Root], folders: Sequence[str]) -> SyncReport:
        started = time.monotonic()
        everything = self._ask(lambda reader: reader.roots())
        self._offer([root for root in roots if root.layout is Layout.INBOX], everything, folders)
        roots = [root for root in roots if root.layout is not Layout.INBOX]
        scanned = [root for root in roots if self._scan(root, _inner_roots(root, everything), folders)]
        missing = any(place.missing for place in self._doubtful)
        if self.report.added or self.report.modified or self.report.removed or missing:
            self._find_moved(by_content=bool(self.report.removed))
        for place in self._doubtful:
            self._believe(place)
        self._doubtful.clear()
        for root in scanned:
            self.report.identified += identify_all(self._store, root, self._progress, self._stop)
        claimed = self._claim(scanned) if self.report.identified else 0
        if self._options.hash_mode != "none":
            self._hash(scanned)
        if self.report.hashed or claimed:
            self._count_moved(reunite_by_content(self._store, self._began_ns))
        self._notice()
        self._list_errors()
        self.report.seconds = round(self.report.seconds + time.monotonic() - started, 3)
        return self.report

    # --- what is there -------------------------------------------------------------------------------------------

    def _offer(self, inboxes: Sequence[Root], everything: Sequence[Root], folders: Sequence[str]) -> None:
        """List the models that wait in download folders; they get no rows, and nothing is read of them but headers."""
        for root in inboxes:
            walk = Walk(root.path, _scope(root.path, folders), _inner_roots(root, everything))
            _, seen = self._hold_back(root, [], list(walk))
            paths = [os.path.join(root.path, *entry.relpath.split("/")) for entry in seen]
            # Firefox and aria2 keep what is still written beside the file that it will become.
            done = (path for path in paths if not any(os.path.lexists(path + ending) for ending in UNFINISHED))
            self.report.offers += sorted(done)

    def _scan(self, root: Root, inner: frozenset[str], folders: Sequence[str]) -> bool:
        """Compare one root with its rows and record the changes. False when it cannot be reached.

        `inner`: other roots below this one; their files belong to them.
        """
        device = _device(root.path)
        if device is None:
            return self._unreachable(root, self._known(root, [""]))
        self._give_away(root, inner)
        scope, walk, known, seen = self._look(root, inner, _scope(root.path, folders))
        self._list_blocked(root, walk.blocked)
        if "" in walk.blocked:
            return self._unreachable(root, known)
        self.report.seen += len(seen)
        known, seen = self._hold_back(root, known, seen)
        open_to_us = _open_to_us(known, seen, walk.blocked)
        whole, meant = "" in scope, self._options.accept_missing
        found = diff(open_to_us, seen, whole_root=whole and not meant, devices={} if meant else walk.devices)
        self._apply(root, found)
        return self._conclude(root, device, found, open_to_us, empty=whole and not seen)

    def _hold_back(self, root: Root, known: list[Known], seen: list[Seen]) -> tuple[list[Known], list[Seen]]:
        """Leave out what somebody is still writing; a scan in which nothing is young has nothing to ask."""
        if self._settling is None and max(map(MTIME, seen), default=0) < time.time_ns() - YOUNG_NS:
            return known, seen
        from hubman.app.settling import OneLook, hold_back

        known, seen, unsettled = hold_back(self._settling or OneLook(), root.path, known, seen)
        self.report.unsettled += [os.path.join(root.path, *relpath.split("/")) for relpath in unsettled]
        return known, seen

    def _known(self, root: Root, scope: Sequence[str]) -> list[Known]:
        return self._ask(lambda reader: reader.known(root.id, scope))

    def _look(
        self, root: Root, inner: frozenset[str], scope: list[str]
    ) -> tuple[list[str], Walk, list[Known], list[Seen]]:
        """Walk some folders of a root; the whole of it when links make it unclear whose files they hold."""
        known = self._known(root, scope)
        self._progress.phase("scan", sum(row.present for row in known))
        walk = Walk(root.path, scope, inner)
        seen = list(_ticking(walk, self._progress))
        if walk.met_links and "" not in scope:
            return self._look(root, inner, [""])
        return scope, walk, known, seen

    def _give_away(self, root: Root, inner: frozenset[str]) -> None:
        """Hand rows below another root over to it: a scan in another process may have listed them meanwhile."""
        below = [relative for path in inner if (relative := os.path.relpath(path, root.path).replace(os.sep, "/"))]
        if below and any(row.relpath not in below for row in self._known(root, below)):
            with self._store.writer() as writer:
                for path in inner:
                    writer.hand_over(root.path, path)

    def _conclude(self, root: Root, device: int, found: Diff, known: Sequence[Known], *, empty: bool) -> bool:
        """Record what became of a root, and list what was unplugged. False when the root itself was."""
        present = sum(row.present for row in known)
        if empty and present and len(found.unplugged) == present:
            return self._unreachable(root, known)
        self._list_unplugged(root, found.unplugged)
        self._doubtful.append(Doubtful(root, device, present, {row.id for row in found.held}))
        return True

    def _believe(self, place: Doubtful) -> None:
        """Record the state of a root: unreachable while more of it is missing than somebody may have deleted."""
        if is_mass(len(place.missing), place.present):
            self.report.unreachable += len(place.missing)
            self._set_state(place.root, RootState.UNREACHABLE, place.device)
            return
        if place.missing:
            self.report.removed += len(place.missing)
            for batch in batches(place.missing, GONE_AT_ONCE):
                with self._store.writer() as writer:
                    writer.apply_gone(batch)
        state = RootState.OK if os.access(place.root.path, os.W_OK) else RootState.READ_ONLY
        self._set_state(place.root, state, place.device)

    def _list_blocked(self, root: Root, blocked: Mapping[str, str]) -> None:
        for relative, reason in sorted(blocked.items()):
            self._list_folder(root, relative, NotFoundError("folder-unreadable", UNREADABLE_FOLDER, reason=reason))

    def _list_unplugged(self, root: Root, rows: Sequence[Known]) -> None:
        """List the folder of every file system that is away, for its files are neither seen nor gone."""
        self.report.unreachable += len(rows)
        for device in sorted({row.device for row in rows if row.device is not None}):
            lost = [row.relpath.rpartition("/")[0] for row in rows if row.device == device]
            folder = posixpath.commonpath(lost)
            self._list_folder(root, folder, NotFoundError("folder-unplugged", UNPLUGGED_FOLDER, count=len(lost)))

    def _list_folder(self, root: Root, relative: str, error: HubmanError) -> None:
        path = os.path.join(root.path, *relative.split("/")) if relative else root.path
        self.report.errors.append({"path": path, "reference": error.reference, "message": str(error)})

    def _unreachable(self, root: Root, known: Sequence[Known]) -> bool:
        self.report.unreachable += sum(row.present for row in known)
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
        self.report.removed += counts[ChangeKind.REMOVED] + counts[ChangeKind.REPLACED]
        apply_changes(self._store, root, found)
        news = [change.seen.relpath for change in found.changes if change.seen and change.kind in NEWS]
        if news:
            self._news.setdefault(root.id, []).extend(news)

    def _find_moved(self, *, by_content: bool) -> None:
        """Find the files again that vanished in one place and appeared in another, whichever root they are in."""
        missing = {file_id for place in self._doubtful for file_id in place.missing}
        moved = reunite_by_number(self._store, missing)
        self._count_moved(len(moved))
        for place in self._doubtful:
            place.present -= len(place.missing & moved)
            place.missing -= moved
        if by_content:
            self._count_moved(reunite_by_content(self._store, self._began_ns))

    def _count_moved(self, moved: int) -> None:
        self.report.moved += moved
        self.report.added -= min(moved, self.report.added)
        self.report.removed -= min(moved, self.report.removed)

    # --- what it hashes to ---------------------------------------------------------------------------------------

    def _claim(self, roots: Sequence[Root]) -> int:
        """Take the hashes that cost nothing."""
        from hubman.app.claiming import claim_hashes

        waiting = [place for root in roots for place in self._unhashed(root, None)]
        return claim_hashes(self._store, waiting)

    def _hash(self, roots: Sequence[Root]) -> None:
        """Hash what has no hash yet (mode all: or lacks one of them), smallest first over all roots."""
        largest = None if self._options.hash_mode == "all" else self._options.hash_limit
        waiting = [place for root in roots for place in self._unhashed(root, largest)]
        if not waiting:
            return
        from hubman.app.hashing import Hashing  # not needed by the scan of an unchanged library

        self._progress.phase("hash", sum(place.size for place in waiting))
        hashing = Hashing(self._store, self._progress.advance, self._stop, nice=self._options.nice)
        try:
            hashing.run(sorted(waiting, key=lambda place: place.size))
        finally:
            self.report.hashed += hashing.done
        for path, failure in hashing.failures:
            self.report.errors.append({"path": path, "reference": failure.reference, "message": failure.message})

    def _unhashed(self, root: Root, largest: int | None) -> list[Unhashed]:
        everything = self._options.hash_mode == "all"
        return self._ask(lambda reader: reader.unhashed(root, -1, largest, incomplete=everything))

    def _notice(self) -> None:
        """Say which of the files that are new, changed or moved lie where their program will not show them."""
        if self._news:
            from hubman.app.misplaced import noticed

            self.report.notices += self._ask(lambda reader: noticed(reader, self._news))
            self._news = {}

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


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Let Python look for cycles less often: a scan makes a tuple for every file, a header thousands, and no cycle."""
    before = gc.get_threshold()
    gc.set_threshold(FEWER_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _open_to_us(known: list[Known], seen: Iterable[Seen], blocked: Mapping[str, str]) -> list[Known]:
    """Return the rows that the walk can say something about: what lies behind a closed door is not gone."""
    if not blocked:
        return known
    there = {entry.relpath for entry in seen}
    return [row for row in known if row.relpath in there or not covers(blocked, row.relpath)]


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


def _inner_roots(root: Root, roots: Sequence[Root]) -> frozenset[str]:
    """Return the other roots below this one: their files belong to them, so that nothing is listed twice."""
    prefix = root.path.rstrip(os.sep) + os.sep
    return frozenset(other.path for other in roots if other.id != root.id and other.path.startswith(prefix))


def _ticking(entries: Iterable[Seen], progress: Progress) -> Iterator[Seen]:
    for number, entry in enumerate(entries, 1):
        if number % TICK == 0:
            progress.advance(TICK)
        yield entry
