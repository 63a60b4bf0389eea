"""Safetensors: the header only, by plain reads (a memory map dies with SIGBUS when the file shrinks under it).

Every check of the reference implementation (huggingface/safetensors, tensor.rs `Metadata::validate`) and the ones its
specification asks for but the library leaves out: duplicate keys, caps on names, counts and metadata.

There are two ways through a header. `_exactly` knows every rule and every reason to refuse, and asks Python for each
object in it. `_quickly` (msgspec, columns instead of rows) takes a header only when it is beyond doubt, and leaves all
others to `_exactly`; the tests hold that it never takes what the other refuses.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter, sub
from typing import BinaryIO, NoReturn

import msgspec

from hubman.core.types import Format, Header, Safety, TensorInfo
from hubman.errors import N_, IntegrityError, Phrase
from hubman.opening import open_regular

MAX_HEADER = 100_000_000
MAX_TENSORS = 200_000
MAX_NAME = 1024
MAX_METADATA = 16 << 20
MAX_ELEMENTS = 1 << 62
MAX_DEPTH = 127
"""The reference's JSON parser (serde_json) refuses what is nested 128 deep."""
MAX_PARTS = 16 * MAX_TENSORS
"""Commas and opening brackets outside of strings: each is a value in memory, and a tensor has about ten."""
LARGEST_UNCOUNTED = 4 << 20
LONGEST_NUMBER = 20
"""Digits of 2^64."""
LARGEST_NUMBER = (1 << 64) - 1
MOST_KNOWN = 1 << 16

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

Parsed = tuple[dict[str, TensorInfo], Mapping[str, str], int]
"""Tensors, metadata, and where the data end."""


class _InvalidError(Exception):
    """The header breaks a rule; `why` says which."""

    def __init__(self, template: str, **fields: object) -> None:
        self.why = Phrase(template, **fields)
        super().__init__(self.why)


def read(path: str | os.PathLike[str]) -> Header:
    """Read and check the header; no tensor is read.

    Raises:
        IntegrityError: `safetensors-truncated`, `safetensors-trailing` or `safetensors-header`.
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        return read_open(file, b"", os.fstat(file.fileno()).st_size, os.path.basename(os.fspath(path)))


def read_open(file: BinaryIO, head: bytes, size: int, name: str) -> Header:
    """Read and check the header of an open file.

    Args:
        head: what has been read of the file already, from its beginning.
        size: bytes of the whole file.
        name: what to call it in an error.

    Raises:
        IntegrityError, OSError: as `read`.
    """
    raw = _raw_header(file, head, size, name)
    try:
        _check_parts(raw)
        tensors, metadata, end = _quickly(raw) or _exactly(raw)
    except _InvalidError as error:
        _refuse(name, error.why)
    except (RecursionError, MemoryError):
        _refuse(name, Phrase(N_("it is nested too deeply or too large")))
    _check_size(name, size, 8 + len(raw) + end)
    digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
    return Header(Format.SAFETENSORS, tensors, metadata, safety=Safety.NOT_APPLICABLE, digest=digest)


def data_offset(path: str | os.PathLike[str]) -> int:
    """Return where the tensors begin: AutoV3 is the hash of what follows."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        return 8 + len(_raw_header(file, b"", size, os.path.basename(os.fspath(path))))


def _refuse(name: str, why: Phrase) -> NoReturn:
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


def _raw_header(file: BinaryIO, head: bytes, size: int, name: str) -> bytes:
    if len(head) < 8:
        head += _read_exactly(file.read, 8 - len(head))
    if len(head) < 8:
        _truncated(name, 8 - len(head))
    length = int.from_bytes(head[:8], "little")
    if length > MAX_HEADER:
        _refuse(name, Phrase(N_("it claims a header of {length} bytes"), length=length))
    if length < 2:
        _refuse(name, Phrase(N_("its header is empty")))
    if length > size - 8:
        _truncated(name, length - (size - 8))
    raw = head[8 : 8 + length]
    if len(raw) < length:
        raw += _read_exactly(file.read, length - len(raw))
    if len(raw) < length:
        _truncated(name, length - len(raw))
    return raw


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


def _check_parts(raw: bytes) -> None:
    """Refuse what would fill the memory before a parser has anything to say: fifty million empty lists are 100 MB.

    Raises:
        _InvalidError: there are more values than a header can have.
    """
    if len(raw) <= LARGEST_UNCOUNTED:
        return
    if raw.count(b'"data_offsets"') > MAX_TENSORS:
        raise _InvalidError(N_("its header has more than {most} tensors"), most=MAX_TENSORS)
    strings = raw.count(b'"') - raw.count(b'\\"')  # no fewer than there are: what opens one follows no backslash
    if strings > MAX_PARTS or (_parts(raw) > MAX_PARTS and _parts(_STRING.sub(b"", raw)) > MAX_PARTS):
        raise _InvalidError(N_("it is nested too deeply or too large"))


