"""A Hugging Face cache on this machine, read and never written: free sha256, where files come from, files to copy."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hubman.core.hf_cache import BLOBS, SNAPSHOTS, CachedFile, cached_file, repo_of, sha256_of_link
from hubman.core.model_card import MOST_CARD
from hubman.opening import open_regular

MOST_LEVELS = 6
"""Folders above a file in which its notes are looked for."""
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def linked_sha256(path: str) -> str | None:
    """Return the sha256 that a snapshot's link names; None where there is no link, or it leads anywhere else.

    The link must lead straight to a regular file in the `blobs` folder of the same repository, without a further link
    on the way that leaves it. The name is the claim of whoever filled the cache: the bytes were not looked at.
    """
    try:
        target = os.readlink(path)
    except (OSError, ValueError):  # no link, not there, a NUL in the path
        return None
    sha256, file = sha256_of_link(path, target), cached_file(path)
    if sha256 is None or file is None:
        return None
    folder = path[: len(file.folder)]
    blob = os.path.join(folder, BLOBS, sha256)
    try:
        if not stat.S_ISREG(os.lstat(blob).st_mode):
            return None
        home = os.path.realpath(folder, strict=True)
        inside = os.path.realpath(os.path.dirname(path), strict=True).startswith(os.path.join(home, SNAPSHOTS) + os.sep)
        same = os.path.realpath(blob, strict=True) == os.path.join(home, BLOBS, sha256)
        return sha256 if inside and same and os.path.samefile(path, blob) else None
    except OSError:
        return None


def cache_folder(environ: Mapping[str, str]) -> str | None:
    """Return the folder of this user's cache, as Hugging Face's own client finds it; None where there is none."""
    home = environ.get("HF_HOME") or os.path.join(environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    named = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    folder = os.path.realpath(os.path.expanduser(named))
    return folder if os.path.isdir(folder) else None


@dataclass(frozen=True, slots=True)
class Held:
    """A file of a snapshot, as it lies in a cache.

    Attributes:
        file: what its path says.
        path: where its bytes are: the blob, or the snapshot's own file where there are no links.
        sha256: as the blob's name claims it; None for small files and for copies.
        size: bytes.
    """

    file: CachedFile
    path: str
    sha256: str | None
    size: int


def held_files(cache: str) -> Iterator[Held]:
    """Yield the files of all snapshots of models in a cache; what cannot be read is passed over."""
    for name in sorted(_names(cache)):
        kind = repo_of(name)
        snapshots = os.path.join(cache, name, SNAPSHOTS)
        if kind is None or kind[0] != "models":
            continue
        for revision in sorted(_names(snapshots)):
            for folder, _, files in os.walk(os.path.join(snapshots, revision)):
                for entry in sorted(files):
                    held = held_at(os.path.join(folder, entry))
                    if held is not None:
                        yield held


def blob_names(cache: str) -> set[str]:
    """Return the sha256 that the blobs of a cache's models are named by, without looking at any of them."""
    models = (name for name in _names(cache) if (kind := repo_of(name)) is not None and kind[0] == "models")
    return {blob for name in models for blob in _names(os.path.join(cache, name, BLOBS)) if _SHA256.match(blob)}


def held_at(path: str) -> Held | None:
    """Return what lies at a path of a snapshot; None for what is no file of its own repository."""
    file = cached_file(path)
    if file is None:
        return None
    try:
        folder = os.path.realpath(path[: len(file.folder)], strict=True)
        where = os.path.realpath(path, strict=True)
        status = os.stat(where)
    except (OSError, ValueError):
        return None
    inside = where.startswith((os.path.join(folder, BLOBS) + os.sep, os.path.join(folder, SNAPSHOTS) + os.sep))
    if not inside or not stat.S_ISREG(status.st_mode):
        return None
    return Held(file, where, linked_sha256(path), status.st_size)


def find_held(cache: str, repo: str, revision: str | None, name: str) -> Held | None:
    """Return a file of a repository that a cache has.

    Args:
        revision: a commit, or a branch or tag that the client once asked for; None: main.
        name: path in the repository.
    """
    folder = os.path.join(cache, "models--" + repo.replace("/", "--"))
    commit = revision if revision and _COMMIT.match(revision) else _commit_of(folder, revision or "main")
    if commit is None or repo_of(os.path.basename(folder)) is None:
        return None
    return held_at(os.path.join(folder, SNAPSHOTS, commit, *name.split("/")))


def newest_commit(cache: str, repo: str) -> str | None:
    """Return the commit that `main` was when the client last asked."""
    return _commit_of(os.path.join(cache, "models--" + repo.replace("/", "--")), "main")


def _commit_of(folder: str, name: str) -> str | None:
    if any(part in ("", ".", "..") for part in name.replace("\\", "/").split("/")):
        return None
    try:
        with open_regular(os.path.join(folder, "refs", name)) as file:
            text = file.read(64).decode("ascii", "replace").strip()
    except (OSError, ValueError):
        return None
    return text if _COMMIT.match(text) else None


def card_beside(held: Held) -> str:
    """Return the text of the model card (README.md) in the same snapshot; "" where there is none."""
    card = held_at(os.path.join(held.file.folder, SNAPSHOTS, held.file.revision, "README.md"))
    if card is None:
        return ""
    try:
        with open_regular(card.path) as file:
            return file.read(MOST_CARD).decode("utf-8", "replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class LocalDownload:
    """What the client noted of a file that it saved outside its cache (`hf download --local-dir`).

    Attributes:
        commit: of the repository, whose name it does not note.
        sha256: of large files; None for others.
        name: path in the repository.
    """

    commit: str
    sha256: str | None
    name: str


def local_download(path: str) -> LocalDownload | None:
    """Return what was noted of a file in `.cache/huggingface/download` of its folder or one above; None for nothing.

    A note about a file that was changed later says nothing any more.
    """
    folder, parts = os.path.dirname(path), [os.path.basename(path)]
    for _ in range(MOST_LEVELS):
        note = os.path.join(folder, ".cache", "huggingface", "download", *parts) + ".metadata"
        found = _noted(note, path, "/".join(parts))
        if found is not None:
            return found
        parts.insert(0, os.path.basename(folder))
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            break
    return None


def _noted(note: str, path: str, name: str) -> LocalDownload | None:
    try:
        with open_regular(note) as file:
            lines = file.read(4096).decode("utf-8", "replace").splitlines()
        commit, etag, time = lines[0].strip(), lines[1].strip(), float(lines[2])
        if not _COMMIT.match(commit) or os.stat(path).st_mtime - 1 > time:
            return None
    except (OSError, ValueError, IndexError):
        return None
    return LocalDownload(commit, etag if _SHA256.match(etag) else None, name)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
