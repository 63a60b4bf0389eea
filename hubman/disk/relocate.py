"""Move what may be a file, a link or a folder to a place that must be free, within a file system or across two.

Within one: `renameat2(RENAME_NOREPLACE)` where the system has it, else a hard link and an unlink (a folder: onto an
empty folder made for it), so that nothing is ever replaced. Where neither works (FAT and SMB without hard links on a
system without renameat2) the target is looked for and then renamed onto: between the two another program could put
something there, the one gap that is left.

Across two: copied under a name that nobody lists, synced, read back and compared by sha256, put in place, and only then
removed from where it was.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable
from functools import cache

from hubman.errors import N_, ConflictError, IntegrityError
from hubman.opening import open_regular

CHUNK = 1 << 20
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_NOT_HERE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EINVAL}
Progress = Callable[[int], None]


def move(source: str, target: str, part: str, progress: Progress | None = None) -> None:
    """Move `source` to `target`, which must not exist.

    Args:
        part: where a copy is made when the two lie on different file systems: in the folder of `target`.

    Raises:
        FileExistsError: there is something at `target`.
        ConflictError: `changed-while-reading`. IntegrityError: `copy-differs`. OSError.
    """
    if os.path.islink(source) and os.path.dirname(source) != os.path.dirname(target):
        copy_link(source, target)
        os.unlink(source)
        return
    if is_same_entry(source, target):
        os.rename(source, target)
        return
    try:
        rename_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, target, part, progress)
        remove_copied(source, target)


def copy(source: str, target: str, part: str, progress: Progress | None = None) -> None:
    """Copy `source` to `target`, which must not exist; the copy is whole and verified before it has that name.

    Raises:
        As `move`.
    """
    if os.path.islink(source):
        copy_link(source, target)
        return
    remove_part(part)
    try:
        _copy_any(source, part, progress)
        rename_new(part, target)
    except BaseException:
        remove_part(part)
        raise
    sync_folder(os.path.dirname(target))


def copy_link(source: str, target: str) -> None:
    """Make a link at `target` that leads where the one at `source` does, however it says so."""
    text = os.readlink(source)
    if not os.path.isabs(text):
        leads_to = os.path.join(os.path.realpath(os.path.dirname(source)), text)
        text = os.path.relpath(leads_to, os.path.realpath(os.path.dirname(target)))
    os.symlink(text, target, target_is_directory=os.path.isdir(source))


def rename_new(source: str, target: str) -> None:
    """Rename within a file system and never over anything.

    Raises:
        FileExistsError. OSError: `EXDEV` across file systems.
    """
    if sys.platform == "win32":
        os.rename(source, target)  # refuses what is there
        return
    if not _renameat2(source, target):
        _link_and_unlink(source, target)


def _renameat2(source: str, target: str) -> bool:
    """Rename by Linux's own call; False where there is none."""
    call = _libc_renameat2()
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), source, None, target)


@cache
def _libc_renameat2() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return call


def _link_and_unlink(source: str, target: str) -> None:
    if os.path.isdir(source) and not os.path.islink(source):
        os.mkdir(target)
        try:
            os.rename(source, target)  # onto an empty folder; one that is not empty any more refuses
        except OSError:
            os.rmdir(target)
            raise
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        os.rename(source, target)
        return
    os.unlink(source)


