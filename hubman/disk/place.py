"""Put files into the world durably, and never over what is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hubman.errors import N_, ConflictError


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file of hubman's own: written beside it, synced, renamed. A full disk leaves the old one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".hubman-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet.

    Raises:
        ConflictError: `file-exists`.
    """
    try:
        with open(path, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise exists(path) from error
    except OSError:
        path.unlink(missing_ok=True)
        raise


def copy_tree_new(source: Path, target: Path) -> None:
    """Copy a folder to a place that does not exist yet or is empty.

    Raises:
        ConflictError: `file-exists`, the target holds something already.
    """
    if target.exists() and any(target.iterdir()):
        raise exists(target)
    shutil.copytree(source, target, dirs_exist_ok=True)


def exists(path: str | Path) -> ConflictError:
    """Return the error for a name that is taken."""
    return ConflictError(
        "file-exists",
        N_("{path} exists already, and hubman overwrites nothing."),
        hint=N_("Choose another name, or move it away first."),
        path=path,
    )
