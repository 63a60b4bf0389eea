"""The cache of Hugging Face's own client, from its paths alone.

    models--ORG--NAME/
        blobs/<name>                    the bytes; named by their sha256 (64 hex) when the hub keeps them in large-file
                                        storage, as it does with weights, else by git's sha1 of the blob (40 hex)
        refs/<branch>                   a text file with the revision
        snapshots/<revision>/<file>     a symbolic link `../../blobs/<name>` (one `../` more for each folder of <file>)

On Windows without the right to make links, snapshots hold the files themselves, and their sha256 is in no name.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

BLOBS = "blobs"
SNAPSHOTS = "snapshots"
_KINDS = ("models", "datasets", "spaces")
_REVISION = re.compile(r"[0-9a-f]{40}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of a snapshot.

    Attributes:
        folder: path of the repository's folder in the cache, as given.
        kind: models, datasets or spaces.
        repo: `org/name`, or `name` for the few repositories without an owner.
        revision: the commit, 40 hex.
        name: the file's path in the repository, POSIX.
    """

    folder: str
    kind: str
    repo: str
    revision: str
    name: str


def repo_of(folder_name: str) -> tuple[str, str] | None:
    """Return (kind, repository) of a folder's name: `models--org--name` is ("models", "org/name"); None for others."""
    kind, _, rest = folder_name.partition("--")
    if kind not in _KINDS or not rest:
        return None
    # Names on the hub may not contain `--`, so the separator is the only one.
    parts = rest.split("--")
    return (kind, "/".join(parts)) if len(parts) <= 2 and all(parts) else None


def cached_file(path: str) -> CachedFile | None:
    """Return what the path of a snapshot's file says; None for a path that is none. Separators: `/` or `\\`."""
    parts = path.replace("\\", "/").split("/")
    for at in range(len(parts) - 4, -1, -1):
        found = repo_of(parts[at])
        if found and parts[at + 1] == SNAPSHOTS and _REVISION.match(parts[at + 2]):
            inside = parts[at + 3 :]
            if all(part not in ("", ".", "..") for part in inside):
                return CachedFile("/".join(parts[: at + 1]), *found, parts[at + 2], "/".join(inside))
    return None


def sha256_of_link(path: str, target: str) -> str | None:
    """Return the sha256 that the link of a snapshot's file names; None where it names none.

    Args:
        path: of the link, in the cache.
        target: what the link holds, relative to its folder or absolute.

    Only a target in the `blobs` folder of the same repository counts. That the blob is there, and a regular file, is
    for the disk to say (disk.hf_cache.linked_sha256).
    """
    file = cached_file(path)
    if file is None:
        return None
    link, held = path.replace("\\", "/"), target.replace("\\", "/").removeprefix("//?/")
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(link), held))
    folder, name = posixpath.split(reached)
    return name if folder == posixpath.normpath(f"{file.folder}/{BLOBS}") and _SHA256.match(name) else None
