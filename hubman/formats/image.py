"""Pictures, and the embedding that may hide in one: A1111's `image_embedding.py` writes it in two ways.

As a text: the PNG chunk `sd-ti-embedding` holds base64 of JSON, in which {"TORCHTENSOR": nested lists} stands for a
tensor. And in the colours: the JSON, compressed by zlib, stands beside the picture. Each byte is split; its lower half
is in the low four bits of the columns left of the picture, its upper half in those right of it, row by row, red, green
and blue in turn. A black column separates them from the picture, and both are XORed with a stream of pseudo-random
numbers (a linear congruential generator modulo 2^32 with the factors of Numerical Recipes, the state modulo 255).

Pixels are decoded here for PNG (hubman.formats._png). Lossless WEBP needs Pillow; a lossy picture has lost them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from hubman.core.types import Finding, Format, Header, Safety, TensorInfo
from hubman.errors import N_, Phrase
from hubman.formats._png import Pixels, Png, PngError, read_png
from hubman.opening import open_regular

KEYWORD = "sd-ti-embedding"
TENSOR = "TORCHTENSOR"
MAX_JSON = 16 << 20
"""Letters of the JSON: 75 vectors of SDXL written out as numbers are 3 MB."""
MAX_DIMENSIONS = 8
MAX_NODES = 10_000
MAX_NAME = 1024
MAX_PIXELS = 2_500_000
"""Pixels of a picture in whose colours an embedding is looked for; A1111 writes 512 to 768 on a side, and margins."""
MAX_MARGIN = 4 << 20
"""Bytes of the columns on one side of the picture."""
MAX_WEBP = 64 << 20
FIRST_ROWS = 8
"""Rows that are enough to tell a picture with two black columns from nearly every other one."""
FACTOR, SUMMAND, MODULUS, RANGE = 1664525, 1013904223, 1 << 32, 255


def read(path: str | os.PathLike[str]) -> Header:
    """Return the header of a picture, with the tensors of an embedding when one hides in it.

    A picture that cannot be looked into is no error; a finding says what was not done.

    Raises:
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        magic = file.read(16)
        file.seek(0)
        if magic.startswith(b"\x89PNG\r\n\x1a\n"):
            return _read_png(file)
        if magic.startswith(b"RIFF") and magic[8:12] == b"WEBP":
            return _read_webp(file)
    return _picture()


def _picture(*findings: Finding) -> Header:
    return Header(Format.IMAGE, {}, safety=Safety.NOT_APPLICABLE, findings=findings)


def _odd(reference: str, template: str, **fields: object) -> Finding:
    return Finding(reference, Phrase(template, **fields))


# --- where it hides ------------------------------------------------------------------------------------------------
def _read_png(file: BinaryIO) -> Header:
    try:
        png = read_png(file, KEYWORD)
    except PngError as error:
        return _picture(Finding("image-unreadable", error.why))
    findings = tuple(Finding("image-odd", why) for why in png.odd)
    if png.text:
        found = _embedding(_from_base64(png.text))
        return _embedded(found, findings) if found else _broken(findings)
    found = _in_colours(png)
    return _embedded(found, findings) if found else _picture(*findings)


def _in_colours(png: Png) -> Mapping[str, object] | None:
    if png.width * png.height > MAX_PIXELS:
        return None
    try:
        beginning = png.pixels(FIRST_ROWS)
        if beginning is None or len(_black_columns(list(_rows(beginning)))) < 2:
            return None
        pixels = png.pixels()
    except PngError:
        return None
    return _hidden(list(_rows(pixels))) if pixels else None