def _parts(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _read_exactly(read_some: Callable[[int], bytes | None], length: int) -> bytes:
    part = read_some(length) or b""
    if len(part) == length:
        return part
    parts = bytearray(part)
    while part and len(parts) < length:
        part = read_some(length - len(parts)) or b""
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


# --- the quick way -------------------------------------------------------------------------------------------------
class _Entry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One tensor as it stands in the header. msgspec takes whole numbers only: no float, no bool, no text."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


_ENTRIES = msgspec.json.Decoder(dict[str, _Entry])
_FIELDS = attrgetter("dtype", "shape", "data_offsets")
_JSON = json.JSONDecoder()
_METADATA_FIRST = re.compile(r'\{[ \t\n\r]*"__metadata__"[ \t\n\r]*:[ \t\n\r]*')
_NEGATIVE = re.compile(r"[\[,:\s]-")

_known: dict[tuple[tuple[int, ...], str, int], TensorInfo] = {}
"""(shape, dtype, bytes) that agree -> the one TensorInfo for them: a library repeats a few thousand shapes for ever."""


def _quickly(raw: bytes) -> Parsed | None:
    """Parse a header that is beyond doubt, or return None: then `_exactly` decides.

    Duplicate keys at any level show in the colons: outside of strings there is one for each key that is written, and
    every key that was written twice is missing from what was parsed. So that colons in strings can be counted there,
    text with an escape that may hide one is left to `_exactly`.
    """
    try:
        metadata, body = _without_metadata(raw.decode("utf-8"))
        if not raw.startswith(b"{") or "\\" in body or ("-" in body and _NEGATIVE.search(body)):
            return None
        entries = _ENTRIES.decode(body)
    except (_InvalidError, ValueError, RecursionError, msgspec.MsgspecError):
        return None
    if not entries or "__metadata__" in entries or len(entries) > MAX_TENSORS or max(set(map(len, entries))) > MAX_NAME:
        return None
    keys = 4 * len(entries) + (0 if metadata is None else 1 + len(metadata))
    colons = raw.count(b":") - keys
    if metadata:
        colons -= "".join(chain(metadata, metadata.values())).count(":")
    if colons and colons != "".join(entries).count(":"):
        return None
    dtypes, shapes, offsets = zip(*map(_FIELDS, entries.values()), strict=True)
    begins, stops = zip(*offsets, strict=True)
    end = _run(begins, stops)
    if end is None:
        return None
    infos = _infos(list(zip(shapes, dtypes, map(sub, stops, begins), strict=True)))
    return None if infos is None else (dict(zip(entries, infos, strict=True)), metadata or {}, end)


def _without_metadata(text: str) -> tuple[dict[str, str] | None, str]:
    """Split a header into its metadata, when they come first, and the JSON object of the tensors.

    Raises:
        ValueError, _InvalidError, RecursionError: not this way.
    """
    match = _METADATA_FIRST.match(text)
    if match is None:
        return None, text
    metadata, end = _JSON.raw_decode(text, match.end())
    if not isinstance(metadata, dict) or not set(map(type, metadata.values())) <= {str}:
        raise ValueError
    written = text[match.end() : end]
    if "\\u" in written:
        if "\\u003" in written:
            raise ValueError
        "".join(chain(metadata, metadata.values())).encode("utf-8")
    if len(written) > MAX_METADATA:
        raise ValueError
    rest = text[end:].lstrip(" \t\n\r")
    if not rest.startswith(","):
        raise ValueError
    return metadata, "{" + rest[1:]


def _run(begins: Sequence[int], stops: Sequence[int]) -> int | None:
    """Return where an unbroken run of spans from 0 ends, or None when there is a gap, an overlap, or no certainty."""
    if begins[1:] != stops[:-1]:
        begins, stops = zip(*sorted(zip(begins, stops, strict=True)), strict=True)
    return stops[-1] if begins[0] == 0 and begins[1:] == stops[:-1] else None


def _infos(keys: list[tuple[tuple[int, ...], str, int]]) -> list[TensorInfo] | None:
    """Return the TensorInfo of every (shape, dtype, bytes), or None when one of them does not agree with itself."""
    try:
        return list(map(_known.__getitem__, keys))
    except KeyError:
        pass
    here = {}
    for key in set(keys):
        shape, dtype, size = key
        if dtype not in BITS or any(not 0 <= dimension <= LARGEST_NUMBER for dimension in shape):
            return None
        try:
            if _elements("", shape) * BITS[dtype] != size * 8:
                return None
        except _InvalidError:
            return None
        here[key] = _known.get(key) or TensorInfo(shape, dtype)
    if len(_known) + len(here) > MOST_KNOWN:
        _known.clear()
    if len(here) <= MOST_KNOWN:
        _known.update(here)
    return list(map(here.__getitem__, keys))


# --- the exact way -------------------------------------------------------------------------------------------------
def _exactly(raw: bytes) -> Parsed:
    """Parse any header and refuse what breaks a rule, with the reason.

    Raises:
        _InvalidError: which rule.
        RecursionError, MemoryError: of Python's JSON parser.
    """
    entries = _parse(raw)
    metadata = _metadata(entries.pop("__metadata__", None))
    tensors, end = _tensors(entries)
    return tensors, metadata, end


class _Objects:
    """Takes every JSON object of a header: no key twice, and no more of them than a header can have."""

    def __init__(self) -> None:
        self.left = MAX_TENSORS + 2

    def take(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        self.left -= 1
        if self.left < 0:
            raise _InvalidError(N_("its header has more than {most} tensors"), most=MAX_TENSORS)
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _InvalidError(N_("a name occurs twice in its header"))
        return found


def _no_number(text: str) -> NoReturn:
    raise _InvalidError(N_("its header has the number {number} where only whole numbers are allowed"), number=text[:40])


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER or text == "-0":
        _no_number(text)
    number = int(text)
    if number > LARGEST_NUMBER:
        _no_number(text)
    return number


def _parse(raw: bytes) -> dict[str, object]:
    if not raw.startswith(b"{"):
        raise _InvalidError(N_("its header does not begin with a brace"))
    try:
        text = raw.rstrip(b" ").decode("utf-8")
        entries = json.loads(
            text,
            object_pairs_hook=_Objects().take,
            parse_float=_no_number,
            parse_constant=_no_number,
            parse_int=_whole,
        )
    except UnicodeDecodeError:
        raise _InvalidError(N_("its header is not UTF-8 text")) from None
    except json.JSONDecodeError:
        raise _InvalidError(N_("its header is not JSON")) from None
    if not isinstance(entries, dict):
        raise _InvalidError(N_("its header is not a JSON object"))
    return entries


def _encodable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _InvalidError(N_("its header has half a character (a lone surrogate)")) from None
    return text


def _metadata(value: object) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _InvalidError(N_("its metadata is not a JSON object"))
    total = 0
    for key, item in value.items():
        if not isinstance(item, str):
            raise _InvalidError(
                N_("its metadata has something other than text under {name}"), name=repr(_encodable(key)[:80])
            )
        total += len(_encodable(key)) + len(_encodable(item))
    if total > MAX_METADATA:
        raise _InvalidError(N_("its metadata is larger than 16 MB"))
    return value


def _tensors(entries: Mapping[str, object]) -> tuple[dict[str, TensorInfo], int]:
    """Check every tensor and that the data are one unbroken run from 0; return them and where the run ends."""
    if len(entries) > MAX_TENSORS:
        raise _InvalidError(N_("its header has more than {most} tensors"), most=MAX_TENSORS)
    tensors: dict[str, TensorInfo] = {}
    spans: list[tuple[int, int]] = []
    for name, entry in entries.items():
        if len(_encodable(name)) > MAX_NAME:
            raise _InvalidError(N_("a tensor's name is longer than {most} characters"), most=MAX_NAME)
        tensors[name], span = _tensor(repr(name[:80]), entry)
        spans.append(span)
    return tensors, _end_of(sorted(spans))


def _end_of(spans: list[tuple[int, int]]) -> int:
    end = 0
    for begin, stop in spans:
        if begin != end:
            raise _InvalidError(N_("its tensors overlap, or there is a gap between them"))
        end = stop
    return end


def _tensor(name: str, entry: object) -> tuple[TensorInfo, tuple[int, int]]:
    match entry:
        case {"dtype": str() as dtype, "shape": list() as shape, "data_offsets": [begin, stop], **others}:
            pass
        case _:
            raise _InvalidError(N_("tensor {name} lacks its dtype, shape or place"), name=name)
    _check_extra(others, 2)
    if dtype not in BITS:
        raise _InvalidError(N_("tensor {name} has the unknown dtype {dtype}"), name=name, dtype=repr(dtype[:40]))
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, stop)) or stop < begin:
        raise _InvalidError(N_("tensor {name} has a size or place that is no whole number"), name=name)
    if (stop - begin) * 8 != _elements(name, shape) * BITS[dtype]:
        raise _InvalidError(N_("tensor {name} has another size than its shape says"), name=name)
    return TensorInfo(tuple(shape), dtype), (begin, stop)


def _check_extra(value: object, depth: int) -> None:
    """A field that the specification does not know is passed over, but it must be sound text and not too deep."""
    if depth > MAX_DEPTH:
        raise _InvalidError(N_("it is nested too deeply or too large"))
    if isinstance(value, str):
        _encodable(value)
    elif isinstance(value, (list, dict)):
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_extra(item, depth + 1)


def _elements(name: str, shape: Sequence[int]) -> int:
    """Multiply with a bound: the reference refuses an overflow even when a later dimension is 0."""
    count = 1
    for dimension in shape:
        count *= dimension
        if count > MAX_ELEMENTS:
            raise _InvalidError(N_("tensor {name} is larger than any computer's memory"), name=name)
    return count
