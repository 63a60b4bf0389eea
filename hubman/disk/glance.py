"""One model as a walk over its root would see it, without the walk."""

from __future__ import annotations

import os

from hubman.core.library import Seen
from hubman.disk.walk import SHARD_INDEX, Beside, Walk


class Glance(Walk):
    """A walk that looks at one place."""

    def at(self, relpath: str) -> Seen | None:
        """Return what is at a path relative to the root; None when there is no model."""
        folder, _, name = relpath.rpartition("/")
        entries = self._list(folder)
        if entries is None or name not in entries:
            return None
        stem = name.removesuffix(SHARD_INDEX) if name.endswith(SHARD_INDEX) else name.rpartition(".")[0]
        near = Beside({other: entry for other, entry in entries.items() if other.startswith(stem)})
        if name.endswith(SHARD_INDEX):
            found = self._sharded(folder, name, entries, near)
        elif os.path.isdir(self._path(relpath)):
            inner = self._list(relpath)
            found = self._model_folder(relpath, entries) if inner is not None else iter(())
        else:
            found = self._singles(folder, [name], entries, near)
        return next(found, None)


def glance(root: str, relpath: str) -> Seen | None:
    """Return one model as a walk over its root sees it; None when there is none."""
    return Glance(root).at(relpath)
