"""PNG by hand: chunks with limits, one text, and pixels of 8 bits (https://www.w3.org/TR/png-3/).

Nothing here trusts a number of the file: a chunk is compared with the bytes left, a text is unpacked up to a bound, and
pixels only up to the size that the picture says and the reader allows.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import BinaryIO

from hubman.errors import N_, Phrase

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000
MAX_TEXT = 24 << 20
"""Bytes of the text that is asked for, packed or unpacked."""
MAX_TEXTS = 64 << 20
"""Bytes of all texts; more is no picture's (Pillow's own limit, MAX_TEXT_MEMORY)."""
MAX_KEYWORD = 79
MAX_SIDE = 32_768
MAX_DATA = 256 << 20
CHANNELS = {2: 3, 6: 4}
"""Colour type -> bytes of a pixel at 8 bits: RGB and RGBA."""
TEXTS = (b"tEXt", b"zTXt", b"iTXt")


class PngError(Exception):
    """The picture cannot be read; `why` says it in words."""

    def __init__(self, template: str, **fields: object) -> None:
        self.why = Phrase(template, **fields)
        super().__init__(self.why)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Rows of `channels` bytes a pixel (RGB or RGBA), from the top, without filters."""

    width: int
    height: int
    channels: int
    data: bytes


@dataclass(slots=True)
class Png:
    """What the chunks say, and where the pixels lie.

    Attributes:
        text: the content of the text chunk that was asked for, b"" when there is none.
        odd: what a careful person would want to know.
    """

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    text: bytes = b""
    packed: list[bytes] = field(default_factory=list)
    odd: list[Phrase] = field(default_factory=list)

    def pixels(self, rows: int | None = None) -> Pixels | None:
        """Unpack the pixels, of the first `rows` rows or of all; None for the kinds of PNG that A1111 does not write.

        Raises:
            PngError: they are cut off or damaged.
        """
        channels = CHANNELS.get(self.colour)
        if self.depth != 8 or channels is None or self.interlaced or not self.packed:
            return None
        stride = self.width * channels
        height = self.height if rows is None else min(rows, self.height)
        wanted = (stride + 1) * height
        try:
            raw = zlib.decompressobj().decompress(b"".join(self.packed), wanted)
        except zlib.error:
            raise PngError(N_("its pixels cannot be unpacked")) from None
        if len(raw) < wanted:
            raise PngError(N_("its pixels are cut off"))
        return Pixels(self.width, height, channels, _unfiltered(raw, stride, channels))


def read_png(file: BinaryIO, keyword: str) -> Png:
    """Walk the chunks of an open PNG; keep the pixels and the text of one keyword.

    Raises:
        PngError: it is no PNG, is cut off, or is larger than any picture.
        OSError: it cannot be read.
    """
    size = os.fstat(file.fileno()).st_size
    if file.read(8) != MAGIC:
        raise PngError(N_("it does not begin as a PNG"))
    png: Png | None = None
    texts = data = 0
    wanted = keyword.encode("latin-1") + b"\0"
    for kind, length in _chunks(file, size):
        if png is None:
            png = _first(kind, file.read(length) if length == 13 else b"")
        elif kind == b"IDAT":
            data += length
            if data > MAX_DATA:
                raise PngError(N_("it is larger than any picture"))
            png.packed.append(file.read(length))
        elif kind in TEXTS:
            texts += length
            if texts > MAX_TEXTS:
                raise PngError(N_("it has {size} bytes of text, more than any picture"), size=texts)
            head = file.read(min(length, MAX_KEYWORD + 1))
            if head.startswith(wanted) and length <= MAX_TEXT and not png.text:
                png.text = _text(kind, (head + file.read(length - len(head)))[len(wanted) :])
    if png is None:
        raise PngError(N_("it is cut off"))
    if file.tell() < size:
        png.odd.append(Phrase(N_("there are bytes after the end of the picture")))
    return png


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield (kind, length) with the file at the chunk's content; step over what the caller left unread."""
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            raise PngError(N_("it is cut off"))
        length, kind = struct.unpack(">I4s", head)
        start = file.tell()
        if length > size - start - 4:
            raise PngError(N_("it is cut off"))
        if kind == b"IEND":
            file.seek(start + length + 4)
            return
        yield kind, length
        file.seek(start + length + 4)
    raise PngError(N_("it has more parts than any picture"))


def _first(kind: bytes, content: bytes) -> Png:
    if kind != b"IHDR" or len(content) != 13:
        raise PngError(N_("it does not begin as a PNG"))
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", content)
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE:
        raise PngError(N_("it says it is {width} × {height} pixels large"), width=width, height=height)
    return Png(width, height, depth, colour, interlace != 0)


def _text(kind: bytes, content: bytes) -> bytes:
    """Return the text of a chunk whose keyword has been taken off; b"" for what cannot be unpacked."""
    if kind == b"tEXt":
        return content
    if kind == b"zTXt":
        return _inflated(content[1:])
    packed, text = content[:1] == b"\1", content[2:].split(b"\0", 2)[-1]
    return _inflated(text) if packed else text


def _inflated(packed: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, MAX_TEXT)
    except zlib.error:
        return b""
    return text if unpacker.eof else b""


# --- filters -------------------------------------------------------------------------------------------------------
def _unfiltered(raw: bytes, stride: int, step: int) -> bytes:
    """Undo the filter of every row: each byte was written as its difference from its neighbours."""
    rows = bytearray()
    above = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        if kind == 1:
            _add_left(row, step)
        elif kind == 2:
            row = _added(row, above)
        elif kind == 3:
            _add_mean(row, above, step)
        elif kind == 4:
            _add_paeth(row, above, step)
        elif kind:
            raise PngError(N_("its pixels cannot be unpacked"))
        rows += row
        above = row
    return bytes(rows)


def _added(row: bytearray, above: bytearray) -> bytearray:
    """Add two rows byte by byte, as two large numbers: the high bits apart, so that no byte carries into the next."""
    low = int.from_bytes(b"\x7f" * len(row), "little")
    one, other = int.from_bytes(row, "little"), int.from_bytes(above, "little")
    total = (one & low) + (other & low) ^ (one ^ other) & ~low
    return bytearray(total.to_bytes(len(row), "little"))


def _add_left(row: bytearray, step: int) -> None:
    for channel in range(step):
        row[channel::step] = bytes([value & 0xFF for value in accumulate(row[channel::step])])


def _add_mean(row: bytearray, above: bytearray, step: int) -> None:
    for index in range(len(row)):
        left = row[index - step] if index >= step else 0
        row[index] = (row[index] + (left + above[index]) // 2) & 0xFF


def _add_paeth(row: bytearray, above: bytearray, step: int) -> None:
    """Add the neighbour (left, above, above left) that is nearest to left + above - above left."""
    for index in range(len(row)):
        left = row[index - step] if index >= step else 0
        over = above[index]
        corner = above[index - step] if index >= step else 0
        to_left, to_over, to_corner = abs(over - corner), abs(left - corner), abs(left + over - 2 * corner)
        if to_left <= to_over and to_left <= to_corner:
            over = left
        elif to_over > to_corner:
            over = corner
        row[index] = (row[index] + over) & 0xFF
