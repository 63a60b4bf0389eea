"""Local contents -> what hubs know of them, in as few requests as their APIs allow (docs/lookup.md).

Civitai is asked first, for it answers for thousands at once; the others only about what is left. What a hub does not
know is remembered and asked again later and later; what it did not answer, or not understandably, is not remembered at
all. Everything is recorded block by block, so that Ctrl-C loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from hubman.app.provenance import record
from hubman.core.hub import CIVITAI, OPENMODELDB, HubRef, Listing, Lookup, Match
from hubman.core.hub_words import kinds_agree
from hubman.core.library import ModelFile
from hubman.core.listed import Hashes
from hubman.core.plan.pull import expected_kind
from hubman.core.ports import Hub, Progress, Silence
from hubman.core.types import Kind
from hubman.errors import AccessError, HubmanError, NotFoundError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

FIRST_BLOCK = 20
"""Contents of the first question: it shows whether a hub answers at all."""

BLOCKS = {CIVITAI: 5000, OPENMODELDB: 5000}
"""Contents of the following ones, for hubs that answer for many at once."""

SMALL_BLOCK = 50
"""The same, for hubs that are asked about one after the other."""

MOST_ONE_BY_ONE = 500
"""Contents that one lookup asks a hub about one by one: all of those of such a hub; of Civitai, which knows them by
AutoV3 only. The next lookup goes on with others."""

MOST_UNASKED = 100
"""The same, for a lookup that nobody asked for."""

PATIENCE_S = 60.0
"""Seconds for each further block of a lookup that nobody asked for, once a hub answered."""

REFRESH_DAYS = 30
"""Days after which a listing is asked for again."""

MOST_REFRESHED = 500
"""Models of one hub that one lookup refreshes."""

MOST_CONFIRMED = 20
"""Models that are asked for one by one because a list did not have them."""

DAY_NS = 86_400 * 10**9
UPSCALERS = (Kind.UPSCALER.value, Kind.UNKNOWN.value)


class Hubs(Protocol):
    """The open hubs of a run (app/hubs.py), in the order in which they are asked."""

    def __getitem__(self, name: str, /) -> Hub: ...

    def __iter__(self) -> Iterator[str]: ...

    def within(self, seconds: float | None) -> AbstractContextManager[None]:
        """Give all requests of a block this many seconds together; what is late raises HubError `hub-slow`."""
        ...


@dataclass(slots=True)
class AskedHub:
    """What became of one hub.

    Attributes:
        asked: contents that it was asked about. found, missed: those that it knows, and definitely does not know.
        calls: requests.
        waiting: contents that were left for the next lookup: nothing is known of them yet, and it is nobody's fault.
        refreshed, gone: listings that were fetched anew, and versions that it has no more.
        trouble: why some could not be asked, None when all were.
    """

    hub: str
    asked: int = 0
    found: int = 0
    missed: int = 0
    calls: int = 0
    refreshed: int = 0
    gone: int = 0
    trouble: HubmanError | None = None
    waiting: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the object of `lookup --json`."""
        error = self.trouble
        return {
            "hub": self.hub, "asked": self.asked, "found": self.found, "missed": self.missed, "calls": self.calls,
            "waiting": self.waiting, "refreshed": self.refreshed, "gone": self.gone,
            "error": {"reference": error.reference, "message": str(error)} if error else None,
        }  # fmt: skip


@dataclass(slots=True)
class LookupReport:
    """What a lookup asked and found.

    Attributes:
        hubs: those that were asked, in their order.
        looked_up, found: contents that any hub answered about, and that any knows.
        other_header: contents that were found by their weights alone.
        unhashed: files that cannot be looked up because their content has no name yet.
        pictures: that were fetched.
        cached: contents that Hugging Face's cache on this machine knows (app/cached_sources.py).
        contents: sha256 of those of which something was learned.
        sidecars: files that were written beside models (app/sidecars.py).
    """

    hubs: list[AskedHub] = field(default_factory=list)
    looked_up: int = 0
    found: int = 0
    other_header: list[str] = field(default_factory=list)
    unhashed: int = 0
    pictures: int = 0
    cached: int = 0
    contents: set[str] = field(default_factory=set)
    sidecars: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return sum(entry.calls for entry in self.hubs)

    @property
    def failed(self) -> bool:
        """Whether no hub answered anything."""
        return bool(self.hubs) and all(
            entry.trouble is not None and not (entry.found or entry.missed or entry.refreshed) for entry in self.hubs
        )

    def to_json(self) -> dict[str, object]:
        """Return the JSON of `lookup --json`."""
        return {
            "looked_up": self.looked_up, "found": self.found, "calls": self.calls,
            "hubs": [entry.to_json() for entry in self.hubs], "other_header": self.other_header,
            "unhashed": self.unhashed, "pictures": self.pictures, "cached": self.cached,
            "sidecars": self.sidecars,
        }  # fmt: skip


