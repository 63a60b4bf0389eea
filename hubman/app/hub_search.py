"""Search on hubs: all chosen ones at once, none of which spoils it for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import zip_longest
from typing import TYPE_CHECKING

from hubman.core.hub import CIVITAI, HUGGINGFACE, LIBLIB, MODELSCOPE, Hit, HubQuery
from hubman.core.hub_words import base_architecture, kind_of_hub_type
from hubman.core.query import BASE_NAMES
from hubman.core.types import Kind
from hubman.errors import N_, HubmanError, UsageError

if TYPE_CHECKING:
    from hubman.core.ports import Hub
    from hubman.store.reader import Reader

USUAL = (CIVITAI, HUGGINGFACE, MODELSCOPE)
"""Hubs that are asked when none is named: those with a public search. LiblibAI only where the user enabled it."""
SORTS = ("relevance", "downloads", "newest")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a hub's answer is missing or short."""

    hub: str
    error: HubmanError


@dataclass(frozen=True, slots=True)
class Found:
    """What the hubs answered: the first hit of each, then the second of each, ... so that none hides the others."""

    hits: tuple[Hit, ...]
    troubles: tuple[Trouble, ...]
    asked: tuple[str, ...]


def usual_hubs(enabled: Iterable[str]) -> tuple[str, ...]:
    """Return the hubs to ask when none is named.

    Args:
        enabled: hubs that the user enabled.
    """
    return (*USUAL, LIBLIB) if LIBLIB in set(enabled) else USUAL


def search_hubs(hubs: Mapping[str, Hub], query: HubQuery) -> Found:
    """Ask all hubs at once; what one of them cannot answer is told, and what came before that is kept."""
    names = tuple(hubs)
    opened = {name: hubs[name] for name in names}
    with ThreadPoolExecutor(max_workers=max(1, len(names)), thread_name_prefix="search") as pool:
        waiting = [pool.submit(_ask, opened[name], query) for name in names]
        answers = [future.result() for future in waiting]
    troubles = tuple(Trouble(name, error) for name, (_, error) in zip(names, answers, strict=True) if error is not None)
    mixed = _in_turn([hits for hits, _ in answers])
    if query.sort == "downloads":
        mixed = iter(sorted(mixed, key=lambda hit: -(hit.downloads or 0)))
    return Found(tuple(hit for hit, _ in zip(mixed, range(query.limit), strict=False)), troubles, names)


def _ask(hub: Hub, query: HubQuery) -> tuple[list[Hit], HubmanError | None]:
    """Return at most `limit` hits, and why there are not more; those before a failure stay."""
    hits: list[Hit] = []
    try:
        for hit in hub.search(query):
            hits.append(hit)
            if len(hits) >= query.limit:
                break
    except HubmanError as error:
        return hits, error
    return hits, None


def _in_turn(groups: Sequence[Sequence[Hit]]) -> Iterator[Hit]:
    return (hit for row in zip_longest(*groups) for hit in row if hit is not None)


def owned(reader: Reader, hits: Sequence[Hit]) -> set[tuple[str, str]]:
    """Return (hub, model id) of the hits of which the library has a file."""
    asked: dict[str, set[str]] = {}
    for hit in hits:
        if hit.ref.hub and hit.ref.model:
            asked.setdefault(hit.ref.hub, set()).add(hit.ref.model)
    return {(hub, model) for hub, models in asked.items() for model in reader.hubs.owned(hub, models)}


def kind_named(text: str) -> str:
    """Return the kind that somebody means: ours, or a hub's word for one.

    Raises:
        UsageError: `kind-unknown`.
    """
    wanted = text.strip().casefold()
    kinds = sorted(str(kind) for kind in Kind)
    found = wanted if wanted in kinds else kind_of_hub_type(CIVITAI, text)
    if found != Kind.UNKNOWN:
        return found
    near = get_close_matches(wanted, kinds, n=1)
    raise UsageError(
        "kind-unknown",
        N_("There is no type {text!r}."),
        hint=N_("Did you mean {near}? There are: {kinds}") if near else N_("There are: {kinds}"),
        text=text,
        near=near[0] if near else "",
        kinds=", ".join(kind for kind in kinds if kind != Kind.UNKNOWN),
    )


def architecture_named(text: str, known: Iterable[str]) -> str:
    """Return the architecture that somebody means: hubman's spelling, what people write, or a hub's word.

    Args:
        known: hubman's architectures.

    Raises:
        UsageError: `base-unknown`.
    """
    wanted, names = text.strip().casefold(), sorted(known)
    found = wanted if wanted in names else BASE_NAMES.get(wanted) or base_architecture(text)
    if found:
        return found
    near = get_close_matches(wanted, names, n=1)
    raise UsageError(
        "base-unknown",
        N_("hubman knows no base {text!r}."),
        hint=N_("Did you mean {near}? As it is written here: sd1, sdxl, flux1, pony, illustrious, ...")
        if near
        else N_("As it is written here: sd1, sdxl, flux1, pony, illustrious, ..."),
        text=text,
        near=near[0] if near else "",
    )
