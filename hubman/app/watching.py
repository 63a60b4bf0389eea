"""The same scan, driven by file events: an event is a hint to look, and only a scan states a fact.

Lost events cost latency, never correctness: everything is scanned at the start and again every hour, and also after the
machine slept, the clock jumped, the system lost events, or a thread of the watcher ended. Which roots there are, and
whether the folders under their names are still the same ones, is looked at every few seconds.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hubman.app.idle_hashing import IdleHashing
from hubman.app.idle_lookup import Ask, IdleLookup
from hubman.app.idle_proving import IdleProving, Prover
from hubman.app.inbox import Inbox
from hubman.app.lookup import LookupReport
from hubman.app.settling import Patiently
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.app.validation import Validation
from hubman.app.watched import Watched
from hubman.core.coalesce import QUIET_SECONDS
from hubman.core.pace import SHORTEST_POLL, jumped
from hubman.core.ports import Progress, Silence
from hubman.core.settle import Patience
from hubman.errors import N_, Phrase, StoreError
from hubman.store.door import Store
from hubman.store.reader import open_reader
from hubman.watch import Observer

STEP_SECONDS = 0.25
CLOCKS_SECONDS = 1.0
PASSING = frozenset({"store-locked", "store-conflict", "store-full"})
"""What another hubman or a full disk does to a write: tried again, for nothing of the step was kept."""

RETRY_SECONDS = 15.0
RESTARTED = N_("The watcher of the file system ended; it was started again, and everything is looked at.")
RETRYING = N_("{why} It is tried again every {seconds:.0f} s.")


class Listener(Protocol):
    """Who is told what a watcher does."""

    def report(self, report: SyncReport) -> None:
        """A scan, or a round of hashing, is done."""

    def warn(self, text: Phrase) -> None:
        """Something the user should know: a root that cannot be watched, a library that cannot be written."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watcher goes about it; times in seconds.

    Attributes:
        quiet: without an event for so long, the changed folders are scanned.
        roots_every: between two looks at which roots there are.
        rescan_every: between two scans of everything.
        poll: folders that are looked at from time to time beside their events.
        shortest_poll: between two looks at those, and at all that cannot be watched.
        ignored: absolute folders whose events never matter: hubman's own home.
        patience: how long a changed file is waited for, in place of the usual (core/settle).
    """

    quiet: float = QUIET_SECONDS
    roots_every: float = 3.0
    rescan_every: float = 3600.0
    poll: tuple[str, ...] = ()
    shortest_poll: float = SHORTEST_POLL
    ignored: tuple[str, ...] = ()
    patience: Patience | None = None


class Watching:
    """Keeps the index right until `stop` says so."""

    def __init__(
        self,
        store: Store,
        options: tuple[SyncOptions, WatchOptions],
        listener: Listener,
        stop: Callable[[], bool],
        progress: Progress | None = None,
        ask_hubs: Ask | None = None,
        prover: Prover | None = None,
    ) -> None:
        self._store, self._listener, self._stop = store, listener, stop
        sync, self._options = options
        # Hashes follow in a thread of their own, so that events are followed while gigabytes are read.
        self._scanning = replace(sync, hash_mode="none")
        self._hashing = IdleHashing(store, sync, stop)
        self._lookup = IdleLookup(ask_hubs, stop)
        self._proving = IdleProving(prover, stop)
        self._progress = progress or Silence()
        self._inbox = Inbox(self._options.quiet)
        self._observer = Observer(self._inbox.tell, self._options.ignored)
        self._roots = Watched(store, self._observer, listener.warn, self._options.poll, self._options.shortest_poll)
        self._settling = Patiently(lambda path: self._options.patience or self._roots.patience_of(path))
        self._rescan_at = self._look_at = self._settle_at = self._clocks_at = self._retry_at = 0.0
        self._clocks = _clocks()
        self._warned: set[str] = set()
        self._offered: set[tuple[str, int]] = set()

    def run(self) -> None:
        """Scan everything, then follow the events; returns when `stop` does."""
        with self._observer, self._hashing, self._lookup, self._proving:
            while not self._stop():
                try:
                    self._step()
                except StoreError as error:
                    self._put_off(error)
                time.sleep(STEP_SECONDS)

    def _step(self) -> None:
        """Do what is due: look at the roots, scan everything, scan what changed, hash, ask hubs."""
        now = time.monotonic()
        if now < self._retry_at:
            return
        self._look_at_clocks(now)
        if now >= self._look_at:
            self._look_at_roots()
        # Watching begins before the first scan, so that nothing falls between the two.
        if now >= self._rescan_at:
            self._rescan(now)
        for root_id, folders in self._inbox.take_due():
            self._scan([root_id], folders)
        self._scan_settled()
        if due := self._roots.due():
            self._scan(due)
        if report := self._hashing.step():
            self._listener.report(report)
            self._lookup.want()
            self._proving.want()
        if looked_up := self._lookup.step():
            self._listener.report(self._of_lookup(looked_up))
        if self._rescan_at and (proven := self._proving.step(self._hashing.resting)):
            self._listener.report(self._of_proof(proven))

    # --- when ----------------------------------------------------------------------------------------------------

    def _look_at_clocks(self, now: float) -> None:
        """Scan everything after a sleep, or when the clock was set: events may be lost, and times mean other things."""
        if now < self._clocks_at:
            return
        clocks = _clocks()
        if jumped(self._clocks, clocks):
            self._rescan_at = 0.0
        self._clocks, self._clocks_at = clocks, now + CLOCKS_SECONDS

    def _look_at_roots(self) -> None:
        if not self._observer.is_healthy():
            self._listener.warn(Phrase(RESTARTED))
            self._roots.restart()
            self._rescan_at = 0.0
        changed = self._roots.look()
        self._inbox.keep(self._roots.ids)
        self._look_at = time.monotonic() + self._options.roots_every
        if changed and self._rescan_at:
            self._scan(changed)

    def _rescan(self, now: float) -> None:
        if self._rescan_at:
            self._roots.renew()
        self._scan(self._roots.ids)
        self._rescan_at = now + self._options.rescan_every
        self._hashing.try_all_again()
        self._lookup.want()
        self._proving.want()

    def _scan_settled(self) -> None:
        """Scan the folders of files that were waited for and are still now."""
        now = time.monotonic()
        if now < self._settle_at:
            return
        folders: dict[int, list[str]] = {}
        for path, folder in self._settling.ready():
            root_id = self._roots.id_of(path)
            if root_id is not None:
                folders.setdefault(root_id, []).append(folder)
        for root_id, chosen in folders.items():
            self._scan([root_id], chosen)
        self._settle_at = time.monotonic() + min(1.0, self._options.quiet)

    def _put_off(self, error: StoreError) -> None:
        """Wait for another hubman, or for space; say so once."""
        if error.reference not in PASSING:
            raise error
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if error.reference not in self._warned:
            self._warned.add(error.reference)
            why = Phrase(error.template, **error.fields)
            self._listener.warn(Phrase(RETRYING, why=why, seconds=RETRY_SECONDS))

    # --- what ----------------------------------------------------------------------------------------------------

    def _scan(self, root_ids: Collection[int], folders: Sequence[str] = ("",)) -> None:
        """Scan some roots, or some folders of one. What cannot be recorded now is asked for again."""
        started, since_ns = time.monotonic(), time.time_ns()
        try:
            with open_reader(self._store.path) as reader:
                roots = [root for root in reader.roots() if root.id in root_ids]
            run = Sync(self._store, self._scanning, self._progress, self._stop, self._settling)
            report = run.run(roots, folders)
        except StoreError:
            self._ask_again(root_ids, folders)
            raise
        if "" in folders:
            self._roots.looked(root_ids, time.monotonic() - started)
        self._hashing.want(since_ns)
        if report.changed:
            self._proving.want()
        if report.identified:
            self._lookup.want()  # a cache names what it holds: then nothing is left to hash
        report.offers = self._new_offers(report.offers)
        self._listener.report(report)

    def _new_offers(self, paths: Sequence[str]) -> list[str]:
        """Return those models of an inbox that were not told yet; another file under the same name is another one."""
        found = []
        for path in paths:
            with contextlib.suppress(OSError):
                mark = (path, os.stat(path).st_mtime_ns)
                if mark not in self._offered:
                    found.append(path)
                    self._offered.add(mark)
        return found

    @staticmethod
    def _of_lookup(done: LookupReport) -> SyncReport:
        return SyncReport(looked_up=done.looked_up, found=done.found, cached=done.cached)

    @staticmethod
    def _of_proof(done: Validation) -> SyncReport:
        verdict: dict[str, object] = {
            "id": done.adapter.id, "name": done.adapter.name, "verdict": str(done.verdict),
            "rule": done.judgement.rule, "base": done.base.name if done.base else None, "preview": done.preview,
        }  # fmt: skip
        return SyncReport(verdicts=[verdict])

    def _ask_again(self, root_ids: Iterable[int], folders: Sequence[str]) -> None:
        for root_id in root_ids:
            for folder in folders:
                self._inbox.tell((root_id, folder))


def _clocks() -> tuple[float, float]:
    return (time.monotonic(), time.time())
