"""Walk a root: names and stats only, nothing is opened.

`os.scandir` with an explicit stack costs about twice a C walker (benchmarks/, docs/design/performance); pathlib costs
five times one.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from hubman.core.layout import (
    SKIPPED_FOLDERS,
    FolderForm,
    folder_form,
    is_model_name,
    is_temporary,
    is_weights,
)
from hubman.core.library import Seen

SIDECAR_SUFFIXES = (
    ".json", ".civitai.info", ".metadata.json", ".cm-info.json", ".swarm.json", ".txt", ".description.txt",
)  # fmt: skip
PREVIEW_SUFFIXES = tuple(
    f"{middle}.{extension}" for middle in (".preview", "") for extension in ("png", "jpg", "jpeg", "webp", "gif")
)
SHARD_INDEX = ".safetensors.index.json"
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.safetensors$")
DEEPEST = 64
"""Levels below a root that are followed; a deeper tree is a loop of links in practice."""


@dataclass(slots=True)
class Walk:
    """One walk over a root, or over some of its folders. Iterate it once; `blocked` is complete after that.

    Attributes:
        blocked: relative paths of folders that could not be read; what is known below them must not be called gone.
    """

    root: str
    folders: Collection[str] = ("",)
    exclude: frozenset[str] = frozenset()
    blocked: list[str] = field(default_factory=list)
    _visited: set[tuple[int, int]] = field(default_factory=set)

    def __iter__(self) -> Iterator[Seen]:
        for folder in self.folders:
            yield from self._tree(folder)

    def _tree(self, start: str) -> Iterator[Seen]:
        stack = [start]
        while stack:
            relative = stack.pop()
            entries = self._list(relative)
            if entries is None:
                continue
            form = folder_form(entries)
            if form is not None and relative:
                yield from self._model_folder(relative, form)
                continue
            yield from self._files(relative, entries)
            stack += [join(relative, name) for name in self._subfolders(relative, entries)]

    def _list(self, relative: str) -> dict[str, os.DirEntry[str]] | None:
        """Read one folder; None when it is gone, unreadable, or was visited under another name already."""
        path = os.path.join(self.root, relative) if relative else self.root
        if relative.count("/") > DEEPEST:
            return None
        try:
            with os.scandir(path) as scan:
                entries = {entry.name: entry for entry in scan}
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            self.blocked.append(relative)
            return None
        key = (status.st_dev, status.st_ino)
        if status.st_ino and key in self._visited:
            return None
        self._visited.add(key)
        return entries

    def _subfolders(self, relative: str, entries: Mapping[str, os.DirEntry[str]]) -> list[str]:
        found = []
        for name, entry in entries.items():
            if name.lower() in SKIPPED_FOLDERS or (name.startswith(".") and not name.startswith(".hub")):
                continue
            if _is_dir(entry) and os.path.join(self.root, relative, name) not in self.exclude:
                found.append(name)
        return sorted(found, reverse=True)

    def _files(self, relative: str, entries: Mapping[str, os.DirEntry[str]]) -> Iterator[Seen]:
        indexes = {name.removesuffix(SHARD_INDEX) for name in entries if name.endswith(SHARD_INDEX)}
        for name in sorted(entries):
            if name.endswith(SHARD_INDEX):
                yield from self._sharded(relative, name, entries)
            elif is_model_name(name) and not _is_shard(name, indexes):
                yield from self._single(relative, name, entries)

    def _single(self, relative: str, name: str, entries: Mapping[str, os.DirEntry[str]]) -> Iterator[Seen]:
        status = _regular(entries[name])
        if status is not None:
            yield Seen(
                join(relative, name), status.st_size, status.st_mtime_ns, _inode(entries[name], status),
                beside=_beside(name.rpartition(".")[0], entries),
            )  # fmt: skip

    def _sharded(self, relative: str, name: str, entries: Mapping[str, os.DirEntry[str]]) -> Iterator[Seen]:
        stem = name.removesuffix(SHARD_INDEX)
        members = [name] + [other for other in entries if _is_shard(other, {stem})]
        stats = [status for member in members if (status := _regular(entries[member]))]
        if len(stats) > 1:
            yield _sum(join(relative, name), stats, _inode(entries[name], stats[0]))

    def _model_folder(self, relative: str, form: FolderForm) -> Iterator[Seen]:
        """One model in a folder. A pipeline without weights is a checkpoint's config and no model of its own."""
        stats, weights = [], False
        for path, name in member_files(os.path.join(self.root, relative)):
            try:
                stats.append(os.stat(path))
            except OSError:
                continue
            weights = weights or is_weights(name)
        if weights and stats:
            yield _sum(relative, stats, os.stat(os.path.join(self.root, relative)).st_ino)


def member_files(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (path, name) of the regular files of a model folder, in sorted order."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not is_temporary(name):
                yield os.path.join(here, name), name


def enclosing_model_folder(root: str, relative: str) -> str | None:
    """Return the model folder that `relative` lies in or is, or None."""
    parts = relative.split("/") if relative else []
    for depth in range(1, len(parts) + 1):
        candidate = "/".join(parts[:depth])
        try:
            names = os.listdir(os.path.join(root, candidate))
        except OSError:
            return None
        if folder_form(names) is not None:
            return candidate
    return None


def join(relative: str, name: str) -> str:
    """Join a relative POSIX path and a name."""
    return f"{relative}/{name}" if relative else name


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _regular(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Stat an entry; None for FIFOs, devices, dangling links and folders, which are never opened."""
    try:
        status = entry.stat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _inode(entry: os.DirEntry[str], status: os.stat_result) -> int:
    """Return the file's number; on Windows a directory entry's stat has none, so ask the entry."""
    number = status.st_ino or (entry.inode() if not entry.is_symlink() else 0)
    return number & 0x7FFF_FFFF_FFFF_FFFF


def _is_shard(name: str, stems: Collection[str]) -> bool:
    match = _SHARD.search(name)
    return match is not None and name[: match.start()] in stems


def _sum(relpath: str, stats: list[os.stat_result], inode: int) -> Seen:
    newest = max(status.st_mtime_ns for status in stats)
    size = sum(status.st_size for status in stats)
    return Seen(relpath, size, newest, inode & 0x7FFF_FFFF_FFFF_FFFF, folder=True)


def _beside(stem: str, entries: Mapping[str, os.DirEntry[str]]) -> str:
    """Digest name, size and time of what lies beside a model, so that an edited sidecar is noticed unopened."""
    signature = hashlib.blake2b(digest_size=8)
    found = False
    for suffix in (*SIDECAR_SUFFIXES, *PREVIEW_SUFFIXES):
        entry = entries.get(stem + suffix)
        status = _regular(entry) if entry is not None else None
        if status is not None:
            found = True
            signature.update(f"{suffix}:{status.st_size}:{status.st_mtime_ns};".encode())
    return signature.hexdigest() if found else ""
