"""A damaged database: never deleted, never taken for a locked one; what the user typed comes back."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.errors import StoreError
from hubman.store.door import open_store
from hubman.store.reader import open_reader
from hubman.store.refusals import refused
from tests.store.spoken import pages_of, said, speak

Put = Callable[..., Path]


@pytest.fixture
def home(isolated: Path, webui: Path, put: Put, capsys: pytest.CaptureFixture[str]) -> Path:
    """A home folder whose library knows what the user said, with today's backup of it."""
    for number in range(6):
        put(f"Lora/m{number}.safetensors", fill=number)
    put("Lora/unhashed.safetensors", fill=77)
    speak(isolated, webui)
    for backup in (isolated / "backups").iterdir():
        backup.unlink()
    assert run(["sync", "--hash", "none"]) == 0
    capsys.readouterr()
    return isolated


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_within_a_page(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 5000)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def wrong_magic(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"SQLite format 9\0")


def zeroed_beginning(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(bytes(100))


def files_page(path: Path) -> None:
    _spoil(path, next(pages_of(path, "file")))


def words_page(path: Path) -> None:
    _spoil(path, next(pages_of(path, "user_words")))


def notes_page(path: Path) -> None:
    _spoil(path, next(pages_of(path, "user_data")))


def first_page(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)


def _spoil(path: Path, page: int) -> None:
    with open(path, "r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096)


DAMAGES = [
    garbage, cut, cut_within_a_page, emptied, wrong_magic, zeroed_beginning, files_page, words_page, notes_page,
    first_page,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_the_user_typed_survives_any_damage(home: Path, call: Any, damage: Callable[[Path], None]) -> None:
    """The damaged file stays byte for byte under another name, and the index equals the files again."""
    path = home / "library.db"
    before, models = said(path), json.loads(call("ls", "--json")[1])["total"]
    damage(path)
    (home / "backups/checked").unlink()  # another day: sync looks at every page once a day
    spoiled = path.read_bytes()
    code, out, err = call("sync", "--hash", "none", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["rebuilt"] is not None
    aside = Path(report["rebuilt"]["aside"])
    assert aside.read_bytes() == spoiled
    assert said(path) == before
    assert json.loads(call("ls", "--json")[1])["total"] == models
    assert call("db", "check", "--full")[0] == 0
    assert str(aside) in err
    shown = json.loads(call("show", "unhashed", "--json")[1])["model"]
    assert [word["text"] for word in shown["triggers"] if word["source"] == "user"] == ["word6", "水墨6"]
    assert json.loads(call("sync", "--hash", "none", "--json")[1])["rebuilt"] is None


@pytest.mark.parametrize("damage", [garbage, wrong_magic, first_page, cut, emptied], ids=lambda damage: damage.__name__)
def test_reading_a_damaged_library_names_the_next_step_and_changes_nothing(
    home: Path, call: Any, damage: Callable[[Path], None]
) -> None:
    """Only `sync` and `watch` set it aside."""
    path = home / "library.db"
    damage(path)
    spoiled, names = path.read_bytes(), {entry.name for entry in home.iterdir()}
    for command in (["ls"], ["search", "m1"], ["show", "m1"], ["triggers", "m1", "--add", "x"]):
        code, _, err = call(*command)
        assert (code, "hubman sync" in err) == (9, True), (command, err)
    assert call("db", "check")[0] == 1
    assert path.read_bytes() == spoiled
    assert {entry.name for entry in home.iterdir() if not entry.name.startswith("library.db.")} == {
        name for name in names if not name.startswith("library.db.")
    }


def test_what_was_typed_after_the_last_backup_is_read_from_the_damaged_file(home: Path, call: Any) -> None:
    """And a tag that was taken away since then stays away: the table could be read."""
    path = home / "library.db"
    store = open_store(path, home / "backups")
    with open_reader(path) as reader:
        (file,) = reader.resolve("m1")
    assert file.hashes
    from hubman.core.library import UserData

    with store.writer(durable=True) as writer:
        writer.subjects.set_data(file.hashes.sha256, UserData("newer than the backup", ("blue",)))
    store.close()
    files_page(path)
    assert call("sync")[0] == 0
    with open_reader(path) as reader:
        (found,) = reader.resolve("m1")
    assert (found.user.note, found.user.tags) == ("newer than the backup", ("blue",))


def test_hashes_are_not_computed_again(home: Path, call: Any) -> None:
    """Where the damaged file still says which content lies where, terabytes need not be read."""
    path = home / "library.db"
    words_page(path)
    (home / "backups/checked").unlink()
    report = json.loads(call("sync", "--hash", "none", "--json")[1])
    assert report["rebuilt"]["saved"]["user_words"] == 14
    assert report["hashed"] == 0
    with open_reader(path) as reader:
        assert reader.resolve("m1")[0].hashes is not None


def test_a_damaged_log_is_set_aside_and_never_written_over(home: Path, call: Any, tmp_path: Path) -> None:
    """SQLite would take a log with a bad header for an empty one, silently."""
    path = home / "library.db"
    before = said(path)
    store = open_store(path, home / "backups")
    with closing(sqlite3.connect(path)) as holder:  # keeps the log from being removed at the end
        holder.execute("SELECT count(*) FROM file").fetchone()
        with store.writer() as writer:
            writer.subjects.set_words("0" * 64, ["only in the log"])
        kept = {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal")}
        store.close()
    for entry in home.glob("library.db*"):
        entry.unlink()
    path.write_bytes(kept[""])
    log = Path(f"{path}-wal")
    log.write_bytes(b"\0" * 16 + kept["-wal"][16:])
    spoiled = log.read_bytes()
    assert call("ls")[0] == 9
    assert log.read_bytes() == spoiled
    code, out, err = call("sync", "--hash", "none", "--json")
    assert code == 0, err
    aside = json.loads(out)["rebuilt"]["aside"]
    assert Path(f"{aside}-wal").read_bytes() == spoiled
    assert said(path) == before


def test_a_damaged_search_index_is_made_anew_where_it_is(home: Path, call: Any) -> None:
    """Nothing of the user's is at stake, so nothing is set aside."""
    path = home / "library.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE search_fts_data SET block = zeroblob(40) WHERE id > 10")
    code, out, _ = call("db", "check", "--full", "--json")
    faults = json.loads(out)["faults"]
    assert (code, [fault["reference"] for fault in faults]) == (1, ["damaged-index"])
    assert call("db", "check", "--repair")[0] == 0
    assert json.loads(call("search", "unhashed", "--json")[1])["total"] == 1


def test_rows_that_no_hubman_wrote_are_found_and_read_again(home: Path, call: Any) -> None:
    """SQLite's own checks say nothing about content."""
    path = home / "library.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE reading SET facts = x'0199' WHERE file_id = (SELECT id FROM file WHERE name = 'm1')")
        connection.execute("DELETE FROM search WHERE file_id = (SELECT id FROM file WHERE name = 'm2')")
    assert call("show", "m1")[0] == 9
    assert call("db", "check")[0] == 0
    code, out, _ = call("db", "check", "--full", "--json")
    assert (code, {fault["reference"] for fault in json.loads(out)["faults"]}) == (
        1,
        {"unreadable-facts", "not-indexed"},
    )
    code, out, _ = call("sync", "--hash", "none", "--json")
    assert (code, json.loads(out)["rebuilt"]) == (0, None)
    assert call("db", "check", "--repair")[0] == 0
    assert call("sync")[0] == 0
    assert json.loads(call("show", "m1", "--json")[1])["model"]["architecture"] == "sd1"
    assert call("db", "check", "--full")[0] == 0


def _raised(code: int) -> sqlite3.DatabaseError:
    """Return an error of SQLite with a code, as the driver makes it."""
    error = sqlite3.OperationalError("words do not decide")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "reference"),
    [
        (sqlite3.SQLITE_BUSY, "store-locked"), (sqlite3.SQLITE_BUSY_SNAPSHOT, "store-locked"),
        (sqlite3.SQLITE_LOCKED, "store-locked"), (sqlite3.SQLITE_PROTOCOL, "store-locked"),
        (sqlite3.SQLITE_FULL, "store-full"), (sqlite3.SQLITE_IOERR_SHMSIZE, "store-full"),
        (sqlite3.SQLITE_READONLY, "store-read-only"), (sqlite3.SQLITE_READONLY_DIRECTORY, "store-read-only"),
        (sqlite3.SQLITE_CANTOPEN, "store-unusable"), (sqlite3.SQLITE_IOERR_WRITE, "store-unusable"),
        (sqlite3.SQLITE_PERM, "store-unusable"), (sqlite3.SQLITE_NOMEM, "store-unusable"),
        (sqlite3.SQLITE_CORRUPT, "store-damaged"), (sqlite3.SQLITE_CORRUPT_VTAB, "store-damaged"),
        (sqlite3.SQLITE_NOTADB, "store-damaged"),
    ],
)  # fmt: skip
def test_only_damage_is_called_damage(tmp_path: Path, code: int, reference: str) -> None:
    """SQLite's codes decide; "locked" that was taken for corruption cost users of other programs their rows."""
    assert refused(tmp_path / "library.db", _raised(code)).reference == reference


def test_a_locked_library_is_never_set_aside(home: Path, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds an exclusive transaction for longer than we wait."""
    from hubman.store import engine, lock

    monkeypatch.setattr(engine, "BUSY_MS", 50)
    monkeypatch.setattr(lock, "WAIT_S", 0.1)
    path = home / "library.db"
    shutil.copytree(path.parent, home.parent / "copy")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM journal")
        with pytest.raises(StoreError) as caught:
            store = open_store(path, home / "backups")
            with store.writer() as writer:
                writer.subjects.set_words("0" * 64, ["x"])
        other.execute("ROLLBACK")
    store.close()
    assert caught.value.reference == "store-locked"
    assert list(home.glob("*damaged*")) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_rollback_journal_that_a_kill_left_is_no_obstacle(home: Path, call: Any) -> None:
    """A connection for reading only may not roll it back, and would be refused for ever."""
    path = home / "library.db"
    before = said(path)
    child = os.fork()
    if not child:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM user_words")
        connection.execute(
            "UPDATE reading SET facts = zeroblob(100000)"
        )  # more than the cache holds: it is written out
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert Path(f"{path}-journal").stat().st_size > 0
    assert call("ls")[0] == 0
    assert call("sync", "--hash", "none")[0] == 0
    assert said(path) == before
