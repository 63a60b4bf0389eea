"""A diffusers repository as one model: fetched into a folder that nothing lists, which then gets its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

from hubman.app.checking import check_file
from hubman.app.download import discard, fetch
from hubman.app.filing import Place, make_folders, place_for, put, record_placed
from hubman.app.hashing import hash_model
from hubman.app.pull import VERB, Pulled, PullOptions, check_space
from hubman.core.hub import Listing, RemoteFile
from hubman.core.ports import Hub, Progress
from hubman.core.safe_name import SafeName, safe_name
from hubman.core.types import Kind
from hubman.disk.relocate import rename_new, sync_folder
from hubman.errors import N_, IntegrityError
from hubman.store.door import Store
from hubman.store.reader import open_reader

PLAIN_ENDINGS = (".json", ".txt", ".model", ".safetensors", ".jinja", ".md")
"""What the parts of a pipeline end with; others are not fetched: scripts would run, pickles may."""


def pull_folder(
    store: Store, hub: Hub, listing: Listing, members: Sequence[RemoteFile], options: PullOptions,
    progress: Progress, stop: Callable[[], bool],
) -> Pulled:  # fmt: skip
    """Fetch all files of a pipeline and file the folder.

    Raises:
        As `pull.pull_listing`. IntegrityError: `folder-unfit`, one of its files cannot be in a model folder.
    """
    place = _place(store, listing, members, options)
    name = place.name
    make_folders(place)
    staging = os.path.join(place.directory, _staging_name(listing))
    for file in members:
        _member(hub, listing, file, staging, place, options, progress, stop)
    checked = check_file(staging, name, quarantine=options.quarantine)
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
    notices = () if checked.kind == Kind.CHECKPOINT else (f"by its bytes it is a {checked.kind}",)
    return Pulled("pulled", listing, members[0], model, path, _size(members), (), notices, entry)


def would_pull_folder(store: Store, listing: Listing, members: Sequence[RemoteFile], options: PullOptions) -> Pulled:
    """Say what `pull_folder` would do."""
    place = _place(store, listing, members, options)
    return Pulled("would", listing, members[0], None, place.path, _size(members))


def _place(store: Store, listing: Listing, members: Sequence[RemoteFile], options: PullOptions) -> Place:
    for file in members:
        _check_member(file)
    with open_reader(store.path) as reader:
        place = place_for(
            reader, Kind.CHECKPOINT, _folder_name(listing, options), root=options.root, folder=options.folder
        )
    check_space(place, _size(members) or 0)
    return place


def _size(members: Sequence[RemoteFile]) -> int | None:
    return sum(file.size or file.about or 0 for file in members) or None


def _check_member(file: RemoteFile) -> None:
    """Refuse a path that leads anywhere but into the folder, and what a pipeline has no use for.

    Raises:
        IntegrityError: `folder-unfit`.
    """
    parts = file.name.split("/")
    fit = all(part and part == part.strip(" .") and part not in (".", "..") for part in parts)
    fit = fit and not set(file.name) & set('<>:"|?*\\') and file.name.isprintable() and len(file.name) < 240
    if not fit or not file.name.lower().endswith(PLAIN_ENDINGS) or len(parts) > 4:
        raise IntegrityError(
            "folder-unfit",
            N_("{name} cannot be a file of a model folder, so nothing was fetched."),
            hint=N_("Name one file of the repository with --file instead."),
            name=file.name,
        )


def _folder_name(listing: Listing, options: PullOptions) -> SafeName:
    text = options.name or listing.name.rpartition("/")[2]
    return SafeName(safe_name(text, ending=".safetensors", fallback="pipeline").removesuffix(".safetensors"))


def _staging_name(listing: Listing) -> str:
    """Return a name that follows from what is fetched, so that the next run finds what this one left."""
    token = hashlib.sha256(f"{listing.hub}\0{listing.model_id}\0{listing.version_id}".encode()).hexdigest()[:20]
    return f".tmp-hubman-{token}.folder"


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
    fetched = fetch(hub, listing, file, place.directory, connections=connections, progress=progress, stop=stop)
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
