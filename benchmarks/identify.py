"""Knowing a file: read, check and identify its header, against a loop that opens it and parses the JSON.

The library is made of the labelled headers in tests/corpora (LoRAs of every kind, checkpoints, embeddings), as sparse
files with a real trainer's metadata in every second LoRA.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path

from hubman.core.identify import adapters, identify
from hubman.core.types import Format, Header
from hubman.formats import read_header

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "identify"))

FILES = int(os.environ.get("HUBMAN_BENCH_FILES", "1000"))
SHARES = {"lora": 17, "embedding": 1, "checkpoint": 1, "diffusion-model": 1}
"""What a library of twenty files is made of."""


def variants(folder: Path) -> dict[str, Callable[[], object]]:
    """The floor parses the header and does nothing with it."""
    paths = list(written(folder))
    tensors = sum(len(read_header(path).tensors) for path in paths)

    def parse() -> None:
        for path in paths:
            with open(path, "rb") as file:
                json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))

    def read() -> None:
        for path in paths:
            read_header(path)

    def know() -> None:
        for path in paths:
            identify(read_header(path))

    largest = max(headers := [read_header(path) for path in paths], key=lambda header: len(header.tensors))
    thousand = min(headers, key=lambda header: abs(len(header.tensors) - 1000))

    def one(header: Header) -> Callable[[], object]:
        def know_once() -> None:
            _forget_structures()
            identify(header)

        return know_once

    return {
        f"open + json.loads of {FILES:,} headers, {tensors // FILES:,} tensors each": parse,
        "read and check the header": read,
        "read, check, identify": know,
        f"identify one header of {len(thousand.tensors):,} tensors, as if its structure were new": one(thousand),
        f"identify one header of {len(largest.tensors):,} tensors, as if its structure were new": one(largest),
    }


def _forget_structures() -> None:
    """Make the next adapter one whose modules were never seen together; single names may have been."""
    adapters._structure.cache_clear()


def written(folder: Path) -> Iterator[str]:
    """Write the library; yield the paths in an order that mixes the kinds."""
    from corpus import cases, header_of, kind_of

    metadata = json.loads((ROOT / "tests/corpora/lycoris_smart_falcon_4_lokr.json").read_text("utf-8"))
    dump = {key: str(value) for key, value in (metadata.get("metadata") or metadata).items()}
    by_kind: dict[str, list[Header]] = {kind: [] for kind in SHARES}
    for case in cases():
        header = header_of(case)
        if kind_of(case) in by_kind and header.format is Format.SAFETENSORS and header.tensors:
            by_kind[kind_of(case)].append(header)
    row = [kind for kind, share in SHARES.items() for _ in range(share)]
    for number in range(FILES):
        kind = row[number % len(row)]
        headers = by_kind[kind]
        place = row[: number % len(row)].count(kind)
        header = headers[(number // len(row) * SHARES[kind] + place) % len(headers)]
        path = folder / f"{number:05}.safetensors"
        _write(path, header, dump if kind == "lora" and number % 2 else {})
        yield str(path)


BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "F8_E4M3": 1, "U8": 1, "I8": 1, "F64": 8}


def _write(path: Path, header: Header, metadata: dict[str, str]) -> None:
    entries: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    position = 0
    for name, info in header.tensors.items():
        end = position + prod(info.shape) * BYTES[info.dtype]
        entries[name] = {"dtype": info.dtype, "shape": list(info.shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + position)
