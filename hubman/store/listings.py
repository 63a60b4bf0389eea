"""Listings as a column keeps them: JSON, deflated."""

from __future__ import annotations

import zlib

import msgspec

from hubman.core.hub import Listing


def listing_bytes(listing: Listing) -> bytes:
    """Encode a listing for its column."""
    return zlib.compress(msgspec.json.encode(listing, enc_hook=dict), 6)  # a file without hashes has a mappingproxy


def readable(stored: object) -> Listing | None:
    """Undo `listing_bytes`, or return None where that is damaged."""
    try:
        return listing_of(stored) if isinstance(stored, bytes) else None
    except (zlib.error, msgspec.DecodeError):
        return None


def listing_of(stored: bytes) -> Listing:
    """Undo `listing_bytes`; fields of a later hubman are left out.

    Raises:
        zlib.error, msgspec.DecodeError: it is damaged.
    """
    return msgspec.json.decode(zlib.decompress(stored), type=Listing)
