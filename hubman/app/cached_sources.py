"""Where files come from, told by the Hugging Face cache on this machine: no network, no question to anybody.

The cache names repository and commit of every file, and the sha256 of large ones. So a file that was copied out of it
(or is read in it) has a page, a licence and trigger words, offline. `enriched` asks the hub for the rest, one question
per repository, where the user allows it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hubman.app.hubs import enabled, open_hubs
from hubman.app.provenance import record
from hubman.core.hf_cache import cached_file as parts_of
from hubman.core.hub import HUGGINGFACE, HubRef, Listing, Match
from hubman.core.model_card import card_of
from hubman.disk.hf_cache import (
    Held,
    cache_folder,
    card_beside,
    find_held,
    held_at,
    held_files,
    local_download,
    newest_commit,
)
from hubman.errors import AccessError, HubError, HubmanError, NotFoundError
from hubman.store.reader import open_reader

if TYPE_CHECKING:
    from hubman.config import Config
    from hubman.core.ports import Hub
    from hubman.store.door import Store
    from hubman.store.reader import Reader

PAGES = "https://huggingface.co"
HOW = "sha256"


def cached_file(repo: str, revision: str | None, path: str, *, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return where a file of a repository lies in the user's cache, for `pull` to copy or to link; None: it does not.

    Its bytes are what the hub's client left there: they are hashed like any download before anybody trusts them.
    """
    cache = cache_folder(environ)
    held = find_held(cache, repo, revision, path) if cache else None
    return held.path if held else None


def cached_sources(
    reader: Reader, now_ns: int, *, environ: Mapping[str, str] = os.environ, base: str = PAGES
) -> list[Match]:
    """Return what the caches tell of contents of which nothing is known from Hugging Face yet.

    The user's own cache, and every cache that is (in) a root of the library.
    """
    wanted = [hashes.sha256 for hashes in reader.hubs.to_look_up(HUGGINGFACE, now_ns, again=True)]
    places: dict[str, list[str]] = {}
    for file in reader.of_subjects(wanted):
        if file.hashes is not None and file.present:
            places.setdefault(file.hashes.sha256, []).append(os.path.join(file.root, file.relpath))
    own = cache_folder(environ)
    return matches_of(places, caches=[own] if own else [], base=base)


