"""`outdated` and `update`: which models of the library have a newer version on their hub, and fetching it.

Hubs are told model numbers, never hashes, and are asked about all models at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event

from hubman.app.pull import Pulled, PullOptions
from hubman.app.pull_many import Outcome, Pull, pull_all
from hubman.app.wanted import Wanted
from hubman.app.whole import whole_places
from hubman.core.hub import CIVARCHIVE, CIVITAI, OPENMODELDB, Gate, Listing, Provenance
from hubman.core.library import ModelFile
from hubman.core.ports import Hub, Progress, Silence
from hubman.core.updates import Held, Update, updates_of
from hubman.errors import HubmanError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

WITHOUT_VERSIONS = (CIVARCHIVE, OPENMODELDB)
"""Hubs that keep what others made: nothing new comes there."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """A model of the library and the newer version of it. `page`: where a person reads what is new."""

    file: ModelFile
    update: Update

    @property
    def early_access(self) -> bool:
        return self.update.listing.access.gate in (Gate.EARLY_ACCESS, Gate.PAID)

    def to_json(self) -> dict[str, object]:
        """Return an object of `outdated --json`."""
        have, newest, file = self.update.held.listing, self.update.listing, self.update.file
        return {
            "id": self.file.id, "name": self.file.name, "path": self.file.path, "hub": newest.hub,
            "model": newest.model_id, "have": {"version": have.version_id, "name": have.version_name,
            "published": have.published}, "newest": {"version": newest.version_id, "name": newest.version_name,
            "published": newest.published, "ref": str(newest.ref), "page": newest.page, "file": file.name,
            "size": file.size or file.about, "sha256": file.sha256, "access": newest.access.gate.value,
            "until": newest.access.until},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """What `outdated` found.

    Attributes:
        outdated: models with a newer version, in the order of the library.
        checked: contents whose hub was asked, without pinned ones.
        unknown: contents of which no hub is known. pinned: left alone. due: those of `unknown` to be looked up.
        troubles: (hub, error) of hubs that could not be asked: nothing was recorded of their models.
    """

    outdated: tuple[Outdated, ...] = ()
    checked: int = 0
    unknown: int = 0
    pinned: int = 0
    troubles: tuple[tuple[str, HubmanError], ...] = ()
    due: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the document of `outdated --json`."""
        return {
            "checked": self.checked, "unknown": self.unknown, "pinned": self.pinned,
            "outdated": [entry.to_json() for entry in self.outdated],
            "troubles": [{"hub": hub, "reference": error.reference, "message": str(error)}
                         for hub, error in self.troubles],
        }  # fmt: skip


