"""Read and replace the small files beside a model: whole or not at all, never over what somebody just wrote."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass

from hubman.errors import N_, ConflictError

NEW_FILE = 0o200
"""Owner may write: a sidecar of a write-protected model is still one that its owner's WebUI edits."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was read. `stamp` is None when there was none; it tells whether it is still the same later."""

    data: bytes = b""
    stamp: tuple[int, int, int, int] | None = None


class ChangedError(Exception):
    """Somebody wrote the file after it was read."""


def read_beside(path: str, most: int) -> Found:
    """Read a file, at most `most` + 1 bytes of it; one that is not there is an empty Found.

    Raises:
        ConflictError: `beside-not-a-file`, it is a link, a folder or a device: hubman writes into none of them.
        OSError.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return Found()
    if not stat.S_ISREG(status.st_mode):
        raise ConflictError(
            "beside-not-a-file",
            N_("{path} is a link or no plain file, so hubman does not write it."),
            hint=N_("Put a plain file there, or leave it as it is."),
            path=path,
        )
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NOFOLLOW", 0))) as file:
        return Found(file.read(most + 1), _stamp(os.fstat(file.fileno())))


def write_beside(path: str, data: bytes, found: Found, like: str) -> None:
    """Put a file in the place of what was found there: written beside it, synced, renamed.

    Mode and owner are those of the old file, of a new one those of the model `like` that it lies beside.

    Raises:
        ChangedError: it is not what was read any more; nothing was written. OSError.
    """
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".hubman-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _dress(temporary, path if found.stamp else like, new=found.stamp is None)
        if found.stamp is None:
            _place_new(temporary, path, data)
        elif _stamp_of(path) != found.stamp:
            raise ChangedError(path)
        else:
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    _sync_folder(os.path.dirname(path))


def remove_beside(path: str) -> None:
    """Remove a file that hubman made."""
    os.unlink(path)
    _sync_folder(os.path.dirname(path))


def _place_new(temporary: str, path: str, data: bytes) -> None:
    """Give a file its name if nothing has that name: a hard link is refused where something is, a rename is not."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise ChangedError(path) from error
    except OSError:  # no hard links here (FAT, some shares)
        _write_new(path, data)


def _write_new(path: str, data: bytes) -> None:
    try:
        with open(path, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise ChangedError(path) from error
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _dress(temporary: str, like: str, *, new: bool) -> None:
    """Give a temporary file the rights and the owner of another; who may not give files away keeps it."""
    status = os.stat(like)
    with contextlib.suppress(OSError, AttributeError):
        os.chown(temporary, status.st_uid, status.st_gid)
    mode = stat.S_IMODE(status.st_mode)
    os.chmod(temporary, (mode & 0o666) | NEW_FILE if new else mode)


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _stamp_of(path: str) -> tuple[int, int, int, int] | None:
    try:
        return _stamp(os.lstat(path))
    except FileNotFoundError:
        return None


def _sync_folder(folder: str) -> None:
    """Make a new name durable; not every system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
