"""Listings as a column keeps them: JSON, deflated."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from hubman.core.hub import Listing


def listing_bytes(listing: Listing) -> bytes:
    """Encode a listing for its column."""
    return zlib.compress(msgspec.json.encode(listing, enc_hook=_plain), 6)


def _plain(value: object) -> object:
    """Return a read-only mapping as the object that it stands for."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} is in no listing")


def listing_of(stored: bytes) -> Listing:
    """Undo `listing_bytes`; fields of a later hubman are left out.

    Raises:
        zlib.error, msgspec.DecodeError: it is damaged.
    """
    return msgspec.json.decode(zlib.decompress(stored), type=Listing)
