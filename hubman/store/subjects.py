"""What hangs on a *subject*: the user's words, notes, tags, ratings, and verdicts.

A subject is the sha256 of a content, or the `@` alias of a place while its content has no name yet. All of it survives
moves, renames and a dropped row; when the hash becomes known it is handed over from the alias to the content.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from hubman.core.hub_texts import HubTexts, texts_of
from hubman.core.library import OwnPreview, UserData
from hubman.core.search_text import SEPARATOR, fold
from hubman.store import schema
from hubman.store.hub_said import listings_of
from hubman.store.text import unpack

ASIDE = "#"
"""Between an alias and the digest of the header that the set-aside words and notes were about."""

HUB_TEXTS = tuple(entry.name for entry in fields(HubTexts))
"""Columns of `search` that hubs fill."""

MOST_ASKED = 5000
"""Subjects in one question: SQLite takes 32,766 values, and each is asked of four tables."""

RENDERED = (schema.verdict, schema.wake_word)
"""What rendering found out about a content."""

TABLES = (*RENDERED, schema.user_words, schema.user_data, schema.user_tag, schema.user_pin, schema.user_preview)


def subject_of_file() -> sa.ColumnElement[str]:
    """What hangs on a file hangs on its content, or on its place while that is unknown."""
    return sa.func.coalesce(schema.file.c.sha256, schema.file.c.alias)


def is_of(subject: str) -> sa.ColumnElement[bool]:
    """Whether a file has a subject: as `subject_of_file`, in words that the indexes of both columns answer."""
    file = schema.file.c
    return sa.or_(file.sha256 == subject, sa.and_(file.sha256.is_(None), file.alias == subject))


class Subjects:
    """The verbs of a write transaction that are about contents rather than places."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # --- what the user typed -------------------------------------------------------------------------------------

    def set_words(self, subject: str, words: Sequence[str]) -> None:
        """Replace the user's own trigger words. They are joined to a file's words when read."""
        self._replace(schema.user_words, subject, "text", words)
        self.refresh_search(is_of(subject))

    def set_data(self, subject: str, data: UserData) -> None:
        """Replace note, tags, favourite and rating; all of them empty leaves no row behind."""
        self._connection.execute(sa.delete(schema.user_data).where(schema.user_data.c.subject == subject))
        if data.note or data.favourite or data.rating is not None:
            row = {
                "subject": subject, "note": data.note, "favourite": data.favourite, "rating": data.rating,
                "changed_ns": time.time_ns(),
            }  # fmt: skip
            self._connection.execute(sa.insert(schema.user_data).values(row))
        self._replace(schema.user_tag, subject, "tag", data.tags)
        self.refresh_search(is_of(subject))

    def set_pin(self, subject: str, *, pinned: bool) -> None:
        """Let `update` leave a content as it is, or no longer."""
        table = schema.user_pin
        if pinned:
            row = upsert(table).values(subject=subject, made_ns=time.time_ns())
            self._connection.execute(row.on_conflict_do_nothing())
        else:
            self._connection.execute(sa.delete(table).where(table.c.subject == subject))

    def set_preview(self, subject: str, said: OwnPreview) -> None:
        """Replace what the user said of a preview; nothing said leaves no row behind."""
        table = schema.user_preview
        self._connection.execute(sa.delete(table).where(table.c.subject == subject))
        if said != OwnPreview():
            row = {"subject": subject, "picture": said.picture, "prompt": said.prompt, "made_ns": time.time_ns()}
            self._connection.execute(sa.insert(table).values(row))

    def preview(self, subject: str) -> OwnPreview:
        """Return what the user said of a subject's preview."""
        table = schema.user_preview
        query = sa.select(table.c.picture, table.c.prompt).where(table.c.subject == subject)
        row = self._connection.execute(query).first()
        return OwnPreview(*(None if text is None else unpack(text) for text in row)) if row else OwnPreview()

    def _replace(self, table: sa.Table, subject: str, column: str, texts: Sequence[str]) -> None:
        self._connection.execute(sa.delete(table).where(table.c.subject == subject))
        rows = [{"subject": subject, "rank": rank, column: text} for rank, text in enumerate(texts)]
        if rows:
            self._connection.execute(sa.insert(table), rows)

    # --- from one subject to another -----------------------------------------------------------------------------

    def rename(self, old: str, new: str) -> None:
        """Let everything follow a file that was never hashed to its new path."""
        if self.spoken_of([new]):  # of a file that was there before and was forgotten: not about this one
            self.set_aside(new, "former")
            self.drop_verdicts(new)
        for table in TABLES:
            self._connection.execute(sa.update(table).where(table.c.subject == old).values(subject=new))

    def drop_verdicts(self, subject: str) -> None:
        """Forget the verdicts of a subject and the words that wake it: they were about other bytes."""
        for table in RENDERED:
            self._connection.execute(sa.delete(table).where(table.c.subject == subject))

    def set_aside(self, alias: str, digest: str) -> None:
        """Part a place from words and notes that were about the content it had before; nothing typed is deleted."""
        target = f"{alias}{ASIDE}{digest[:16]}"
        self._hand_over_words(alias, target)
        self._hand_over_data(alias, target)
        self._hand_over_pin(alias, target)
        self._hand_over_preview(alias, target)

    def spoken_of(self, subjects: Iterable[str]) -> set[str]:
        """Return those subjects that something hangs on."""
        wanted, found = list(subjects), set()
        for start in range(0, len(wanted), MOST_ASKED):
            part = wanted[start : start + MOST_ASKED]
            named = sa.union(*(sa.select(table.c.subject).where(table.c.subject.in_(part)) for table in TABLES))
            found |= set(self._connection.scalars(named))
        return found

    def hand_over(self, alias: str, sha256: str) -> None:
        """Give a content what was recorded under an alias while the file had no hash; the newer comes first."""
        self._hand_over_words(alias, sha256)
        self._hand_over_data(alias, sha256)
        self._hand_over_pin(alias, sha256)
        self._hand_over_preview(alias, sha256)
        for table in RENDERED:
            newer = sa.select(table.c.base).where(table.c.subject == alias)
            self._connection.execute(sa.delete(table).where(table.c.subject == sha256, table.c.base.in_(newer)))
            self._connection.execute(sa.update(table).where(table.c.subject == alias).values(subject=sha256))

    def _hand_over_words(self, alias: str, sha256: str) -> None:
        newer = self.words(alias)
        if newer:
            joined = list({word.casefold(): word for word in reversed([*newer, *self.words(sha256)])}.values())[::-1]
            self._replace(schema.user_words, alias, "text", ())
            self._replace(schema.user_words, sha256, "text", joined)

    def _hand_over_data(self, alias: str, sha256: str) -> None:
        """Join two sets of notes: what the place had is newer and wins, and nothing of the other is lost."""
        newer, older = self.data(alias), self.data(sha256)
        if newer == UserData():
            return
        for table in (schema.user_data, schema.user_tag):
            self._connection.execute(sa.delete(table).where(table.c.subject == alias))
        self.set_data(sha256, newer.over(older))

    def _hand_over_pin(self, alias: str, sha256: str) -> None:
        if self._connection.scalar(sa.select(schema.user_pin.c.made_ns).where(schema.user_pin.c.subject == alias)):
            self.set_pin(alias, pinned=False)
            self.set_pin(sha256, pinned=True)

    def _hand_over_preview(self, alias: str, sha256: str) -> None:
        newer, older = self.preview(alias), self.preview(sha256)
        if newer != OwnPreview():
            self.set_preview(alias, OwnPreview())
            self.set_preview(sha256, OwnPreview(newer.picture or older.picture, newer.prompt or older.prompt))

    def data(self, subject: str) -> UserData:
        """Return what the user said of a subject."""
        table, tag = schema.user_data, schema.user_tag
        row = self._connection.execute(
            sa.select(table.c.note, table.c.favourite, table.c.rating).where(table.c.subject == subject)
        ).first()
        tags = self._connection.scalars(sa.select(tag.c.tag).where(tag.c.subject == subject).order_by(tag.c.rank))
        note, favourite, rating = row if row else ("", False, None)
        return UserData(str(note), tuple(tags), bool(favourite), rating)

    def words(self, subject: str) -> tuple[str, ...]:
        """Return the user's own trigger words of a subject."""
        table = schema.user_words
        query = sa.select(table.c.text).where(table.c.subject == subject).order_by(table.c.rank)
        return tuple(str(word) for word in self._connection.scalars(query))

    def current(self, subject: str) -> str:
        """Return what hangs on a place now: an alias whose content got its name meanwhile gives the name."""
        file = schema.file
        if not subject.startswith("@"):
            return subject
        former = sa.select(schema.former_alias.c.file_id).where(schema.former_alias.c.alias == subject)
        query = sa.select(subject_of_file()).where((file.c.alias == subject) | file.c.id.in_(former))
        return next((str(found) for found in self._connection.scalars(query)), subject)

    # --- what a search finds -------------------------------------------------------------------------------------

    def refresh_search(self, which: sa.ColumnElement[bool], *, only_spoken_of: bool = False) -> None:
        """Make the searchable words, tags and notes of some files those of the files, the user's and hubs' together.

        `only_spoken_of`: leave files alone that neither the user nor a hub said anything about: their texts are the
        files' own already.
        """
        file = schema.file
        said = {
            "words": self._said(which, schema.user_words, "text"),
            "own_tags": self._said(which, schema.user_tag, "tag"),
            "note": self._said(which, schema.user_data, "note"),
        }
        liked, hub_words = self._liked(which), self._hub_words(which)
        listed = self._listed(which)
        touched: set[int] = {file_id for found in (*said.values(), liked, listed) for file_id in found}
        if not only_spoken_of:
            touched |= set(self._connection.scalars(sa.select(file.c.id).where(which)))
        if not touched:
            return
        named = _grouped(
            self._connection.execute(
                sa.select(schema.trigger.c.file_id, schema.trigger.c.text)
                .where(schema.trigger.c.file_id.in_(touched))
                .order_by(schema.trigger.c.file_id, schema.trigger.c.rank)
            )
        )
        rows = [
            {
                "row_id": file_id,
                "new_words": _joined(
                    [*said["words"].get(file_id, ()), *hub_words.get(file_id, ()), *named.get(file_id, ())]
                ),
                "new_own_tags": _joined(said["own_tags"].get(file_id, ())),
                "new_note": _joined(said["note"].get(file_id, ())),
                "new_favourite": liked.get(file_id, (False, None))[0],
                "new_rating": liked.get(file_id, (False, None))[1],
                **{f"new_{name}": text for name, text in asdict(listed.get(file_id, HubTexts())).items()},
            }
            for file_id in touched
        ]
        table = schema.search
        values: dict[str, Any] = {
            name: sa.bindparam(f"new_{name}") for name in (*said, "favourite", "rating", *HUB_TEXTS)
        }
        statement = sa.update(table).where(table.c.file_id == sa.bindparam("row_id")).values(values)
        self._connection.execute(statement, rows)

    def _hub_words(self, which: sa.ColumnElement[bool]) -> Mapping[int, list[str]]:
        word = schema.hub_word
        query = sa.select(schema.file.c.id, word.c.text).join(word, word.c.sha256 == schema.file.c.sha256).where(which)
        return _grouped(self._connection.execute(query.order_by(schema.file.c.id, word.c.rank)))

    def _listed(self, which: sa.ColumnElement[bool]) -> dict[int, HubTexts]:
        """Return file id -> what hubs said, of the files whose content one knows."""
        file, origin = schema.file, schema.provenance
        known = sa.exists().where(origin.c.sha256 == file.c.sha256)
        contents = {row[0]: str(row[1]) for row in self._connection.execute(
            sa.select(file.c.id, file.c.sha256).where(which, known)
        )}  # fmt: skip
        if not contents:
            return {}
        said = {sha256: texts_of(found) for sha256, found in
                listings_of(self._connection, sorted(set(contents.values()))).items()}  # fmt: skip
        return {file_id: said[sha256] for file_id, sha256 in contents.items() if sha256 in said}

    def _liked(self, which: sa.ColumnElement[bool]) -> dict[int, tuple[bool, int | None]]:
        """Return file id -> (favourite, rating) of what the user said something about."""
        data = schema.user_data
        query = sa.select(schema.file.c.id, data.c.favourite, data.c.rating)
        rows = self._connection.execute(query.join(data, data.c.subject == subject_of_file()).where(which))
        return {row[0]: (bool(row[1]), row[2]) for row in rows}

    def _said(self, which: sa.ColumnElement[bool], table: sa.Table, column: str) -> Mapping[int, list[str]]:
        query = (
            sa.select(schema.file.c.id, table.c[column]).join(table, table.c.subject == subject_of_file()).where(which)
        )
        ordered = query.order_by(schema.file.c.id, table.c.rank) if "rank" in table.c else query
        return _grouped(self._connection.execute(ordered))


def _grouped(rows: Iterable[Sequence[Any]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(str(row[1]))
    return found


def _joined(texts: Sequence[str]) -> str:
    return SEPARATOR.join(dict.fromkeys(part for text in texts if (part := fold(text))))
