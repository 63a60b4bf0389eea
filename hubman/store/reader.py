"""The read door: the standard library's sqlite3 only, so that `search` starts in a quarter of SQLAlchemy's time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubman.core.listed import (
    Failure,
    Hashes,
    HubNote,
    ModelFile,
    OwnPreview,
    Trigger,
    UserData,
    VerdictNote,
    id_of,
    with_other_words,
)
from hubman.core.query import Query
from hubman.core.search_text import fold
from hubman.errors import N_, NotFoundError, StoreError
from hubman.store.backup import reading
from hubman.store.conditions import prepare
from hubman.store.encode import BrokenRowError, StoredFacts, message_of, parsed
from hubman.store.migrate import revision_of
from hubman.store.refusals import damaged, refused
from hubman.store.replace import lost_content, was_interrupted
from hubman.store.revision import SCHEMA_HEAD
from hubman.store.search import LATEST_VERDICT, Vocabulary, has_hits, hit_ids
from hubman.store.text import pack, unpack
from hubman.store.wal import has_log, wal_is_damaged

if TYPE_CHECKING:
    from hubman.core.library import Known, Root, Unhashed, Unread, WakeWord
    from hubman.store.entries import Entries
    from hubman.store.hub_answers import HubAnswers
    from hubman.store.statistics import Statistics

SHORTEST_HASH = 6
"""Digits from which a word is tried as the beginning of a hash."""

OTHER_HASHES = ("autov1", "autov3", "autov3_written", "crc32", "blake3")
"""Columns of blob beside sha256, of which AutoV2 is the beginning."""

_FILE = """
SELECT f.id, f.alias, f.root_id, r.path, f.relpath, f.name, f.size, f.mtime_ns, f.present, f.format, f.kind,
       f.architecture, f.algorithm, f.safety, f.folder, f.added_ns, d.facts, f.candidates, f.lineage,
       d.sidecar, f.preview,
       f.error_reference, f.error_message, f.sha256, b.autov1, b.autov3, b.autov3_written, b.crc32, b.blake3,
       v.verdict, v.rule, v.preview, u.note, u.favourite, u.rating, b.hub_preview,
       f.spoilt_ns, o.picture, o.prompt
