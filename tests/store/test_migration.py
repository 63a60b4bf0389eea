"""Migrations of a library with data: wholly or not at all, whatever happens, and after a checked backup."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from hubman.core.library import Layout, SidecarPolicy
from hubman.core.query import parse_query
from hubman.errors import StoreError
from hubman.store import migrate
from hubman.store.door import open_store
from hubman.store.lock import use_lock
from hubman.store.reader import open_reader
from hubman.store.revision import SCHEMA_HEAD
from tests.store.old_library import TABLES_2, counts, dump, is_whole, make_old, make_second, migrate_to, revision


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A library of schema 0001 with children in every table."""
    make_old(tmp_path / "library.db")
    return tmp_path / "library.db"


def test_an_old_library_keeps_everything(old: Path) -> None:
    """Rows, children, facts, words; and the copy of before is whole and old."""
    before, text = counts(old), dump(old)
    open_store(old, old.parent / "backups").close()
    assert revision(old) == SCHEMA_HEAD
    assert counts(old) == before
    assert is_whole(old)
    (backup,) = (old.parent / "backups").glob("library-*.db")
    assert dump(backup) == text
    with open_reader(old) as reader:
        (file,) = reader.resolve("m7")
        assert file.facts["note"] == "水墨 7"
        assert [word.text for word in file.triggers] == ["mine 7", "ink"]
        assert [found.name for found in reader.search(parse_query("m7", 0))[1]] == ["m7"]


def test_a_library_of_schema_2_keeps_everything(tmp_path: Path) -> None:
    """Notes, tags, sketches, journal; they are found as before, and the copy of before is whole."""
    path = tmp_path / "library.db"
    make_second(path)
    before, text = counts(path, TABLES_2), dump(path)
    open_store(path, tmp_path / "backups").close()
    assert (revision(path), counts(path, TABLES_2), is_whole(path)) == (SCHEMA_HEAD, before, True)
    (backup,) = (tmp_path / "backups").glob("library-*.db")
    assert dump(backup) == text
    with open_reader(path) as reader:
        (file,) = reader.resolve("m7")
        assert (file.user.note, file.user.tags, file.hubs, file.preview) == ("笔记 7", ("red",), (), None)
        assert [found.name for found in reader.search(parse_query('"笔记 7"', 0))[1]] == ["m7"]


def test_schema_3_and_back_again_loses_nothing_of_schema_2(tmp_path: Path) -> None:
    """Down is for developers; what hubs said goes, what was there before stays, and is found."""
    path = tmp_path / "library.db"
    make_second(path)
    text = dump(path)
    migrate_to(path, "0003")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE search SET hub_body = '山水' WHERE file_id = 3")
    migrate_to(path, "0002")
    assert is_whole(path)
    assert _rows(dump(path)) == _rows(text)
    migrate_to(path, SCHEMA_HEAD)
    assert is_whole(path)
    with open_reader(path) as reader:
        assert [found.name for found in reader.search(parse_query('"笔记 3"', 0))[1]] == ["m3"]
        assert reader.search(parse_query("山水", 0))[0] == 0


def _rows(text: list[str]) -> list[str]:
    """Return what a dump inserts, without the index, whose blocks depend on its history."""
    return [line for line in text if line.startswith("INSERT INTO") and "search_fts" not in line]


def _die_at(statement: int) -> Callable[..., None]:
    """Return an event handler that ends this process by SIGKILL at the n-th statement."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def _killed(path: Path, statement: int) -> bool:
    """Migrate in a child process that is killed at a statement; say whether it lived to the end instead."""
    child = os.fork()
    if not child:
        try:
            sa.event.listen(sa.Engine, "before_cursor_execute", _die_at(statement))
            open_store(path, path.parent / "backups").close()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return not os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize(("number", "make"), [("0001", make_old), ("0002", make_second)])
def test_a_migration_killed_at_any_statement_leaves_the_old_schema_whole(
    tmp_path: Path, number: str, make: Callable[..., None]
) -> None:
    """And the next start migrates."""
    make(tmp_path / "template.db", files=4)
    before, text = counts(tmp_path / "template.db"), dump(tmp_path / "template.db")
    statement, done = 1, False
    while not done:
        home = tmp_path / str(statement)
        home.mkdir()
        path = home / "library.db"
        path.write_bytes((tmp_path / "template.db").read_bytes())
        done = _killed(path, statement)
        assert is_whole(path)
        if not done:
            assert (revision(path), dump(path)) == (number, text), statement
            open_store(path, home / "backups").close()
        assert (revision(path), counts(path)) == (SCHEMA_HEAD, before), statement
        statement += 1
    assert statement > 25


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_new_library_killed_while_it_is_made_is_made_by_the_next_start(tmp_path: Path) -> None:
    """There is no half library."""
    for statement in range(1, 60, 7):
        path = tmp_path / str(statement) / "library.db"
        path.parent.mkdir()
        _killed(path, statement)
        open_store(path, path.parent / "backups").close()
        assert (revision(path), is_whole(path)) == (SCHEMA_HEAD, True)


def test_rows_lost_by_a_migration_undo_it(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch rebuild that empties a child table is found before the commit."""
    from alembic import command

    real, text = command.upgrade, dump(old)

    def lossy(config: object, target: str) -> None:
        real(config, target)  # type: ignore[arg-type]
        config.attributes["connection"].exec_driver_sql("DELETE FROM user_words WHERE text = 'mine 3'")  # type: ignore[attr-defined]

    monkeypatch.setattr(command, "upgrade", lossy)
    with pytest.raises(StoreError) as caught:
        open_store(old, old.parent / "backups")
    assert (caught.value.reference, "user_words" in str(caught.value)) == ("store-migration", True)
    assert dump(old) == text


