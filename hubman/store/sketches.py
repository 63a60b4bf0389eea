"""Sketches of adapters' weights: what `dupes --similar` remembers of a content, so that it is read only once."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from hubman.store import schema


def record(connection: sa.Connection, version: int, sketches: Iterable[tuple[str, bytes]]) -> None:
    """Remember (sha256, sketch) of the contents that are known; a sketch of an older version is replaced."""
    rows = [{"sha256": sha256, "version": version, "data": data} for sha256, data in sketches]
    known = set(
        connection.scalars(sa.select(schema.blob.c.sha256).where(schema.blob.c.sha256.in_([r["sha256"] for r in rows])))
    )
    rows = [row for row in rows if row["sha256"] in known]
    if rows:
        statement = upsert(schema.sketch)
        newer = {"version": statement.excluded.version, "data": statement.excluded.data}
        connection.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_=newer), rows)
