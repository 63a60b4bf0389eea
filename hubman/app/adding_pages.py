"""Where files of `add` are from: what is known already, and what the hubs say that the user said yes to.

The same lookup as `hubman lookup`'s: what a hub does not know is remembered. No answer is needed to file anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hubman.app.lookup import look_up_new
from hubman.app.provenance import fetch_pictures
from hubman.app.sidecar_plan import Written
from hubman.app.sidecars import write_known
from hubman.core.hub import Match, Provenance
from hubman.core.ports import Hub, Progress
from hubman.core.types import Hashes
from hubman.errors import HubmanError
from hubman.store.door import Store
from hubman.store.reader import open_reader

if TYPE_CHECKING:
    from hubman.app.adding import Adding
    from hubman.app.hubs import OpenHubs


class KnownPages:
    """Asks nobody: a content that was here before may still be known."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, hashes: Sequence[Hashes]) -> Mapping[str, Match]:
        """Return sha256 -> the page where a content is from."""
        with open_reader(self._store.path) as reader:
            known = reader.hubs.of_contents(one.sha256 for one in hashes)
        return {sha256: _match(entries[0]) for sha256, entries in known.items() if entries}


class AskingPages(KnownPages):
    """Asks hub after hub, each only about what none before it knows and what it was not asked about lately.

    Attributes:
        hubs: those that may be asked.
        troubles: (hub, error) of those that could not be asked.
    """

    def __init__(self, store: Store, hubs: OpenHubs, progress: Progress) -> None:
        super().__init__(store)
        self.hubs = hubs
        self._progress = progress
        self.troubles: list[tuple[str, HubmanError]] = []

    def __call__(self, hashes: Sequence[Hashes]) -> Mapping[str, Match]:
        """Return sha256 -> the page where a content is from, and remember what the hubs said."""
        report = look_up_new(self._store, self.hubs, hashes, self._progress)
        self.troubles += [(entry.hub, entry.trouble) for entry in report.hubs if entry.trouble is not None]
        return super().__call__(hashes)


def _match(known: Provenance) -> Match:
    file = next((file for file in known.listing.files if file.id == known.file_id), None)
    return Match(known.sha256, known.listing, file, known.how)


@dataclass(frozen=True, slots=True)
class Dressed:
    """What filed models got beside them. `pictures`: how many previews were fetched."""

    pictures: int = 0
    sidecars: Written = field(default_factory=Written)


def dress(store: Store, answer: Adding, hubs: Mapping[str, Hub], previews: Path, progress: Progress) -> Dressed:
    """Fetch previews of what was filed and has none, and write beside it what its root asks for.

    Args:
        hubs: those that may be asked; none when offline.
    """
    contents = {one.hashes.sha256 for one in answer.filed if one.model is not None and one.match is not None}
    if not contents:
        return Dressed()
    pictures = fetch_pictures(store, hubs, previews, progress, contents) if hubs else []
    return Dressed(len(pictures), write_known(store, contents, along=answer.entry))