def contents_of(files: Sequence[ModelFile] | None) -> set[str] | None:
    """Return the contents of files that are meant; None: all of the library."""
    return None if files is None else {file.hashes.sha256 for file in files if file.hashes}


def wanted_from(
    reader: Reader,
    hub: str,
    chosen: Collection[str] | None,
    now_ns: int,
    *,
    again: bool = False,
    thorough: bool = False,
) -> list[Hashes]:
    """Return the contents that a hub is to be asked about.

    Args:
        chosen: sha256 of those that are meant; None: all.
        thorough: also those that another hub knows: the user named this one.
    """
    due = reader.hubs.to_look_up(
        hub, now_ns, again=again, kinds=UPSCALERS if hub == OPENMODELDB else None,
        unknown=hub != CIVITAI and not thorough,
    )  # fmt: skip
    return [hashes for hashes in due if chosen is None or hashes.sha256 in chosen]


def look_up(
    store: Store,
    hubs: Hubs,
    files: Sequence[ModelFile] | None,
    *,
    again: bool = False,
    deadline_s: float | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    named: Collection[str] = (),
    refresh: bool = False,
) -> LookupReport:
    """Ask hubs about local contents, and record what they say.

    Args:
        hubs: those that may be asked.
        files: which are meant; None: all of the library.
        again: ask about what a hub did not know lately too, and refresh what is known whatever its age.
        deadline_s: seconds that hubs which do not answer may take together; one that answers goes on, one block after
            the other of at most PATIENCE_S. None: nobody waits for the end of this.
        named: hubs that the user named: they are asked about what other hubs know as well.
        refresh: fetch listings that are older than REFRESH_DAYS anew.
    """
    run = _Run(store, hubs, contents_of(files), progress or Silence(), stop, again=again, deadline_s=deadline_s)
    for name in sorted(hubs, key=lambda name: name != CIVITAI):
        run.ask(name, thorough=name in named)
        if refresh and not stop():
            run.refresh(name)
    run.report.looked_up, run.report.found = len(run.asked), len(run.found)
    run.report.contents |= run.found
    with open_reader(store.path) as reader:
        run.report.unhashed = reader.hubs.unhashed()
    return run.report


def look_up_new(store: Store, hubs: Hubs, hashes: Sequence[Hashes], progress: Progress | None = None) -> LookupReport:
    """Ask hubs about contents that are in no root yet, and record what they say, as `look_up` does."""
    chosen = {one.sha256 for one in hashes}
    run = _Run(store, hubs, chosen, progress or Silence(), lambda: False, again=False, deadline_s=None, new=hashes)
    for name in sorted(hubs, key=lambda name: name != CIVITAI):
        run.ask(name, thorough=False)
    run.report.looked_up, run.report.found = len(run.asked), len(run.found)
    run.report.contents |= run.found
    return run.report


