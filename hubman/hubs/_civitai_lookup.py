"""Looking up local contents on Civitai in as few requests as its API allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from hubman.core.hub import CIVITAI, Listing, Lookup, Match, RemoteFile
from hubman.core.hub_words import NO_MODELS
from hubman.core.listed import Hashes
from hubman.hubs._civitai_answers import cursor_of, items_of, parse_ids, parse_model, parse_version
from hubman.hubs._http import Answer
from hubman.hubs._tolerant import not_understood, whole

MOST_IDS = 10_000
"""Hashes in one question for numbers."""
MOST_VERSIONS = 100
"""Hashes in one question for whole versions; also models in one page."""
_T = TypeVar("_T")


class Session:
    """One lookup: what was found, what is definitely not there, and how many requests it took."""

    def __init__(self, ask: Callable[..., Answer], bases: Sequence[str], now_s: float) -> None:
        self._asking, self._bases, self._now_s = ask, bases, now_s
        self._found: dict[str, Match] = {}
        self.missed: set[str] = set()
        self._calls = 0

    def _ask(self, *args: object, **more: object) -> Answer:
        self._calls += 1
        return self._asking(*args, **more)

    @property
    def settled(self) -> set[str]:
        """Contents that need no other question."""
        return set(self._found) | self.missed | self._unread

    _unread: frozenset[str] | set[str] = frozenset()
    """Contents that the hub knows but did not describe, or described as something else: neither found nor missed."""

    def lookup(self, trouble: Exception | None = None) -> Lookup:
        """Return what is known so far."""
        return Lookup(tuple(self._found.values()), tuple(sorted(self.missed)), trouble, self._calls)

    def by_sha256(self, wanted: Sequence[str]) -> None:
        """Find contents by their sha256; what no site knows stays open for other kinds of hashes."""
        left = list(wanted)
        for base in self._bases:
            if not left:
                return
            answer = self._ask("POST", "/model-versions/by-hash/ids", base, body=[sha256.upper() for sha256 in left])
            known = parse_ids(answer, set(left))
            self._unread = set(self._unread) | set(known)
            self._models(known, base)
            self._versions({sha256: known[sha256] for sha256 in known if sha256 not in self._found}, base)
            left = [sha256 for sha256 in left if sha256 not in known]

    def _models(self, known: Mapping[str, tuple[int, int | None]], base: str) -> None:
        """Describe contents through their models: all their versions, and what only models say."""
        numbers = sorted({model for _, model in known.values() if model is not None})
        by_version: dict[str, list[str]] = {}
        for sha256, (version, _) in known.items():
            by_version.setdefault(str(version), []).append(sha256)
        for part in blocks([str(number) for number in numbers], MOST_VERSIONS):
            for model in models_by_number(self._ask, part, base):
                for listing in parse_model(model, base, self._now_s):
                    self._take(listing, by_version.get(listing.version_id, ()))

    def _versions(self, known: Mapping[str, tuple[int, int | None]], base: str) -> None:
        """Describe contents whose models are not shown (unlisted ones), or whose model's number is not known."""
        by_version: dict[str, list[str]] = {}
        for sha256, (version, _) in sorted(known.items()):
            by_version.setdefault(str(version), []).append(sha256)
        for part in blocks([hashes[0] for hashes in by_version.values()], MOST_VERSIONS):
            answer = self._ask("POST", "/model-versions/by-hash", base, body=[sha256.upper() for sha256 in part])
            if answer.status == 404:
                return
            if answer.status != 200 or not isinstance(answer.data, list):
                raise not_understood(CIVITAI, "versions by hash", answer.data)
            for version in answer.data:
                listing = parse_version(version, base, self._now_s)
                self._take(listing, by_version.get(listing.version_id, ()))

    def _take(self, listing: Listing, contents: Iterable[str]) -> None:
        for sha256 in contents:
            file = next((file for file in listing.files if file.sha256 == sha256), None)
            match = Match(sha256, listing, file, "sha256")
            if match.agrees:
                self._found.setdefault(sha256, match)

    def by_autov3(self, hashes: Hashes) -> None:
        """Find a content whose header was edited, by the hash of its weights."""
        sha256, autov3 = hashes.sha256.lower(), (hashes.autov3 or "").lower()
        for base in self._bases:
            answer = self._ask("GET", f"/model-versions/by-hash/{autov3}", base)
            if answer.status == 404:
                continue
            if answer.status != 200:
                raise not_understood(CIVITAI, "a version by AutoV3", answer.data)
            listing = parse_version(answer.data, base, self._now_s)
            file = next((file for file in listing.files if _has_weights(file, autov3)), None)
            if file is not None:
                self._found[sha256] = Match(sha256, listing, file, "autov3")
                return
        self.missed.add(sha256)


def _has_weights(file: RemoteFile, autov3: str) -> bool:
    """Whether a file says itself that it has these weights: an answer alone may be of another model."""
    return file.hashes.get("autov3") == autov3 and file.type.lower() not in NO_MODELS and file.format == "safetensors"


def models_by_number(ask: Callable[..., Answer], numbers: Sequence[str], base: str) -> Iterator[Mapping[str, object]]:
    """Yield the models with these numbers, at most MOST_VERSIONS; a page that was cut is turned."""
    params = {"ids": ",".join(numbers), "limit": str(MOST_VERSIONS), "nsfw": "true"}
    wanted, seen = set(numbers), set[str]()
    while True:
        answer = ask("GET", "/models", base, params)
        items = [item for item in items_of(answer) if str(whole(item.get("id"))) in wanted]
        yield from items
        seen |= {str(whole(item.get("id"))) for item in items}
        cursor = cursor_of(answer.data)
        if cursor is None or seen >= wanted or not items or params.get("cursor") == cursor:
            return
        params["cursor"] = cursor


def blocks(entries: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))
