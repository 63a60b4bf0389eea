"""All hashes of a file in one read.

Definitions (docs/formats.md "Hashes"): AutoV1 = sha256 of 64 KiB at offset 1 MiB, 8 hex, and meaningless for files of
1 MiB or less (every such file would get e3b0c442, the hash of nothing); AutoV2 = first 10 hex of the file's sha256;
AutoV3 = first 12 hex of the sha256 of the bytes after a safetensors header.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hubman.core.types import Hashes
from hubman.errors import N_, ConflictError
from hubman.opening import open_regular

CHUNK = 1 << 20
WORTH_A_THREAD = 1 << 16
"""Bytes below which handing them to another thread takes longer than hashing them."""
AUTOV1_OFFSET = 0x100000
AUTOV1_LENGTH = 0x10000
Progress = Callable[[int], None]


def digest_file(path: str, data_offset: int | None = None, progress: Progress | None = None) -> Hashes:
    """Hash a file.

    Args:
        path: the file.
        data_offset: where a safetensors file's tensors begin; gives AutoV3.
        progress: called with the number of bytes of every step.

    Raises:
        ConflictError: `changed-while-reading`, the file was written to meanwhile, so no hash would be true.
        OSError: it cannot be read.
    """
    whole, tail = hashlib.sha256(), hashlib.sha256()
    window, crc, position = b"", 0, 0
    with open_regular(path) as file, ThreadPoolExecutor(1) as second:
        before = os.fstat(file.fileno())
        while chunk := file.read(CHUNK):
            # hashlib releases the GIL, so the second sha256 (AutoV3) runs beside the first one.
            pending = None
            if data_offset is not None and position + len(chunk) > data_offset:
                part = chunk[max(0, data_offset - position) :]
                if len(part) > WORTH_A_THREAD:
                    pending = second.submit(tail.update, part)
                else:
                    tail.update(part)
            whole.update(chunk)
            crc = zlib.crc32(chunk, crc)
            if position + len(chunk) > AUTOV1_OFFSET and len(window) < AUTOV1_LENGTH:
                start = max(0, AUTOV1_OFFSET - position)
                window += chunk[start : start + AUTOV1_LENGTH - len(window)]
            if pending is not None:
                pending.result()
            position += len(chunk)
            if progress:
                progress(len(chunk))
            if position > before.st_size:
                break  # somebody appends as fast as we read: there is no end to wait for
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (
        after.st_size,
        after.st_mtime_ns,
    ) or position != after.st_size:
        raise ConflictError(
            "changed-while-reading",
            N_("{path} changed while it was read."),
            hint=N_("Wait until whatever writes it is done, then run `hubman sync` again."),
            path=path,
        )
    sha256 = whole.hexdigest()
    return Hashes(
        sha256=sha256,
        autov1=hashlib.sha256(window).hexdigest()[:8] if window else None,
        autov2=sha256[:10],
        autov3=tail.hexdigest()[:12] if data_offset is not None and data_offset < position else None,
        crc32=f"{crc:08x}",
    )


def digest_members(root: str, members: Iterable[str], progress: Progress | None = None) -> Hashes:
    """Hash a model of several files: sha256 over the sorted lines `relative path NUL sha256 LF`."""
    lines = []
    for member in sorted(members):
        sha256 = digest_file(os.path.join(root, member), None, progress).sha256
        lines.append(f"{member}\0{sha256}\n".encode(errors="surrogateescape"))
    total = hashlib.sha256(b"".join(lines)).hexdigest()
    return Hashes(sha256=total, autov1=None, autov2=total[:10], autov3=None)


def with_written(hashes: Hashes, written: str | None) -> Hashes:
    """Add the AutoV3 that the header itself claims, when it is one (12 or more hex digits, not the hash of nothing)."""
    if not written:
        return hashes
    clean = written.strip().lower()
    bare = clean.removeprefix("0x")
    if len(bare) < 12 or not set(bare) <= set("0123456789abcdef") or bare.startswith("e3b0c44298fc"):
        return hashes
    return replace(hashes, autov3_written=clean[:12])