FROM file f JOIN root r ON r.id = f.root_id
LEFT JOIN search s ON s.file_id = f.id
LEFT JOIN reading d ON d.file_id = f.id
LEFT JOIN blob b ON b.sha256 = f.sha256
LEFT JOIN user_data u ON u.subject = coalesce(f.sha256, f.alias)
LEFT JOIN user_preview o ON o.subject = coalesce(f.sha256, f.alias)
"""
_FILE += LATEST_VERDICT


class Reader:
    """Questions to the library. Every answer is a frozen dataclass."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        prepare(connection)
        connection.text_factory = _text

    @property
    def journal(self) -> Entries:
        """Questions to the journal."""
        from hubman.store.entries import Entries

        return Entries(self._ask)

    @property
    def hubs(self) -> HubAnswers:
        """Questions about what hubs said."""
        from hubman.store.hub_answers import HubAnswers

        return HubAnswers(self._ask)

    @property
    def statistics(self) -> Statistics:
        """Questions about sums."""
        from hubman.store.statistics import Statistics

        return Statistics(self._ask)

    def _ask(self, question: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run a query, for the modules of `store`; names are as Python has them (store/text.py)."""
        packed = [pack(value) if isinstance(value, str) else value for value in values]
        return self._connection.execute(question, packed)

    def roots(self) -> list[Root]:
        """Return the roots in the order of their paths."""
        from hubman.core.library import Layout, Root, RootState, SidecarPolicy

        rows = self._ask("SELECT id, path, layout, state, sidecars, device FROM root ORDER BY path")
        return [Root(row[0], row[1], Layout(row[2]), RootState(row[3]), SidecarPolicy(row[4]), row[5]) for row in rows]

    def known(self, root_id: int, folders: Sequence[str] = ("",)) -> list[Known]:
        """Return what is remembered of a root, or of some of its folders."""
        rows: dict[int, Known] = {}
        for folder in folders:
            clause, values = _below(folder)
            cursor = self._ask(
                "SELECT id, relpath, size, mtime_ns, inode, beside, present, facts_version, sha256 IS NOT NULL, "
                f"device, left_behind FROM file f WHERE root_id = ? AND {clause}",
                [root_id, *values],
            )
            if len(folders) == 1:
                return self._places(cursor)
            rows |= {row.id: row for row in self._places(cursor)}
        return list(rows.values())

    def _places(self, cursor: sqlite3.Cursor) -> list[Known]:
        """Fetch places with the driver's own decoding, in a third of the time; names that are no UTF-8 come after."""
        from hubman.core.library import Known

        decode, self._connection.text_factory = self._connection.text_factory, str
        try:
            rows = cursor.fetchall()
        finally:
            self._connection.text_factory = decode
        make = tuple.__new__  # what Known._make does, less a call in Python
        return [make(Known, row if row[1].isascii() else (row[0], unpack(row[1]), *row[2:])) for row in rows]

    def unread(self, root_id: int, version: int) -> list[Unread]:
        """Return the present files whose header has not been read, smallest first."""
        cursor = self._ask(
            "SELECT id, relpath, name, folder, beside, left_behind FROM file "
            "WHERE root_id = ? AND present = 1 AND facts_version <> ? ORDER BY size",
            [root_id, version],
        )
        from hubman.core.library import Unread

        return [Unread(row[0], row[1], row[2], bool(row[3]), row[4] != "", row[5]) for row in cursor]

    def left_behind(self) -> dict[int, str]:
        """Return file id -> where its sidecars stayed when it was moved without them (that path without the ending)."""
        cursor = self._ask("SELECT id, left_behind FROM file WHERE left_behind IS NOT NULL")
        return {row[0]: str(row[1]) for row in cursor}

    def unhashed(self, root: Root, smallest: int, largest: int | None, *, incomplete: bool = False) -> list[Unhashed]:
        """Return the present files without a hash, larger than `smallest` and at most `largest`, smallest first.

        `incomplete`: also those that lack the hashes which an earlier version did not compute.
        """
        from hubman.core.library import Unhashed

        lacking = "f.sha256 IS NULL" + (" OR (b.blake3 IS NULL AND f.folder = 0)" if incomplete else "")
        cursor = self._ask(
            "SELECT f.id, f.relpath, f.size, f.mtime_ns, f.sha256, f.inode "
            "FROM file f LEFT JOIN blob b ON b.sha256 = f.sha256 "
            f"WHERE f.root_id = ? AND f.present = 1 AND ({lacking}) AND f.size > ? AND f.size <= ? ORDER BY f.size",
            [root.id, smallest, 2**62 if largest is None else largest],
        )
        return [Unhashed(row[0], root.path, row[1], row[2], row[3], row[4], row[5]) for row in cursor]

    def is_unfinished(self) -> bool:
        """Say whether the journal has something that was planned and neither done nor given up."""
        return self._ask("SELECT 1 FROM journal WHERE state = 'planned' LIMIT 1").fetchone() is not None

    def broken(self) -> list[ModelFile]:
        """Return the present files that could not be read."""
        return self._files("f.present = 1 AND f.error_reference IS NOT NULL ORDER BY r.path, f.relpath", [])

    def count(self, *, present: bool = True) -> int:
        """Return the number of files that are there (or are not)."""
        gone = self._ask("SELECT count(*) FROM file WHERE present = 0").fetchone()[0]
        # All rows are counted by pages, which takes a quarter of the time of counting those with present = 1.
        return int(self._ask("SELECT count(*) FROM file").fetchone()[0] - gone if present else gone)

    def counts(self) -> list[tuple[str, int, int]]:
        """Return (kind, files, bytes) of what is present."""
        cursor = self._ask(
            "SELECT kind, count(*), sum(size) FROM file WHERE present = 1 GROUP BY kind ORDER BY 2 DESC, 1"
        )
        return [(row[0], row[1], row[2]) for row in cursor]

    def kind_by_root(self, kind: str) -> dict[int, int]:
        """Return root id -> number of the present files of a kind in it."""
        rows = self._ask("SELECT root_id, count(*) FROM file WHERE present = 1 AND kind = ? GROUP BY root_id", [kind])
        return {int(row[0]): int(row[1]) for row in rows}

    def search(self, query: Query, limit: int | None = None) -> tuple[int, list[ModelFile]]:
        """Return (number of all hits, at most `limit` of them in order). Files that are gone need `is:missing`."""
        total, chosen = hit_ids(self._ask, query, limit)
        return total, self.by_ids(chosen)

    def hits(self, query: Query, limit: int | None = None) -> Iterator[ModelFile]:
        """Yield the hits of a query in order; they are read as they are taken."""
        _, chosen = hit_ids(self._ask, query, limit)
        for start in range(0, len(chosen), 500):
            yield from self.by_ids(chosen[start : start + 500])

    def hit_names(self, query: Query, limit: int | None = None) -> Iterator[str]:
        """Yield the ids (as users write them) of the hits of a query in order."""
        _, chosen = hit_ids(self._ask, query, limit)
        for start in range(0, len(chosen), 500):
            part = chosen[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._ask(f"SELECT id, sha256, alias FROM file WHERE id IN ({marks})", part)
            ids = {row[0]: id_of(row[1], str(row[2])) for row in rows}
            yield from (ids[file_id] for file_id in part)

    def has_hits(self, query: Query) -> bool:
        """Say whether a query has any hit."""
        return has_hits(self._ask, query)

    @property
    def texts(self) -> Vocabulary:
        """What occurs in the texts of the library."""
        return Vocabulary(self._ask)

    def of_subjects(self, subjects: Iterable[str]) -> list[ModelFile]:
        """Return every present place of contents (or, unhashed, of aliases)."""
        wanted, found = sorted(subjects), []
        for start in range(0, len(wanted), 400):
            part = wanted[start : start + 400]
            marks = ",".join("?" * len(part))
            where = f"f.present = 1 AND (f.sha256 IN ({marks}) OR (f.sha256 IS NULL AND f.alias IN ({marks})))"
            found += self._files(where, [*part, *part])
        return found

    def by_ids(self, file_ids: Sequence[int]) -> list[ModelFile]:
        """Return files in the order of the given row ids; rows that are gone (`forget`) are left out."""
        found: dict[int, ModelFile] = {}
        for start in range(0, len(file_ids), 500):
            part = list(file_ids[start : start + 500])
            found |= {file.file_id: file for file in self._files(f"f.id IN ({','.join('?' * len(part))})", part)}
        return [found[file_id] for file_id in file_ids if file_id in found]

    def at(self, root_id: int, relpath: str) -> list[ModelFile]:
        """Return the file at a path of a root; when no name is equal, those equal after folding (NFC and NFD, case)."""
        exact = self._files("f.root_id = ? AND f.relpath = ?", [root_id, relpath])
        if exact:
            return exact
        from hubman.core.library import stem_of

        stems = [fold(stem_of(relpath, folder=folder)) for folder in (False, True)]
        same = self._files(
            "f.root_id = ? AND f.id IN (SELECT s.file_id FROM search s WHERE s.name IN (?, ?)) ORDER BY f.present DESC",
            [root_id, *stems],
        )
        return [file for file in same if fold(file.relpath) == fold(relpath)]

    def resolve(self, text: str) -> list[ModelFile]:
        """Return every file that a MODEL argument may mean: id, longer hash, other hash kind, name, end of a path."""
        for where, values in _meanings(text):
            found = self._files(f"({where}) ORDER BY f.present DESC, r.path, f.relpath", values)
            if found:
                return [file for file in found if file.present] or found
        return []

    def same_name(self, file: ModelFile) -> list[ModelFile]:
        """Return the present files of a file's kind and name, itself included."""
        return self._files(
            "f.present = 1 AND f.kind = ? AND f.name = ? ORDER BY r.path, f.relpath", [file.kind, file.name]
        )

    def repeated(self) -> list[ModelFile]:
        """Return the present files whose content lies in several places, side by side, the largest first."""
        several = "SELECT sha256 FROM file WHERE present = 1 AND sha256 IS NOT NULL GROUP BY sha256 HAVING count(*) > 1"
        where = f"f.present = 1 AND f.sha256 IN ({several}) ORDER BY f.size DESC, f.sha256, r.path, f.relpath"
        return self._files(where, [])

    def same_weights(self) -> list[ModelFile]:
        """Return the present files whose bytes after the header (AutoV3) are those of another content, side by side."""
        several = (
            "SELECT b.autov3 FROM blob b WHERE b.autov3 IS NOT NULL "
            "AND b.sha256 IN (SELECT sha256 FROM file WHERE present = 1) GROUP BY b.autov3 HAVING count(*) > 1"
        )
        return self._files(f"f.present = 1 AND b.autov3 IN ({several}) ORDER BY b.autov3, r.path, f.relpath", [])

    def hashed(self, kinds: Collection[str]) -> list[ModelFile]:
        """Return the present files of some kinds whose content has a name, in the order of their paths."""
        marks = ",".join("?" * len(kinds))
        where = f"f.present = 1 AND f.sha256 IS NOT NULL AND f.kind IN ({marks}) ORDER BY r.path, f.relpath"
        return self._files(where, list(kinds))

    def unhashed_twins(self) -> tuple[int, list[Unhashed]]:
        """Return (number of unhashed files, those of them of which another present file has the very size)."""
        waiting = self._ask("SELECT count(*) FROM file WHERE present = 1 AND sha256 IS NULL").fetchone()[0]
        cursor = self._ask(
            "SELECT f.id, r.path, f.relpath, f.size, f.mtime_ns FROM file f JOIN root r ON r.id = f.root_id "
            "WHERE f.present = 1 AND f.sha256 IS NULL AND f.size IN "
            "(SELECT size FROM file WHERE present = 1 GROUP BY size HAVING count(*) > 1) ORDER BY f.size, f.id"
        )
        from hubman.core.library import Unhashed

        return int(waiting), [Unhashed(*row) for row in cursor]

    def sketches(self, version: int) -> dict[str, bytes]:
        """Return sha256 -> sketch of the contents that are sketched in this version."""
        return dict(self._ask("SELECT sha256, data FROM sketch WHERE version = ?", [version]).fetchall())

    def header_digest(self, file_id: int) -> str:
        """Return the digest of the header that a file had when it was read, "" when it had none."""
        row = self._ask("SELECT header_digest FROM file WHERE id = ?", [file_id]).fetchone()
        return str(row[0]) if row else ""

    def names(self) -> list[str]:
        """Return the names of all present files, each once."""
        return [str(row[0]) for row in self._ask("SELECT DISTINCT name FROM file WHERE present = 1")]

    def verdicts(self, subject: str) -> list[dict[str, object]]:
        """Return the stored verdict objects of a blob (or alias), the latest first."""
        cursor = self._ask("SELECT detail FROM verdict WHERE subject = ? ORDER BY made_ns DESC, id DESC", [subject])
        return [json.loads(row[0]) for row in cursor]

    def unproven(
        self, kinds: Collection[str], engine: int, bases: str, *, base: str | None = None, most: int = -1
    ) -> list[ModelFile]:
        """Return adapters of these kinds, and what may be one, that need a proof, the newest first (store/verdicts).

        `base`: a proof on this one (sha256) counts only.
        """
        from hubman.store.verdicts import UNPROVEN

        values = [*kinds, engine, base or "%", bases, most]
        return self._files(UNPROVEN.format(kinds=",".join("?" * len(kinds))), values)

    def wake_words(self, subject: str) -> list[WakeWord]:
        """Return the words that rendering found to wake a blob (or alias), the likeliest first."""
        from hubman.store.verdicts import wake_words

        return wake_words(self._ask, subject)

    def user_words(self, subject: str) -> list[str]:
        """Return the user's own trigger words of a blob (or alias)."""
        cursor = self._ask("SELECT text FROM user_words WHERE subject = ? ORDER BY rank", [subject])
        return [str(row[0]) for row in cursor]

    def _files(self, where: str, values: Sequence[object]) -> list[ModelFile]:
        rows = self._ask(f"{_FILE} WHERE {where}", list(values)).fetchall()
        ids = [row[0] for row in rows]
        words, own, tags = self._words(ids), self._said("user_words", "text", ids), self._said("user_tag", "tag", ids)
        authors, hubs = self._hub_words(ids), self._hub_notes(ids)
        return [
            _model_file(
                row,
                with_other_words(words.get(row[0], ()), own.get(row[0], ()), authors.get(row[0], ())),
                tuple(tags.get(row[0], ())),
                tuple(hubs.get(row[0], ())),
            )
            for row in rows
        ]

    def _hub_words(self, file_ids: Sequence[int]) -> dict[int, list[Trigger]]:
        """Return file id -> the author's words on hubs, best first."""
        question = (
            "SELECT f.id, w.text, w.hub, w.score FROM file f JOIN hub_word w ON w.sha256 = f.sha256 "
            "WHERE f.id IN ({}) ORDER BY f.id, w.rank"
        )
        found: dict[int, list[Trigger]] = {}
        for file_id, text, hub, score in self._of_files("hub_word", question, file_ids):
            found.setdefault(file_id, []).append(Trigger(text, f"hub:{hub}", None, float(score)))
        return found

    def _hub_notes(self, file_ids: Sequence[int]) -> dict[int, list[HubNote]]:
        """Return file id -> where its content is on hubs, downloads first."""
        question = (
            "SELECT f.id, p.hub, p.model_id, p.version_id, p.how, p.newer, l.gone_ns IS NOT NULL OR l.deleted, l.nsfw, "
            "l.weight, l.weight_min, l.weight_max FROM file f JOIN provenance p ON p.sha256 = f.sha256 "
            "JOIN listing l ON l.hub = p.hub AND l.model_id = p.model_id AND l.version_id = p.version_id "
            "WHERE f.id IN ({}) ORDER BY f.id, p.how <> 'download', l.deleted, p.found_ns, p.hub, p.version_id"
        )
        found: dict[int, list[HubNote]] = {}
        for file_id, hub, model_id, version_id, how, newer, gone, *rest in self._of_files(
            "provenance", question, file_ids
        ):
            found.setdefault(file_id, []).append(HubNote(hub, model_id, version_id, how, newer, bool(gone), *rest))
        return found

    def _of_files(self, table: str, question: str, file_ids: Sequence[int]) -> Iterator[Any]:
        """Ask about some files, a part at a time; not at all when the table is empty."""
        if not self._ask(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
            return
        for start in range(0, len(file_ids), 500):
            part = list(file_ids[start : start + 500])
            yield from self._ask(question.format(",".join("?" * len(part))), part)

    def _said(self, table: str, column: str, file_ids: Sequence[int]) -> dict[int, list[str]]:
        """Return file id -> the user's own words or tags; they are kept apart from what files say, joined when read."""
        question = (
            f"SELECT f.id, u.{column} FROM file f JOIN {table} u ON u.subject = coalesce(f.sha256, f.alias) "
            "WHERE f.id IN ({}) ORDER BY f.id, u.rank"
        )
        found: dict[int, list[str]] = {}
        for file_id, text in self._of_files(table, question, file_ids):
            found.setdefault(file_id, []).append(str(text))
        return found

    def _words(self, file_ids: Sequence[int]) -> dict[int, tuple[Trigger, ...]]:
        found: dict[int, list[Trigger]] = {}
        for start in range(0, len(file_ids), 500):
            part = list(file_ids[start : start + 500])
            marks = ",".join("?" * len(part))
            cursor = self._ask(
                f"SELECT file_id, text, source, count, score FROM trigger_word WHERE file_id IN ({marks}) "
                "ORDER BY file_id, rank",
                part,
            )
            for file_id, text, source, count, score in cursor:
                found.setdefault(file_id, []).append(Trigger(text, source, count, float(score)))
        return {file_id: tuple(words) for file_id, words in found.items()}


def sqlite_version() -> str:
    """Return the version of the SQLite library that this Python carries."""
    return sqlite3.sqlite_version


@contextmanager
def open_reader(path: Path) -> Iterator[Reader]:
    """Open the library for reading.

    Raises:
        NotFoundError: `no-library`, nothing has been synced yet.
        StoreError: `store-newer`, `store-revision`, `store-damaged`, `store-locked`, `store-unusable`.
    """
    _require_library(path)
    try:
        with closing(_opened(path)) as connection:
            _require_revision(path, revision_of(connection, path))
            yield Reader(connection)
    except sqlite3.Error as error:
        raise refused(path, error) from error
    except BrokenRowError as error:
        raise damaged(path, str(error)) from error


def _require_library(path: Path) -> None:
    """Raise when there is no library yet; one that lost its content is not taken for that."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        size = 0
    except OSError as error:
        raise refused(path, error) from error
    if was_interrupted(path):
        raise damaged(path, "it is being replaced, or that was interrupted")
    if lost_content(path, path.parent / "backups"):
        raise damaged(path, "the file is empty")
    if wal_is_damaged(path):
        raise damaged(path, "the write-ahead log is not one")
    if not size:
        raise _no_library()


def _no_library() -> NotFoundError:
    return NotFoundError(
        "no-library",
        N_("There is no library yet."),
        hint=N_("Run `hubman roots add FOLDER` and `hubman sync`, or `hubman demo` to see it work."),
    )


def _require_revision(path: Path, revision: str | None) -> None:
    if revision is None:
        raise _no_library()
    if revision != SCHEMA_HEAD:
        raise StoreError(
            "store-revision",
            N_("The library {path} has schema {found}, this hubman reads {head}."),
            hint=N_("Run `hubman sync` to upgrade it, or upgrade hubman."),
            path=path,
            found=revision,
            head=SCHEMA_HEAD,
        )


def _opened(path: Path) -> sqlite3.Connection:
    """Open for reading. Where we may not make the shared index of the log, and there is no log, it is not needed.

    `immutable` takes no locks: the folder is not ours to write, and whoever writes there has a log, which ends this.
    """
    connection = reading(path)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").close()
    except sqlite3.OperationalError as error:
        connection.close()
        if refused(path, error).reference not in ("store-unusable", "store-read-only") or has_log(path):
            raise
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _meanings(text: str) -> Iterator[tuple[str, list[object]]]:
    """Conditions for what a MODEL argument may mean, the likeliest first."""
    lower, folded = text.lower(), fold(text)
    if lower.startswith("@"):
        yield "substr(f.alias, 1, ?) = ?", [len(lower), lower]
        former = "f.id IN (SELECT a.file_id FROM former_alias a WHERE substr(a.alias, 1, ?) = ?)"
        yield former, [len(lower), lower]
    hexadecimal = len(lower) >= SHORTEST_HASH and set(lower) <= set("0123456789abcdef")
    if hexadecimal:
        yield "f.sha256 BETWEEN ? AND ?", [lower, lower + "g"]
    yield "f.name = ?", [text]
    if hexadecimal:
        kinds = " OR ".join(f"{kind} BETWEEN ? AND ?" for kind in OTHER_HASHES)
        yield f"f.sha256 IN (SELECT sha256 FROM blob WHERE {kinds})", [lower, lower + "g"] * len(OTHER_HASHES)
    yield "f.id IN (SELECT s.file_id FROM search s WHERE s.name = ?) OR lower(f.name) = ?", [folded, lower]
    yield "substr('/' || f.relpath, -?) = ?", [len(text) + 1, "/" + text]
    yield "substr('/' || fold(f.relpath), -?) = ?", [len(folded) + 1, "/" + folded]


def _below(folder: str) -> tuple[str, list[object]]:
    """A condition for everything in a folder (or the folder itself, when it is one model)."""
    if not folder:
        return "1", []
    prefix = folder + "/"
    return "(f.relpath = ? OR substr(f.relpath, 1, ?) = ?)", [folder, len(prefix), prefix]


def _text(raw: bytes) -> str:
    """Decode a text column; what is ASCII (nearly all of them) needs no second look."""
    return raw.decode("ascii") if raw.isascii() else unpack(raw.decode("utf-8", "replace"))


def _model_file(
    row: tuple[Any, ...], words: tuple[Trigger, ...], tags: tuple[str, ...], hubs: tuple[HubNote, ...]
) -> ModelFile:
    (file_id, alias, root_id, root, relpath, name, size, mtime_ns, present, form, kind, architecture, algorithm, safety,
     folder, added_ns, facts, candidates, lineage, sidecar, preview, reference, message, sha256, autov1, autov3,
     written, crc32, blake3, verdict, rule, verdict_preview, note, favourite, rating,
     hub_preview, spoilt_ns, own_picture, own_prompt) = row  # fmt: skip
    hashes = Hashes(str(sha256), autov1, str(sha256)[:10], autov3, written, crc32, blake3) if sha256 else None
    return ModelFile(
        file_id=file_id, id=id_of(sha256, str(alias)), alias=alias, root_id=root_id, root=root, relpath=relpath,
        name=name, size=size, mtime_ns=mtime_ns, present=bool(present), format=form, kind=kind,
        architecture=architecture, algorithm=algorithm, safety=safety, folder=bool(folder), added_ns=added_ns,
        facts=StoredFacts(facts or b"", candidates, lineage), sidecar=parsed(json.loads, sidecar or "{}"),
        triggers=words, hashes=hashes,
        failure=Failure(str(reference), message_of(str(message))) if reference else None,
        verdict=VerdictNote(str(verdict), str(rule), verdict_preview) if verdict else None,
        preview=own_picture or preview or hub_preview or verdict_preview,
        user=UserData(note or "", tags, bool(favourite), rating), hubs=hubs, spoilt=spoilt_ns is not None,
        own_preview=OwnPreview(own_picture, own_prompt),
    )  # fmt: skip
