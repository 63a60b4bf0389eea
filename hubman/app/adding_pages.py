"""Asks the hubs that the user said yes to where files of `add` are from. No answer is needed to file them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hubman.core.hub import Match
from hubman.core.ports import Hub
from hubman.core.types import Hashes
from hubman.errors import HubmanError


class AskingPages:
    """Asks hub after hub, each only about what none before it knows.

    Attributes:
        troubles: (hub, error) of those that could not be asked.
    """

    def __init__(self, hubs: Mapping[str, Hub]) -> None:
        self._hubs = hubs
        self.troubles: list[tuple[str, HubmanError]] = []

    def __call__(self, hashes: Sequence[Hashes]) -> Mapping[str, Match]:
        """Return sha256 -> the page where a content is from; the same bytes come before the same weights."""
        found: dict[str, Match] = {}
        for name, hub in self._hubs.items():
            left = [one for one in hashes if one.sha256 not in found]
            if not left or not hub.hash_kinds:
                continue
            lookup = hub.by_hashes(left)
            for match in sorted(lookup.found, key=lambda match: match.how != "sha256"):
                if match.agrees:
                    found.setdefault(match.sha256, match)
            if isinstance(lookup.trouble, HubmanError):
                self.troubles.append((name, lookup.trouble))
        return found
