"""A file that the cache of a hub's own client on this machine has already: copied and hashed, not fetched again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from hubman.app.download import Fetched
from hubman.core.hub import HUGGINGFACE, Listing, RemoteFile
from hubman.core.ports import Progress
from hubman.disk.part import open_part, token_of
from hubman.opening import open_regular

CHUNK = 1 << 20


def from_caches(listing: Listing, file: RemoteFile) -> str | None:
    """Return where the cache of Hugging Face's own client has a file; None where it has not."""
    if listing.hub != HUGGINGFACE:
        return None
    from hubman.app.cached_sources import cached_file

    return cached_file(listing.model_id, listing.version_id, file.id)


def copy_local(
    path: str, listing: Listing, file: RemoteFile, folder: str, progress: Progress, stop: Callable[[], bool]
) -> Fetched | None:
    """Copy a file that should be the wanted one; None when it is not, cannot be read, or it was asked to stop.

    Raises:
        ConflictError: `no-space`, `download-under-way`.
    """
    if file.sha256 is None:
        return None
    try:
        source = open_regular(path)
    except OSError:
        return None
    digest = hashlib.sha256()
    part = open_part(folder, token_of(f"{listing.hub}:{listing.model_id}@{listing.version_id}", file.id, file.sha256))
    try:
        with source:
            size = os.fstat(source.fileno()).st_size
            part.claim(size)
            part.truncate()
            progress.phase("copy", size)
            while (chunk := source.read(CHUNK)) and not stop():
                digest.update(chunk)
                part.append([chunk])
                progress.advance(len(chunk))
        part.sync()
    except BaseException:
        part.close()
        raise
    if digest.hexdigest() != file.sha256:
        part.remove()
        return None
    part.shut()
    return Fetched(part.path, file.sha256, part.size, None, part)
