"""All six hashes of a large file in the page cache, against one `hashlib.sha256` over it with readinto.

HUBMAN_BENCH_HASH_MB is the size of the file (512 by default, 2048 for the figure in the results).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from hubman.disk.digest import Digester

SIZE = int(os.environ.get("HUBMAN_BENCH_HASH_MB", "512")) << 20
STEP = 256 << 10
DATA_OFFSET = 100_000
"""Where the tensors begin: a header as long as that of a LoRA."""


def variants(folder: Path) -> dict[str, Callable[[], object]]:
    """The floor is the hash that everybody computes."""
    path = folder / "large.safetensors"
    with open(path, "wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())

    def floor() -> str:
        digest, buffer = hashlib.sha256(), memoryview(bytearray(STEP))
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
        return digest.hexdigest()

    expected = floor()

    def all_six() -> None:
        with Digester() as digester:
            hashes = digester.file(str(path), DATA_OFFSET)
        assert hashes.sha256 == expected
        assert None not in (hashes.autov1, hashes.autov2, hashes.autov3, hashes.crc32, hashes.blake3)

    return {f"hashlib.sha256 readinto, {SIZE >> 20:,} MiB": floor, "all six hashes": all_six}
