"""Walk a root: names and stats only, nothing is opened.

`os.scandir` with an explicit stack costs about twice a C walker (benchmarks/, docs/design/performance); pathlib costs
five times one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hubman.core.beside import PREVIEW_SUFFIXES, SUFFIXES
from hubman.core.layout import (
    SKIPPED_FOLDERS,
    folder_form,
    is_model_name,
    is_temporary,
    is_weights,
)
from hubman.core.library import Seen

BESIDE = (*(suffix for suffix, _ in SUFFIXES), *PREVIEW_SUFFIXES)
SHARD_INDEX = ".safetensors.index.json"
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.safetensors$")
FILE_TYPE = 0o170000
LARGEST_INODE = 0x7FFF_FFFF_FFFF_FFFF
"""What a signed column of the database holds."""

DEEPEST = 64
"""Levels below a root that are followed; a deeper tree is a loop of links in practice."""


Entries = Mapping[str, os.DirEntry[str]]


@dataclass(slots=True)
class Walk:
    """One walk over a root, or over some of its folders. Iterate it once; the attributes are complete after that.

    A real folder always wins over links to it, whatever their names, so that every file has one path. Folders that
    links lead to outside the root are walked last, in the order of the links; a walk over some folders cannot know that
    order, and says so in `met_links`.

    Attributes:
        exclude: absolute paths of other roots below this one: what lies there is theirs.
        blocked: relative path -> why of what could not be looked at; what is known below must not be called gone.
        devices: relative path -> number of the file system of every folder that is there.
        met_links: a folder outside the root was met behind a link.
    """

    root: str
    folders: Collection[str] = ("",)
    exclude: frozenset[str] = frozenset()
    blocked: dict[str, str] = field(default_factory=dict)
    devices: dict[str, int] = field(default_factory=dict)
    met_links: bool = False
    _visited: set[tuple[int, int]] = field(default_factory=set)
    _links: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Seen]:
        self._visited |= {(status.st_dev, status.st_ino) for path in self.exclude if (status := _stat(path))}
        for folder in self.folders:
            if not self._is_excluded(folder) and not any(map(_is_skipped, folder.split("/") if folder else ())):
                self._note_device_above(folder)
                self.met_links = self.met_links or self._is_behind_link(folder)
                yield from self._tree(folder)
        while self._links:
            links, self._links = sorted(self._links), []
            for link in links:
                yield from self._tree(link)

    def _tree(self, start: str) -> Iterator[Seen]:
        stack: list[tuple[str, Entries]] = [(start, self._above(start))]
        while stack:
            relative, beside = stack.pop()
            entries = self._list(relative)
            if entries is None:
                continue
            if relative and folder_form(entries) is not None:
                yield from self._model_folder(relative, beside)
                continue
            yield from self._files(relative, entries)
            stack += [(join(relative, name), entries) for name in self._subfolders(relative, entries)]

    def _path(self, relative: str) -> str:
        return os.path.join(self.root, relative) if relative else self.root

    def _list(self, relative: str) -> Entries | None:
        """Read one folder; None when it is gone, unreadable, or was visited under another name already."""
        if relative.count("/") > DEEPEST:
            return None
        try:
            entries, status = self._read(relative)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.blocked[relative] = _reason(error)
            return None
        self.devices[relative] = status.st_dev
        key = (status.st_dev, status.st_ino)
        if status.st_ino and key in self._visited:
            return None
        self._visited.add(key)
        return entries

    def _above(self, relative: str) -> Entries:
        """Return what lies beside a folder, nothing where that cannot be read."""
        try:
            return self._read(relative.rpartition("/")[0])[0] if relative else {}
        except OSError:
            return {}

    def _read(self, relative: str) -> tuple[Entries, os.stat_result]:
        path = self._path(relative)
        with os.scandir(path) as scan:
            entries = {entry.name: entry for entry in scan}
        return entries, os.stat(path)

    # --- folders and links ---------------------------------------------------------------------------------------

    def _subfolders(self, relative: str, entries: Entries) -> list[str]:
        """Return the folders to go down into, last first; links are put off until every real folder was walked."""
        found = []
        for name, entry in entries.items():
            try:
                if not entry.is_dir():
                    continue
            except OSError:
                if not self._is_dir(relative, entry):
                    continue
            if _is_skipped(name):
                continue
            if not _is_link(entry):
                found.append(name)
            elif not self._leads_inside(join(relative, name)):
                self.met_links = True
                self._links.append(join(relative, name))
        return sorted(found, reverse=True)

    def _is_dir(self, relative: str, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError as error:
            if error.errno != errno.ELOOP:
                self.blocked[join(relative, entry.name)] = _reason(error)
            return False

    def _leads_inside(self, link: str) -> bool:
        """Say whether a link leads to a folder that the walk finds under its own name, here or in a root below."""
        home, target = os.path.realpath(self.root), os.path.realpath(self._path(link))
        if target == home:
            return True
        if not target.startswith(home.rstrip(os.sep) + os.sep):
            return False
        return not any(_is_skipped(part) for part in os.path.relpath(target, home).split(os.sep))

    def _is_behind_link(self, folder: str) -> bool:
        """Say whether a folder is, or lies below, a link: only a walk over the whole root knows whose files it has."""
        parts = folder.split("/") if folder else []
        paths = [os.path.join(self.root, *parts[:depth]) for depth in range(1, len(parts) + 1)]
        return any(os.path.islink(path) or _is_junction(path) for path in paths)

    def _is_excluded(self, folder: str) -> bool:
        path = os.path.normpath(self._path(folder))
        return any(path == other or path.startswith(other.rstrip(os.sep) + os.sep) for other in self.exclude)

    def _note_device_above(self, folder: str) -> None:
        """Note the file system of the nearest folder that is there, also when the one asked for is gone."""
        while (status := _stat(self._path(folder))) is None and folder:
            folder = folder.rpartition("/")[0]
        if status is not None:
            self.devices[folder] = status.st_dev

    # --- models --------------------------------------------------------------------------------------------------

    def _files(self, relative: str, entries: Entries) -> Iterator[Seen]:
        models = sorted(name for name in entries if is_model_name(name))
        beside = Beside(entries, len(models))
        indexes = sorted(name for name in entries if name.endswith(SHARD_INDEX))
        stems = {name.removesuffix(SHARD_INDEX) for name in indexes}
        for name in indexes:
            yield from self._sharded(relative, name, entries, beside)
        yield from self._singles(relative, [name for name in models if not stems or not _is_shard(name, stems)],
                                 entries, beside)  # fmt: skip

    def _singles(self, relative: str, names: Sequence[str], entries: Entries, beside: Beside) -> Iterator[Seen]:
        """The innermost loop of every scan: nothing is called that need not be."""
        device, above = self.devices.get(relative), f"{relative}/" if relative else ""
        for name in names:
            entry = entries[name]
            status = self._regular(relative, entry)
            if status is None:
                continue
            number = status.st_ino & LARGEST_INODE or _inode(entry, status)
            signature = beside.digest(name.rpartition(".")[0]) if beside.any else ""
            moment = status.st_mtime_ns
            if not -LARGEST_INODE <= moment <= LARGEST_INODE:  # after 2262, on file systems that can say so
                moment = LARGEST_INODE if moment > 0 else -LARGEST_INODE
            fields = (above + name, status.st_size, moment, number, signature, False, device)
            yield tuple.__new__(Seen, fields)

    def _regular(self, relative: str, entry: os.DirEntry[str]) -> os.stat_result | None:
        """Stat a model file; None for FIFOs, devices, dangling links and folders, which are never opened.

        When the system refuses, what is known of the file (or of its folder, which may be listed and not entered) must
        not be called gone.
        """
        try:
            status = entry.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:
                self.blocked[join(relative, entry.name) if entry.is_symlink() else relative] = _reason(error)
            return None
        return status if status.st_mode & FILE_TYPE == stat.S_IFREG else None

    def _sharded(self, relative: str, name: str, entries: Entries, beside: Beside) -> Iterator[Seen]:
        stem = name.removesuffix(SHARD_INDEX)
        names = [name, *sorted(other for other in entries if _is_shard(other, {stem}))]
        found = [(member, self._regular(relative, entries[member])) for member in names]
        members = [(member, status) for member, status in found if status is not None]
        if len(members) > 1:
            number = _inode(entries[name], members[0][1])
            yield _sum(join(relative, name), members, number, beside.digest(stem), self.devices.get(relative))

    def _model_folder(self, relative: str, beside: Entries) -> Iterator[Seen]:
        """One model in a folder. A pipeline without weights is a checkpoint's config and no model of its own.

        `beside`: what lies in the folder above, where its sidecars are.
        """
        folder = self._path(relative)
        try:
            members = list(member_files(folder))
            number = os.stat(folder).st_ino
        except FileNotFoundError:
            return  # it is being moved or deleted: the event of that, or the next scan, comes back
        except OSError as error:
            self.blocked[relative] = _reason(error)
            return
        if any(is_weights(os.path.basename(name)) for name, _ in members):
            stem = relative.rpartition("/")[2]
            yield _sum(relative, members, number, Beside(beside).digest(stem), self.devices.get(relative))


def member_files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (relative POSIX path, stat) of the regular files of a model folder, in sorted order.

    Raises:
        OSError: something in it cannot be looked at, so that the list would be incomplete.
    """
    for here, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(here, name)
            status = None if is_temporary(name) else _stat_member(path)
            if status is not None:
                yield os.path.relpath(path, folder).replace(os.sep, "/"), status


