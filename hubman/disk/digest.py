"""All hashes of a file in one read.

Definitions (docs/formats.md "Hashes"): AutoV1 = sha256 of 64 KiB at offset 1 MiB, 8 hex, and meaningless for files of
1 MiB or less (every such file would get e3b0c442, the hash of nothing); AutoV2 = first 10 hex of the file's sha256;
AutoV3 = first 12 hex of the sha256 of the bytes after a safetensors header.

A large file goes through a ring of buffers: the calling thread fills them, and one thread for each group of hashes
(sha256 of the whole | sha256 of the tensors | BLAKE3, CRC32 and AutoV1) takes them in order. hashlib, blake3 and isal
release the GIL, so the groups run side by side. Never memory-mapped: a file that is truncated meanwhile would kill the
process (SIGBUS), and a failing disk too.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from typing import Protocol

from blake3 import blake3

from hubman.core.types import Hashes
from hubman.disk.pages import GuestReader
from hubman.errors import N_, ConflictError
from hubman.opening import open_regular

try:
    from isal.isal_zlib import crc32  # the same CRC-32 for a sixth of zlib's CPU
except ImportError:  # no wheel for this platform (Windows on ARM)
    from zlib import crc32

CHUNK = 1 << 20
RING = 8
"""Buffers of CHUNK bytes. More or larger ones are no faster (measured: 16 x 256 KiB, 8 x 1 MiB, 4 x 4 MiB)."""
WORTH_THREADS = 4 << 20
"""Bytes of a file from which on threads are used.

Measured on two cores, the threads being there already: for 13 KB they take 3 times as long and 4 times the CPU; at
1 MiB they save a sixth of the time for a fifth more CPU; from 4 MiB on a third of the time for about the same CPU.
"""
AUTOV1_OFFSET = 0x100000
AUTOV1_LENGTH = 0x10000
Progress = Callable[[int], None]


class Group(Protocol):
    """Hashes that are computed by one thread."""

    def take(self, part: memoryview, position: int) -> None:
        """Hash the bytes that begin at `position`; called in the order of the file."""


class Whole:
    """sha256 of everything."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def take(self, part: memoryview, position: int) -> None:
        """See Group."""
        self.sha256.update(part)


class Tensors:
    """sha256 of what follows the header."""

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.sha256 = hashlib.sha256()

    def take(self, part: memoryview, position: int) -> None:
        """See Group."""
        if position + len(part) > self.begin:
            self.sha256.update(part[max(0, self.begin - position) :])


class Others:
    """BLAKE3, CRC32 and the window of AutoV1: together cheaper than one sha256."""

    def __init__(self) -> None:
        self.blake3 = blake3()
        self.crc32 = 0
        self.window = b""

    def take(self, part: memoryview, position: int) -> None:
        """See Group."""
        self.blake3.update(part)
        self.crc32 = crc32(part, self.crc32)
        if position + len(part) > AUTOV1_OFFSET and len(self.window) < AUTOV1_LENGTH:
            start = max(0, AUTOV1_OFFSET - position)
            self.window += part[start : start + AUTOV1_LENGTH - len(self.window)]


