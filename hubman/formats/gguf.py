"""GGUF (ggml-org/ggml docs/gguf.md, versions 2 and 3): metadata and tensor table, every length checked before use.

Dimensions are stored innermost first; they are turned round here so that shapes read as torch prints them
(`comfy.gguf.orig_shape.<name>` gives back a shape that the converter had to flatten, city96/ComfyUI-GGUF).
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
import struct
from collections.abc import Mapping
from itertools import pairwise
from typing import BinaryIO

from hubman.core.types import Format, Header, Safety, TensorInfo
from hubman.errors import N_, IntegrityError, Phrase
from hubman.opening import open_regular

MAX_PAIRS = 65_536
MAX_TENSORS = 200_000
MAX_KEY = 64 << 10
MAX_STRING = 16 << 20
MAX_TEXTS = 64 << 20
"""Bytes of all texts: a vocabulary of 256,000 words and its merges are 10 MB."""
MAX_STRINGS = 2_000_000
"""Texts in arrays, of the whole file: a vocabulary of 256,000 words has about 800,000 with its merges."""
MAX_NAME = 1024
MAX_SHAPE_TEXT = 200
MAX_DIMENSIONS = 8
MAX_SIZE = 1 << 62

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9

TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""Type number -> (name, elements in a block, bytes in a block): ggml.c `type_traits`."""


class _InvalidError(Exception):
    """The file breaks a rule; `why` says which, `reference` which kind of failure it is."""

    reference = "gguf-header"

    def __init__(self, template: str, **fields: object) -> None:
        self.why = Phrase(template, **fields)
        super().__init__(self.why)


class _CutError(_InvalidError):
    """The file ends before what it describes."""

    reference = "gguf-truncated"


class _UnsupportedError(_InvalidError):
    """Another version or byte order."""

    reference = "gguf-unsupported"


def read(path: str | os.PathLike[str]) -> Header:
    """Read the metadata and the tensor table of a GGUF file.

    Raises:
        IntegrityError: `gguf-truncated`, `gguf-header`, or `gguf-unsupported` for other versions and byte orders.
        OSError: the file cannot be read.
    """
    name = os.path.basename(os.fspath(path))
    try:
        with io.BufferedReader(open_regular(path)) as file:  # type: ignore[type-var]
            return _read(_Cursor(file))
    except _InvalidError as error:
        raise IntegrityError(
            error.reference,
            N_("{name} is no readable GGUF file: {why}"),
            hint=N_("download it again"),
            name=name,
            why=error.why,
        ) from None


