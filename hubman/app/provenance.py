"""Where contents come from: what a lookup found becomes known, and the picture that a hub shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from hubman.app.hub_picture import keep_picture
from hubman.core.hub import Match, Provenance
from hubman.core.library import ModelFile
from hubman.core.ports import Hub, Progress
from hubman.core.query import parse_query
from hubman.errors import HubError, HubmanError
from hubman.store.door import Store
from hubman.store.reader import open_reader

MOST_PICTURES = 200
"""Pictures that one lookup fetches: a library of thousands gets them over several."""

MOST_FAILURES = 3
"""Pictures of one hub that cannot be had before it is left in peace."""


def record(store: Store, matches: Sequence[Match]) -> None:
    """Record listings and where contents come from; their trigger words and texts are found at once."""
    if matches:
        entries = [(match.sha256, match.listing, match.file.id if match.file else None, match.how) for match in matches]
        with store.writer() as writer:
            writer.hubs.record_provenance(entries)


def fetch_pictures(
    store: Store,
    hubs: Mapping[str, Hub],
    previews: Path,
    progress: Progress,
    chosen: Collection[str] | None = None,
    most: int = MOST_PICTURES,
) -> list[str]:
    """Fetch pictures for contents that have none; return for which. One that cannot be had is no failure.

    Args:
        chosen: sha256 of the contents that are meant; None: all.
    """
    failures = dict.fromkeys(hubs, 0)
    waiting = _without_picture(store, chosen)
    progress.phase("pictures", min(most, len(waiting)))
    fetched: list[str] = []
    for sha256, origins in _origins(store, waiting):
        if len(fetched) >= most:
            break
        for origin in origins:
            name = origin.listing.hub
            if name not in hubs or failures[name] >= MOST_FAILURES:
                continue
            try:
                kept = keep_picture(store, hubs[name], origin.listing, sha256, previews)
            except (HubError, OSError, HubmanError):
                failures[name] += 1
                continue
            if kept is not None:
                fetched.append(sha256)
                progress.advance()
                break
    return fetched


def _without_picture(store: Store, chosen: Collection[str] | None) -> list[str]:
    with open_reader(store.path) as reader:
        found: dict[str, ModelFile] = {}
        for file in reader.hits(parse_query("has:hub -has:preview", 0)):
            if file.hashes and (chosen is None or file.hashes.sha256 in chosen):
                found.setdefault(file.hashes.sha256, file)
    return list(found)


def _origins(store: Store, hashes: Sequence[str]) -> Iterator[tuple[str, list[Provenance]]]:
    for start in range(0, len(hashes), 100):
        part = hashes[start : start + 100]
        with open_reader(store.path) as reader:
            known = reader.hubs.of_contents(part)
        yield from ((sha256, known.get(sha256, [])) for sha256 in part)
