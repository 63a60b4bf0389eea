"""What hubs said of contents, as rows: their authors' words, and the texts that they are found by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from hubman.core.hub import Listing
from hubman.core.hub_texts import words_of
from hubman.store import schema
from hubman.store.listings import readable


def listings_of(connection: sa.Connection, hashes: Sequence[str]) -> dict[str, list[Listing]]:
    """Return sha256 -> its listings, downloads first, then those that are still there (as `HubAnswers.of_contents`)."""
    origin, listing = schema.provenance, schema.listing
    same = sa.and_(
        listing.c.hub == origin.c.hub, listing.c.model_id == origin.c.model_id,
        listing.c.version_id == origin.c.version_id,
    )  # fmt: skip
    query = sa.select(origin.c.sha256, listing.c.data).join(listing, same).where(origin.c.sha256.in_(hashes))
    ordered = query.order_by(
        origin.c.how != "download", listing.c.deleted, origin.c.found_ns, origin.c.hub, origin.c.version_id
    )
    found: dict[str, list[Listing]] = {}
    for sha256, data in connection.execute(ordered):
        whole = readable(data)  # damaged ones are found by `db check`, and keep nothing else from being written
        if whole is not None:
            found.setdefault(str(sha256), []).append(whole)
    return found


def word_rows(listings: Mapping[str, Sequence[Listing]]) -> list[dict[str, object]]:
    """Return the rows of `hub_word` for contents, from sha256 -> listings."""
    return [
        {
            "sha256": sha256, "rank": rank, "text": word.text, "hub": word.source.removeprefix("hub:"),
            "score": f"{word.score:.3f}",
        }
        for sha256, found in listings.items()
        for rank, word in enumerate(words_of(found))
    ]  # fmt: skip
