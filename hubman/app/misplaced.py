"""Which files lie in a folder for another kind, and which hide one another: asked of the library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hubman.core.library import Root
from hubman.core.misplaced import Clash, Misplaced, clash, misplaced
from hubman.core.types import ADAPTER_KINDS
from hubman.store.reader import Reader

News = Mapping[int, Sequence[str]]
"""Root id -> relative paths of files that a scan found new, changed or moved."""


def find_misplaced(reader: Reader, news: News | None = None) -> list[Misplaced]:
    """Return every file that its program does not show as what it is; of `news` only, where they are given."""
    roots = {root.id: root for root in reader.roots()}
    statistics = reader.statistics
    places: Iterable[tuple[int, str, str]] = (
        statistics.places()
        if news is None
        else [place for root_id, relpaths in news.items() for place in statistics.places_of(root_id, relpaths)]
    )
    found = (misplaced(roots[root_id].layout, roots[root_id].path, relpath, kind) for root_id, relpath, kind in places)
    return [entry for entry in found if entry is not None]


def find_clashes(reader: Reader, news: News | None = None) -> list[Clash]:
    """Return files of one stem in one root, with absolute paths; only where one is of `news`, if those are given."""
    roots = {root.id: root for root in reader.roots()}
    new = None if news is None else {(root_id, path) for root_id, paths in news.items() for path in paths}
    found = []
    for root_id, kind, stem, files in reader.statistics.same_stems(sorted(ADAPTER_KINDS)):
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


def noticed(reader: Reader, news: News) -> list[dict[str, object]]:
    """Return what a scan tells of the files that it found new, changed or moved: an object for each, as in JSON."""
    told: list[dict[str, object]] = []
    for entry in find_misplaced(reader, news):
        told.append({
            "reference": "misplaced", "path": entry.path, "kind": entry.kind, "folder": entry.folder,
            "program": entry.program,
        })  # fmt: skip
    for clash_ in find_clashes(reader, news):
        if not clash_.same:
            told.append({
                "reference": "same-stem", "stem": clash_.stem, "paths": list(clash_.paths), "wins": clash_.wins,
                "program": clash_.program,
            })  # fmt: skip
    return told