def _stat_member(path: str) -> os.stat_result | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None  # a dangling link, or it vanished meanwhile
    return status if stat.S_ISREG(status.st_mode) else None


def model_members(path: str) -> list[str]:
    """Return the names, relative to its folder, of the files of a model in several files: a folder or a shard index."""
    if os.path.isdir(path):
        return [name for name, _ in member_files(path)]
    folder, index = os.path.split(path)
    stem = index.removesuffix(SHARD_INDEX)
    names = [index, *(name for name in os.listdir(folder) if _is_shard(name, {stem}))]
    return sorted(name for name in names if os.path.isfile(os.path.join(folder, name)))


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


def _raise(error: OSError) -> None:
    raise error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _is_skipped(name: str) -> bool:
    return name.lower() in SKIPPED_FOLDERS or (name.startswith(".") and not name.startswith(".hub"))


def _is_link(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() or _is_junction(entry.path)


def _is_junction(path: str) -> bool:
    """Say whether a folder is a Windows junction, which leads elsewhere and is no symbolic link."""
    found: Callable[[str], bool] | None = getattr(os.path, "isjunction", None)  # Python 3.12
    return os.name == "nt" and found is not None and found(path)


def _inode(entry: os.DirEntry[str], status: os.stat_result) -> int:
    """Return the file's number; on Windows a directory entry's stat has none, so ask the entry."""
    number = status.st_ino or (entry.inode() if not entry.is_symlink() else 0)
    return number & LARGEST_INODE


def _is_shard(name: str, stems: Collection[str]) -> bool:
    match = _SHARD.search(name)
    return match is not None and name[: match.start()] in stems


def _sum(
    relpath: str, members: Sequence[tuple[str, os.stat_result]], inode: int, beside: str, device: int | None
) -> Seen:
    """One model of several files. Its number changes when any member does, also one that is not the newest."""
    signature = hashlib.blake2b(f"{inode};".encode(), digest_size=8)
    for name, status in members:
        line = f"{name}\0{status.st_size}:{status.st_mtime_ns};"
        signature.update(line.encode(errors="surrogateescape"))
    number = int.from_bytes(signature.digest(), "big") & 0x7FFF_FFFF_FFFF_FFFF
    size = sum(status.st_size for _, status in members)
    newest = min(LARGEST_INODE, max(status.st_mtime_ns for _, status in members))
    return Seen(relpath, size, newest, number, beside, folder=True, device=device)


class Beside:
    """What lies beside the models of one folder. Most folders hold models and nothing else: then nothing is asked."""

    def __init__(self, entries: Entries, models: int = 0) -> None:
        """`models`: how many of the entries are models, so that a folder of nothing else is known without a look."""
        self._entries = entries
        self.any = models != len(entries)
        self._stems: set[str] | None = None

    def digest(self, stem: str) -> str:
        """Digest suffix, size and time of what lies beside a model, so that an edited sidecar is noticed unopened."""
        if self._stems is None:
            self._stems = {name[: -len(end)] for name in self._entries for end in BESIDE if name.endswith(end)}
        if stem not in self._stems:
            return ""
        signature = hashlib.blake2b(digest_size=8)
        found = False
        for suffix in BESIDE:
            entry = self._entries.get(stem + suffix)
            status = _stat_entry(entry) if entry is not None else None
            if status is not None:
                found = True
                signature.update(f"{suffix}:{status.st_size}:{status.st_mtime_ns};".encode())
        return signature.hexdigest() if found else ""


def beside_of(folder: str, stem: str) -> str:
    """Digest what lies beside one model now, as a walk would: after hubman's own writes, so that none finds them new.

    Raises:
        OSError: the folder cannot be listed.
    """
    with os.scandir(folder) as scan:
        return Beside({entry.name: entry for entry in scan if entry.name.startswith(stem)}).digest(stem)


def _stat_entry(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        status = entry.stat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None
