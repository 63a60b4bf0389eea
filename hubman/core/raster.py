"""Is this a raster picture? First and last bytes and measures say so; a page, a script or an SVG is none. Pure."""

from __future__ import annotations

import struct

LONGEST_SIDE = 20_000
"""Pixels. A picture that claims more is made to fill a memory."""


def raster_ending(data: bytes) -> str | None:
    """Return the ending (`png`, `jpg`, `webp`, `gif`) of a whole raster picture, None for anything else."""
    for ending, measures in (("png", _png), ("jpg", _jpeg), ("webp", _webp), ("gif", _gif)):
        found = measures(data)
        if found is not None:
            return ending if all(0 < side <= LONGEST_SIDE for side in found) else None
    return None


def _png(data: bytes) -> tuple[int, int] | None:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 33 or b"IEND" not in data[-64:]:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _gif(data: bytes) -> tuple[int, int] | None:
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 14 or b";" not in data[-8:]:
        return None
    width, height = struct.unpack("<HH", data[6:10])
    return width, height


def _webp(data: bytes) -> tuple[int, int] | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    if struct.unpack("<I", data[4:8])[0] + 8 > len(data):
        return None  # cut off
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Walk the segments to the frame header: a JPEG may begin with any number of others."""
    if data[:3] != b"\xff\xd8\xff" or b"\xff\xd9" not in data[-4096:]:
        return None
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None
