"""One file of a hub -> a verified model in its place: fetched, looked at, placed, recorded. `pull` and `update`.

Nothing has a model's name before its size, its hash, its header and its safety are known; nothing is overwritten.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hubman.app.acting import SPACE_LEFT, nearest
from hubman.app.checking import Checked, check_file, ending_for, set_aside
from hubman.app.download import Fetched, discard, fetch
from hubman.app.download_errors import stopped
from hubman.app.download_work import never
from hubman.app.filing import Place, make_folders, place_for, put, record_placed
from hubman.app.hashing import hash_model
from hubman.app.local_copy import copy_local
from hubman.app.moving import places_in
from hubman.app.roots import find_root
from hubman.app.unfinished import begin, clean_up, ended, hold_of, not_ended, part_bytes, placed_unrecorded, placing
from hubman.app.wanted import here
from hubman.app.whole import whole_places
from hubman.core.hub import Listing, RemoteFile
from hubman.core.hub_names import hub_name
from hubman.core.library import Layout, ModelFile
from hubman.core.plan.pull import expected_kind, reference
from hubman.core.ports import Hub, Progress, Silence
from hubman.core.safe_name import SafeName, safe_name
from hubman.core.types import Hashes, Kind
from hubman.errors import N_, ConflictError, HubmanError, IntegrityError, NotFoundError, Phrase, UnsafeError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

VERB = "pull"
"""Of the entry in the journal."""

WRONG_BYTES = "these are not the bytes that the hub describes: their sha256 is another one"
"""Said in the text beside them in the quarantine."""

WAIT_S = 0.5
"""After which is looked again whether another hubman has finished the very same download."""


@dataclass(frozen=True, slots=True)
class PullOptions:
    """How files are placed and fetched.

    Attributes:
        home: hubman's own folder, with the quarantine and the previews.
        root, folder, name: where the user wants it, and under which name.
        connections: for one file, where its hub allows several.
        explicit: an explicit picture may become the preview.
        source: tells where on this machine (in the cache of a hub's own client) a file lies: it is copied, not fetched.
    """

    home: Path
    root: str | None = None
    folder: str | None = None
    name: str | None = None
    connections: int = 1
    explicit: bool = False
    source: Callable[[Listing, RemoteFile], str | None] | None = None

    @property
    def quarantine(self) -> Path:
        return self.home / "quarantine"

    @property
    def previews(self) -> Path:
        return self.home / "previews"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of one file.

    Attributes:
        outcome: "pulled"; "here": it was in the library before; "would": only asked about.
        model: the file in the library, None when only asked about.
        path: where it is, or would go. others: further places that have it.
        size: bytes, None where the hub does not say before.
        notices: what the user should know (Phrases).
        entry: number in the journal, by which `undo` takes it back.
        beside: files that were written beside it, where its root asks for them.
    """

    outcome: str
    listing: Listing | None
    file: RemoteFile | None
    model: ModelFile | None
    path: str
    size: int | None = None
    others: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    entry: int | None = None
    beside: tuple[str, ...] = ()


# --- before it is fetched -------------------------------------------------------------------------------------------


def already(places: tuple[ModelFile, ...], listing: Listing | None = None, file: RemoteFile | None = None) -> Pulled:
    """Return the answer for what is in the library already."""
    first = places[0]
    return Pulled("here", listing, file, first, first.path, first.size, tuple(place.path for place in places[1:]))


def wanted_name(listing: Listing, file: RemoteFile, wish: str | None) -> SafeName:
    """Return the name that a file should get: the user's, else the hub's made safe."""
    text = hub_name(listing, file)
    ending = os.path.splitext(text)[1] or None
    if wish is None:
        return safe_name(text, fallback=f"{listing.hub}-{listing.model_id.rpartition('/')[2]}")
    return safe_name(wish if os.path.splitext(wish)[1] == ending else wish + (ending or ""))


def expected_place(reader: Reader, listing: Listing, file: RemoteFile, options: PullOptions) -> Place:
    """Return where a file should go by what its hub says that it is; its bytes decide when they are here.

    Raises:
        As `filing.place_for`.
    """
    name, kind = wanted_name(listing, file, options.name), expected_kind(listing, file)
    try:
        return place_for(reader, kind, name, root=options.root, folder=options.folder)
    except NotFoundError as error:
        if error.reference != "no-place" or kind != Kind.UNKNOWN:
            raise
    return place_for(reader, kind, name, root=options.root, folder=options.folder or ".")


def would_pull(store: Store, listing: Listing, file: RemoteFile, options: PullOptions) -> Pulled:
    """Say what `pull_listing` would do."""
    with open_reader(store.path) as reader:
        found = here(reader, listing, file)
        if found:
            return already(found, listing, file)
        place = expected_place(reader, listing, file, options)
    size = file.size or file.about or 0
    check_space(place, max(0, size - part_bytes(listing, file, place.directory)))
    return Pulled("would", listing, file, None, place.path, file.size or file.about)


def check_space(place: Place, size: int) -> None:
    """Refuse a file of which `size` bytes are still to come, and would not fit.

    Raises:
        ConflictError: `no-space`.
    """
    folder = nearest(place.directory)
    free = shutil.disk_usage(folder).free
    if size and size + min(SPACE_LEFT, size) > free:
        raise ConflictError(
            "no-space",
            N_("{path} has {free} bytes left, and {size} are needed. Nothing was fetched."),
            hint=N_("Free some space, or choose another folder with --to or --root."),
            path=folder,
            free=free,
            size=size,
        )


# --- all of it -------------------------------------------------------------------------------------------------------


def pull_listing(
    store: Store,
    hubs: Mapping[str, Hub],
    listing: Listing,
    file: RemoteFile,
    options: PullOptions,
    progress: Progress | None = None,
    stop: Callable[[], bool] = never,
    *,
    members: Sequence[RemoteFile] = (),
) -> Pulled:
    """Fetch one file (or a folder of `members`) and file it.

    What an earlier run fetched of it is gone on with; what is here is not fetched again.

    Raises:
        HubError, AccessError, NotFoundError, IntegrityError, ConflictError: as `download.fetch` and `filing`.
        UnsafeError: `download-unsafe`; it is in the quarantine.
    """
    progress = progress or Silence()
    if members:
        from hubman.app.pull_folder import pull_folder

        return pull_folder(store, hubs[listing.hub], listing, members, options, progress, stop)
    number = None
    while True:
        expected = would_pull(store, listing, file, options)
        if expected.outcome == "here":
            _know(store, expected, listing, file)
            clean_up(store, listing, file, _folders(store, expected, listing, file, options))
            return expected
        with open_reader(store.path) as reader:
            left = placed_unrecorded(reader, str(reference(listing, file)))
            if left is not None and not any(True for _ in places_in(reader.roots(), os.path.dirname(left[1]))):
                left = None  # its folder is no root any more: what lies there is the user's own business
            place = expected_place(reader, listing, file, options)
        if left is not None:
            settled = _settle(store, hubs.get(listing.hub), listing, file, options, left[2])
            if settled is not None:
                return settled
            if stop():
                raise stopped(listing, file)
            time.sleep(WAIT_S)
            continue
        number = _begin(store, listing, file, place, options)
        try:
            fetched = _fetch(hubs[listing.hub], listing, file, place, options, progress, stop)
            break
        except BaseException as error:
            if getattr(error, "reference", "") != "download-under-way" or stop():
                not_ended(store, number, error)
                raise
        progress.phase("wait", 0)  # another hubman is at it: then it is here, or goes on where that one stopped
        time.sleep(WAIT_S)
    try:
        return _file(store, hubs[listing.hub], listing, file, place, options, fetched, number, progress)
    except (UnsafeError, IntegrityError):
        discard(fetched)
        ended(store, number)
        raise
    except BaseException as error:
        not_ended(store, number, error)
        raise
    finally:
        let_go(fetched)


def _folders(store: Store, answer: Pulled, listing: Listing, file: RemoteFile, options: PullOptions) -> list[str]:
    """Return where a part of a file may have been: where the file is, and where it should have gone."""
    found = [os.path.dirname(answer.path)]
    with contextlib.suppress(HubmanError), open_reader(store.path) as reader:
        found.append(expected_place(reader, listing, file, options).directory)
    return found


def let_go(fetched: Fetched) -> None:
    """Leave a part that has no name yet to the next run; of one that has its name, take the notes away."""
    if not os.path.lexists(fetched.part):
        discard(fetched)
    elif fetched.hold is not None:
        fetched.hold.close()


def _fetch(
    hub: Hub, listing: Listing, file: RemoteFile, place: Place, options: PullOptions, progress: Progress,
    stop: Callable[[], bool],
) -> Fetched:  # fmt: skip
    make_folders(place)
    path = options.source(listing, file) if options.source else None
    copied = copy_local(path, listing, file, place.directory, progress, stop) if path else None
    connections = options.connections if hub.parallel else 1
    return copied or fetch(
        hub, listing, file, place.directory, connections=connections, progress=progress, stop=stop,
        aside=lambda part: set_aside(part, place.name, options.quarantine, WRONG_BYTES),
    )  # fmt: skip


def _file(
    store: Store, hub: Hub, listing: Listing, file: RemoteFile, place: Place, options: PullOptions, fetched: Fetched,
    number: int, progress: Progress,
) -> Pulled:  # fmt: skip
    """Look at what was fetched, put it in its place and record it."""
    with open_reader(store.path) as reader:
        found = whole_places(reader, [fetched.sha256])
    if found:  # the hub gave no hash before, or somebody else was faster
        answer = already(found, listing, file)
        _know(store, answer, listing, file)
        discard(fetched)
        ended(store, number)
        return answer
    checked = check_file(fetched.part, place.name, quarantine=options.quarantine)
    place, notices = _right_place(store, hub, listing, file, place, options, checked)
    hashes = _hashes(fetched, file, progress)
    placing(store, number, place.directory, place.name, fetched.sha256)
    path = put(fetched.part, place)
    row, entry = _record(store, listing, file, place.root.path, path, hashes, number)
    notices += _taken(place, path) + _hub_picture(store, hub, listing, fetched.sha256, options)
    beside = _write_beside(store, fetched.sha256, entry, notices)
    with open_reader(store.path) as reader:
        model = reader.by_ids([row])[0]
    return Pulled("pulled", listing, file, model, path, fetched.size, (), tuple(notices), entry, beside)


def _settle(
    store: Store, hub: Hub | None, listing: Listing, file: RemoteFile, options: PullOptions, folder: str
) -> Pulled | None:
    """Record what was placed and not recorded; None: whoever placed it is alive and does so, or has done so."""
    with contextlib.ExitStack() as stack:
        try:
            hold = stack.enter_context(hold_of(listing, file, folder))
        except ConflictError:
            return None
        except OSError:  # its folder is gone, or read-only by now: nobody can be at it
            hold = None
        with open_reader(store.path) as reader:
            left = placed_unrecorded(reader, str(reference(listing, file)))
        answer = _recorded(store, hub, listing, file, options, *left[:2]) if left is not None else None
        if hold is not None:
            hold.remove()
    return answer


def _recorded(
    store: Store, hub: Hub | None, listing: Listing, file: RemoteFile, options: PullOptions, number: int, path: str
) -> Pulled:
    """Record what a killed run fetched, checked and gave its name."""
    with open_reader(store.path) as reader:
        root = next(entry.path for entry in reader.roots() for _ in places_in([entry], os.path.dirname(path)))
    hashes = hash_model(path)
    row, entry = _record(store, listing, file, root, path, hashes, number)
    answer = Pulled("pulled", listing, file, None, path)
    clean_up(store, listing, file, _folders(store, answer, listing, file, options))
    notices = _hub_picture(store, hub, listing, hashes.sha256, options) if hub else []
    beside = _write_beside(store, hashes.sha256, entry, notices)
    with open_reader(store.path) as reader:
        model = reader.by_ids([row])[0]
    return Pulled("pulled", listing, file, model, path, model.size, (), tuple(notices), entry, beside)


def _hashes(fetched: Fetched, file: RemoteFile, progress: Progress) -> Hashes:
    """Return all hashes of a part, read back from the disk where they are not known yet.

    Raises:
        IntegrityError: `copy-differs`, the disk gives other bytes than came.
    """
    if fetched.hashes is not None:
        return fetched.hashes
    progress.phase("hash", fetched.size)
    found = hash_model(fetched.part, progress.advance)
    if found.sha256 != fetched.sha256:
        raise IntegrityError(
            "copy-differs",
            N_("What was written to {path} is not what came from the hub. It was not kept."),
            hint=N_("Check the disk: nothing on it can be trusted now."),
            path=fetched.part,
        )
    return found


def _right_place(
    store: Store, hub: Hub, listing: Listing, file: RemoteFile, place: Place, options: PullOptions, checked: Checked
) -> tuple[Place, list[str]]:
    """Return the place that the bytes call for, and what is to be said of it."""
    notices: list[str] = []
    stem, own = os.path.splitext(place.name)
    ending = ending_for(checked.header.format, place.name)
    name = place.name if own.lower() == ending else safe_name(stem + ending, ending=ending)
    if checked.suspicious:
        notices.append(Phrase(N_("nothing shows that {name} is safe to open: `hubman scan` says why"), name=name))
    expected, kind = expected_kind(listing, file), checked.kind
    if kind in (Kind.UNKNOWN, expected):
        if kind == expected == Kind.UNKNOWN and options.folder is None and place.root.layout is not Layout.FLAT:
            said = N_("nobody says what {name} is, so it lies at the top of {root}; `hubman mv` moves it")
            notices.append(Phrase(said, name=name, root=place.root.path))
        return replace(place, name=name), notices
    if expected != Kind.UNKNOWN:
        contradiction = Phrase(
            N_("{hub} calls it a {expected}, but by its bytes it is a {kind}: that is what counts"),
            hub=hub.title, expected=str(expected), kind=str(kind),
        )  # fmt: skip
        notices.append(contradiction)
    if options.folder is not None:
        return replace(place, name=name), notices
    with open_reader(store.path) as reader:
        try:
            return place_for(reader, kind, name, root=options.root), notices
        except NotFoundError:
            notices.append(Phrase(N_("no root has a folder for a {kind}, so it is in {path}"), kind=str(kind),
                                  path=place.directory))  # fmt: skip
            return replace(place, name=name), notices


def _taken(place: Place, path: str) -> list[str]:
    if os.path.basename(path) == place.name:
        return []
    return [Phrase(N_("{name} was taken, so it is called {new}"), name=place.name, new=os.path.basename(path))]


# --- what is recorded -----------------------------------------------------------------------------------------------


def _record(
    store: Store, listing: Listing, file: RemoteFile, root_path: str, path: str, hashes: Hashes, number: int
) -> tuple[int, int | None]:
    """Record file, facts, hashes and provenance, with the entry that `undo` reads; return (row, entry)."""
    detail: dict[str, object] = {
        "name": os.path.splitext(os.path.basename(path))[0], "before": [], "after": [path],
        "ref": str(reference(listing, file)), "root": root_path, "sha256": hashes.sha256,
    }  # fmt: skip
    came = [(hashes.sha256, listing, file.id, "download")]
    with open_reader(store.path) as reader:
        root = find_root(reader, root_path)
    return record_placed(store, root, path, hashes, came, journal=(VERB, detail), download=number)


def _know(store: Store, answer: Pulled, listing: Listing, file: RemoteFile) -> None:
    """Record where a content that is here comes from: a run that was killed after placing it could not."""
    hashes = answer.model.hashes if answer.model else None
    if hashes is None:
        return
    with open_reader(store.path) as reader:
        known = reader.hubs.of_contents([hashes.sha256]).get(hashes.sha256, [])
    same = (listing.hub, listing.model_id, listing.version_id)
    if any((entry.listing.hub, entry.listing.model_id, entry.listing.version_id) == same for entry in known):
        return
    with store.writer() as writer:
        writer.hubs.record_provenance([(hashes.sha256, listing, file.id, "sha256")])


def _begin(store: Store, listing: Listing, file: RemoteFile, place: Place, options: PullOptions) -> int:
    """Record that a download is under way, with all that the next run needs to go on with it; return its number."""
    detail = {
        "hub": listing.hub, "model": listing.model_id, "version": listing.version_id, "file": file.id,
        "name": place.name, "page": listing.page, "size": file.size or file.about, "sha256": file.sha256,
        "root": options.root, "folder": options.folder, "wish": options.name,
    }  # fmt: skip
    return begin(store, str(reference(listing, file)), place.directory, detail)


def _write_beside(store: Store, sha256: str, entry: int | None, notices: list[str]) -> tuple[str, ...]:
    """Write what its WebUI shows of a model, where its root asks for that; a model without it is as good."""
    from hubman.app.sidecars import write_known

    written = write_known(store, [sha256], along=entry)
    notices += [Phrase(N_("not written: {path}: {why}"), path=one.path, why=one.why) for one in written.skipped]
    return tuple(written.paths)


def _hub_picture(store: Store, hub: Hub, listing: Listing, sha256: str, options: PullOptions) -> list[str]:
    """Keep a picture of the hub as a preview; without one a model is as good."""
    from hubman.app.hub_picture import keep_picture

    try:
        keep_picture(store, hub, listing, sha256, options.previews, explicit=options.explicit)
    except (HubmanError, OSError) as error:
        why = error.message if isinstance(error, HubmanError) else error.strerror
        return [Phrase(N_("its preview picture could not be fetched: {why}"), why=str(why))]
    return []