class _Cursor:
    """Reads forward; no length is believed before it is compared with the bytes left."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = os.fstat(file.fileno()).st_size
        self.left = self.size
        self.digest = hashlib.blake2b(digest_size=16)
        self.texts = MAX_TEXTS
        self.strings = MAX_STRINGS

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise _CutError(N_("it ends too early"))
        data = self.file.read(count)
        if len(data) < count:
            raise _CutError(N_("it ends too early"))
        self.left -= count
        self.digest.update(data)
        return data

    def skip(self, count: int) -> None:
        if count > self.left:
            raise _CutError(N_("it ends too early"))
        self.file.seek(count, 1)
        self.left -= count

    def number(self, code: str) -> int:
        value: int = struct.unpack(code, self.take(struct.calcsize(code)))[0]
        return value

    def text(self, limit: int) -> str:
        length = self.number("<Q")
        if length > self.left:
            raise _CutError(N_("it ends too early"))
        self.texts -= length
        if length > limit or self.texts < 0:
            raise _InvalidError(N_("it has a text that is too long"))
        return self.take(length).decode("utf-8", "replace")


def _read(cursor: _Cursor) -> Header:
    cursor.take(4)
    version = cursor.number("<I")
    if version not in (2, 3):
        if version and not version & 0xFFFF:
            raise _UnsupportedError(N_("its bytes are in the order of another kind of computer (big-endian)"))
        raise _UnsupportedError(N_("version {version} is not supported, only 2 and 3 are"), version=version)
    tensor_count, pair_count = cursor.number("<Q"), cursor.number("<Q")
    if tensor_count > MAX_TENSORS or pair_count > MAX_PAIRS:
        raise _InvalidError(N_("it claims more entries than any model has"))
    metadata: dict[str, str] = {}
    for _ in range(pair_count):
        key = cursor.text(MAX_KEY)
        if key in metadata:
            raise _InvalidError(N_("a metadata key occurs twice"))
        metadata[key] = _shown(_value(cursor, cursor.number("<I")))
    tensors, end = _tensors(cursor, tensor_count, metadata)
    start = _aligned(cursor.file.tell(), _alignment(metadata))
    if tensors and start + end > cursor.size:
        raise _CutError(N_("it ends {missing} bytes too early"), missing=start + end - cursor.size)
    return Header(Format.GGUF, tensors, metadata, safety=Safety.NOT_APPLICABLE, digest=cursor.digest.hexdigest())


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _value(cursor: _Cursor, kind: int, nested: bool = False) -> object:
    if kind == STRING:
        return cursor.text(MAX_STRING)
    if kind in SCALARS:
        code = SCALARS[kind]
        return struct.unpack(code, cursor.take(struct.calcsize(code)))[0]
    if kind != ARRAY or nested:
        raise _InvalidError(N_("a metadata value has an unknown type"))
    return _array(cursor)


def _array(cursor: _Cursor) -> object:
    """Step over an array: vocabularies have 100,000 entries that nobody here reads. Short ones are kept."""
    kind, count = cursor.number("<I"), cursor.number("<Q")
    least = 8 if kind == STRING else struct.calcsize(SCALARS[kind]) if kind in SCALARS else 0
    if not least:
        raise _InvalidError(N_("a metadata value has an unknown type"))
    if count > cursor.left // least:
        raise _CutError(N_("it ends too early"))
    if count <= MAX_DIMENSIONS:
        return tuple(_value(cursor, kind, nested=True) for _ in range(count))
    if kind != STRING:
        cursor.skip(count * least)
    elif count > cursor.strings:
        raise _InvalidError(N_("it claims more entries than any model has"))
    else:
        cursor.strings -= count
        for _ in range(count):
            cursor.text(MAX_STRING)
    return f"{count} values"


def _alignment(metadata: Mapping[str, str]) -> int:
    text = metadata.get("general.alignment", "32")
    value = int(text) if re.fullmatch("[0-9]{1,6}", text) else 0
    if not 0 < value <= 65_536 or value & (value - 1):
        raise _InvalidError(N_("its alignment is no power of two"))
    return value


def _aligned(position: int, alignment: int) -> int:
    return (position + alignment - 1) // alignment * alignment


def _tensors(cursor: _Cursor, count: int, metadata: Mapping[str, str]) -> tuple[dict[str, TensorInfo], int]:
    """Read the table and check that no two tensors share bytes; return it and where the last one ends."""
    tensors: dict[str, TensorInfo] = {}
    spans: list[tuple[int, int]] = []
    alignment = _alignment(metadata)
    for _ in range(count):
        name = cursor.text(MAX_NAME)
        if name in tensors:
            raise _InvalidError(N_("a tensor name occurs twice"))
        info, offset, size = _tensor(cursor)
        if offset % alignment:
            raise _InvalidError(N_("a tensor is not where it may be"))
        tensors[name] = _original(name, info, metadata)
        if size:
            spans.append((offset, offset + size))
    spans.sort()
    if any(before[1] > after[0] for before, after in pairwise(spans)):
        raise _InvalidError(N_("its tensors overlap"))
    return tensors, spans[-1][1] if spans else 0


def _tensor(cursor: _Cursor) -> tuple[TensorInfo, int, int]:
    dimensions = cursor.number("<I")
    if dimensions > MAX_DIMENSIONS:
        raise _InvalidError(N_("a tensor has too many dimensions"))
    shape = [cursor.number("<Q") for _ in range(dimensions)]
    kind, offset = cursor.number("<I"), cursor.number("<Q")
    if kind not in TYPES or offset > MAX_SIZE:
        raise _InvalidError(N_("a tensor has an unknown type or place"))
    dtype, block, size = TYPES[kind]
    elements = 1
    for dimension in shape:
        elements *= dimension
        if elements > MAX_SIZE:
            raise _InvalidError(N_("a tensor is larger than any computer's memory"))
    return TensorInfo(tuple(reversed(shape)), dtype), offset, -(-elements // block) * size


def _original(name: str, info: TensorInfo, metadata: Mapping[str, str]) -> TensorInfo:
    text = metadata.get(f"comfy.gguf.orig_shape.{name}", "")
    numbers = [int(part) for part in re.findall("[0-9]{1,18}", text[:MAX_SHAPE_TEXT])]
    if not numbers or len(numbers) > MAX_DIMENSIONS or math.prod(numbers) != math.prod(info.shape):
        return info
    return TensorInfo(tuple(numbers), info.dtype)
