"""Is the database whole? SQLite's own checks, those of the search index, and ours of the rows; and their mending."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hubman.errors import N_, Phrase
from hubman.store.backup import reading
from hubman.store.encode import facts_of
from hubman.store.listings import readable
from hubman.store.lock import WAIT_S, holding, write_lock
from hubman.store.migrate import revision_of
from hubman.store.refusals import damaged, locked, refused
from hubman.store.replace import lost_content, was_interrupted
from hubman.store.revision import SCHEMA_HEAD
from hubman.store.wal import wal_is_damaged, wal_of

MOST = 20
"""Faults that SQLite lists before it stops looking."""

BROKEN_PAGE = N_("SQLite says: {what}")
ORPHANS = N_("{count} rows of {table} have lost the row that they belong to")
BROKEN_INDEX = N_("the search index does not fit the texts: {what}")
UNREADABLE = N_("what is known of {count} files cannot be read any more")
UNREADABLE_LISTINGS = N_("what hubs said of {count} models cannot be read any more")
NOT_INDEXED = N_("{count} files are not in the search index")
EMPTY = N_("the file is empty, and there are backups of what was in it")
BROKEN_LOG = N_("the write-ahead log (library.db-wal) is damaged")

NO_TEXTS = (
    "SELECT f.id FROM file f LEFT JOIN search s ON s.file_id = f.id WHERE s.file_id IS NULL AND f.facts_version <> 0"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong. `mendable`: `hubman db check --repair` puts it right where it is."""

    reference: str
    message: Phrase
    mendable: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check; sizes in bytes."""

    faults: tuple[Fault, ...]
    journal: str
    size: int
    log_size: int

    @property
    def good(self) -> bool:
        return not self.faults

    @property
    def only_mendable(self) -> bool:
        return bool(self.faults) and all(fault.mendable for fault in self.faults)


def check(path: Path, *, full: bool) -> Checked:
    """Look for damage; nothing is changed.

    Args:
        full: every page and index, parents of rows, the search index, and whether all rows can be read.

    Raises:
        StoreError: `store-locked`, `store-unusable`: it could not be checked.
    """
    if lost_content(path, path.parent / "backups"):
        return _sized(path, [Fault("damaged-page", Phrase(EMPTY), mendable=False)], "")
    if wal_is_damaged(path) or was_interrupted(path):
        return _sized(path, [Fault("damaged-log", Phrase(BROKEN_LOG), mendable=False)], "wal")
    journal, ours = "", False
    try:
        with closing(reading(path)) as connection:
            journal = str(connection.execute("PRAGMA journal_mode").fetchone()[0])
            faults = list(_of_pages(connection, full=full))
            ours = full and not faults and revision_of(connection, path) == SCHEMA_HEAD
            if ours:
                faults = [*_orphans(connection), *_of_rows(connection)]
        if ours:
            faults += _of_index(path)
    except sqlite3.DatabaseError as error:
        refusal = refused(path, error)
        if refusal.reference != "store-damaged":
            raise refusal from error
        faults = [Fault("damaged-page", Phrase(BROKEN_PAGE, what=str(error)), mendable=False)]
    return _sized(path, faults, journal)


def _sized(path: Path, faults: list[Fault], journal: str) -> Checked:
    log = wal_of(path)
    return Checked(tuple(faults), journal, path.stat().st_size, log.stat().st_size if log.exists() else 0)


def _of_pages(connection: sqlite3.Connection, *, full: bool) -> Iterator[Fault]:
    pragma = "integrity_check" if full else "quick_check"
    for (line,) in connection.execute(f"PRAGMA {pragma}({MOST})"):
        if line != "ok":
            yield Fault("damaged-page", Phrase(BROKEN_PAGE, what=str(line)), mendable=False)


def _orphans(connection: sqlite3.Connection) -> Iterator[Fault]:
    lost: dict[str, int] = {}
    for table, *_ in connection.execute("PRAGMA foreign_key_check"):
        lost[str(table)] = lost.get(str(table), 0) + 1
    for table, count in sorted(lost.items()):
        yield Fault("lost-parent", Phrase(ORPHANS, table=table, count=count), mendable=False)


def _of_rows(connection: sqlite3.Connection) -> Iterator[Fault]:
    unreadable, silent = len(_unreadable(connection)), len(connection.execute(NO_TEXTS).fetchall())
    if unreadable:
        yield Fault("unreadable-facts", Phrase(UNREADABLE, count=unreadable), mendable=True)
    listings = len(_unreadable_listings(connection))
    if listings:
        yield Fault("unreadable-listing", Phrase(UNREADABLE_LISTINGS, count=listings), mendable=True)
    if silent:
        yield Fault("not-indexed", Phrase(NOT_INDEXED, count=silent), mendable=True)


def _unreadable(connection: sqlite3.Connection) -> list[int]:
    """Return the ids of files whose facts or sidecar do not parse."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    found = []
    for file_id, facts, sidecar in connection.execute("SELECT file_id, facts, sidecar FROM reading"):
        try:
            facts_of(facts)
            json.loads(sidecar or "{}")
        except (ValueError, TypeError, zlib.error):
            found.append(file_id)
    return found


