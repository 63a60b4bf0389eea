"""A file that is being downloaded: `.hubman-<token>.part`, what is known of it beside it, and who is at it.

No scan and no program lists these names (core/layout.py). The token follows from what is fetched, so that the next run
finds what the last one left, whatever ended it. `.hubman-<token>.part.json` holds no address but the page's, and no
secret. `.hubman-<token>.lock` is held from the first byte until the file has its name: two downloads of one file are
one transfer.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from filelock import FileLock, Timeout

from hubman.core.pieces import Span
from hubman.errors import N_, ConflictError
from hubman.opening import open_regular

PREFIX, PART, RECORD, LOCK = ".hubman-", ".part", ".part.json", ".lock"
SPACE_LEFT = 16 << 20
"""Bytes that a download leaves on a file system."""
MOST_CHUNKS = 512
"""That one call of the system may write: IOV_MAX is 1024."""
MOST_NOTE = 4 << 20
"""Bytes of a note that are read."""
STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,1000}"')
"""What may be sent back as If-Range: one line of ASCII, whoever wrote it."""
_LARGEST = 1 << 62
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FLAGS = (
    os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)  # fmt: skip
_under_way: dict[str, tuple[int, int]] = {}
"""Part -> (device, size that it will have) of the downloads of this process."""
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Record:
    """What is written beside a part.

    Attributes:
        source: the reference, for a person and to know whether `etag` is of the same place.
        name: as the hub calls the file. page: the page a person opens.
        etag: strong one of the answer that the bytes are of.
        size, sha256: what the hub promises, or the server announced.
        synced: bytes from the start on that are known to be on the disk, whatever happens to the machine.
        spans: with several connections, the pieces that are known to be there; () when it grew from the start.
        pid, since: who is at it, and since when (Unix seconds).
    """

    source: str
    name: str = ""
    page: str | None = None
    etag: str | None = None
    size: int | None = None
    sha256: str | None = None
    synced: int = 0
    spans: tuple[Span, ...] = ()
    pid: int = 0
    since: int = 0


def token_of(source: str, file_id: str, sha256: str | None) -> str:
    """Return what a download is called: by its content where that is known, so that any hub can go on with it."""
    what = sha256 or f"{source}\0{file_id}"
    return hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:20]


class Part:
    """The part of one download, open and locked. Use `open_part`; `close` gives the lock back.

    Attributes:
        path: of the part. size: bytes that it has.
    """

    def __init__(self, folder: str, token: str, lock: FileLock) -> None:
        self.path = os.path.join(folder, PREFIX + token + PART)
        self._record_path = os.path.join(folder, PREFIX + token + RECORD)
        self._lock = lock
        self._file = _open_own(self.path)
        self.size = os.fstat(self._file).st_size

    def record(self) -> Record | None:
        """Read what is known of it; None when that is nothing that can be used."""
        return _read_record(self._record_path)

    def save(self, record: Record) -> None:
        """Write what is known of it, all or nothing."""
        temporary = self._record_path + ".tmp"
        data = json.dumps(asdict(replace(record, pid=os.getpid())), ensure_ascii=False, indent=1)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        with self._no_space(), open(temporary, "x", encoding="utf-8", errors="surrogatepass") as file:
            file.write(data + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._record_path)

    def append(self, chunks: Sequence[bytes]) -> None:
        """Write at the end.

        Raises:
            ConflictError: `no-space`.
        """
        position, whole = self.size, sum(map(len, chunks))
        with self._no_space():
            done = _pwritev(self._file, chunks, position)
        if done < whole:  # seldom: a full disk, a signal
            self._write(b"".join(chunks)[done:], position + done)
        self.size = position + whole

    def write_at(self, chunk: bytes, position: int) -> None:
        """Write anywhere; safe to use from several threads. `size` is not counted."""
        self._write(chunk, position)

    def _write(self, chunk: bytes, position: int) -> int:
        view = memoryview(chunk)
        with self._no_space():
            while view:
                count = _pwrite(self._file, view, position)
                view, position = view[count:], position + count
        return position

    def read_at(self, view: memoryview, position: int) -> int:
        """Read into `view`; return how many bytes there were, at most."""
        return _preadv(self._file, view, position)

    def truncate(self, size: int = 0) -> None:
        """Cut the end off."""
        os.ftruncate(self._file, size)
        self.size = size

    def sync(self) -> None:
        """Wait until the disk has what was written.

        Raises:
            ConflictError: `no-space`. OSError: the disk failed, and nobody knows what of it is there.
        """
        with self._no_space():
            os.fsync(self._file)

    def claim(self, size: int) -> None:
        """Make sure that a file of `size` bytes fits, beside everything else that is being downloaded.

        Raises:
            ConflictError: `no-space`.
        """
        folder = os.path.dirname(self.path)
        device = os.fstat(self._file).st_dev
        with _guard:
            _under_way[self.path] = (device, size)
            others = {path: whole for path, (where, whole) in _under_way.items() if where == device}
        others |= {path: whole for path, whole in _elsewhere(folder) if path not in others}
        needed = sum(max(0, whole - _allocated(path)) for path, whole in others.items())
        own = max(0, size - _allocated(self.path))
        free = shutil.disk_usage(folder).free
        if own and needed + min(SPACE_LEFT, size) > free:
            self._unclaim()
            raise no_space(folder, free, needed)

    def _unclaim(self) -> None:
        with _guard:
            _under_way.pop(self.path, None)

    def shut(self) -> None:
        """Close the file: it can be given its name now. The lock stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._unclaim()

    def close(self) -> None:
        """Leave everything as it is for the next run, and let others at it."""
        self.shut()
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                os.unlink(self._lock.lock_file)
            self._lock.release()

    def remove(self) -> None:
        """Take away whatever is left of it, and let others at it."""
        self.shut()
        for path in (self.path, self._record_path + ".tmp", self._record_path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _no_space(self) -> Any:
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            folder = os.path.dirname(self.path)
            raise no_space(folder, shutil.disk_usage(folder).free, None) from error


def open_part(folder: str, token: str, *, wait: Callable[[], bool] | None = None) -> Part:
    """Open the part of a download, made if there is none, for us alone.

    Args:
        wait: called while somebody else is at it; True: ask again, False: give up.

    Raises:
        ConflictError: `download-under-way`, somebody else is at it. OSError.
    """
    path = os.path.join(folder, PREFIX + token + LOCK)
    while True:
        lock = FileLock(path, timeout=0)
        before = _inode(path, make=True)
        try:
            lock.acquire()
        except Timeout:
            if wait is None or not wait():
                raise _busy(os.path.join(folder, PREFIX + token + RECORD)) from None
            time.sleep(0.2)
            continue
        if _inode(path) == before:
            break
        lock.release()  # whoever had it removed the file while we waited at it: lock the new one
    try:
        sweep(folder, but=token)
        return Part(folder, token, lock)
    except BaseException:
        lock.release()
        raise


def is_held(folder: str, token: str) -> bool:
    """Say whether somebody is at a download just now; what a killed process left is held by nobody.

    The number of a process that is gone may be somebody else's by now, so its lock is asked, and left as it is.
    """
    path = os.path.join(folder, PREFIX + token + LOCK)
    try:
        file = os.open(path, _FLAGS & ~(os.O_CREAT | os.O_RDWR))
    except OSError:
        return False
    try:
        return not _is_free(file)
    finally:
        os.close(file)


def _is_free(file: int) -> bool:
    """Say whether nobody else holds the lock of an open file."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sweep(folder: str, *, but: str = "") -> None:
    """Take away the notes of downloads that were killed between getting their name and the end."""
    with contextlib.suppress(OSError):
        names = set(os.listdir(folder))
        for name in names:
            other = name.removeprefix(PREFIX).removesuffix(RECORD).removesuffix(LOCK)
            notes = name.startswith(PREFIX) and name.endswith((RECORD, LOCK))
            if notes and other != but and PREFIX + other + PART not in names:
                lock = FileLock(os.path.join(folder, PREFIX + other + LOCK), timeout=0)
                with contextlib.suppress(Timeout), lock:
                    if not os.path.lexists(os.path.join(folder, PREFIX + other + PART)):
                        for ending in (RECORD + ".tmp", RECORD, LOCK):
                            with contextlib.suppress(FileNotFoundError):
                                os.unlink(os.path.join(folder, PREFIX + other + ending))


def no_space(folder: str, free: int, size: int | None) -> ConflictError:
    """Return the error for a full disk."""
    if size is None:
        return ConflictError(
            "no-space",
            N_("{path} is full ({free} bytes are left). What was downloaded is kept."),
            hint=N_("Free some space, then run the same command again: it goes on where it stopped."),
            path=folder,
            free=free,
        )
    return ConflictError(
        "no-space",
        N_("{path} has {free} bytes left, and {size} are needed for what is being downloaded."),
        hint=N_("Free some space, or choose another folder."),
        path=folder,
        free=free,
        size=size,
    )


def _busy(record_path: str) -> ConflictError:
    record = _read_record(record_path)
    return ConflictError(
        "download-under-way",
        N_("{name} is being downloaded already, by process {pid}."),
        hint=N_("Wait until that is done. Run the same command again afterwards: what is there is not fetched twice."),
        name=record.name if record else os.path.basename(record_path),
        pid=record.pid if record and record.pid else "?",
    )


def _open_own(path: str) -> int:
    """Open a part, made if there is none. One that is a second name of somebody's file is not written to.

    Raises:
        OSError: it is a link, a pipe, a folder.
    """
    file = os.open(path, _FLAGS, 0o666)
    about = os.fstat(file)
    if stat.S_ISREG(about.st_mode) and about.st_nlink > 1:  # the other name keeps the bytes
        os.close(file)
        os.unlink(path)
        file = os.open(path, _FLAGS | os.O_EXCL, 0o666)
        about = os.fstat(file)
    if stat.S_ISREG(about.st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "Not a regular file", path)


def _read_record(path: str) -> Record | None:
    """Return a note, which anybody may have written; None for one that does not hold what a note holds."""
    try:
        with open_regular(path) as file:
            values = json.loads(file.read(MOST_NOTE).decode("utf-8", "surrogatepass"))
        values["spans"] = tuple((start, end) for start, end in values["spans"])
        record = Record(**values)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    numbers = [record.synced, record.pid, record.since, *(edge for span in record.spans for edge in span)]
    numbers += [] if record.size is None else [record.size]
    texts = (record.source, record.page or "", record.sha256 or "", record.name, record.etag or '""')
    usable = (
        all(type(number) is int and 0 <= number < _LARGEST for number in numbers)
        and all(isinstance(text, str) for text in texts)
        and STRONG_ETAG.fullmatch(texts[-1])
    )
    return record if usable else None


def _elsewhere(folder: str) -> list[tuple[str, int]]:
    """Return the parts in a folder that other processes are at, with the sizes that they will have."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(PREFIX) and name.endswith(RECORD):
                record = _read_record(os.path.join(folder, name))
                if record is None or not record.size or record.pid == os.getpid() or not _alive(record.pid):
                    continue
                if is_held(folder, name.removeprefix(PREFIX).removesuffix(RECORD)):
                    found.append((os.path.join(folder, name.removesuffix(".json")), record.size))
    return found


def _alive(pid: int) -> bool:
    if os.name == "nt" or pid <= 0:  # os.kill would end it there
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _allocated(path: str) -> int:
    """Return the bytes that a file takes on the disk."""
    try:
        status = os.stat(path)
    except OSError:
        return 0
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512


def _inode(path: str, *, make: bool = False) -> int | None:
    if make:
        os.close(os.open(path, _FLAGS, 0o666))
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def _pwritev(file: int, chunks: Sequence[bytes], position: int) -> int:
    if sys.platform == "win32" or len(chunks) > MOST_CHUNKS:
        return 0
    return os.pwritev(file, chunks, position)


if hasattr(os, "pwrite"):

    def _pwrite(file: int, view: memoryview, position: int) -> int:
        return os.pwrite(file, view, position)

    def _preadv(file: int, view: memoryview, position: int) -> int:
        return os.preadv(file, [view], position)
else:  # Windows: a shared position, so one at a time
    _seeking = threading.Lock()

    def _pwrite(file: int, view: memoryview, position: int) -> int:
        with _seeking:
            os.lseek(file, position, os.SEEK_SET)
            return os.write(file, view)

    def _preadv(file: int, view: memoryview, position: int) -> int:
        with _seeking:
            os.lseek(file, position, os.SEEK_SET)
            data = os.read(file, len(view))
        view[: len(data)] = data
        return len(data)