def _read_webp(file: BinaryIO) -> Header:
    head = file.read(32)
    lossless = head[12:16] == b"VP8L" or (head[12:16] == b"VP8X" and b"VP8L" in file.read(1 << 16))
    if not lossless:
        return _picture()
    try:
        from PIL import Image
    except ImportError:
        text = N_("an embedding may hide in this lossless WEBP; to look for it: pip install pillow")
        return _picture(_odd("image-unsupported", text))
    file.seek(0)
    if os.fstat(file.fileno()).st_size > MAX_WEBP:
        return _picture()
    try:
        with Image.open(file, formats=["WEBP"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return _picture()
            rgb = picture.convert("RGB")
            rows = list(_rows(Pixels(rgb.width, rgb.height, 3, rgb.tobytes())))
            found = _hidden(rows) if len(_black_columns(rows[:FIRST_ROWS])) > 1 else None
    except Exception as error:  # Pillow's plugins raise nearly anything on a damaged file
        return _picture(_odd("image-unreadable", N_("the picture cannot be read: {what}"), what=type(error).__name__))
    return _embedded(found, ()) if found else _picture()


def _embedded(tree: Mapping[str, object], findings: tuple[Finding, ...]) -> Header:
    tensors = dict(_flattened(tree))
    digest = hashlib.blake2b(repr(tree).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
    told = _odd("image-embedding", N_("an embedding hides in this picture"))
    return Header(
        Format.IMAGE, tensors, {}, tree, safety=Safety.NOT_APPLICABLE, findings=(told, *findings), digest=digest
    )


def _broken(findings: tuple[Finding, ...]) -> Header:
    told = _odd("image-embedding-broken", N_("an embedding hides in this picture, and it is damaged"))
    return _picture(told, *findings)


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return b""


# --- in the colours ------------------------------------------------------------------------------------------------
def _hidden(rows: list[bytes]) -> Mapping[str, object] | None:
    """Return the embedding that stands in the columns beside the picture, or None as for nearly every picture."""
    inner = _without_black(rows)
    if inner is None:
        return None
    black = _black_columns(inner)
    if len(black) < 2:
        return None
    left, right = 3 * black[0], 3 * (black[-1] + 1)
    lower, upper = b"".join([row[:left] for row in inner]), b"".join([row[right:] for row in inner])
    if not 0 < len(lower) == len(upper) <= MAX_MARGIN:
        return None
    mask = _mask(len(lower))
    joined = bytes(
        ((high ^ noise) & 0x0F) << 4 | (low ^ noise) & 0x0F for low, high, noise in zip(lower, upper, mask, strict=True)
    )
    with contextlib.suppress(zlib.error):
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(joined, MAX_JSON)
        return _embedding(text) if unpacker.eof else None
    return None


def _rows(pixels: Pixels) -> Iterator[bytes]:
    """Yield each row as red, green and blue only."""
    stride = pixels.width * pixels.channels
    for start in range(0, stride * pixels.height, stride):
        row = pixels.data[start : start + stride]
        if pixels.channels == 4:
            three = bytearray(pixels.width * 3)
            three[0::3], three[1::3], three[2::3] = row[0::4], row[1::4], row[2::4]
            row = bytes(three)
        yield row


def _without_black(rows: list[bytes]) -> list[bytes] | None:
    """Cut the border off in which every pixel has a colour that is 0, as the writer's reader does."""
    coloured = [index for index, row in enumerate(rows) if _coloured(row)]
    if not coloured:
        return None
    inner = rows[coloured[0] : coloured[-1] + 1]
    width = len(rows[0]) // 3
    left = next(x for x in range(width) if any(_all(row, x) for row in inner))
    right = next(x for x in range(width - 1, -1, -1) if any(_all(row, x) for row in inner))
    return [row[left * 3 : right * 3 + 3] for row in inner]


def _coloured(row: bytes) -> bool:
    return any(map(all, zip(row[0::3], row[1::3], row[2::3], strict=True)))


def _all(row: bytes, x: int) -> bool:
    return bool(row[3 * x] and row[3 * x + 1] and row[3 * x + 2])


def _black_columns(rows: list[bytes]) -> list[int]:
    """Return the columns in which all low halves are 0."""
    candidates = list(range(len(rows[0]) // 3))
    for row in rows:
        candidates = [x for x in candidates if not (row[3 * x] | row[3 * x + 1] | row[3 * x + 2]) & 0x0F]
        if len(candidates) < 2:
            return []
    return candidates


def _mask(length: int) -> bytes:
    """Return the stream that both margins are XORed with."""
    mask = bytearray()
    state = 0
    for _ in range(length):
        state = (FACTOR * state + SUMMAND) % MODULUS
        mask.append(state % RANGE & 0x0F)
    return bytes(mask)


# --- the object ----------------------------------------------------------------------------------------------------
def _embedding(text: bytes) -> Mapping[str, object] | None:
    """Parse the JSON of an embedding; each tensor in it becomes its TensorInfo. None for anything else."""
    if not text or len(text) >= MAX_JSON:
        return None
    try:
        value = _Converter().convert(json.loads(text), 0)
    except (ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(value, dict) or not any(True for _ in _flattened(value)):
        return None
    return value


class _Converter:
    def __init__(self) -> None:
        self.left = MAX_NODES

    def convert(self, value: object, depth: int) -> object:
        self.left -= 1
        if self.left < 0 or depth > MAX_DIMENSIONS:
            raise ValueError("larger than any embedding")
        if isinstance(value, dict):
            if TENSOR in value:
                return TensorInfo(_shape(value[TENSOR]), "F32")
            return {str(key)[:MAX_NAME]: self.convert(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.convert(item, depth + 1) for item in value]
        return value


def _shape(value: object) -> tuple[int, ...]:
    """Return the shape of nested lists of numbers.

    Raises:
        ValueError: they are ragged, too deep, or no numbers.
    """
    shape: list[int] = []
    level: list[object] = [value]
    while level and isinstance(level[0], list):
        sizes = {len(part) if isinstance(part, list) else -1 for part in level}
        if len(sizes) != 1 or len(shape) >= MAX_DIMENSIONS:
            raise ValueError("no tensor")
        shape.append(sizes.pop())
        level = [item for part in level if isinstance(part, list) for item in part]
    if not set(map(type, level)) <= {int, float}:
        raise ValueError("no tensor")
    return tuple(shape)


def _flattened(tree: object, path: str = "") -> Iterator[tuple[str, TensorInfo]]:
    """Yield (path of keys joined by ".", tensor), as the pickle reader names them."""
    if isinstance(tree, TensorInfo):
        yield path, tree
    elif isinstance(tree, (dict, list)):
        for key, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _flattened(item, f"{path}.{key}" if path else str(key))
