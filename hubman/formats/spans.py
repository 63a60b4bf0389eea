"""Where the tensors of a safetensors file lie, so that a few of them can be read without the others."""

from __future__ import annotations

import json
import os

from hubman.core.types import Format
from hubman.core.units import Span
from hubman.errors import N_, ConflictError, IntegrityError
from hubman.formats import container, safetensors
from hubman.opening import open_regular


def tensor_spans(path: str | os.PathLike[str]) -> dict[str, Span]:
    """Return tensor name -> where its bytes stand.

    Raises:
        IntegrityError: it is no safetensors file (`not-safetensors`), or its header is not sound.
        ConflictError: it changed while it was read.
        OSError: it cannot be read.
    """
    name = os.path.basename(os.fspath(path))
    if container(path) is not Format.SAFETENSORS:
        raise IntegrityError(
            "not-safetensors",
            N_("{name} is no safetensors file: only their weights are compared"),
            hint=N_("convert it to safetensors in your program, if you want it compared"),
            name=name,
        )
    header = safetensors.read(path)  # every rule is checked, so what follows may trust the offsets
    start = safetensors.data_offset(path)
    with open_regular(path) as file:
        raw = file.read(start) or b""
    try:
        entries = json.loads(raw[8:])
        places = {tensor: entries[tensor]["data_offsets"] for tensor in header.tensors}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConflictError("changed-while-reading", N_("{name} changed while it was read"), name=name) from error
    return {
        tensor: Span(header.tensors[tensor], start + begin, stop - begin) for tensor, (begin, stop) in places.items()
    }
