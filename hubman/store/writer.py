"""The verbs of one write transaction that are about places: roots, files, what reading and hashing them gave."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert

from hubman.core.diff import FACTS_VERSION
from hubman.core.layout import relocated
from hubman.core.library import (
    Change,
    ChangeKind,
    Known,
    Layout,
    Reading,
    RootState,
    Seen,
    SidecarPolicy,
    Unhashed,
    alias_of,
    left_behind,
    stem_of,
    stem_path,
)  # fmt: skip
from hubman.core.search_text import SearchText, search_text
from hubman.core.types import Hashes, Kind, Safety, Sidecar, Trigger
from hubman.store import schema, sketches
from hubman.store.encode import candidates_text, facts_bytes, message_text, sidecar_json
from hubman.store.hubs import Hubs
from hubman.store.journal import Journal
from hubman.store.places import Places
from hubman.store.reunion import Reunion
from hubman.store.subjects import Subjects
from hubman.store.text import pack
from hubman.store.verdicts import VerdictRecords


class Writer:
    """The verbs of one write transaction. Rows go in as dataclasses; nothing comes out but ids."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.subjects = Subjects(connection)
        self.reunion = Reunion(connection, self.subjects)
        self.journal = Journal(connection)
        self.places = Places(connection, self.subjects)
        self.hubs = Hubs(connection, self.subjects)

    def add_root(self, path: str, layout: Layout, sidecars: SidecarPolicy | None, device: int | None) -> None:
        """Record a root; one that is there already keeps its files and takes the new policy, None: keeps its own."""
        row = {
            "path": path,
            "layout": layout.value,
            "state": RootState.OK.value,
            "sidecars": (sidecars or SidecarPolicy.OFF).value,
            "device": device,
            "added_ns": time.time_ns(),
        }
        statement = upsert(schema.root).values(**row)
        again = (
            statement.on_conflict_do_nothing(index_elements=["path"])
            if sidecars is None
            else statement.on_conflict_do_update(index_elements=["path"], set_={"sidecars": sidecars.value})
        )
        self._connection.execute(again)

    def drop_root(self, root_id: int) -> None:
        """Forget a root and its files; blobs and verdicts stay, so that coming back loses nothing."""
        self._connection.execute(sa.delete(schema.root).where(schema.root.c.id == root_id))

    def set_root(self, root_id: int, state: RootState, device: int | None) -> None:
        """Record what a walk found of a root."""
        values: dict[str, object] = {"state": state.value}
        if device is not None:
            values["device"] = device
        self._connection.execute(sa.update(schema.root).where(schema.root.c.id == root_id).values(**values))

    def apply_added(self, root_id: int, root_path: str, entries: Sequence[Seen]) -> None:
        """Record places that are new. They are listed as unknown until their header is read."""
        now = time.time_ns()
        rows = [
            {
                "root_id": root_id, "relpath": entry.relpath, "alias": alias_of(root_path, entry.relpath),
                "name": stem_of(entry.relpath, folder=entry.folder), "folder": entry.folder, "present": True,
                "size": entry.size, "mtime_ns": entry.mtime_ns, "inode": entry.inode, "beside": entry.beside,
                "device": entry.device, "format": "unknown", "kind": Kind.UNKNOWN.value,
                "safety": Safety.NOT_APPLICABLE.value, "header_digest": "", "candidates": "", "has_sidecar": False,
                "facts_version": 0, "added_ns": now,
            }
            for entry in entries
        ]  # fmt: skip
        if rows:
            # Another hubman may have found the same files a moment ago: then they are listed already.
            statement = upsert(schema.file).on_conflict_do_nothing(index_elements=["root_id", "relpath"])
            self._connection.execute(statement, rows)

    def apply_seen(self, root_path: str, changes: Sequence[Change]) -> None:
        """Record that known places are (again) there, under possibly new paths, with possibly new content."""
        pairs = [(change.known, change.seen) for change in changes if change.known and change.seen]
        replaced = [row for change in changes if change.kind is ChangeKind.MODIFIED and (row := change.known)]
        for row in replaced:
            self.subjects.drop_verdicts(alias_of(root_path, row.relpath))  # they are about bytes, and these are others
        self._part_with_other_files(root_path, changes)
        self._follow(root_path, [(row, entry) for row, entry in pairs if row.relpath != entry.relpath])
        modified = {row.id for row in replaced}
        for row, entry in pairs:
            values = _seen_values(root_path, row, entry, modified=row.id in modified)
            self._connection.execute(sa.update(schema.file).where(schema.file.c.id == row.id).values(values))

    def _part_with_other_files(self, root_path: str, changes: Sequence[Change]) -> None:
        """Set aside what was said of an unhashed file where another file (not the same one, edited) took its path."""
        for change in changes:
            row, entry = change.known, change.seen
            if change.kind is not ChangeKind.MODIFIED or row is None or entry is None or row.hashed:
                continue
            if not row.present or row.inode != entry.inode:
                digest = self._connection.scalar(
                    sa.select(schema.file.c.header_digest).where(schema.file.c.id == row.id)
                )
                self.subjects.set_aside(alias_of(root_path, row.relpath), str(digest or "former"))

    def _follow(self, root_path: str, moved: Sequence[tuple[Known, Seen]]) -> None:
        """Let words, notes and verdicts follow files that were never hashed, and let old ids go on resolving.

        Places are taken off their paths first, so that files may swap names.
        """
        if not moved:
            return
        aliases = [(row, alias_of(root_path, row.relpath), alias_of(root_path, entry.relpath)) for row, entry in moved]
        parked = [{"row_id": row.id, "parked": f"\x00{row.id}"} for row, _, _ in aliases]
        park = sa.update(schema.file).where(schema.file.c.id == sa.bindparam("row_id"))
        self._connection.execute(park.values(relpath=sa.bindparam("parked")), parked)
        former = [{"alias": old, "file_id": row.id} for row, old, _ in aliases]
        self._connection.execute(upsert(schema.former_alias).on_conflict_do_nothing(), former)
        spoken_of = self.subjects.spoken_of(old for row, old, _ in aliases if not row.hashed)
        for _, old, _ in (entry for entry in aliases if entry[1] in spoken_of):
            self.subjects.rename(old, f"~{old}")
        for _, old, new in (entry for entry in aliases if entry[1] in spoken_of):
            self.subjects.rename(f"~{old}", new)

    def apply_replaced(self, file_ids: Sequence[int]) -> None:
        """Drop rows whose path another known file has taken. What was said of their content stays with the content."""
        file = schema.file
        query = sa.select(file.c.id, file.c.sha256, file.c.alias, file.c.header_digest).where(file.c.id.in_(file_ids))
        for _, sha256, alias, digest in self._connection.execute(query).fetchall():
            if sha256 is None:
                self.subjects.drop_verdicts(alias)
                self.subjects.set_aside(alias, digest)
        self._connection.execute(sa.delete(file).where(file.c.id.in_(file_ids)))

    def hand_over(self, source: str, target: str) -> None:
        """Give the root `target` every place of the root `source` that lies below it, with all that is known of it.

        Where `target` lists a place already, its own row stays and the other one goes.
        """
        file, root = schema.file, schema.root
        roots = self._connection.execute(sa.select(root.c.path, root.c.id).where(root.c.path.in_((source, target))))
        ids = {str(path): int(root_id) for path, root_id in roots}
        places = sa.select(file.c.id, file.c.relpath).where(file.c.root_id == ids[source])
        taken = set(self._connection.scalars(sa.select(file.c.relpath).where(file.c.root_id == ids[target])))
        for file_id, relpath in self._connection.execute(places).fetchall():
            moved = relocated(source, relpath, target)
            if moved in taken:
                self._connection.execute(sa.delete(file).where(file.c.id == file_id))
            elif moved is not None:
                self._rebase(file_id, alias_of(source, relpath), ids[target], moved, alias_of(target, moved))

    def _rebase(self, file_id: int, old: str, root_id: int, relpath: str, new: str) -> None:
        self.subjects.rename(old, new)
        former = upsert(schema.former_alias).values(alias=old, file_id=file_id)
        self._connection.execute(former.on_conflict_do_nothing())
        values = {"root_id": root_id, "relpath": relpath, "alias": new}
        self._connection.execute(sa.update(schema.file).where(schema.file.c.id == file_id).values(**values))

    def set_devices(self, devices: Sequence[tuple[int, int]]) -> None:
        """Record on which file system places are now, as (file id, device)."""
        rows = [{"row_id": file_id, "new_device": device} for file_id, device in devices]
        if rows:
            statement = sa.update(schema.file).where(schema.file.c.id == sa.bindparam("row_id"))
            self._connection.execute(statement.values(device=sa.bindparam("new_device")), rows)

    def set_beside(self, besides: Sequence[tuple[int, str]]) -> None:
        """Record what lies beside places now, as (file id, digest): hubman wrote it itself and read it already."""
        rows = [{"row_id": file_id, "new_beside": beside} for file_id, beside in besides]
        if rows:
            statement = sa.update(schema.file).where(schema.file.c.id == sa.bindparam("row_id"))
            self._connection.execute(statement.values(beside=sa.bindparam("new_beside")), rows)

    def apply_gone(self, file_ids: Sequence[int]) -> None:
        """Mark places whose file is not there any more. Nothing is deleted: what is known comes back with the file."""
        if file_ids:
            gone = {"present": False, "gone_ns": time.time_ns()}
            statement = sa.update(schema.file).where(schema.file.c.id.in_(file_ids)).values(gone)
            self._connection.execute(statement)

    def record_readings(self, batch: Sequence[tuple[int, str, Reading]]) -> None:
        """Record what looks into files gave, as (file id, name, Reading): facts, words, sidecars, or the failure."""
        table = schema.file
        batch = self._still_there(batch)
        rows = [_reading_row(file_id, reading) for file_id, _, reading in batch]
        if not rows:
            return
        looked = [entry for entry in batch if entry[2].failure is None]
        self._part_with_words([(file_id, reading.header_digest) for file_id, _, reading in looked])
        columns: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in _READING_COLUMNS}
        # What a file looked like that is broken now is remembered: it may be whole again, or another one.
        given = sa.func.nullif(sa.bindparam("new_header_digest"), "")
        columns["header_digest"] = sa.func.coalesce(given, table.c.header_digest)
        self._connection.execute(sa.update(table).where(table.c.id == sa.bindparam("row_id")).values(columns), rows)
        ids = [{"row_id": file_id} for file_id, _, _ in batch]
        for child in (schema.reading, schema.trigger, schema.search):
            self._connection.execute(sa.delete(child).where(child.c.file_id == sa.bindparam("row_id")), ids)
        self._connection.execute(
            sa.insert(schema.reading), [_detail_row(file_id, reading) for file_id, _, reading in batch]
        )
        self._insert_triggers([(file_id, reading.triggers) for file_id, _, reading in batch])
        texts = [(file_id, search_text(name, reading)) for file_id, name, reading in batch]
        self._connection.execute(sa.insert(schema.search), [_search_row(*text) for text in texts])
        self.subjects.refresh_search(schema.file.c.id.in_([file_id for file_id, _, _ in batch]), only_spoken_of=True)

    def _still_there(self, batch: Sequence[tuple[int, str, Reading]]) -> list[tuple[int, str, Reading]]:
        """Leave out rows that another hubman gave another name meanwhile: what was read is of the file before."""
        file = schema.file
        query = sa.select(file.c.id, file.c.name).where(file.c.id.in_([file_id for file_id, _, _ in batch]))
        names = {row[0]: row[1] for row in self._connection.execute(query)}
        return [entry for entry in batch if entry[0] in names and names[entry[0]] == pack(entry[1])]

    def _part_with_words(self, batch: Sequence[tuple[int, str]]) -> None:
        """Where an unhashed file turns out to have another header, the user's words were about other content.

        They are not thrown away but set aside under `alias#digest`, for nothing the user typed is ever deleted.
        """
        file = schema.file
        digests = dict(batch)
        query = sa.select(file.c.id, file.c.alias, file.c.header_digest).where(
            file.c.id.in_(list(digests)), file.c.sha256.is_(None), file.c.header_digest != ""
        )
        for file_id, alias, before in self._connection.execute(query).fetchall():
            if digests[file_id] != before:
                self.subjects.drop_verdicts(alias)
                self.subjects.set_aside(alias, before)

    def _insert_triggers(self, batch: Sequence[tuple[int, Sequence[Trigger]]]) -> None:
        rows = [
            {
                "file_id": file_id, "rank": rank, "text": word.text, "source": word.source, "count": word.count,
                "score": f"{word.score:.3f}",
            }
            for file_id, triggers in batch
            for rank, word in enumerate(triggers)
            if word.source != "user"  # the user's own words are kept apart: see set_user_words
        ]  # fmt: skip
        if rows:
            self._connection.execute(sa.insert(schema.trigger), rows)

    def record_hashes(self, batch: Sequence[tuple[Unhashed, Hashes]]) -> None:
        """Give places their content. The blobs may be known already, from another place or an earlier life."""
        self._name(batch, _new_or_completed_blob(), claimed=False)

    def record_claims(self, batch: Sequence[tuple[Unhashed, Hashes]]) -> None:
        """Give places the content that the name of their file in a cache claims; `verify` and a hashing confirm it."""
        self._name(batch, upsert(schema.blob).on_conflict_do_nothing(), claimed=True)

    def _name(self, batch: Sequence[tuple[Unhashed, Hashes]], blobs: Insert, *, claimed: bool) -> None:
        """Record contents, and which places hold them.

        A place that holds something else by now is left alone: the hash is of the past.
        """
        aliases = self._aliases([place for place, _ in batch])
        current = [(place, hashes) for place, hashes in batch if place.id in aliases]
        if not current:
            return
        self._connection.execute(blobs, [{**_blob_row(*entry), "claimed": claimed} for entry in current])
        spoken_of = self.subjects.spoken_of(aliases.values())
        for place, hashes in current:
            if aliases[place.id] in spoken_of:
                self.subjects.hand_over(aliases[place.id], hashes.sha256)
        rows = [{"row_id": place.id, "new_sha256": hashes.sha256} for place, hashes in current]
        statement = sa.update(schema.file).where(schema.file.c.id == sa.bindparam("row_id"))
        self._connection.execute(statement.values(sha256=sa.bindparam("new_sha256"), spoilt_ns=None), rows)
        self.subjects.refresh_search(schema.file.c.id.in_([place.id for place, _ in current]), only_spoken_of=True)

    def _aliases(self, places: Sequence[Unhashed]) -> dict[int, str]:
        """Return file id -> alias of the places that still hold what was looked at."""
        file = schema.file
        query = sa.select(file.c.id, file.c.size, file.c.mtime_ns, file.c.alias, file.c.inode)
        found = self._connection.execute(query.where(file.c.id.in_([place.id for place in places]))).fetchall()
        meant = {(place.id, place.size, place.mtime_ns): place.inode for place in places}
        return {row[0]: row[3] for row in found if meant.get((row[0], row[1], row[2]), -1) in (None, row[4])}

    def record_sketches(self, version: int, batch: Sequence[tuple[str, bytes]]) -> None:
        """Remember sketches of contents, as (sha256, sketch)."""
        sketches.record(self._connection, version, batch)

    def confirm(self, hashes: Sequence[str]) -> None:
        """Record that contents whose hash was only claimed were read and are what was claimed."""
        blob = schema.blob
        statement = sa.update(blob).where(blob.c.claimed, blob.c.sha256.in_(list(hashes)))
        self._connection.execute(statement.values(claimed=False))

    def set_spoilt(self, spoilt: Collection[int], whole: Collection[int]) -> None:
        """Record which places hold other bytes than those that were hashed, and which hold those again (file ids)."""
        for file_ids, value in ((spoilt, time.time_ns()), (whole, None)):
            if file_ids:
                statement = sa.update(schema.file).where(schema.file.c.id == sa.bindparam("row_id"))
                rows = [{"row_id": file_id} for file_id in file_ids]
                self._connection.execute(statement.values(spoilt_ns=value), rows)

    def record_verdict(
        self, subject: str, base: str | None, verdict: dict[str, object], preview: str | None, bases: str = ""
    ) -> None:
        """Record a verdict, see `VerdictRecords.record`; `bases`: digest of the checkpoints there were."""
        VerdictRecords(self._connection).record(subject, base, verdict, preview, bases)

    def record_wake(self, subject: str, base: str, words: Sequence[tuple[str, float]]) -> None:
        """Record which words wake a subject on a base, the likeliest first, in place of those found before."""
        VerdictRecords(self._connection).record_wake(subject, base, words)


