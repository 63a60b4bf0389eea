"""Civitai's answers, whole: models, versions, numbers, lines of a search. What makes no sense raises `hub-answer`."""

from __future__ import annotations

from collections.abc import Mapping

from hubman.core.hub import CIVITAI, Hit, HubRef, Listing
from hubman.core.hub_words import base_architecture, kind_of_hub_type
from hubman.hubs._civitai_shape import listing_of_version, newest_first, nsfw_of_model
from hubman.hubs._http import Answer
from hubman.hubs._tolerant import mapping, mappings, not_understood, text, texts, whole


def parse_model(answer: object, base: str, now_s: float) -> tuple[Listing, ...]:
    """Return the versions of a model, newest first.

    Raises:
        HubError: `hub-answer`, it is no model.
    """
    model = mapping(answer)
    if whole(model.get("id")) is None or not isinstance(model.get("modelVersions"), list):
        raise not_understood(CIVITAI, "a model", answer)
    found = (listing_of_version(CIVITAI, entry, model, base, now_s) for entry in mappings(model["modelVersions"]))
    return newest_first([listing for listing in found if listing])


def parse_version(answer: object, base: str, now_s: float, model: Mapping[str, object] | None = None) -> Listing:
    """Return a version as `/model-versions` gives it, with its model where that is known.

    Raises:
        HubError: `hub-answer`, it is no version.
    """
    listing = listing_of_version(CIVITAI, mapping(answer), model or {}, base, now_s)
    if listing is None:
        raise not_understood(CIVITAI, "a version", answer)
    return listing


def parse_ids(answer: Answer, asked: set[str]) -> dict[str, tuple[int, int | None]]:
    """Return sha256 -> (version number, model number or None) of those asked for; the smallest version of several.

    Raises:
        HubError: `hub-answer`, it is no such list.
    """
    if answer.status != 200 or not isinstance(answer.data, list):
        raise not_understood(CIVITAI, "numbers by hash", answer.data)
    found: dict[str, tuple[int, int | None]] = {}
    for entry in answer.data:
        said = mapping(entry)
        version, sha256 = whole(said.get("modelVersionId")), text(said.get("hash")).lower()
        if version is None or not sha256:
            raise not_understood(CIVITAI, "numbers by hash", answer.data)
        if sha256 in asked and (sha256 not in found or version < found[sha256][0]):
            found[sha256] = (version, whole(said.get("modelId")))
    return found


def parse_hit(item: Mapping[str, object], base: str) -> Hit | None:
    """Return a line of a search; None for what is no model."""
    number = whole(item.get("id"))
    if number is None:
        return None
    versions = mappings(item.get("modelVersions"))
    newest = versions[0] if versions else {}
    base_model = text(newest.get("baseModel")) or None
    return Hit(
        ref=HubRef(CIVITAI, str(number)),
        name=text(item.get("name")) or str(number),
        kind=kind_of_hub_type(CIVITAI, item.get("type")),
        base_model=base_model,
        architecture=base_architecture(base_model),
        author=text(mapping(item.get("creator")).get("username")) or None,
        downloads=whole(mapping(item.get("stats")).get("downloadCount")),
        words=texts(newest.get("trainedWords")) if isinstance(newest.get("trainedWords"), list) else (),
        page=f"{base}/models/{number}",
        nsfw=nsfw_of_model(item, newest),
    )


def items_of(answer: Answer) -> list[Mapping[str, object]]:
    items = mapping(answer.data).get("items")
    if answer.status != 200 or not isinstance(items, list):
        raise not_understood(CIVITAI, "models", answer.data)
    return mappings(items)


def cursor_of(data: object) -> str | None:
    value = mapping(mapping(data).get("metadata")).get("nextCursor")
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
