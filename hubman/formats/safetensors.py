"""Safetensors: the header only, by plain reads (a memory map dies with SIGBUS when the file shrinks under it).

Every check of the reference implementation (huggingface/safetensors, tensor.rs `Metadata::validate`) and the ones its
specification asks for but the library leaves out: duplicate keys, caps on names, counts and metadata.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import NoReturn

from hubman.core.types import Format, Header, Safety, TensorInfo
from hubman.errors import N_, IntegrityError

MAX_HEADER = 100_000_000
MAX_TENSORS = 200_000
MAX_NAME = 1024
MAX_METADATA = 16 << 20
MAX_ELEMENTS = 1 << 62

BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}
"""Bits of one element (safetensors tensor.rs `Dtype::bitsize`)."""


class _InvalidError(Exception):
    """The header breaks a rule; the text says which."""


def read(path: str | os.PathLike[str]) -> Header:
    """Read and check the header; no tensor is read.

    Raises:
        IntegrityError: `safetensors-truncated`, `safetensors-trailing` or `safetensors-header`.
        OSError: the file cannot be read.
    """
    name = os.path.basename(os.fspath(path))
    size, raw = _raw_header(path, name)
    try:
        entries = _parse(raw)
        metadata = _metadata(entries.pop("__metadata__", None))
        tensors, end = _tensors(entries)
    except _InvalidError as error:
        _refuse(name, str(error))
    except (RecursionError, MemoryError):
        _refuse(name, "it is nested too deeply or too large")
    _check_size(name, size, 8 + len(raw) + end)
    digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
    return Header(Format.SAFETENSORS, tensors, metadata, safety=Safety.NOT_APPLICABLE, digest=digest)


def data_offset(path: str | os.PathLike[str]) -> int:
    """Return where the tensors begin: AutoV3 is the hash of what follows."""
    return 8 + len(_raw_header(path, os.path.basename(os.fspath(path)))[1])


def _refuse(name: str, why: str) -> NoReturn:
    raise IntegrityError(
        "safetensors-header",
        N_("{name} is no valid safetensors file: {why}"),
        hint=N_("download it again; if it came like this, it is broken at the source"),
        name=name,
        why=why,
    )


def _truncated(name: str, missing: int) -> NoReturn:
    raise IntegrityError(
        "safetensors-truncated",
        N_("{name} is incomplete: {missing} bytes are missing at the end"),
        hint=N_("the download was cut off; download it again"),
        name=name,
        missing=missing,
    )


def _raw_header(path: str | os.PathLike[str], name: str) -> tuple[int, bytes]:
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(8) or b""
        if len(head) < 8:
            _truncated(name, 8 - len(head))
        length = int.from_bytes(head, "little")
        if length > MAX_HEADER:
            _refuse(name, f"it claims a header of {length} bytes")
        if length < 2:
            _refuse(name, "its header is empty")
        if length > size - 8:
            _truncated(name, length - (size - 8))
        raw = _read_exactly(file.read, length)
    if len(raw) < length:
        _truncated(name, length - len(raw))
    return size, raw


def _read_exactly(read_some: Callable[[int], bytes | None], length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = read_some(length - len(parts))
        if not part:
            break
        parts += part
    return bytes(parts)


def _check_size(name: str, size: int, expected: int) -> None:
    if size < expected:
        _truncated(name, expected - size)
    if size > expected:
        raise IntegrityError(
            "safetensors-trailing",
            N_("{name} has {extra} bytes more than its header describes"),
            hint=N_("two downloads may have been written into one file; download it again"),
            name=name,
            extra=size - expected,
        )


# --- JSON ----------------------------------------------------------------------------------------------------------
def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _InvalidError("a name occurs twice in its header")
    return found


def _no_number(text: str) -> NoReturn:
    raise _InvalidError(f"its header has the number {text[:40]} where only whole numbers are allowed")


def _whole(text: str) -> int:
    if len(text) > 20:
        _no_number(text)
    return int(text)


def _parse(raw: bytes) -> dict[str, object]:
    if not raw.startswith(b"{"):
        raise _InvalidError("its header does not begin with {")
    if raw.count(b'"data_offsets"') > MAX_TENSORS:
        raise _InvalidError(f"its header has more than {MAX_TENSORS} tensors")
    try:
        text = raw.rstrip(b" ").decode("utf-8")
        entries = json.loads(
            text, object_pairs_hook=_unique, parse_float=_no_number, parse_constant=_no_number, parse_int=_whole
        )
    except UnicodeDecodeError:
        raise _InvalidError("its header is not UTF-8 text") from None
    except json.JSONDecodeError:
        raise _InvalidError("its header is not JSON") from None
    if not isinstance(entries, dict):
        raise _InvalidError("its header is not a JSON object")
    return entries


def _encodable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _InvalidError("its header has half a character (a lone surrogate)") from None
    return text


def _metadata(value: object) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _InvalidError("its metadata is not a JSON object")
    total = 0
    for key, item in value.items():
        if not isinstance(item, str):
            raise _InvalidError(f"its metadata has something other than text under {_encodable(key)[:80]!r}")
        total += len(_encodable(key)) + len(_encodable(item))
    if total > MAX_METADATA:
        raise _InvalidError("its metadata is larger than 16 MB")
    return value


# --- tensors -------------------------------------------------------------------------------------------------------
def _tensors(entries: Mapping[str, object]) -> tuple[dict[str, TensorInfo], int]:
    """Check every tensor and that the data are one unbroken run from 0; return them and where the run ends."""
    if len(entries) > MAX_TENSORS:
        raise _InvalidError(f"its header has more than {MAX_TENSORS} tensors")
    tensors: dict[str, TensorInfo] = {}
    spans: list[tuple[int, int]] = []
    for name, entry in entries.items():
        if len(_encodable(name)) > MAX_NAME:
            raise _InvalidError(f"a tensor's name is longer than {MAX_NAME} characters")
        tensors[name], span = _tensor(name, entry)
        spans.append(span)
    return tensors, _end_of(sorted(spans))


def _end_of(spans: list[tuple[int, int]]) -> int:
    end = 0
    for begin, stop in spans:
        if begin != end:
            raise _InvalidError("its tensors overlap, or there is a gap between them")
        end = stop
    return end


def _tensor(name: str, entry: object) -> tuple[TensorInfo, tuple[int, int]]:
    match entry:
        case {"dtype": str() as dtype, "shape": list() as shape, "data_offsets": [begin, stop]}:
            pass
        case _:
            raise _InvalidError(f"tensor {name[:80]!r} lacks its dtype, shape or place")
    if dtype not in BITS:
        raise _InvalidError(f"tensor {name[:80]!r} has the unknown dtype {dtype[:40]!r}")
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, stop)) or stop < begin:
        raise _InvalidError(f"tensor {name[:80]!r} has a size or place that is no whole number")
    if (stop - begin) * 8 != _elements(name, shape) * BITS[dtype]:
        raise _InvalidError(f"tensor {name[:80]!r} has another size than its shape says")
    return TensorInfo(tuple(shape), dtype), (begin, stop)


def _elements(name: str, shape: list[int]) -> int:
    """Multiply with a bound: the reference refuses an overflow even when a later dimension is 0."""
    count = 1
    for dimension in shape:
        count *= dimension
        if count > MAX_ELEMENTS:
            raise _InvalidError(f"tensor {name[:80]!r} is larger than any computer's memory")
    return count
