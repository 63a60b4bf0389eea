"""What lies in the roots and belongs to no model: sidecars left behind by a move, and downloads that were given up."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hubman.core.layout import SKIPPED_FOLDERS, folder_form, is_model_name
from hubman.disk.walk import DEEPEST

ONLY_BESIDE_MODELS = (
    ".civitai.info", ".metadata.json", ".cm-info.json", ".swarm.json",
    ".preview.png", ".preview.jpg", ".preview.jpeg", ".preview.webp", ".preview.gif",
)  # fmt: skip
"""Ends of names that nothing but a model's companion has; a lone `x.json` or `x.png` may be anything."""

OF_DOWNLOADS = (
    ".part", ".partial", ".crdownload", ".download", ".downloading", ".opdownload", ".aria2", ".incomplete",
)  # fmt: skip
DAY_NS = 86_400 * 10**9


@dataclass(slots=True)
class Remains:
    """What a walk over the roots found.

    Attributes:
        orphans: (path, stem) of companions of models that are not there.
        downloads: (path, bytes) of unfinished downloads that nobody wrote to for a day.
        folders: number of folders, each of which takes one of the system's watches.
        future: paths of models whose time is more than a day ahead of the clock.
    """

    orphans: list[tuple[str, str]] = field(default_factory=list)
    downloads: list[tuple[str, int]] = field(default_factory=list)
    folders: int = 0
    future: list[str] = field(default_factory=list)


def find_remains(roots: list[str], now_ns: int) -> Remains:
    """Walk the roots by names and stats alone; a folder that cannot be listed is passed over."""
    found = Remains()
    seen: set[tuple[int, int]] = set()
    for root in roots:
        for folder, entries in _folders(root, seen):
            found.folders += 1
            _look(folder, entries, now_ns, found)
    return found


def _folders(root: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, Mapping[str, os.DirEntry[str]]]]:
    stack = [(root, 0)]
    while stack:
        folder, depth = stack.pop()
        try:
            status = os.stat(folder)
            with os.scandir(folder) as scan:
                entries = {entry.name: entry for entry in scan}
        except OSError:
            continue
        key = (status.st_dev, status.st_ino)
        if depth > DEEPEST or (key in seen and status.st_ino):
            continue
        seen.add(key)
        yield folder, entries
        if depth and folder_form(entries) is not None:
            continue
        stack += [(os.path.join(folder, name), depth + 1) for name, entry in entries.items() if _is_folder(name, entry)]


def _is_folder(name: str, entry: os.DirEntry[str]) -> bool:
    try:
        return not name.startswith(".") and name.lower() not in SKIPPED_FOLDERS and entry.is_dir()
    except OSError:
        return False


def _look(folder: str, entries: Mapping[str, os.DirEntry[str]], now_ns: int, found: Remains) -> None:
    stems = {name.rpartition(".")[0] for name in entries if is_model_name(name)}
    stems |= {name.removesuffix(".safetensors.index.json") for name in entries}
    folders = {name for name, entry in entries.items() if _is_folder(name, entry)}
    for name, entry in entries.items():
        suffix = next((end for end in ONLY_BESIDE_MODELS if name.lower().endswith(end)), None)
        if suffix is not None and name[: -len(suffix)] not in stems | folders:
            found.orphans.append((os.path.join(folder, name), name[: -len(suffix)]))
        elif name.lower().endswith(OF_DOWNLOADS):
            status = _stat(entry)
            if status is not None and status.st_mtime_ns < now_ns - DAY_NS:
                found.downloads.append((os.path.join(folder, name), status.st_size))
        elif is_model_name(name) and (status := _stat(entry)) and status.st_mtime_ns > now_ns + DAY_NS:
            found.future.append(os.path.join(folder, name))


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat() if entry.is_file() else None
    except OSError:
        return None


def watch_limit() -> int | None:
    """Return how many folders the system lets one user watch; None where there is no such limit (not Linux)."""
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