def test_orphans_left_by_a_migration_undo_it(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a table without their parent in another one."""
    from alembic import command

    real, text = command.upgrade, dump(old)

    def orphaning(config: object, target: str) -> None:
        real(config, target)  # type: ignore[arg-type]
        config.attributes["connection"].exec_driver_sql("UPDATE file SET root_id = 99 WHERE id = 1")  # type: ignore[attr-defined]

    monkeypatch.setattr(command, "upgrade", orphaning)
    with pytest.raises(StoreError) as caught:
        open_store(old, old.parent / "backups")
    assert caught.value.reference == "store-migration"
    assert dump(old) == text


def test_two_processes_that_start_at_once_migrate_once(old: Path) -> None:
    """The second one waits, and finds it done: one backup."""
    children = [_start(old) for _ in range(4)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert len(list((old.parent / "backups").glob("library-*.db"))) == 1
    assert revision(old) == SCHEMA_HEAD


def _start(path: Path) -> int:
    return os.spawnv(
        os.P_NOWAIT,
        sys.executable,
        [
            sys.executable, "-c",
            "import sys; from pathlib import Path; from hubman.store.door import open_store; "
            "p = Path(sys.argv[1]); open_store(p, p.parent / 'backups').close()",
            str(path),
        ],
    )  # fmt: skip


def test_a_library_in_use_is_not_migrated(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hubman (of an older version, say) has it open: wait, then say so; nothing changes."""
    monkeypatch.setattr("hubman.store.door.WAIT_S", 0.1)
    text, other = dump(old), use_lock(old)
    assert other.take(0, shared=True)
    with pytest.raises(StoreError) as caught:
        open_store(old, old.parent / "backups")
    other.release()
    assert (caught.value.reference, dump(old)) == ("store-locked", text)


@pytest.mark.parametrize("spare", [8, 200, 400])
def test_a_disk_that_fills_up_leaves_the_old_library(small_disk: Callable[[str], Path], spare: int) -> None:
    """At the backup or in the middle of the migration: `store-full`, and all is as it was.

    Args:
        spare: kB that are left beside the database.
    """
    small = small_disk("4m")
    path = small / "library.db"
    make_old(path, files=300)
    text, free = dump(path), os.statvfs(small)
    filler = small / "filler"
    filler.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - spare * 1000)))
    with pytest.raises(StoreError) as caught:
        open_store(path, small / "backups")
    assert caught.value.reference == "store-full"
    filler.unlink()
    assert (dump(path), is_whole(path)) == (text, True)
    assert list((small / "backups").glob("*.part*")) == []


def test_a_disk_that_fills_up_within_the_migration(small_disk: Callable[[str], Path], tmp_path: Path) -> None:
    """The backup goes elsewhere, so that the migration itself is what finds no space."""
    small = small_disk("2m")
    path = small / "library.db"
    make_old(path, files=300)
    text, free = dump(path), os.statvfs(small)
    filler = small / "filler"
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 100_000))
    with pytest.raises(StoreError) as caught:
        open_store(path, tmp_path / "backups")
    assert caught.value.reference == "store-full"
    filler.unlink()
    assert (dump(path), is_whole(path)) == (text, True)


def test_a_newer_library_is_refused_untouched(old: Path) -> None:
    """No backup, no write, for reading and writing."""
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    content = old.read_bytes()
    with pytest.raises(StoreError) as caught:
        open_store(old, old.parent / "backups")
    assert caught.value.reference == "store-newer"
    assert old.read_bytes() == content
    assert not (old.parent / "backups").exists()


def test_five_automatic_backups_are_kept_and_all_of_the_users(old: Path) -> None:
    """The oldest go."""
    backups = old.parent / "backups"
    backups.mkdir()
    (backups / "backup-20200101-000000.db").write_bytes(b"the user's")
    for number in range(7):
        (backups / f"library-2020010{number}-000000.db").write_bytes(b"old")
    migrate.automatic_backup(old, backups)
    names = sorted(path.name for path in backups.iterdir())
    assert len([name for name in names if name.startswith("library-")]) == 5
    assert "backup-20200101-000000.db" in names
    assert "library-20200106-000000.db" in names


def test_opening_the_same_library_from_threads_makes_it_once(tmp_path: Path) -> None:
    """Each gets a whole one."""
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            store = open_store(tmp_path / "library.db", tmp_path / "backups")
            with store.writer() as writer:
                writer.add_root(f"/models{number}", Layout.WEBUI, SidecarPolicy.OFF, None)
            store.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_reader(tmp_path / "library.db") as reader:
        assert len(reader.roots()) == 6
