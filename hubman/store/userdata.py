"""The daily backup of what cannot be read from the models again: roots, words, notes, tags, ratings, pins, what
was said of previews, answers to hubman's question about hubs, verdicts, words that wake, journal.

One small SQLite file a day, `backups/user-YYYYMMDD.db`, written by `sync` and `watch` when something of it changed. The
hashes of files that the user said something about go with it, so that it is found again without hashing. Kept: the last
seven, and the last one of every month for a year.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from hubman.store.backup import SPARE_BYTES, USER_PREFIX, quick_faults, reading, require_space
from hubman.store.refusals import refused
from hubman.store.replace import sync_file, sync_folder
from hubman.store.revision import SCHEMA_HEAD
from hubman.store.salvage import COLUMNS

TYPED = (
    "root",
    "user_words",
    "user_data",
    "user_tag",
    "user_pin",
    "user_preview",
    "hub_choice",
    "verdict",
    "wake_word",
    "journal",
)
SPOKEN_OF = " UNION ".join(
    f"SELECT subject FROM {table}" for table in ("user_words", "user_data", "user_tag", "user_pin", "user_preview")
)
PLACES = {
    "file": f"sha256 IN ({SPOKEN_OF}) OR alias IN ({SPOKEN_OF})",
    "blob": f"sha256 IN ({SPOKEN_OF})",
}
KEEP_DAYS, KEEP_MONTHS = 7, 12


def save_user_data(path: Path, backups: Path, now_s: float) -> Path | None:
    """Write today's copy of the user's data; None when there is one, or nothing changed since the last one.

    Args:
        now_s: UTC seconds.

    Raises:
        StoreError: `store-full`, `store-damaged`, `store-unusable`.
    """
    day = time.strftime("%Y%m%d", time.gmtime(now_s))
    earlier = sorted(backups.glob(f"{USER_PREFIX}[0-9]*.db"))
    newest = earlier[-1] if earlier else None
    if newest is not None and _day_of(newest) >= day:
        return None
    try:
        return _save(path, backups / f"{USER_PREFIX}{day}.db", newest, now_s)
    except (sqlite3.Error, OSError) as error:
        raise refused(path, error) from error


def _day_of(backup: Path) -> str:
    """Return the day on which a backup was made, or found to be still what is in the library (its time says that)."""
    return time.strftime("%Y%m%d", time.gmtime(backup.stat().st_mtime))


def _save(path: Path, target: Path, newest: Path | None, now_s: float) -> Path | None:
    with closing(reading(path)) as source:
        source.execute("BEGIN").close()  # one state of all tables
        digest = _digest(source)
        if newest is not None and digest == _digest_of(newest):
            os.utime(newest, (now_s, now_s))
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        require_space(target.parent, SPARE_BYTES)
        _write(source, target, digest, now_s)
    _thin_out(target.parent)
    return target


def _digest(source: sqlite3.Connection) -> str:
    """Return a digest of all that the user's tables hold; a table of a later schema is empty."""
    digest = hashlib.sha256()
    for table in TYPED:
        for row in source.execute(f"SELECT {', '.join(_there(source, table)) or '1'} FROM {table} ORDER BY rowid"):
            digest.update(f"{table}{row!r}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _digest_of(backup: Path) -> str | None:
    try:
        with closing(reading(backup)) as connection:
            row = connection.execute("SELECT value FROM about WHERE name = 'digest'").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


def _there(source: sqlite3.Connection, table: str) -> list[str]:
    names = {str(row[1]) for row in source.execute(f"PRAGMA table_info({table})")}
    return [name for name in COLUMNS[table] if name in names]


def _write(source: sqlite3.Connection, target: Path, digest: str, now_s: float) -> None:
    """Write beside, check, rename: a half-written backup never has a backup's name."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(part)) as copy:
            _fill(source, copy, digest)
            faults = quick_faults(copy)
        if faults:
            raise sqlite3.DatabaseError("; ".join(faults[:3]))
        sync_file(part)
        os.replace(part, target)
        os.utime(target, (now_s, now_s))
        sync_folder(target.parent)
    finally:
        for suffix in ("", "-journal"):
            with contextlib.suppress(OSError):
                os.unlink(f"{part}{suffix}")


def _fill(source: sqlite3.Connection, copy: sqlite3.Connection, digest: str) -> None:
    with copy:
        copy.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT)")
        copy.executemany("INSERT INTO about VALUES (?, ?)", [("schema", SCHEMA_HEAD), ("digest", digest)])
        for table in (*TYPED, *PLACES):
            names = ", ".join(_there(source, table))
            copy.execute(f"CREATE TABLE {table} ({names})")
            rows = source.execute(f"SELECT {names} FROM {table} WHERE {PLACES.get(table, '1')} ORDER BY rowid")
            marks = ", ".join("?" * (names.count(",") + 1))
            copy.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _thin_out(folder: Path) -> None:
    """Let go of what is neither of the last days nor the last of its month."""
    backups = sorted(folder.glob(f"{USER_PREFIX}[0-9]*.db"), reverse=True)
    last_of_month = {path.name[:11]: path for path in reversed(backups)}  # user-YYYYMM
    months = [last_of_month[month] for month in sorted(last_of_month, reverse=True)[:KEEP_MONTHS]]
    for path in backups[KEEP_DAYS:]:
        if path not in months:
            path.unlink()