class _Run:
    """One lookup. `asked`, `found`: contents that a hub answered about, and that one knows, over all hubs."""

    def __init__(
        self, store: Store, hubs: Hubs, chosen: Collection[str] | None, progress: Progress, stop: Callable[[], bool],
        *, again: bool, deadline_s: float | None, new: Sequence[Hashes] = (),
    ) -> None:  # fmt: skip
        self._store, self._hubs, self._chosen, self._progress, self._stop = store, hubs, chosen, progress, stop
        self._again, self._left_s, self._new = again, deadline_s, new
        self.asked: set[str] = set()
        self.found: set[str] = set()
        self.report = LookupReport()

    # --- contents of which nothing is known -------------------------------------------------------------------------

    def ask(self, name: str, *, thorough: bool) -> None:
        """Ask one hub about all that it is to be asked about."""
        hub = self._hubs[name]
        if not hub.hash_kinds:
            return
        with open_reader(self._store.path) as reader:
            wanted = self._new_for(reader, name) if self._new else wanted_from(
                reader, name, self._chosen, time.time_ns(), again=self._again, thorough=thorough
            )  # fmt: skip
        entry = self._entry(name) if wanted else None
        if entry is not None:
            now = self._limited(name, wanted)
            entry.waiting = len(wanted) - len(now)
            self._progress.phase(f"lookup:{hub.title}", len(now))
            self._blocks(hub, now, entry)

    def _new_for(self, reader: Reader, name: str) -> list[Hashes]:
        """Return the new contents that a hub is to be asked about."""
        settled = reader.hubs.settled(name, self._chosen or (), time.time_ns(), anywhere=name != CIVITAI)
        return [one for one in self._new if one.sha256 not in settled]

    def _entry(self, name: str) -> AskedHub:
        for entry in self.report.hubs:
            if entry.hub == name:
                return entry
        self.report.hubs.append(AskedHub(name))
        return self.report.hubs[-1]

    def _blocks(self, hub: Hub, wanted: Sequence[Hashes], entry: AskedHub) -> None:
        """Ask block after block, until all is settled, nothing more comes of it, or it has been enough for once."""
        rest, again, one_by_one = wanted, False, 0
        while rest:
            later: list[Hashes] = []
            size = SMALL_BLOCK if again else BLOCKS.get(hub.name, SMALL_BLOCK)
            for part in _parts(rest, FIRST_BLOCK if not again else 0, size):
                if self._stop() or entry.trouble is not None:
                    return
                answer = self._question(hub, part, first=entry.calls == 0)
                if self._stop():
                    return  # whoever waited for the answer is gone, and may have closed the library
                settled = self._take(hub.name, part, answer, entry)
                later += [hashes for hashes in part if hashes.sha256 not in settled]
                entry.asked += 0 if again else len(part)
                self._progress.advance(len(settled) if again else len(part))
            # A hub may take only some of what it is given. Who waits for the end has it go on with the others.
            one_by_one += len(rest) if again else 0
            most = MOST_ONE_BY_ONE - one_by_one if self._left_s is None and len(later) < len(rest) else 0
            entry.waiting += max(0, len(later) - most)
            rest, again = later[: max(0, most)], True

    def _limited(self, name: str, wanted: Sequence[Hashes]) -> list[Hashes]:
        if name in BLOCKS:
            return list(wanted)
        return list(wanted[: MOST_ONE_BY_ONE if self._left_s is None else MOST_UNASKED])

    def _question(self, hub: Hub, part: Sequence[Hashes], *, first: bool) -> Lookup:
        """Ask about a block. The first one shows whether the hub answers, within what is left of the deadline."""
        patience = None if self._left_s is None else self._left_s if first else PATIENCE_S
        began = time.monotonic()
        try:
            with self._hubs.within(patience):
                answer = hub.by_hashes(part)
        except HubmanError as error:
            answer = Lookup(trouble=error)
        if self._left_s is not None and first and answer.trouble is not None:
            self._left_s = max(0.1, self._left_s - (time.monotonic() - began))
        return answer

    def _take(self, name: str, part: Sequence[Hashes], answer: Lookup, entry: AskedHub) -> set[str]:
        """Record an answer: only what was asked, and only what it says for certain; return what is settled."""
        ours = {hashes.sha256 for hashes in part}
        matches = {match.sha256: match for match in answer.found if match.sha256 in ours and match.agrees}
        strange = self._strange([match for match in matches.values() if match.how != "sha256"])
        matches = {sha256: match for sha256, match in matches.items() if sha256 not in strange}
        missed = [sha256 for sha256 in (*answer.missed, *strange) if sha256 in ours and sha256 not in matches]
        record(self._store, list(matches.values()))
        if missed:
            with self._store.writer() as writer:
                writer.hubs.record_misses(name, missed)
        settled = set(matches) | set(missed)
        self.asked |= ours if answer.trouble is None else settled
        self.found |= set(matches)
        self.report.other_header += [match.sha256 for match in matches.values() if match.how == "autov3"]
        entry.found += len(matches)
        entry.missed += len(missed)
        entry.calls += answer.calls
        if answer.trouble is not None:
            entry.trouble = _as_ours(answer.trouble)
        return settled

    def _strange(self, matches: Sequence[Match]) -> set[str]:
        """Return the contents that a hash of weights leads to another kind of model: it is short, and some are wrong.

        A hub that was asked by sha256 before said that it does not know them.
        """
        if not matches:
            return set()
        told = {match.sha256: match for match in matches if match.file is not None}
        with open_reader(self._store.path) as reader:
            files = reader.of_subjects(told)
        kinds: dict[str, set[str]] = {}
        for file in files:
            kinds.setdefault(file.subject, set()).add(str(file.kind))
        return {
            sha256 for sha256, match in told.items() if match.file is not None and sha256 in kinds
            and not any(kinds_agree(kind, expected_kind(match.listing, match.file)) for kind in kinds[sha256])
        }  # fmt: skip

    # --- listings that are old --------------------------------------------------------------------------------------

    def refresh(self, name: str) -> None:
        """Fetch old listings of a hub anew. What it has no more is marked, and only when it says so for certain."""
        before = time.time_ns() - (0 if self._again else REFRESH_DAYS * DAY_NS)
        with open_reader(self._store.path) as reader:
            stale = reader.hubs.stale(name, before)
        versions: dict[str, set[str]] = {}
        for model_id, version_id, sha256 in stale:
            if sha256 not in self.found and (self._chosen is None or sha256 in self._chosen):
                versions.setdefault(model_id, set()).add(version_id)
        models = list(versions)[:MOST_REFRESHED]
        if not models:
            return
        entry = self._entry(name)
        if entry.trouble is None:
            try:
                self._renew(self._hubs[name], {model: versions[model] for model in models}, entry)
            except HubmanError as error:
                entry.trouble = error

    def _renew(self, hub: Hub, versions: Mapping[str, set[str]], entry: AskedHub) -> None:
        models, missing = list(versions), list[tuple[str, str]]()
        self._progress.phase(f"renew:{hub.title}", len(models))
        for start in range(0, len(models), 100):
            part = models[start : start + 100]
            told = hub.versions(part)
            entry.calls += 1
            fresh = {
                (model, listing.version_id): listing for model in part for listing in told.get(model, ())
                if listing.version_id in versions[model]
            }  # fmt: skip
            self._record_fresh(list(fresh.values()), entry)
            missing += [(model, old) for model in part for old in sorted(versions[model]) if (model, old) not in fresh]
            self._progress.advance(len(part))
        for model, old in missing[:MOST_CONFIRMED]:
            self._confirm(hub, model, old, entry)

    def _confirm(self, hub: Hub, model: str, version: str, entry: AskedHub) -> None:
        """Ask for one version: lists leave out what is not shown to everybody."""
        entry.calls += 1
        try:
            told = hub.resolve(HubRef(hub.name, model, version))
        except NotFoundError:
            with self._store.writer() as writer:
                writer.hubs.record_gone(hub.name, model, version)
            entry.gone += 1
        except AccessError:
            return  # it is there, and not for us
        else:
            self._record_fresh([listing for listing in told if listing.version_id == version], entry)

    def _record_fresh(self, listings: Sequence[Listing], entry: AskedHub) -> None:
        if listings:
            with self._store.writer() as writer:
                writer.hubs.refresh_listings(listings)
        entry.refreshed += len(listings)


def _parts(wanted: Sequence[Hashes], first: int, size: int) -> Iterator[Sequence[Hashes]]:
    """Yield blocks of a size, after a first one of its own."""
    if first:
        yield wanted[:first]
    for start in range(first, len(wanted), size):
        yield wanted[start : start + size]


def _as_ours(error: Exception) -> HubmanError:
    """Return an error of a hub; whatever else a hub's module raised is a mistake in it, and told as one."""
    if isinstance(error, HubmanError):
        return error
    raise error
