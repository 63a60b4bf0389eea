"""Which files lie in a folder for another kind, and which hide one another: asked of the library."""

from __future__ import annotations

from collections.abc import Iterator

from hubman.core.library import Root
from hubman.core.misplaced import Clash, Misplaced, clash, misplaced
from hubman.core.types import ADAPTER_KINDS
from hubman.store.reader import Reader


def find_misplaced(reader: Reader, since_ns: int = 0) -> list[Misplaced]:
    """Return every file that its program does not show as what it is; `since_ns`: only files added from then on."""
    roots = {root.id: root for root in reader.roots()}
    places = reader.statistics.places(since_ns)
    found = (misplaced(roots[root_id].layout, roots[root_id].path, relpath, kind) for root_id, relpath, kind in places)
    return [entry for entry in found if entry is not None]


def find_clashes(reader: Reader, since_ns: int = 0) -> list[Clash]:
    """Return files of one stem in one root, with absolute paths; `since_ns`: only if one was added from then on."""
    roots = {root.id: root for root in reader.roots()}
    statistics = reader.statistics
    new = {(root_id, relpath) for root_id, relpath, _ in statistics.places(since_ns)} if since_ns else None
    found = []
    for root_id, kind, stem, files in statistics.same_stems(sorted(ADAPTER_KINDS)):
        if new is not None and not any((root_id, relpath) in new for relpath, _ in files):
            continue
        entry = clash(roots[root_id].layout, kind, stem, files)
        if entry is not None:
            found.append(_absolute(roots[root_id], entry))
    return found


def _absolute(root: Root, entry: Clash) -> Clash:
    base = root.path.rstrip("/") + "/"
    wins = None if entry.wins is None else base + entry.wins
    paths = tuple(base + path for path in entry.paths)
    return Clash(entry.stem, entry.kind, paths, wins, entry.program, entry.same)


def noticed(reader: Reader, since_ns: int) -> Iterator[Misplaced | Clash]:
    """Yield what a scan should tell of the files that it added since a moment."""
    yield from find_misplaced(reader, since_ns)
    yield from (entry for entry in find_clashes(reader, since_ns) if not entry.same)
