"""The trash of a root: folders `.hubman-trash/<id>/`, each with a manifest that suffices to put things back.

It lies on the file system of what it holds, so that nothing is copied on the way: at the top of the root, or at the top
of a drive that is mounted (or linked to) inside the root.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hubman.disk.place import write_new
from hubman.disk.relocate import sync_folder
from hubman.errors import N_, ConflictError

TRASH = ".hubman-trash"
MANIFEST = "manifest.json"
DELETING = ".deleting"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What was removed at once.

    Attributes:
        folder: absolute path.
        manifest: version, made_ns, root, models, items (docs/files.md).
    """

    folder: str
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        return os.path.basename(self.folder)

    @property
    def top(self) -> str:
        """The folder whose trash this is; the manifest's paths are relative to it, wherever it is mounted now."""
        return os.path.dirname(os.path.dirname(self.folder))

    @property
    def made_ns(self) -> int:
        return int(self.manifest["made_ns"])

    @property
    def size(self) -> int:
        return sum(int(item["size"]) for item in self.manifest["items"])


def top_for(root: str, relpath: str) -> str:
    """Return the folder at whose top a model's trash belongs: the outermost one on the model's file system."""
    home = os.stat(root).st_dev
    top, device, path = root, home, root
    for part in relpath.split("/")[:-1]:
        path = os.path.join(path, part)
        here = os.stat(path).st_dev
        if here != device:
            top, device = path, here
    return root if device == home else top


def make(folder: str, manifest: Mapping[str, Any]) -> None:
    """Make an entry; one that a killed run made already is left as it is.

    Raises:
        ConflictError: `trash-not-made`, and nothing is left behind.
    """
    path = os.path.join(folder, MANIFEST)
    if os.path.exists(path):
        return
    try:
        os.makedirs(folder, exist_ok=True)
        _write(path, json.dumps(manifest, indent=1).encode())
        for above in (folder, os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
            sync_folder(above)
    except OSError as error:
        discard(folder)
        raise ConflictError(
            "trash-not-made",
            N_("The trash {path} cannot be used: {why}. Nothing was moved."),
            hint=N_("Free some space or give yourself the right to write there."),
            path=os.path.dirname(folder),
            why=error.strerror or error,
        ) from error


def _write(path: str, data: bytes) -> None:
    """Write a manifest, whole or not at all: a torn one would hide what lies beside it."""
    from pathlib import Path

    unfinished = path + ".part"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(unfinished)
    write_new(Path(unfinished), data)
    os.replace(unfinished, path)


def discard(folder: str) -> None:
    """Take an entry away from which everything was taken out; what is still in it stays, with the manifest."""
    with contextlib.suppress(OSError):
        if not set(os.listdir(folder)) - {MANIFEST, MANIFEST + ".part"}:
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)
            os.rmdir(os.path.dirname(folder))  # the trash itself, when it is empty


def entries(top: str) -> Iterator[Entry]:
    """Yield the entries of the trash at the top of a folder, the oldest first. Folders of other things are left out."""
    trash = os.path.join(top, TRASH)
    try:
        names = sorted(os.listdir(trash))
    except OSError:
        return
    for name in names:
        folder = os.path.join(trash, name)
        manifest = None if name.endswith(DELETING) else _read(folder)
        if manifest is not None:
            yield Entry(folder, manifest)


def _read(folder: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(folder, MANIFEST), "rb") as file:
            found = json.loads(file.read(64 << 20))
    except (OSError, ValueError, RecursionError):
        return None
    return found if _is_manifest(found) else None


def _is_manifest(found: object) -> bool:
    """A manifest may have been edited: its paths must stay inside, for what it says is what is moved."""
    if not isinstance(found, dict) or not isinstance(found.get("made_ns"), int):
        return False
    items, models = found.get("items"), found.get("models")
    if not isinstance(items, list) or not isinstance(models, list):
        return False
    whole = all(
        isinstance(item, dict) and _is_inside(item.get("from")) and _is_name(item.get("name")) for item in items
    )
    return whole and all(isinstance(item.get("size"), int) for item in items) and all(map(_is_model, models))


def _is_model(model: object) -> bool:
    return isinstance(model, dict) and _is_inside(model.get("relpath")) and isinstance(model.get("name"), str)


def _is_inside(path: object) -> bool:
    return isinstance(path, str) and bool(path) and not os.path.isabs(path) and ".." not in path.split("/")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & {"/", "\0", os.sep}


def delete(folder: str) -> None:
    """Delete an entry for good. First it gets another name, so that one half deleted is never offered again.

    Raises:
        OSError.
    """
    doomed = folder + DELETING
    os.rename(folder, doomed)
    shutil.rmtree(doomed)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(folder))


def sweep(top: str) -> None:
    """Finish deletions that were cut off."""
    trash = os.path.join(top, TRASH)
    with contextlib.suppress(OSError):
        for name in os.listdir(trash):
            if name.endswith(DELETING):
                shutil.rmtree(os.path.join(trash, name), ignore_errors=True)