class Digester:
    """Hashes one file after another. Threads and buffers are made at the first large file and kept for the next ones.

    Use it as a context manager from one thread; the end of it ends the threads.
    """

    def __init__(self) -> None:
        self._buffers: list[memoryview] = [memoryview(bytearray(CHUNK))]
        self._threads: list[ThreadPoolExecutor] = []
        self._open = ExitStack()

    def __enter__(self) -> Digester:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def file(self, path: str, data_offset: int | None = None, progress: Progress | None = None) -> Hashes:
        """Hash a file.

        Args:
            path: the file.
            data_offset: where a safetensors file's tensors begin; gives AutoV3.
            progress: called in this thread with the number of bytes of every step; what it raises ends the hashing.

        Raises:
            ConflictError: `changed-while-reading`, the file was written to or replaced meanwhile, so no hash is true.
            OSError: it cannot be read.
        """
        whole, others = Whole(), Others()
        tensors = Tensors(data_offset) if data_offset is not None else None
        groups: list[Group] = [whole, tensors, others] if tensors else [whole, others]
        length = self._read(path, groups, progress)
        sha256 = whole.sha256.hexdigest()
        return Hashes(
            sha256=sha256,
            autov1=hashlib.sha256(others.window).hexdigest()[:8] if others.window else None,
            autov2=sha256[:10],
            autov3=tensors.sha256.hexdigest()[:12] if tensors and tensors.begin < length else None,
            crc32=f"{others.crc32:08x}",
            blake3=others.blake3.hexdigest(),
        )

    def members(self, root: str, members: Iterable[str], progress: Progress | None = None) -> Hashes:
        """Hash a model of several files: sha256 over the sorted lines `relative path NUL sha256 LF`.

        It has no other hashes: there is no one sequence of bytes that they would be of.
        """
        lines = []
        for member in sorted(members):
            whole = Whole()
            self._read(os.path.join(root, member), [whole], progress)
            lines.append(f"{member}\0{whole.sha256.hexdigest()}\n".encode(errors="surrogateescape"))
        total = hashlib.sha256(b"".join(lines)).hexdigest()
        return Hashes(sha256=total, autov1=None, autov2=total[:10], autov3=None)

    def _read(self, path: str, groups: Sequence[Group], progress: Progress | None) -> int:
        """Give the bytes of a file to every group; return how many they were."""
        with open_regular(path) as file, GuestReader(file) as source:
            before = os.fstat(file.fileno())
            feed = self._here if before.st_size < WORTH_THREADS else self._in_threads
            length = feed(source, groups, _Steps(before.st_size, progress))
            after = os.fstat(file.fileno())
        if length != after.st_size or _state(before) != _state(after) or not _is_at(path, after):
            raise ConflictError(
                "changed-while-reading",
                N_("{path} changed while it was read."),
                hint=N_("Wait until whatever writes it is done, then run `hubman sync` again."),
                path=path,
            )
        return length

    def _here(self, source: GuestReader, groups: Sequence[Group], steps: _Steps) -> int:
        """Hash in the calling thread."""
        view = self._buffers[0]
        while steps.more and (length := source.fill(view)):
            for group in groups:
                group.take(view[:length], steps.position)
            steps.add(length)
        return steps.position

    def _in_threads(self, source: GuestReader, groups: Sequence[Group], steps: _Steps) -> int:
        """Fill the ring here, and hash in a thread for each group."""
        lanes = [_Lane(group, thread) for group, thread in zip(groups, self._make_threads(), strict=False)]
        try:
            for number in count():
                view = self._buffers[number % RING]
                for lane in lanes:
                    lane.wait_for_room()
                length = source.fill(view) if steps.more else 0
                if not length:
                    break
                for lane in lanes:
                    lane.hand(view[:length], steps.position)
                steps.add(length)
            for lane in lanes:
                lane.finish()
        finally:  # whatever happened, nobody may be reading the buffers when the next file comes
            for lane in lanes:
                lane.abandon()
        return steps.position

    def _make_threads(self) -> Sequence[ThreadPoolExecutor]:
        if not self._threads:
            self._buffers += [memoryview(bytearray(CHUNK)) for _ in range(RING - 1)]
            self._threads = [self._open.enter_context(ThreadPoolExecutor(1, "hash")) for _ in range(3)]
        return self._threads


class _Steps:
    """How far the reading of one file came."""

    def __init__(self, size: int, progress: Progress | None) -> None:
        self._size, self._progress = size, progress
        self.position = 0

    @property
    def more(self) -> bool:
        """False once more was read than there was: somebody appends as fast as we read, and there is no end."""
        return self.position <= self._size

    def add(self, length: int) -> None:
        self.position += length
        if self._progress:
            self._progress(length)


class _Lane:
    """One group of hashes of one file in its thread, at most RING chunks behind the reader."""

    def __init__(self, group: Group, thread: ThreadPoolExecutor) -> None:
        self._group, self._thread = group, thread
        self._chunks: deque[Future[None]] = deque()

    def wait_for_room(self) -> None:
        """Wait until the buffer that was handed over RING chunks ago is free again."""
        if len(self._chunks) == RING:
            self._chunks[0].result()
            self._chunks.popleft()

    def hand(self, part: memoryview, position: int) -> None:
        self._chunks.append(self._thread.submit(self._group.take, part, position))

    def finish(self) -> None:
        """Wait for everything; raises what the hashing raised."""
        for chunk in self._chunks:
            chunk.result()
        self._chunks.clear()

    def abandon(self) -> None:
        """Forget what was not begun, and wait for the rest."""
        for chunk in self._chunks:
            chunk.cancel()
        wait(self._chunks)


def digest_file(path: str, data_offset: int | None = None, progress: Progress | None = None) -> Hashes:
    """Hash one file; see Digester.file."""
    with Digester() as digester:
        return digester.file(path, data_offset, progress)


def digest_members(root: str, members: Iterable[str], progress: Progress | None = None) -> Hashes:
    """Hash one model of several files; see Digester.members."""
    with Digester() as digester:
        return digester.members(root, members, progress)


def with_written(hashes: Hashes, written: str | None) -> Hashes:
    """Add the AutoV3 that the header itself claims, when it is one (12 or more hex digits, not the hash of nothing)."""
    if not written:
        return hashes
    clean = written.strip().lower()
    bare = clean.removeprefix("0x")
    if len(bare) < 12 or not set(bare) <= set("0123456789abcdef") or bare.startswith("e3b0c44298fc"):
        return hashes
    return replace(hashes, autov3_written=clean[:12])


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _is_at(path: str, status: os.stat_result) -> bool:
    """Say whether a path still names the file of that status, and not one that was put in its place."""
    try:
        now = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    same_file = os.name == "nt" or os.path.samestat(now, status)  # on Windows an open file cannot be replaced
    return same_file and _state(now) == _state(status)