def _seen_values(root_path: str, row: Known, entry: Seen, *, modified: bool) -> dict[str, object]:
    values: dict[str, object] = {
        "relpath": entry.relpath, "alias": alias_of(root_path, entry.relpath),
        "name": stem_of(entry.relpath, folder=entry.folder), "size": entry.size, "mtime_ns": entry.mtime_ns,
        "inode": entry.inode, "device": entry.device, "beside": entry.beside, "present": True, "gone_ns": None,
    }  # fmt: skip
    remembered = (row.relpath, row.size, row.mtime_ns, row.inode, row.beside)
    if modified or remembered != (entry.relpath, entry.size, entry.mtime_ns, entry.inode, entry.beside):
        values["facts_version"] = 0  # another name, sidecar or content: the header is read again
    if modified:
        values |= {"sha256": None, "left_behind": None, "spoilt_ns": None}
    elif row.relpath != entry.relpath or entry.beside:
        stem = stem_path(root_path, row.relpath, folder=entry.folder)
        values["left_behind"] = left_behind(stem, had=row.beside, has=entry.beside, before=row.left_behind)
    return values


_READING_COLUMNS = (
    "format", "kind", "architecture", "algorithm", "safety", "header_digest", "lineage", "candidates",
    "has_sidecar", "preview", "facts_version", "error_reference", "error_message",
)  # fmt: skip


