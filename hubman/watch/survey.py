"""Which folders there are to watch: what the number of watches is compared with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hubman.core.hints import is_skipped_folder


@dataclass(frozen=True, slots=True)
class Survey:
    """The folders below a root that can be listed, and the links out of it as (relative path, real folder)."""

    folders: int
    links: tuple[tuple[str, str], ...]


def survey(root: str) -> Survey:
    """Count the folders that a scan of a root goes into. What cannot be listed is not there."""
    home = os.path.realpath(root)
    folders, links, stack = 0, [], [""]
    while stack:
        relative = stack.pop()
        try:
            with os.scandir(os.path.join(root, relative)) as scan:
                entries = [entry for entry in scan if not is_skipped_folder(entry.name) and _is_dir(entry)]
        except OSError:
            continue
        folders += 1
        for entry in entries:
            below = os.path.join(relative, entry.name)
            if not entry.is_symlink():
                stack.append(below)
            elif not _is_below(target := os.path.realpath(entry.path), home):
                links.append((below.replace(os.sep, "/"), target))
    return Survey(folders, tuple(sorted(links)))


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
