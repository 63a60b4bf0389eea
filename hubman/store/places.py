"""Rows that follow their files to places where hubman itself put them, or out of the library."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from hubman.core.library import Seen, alias_of, stem_of
from hubman.store import schema
from hubman.store.subjects import Subjects


class Places:
    """The verbs of a write transaction that are about where a known file is: `writer.places`."""

    def __init__(self, connection: sa.Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    def root_id(self, root: str) -> int | None:
        """Return the number of a root by its path; None when it is none (any more)."""
        return self._connection.scalar(sa.select(schema.root.c.id).where(schema.root.c.path == root))

    def at(self, root_id: int, relpath: str) -> int | None:
        """Return the row of a place."""
        file = schema.file
        return self._connection.scalar(sa.select(file.c.id).where(file.c.root_id == root_id, file.c.relpath == relpath))

    def put(self, file_id: int, root: str, seen: Seen, *, brought: bool) -> bool:
        """Give a row the place where its file was put; everything that hangs on the row or its alias comes along.

        A row that the place had goes: it was of a file that is gone, or a scan listed the moved one a moment ago.

        Args:
            brought: what had been left behind elsewhere now lies beside the file.

        Returns:
            False when there is no such row or root any more.
        """
        file = schema.file
        root_id = self.root_id(root)
        row = self._connection.execute(sa.select(file.c.alias).where(file.c.id == file_id)).first()
        if root_id is None or row is None:
            return False
        old, new = str(row[0]), alias_of(root, seen.relpath)
        other = self.at(root_id, seen.relpath)
        if other is not None and other != file_id:
            self._clear(other)
        if old != new:
            self._rename(file_id, old, new)
        values: dict[str, object] = {
            "root_id": root_id, "relpath": seen.relpath, "alias": new, "present": True, "gone_ns": None,
            "name": stem_of(seen.relpath, folder=seen.folder), "size": seen.size, "mtime_ns": seen.mtime_ns,
            "inode": seen.inode, "device": seen.device, "beside": seen.beside, "facts_version": 0,
        }  # fmt: skip
        if brought:
            values["left_behind"] = None
        self._connection.execute(sa.update(file).where(file.c.id == file_id).values(values))
        return True

    def drop(self, file_ids: list[int]) -> None:
        """Forget rows. Notes, tags, words and verdicts hang on the content (or the alias) and stay."""
        self._connection.execute(sa.delete(schema.file).where(schema.file.c.id.in_(file_ids)))

    def _clear(self, file_id: int) -> None:
        """Take a row away; what the user said of it while it was unhashed is set aside, never deleted."""
        file = schema.file
        row = self._connection.execute(
            sa.select(file.c.alias, file.c.header_digest, file.c.sha256).where(file.c.id == file_id)
        ).one()
        if row[2] is None:
            self._subjects.drop_verdicts(row[0])
            self._subjects.set_aside(row[0], row[1] or f"row{file_id}")
        self.drop([file_id])

    def _rename(self, file_id: int, old: str, new: str) -> None:
        self._subjects.rename(old, new)
        former = upsert(schema.former_alias).values(alias=old, file_id=file_id)
        self._connection.execute(former.on_conflict_do_nothing())
