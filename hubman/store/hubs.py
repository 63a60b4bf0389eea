"""What hubs said of contents: the verbs of a write transaction, as `writer.hubs`.

Nothing here is ever erased by a hub's answer: what is gone there is marked, and what we know stays.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from hubman.core.hub import Listing
from hubman.store import schema
from hubman.store.hub_said import listings_of, word_rows
from hubman.store.listings import listing_bytes
from hubman.store.subjects import Subjects

AT_ONCE = 300
"""Contents (or listings, of three values each) in one question: SQLite takes 32,766 values."""

DAY_NS = 86_400 * 10**9
RETRY_DAYS = (7, 14, 30, 60, 90)
"""Days after which a content is asked about again, after the first miss, the second, ...; then always the last."""


class Hubs:
    """The verbs of a write transaction that are about hubs."""

    def __init__(self, connection: sa.Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    def choose(self, hub: str, *, enabled: bool) -> None:
        """Record whether hashes may be sent to a hub."""
        statement = upsert(schema.hub_choice).values(hub=hub, enabled=enabled, decided_ns=time.time_ns())
        changed = {"enabled": statement.excluded.enabled, "decided_ns": statement.excluded.decided_ns}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["hub"], set_=changed))

    def record_listings(self, listings: Iterable[Listing]) -> None:
        """Record what hubs say of versions; what was gone and is back is not gone any more."""
        now = time.time_ns()
        rows = [
            {
                "hub": listing.hub, "model_id": listing.model_id, "version_id": listing.version_id,
                "data": listing_bytes(listing), "fetched_ns": now, "gone_ns": None, "deleted": listing.deleted,
                "nsfw": listing.nsfw, "weight": listing.weight, "weight_min": listing.weight_min,
                "weight_max": listing.weight_max,
            }
            for listing in listings
        ]  # fmt: skip
        if rows:
            statement = upsert(schema.listing)
            keys = ["hub", "model_id", "version_id"]
            changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
            self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    def record_gone(self, hub: str, model_id: str, version_id: str | None = None) -> None:
        """Record that a hub has a version (or any of a model) no more. What we know of it stays."""
        table = schema.listing
        which = [table.c.hub == hub, table.c.model_id == model_id, table.c.gone_ns.is_(None)]
        if version_id is not None:
            which.append(table.c.version_id == version_id)
        self._connection.execute(sa.update(table).where(*which).values(gone_ns=time.time_ns()))

    def record_provenance(self, entries: Sequence[tuple[str, Listing, str | None, str]]) -> None:
        """Record where contents come from, as (sha256, listing, file id, how); their words and texts become known.

        `how`: "download", or the kind of hash that matched.
        """
        if not entries:
            return
        self.record_listings({id(listing): listing for _, listing, _, _ in entries}.values())
        now = time.time_ns()
        rows = [
            {
                "sha256": sha256, "hub": listing.hub, "model_id": listing.model_id,
                "version_id": listing.version_id, "file_id": file_id, "how": how, "found_ns": now,
            }
            for sha256, listing, file_id, how in entries
        ]  # fmt: skip
        statement = upsert(schema.provenance)
        changed = {
            "file_id": sa.func.coalesce(statement.excluded.file_id, schema.provenance.c.file_id),
            "how": sa.case((schema.provenance.c.how == "download", "download"), else_=statement.excluded.how),
        }
        keys = ["sha256", "hub", "model_id", "version_id"]
        self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)
        lookup = schema.lookup
        known = [{"of": sha256, "at": listing.hub} for sha256, listing, _, _ in entries]
        which = (lookup.c.sha256 == sa.bindparam("of"), lookup.c.hub == sa.bindparam("at"))
        self._connection.execute(sa.delete(lookup).where(*which), known)
        self.refresh([sha256 for sha256, _, _, _ in entries])

    def refresh(self, hashes: Sequence[str]) -> None:
        """Make trigger words and searchable texts of contents those of their listings."""
        wanted = list(dict.fromkeys(hashes))
        for part in (wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)):
            self._connection.execute(sa.delete(schema.hub_word).where(schema.hub_word.c.sha256.in_(part)))
            rows = word_rows(listings_of(self._connection, part))
            if rows:
                self._connection.execute(sa.insert(schema.hub_word), rows)
            self._subjects.refresh_search(schema.file.c.sha256.in_(part))

    def refresh_listings(self, listings: Iterable[Listing]) -> None:
        """Record listings of versions that contents come from already (`record_listings`), and refresh those."""
        listings = list(listings)
        self.record_listings(listings)
        table = schema.provenance
        for part in (listings[start : start + AT_ONCE] for start in range(0, len(listings), AT_ONCE)):
            keys = [(listing.hub, listing.model_id, listing.version_id) for listing in part]
            which = sa.tuple_(table.c.hub, table.c.model_id, table.c.version_id).in_(keys)
            self.refresh(list(self._connection.scalars(sa.select(table.c.sha256).where(which))))

    def record_misses(self, hub: str, hashes: Sequence[str]) -> None:
        """Remember that a hub did not know contents, and when it is worth asking again."""
        table, now = schema.lookup, time.time_ns()
        first = {"misses": 1, "asked_ns": now, "due_ns": now + RETRY_DAYS[0] * DAY_NS}
        rows = [{"sha256": sha256, "hub": hub, **first} for sha256 in dict.fromkeys(hashes)]
        if not rows:
            return
        waits = {number: now + days * DAY_NS for number, days in enumerate(RETRY_DAYS[1:], 1)}
        changed = {
            "misses": table.c.misses + 1,
            "asked_ns": now,
            "due_ns": sa.case(waits, value=table.c.misses, else_=now + RETRY_DAYS[-1] * DAY_NS),
        }
        statement = upsert(table)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["sha256", "hub"], set_=changed), rows)

    def set_newer(self, newer: Mapping[tuple[str, str, str, str], str | None]) -> None:
        """Record (sha256, hub, model id, version id) -> version id of the newer version, None for none."""
        table = schema.provenance
        for (sha256, hub, model_id, version_id), found in newer.items():
            which = (
                table.c.sha256 == sha256, table.c.hub == hub, table.c.model_id == model_id,
                table.c.version_id == version_id,
            )  # fmt: skip
            self._connection.execute(sa.update(table).where(*which).values(newer=found))

    def set_preview(self, sha256: str, path: str | None) -> None:
        """Record where the hub's preview of a content lies."""
        self._connection.execute(sa.update(schema.blob).where(schema.blob.c.sha256 == sha256).values(hub_preview=path))

    # --- downloads under way ---------------------------------------------------------------------------------------

    def begin_download(self, ref: str, part: str, detail: Mapping[str, Any]) -> int:
        """Record a download that begins; return its number. `detail` holds no secret and no signed address."""
        row = {
            "ref": ref, "part": part, "state": "running", "detail": json.dumps(dict(detail), ensure_ascii=False),
            "made_ns": time.time_ns(),
        }  # fmt: skip
        done = self._connection.execute(sa.insert(schema.download).values(**row))
        return int(done.lastrowid)

    def set_download(self, number: int, state: str, detail: Mapping[str, Any] | None = None) -> None:
        """Record how far a download is: running, failed."""
        values: dict[str, object] = {"state": state}
        if detail is not None:
            values["detail"] = json.dumps(dict(detail), ensure_ascii=False)
        table = schema.download
        self._connection.execute(sa.update(table).where(table.c.id == number).values(**values))

    def end_download(self, number: int) -> None:
        """Forget a download: its file has its name, or the user gave it up."""
        self._connection.execute(sa.delete(schema.download).where(schema.download.c.id == number))
