"""Bytes that hubs serve: in memory, in a real file, or made up block by block so that half a gigabyte costs nothing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import BinaryIO

from hubman.core.types import Hashes
from hubman.disk.digest import Others, Tensors, Whole

BLOCK = 1 << 20


class Content:
    """What a file holds. `pieces` yields memoryviews that are sent without a copy."""

    size: int

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """Yield the bytes from `start` to before `end`."""
        raise NotImplementedError

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Return a part of it as bytes."""
        return b"".join(self.pieces(start, self.size if end is None else end))

    def opened(self) -> BinaryIO | None:
        """Return an open file that holds exactly these bytes, for os.sendfile; None where there is none."""
        return None

    @cached_property
    def hashes(self) -> Hashes:
        """All hashes, computed by hubman's own groups when somebody first asks."""
        whole, others = Whole(), Others()
        offset = _data_offset(self.read(0, min(8, self.size)), self.size)
        groups: list[Whole | Others | Tensors] = [whole, others]
        tensors = None if offset is None else Tensors(offset)
        if tensors:
            groups.append(tensors)
        position = 0
        for piece in self.pieces(0, self.size):
            for group in groups:
                group.take(piece, position)
            position += len(piece)
        sha256 = whole.sha256.hexdigest()
        return Hashes(
            sha256=sha256,
            autov1=hashlib.sha256(others.window).hexdigest()[:8] if others.window else None,
            autov2=sha256[:10],
            autov3=tensors.sha256.hexdigest()[:12] if tensors else None,
            crc32=f"{others.crc32:08x}",
            blake3=others.blake3.hexdigest(),
        )

    @cached_property
    def etag(self) -> str:
        """A strong ETag; it says nothing of the sha256, as at the real stores."""
        head = hashlib.md5(f"{self.size}".encode() + self.read(0, min(4096, self.size)), usedforsecurity=False)
        return f'"{head.hexdigest()}"'

    @cached_property
    def blob_id(self) -> str:
        """A made-up git object id: 40 hex."""
        return hashlib.sha1(self.etag.encode(), usedforsecurity=False).hexdigest()


class Held(Content):
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """See Content."""
        view = memoryview(self.data)
        for position in range(start, end, BLOCK):
            yield view[position : min(position + BLOCK, end)]


class OnDisk(Content):
    """A real file: sent with os.sendfile where the system has it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.size = os.stat(self.path).st_size

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """See Content."""
        with open(self.path, "rb") as file:
            file.seek(start)
            while start < end and (data := file.read(min(BLOCK, end - start))):
                start += len(data)
                yield memoryview(data)

    def opened(self) -> BinaryIO | None:
        """See Content."""
        return open(self.path, "rb") if hasattr(os, "sendfile") else None


class Seeded(Content):
    """`head` and then random bytes up to `size`, made from a seed: nothing is held but one block.

    Every block is the same noise after its own number, so that a block that is written to the wrong place, twice or
    not at all changes every hash.
    """

    def __init__(self, size: int, seed: int = 0, head: bytes = b"") -> None:
        self.size, self.seed, self.head = size, seed, head[:size]

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """See Content."""
        if start < len(self.head):
            yield memoryview(self.head)[start:end]
            start = len(self.head)
        noise = memoryview(_noise(self.seed))
        while start < end:
            number, within = divmod(start - len(self.head), BLOCK)
            length = min(BLOCK - within, end - start)
            label = struct.pack("<QQ", number, self.seed & (2**64 - 1))[within : within + length]
            if label:
                yield memoryview(label)
            if length > len(label):
                yield noise[within + len(label) : within + length]
            start += length


class Promised(Content):
    """A content that is only talked about: its size and hashes are said, and there are no bytes. For look-ups."""

    def __init__(self, hashes: Hashes | str, size: int = 151_111_672) -> None:
        self.size = size
        self._said = Hashes(hashes, None, hashes[:10], None) if isinstance(hashes, str) else hashes
        self.__dict__["hashes"] = self._said  # instead of the computed ones
        self.__dict__["etag"] = f'"{self._said.sha256[:32]}"'

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """Refuse: nobody should have asked."""
        raise LookupError("this content was only promised: the test gave no bytes for it")


@lru_cache(maxsize=4)
def _noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(BLOCK)


def content_of(what: Content | bytes | str | os.PathLike[str]) -> Content:
    """Return a content: of bytes, or of the file at a path."""
    if isinstance(what, Content):
        return what
    return Held(what) if isinstance(what, bytes) else OnDisk(what)


def big_safetensors(size: int, seed: int = 0, metadata: Mapping[str, str] | None = None) -> Seeded:
    """Return a valid safetensors of exactly `size` bytes with one tensor of noise; nothing of it is held in memory."""
    tensors: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    length = 1024  # of the header, padded with blanks as the format allows
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight"
    tensors[key] = {"dtype": "U8", "shape": [size - 8 - length], "data_offsets": [0, size - 8 - length]}
    text = json.dumps(tensors, ensure_ascii=False).encode()
    if len(text) > length or size < 8 + length:
        raise ValueError("the metadata is too long, or the size too small, for this simple maker")
    return Seeded(size, seed, struct.pack("<Q", length) + text.ljust(length))


def picture(width: int = 8, height: int = 8, red: int = 200) -> bytes:
    """Return a real PNG of one colour."""
    rows = b"".join(b"\0" + bytes((red, 90, 30)) * width for _ in range(height))

    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def evil_pickle(command: str = "echo executed") -> bytes:
    """Return a pickle that would run a command when somebody unpickles it. Nobody does: it is served, and refused."""
    return b"cposix\nsystem\n(S'" + command.encode() + b"'\ntR."


def _data_offset(first: bytes, size: int) -> int | None:
    """Return where the tensors begin if this looks like a safetensors file, else None."""
    if len(first) < 8:
        return None
    (length,) = struct.unpack("<Q", first)
    return 8 + length if 2 <= length <= min(100_000_000, size - 9) else None
