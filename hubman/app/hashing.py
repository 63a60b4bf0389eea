"""Every hash of a model, be it one file or a folder of them."""

from __future__ import annotations

import os

from hubman import formats
from hubman.core.types import Format, Hashes
from hubman.disk.digest import Progress, digest_file, digest_members, with_written

SHARD_INDEX = ".safetensors.index.json"
WRITTEN_KEYS = ("sshs_model_hash", "modelspec.hash_sha256")
"""Header keys in which trainers wrote the AutoV3; Civitai indexed what was written (docs/formats.md "Hashes")."""


def hash_model(path: str, progress: Progress | None = None) -> Hashes:
    """Hash a file, a model folder, or the index file of a sharded model.

    Raises:
        ConflictError: `changed-while-reading`. IntegrityError: the header is broken. OSError.
    """
    folder = os.path.isdir(path)
    if folder or path.endswith(SHARD_INDEX):
        base = path if folder else os.path.dirname(path)
        return digest_members(base, formats.read_header(path).members, progress)
    if formats.container(path) is not Format.SAFETENSORS:
        return digest_file(path, None, progress)
    from hubman.formats import safetensors

    metadata = safetensors.read(path).metadata
    written = next((metadata[key] for key in WRITTEN_KEYS if metadata.get(key)), None)
    return with_written(digest_file(path, safetensors.data_offset(path), progress), written)
