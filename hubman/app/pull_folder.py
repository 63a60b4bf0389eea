"""A diffusers repository as one model: fetched into a folder that nothing lists, which then gets its name."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence

from hubman.app.checking import check_file, set_aside
from hubman.app.download import discard, fetch
from hubman.app.filing import Place, make_folders, place_for, put, record_placed
from hubman.app.hashing import hash_model
from hubman.app.pull import VERB, WRONG_BYTES, Pulled, PullOptions, already, check_space
from hubman.core.hub import Listing, RemoteFile
from hubman.core.library import ModelFile
from hubman.core.ports import Hub, Progress
from hubman.core.safe_name import DEVICES, SafeName, safe_name
from hubman.core.types import Kind
from hubman.disk.part import open_part
from hubman.disk.relocate import rename_new, sync_folder
from hubman.errors import N_, IntegrityError, Phrase
from hubman.store.door import Store
from hubman.store.reader import open_reader

PLAIN_ENDINGS = (".json", ".txt", ".model", ".safetensors", ".jinja", ".md")
"""What the parts of a pipeline end with; others are not fetched: scripts would run, pickles may."""

OTHER_KIND = N_("by its bytes it is a {kind}")


def pull_folder(
    store: Store, hub: Hub, listing: Listing, members: Sequence[RemoteFile], options: PullOptions,
    progress: Progress, stop: Callable[[], bool],
) -> Pulled:  # fmt: skip
    """Fetch all files of a pipeline and file the folder.

    Raises:
        As `pull.pull_listing`. IntegrityError: `folder-unfit`, one of its files cannot be in a model folder.
    """
    place = _place(store, listing, members, options)
    make_folders(place)

    def wait() -> bool:
        progress.phase("wait", 0)
        return not stop()

    with open_part(place.directory, _token(listing), wait=wait) as hold:  # two of one repository are one transfer
        try:
            found = _here(store, listing, members)
            return (
                already(found, listing, members[0])
                if found
                else _bring(store, hub, listing, members, place, options, progress, stop)
            )
        finally:
            hold.remove()


def _bring(
    store: Store, hub: Hub, listing: Listing, members: Sequence[RemoteFile], place: Place, options: PullOptions,
    progress: Progress, stop: Callable[[], bool],
) -> Pulled:  # fmt: skip
    staging = os.path.join(place.directory, f".tmp-hubman-{_token(listing)}.folder")
    _tidy(staging, {file.name for file in members})
    for file in members:
        _member(hub, listing, file, staging, place, options, progress, stop)
    checked = check_file(staging, place.name, quarantine=options.quarantine)
    path = put(staging, place)
    hashes = hash_model(path)
    detail: dict[str, object] = {
        "name": os.path.basename(path), "before": [], "after": [path], "ref": str(listing.ref),
        "root": place.root.path, "sha256": hashes.sha256,
    }  # fmt: skip
    came = [(hashes.sha256, listing, None, "download")]
    row, entry = record_placed(store, place.root, path, hashes, came, journal=(VERB, detail))
    with open_reader(store.path) as reader:
        model = reader.by_ids([row])[0]
    notices = () if checked.kind == Kind.CHECKPOINT else (Phrase(OTHER_KIND, kind=str(checked.kind)),)
    return Pulled("pulled", listing, members[0], model, path, _size(members), (), notices, entry)


def would_pull_folder(store: Store, listing: Listing, members: Sequence[RemoteFile], options: PullOptions) -> Pulled:
    """Say what `pull_folder` would do."""
    found = _here(store, listing, members)
    if found:
        return already(found, listing, members[0])
    place = _place(store, listing, members, options)
    return Pulled("would", listing, members[0], None, place.path, _size(members))


def _place(store: Store, listing: Listing, members: Sequence[RemoteFile], options: PullOptions) -> Place:
    for file in members:
        _check_member(file)
    if len({file.name.casefold() for file in members}) < len(members):
        raise _unfit(members[0].name)
    with open_reader(store.path) as reader:
        place = place_for(
            reader, Kind.CHECKPOINT, _folder_name(listing, options), root=options.root, folder=options.folder
        )
    check_space(place, _size(members) or 0)
    return place


def _here(store: Store, listing: Listing, members: Sequence[RemoteFile]) -> tuple[ModelFile, ...]:
    """Return where this very repository lies already, with all of these files."""
    with open_reader(store.path) as reader:
        came = reader.hubs.from_version(listing.hub, listing.model_id, listing.version_id)
        places = reader.of_subjects([sha256 for sha256, file_id, how in came if how == "download" and file_id is None])
    return tuple(
        place for place in places
        if place.folder and all(_is_there(os.path.join(place.path, *file.name.split("/")), file) for file in members)
    )  # fmt: skip


def _is_there(path: str, file: RemoteFile) -> bool:
    return os.path.isfile(path) and file.size in (None, os.path.getsize(path))


def _tidy(staging: str, names: set[str]) -> None:
    """Take out of a folder that an earlier run left whatever was not asked for this time, and every link."""
    if os.path.islink(staging) or os.path.isfile(staging):
        os.unlink(staging)
    for folder, inner, files in os.walk(staging, topdown=False):
        for name in (*inner, *files):
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, staging).replace(os.sep, "/")
            if os.path.islink(path) or (name in files and inside not in names):
                os.unlink(path)
            elif name in inner and inside in names:
                shutil.rmtree(path)


def _size(members: Sequence[RemoteFile]) -> int | None:
    return sum(file.size or file.about or 0 for file in members) or None


def _check_member(file: RemoteFile) -> None:
    """Refuse a path that leads anywhere but into the folder, and what a pipeline has no use for.

    Raises:
        IntegrityError: `folder-unfit`.
    """
    parts = file.name.split("/")
    fit = all(len(part.encode()) <= 200 and part.partition(".")[0].casefold() not in DEVICES for part in parts)
    fit = fit and all(part and part == part.strip(" .") and part not in (".", "..") for part in parts)
    fit = fit and not set(file.name) & set('<>:"|?*\\') and file.name.isprintable() and len(file.name) < 240
    if not fit or not file.name.lower().endswith(PLAIN_ENDINGS) or len(parts) > 4:
        raise _unfit(file.name)


def _unfit(name: str) -> IntegrityError:
    return IntegrityError(
        "folder-unfit",
        N_("{name} cannot be a file of a model folder, so nothing was fetched."),
        hint=N_("Name one file of the repository with --file instead."),
        name=name,
    )


def _folder_name(listing: Listing, options: PullOptions) -> SafeName:
    text = options.name or listing.name.rpartition("/")[2]
    return SafeName(safe_name(text, ending=".safetensors", fallback="pipeline").removesuffix(".safetensors"))


def _token(listing: Listing) -> str:
    """Return what a name follows from, so that the next run finds what this one left."""
    text = f"{listing.hub}\0{listing.model_id}\0{listing.version_id}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _member(
    hub: Hub, listing: Listing, file: RemoteFile, staging: str, place: Place, options: PullOptions,
    progress: Progress, stop: Callable[[], bool],
) -> None:  # fmt: skip
    """Fetch one file into the folder; one that is there with the right bytes is not fetched again."""
    target = os.path.join(staging, *file.name.split("/"))
    if _is_whole(target, file):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    connections = options.connections if hub.parallel else 1
    fetched = fetch(
        hub, listing, file, place.directory, connections=connections, progress=progress, stop=stop,
        aside=lambda part: set_aside(part, file.name, options.quarantine, WRONG_BYTES),
    )  # fmt: skip
    try:
        if os.path.lexists(target):
            os.unlink(target)
        rename_new(fetched.part, target)
        sync_folder(os.path.dirname(target))
    finally:
        discard(fetched)


def _is_whole(path: str, file: RemoteFile) -> bool:
    if not os.path.isfile(path) or (file.size is not None and os.path.getsize(path) != file.size):
        return False
    return file.sha256 is None or hash_model(path).sha256 == file.sha256
