"""Put another file in the place of the library, so that a kill at any moment loses neither the old nor the new one.

    library.db.making        being written
    library.db.ready         whole and checked: from here on it is the library, whatever happens
    library.db.<why>-<time>  the old one, with its -wal and -shm, never deleted

The old files are moved away log first: a log that stayed would be applied to the new database.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

COMPANIONS = ("-wal", "-shm", "-journal", "")


def making(path: Path) -> Path:
    """Return where the next library is written; what an interrupted run left there is taken away."""
    target = path.with_name(path.name + ".making")
    for suffix in COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{target}{suffix}")
    return target


def ready(path: Path) -> Path:
    """Return the name of a finished next library."""
    return path.with_name(path.name + ".ready")


def was_interrupted(path: Path) -> bool:
    """Say whether a replacement was decided and not finished."""
    return ready(path).exists()


def lost_content(path: Path, backups: Path) -> bool:
    """Say whether the library is an empty file although it once was one: there are backups of it."""
    try:
        return path.stat().st_size == 0 and any(backups.glob("*.db"))
    except OSError:
        return False


def put_in_place(path: Path, made: Path, why: str) -> Path | None:
    """Make `made` (closed, without a log) the library; return where the old one lies. Only for who is alone with it."""
    sync_file(made)
    os.replace(made, ready(path))
    sync_folder(path.parent)
    return finish_replacing(path, why)


def finish_replacing(path: Path, why: str = "replaced") -> Path | None:
    """Do what is left of a replacement. Safe to repeat."""
    if not was_interrupted(path):
        return None
    aside = free_name(path, why)
    for suffix in COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    os.rename(ready(path), path)
    sync_folder(path.parent)
    return aside if aside.exists() else None


def free_name(path: Path, why: str) -> Path:
    """Return `library.db.<why>-<UTC time>`, a name that nothing has yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    names = [path.with_name(f"{path.name}.{why}-{stamp}{more}") for more in ("", *(f"-{n}" for n in range(2, 1000)))]
    return next(name for name in names if not any(os.path.lexists(f"{name}{suffix}") for suffix in COMPANIONS))


def sync_file(path: Path) -> None:
    """Bring a file's content to the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
