"""The sha256 that a Hugging Face cache names for free, so that gigabytes need not be read."""

from __future__ import annotations

import os
import stat

from hubman.core.hf_cache import BLOBS, SNAPSHOTS, cached_file, sha256_of_link


def linked_sha256(path: str) -> str | None:
    """Return the sha256 that a snapshot's link names; None where there is no link, or it leads anywhere else.

    The link must lead straight to a regular file in the `blobs` folder of the same repository, without a further link
    on the way that leaves it. The name is the claim of whoever filled the cache: the bytes were not looked at.
    """
    try:
        target = os.readlink(path)
    except (OSError, ValueError):  # no link, not there, a NUL in the path
        return None
    sha256, file = sha256_of_link(path, target), cached_file(path)
    if sha256 is None or file is None:
        return None
    folder = path[: len(file.folder)]
    blob = os.path.join(folder, BLOBS, sha256)
    try:
        if not stat.S_ISREG(os.lstat(blob).st_mode):
            return None
        home = os.path.realpath(folder, strict=True)
        inside = os.path.realpath(os.path.dirname(path), strict=True).startswith(os.path.join(home, SNAPSHOTS) + os.sep)
        same = os.path.realpath(blob, strict=True) == os.path.join(home, BLOBS, sha256)
        return sha256 if inside and same and os.path.samefile(path, blob) else None
    except OSError:
        return None
