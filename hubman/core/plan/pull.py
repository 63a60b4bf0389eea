"""Small decisions of `pull`: what kind to expect, which file a hash means, which picture is worth keeping. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hubman.core.hub import HASH_KINDS, HubRef, Listing, RemoteFile, RemoteImage
from hubman.core.hub_words import kind_of_file

EXPLICIT = 3
PLAIN = (None, 0, 1)
"""Levels of a picture that nobody minds: unknown (the listing decides), none, soft."""


def expected_kind(listing: Listing, file: RemoteFile) -> str:
    """Return what a file should be by the words of its hub, a value of Kind."""
    return kind_of_file(file.type, listing.kind)


def hash_says(text: str, hashes: Mapping[str, str | None]) -> bool:
    """Say whether a content, given by its hashes, may be the one that a bare hash means."""
    values = [hashes.get(kind) for kind in HASH_KINDS.get(len(text), ())]
    return any(value and value.startswith(text) for value in values)


def still_picture(images: Iterable[RemoteImage], *, explicit: bool = False) -> RemoteImage | None:
    """Return the picture to keep as a preview: the first still one that nobody minds, else the mildest.

    Args:
        explicit: one that the hub calls explicit will do, too.
    """
    stills = [image for image in images if not image.video and (explicit or (image.nsfw or 0) < EXPLICIT)]
    return min(stills, key=lambda image: 0 if image.nsfw in PLAIN else image.nsfw or 0, default=None)


def source_of(listing: Listing) -> str:
    """Return what a part is called by where its content is not known: where its bytes come from."""
    return f"{listing.hub}:{listing.model_id}@{listing.version_id}"


def reference(listing: Listing, file: RemoteFile) -> HubRef:
    """Return the reference that leads back to this very file."""
    return HubRef(listing.hub, listing.model_id, listing.version_id, file.id)
