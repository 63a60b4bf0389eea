"""Where the tensors of a file lie, so that a few of them can be read without the others: nothing is loaded or run.

Safetensors files, and the zip of torch.save where its storages are stored as they are (torch never packs them).
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from math import prod
from typing import BinaryIO

from hubman.core.types import Format, Safety
from hubman.core.units import Span
from hubman.errors import N_, ConflictError, IntegrityError
from hubman.formats import container, read_header, safetensors
from hubman.formats._pickle_globals import ITEM_SIZES
from hubman.formats._pickle_values import BrokenPickleError, Notes
from hubman.formats._pickle_vm import run
from hubman.formats._torch_zip import LOCAL, LOCAL_MAGIC, read_directory, read_member
from hubman.formats.pickle import flattened, plain
from hubman.opening import open_regular


def tensor_spans(path: str | os.PathLike[str]) -> dict[str, Span]:
    """Return tensor name -> where its bytes stand.

    Raises:
        IntegrityError: `weights-unreadable`, it is no file whose tensors can be read without loading it; or its
            header is not sound.
        ConflictError: it changed while it was read.
        OSError: it cannot be read.
    """
    match container(path):
        case Format.SAFETENSORS:
            return _of_safetensors(path)
        case Format.PICKLE:
            return _of_torch(path)
    raise _unreadable(path)


def _unreadable(path: str | os.PathLike[str]) -> IntegrityError:
    return IntegrityError(
        "weights-unreadable",
        N_("the weights in {name} cannot be read without loading it"),
        hint=N_("convert it to safetensors in your program, if you want it compared"),
        name=os.path.basename(os.fspath(path)),
    )


def _of_safetensors(path: str | os.PathLike[str]) -> dict[str, Span]:
    header = safetensors.read(path)  # every rule is checked, so what follows may trust the offsets
    start = safetensors.data_offset(path)
    with open_regular(path) as file:
        raw = file.read(start) or b""
    try:
        entries = json.loads(raw[8:])
        places = {tensor: entries[tensor]["data_offsets"] for tensor in header.tensors}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        name = os.path.basename(os.fspath(path))
        raise ConflictError("changed-while-reading", N_("{name} changed while it was read"), name=name) from error
    return {
        tensor: Span(header.tensors[tensor], start + begin, stop - begin) for tensor, (begin, stop) in places.items()
    }


def _of_torch(path: str | os.PathLike[str]) -> dict[str, Span]:
    """Read the pickle of a file that a look in the sandbox found to hold tensors and plain values only."""
    if read_header(path).safety is not Safety.SAFE:
        raise _unreadable(path)
    notes = Notes(placing=True)
    with io.BufferedReader(open_regular(path)) as file:  # type: ignore[type-var]
        try:
            directory = read_directory(file, notes)
            value = plain(run(io.BytesIO(read_member(file, directory.pickles[0], notes)), notes))
            starts = _starts(file)
        except (BrokenPickleError, zipfile.BadZipFile, IndexError, ValueError, NotImplementedError) as error:
            raise _unreadable(path) from error
    if notes.verdict is not Safety.SAFE:
        raise _unreadable(path)
    spans: dict[str, Span] = {}
    for name, info in flattened(value):
        placed = (notes.places or {}).get(id(info))
        if placed is not None and placed.storage.key in starts:
            width = ITEM_SIZES[info.dtype]
            begin = starts[placed.storage.key] + placed.offset * width
            spans[name] = Span(info, begin, prod(info.shape) * width)
    return spans


def _starts(file: BinaryIO) -> Mapping[str, int]:
    """Return storage key -> where its bytes begin. A file of the other byte order has none."""
    found: dict[str, int] = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.filename.endswith("/byteorder") and archive.read(info) != b"little":
                return {}
            key = info.filename.rpartition("/data/")[2]
            if key == info.filename or info.compress_type != zipfile.ZIP_STORED:
                continue
            file.seek(info.header_offset)
            head = file.read(LOCAL.size)
            if len(head) == LOCAL.size and head.startswith(LOCAL_MAGIC):
                *_, name_length, extra_length = LOCAL.unpack(head)
                found[key] = info.header_offset + LOCAL.size + name_length + extra_length
    return found
