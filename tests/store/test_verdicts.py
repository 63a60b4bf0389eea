"""Verdicts and wake words in the database: what needs a proof, what outlives a change of name, of hash, of schema."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hubman.cli import run
from hubman.core.library import ModelFile, WakeWord
from hubman.store.door import Store, open_store
from hubman.store.kept import Kept, pour
from hubman.store.reader import open_reader
from hubman.store.revision import SCHEMA_HEAD
from hubman.store.salvage import COLUMNS, salvage
from tests.store.old_library import is_whole, make_second, migrate_to, revision

Put = Callable[..., Path]
ENGINE = 7
WORDS = [("zqx", 0.9), ("水墨", 0.25)]


@pytest.fixture
def store(isolated: Path, webui: Path, put: Put, capsys: pytest.CaptureFixture[str]) -> Iterator[Store]:
    """A library of three LoRAs, `new` the newest, and something that pretends to be one."""
    for number, name in enumerate(("old", "middle", "new")):
        put(f"Lora/{name}.safetensors", fill=number)
        assert run(["sync", str(webui), "--hash", "all", "--json"]) == 0
    capsys.readouterr()
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


def unproven(store: Store, bases: str = "these") -> list[str]:
    with open_reader(store.path) as reader:
        return [file.name for file in reader.unproven(["lora"], ENGINE, bases)]


def judge(store: Store, name: str, verdict: str, rule: str = "r", engine: int = ENGINE, bases: str = "these") -> None:
    with store.writer() as writer:
        writer.record_verdict(
            subject(store, name), "b", {"verdict": verdict, "rule": rule, "engine": engine}, None, bases
        )


def file_of(store: Store, name: str) -> ModelFile:
    with open_reader(store.path) as reader:
        return reader.resolve(name)[0]


def subject(store: Store, name: str) -> str:
    file = file_of(store, name)
    return file.hashes.sha256 if file.hashes else file.alias


def words(store: Store, of: str) -> list[tuple[str, float]]:
    with open_reader(store.path) as reader:
        return [(word.text, word.score) for word in reader.wake_words(of)]


def test_what_needs_a_proof_the_newest_first(store: Store) -> None:
    assert unproven(store) == ["new", "middle", "old"]
    judge(store, "middle", "broken")
    judge(store, "new", "ok", engine=ENGINE - 1)
    assert unproven(store) == ["new", "old"]


@pytest.mark.parametrize("verdict", ["no-base", "error"])
def test_another_checkpoint_is_another_try(store: Store, verdict: str) -> None:
    """Only for what is about the library or the machine: an `ok` stays one."""
    judge(store, "new", verdict)
    judge(store, "old", "ok")
    assert unproven(store) == ["middle"]
    assert unproven(store, "others") == ["new", "middle"]


def test_where_nothing_was_tried_it_is_tried_every_time(store: Store) -> None:
    judge(store, "new", "error", "render-extra-missing")
    judge(store, "old", "error", "render-crashed")
    assert unproven(store) == ["new", "middle"]


def test_a_proof_is_about_the_content(store: Store, webui: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy of what is proven needs none; other bytes under the same name do."""
    judge(store, "new", "ok")
    (webui / "Lora/copy.safetensors").write_bytes((webui / "Lora/new.safetensors").read_bytes())
    assert run(["sync", "--hash", "all", "--json"]) == 0
    assert unproven(store) == ["middle", "old"]
    (webui / "Lora/new.safetensors").write_bytes((webui / "Lora/old.safetensors").read_bytes() + b"\0")
    os.utime(webui / "Lora/new.safetensors", (1, 1))
    assert run(["sync", "--hash", "none", "--json"]) == 0
    assert "new" in unproven(store)


def test_an_error_does_not_replace_what_was_measured(store: Store) -> None:
    judge(store, "new", "ok", engine=ENGINE - 1)
    judge(store, "new", "error")
    assert file_of(store, "new").verdict.verdict == "ok"  # type: ignore[union-attr]
    assert "new" in unproven(store)


def test_wake_words_are_replaced_base_by_base(store: Store) -> None:
    sha256 = subject(store, "new")
    with store.writer() as writer:
        writer.record_wake(sha256, "a" * 64, [*WORDS, ("zqx", 0.1)])
        writer.record_wake(sha256, "b" * 64, [("other", 1.0)])
    with store.writer() as writer:
        writer.record_wake(sha256, "b" * 64, WORDS)
    with open_reader(store.path) as reader:
        assert reader.wake_words(sha256) == [
            WakeWord(base * 64, text, place, score) for base in "ba" for place, (text, score) in enumerate(WORDS)
        ]
    with store.writer() as writer:
        writer.record_wake(sha256, "b" * 64, [])
    assert words(store, sha256) == WORDS


def test_what_was_rendered_follows_its_content(store: Store) -> None:
    """From a place to the content once it has a hash; newer findings on the same base win; other bytes have none."""
    sha256, base = subject(store, "new"), "b"
    with store.writer() as writer:
        writer.record_wake(sha256, base, [("before", 1.0)])
        writer.record_wake(sha256, "c", [("elsewhere", 1.0)])
        writer.record_wake("@000000001", base, WORDS)
        writer.subjects.hand_over("@000000001", sha256)
    assert sorted(words(store, sha256)) == sorted([*WORDS, ("elsewhere", 1.0)])
    with store.writer() as writer:
        writer.subjects.rename(sha256, "@000000002")
    assert (words(store, sha256), len(words(store, "@000000002"))) == ([], 3)
    with store.writer() as writer:
        writer.subjects.drop_verdicts("@000000002")
    assert words(store, "@000000002") == []


def test_a_library_of_schema_3_keeps_its_verdicts_and_they_are_old(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    make_second(path, 3)
    migrate_to(path, "0003")
    open_store(path, tmp_path / "backups").close()
    assert (revision(path), is_whole(path)) == (SCHEMA_HEAD, True)
    with open_reader(path) as reader:
        assert [file.name for file in reader.unproven(["lora"], 1, "")] == ["m3", "m2", "m1"]
        assert [file.verdict.verdict for file in reader.unproven(["lora"], 1, "") if file.verdict] == ["ok"] * 3
        assert reader.unproven(["lora"], 0, "") == []
    migrate_to(path, "0003")
    assert is_whole(path)


def test_verdicts_of_an_older_backup_are_poured_too(tmp_path: Path) -> None:
    """Columns that it has not are filled, for a row with a NULL there would be lost in silence."""
    old, new = tmp_path / "old.db", tmp_path / "library.db"
    make_second(old, 2)
    found = salvage(old)
    assert "engine" not in found["verdict"].rows[0]
    open_store(new, tmp_path / "backups").close()
    with closing(sqlite3.connect(new)) as connection, connection:
        pour(connection, Kept({table: found[table].rows if table == "verdict" else [] for table in COLUMNS}))
        rows = connection.execute("SELECT verdict, engine, bases FROM verdict").fetchall()
    assert rows == [("ok", 0, "")] * 2


def test_words_that_wake_are_salvaged_and_nonsense_is_not(store: Store) -> None:
    with store.writer() as writer:
        writer.record_wake(subject(store, "new"), "b", WORDS)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("INSERT INTO wake_word VALUES ('no subject', 'b', 'x', 0, 1.0, 1)")
    rows = salvage(store.path)["wake_word"].rows
    assert [row["text"] for row in rows] == ["zqx", "水墨"]
    assert json.dumps(rows)