@dataclass(slots=True)
class _Known:
    """Everything that is held, by hub."""

    held: dict[str, list[Held]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    pinned: set[str] = field(default_factory=set)


def find_outdated(
    store: Store,
    hubs: Mapping[str, Hub],
    files: Sequence[ModelFile],
    *,
    early_access: bool = False,
    now: str,
    progress: Progress | None = None,
) -> Report:
    """Ask the hubs for newer versions of models, and record which there are.

    Args:
        files: of the library; those that are away, or not hashed yet, are left out.
        now: ISO 8601 in UTC.
    """
    progress = progress or Silence()
    with open_reader(store.path) as reader:
        places = _places(files)
        known = _known(reader, places, hubs)
        due = {hashes.sha256 for hashes in reader.hubs.to_look_up(CIVITAI, time.time_ns(), unknown=True)}
    progress.phase("outdated", sum(len({own.listing.model_id for own in held}) for held in known.held.values()))
    found: list[Outdated] = []
    troubles: list[tuple[str, HubmanError]] = []
    checked: set[str] = set()
    for name, held in known.held.items():
        models = list(dict.fromkeys(own.listing.model_id for own in held))
        try:
            listed = hubs[name].versions(models)
        except HubmanError as error:
            troubles.append((name, error))
            continue
        progress.advance(len(models))
        updates = _updates(store, held, {(name, key): value for key, value in listed.items()}, early_access, now)
        _record(store, [own for own in held if own.listing.model_id in listed], updates)
        checked |= {own.sha256 for own in held if not own.pinned}
        found += [Outdated(places[update.held.sha256], update) for update in updates]
    order = {sha256: number for number, sha256 in enumerate(places)}
    first = {entry.update.held.sha256: entry for entry in reversed(found)}
    outdated = tuple(sorted(first.values(), key=lambda entry: order[entry.update.held.sha256]))
    return Report(
        outdated, len(checked), len(known.unknown), len(known.pinned), tuple(troubles), len(known.unknown & due)
    )


def _places(files: Sequence[ModelFile]) -> dict[str, ModelFile]:
    """Return sha256 -> the first place where it lies."""
    found: dict[str, ModelFile] = {}
    for file in files:
        if file.present and file.hashes is not None and not file.folder:
            found.setdefault(file.hashes.sha256, file)
    return found


def _known(reader: Reader, places: Mapping[str, ModelFile], hubs: Mapping[str, Hub]) -> _Known:
    known, pinned = _Known(), reader.hubs.pinned()
    origins = reader.hubs.of_contents(places)
    for sha256 in places:
        entries = [one for one in origins.get(sha256, []) if one.listing.hub not in WITHOUT_VERSIONS]
        entries = [one for one in entries if one.listing.hub in hubs]
        if not origins.get(sha256):
            known.unknown.add(sha256)
        if sha256 in pinned:
            known.pinned.add(sha256)
        for entry in entries:
            known.held.setdefault(entry.listing.hub, []).append(_held(sha256, entry, pinned=sha256 in pinned))
    return known


def _held(sha256: str, entry: Provenance, *, pinned: bool) -> Held:
    files = entry.listing.files
    file = next((file for file in files if file.id == entry.file_id), None)
    file = file or next((file for file in files if file.sha256 == sha256), None)
    return Held(sha256, entry.listing, file, pinned)


def _updates(
    store: Store, held: Sequence[Held], versions: Mapping[tuple[str, str], tuple[Listing, ...]], early: bool, now: str
) -> list[Update]:
    """Decide, with everything that the library has anywhere, in the query or not."""
    offered = {file.sha256 for listings in versions.values() for listing in listings for file in listing.files}
    with open_reader(store.path) as reader:
        there = whole_places(reader, {sha256 for sha256 in offered if sha256})
    owned = {file.hashes.sha256 for file in there if file.hashes}
    updates = updates_of(held, versions, owned, early_access=early, now=now)
    with open_reader(store.path) as reader:
        return [update for update in updates if not _has(reader, update)]


def _has(reader: Reader, update: Update) -> bool:
    """Whether a file that comes from what is offered is here, although with other bytes (its header was edited)."""
    new = update.listing
    known = reader.hubs.from_version(new.hub, new.model_id, new.version_id)
    return bool(whole_places(reader, {sha256 for sha256, file_id, _ in known if file_id == update.file.id}))


def _record(store: Store, held: Sequence[Held], updates: Sequence[Update]) -> None:
    """Record the newer version of each content, and that there is none; listings of the newer ones are kept."""
    newer: dict[tuple[str, str, str, str], str | None] = {_key(own): None for own in held}
    newer |= {_key(update.held): update.listing.version_id for update in updates}
    with store.writer() as writer:
        writer.hubs.record_listings(update.listing for update in updates)
        writer.hubs.set_newer(newer)


def _key(own: Held) -> tuple[str, str, str, str]:
    return (own.sha256, own.listing.hub, own.listing.model_id, own.listing.version_id)


# --- fetching it ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Updated:
    """What became of one update. `replaced`: number in the journal by which the old file went to the trash."""

    outdated: Outdated
    pulled: Pulled | None = None
    error: HubmanError | None = None
    replaced: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return an object of `update --json`."""
        error = self.error
        return {
            **self.outdated.to_json(), "outcome": self.pulled.outcome if self.pulled else "failed",
            "new_path": self.pulled.path if self.pulled else None, "replaced": self.replaced is not None,
            "error": {"reference": error.reference, "message": str(error), "hint": error.hint} if error else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fetching:
    """How updates are fetched.

    Attributes:
        jobs: files at the same time.
        replace_old: old files go to the trash, each after its new one has its name.
        progress: asked for the progress of an update when it begins.
        ended: told of every outcome as it comes, in the thread that called.
        stop: set by whoever wants all of it to end.
    """

    jobs: int
    replace_old: bool
    progress: Callable[[Outdated], Progress]
    ended: Callable[[Updated], None]
    stop: Event


def update_all(
    store: Store, hubs: Mapping[str, Hub], entries: Sequence[Outdated], options: PullOptions, how: Fetching
) -> list[Updated]:
    """Fetch newer versions, each into the folder of the old one, several at once; return the outcomes in order.

    An old file stays, or goes to the trash when its new one is in place; a failure leaves it where it is and stops no
    other.
    """
    pulls = [_pull_of(entry, options) for entry in entries]
    whose = {id(pull): entry for pull, entry in zip(pulls, entries, strict=True)}
    done: dict[int, Updated] = {}

    def ended(pull: Pull, outcome: Outcome) -> None:
        updated = done[id(pull)] = _updated(store, whose[id(pull)], outcome, replace_old=how.replace_old)
        how.ended(updated)

    pull_all(
        store, hubs, pulls, jobs=how.jobs, progress=lambda pull: how.progress(whose[id(pull)]), ended=ended,
        stop=how.stop,
    )  # fmt: skip
    return [done[id(pull)] for pull in pulls]


def _pull_of(entry: Outdated, options: PullOptions) -> Pull:
    old, update = entry.file, entry.update
    own = replace(options, root=old.root, folder=os.path.dirname(old.relpath) or ".")
    return Pull(Wanted(str(update.listing.ref), update.listing, update.file), own)


def _updated(store: Store, entry: Outdated, outcome: Outcome, *, replace_old: bool) -> Updated:
    """Put the old file away where that is wanted, and record that it is up to date."""
    pulled, old = outcome.pulled, entry.file
    if pulled is None:
        return Updated(entry, None, outcome.error)
    number = None
    if replace_old and pulled.path != old.path:
        from hubman.app.trash import remove

        try:
            number = remove(store, [old.path]).number
        except HubmanError as error:
            return Updated(entry, pulled, error)
    with store.writer() as writer:
        writer.hubs.set_newer({_key(entry.update.held): None})
    return Updated(entry, pulled, None, number)


def pin(store: Store, files: Sequence[ModelFile], *, pinned: bool) -> int:
    """Let `update` leave models as they are, or no longer; return how many contents that is about."""
    subjects = dict.fromkeys(file.subject for file in files)
    with store.writer() as writer:
        for subject in subjects:
            writer.subjects.set_pin(subject, pinned=pinned)
    return len(subjects)