def is_same_entry(source: str, target: str) -> bool:
    """Say whether both are one name that the file system does not tell apart (case, or NFC and NFD): only a rename."""
    if source == target or os.path.dirname(source) != os.path.dirname(target):
        return False
    try:
        one, other = os.lstat(source), os.lstat(target)
    except OSError:
        return False
    same = (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
    return same and os.path.basename(target) not in os.listdir(os.path.dirname(target) or ".")


def _copy_any(source: str, target: str, progress: Progress | None) -> None:
    if not os.path.isdir(source):
        copy_verified(source, target, progress)
        return
    os.mkdir(target)
    for name in sorted(os.listdir(source)):
        inner, copied = os.path.join(source, name), os.path.join(target, name)
        if os.path.islink(inner):
            os.symlink(_link_text(inner, source), copied)
        else:
            _copy_any(inner, copied, progress)
    shutil.copystat(source, target)
    sync_folder(target)


def _link_text(link: str, _folder: str) -> str:
    """A link that leads out of a folder by a relative way is made absolute; one inside it travels as it is."""
    text = os.readlink(link)
    return text if os.path.isabs(text) or not text.startswith("..") else os.path.realpath(link)


def copy_verified(source: str, target: str, progress: Progress | None = None) -> str:
    """Copy a file with its time, sync it, and read it back; return its sha256.

    Raises:
        ConflictError: `changed-while-reading`. IntegrityError: `copy-differs`. OSError.
    """
    digest = hashlib.sha256()
    with open_regular(source) as reading, open(target, "xb", buffering=0) as writing:
        before = os.fstat(reading.fileno())
        while chunk := reading.read(CHUNK):
            digest.update(chunk)
            _write_all(writing.fileno(), chunk)
            if progress:
                progress(len(chunk))
            if writing.tell() > before.st_size:
                break  # somebody appends as fast as we read: there is no end to wait for
        after = os.fstat(reading.fileno())
        _check_unchanged(source, before, after, writing.tell())
        with contextlib.suppress(PermissionError):
            os.chmod(target, stat.S_IMODE(before.st_mode))
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.fsync(writing.fileno())
    if digest_of(target, cold=True) != digest.hexdigest():
        raise IntegrityError(
            "copy-differs",
            N_("What was written to {path} is not what was read. The original stays where it is."),
            hint=N_("Check the disk: nothing on it can be trusted now."),
            path=target,
        )
    return digest.hexdigest()


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _check_unchanged(path: str, before: os.stat_result, after: os.stat_result, copied: int) -> None:
    if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and copied == after.st_size:
        return
    raise ConflictError(
        "changed-while-reading",
        N_("{path} changed while it was read."),
        hint=N_("Wait until whatever writes it is done, then try again."),
        path=path,
    )


def digest_of(path: str, *, cold: bool = False) -> str:
    """Return the sha256 of a file; `cold`: as the disk has it, not the page cache (where the system can be told)."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        if cold and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_copy(source: str, target: str) -> bool:
    """Say whether `target` has all that `source` has: the same file, link, bytes, or for folders every member."""
    if os.path.islink(source) or os.path.islink(target):
        both = os.path.islink(source) and os.path.islink(target)
        return both and os.path.realpath(source) == os.path.realpath(target)
    if os.path.isdir(source):
        return os.path.isdir(target) and all(
            os.path.lexists(os.path.join(target, name))
            and is_copy(os.path.join(source, name), os.path.join(target, name))
            for name in os.listdir(source)
        )
    one, other = os.stat(source), os.stat(target)
    if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino):
        return True
    return one.st_size == other.st_size and stat.S_ISREG(other.st_mode) and digest_of(source) == digest_of(target)


def remove_copied(source: str, target: str) -> None:
    """Remove what was copied; a file of a folder that came in meanwhile stays, with its folders.

    Raises:
        ConflictError: `changed-while-reading`, the source is not what was copied any more; then the copy is what goes.
    """
    if not os.path.islink(source) and not os.path.isdir(source):
        one, other = os.stat(source), os.stat(target)
        if one.st_size != other.st_size or abs(one.st_mtime_ns - other.st_mtime_ns) > 2 * 10**9:  # FAT: 2 s
            os.unlink(target)
            _check_unchanged(source, other, one, -1)
    if os.path.isdir(source) and not os.path.islink(source):
        for name in os.listdir(source):
            if os.path.lexists(os.path.join(target, name)):
                remove_copied(os.path.join(source, name), os.path.join(target, name))
        with contextlib.suppress(OSError):
            os.rmdir(source)
    else:
        os.unlink(source)
    sync_folder(os.path.dirname(source))


def remove_part(part: str) -> None:
    """Remove an unfinished copy, if there is one."""
    if os.path.isdir(part) and not os.path.islink(part):
        shutil.rmtree(part)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut, where the system can be asked for that."""
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder or ".", os.O_RDONLY)
    except OSError:
        return  # a folder that may be entered and not read
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def size_of(path: str) -> int:
    """Return the bytes that a copy of a file, link or folder takes."""
    if os.path.islink(path):
        return 0
    if not os.path.isdir(path):
        return os.stat(path).st_size
    return sum(size_of(os.path.join(path, name)) for name in os.listdir(path))
