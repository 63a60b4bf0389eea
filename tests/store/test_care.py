"""`hubman db`, daily backups, read-only homes, networks."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.errors import StoreError
from hubman.store import network
from hubman.store.door import open_store
from hubman.store.lock import use_lock
from hubman.store.reader import open_reader
from hubman.store.userdata import save_user_data
from tests.store.old_library import make_old
from tests.store.spoken import said, speak

Put = Callable[..., Path]
DAY = 86_400.0


@pytest.fixture
def home(isolated: Path, webui: Path, put: Put, capsys: pytest.CaptureFixture[str]) -> Path:
    """A home folder whose library knows what the user said."""
    for number in range(6):
        put(f"Lora/m{number}.safetensors", fill=number)
    put("Lora/unhashed.safetensors", fill=77)
    speak(isolated, webui)
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


def test_a_backup_comes_back(home: Path, call: Any, tmp_path: Path) -> None:
    """What was changed since is set aside, not lost."""
    path, before = home / "library.db", said(home / "library.db")
    assert call("db", "backup", str(tmp_path / "mine.db"))[0] == 0
    assert call("triggers", "m1", "--set", "changed")[0] == 0
    changed = said(path)
    code, out, _ = call("db", "restore", str(tmp_path / "mine.db"), "-y", "--json")
    assert (code, said(path)) == (0, before)
    assert said(Path(json.loads(out)["aside"])) == changed
    assert call("db", "check", "--full")[0] == 0
    assert call("db", "backup", str(tmp_path / "mine.db"))[0] == 8


def test_a_restore_asks_and_only_looks_with_n(home: Path, call: Any, tmp_path: Path) -> None:
    """Without a terminal nobody can answer."""
    call("db", "backup", str(tmp_path / "mine.db"))
    content = (home / "library.db").read_bytes()
    assert call("db", "restore", str(tmp_path / "mine.db"))[0] == 2
    assert call("db", "restore", str(tmp_path / "mine.db"), "-n")[0] == 0
    assert call("db", "restore", "no-such.db", "-y")[0] == 3
    (tmp_path / "broken.db").write_bytes(b"x" * 5000)
    assert call("db", "restore", str(tmp_path / "broken.db"), "-y")[0] == 9
    assert (home / "library.db").read_bytes() == content
    assert json.loads(call("db", "restore", "--json")[1])["backups"][0]["content"] == "user-data"


def test_what_was_typed_is_joined_from_a_daily_backup(home: Path, call: Any) -> None:
    """The present words stay, the lost ones come back."""
    for backup in (home / "backups").iterdir():
        backup.unlink()
    call("sync", "--hash", "none")
    (daily,) = (home / "backups").glob("user-*.db")
    call("triggers", "m1", "--set", "new one")
    assert call("db", "restore", daily.name, "-y")[0] == 0
    with open_reader(home / "library.db") as reader:
        (file,) = reader.resolve("m1")
        assert file.hashes
        assert reader.user_words(file.hashes.sha256) == ["new one", "word1", "水墨1"]


def test_a_backup_of_an_older_schema_is_migrated(home: Path, call: Any, tmp_path: Path) -> None:
    """In a copy: the backup itself stays as it is."""
    make_old(tmp_path / "old.db")
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    content = (tmp_path / "old.db").read_bytes()
    assert call("db", "restore", str(tmp_path / "old.db"), "-y")[0] == 0
    with open_reader(home / "library.db") as reader:
        assert reader.resolve("m7")[0].name == "m7"
    assert (tmp_path / "old.db").read_bytes() == content


def test_care_is_refused_while_another_hubman_is_at_work(home: Path, call: Any, tmp_path: Path) -> None:
    """A watcher would write into what was set aside."""
    call("db", "backup", str(tmp_path / "mine.db"))
    store = open_store(home / "library.db", home / "backups")
    for command in (["db", "restore", str(tmp_path / "mine.db"), "-y"], ["db", "vacuum"]):
        code, _, err = call(*command)
        assert (code, "Another hubman" in err) == (9, True)
    store.close()
    assert call("db", "vacuum")[0] == 0


def test_vacuum_gives_space_back(home: Path, call: Any) -> None:
    """And keeps everything."""
    before = said(home / "library.db")
    with closing(sqlite3.connect(home / "library.db")) as connection, connection:
        connection.execute("INSERT INTO journal (verb, state, detail, made_ns) VALUES ('x', 'x', ?, 1)", ("x" * 10**6,))
        connection.execute("DELETE FROM journal WHERE verb = 'x'")
    done = json.loads(call("db", "vacuum", "--json")[1])
    assert done["before"] - done["after"] > 900_000
    assert said(home / "library.db") == before


def test_daily_backups_are_made_when_something_changed_and_thinned_out(home: Path) -> None:
    """Seven days, and one of every month for a year."""
    path, backups = home / "library.db", home / "backups"
    for old in backups.iterdir():
        old.unlink()
    start = 1_800_000_000.0
    assert save_user_data(path, backups, start) is not None
    assert save_user_data(path, backups, start + 60) is None
    assert save_user_data(path, backups, start + DAY) is None
    store = open_store(path, backups)
    for day in range(2, 60):
        with store.writer() as writer:
            writer.subjects.set_words("0" * 64, [f"day {day}"])
        assert save_user_data(path, backups, start + day * DAY) is not None
    store.close()
    names = sorted(entry.name for entry in backups.iterdir())
    months = {name[:11] for name in names}
    assert 7 + 2 <= len(names) <= 7 + len(months)
    assert len(months) >= 2


def test_a_library_that_may_only_be_read_is_read(home: Path, call: Any) -> None:
    """As another user, with the folder closed to writing: search works, a write says why not."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    for folder in (home, *home.parents):
        if folder == Path("/"):
            break
        folder.chmod(folder.stat().st_mode | 0o055)
    for leftover in home.glob("library.db-*"):
        leftover.unlink()

    def other(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "hubman", *arguments]
        return subprocess.run(command, env={**os.environ, "HUBMAN_HOME": str(home)}, capture_output=True, text=True)

    found = other("ls", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["total"] == 7
    refusal = other("triggers", "m1", "--add", "x")
    assert refusal.returncode == 9, refusal.stderr
    assert "library.db" in refusal.stderr
    assert "Traceback" not in refusal.stderr


def test_a_network_is_refused_or_used_without_wal(
    isolated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    """The table of mounts says that the home folder lies on a share."""
    table = tmp_path / "mountinfo"
    real = os.path.realpath(isolated)
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / {real} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr(network, "MOUNTINFO", table)
    with pytest.raises(StoreError) as caught:
        open_store(isolated / "library.db", isolated / "backups")
    assert caught.value.reference == "store-network"
    assert not (isolated / "library.db").exists()
    monkeypatch.setenv("HUBMAN_ALLOW_NETWORK_DB", "1")
    (tmp_path / "models").mkdir()
    assert call("sync", str(tmp_path / "models"))[0] == 0
    assert json.loads(call("db", "check", "--json")[1])["journal"] == "delete"


def test_what_the_user_types_is_written_through(home: Path) -> None:
    """synchronous=FULL for that transaction only."""
    store = open_store(home / "library.db", home / "backups")
    levels = []
    for durable in (False, True, False):
        with store.writer(durable=durable) as writer:
            levels.append(writer._connection.exec_driver_sql("PRAGMA synchronous").scalar())
    store.close()
    assert levels == [1, 2, 1]


def test_a_library_that_was_taken_away_is_not_written_into_nothing(home: Path) -> None:
    """A watcher whose database was moved says so; one that was replaced goes on with the new one."""
    path = home / "library.db"
    store = open_store(path, home / "backups")
    with store.writer() as writer:
        writer.subjects.set_words("1" * 64, ["before"])
    path.rename(home / "elsewhere.db")
    with pytest.raises(StoreError) as caught, store.writer() as writer:
        writer.subjects.set_words("1" * 64, ["lost"])
    assert caught.value.reference == "store-unusable"
    store.close()
    assert use_lock(path).take(0)


def test_nothing_is_checked_twice_a_day(home: Path, call: Any) -> None:
    """The stamp says when the pages were looked at last."""
    stamp = home / "backups/checked"
    made = stamp.stat().st_mtime
    call("sync")
    assert stamp.stat().st_mtime == made
    os.utime(stamp, (time.time() - 2 * DAY,) * 2)
    call("sync")
    assert time.time() - stamp.stat().st_mtime < 60
