"""A library as a portable list: what each model is, its hashes, where it comes from, what the user said of it.

No absolute path and no secret is in it. `pull -r FILE` restores from it (app/restoring.py); format: docs/pull.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hubman.core.hub import HubRef, Provenance
from hubman.core.library import ModelFile, Root
from hubman.store.reader import Reader

LIST_SCHEMA = 1
"""Of the list's own format; a later one is refused by an earlier hubman."""

TITLE = "hubman model list"


def export(reader: Reader, files: Sequence[ModelFile], made: str) -> tuple[dict[str, object], list[ModelFile]]:
    """Return the list of some models, and the models that cannot be in it because they were not hashed.

    Args:
        made: when, ISO 8601.
    """
    named = [file for file in files if file.hashes is not None]
    first = {file.hashes.sha256: file for file in reversed(named) if file.hashes}
    chosen = [file for file in named if file.hashes and first[file.hashes.sha256] is file]
    came = reader.hubs.of_contents(first)
    roots = {root.id: root for root in reader.roots()}
    models = [_model(file, roots.get(file.root_id), came.get(file.subject, ())) for file in chosen]
    without = [file for file in files if file.hashes is None]
    return {"list": TITLE, "list_schema": LIST_SCHEMA, "made": made, "models": models}, without


def _model(file: ModelFile, root: Root | None, came: Iterable[Provenance]) -> dict[str, object]:
    folder, _, name = file.relpath.rpartition("/")
    assert file.hashes is not None
    hashes = {
        "sha256": file.hashes.sha256, "autov1": file.hashes.autov1, "autov2": file.hashes.autov2,
        "autov3": file.hashes.autov3, "crc32": file.hashes.crc32, "blake3": file.hashes.blake3,
    }  # fmt: skip
    return {
        "name": file.name,
        "file": name,
        "folder": folder,
        "layout": root.layout.value if root else "flat",
        "kind": file.kind,
        "architecture": file.architecture,
        "format": file.format,
        "is_folder": file.folder,
        "size": file.size,
        "hashes": {kind: value for kind, value in hashes.items() if value},
        "sources": [_source(entry) for entry in came],
        "user": _user(file),
    }


def _source(entry: Provenance) -> dict[str, object]:
    listing = entry.listing
    ref = HubRef(listing.hub, listing.model_id, listing.version_id, entry.file_id)
    return {
        "ref": str(ref), "hub": listing.hub, "model": listing.model_id, "version": listing.version_id,
        "file": entry.file_id, "name": listing.name, "version_name": listing.version_name, "page": listing.page,
        "how": entry.how, "gone": entry.gone,
    }  # fmt: skip


def _user(file: ModelFile) -> Mapping[str, object]:
    words = [word.text for word in file.triggers if word.source == "user"]
    user = file.user
    return {
        "note": user.note, "tags": list(user.tags), "favourite": user.favourite, "rating": user.rating, "words": words,
    }  # fmt: skip