def record_cached(
    store: Store, now_ns: int, *, hub: Hub | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[list[Match], HubmanError | None]:
    """Record what the caches tell, and return it with why the hub could not add to it.

    Args:
        hub: Hugging Face, where it may be asked: one question for each repository.
    """
    with open_reader(store.path) as reader:
        matches = cached_sources(reader, now_ns, environ=environ)
    trouble: HubmanError | None = None
    if hub is not None and matches:
        try:
            matches = enriched(hub, matches)
        except HubError as error:
            trouble = error
    record(store, matches)
    return matches, trouble


def learn_from_cache(
    config: Config, store: Store, *, environ: Mapping[str, str] = os.environ
) -> tuple[list[Match], HubmanError | None]:
    """Record what the caches tell, and ask Hugging Face for the rest where the user enabled it."""
    with open_reader(store.path) as reader:
        allowed = HUGGINGFACE in enabled(reader) and not config.offline
    if not allowed:
        return record_cached(store, time.time_ns(), environ=environ)
    with open_hubs(config, [HUGGINGFACE]) as hubs:
        return record_cached(store, time.time_ns(), hub=hubs[HUGGINGFACE], environ=environ)


def matches_of(places: Mapping[str, Sequence[str]], *, caches: Iterable[str], base: str = PAGES) -> list[Match]:
    """Return a match for every content that a cache has, or that lies in one; one for each repository that has it.

    Args:
        places: sha256 of contents -> where they lie.
        caches: folders of caches.
        base: address that repositories' pages are below.
    """
    if not places:
        return []
    known = _Known()
    folders = {os.path.realpath(cache) for cache in caches}
    for paths in places.values():
        folders |= {os.path.dirname(found.folder) for found in map(parts_of, paths) if found is not None}
    for folder in sorted(folders):
        known.take(folder)
    return [match for sha256, paths in sorted(places.items()) for match in known.matches(sha256, paths, base)]


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of a repository at a commit."""

    repo: str
    revision: str
    name: str


class _Known:
    """What the caches hold, by commit and by sha256."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], list[Held]] = {}
        self._by_hash: dict[str, list[_Source]] = {}
        self._repos: dict[str, str] = {}
        self._newest: dict[str, str] = {}

    def take(self, cache: str) -> None:
        """Read a cache."""
        for held in held_files(cache):
            file = held.file
            group = self._held.setdefault((file.repo, file.revision), [])
            if any(other.file.name == file.name for other in group):
                continue
            group.append(held)
            self._repos[file.revision] = file.repo
            if file.repo not in self._newest and (commit := newest_commit(cache, file.repo)):
                self._newest[file.repo] = commit
            if held.sha256:
                self._by_hash.setdefault(held.sha256, []).append(_Source(file.repo, file.revision, file.name))

    def matches(self, sha256: str, paths: Sequence[str], base: str) -> list[Match]:
        """Return what is known of a content that lies at these paths; per repository its newest commit that has it."""
        sources = list(self._by_hash.get(sha256, []))
        for path in paths:
            file = parts_of(path)
            if file is not None and file.kind == "models":
                held = held_at(path)
                if held is not None and held.sha256 not in (None, sha256):
                    continue  # its bytes are not those that the cache once had under this name
                sources.append(_Source(file.repo, file.revision, file.name))
            elif (noted := local_download(path)) and noted.commit in self._repos and noted.sha256 in (None, sha256):
                sources.append(_Source(self._repos[noted.commit], noted.commit, noted.name))
        best: dict[str, _Source] = {}
        for source in sources:
            if source.repo not in best or source.revision == self._newest.get(source.repo):
                best[source.repo] = source
        found = []
        for source in best.values():
            listing = self._listing(source, sha256, base)
            if listing is not None:
                remote = next((one for one in listing.files if one.id == source.name), None)
                found.append(Match(sha256, listing, remote, HOW))
        return found

    def _listing(self, source: _Source, sha256: str, base: str) -> Listing | None:
        """Return what is known of a commit, in the form in which the hub itself describes one."""
        from hubman.hubs.huggingface import parse_model  # knows HTTP: only where there is something to tell

        group = self._held.get((source.repo, source.revision), [])
        siblings: dict[str, dict[str, object]] = {}
        for held in group:
            known = held.sha256 or (sha256 if held.file.name == source.name else None)
            siblings[held.file.name] = _sibling(held.file.name, held.size, known)
        siblings.setdefault(source.name, _sibling(source.name, None, sha256))
        card = card_of(card_beside(group[0])) if group else {}
        try:
            listing = parse_model(
                {
                    "id": source.repo, "sha": source.revision, "siblings": list(siblings.values()), "cardData": card,
                    "tags": card.get("tags", []), "pipeline_tag": card.get("pipeline_tag", ""),
                    "library_name": card.get("library_name", ""),
                },
                base, source.name,
            )  # fmt: skip
        except HubError:  # a folder whose name is no repository's
            return None
        return replace(listing, files=tuple(replace(file, primary=False) for file in listing.files))


def _sibling(name: str, size: int | None, sha256: str | None) -> dict[str, object]:
    return {"rfilename": name, "size": size, **({"lfs": {"sha256": sha256, "size": size}} if sha256 else {})}


def enriched(hub: Hub, matches: Sequence[Match]) -> list[Match]:
    """Return the matches with what the hub says of their repositories, one question each; what it does not say stays.

    A copy in a cache without links is known by its path alone; where the hub has other bytes there, it is no match.

    Raises:
        HubError: the hub cannot be asked now.
    """
    asked: dict[tuple[str, str], Listing | None] = {}
    found = []
    for match in matches:
        key = (match.listing.model_id, match.listing.version_id)
        if key not in asked:
            try:
                (asked[key],) = hub.resolve(HubRef(HUGGINGFACE, *key))
            except (NotFoundError, AccessError):  # gone or hidden by now: what the cache tells is all there is
                asked[key] = None
        listing = asked[key]
        if listing is None:
            found.append(match)
            continue
        name = match.file.id if match.file else None
        file = next((file for file in listing.files if file.id == name), match.file)
        if file is not None and file.sha256 not in (None, match.sha256):
            continue  # what lies in the cache under this name is not what the hub has there
        found.append(replace(match, listing=listing, file=file))
    return found
