"""Rows of files that are gone <-> rows of files that appeared: what moved keeps its row, its age and its ids.

Two proofs are taken. The same number (inode), size and time on the same file system: the very same file under another
path, in another root perhaps. The same sha256: the same content, whatever became of the file. Size and header alone
prove nothing: two epochs of one training share both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from hubman.core.library import left_behind, stem_path
from hubman.store import schema
from hubman.store.subjects import Subjects

Row = Any  # a row of `file`, its columns as attributes
PLACE = ("root_id", "relpath", "name", "alias", "folder", "size", "mtime_ns", "inode", "device", "beside")
"""Columns that say where a row's file is."""


class Reunion:
    """The verbs of a write transaction that let rows find their files again."""

    def __init__(self, connection: sa.Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    def by_number(self, wanted: Sequence[int], missing: Collection[int], most: int) -> set[int]:
        """Give rows the places of the very same files, at most so many; return the ids of the rows that moved.

        A row whose own place holds it again has come back, and is none of these; a place that is older than the row is
        the original of which a link is gone. Where two rows or two places fit, the
        file is a hard link of several, and nothing is concluded.

        Args:
            wanted: rows to look for; when empty, those whose file is gone.
            missing: rows whose file is not where they say, so that they are nobody's new place.
        """
        gone, there = schema.file.alias("gone"), schema.file.alias("there")
        same = sa.and_(
            gone.c.inode == there.c.inode, gone.c.size == there.c.size, gone.c.mtime_ns == there.c.mtime_ns,
            gone.c.device == there.c.device, gone.c.id != there.c.id, there.c.present,
            there.c.added_ns >= gone.c.added_ns, there.c.inode != 0,
        )  # fmt: skip
        query = sa.select(gone.c.id, there.c.id).join(there, same)
        query = query.where(gone.c.id.in_(wanted) if wanted else ~gone.c.present)
        pairs = [(row, place) for row, place in self._connection.execute(query) if place not in missing]
        rows, places = Counter(row for row, _ in pairs), Counter(place for _, place in pairs)
        unique = [(row, place) for row, place in pairs if rows[row] == places[place] == 1][:most]
        for row_id, place_id in unique:
            self._take_place(row_id, place_id)
        return {row_id for row_id, _ in unique}

    def by_content(self, most: int, since_ns: int) -> tuple[int, int]:
        """Let rows of vanished files whose content is in another place become one with it.

        Returns:
            How many did, and how many of those found it in a place that is known since `since_ns` only, so that they
            moved; the others were one of several copies.
        """
        gone, there = schema.file.alias("gone"), schema.file.alias("there")
        query = (
            sa.select(gone.c.id, sa.func.max(there.c.id), sa.func.max(there.c.added_ns))
            .join(there, sa.and_(there.c.sha256 == gone.c.sha256, there.c.present))
            .where(~gone.c.present)
            .group_by(gone.c.id)
            .limit(most)
        )
        pairs = self._connection.execute(query).fetchall()
        for row_id, place_id, _ in pairs:
            self._merge(row_id, place_id)
        return len(pairs), sum(added >= since_ns for _, _, added in pairs)

    def _take_place(self, row_id: int, place_id: int) -> None:
        """The older row goes on, in the place of the newer one, which goes."""
        file = schema.file
        old, new = self._row(row_id), self._row(place_id)
        self._move_aliases(place_id, row_id)
        self._connection.execute(sa.delete(file).where(file.c.id == place_id))
        if old.sha256 is None and new.sha256 is None:
            self._subjects.hand_over(new.alias, old.alias)
            self._subjects.rename(old.alias, new.alias)
        elif old.sha256 is None or new.sha256 is None:
            unhashed = old if old.sha256 is None else new
            self._subjects.hand_over(unhashed.alias, old.sha256 or new.sha256)
        self._remember(old.alias, row_id)
        values = {name: getattr(new, name) for name in PLACE}
        values |= {"present": True, "gone_ns": None, "facts_version": 0}
        values["left_behind"] = self._left_behind(old, new)
        values["sha256"] = old.sha256 or new.sha256
        self._connection.execute(sa.update(file).where(file.c.id == row_id).values(values))

    def _merge(self, row_id: int, place_id: int) -> None:
        """The newer row goes on, as old as the older one was, which goes."""
        file = schema.file
        old, new = self._row(row_id), self._row(place_id)
        values: dict[str, object] = {"added_ns": min(old.added_ns, new.added_ns)}
        behind = self._left_behind(old, new)
        if behind is not None and new.left_behind is None:
            values |= {"left_behind": behind, "facts_version": 0}
        self._move_aliases(row_id, place_id)
        self._remember(old.alias, place_id)
        self._connection.execute(sa.delete(file).where(file.c.id == row_id))
        self._connection.execute(sa.update(file).where(file.c.id == place_id).values(values))

    def _left_behind(self, old: Row, new: Row) -> str | None:
        stem = stem_path(self._root_path(old.root_id), old.relpath, folder=old.folder)
        return left_behind(stem, had=old.beside, has=new.beside, before=old.left_behind)

    def _row(self, file_id: int) -> Row:
        return self._connection.execute(sa.select(schema.file).where(schema.file.c.id == file_id)).one()

    def _root_path(self, root_id: int) -> str:
        found = self._connection.scalar(sa.select(schema.root.c.path).where(schema.root.c.id == root_id))
        return str(found)

    def _move_aliases(self, source: int, target: int) -> None:
        former = schema.former_alias
        known = sa.select(former.c.alias).where(former.c.file_id == source)
        for alias in self._connection.scalars(known).fetchall():
            self._remember(alias, target)

    def _remember(self, alias: str, file_id: int) -> None:
        former = upsert(schema.former_alias).values(alias=alias, file_id=file_id)
        self._connection.execute(former.on_conflict_do_nothing())
