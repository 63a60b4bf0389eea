"""Hashes for free: files of a Hugging Face cache are named by their sha256, so gigabytes need not be read."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hubman.app.applying import batches
from hubman.core.hf_cache import SNAPSHOTS
from hubman.core.library import Unhashed
from hubman.core.types import Hashes
from hubman.disk.hf_cache import linked_sha256
from hubman.store.door import Store

BATCH = 500


def claim_hashes(store: Store, waiting: Iterable[Unhashed]) -> int:
    """Take the sha256 that links of a cache name, where there is one; return how many there were.

    It is the claim of whoever filled the cache: `hubman verify` and `hubman sync --hash all` read the bytes.
    """
    claimed = 0
    paths = ((place, os.path.join(place.root, place.relpath)) for place in waiting if place.sha256 is None)
    found = ((place, linked_sha256(path)) for place, path in paths if SNAPSHOTS in path.split(os.sep))
    named = ((place, Hashes(sha256, None, sha256[:10], None)) for place, sha256 in found if sha256 is not None)
    for batch in batches(named, BATCH):
        with store.writer() as writer:
            writer.record_claims(batch)
        claimed += len(batch)
    return claimed
