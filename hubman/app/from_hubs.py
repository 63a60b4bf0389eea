"""What hubs say of a model file, as JSON that other programs rely on (docs/json.md)."""

from __future__ import annotations

from dataclasses import asdict

from hubman.core.hub import Licence, Listing, Provenance
from hubman.core.library import ModelFile
from hubman.core.plain import plain_text
from hubman.store.reader import Reader


def hubs_json(reader: Reader, file: ModelFile) -> list[dict[str, object]]:
    """Return where a file's content comes from, for `show --json`: downloads first."""
    if not file.hashes or not file.hubs:
        return []
    sha256 = file.hashes.sha256
    return [provenance_json(entry) for entry in reader.hubs.of_contents([sha256]).get(sha256, ())]


def provenance_json(entry: Provenance) -> dict[str, object]:
    """Return one origin of a content. `same_bytes`: false where only the weights are known to be the same."""
    listing = entry.listing
    return {
        "hub": listing.hub,
        "ref": str(listing.ref),
        "model_id": listing.model_id,
        "version_id": listing.version_id,
        "file_id": entry.file_id,
        "name": listing.name,
        "version": listing.version_name,
        "author": listing.author,
        "page": listing.page,
        "air": listing.air,
        "type": listing.hub_type,
        "base_model": listing.base_model,
        "words": list(listing.words),
        "weight": listing.weight,
        "weight_range": _range(listing),
        "tags": list(listing.tags),
        "description": plain_text(listing.description),
        "version_description": plain_text(listing.version_description),
        "licence": licence_json(listing.licence),
        "published": listing.published,
        "nsfw": listing.nsfw,
        "how": entry.how,
        "same_bytes": entry.how != "autov3",
        "found_ns": entry.found_ns,
        "newer": entry.newer,
        "gone": entry.gone,
        "deleted": listing.deleted,
    }


def licence_json(licence: Licence) -> dict[str, object]:
    """Return what an author allows; null where the hub does not say."""
    return {**asdict(licence), "commercial": None if licence.commercial is None else list(licence.commercial)}


def _range(listing: Listing) -> list[float] | None:
    if listing.weight_min is None or listing.weight_max is None:
        return None
    return [listing.weight_min, listing.weight_max]
