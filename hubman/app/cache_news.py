"""What Hugging Face's cache on this machine tells of contents that are new: nothing is sent anywhere, nobody is asked.

`sync` and `watch` use it after they hashed something. Only the names of the cache's blobs are listed, once a run; its
files are looked at where one of those names is that of a new content, or a new content lies in a cache.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from hubman.core.hf_cache import cached_file
from hubman.core.hub import HUGGINGFACE
from hubman.disk.hf_cache import blob_names, cache_folder
from hubman.store.door import Store
from hubman.store.reader import open_reader

OVERLAP_NS = 60 * 10**9
"""Contents get their time before they are committed: a round goes so far back behind the beginning of the last one."""


class CacheNews:
    """Looks at contents that are new since a time (ns since 1970), and from round to round since the last one."""

    def __init__(self, store: Store, since_ns: int, *, environ: Mapping[str, str] = os.environ) -> None:
        self._store, self._since_ns, self._environ = store, since_ns, environ

    def look(self) -> int:
        """Record what the caches tell of new contents; return of how many they know something.

        Raises:
            StoreError: it could not be recorded.
        """
        began_ns = time.time_ns()
        places = self._new_contents()
        self._since_ns = max(self._since_ns, began_ns - OVERLAP_NS)
        if not places:
            return 0
        own = cache_folder(self._environ)
        named = blob_names(own) & places.keys() if own else set()
        chosen = {sha256: paths for sha256, paths in places.items() if sha256 in named or any(map(cached_file, paths))}
        if not chosen:
            return 0
        from hubman.app.cached_sources import matches_of  # only where there is something to tell
        from hubman.app.provenance import record

        matches = matches_of(chosen, caches=[own] if own and named else [])
        record(self._store, matches)
        return len({match.sha256 for match in matches})

    def _new_contents(self) -> dict[str, list[str]]:
        """Return sha256 -> places of new contents of which nothing is known from Hugging Face."""
        places: dict[str, list[str]] = {}
        with open_reader(self._store.path) as reader:
            new = reader.hubs.to_look_up(HUGGINGFACE, time.time_ns(), again=True, since_ns=self._since_ns)
            for file in reader.of_subjects([hashes.sha256 for hashes in new]):
                if file.hashes is not None and file.present:
                    places.setdefault(file.hashes.sha256, []).append(file.path)
        return places