def _unreadable_listings(connection: sqlite3.Connection) -> list[int]:
    """Return the row numbers of what hubs said that cannot be read any more."""
    rows = connection.execute("SELECT rowid, data FROM listing")
    return [number for number, data in rows if readable(data) is None]


def _of_index(path: Path) -> list[Fault]:
    """Let FTS5 compare its index with the texts: a write, which is taken back. Without rights it is left alone."""
    try:
        with holding(write_lock(path), WAIT_S, locked(path)), closing(_writing(path)) as connection:
            what = _index_fault(connection)
    except OSError:
        return []
    return [Fault("damaged-index", Phrase(BROKEN_INDEX, what=what), mendable=True)] if what else []


def _writing(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint=0").close()
    return connection


def _index_fault(connection: sqlite3.Connection) -> str:
    connection.execute("BEGIN IMMEDIATE").close()
    try:
        connection.execute("INSERT INTO search_fts(search_fts, rank) VALUES ('integrity-check', 1)").close()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        return str(error)
    finally:
        connection.execute("ROLLBACK").close()
    return ""


def mend(path: Path) -> bool:
    """Make the search index anew and have unreadable files read again, alone with the writers; say whether it helped.

    Raises:
        StoreError: `store-locked`, `store-damaged` (more than that is broken), `store-full`.
    """
    try:
        with holding(write_lock(path), WAIT_S, locked(path)):
            return mend_rows(path)
    except (sqlite3.Error, OSError) as error:
        raise refused(path, error) from error


def _forget_listings(connection: sqlite3.Connection, numbers: list[int]) -> None:
    """Forget what cannot be read, and that its contents come from there: the next lookup asks about them again."""
    from_it = (
        "SELECT p.rowid FROM provenance p JOIN listing l ON l.hub = p.hub AND l.model_id = p.model_id "
        "AND l.version_id = p.version_id WHERE l.rowid = ?"
    )
    rows = [(number,) for number in numbers]
    connection.executemany(f"DELETE FROM provenance WHERE rowid IN ({from_it})", rows)
    connection.executemany("DELETE FROM listing WHERE rowid = ?", rows)


def mend_rows(path: Path) -> bool:
    """Do the work of `mend`, for who holds the lock. False when nothing of the kind is wrong."""
    with closing(_writing(path)) as connection:
        fault = _index_fault(connection)
        unread = {*_unreadable(connection), *(row[0] for row in connection.execute(NO_TEXTS))}
        listings = _unreadable_listings(connection)
        if not fault and not unread and not listings:
            return False
        connection.execute("BEGIN IMMEDIATE").close()
        if fault:
            connection.execute("INSERT INTO search_fts(search_fts) VALUES ('rebuild')").close()
        ids = [(file_id,) for file_id in unread]
        connection.executemany("DELETE FROM reading WHERE file_id = ?", ids)
        connection.executemany("UPDATE file SET facts_version = 0 WHERE id = ?", ids)
        _forget_listings(connection, listings)
        connection.execute("COMMIT").close()
        if _index_fault(connection):
            raise damaged(path, "the search index cannot be mended")
    return True