def _reading_row(file_id: int, reading: Reading) -> dict[str, object]:
    facts, failure = reading.facts, reading.failure
    return {
        "row_id": file_id,
        "new_format": reading.format,
        "new_kind": facts.kind.value if facts else Kind.UNKNOWN.value,
        "new_architecture": facts.architecture if facts else None,
        "new_algorithm": facts.algorithm if facts else None,
        "new_safety": reading.safety.value,
        "new_header_digest": reading.header_digest,
        "new_lineage": facts.lineage if facts else None,
        "new_candidates": candidates_text(facts.candidates) if facts else "",
        "new_has_sidecar": reading.sidecar != Sidecar(),
        "new_preview": reading.preview,
        "new_facts_version": 0 if failure and failure.passing else FACTS_VERSION,  # 0: every sync tries again
        "new_error_reference": failure.reference if failure else None,
        "new_error_message": message_text(failure.message) if failure else None,
    }


def _detail_row(file_id: int, reading: Reading) -> dict[str, object]:
    return {"file_id": file_id, "facts": facts_bytes(reading.facts), "sidecar": sidecar_json(reading.sidecar)}


def _new_or_completed_blob() -> Insert:
    """A blob that is known already gets the hashes that were missing, and was read: its name is no mere claim now."""
    statement = upsert(schema.blob)
    names = ("autov1", "autov3", "autov3_written", "crc32", "blake3")
    given = {name: sa.func.coalesce(schema.blob.c[name], statement.excluded[name]) for name in names}
    return statement.on_conflict_do_update(index_elements=["sha256"], set_={**given, "claimed": sa.false()})


def _blob_row(place: Unhashed, hashes: Hashes) -> dict[str, object]:
    return {
        "sha256": hashes.sha256, "size": place.size, "autov1": hashes.autov1, "autov3": hashes.autov3,
        "autov3_written": hashes.autov3_written, "crc32": hashes.crc32, "blake3": hashes.blake3,
        "first_seen_ns": time.time_ns(),
    }  # fmt: skip


def _search_row(file_id: int, text: SearchText) -> dict[str, object]:
    return {"file_id": file_id, **asdict(text), "own_tags": "", "note": ""}
