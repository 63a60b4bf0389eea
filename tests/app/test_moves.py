"""What a move keeps: rows, ids, words, notes, sidecars; in one root, across roots, while hubman was off."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hubman.app.forgetting import forget
from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.core.library import ModelFile, SidecarPolicy, UserData
from hubman.core.query import parse_query
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes

Put = Callable[..., Path]


@pytest.fixture
def store(isolated: Path) -> Iterator[Store]:
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


@pytest.fixture
def second(tmp_path: Path) -> Path:
    folder = tmp_path / "second"
    folder.mkdir()
    return folder


def sync(store: Store, *roots: Path, hash_mode: str = "auto") -> SyncReport:
    for root in roots:
        add_root(store, str(root), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        known = reader.roots()
    return Sync(store, SyncOptions(hash_mode=hash_mode)).run(known)


def models(store: Store, query: str = "") -> list[ModelFile]:
    with open_reader(store.path) as reader:
        return reader.search(parse_query(query, 0))[1]


def say(store: Store, file: ModelFile, text: str) -> None:
    with store.writer() as writer:
        writer.subjects.set_data(file.subject, UserData(text, ("mine",), True, 5))


HASHING = pytest.mark.parametrize("hash_mode", ["auto", "none"])


@HASHING
def test_across_roots_on_one_file_system(store: Store, webui: Path, second: Path, put: Put, hash_mode: str) -> None:
    """The very same file in another root keeps row, age and notes, hashed or not; the old id goes on resolving."""
    path = put("Lora/ink.safetensors")
    sync(store, webui, second, hash_mode=hash_mode)
    (before,) = models(store)
    say(store, before, "for the poster")
    os.rename(path, second / "ink wash.safetensors")
    report = sync(store, hash_mode=hash_mode)
    assert (report.moved, report.added, report.removed, report.hashed) == (1, 0, 0, 0)
    (after,) = models(store)
    assert (after.file_id, after.added_ns, after.name) == (before.file_id, before.added_ns, "ink wash")
    assert after.user == UserData("for the poster", ("mine",), True, 5)
    with open_reader(store.path) as reader:
        assert [file.file_id for file in reader.resolve(before.alias)] == [after.file_id]
    assert [file.name for file in models(store, "poster")] == ["ink wash"]


def test_across_file_systems_by_content(store: Store, webui: Path, second: Path, put: Put) -> None:
    """A copy that outlives its original is the original moved, as soon as the hash says so."""
    path = put("Lora/ink.safetensors")
    sync(store, webui, second)
    (before,) = models(store)
    say(store, before, "kept")
    shutil.copyfile(path, second / "ink.safetensors")
    path.unlink()
    report = sync(store)
    assert (report.moved, report.added, report.removed, report.hashed) == (1, 0, 0, 1)
    (after,) = models(store)
    assert (after.added_ns, after.user.note, after.root) == (before.added_ns, "kept", str(second))
    assert models(store, "is:missing") == []
    with open_reader(store.path) as reader:
        assert [file.file_id for file in reader.resolve(before.alias)] == [after.file_id]


def test_two_epochs_of_one_training_are_not_one(store: Store, webui: Path, second: Path, put: Put) -> None:
    """Same size, same header, other weights: what was said of the one is not said of the other."""
    first = put("Lora/e10.safetensors", fill=1)
    sync(store, webui, second)
    say(store, models(store)[0], "the good one")
    (second / "e20.safetensors").write_bytes(lora_bytes(fill=2))
    first.unlink()
    report = sync(store)
    assert (report.moved, report.added, report.removed) == (0, 1, 1)
    assert [(file.name, file.user.note) for file in models(store)] == [("e20", "")]
    assert [(file.name, file.user.note) for file in models(store, "is:missing")] == [("e10", "the good one")]


def test_unhashed_epochs_are_not_one_either(store: Store, webui: Path, second: Path, put: Put) -> None:
    """Without a hash nothing is proven, and nothing is handed on; it waits under the old place."""
    first = put("Lora/e10.safetensors", fill=1)
    sync(store, webui, second, hash_mode="none")
    say(store, models(store)[0], "the good one")
    (second / "e10.safetensors").write_bytes(lora_bytes(fill=2))
    first.unlink()
    sync(store, hash_mode="none")
    assert [file.user.note for file in models(store)] == [""]
    sync(store)
    assert [file.user.note for file in models(store)] == [""]
    assert [file.user.note for file in models(store, "is:missing")] == ["the good one"]


@HASHING
def test_two_files_that_swap_their_names(store: Store, webui: Path, put: Put, hash_mode: str) -> None:
    """Each row follows its own file, also where both paths were known; nothing is hashed again."""
    a, b = put("Lora/a.safetensors", fill=1), put("Lora/b.safetensors", fill=2, rank=8)
    sync(store, webui, hash_mode=hash_mode)
    before = {file.name: file for file in models(store)}
    say(store, before["a"], "was a")
    say(store, before["b"], "was b")
    os.rename(a, webui / "Lora/c")
    os.rename(b, a)
    os.rename(webui / "Lora/c", b)
    report = sync(store, hash_mode=hash_mode)
    assert (report.moved, report.modified, report.hashed) == (2, 0, 0)
    assert {file.name: (file.file_id, file.user.note) for file in models(store)} == {
        "b": (before["a"].file_id, "was a"),
        "a": (before["b"].file_id, "was b"),
    }


@HASHING
def test_a_file_moved_over_another(store: Store, webui: Path, put: Put, hash_mode: str) -> None:
    """The overwritten one is gone, the other keeps its row in the new place; neither takes the other's notes."""
    a, b = put("Lora/a.safetensors", fill=1), put("Lora/b.safetensors", fill=2, rank=8)
    sync(store, webui, hash_mode=hash_mode)
    before = {file.name: file for file in models(store)}
    say(store, before["a"], "was a")
    say(store, before["b"], "was b")
    os.replace(a, b)
    report = sync(store, hash_mode=hash_mode)
    assert (report.moved, report.removed, report.added, report.modified) == (1, 1, 0, 0)
    (file,) = models(store)
    assert (file.name, file.file_id, file.user.note) == ("b", before["a"].file_id, "was a")


def test_a_chain_of_renames(store: Store, webui: Path, put: Put) -> None:
    """e3 -> e4, e2 -> e3, e1 -> e2: what a numbering script does."""
    paths = [put(f"Lora/e{number}.safetensors", fill=number, rank=number) for number in (1, 2, 3)]
    sync(store, webui)
    before = {file.name: file.file_id for file in models(store)}
    for number, path in reversed(list(enumerate(paths, 1))):
        os.rename(path, webui / f"Lora/e{number + 1}.safetensors")
    assert sync(store).moved == 3
    assert {file.name: file.file_id for file in models(store)} == {f"e{n + 1}": before[f"e{n}"] for n in (1, 2, 3)}


def test_sidecars_left_behind_are_found(store: Store, webui: Path, second: Path, put: Put) -> None:
    """A model moved without its sidecar and preview still has them, until it gets some of its own."""
    path = put("Lora/ink.safetensors")
    (webui / "Lora/ink.json").write_text('{"activation text": "shuimo"}')
    (webui / "Lora/ink.preview.png").write_bytes(b"\x89PNG\r\n")
    sync(store, webui, second)
    (webui / "Lora/style").mkdir()
    os.rename(path, webui / "Lora/style/wash.safetensors")
    sync(store)
    (file,) = models(store)
    assert [word.text for word in file.triggers] == ["shuimo"]
    assert file.preview == str(webui / "Lora/ink.preview.png")
    os.rename(webui / "Lora/style/wash.safetensors", second / "wash.safetensors")
    sync(store)
    (file,) = models(store)
    assert [word.text for word in file.triggers] == ["shuimo"]
    (second / "wash.json").write_text('{"activation text": "own"}')
    sync(store)
    assert [word.text for word in models(store)[0].triggers] == ["own"]


def test_a_hard_link_in_another_root_is_not_a_move(store: Store, webui: Path, second: Path, put: Put) -> None:
    """Two places of one file, both there; when one goes, the other is what remains of it."""
    path = put("Lora/ink.safetensors")
    sync(store, webui, second)
    os.link(path, second / "ink.safetensors")
    report = sync(store)
    assert (report.added, report.moved) == (1, 0)
    path.unlink()
    sync(store)
    (file,) = models(store)
    assert file.root == str(second)
    assert models(store, "is:missing") == []


def test_a_folder_renamed_with_many_files(store: Store, webui: Path, put: Put) -> None:
    """More files than one batch: every row follows."""
    for number in range(600):
        put(f"Lora/a/{number}.safetensors", fill=number % 250)
    sync(store, webui, hash_mode="none")
    before = {file.name: file.file_id for file in models(store)}
    os.rename(webui / "Lora/a", webui / "Lora/b")
    assert sync(store, hash_mode="none").moved == 600
    assert {file.name: file.file_id for file in models(store)} == before


def test_many_files_moved_to_another_root(store: Store, webui: Path, second: Path, put: Put) -> None:
    """More than one batch of the search for files across roots, which must come to its end."""
    for number in range(600):
        put(f"Lora/a/{number}.safetensors", fill=number % 250)
    sync(store, webui, second, hash_mode="none")
    before = {file.name: file.file_id for file in models(store)}
    os.rename(webui / "Lora/a", second / "b")
    for number in range(12):
        put(f"Lora/stays/{number}.safetensors", rank=6)
    report = sync(store, hash_mode="none")  # more than half of the root has gone, and is known to be somewhere else
    assert (report.moved, report.added, report.removed, report.unreachable) == (600, 12, 0, 0)
    assert [root["state"] for root in report.roots] == ["ok", "ok"]
    assert {file.name: file.file_id for file in models(store) if file.root == str(second)} == before


def test_a_path_that_gets_another_epoch_again_and_again(store: Store, webui: Path, put: Put) -> None:
    """Unhashed files of one name, written anew: nothing said of one is lost, and no scan fails."""
    for number in range(5):
        path = put("Lora/a.safetensors", fill=number, rank=8 if number % 2 else 4)
        os.utime(path, ns=(0, 10**18 + number))
        sync(store, webui, hash_mode="none")
        say(store, models(store)[0], f"note {number}")
    with store.writer() as writer:
        alias = models(store)[0].alias
        aside = "".join(writer.subjects.data(f"{alias}#{digest}").note for digest in digests(store, alias))
    assert [f"note {number}" in aside for number in range(4)] == [True] * 4


def digests(store: Store, alias: str) -> list[str]:
    """Return under which digests something was set aside."""
    with closing(sqlite3.connect(store.path)) as connection:
        rows = connection.execute("SELECT subject FROM user_data WHERE subject LIKE ?", [f"{alias}#%"])
        return [row[0].partition("#")[2] for row in rows]


def test_a_file_moved_to_the_path_of_a_forgotten_one(store: Store, webui: Path, put: Put) -> None:
    """What was said of the forgotten one is not said of the other, and is in nobody's way."""
    a, b = put("Lora/a.safetensors", fill=1), put("Lora/b.safetensors", fill=2, rank=8)
    sync(store, webui, hash_mode="none")
    for file in models(store):
        say(store, file, f"was {file.name}")
    forget(store, ["b"])
    os.replace(a, b)
    sync(store, hash_mode="none")
    assert [(file.name, file.user.note) for file in models(store)] == [("b", "was a")]


def test_another_epoch_in_the_place_of_one_that_went_to_another_root(
    store: Store, webui: Path, second: Path, put: Put
) -> None:
    """Same size, same header, unhashed: the note is of the one that went, never of the one that came."""
    path = put("Lora/e.safetensors", fill=1)
    sync(store, webui, second, hash_mode="none")
    say(store, models(store)[0], "the good one")
    os.rename(path, second / "e.safetensors")
    put("Lora/e.safetensors", fill=2)
    sync(store, hash_mode="none")
    sync(store)
    assert {file.root: file.user.note for file in models(store)}[str(webui)] == ""


def test_files_that_went_to_a_root_that_was_scanned_before(store: Store, webui: Path, second: Path, put: Put) -> None:
    """A root of which all is missing comes back to rest as soon as its files are found elsewhere."""
    for number in range(30):
        put(f"Lora/a/{number}.safetensors", fill=number)
    sync(store, webui, second, hash_mode="none")
    put("Lora/stays.safetensors", rank=6)
    os.rename(webui / "Lora/a", second / "a")
    with open_reader(store.path) as reader:
        one, other = sorted(reader.roots(), key=lambda root: root.path != str(second))
    for root in (one, other):
        report = Sync(store, SyncOptions(hash_mode="none")).run([root])
    assert (report.moved, report.unreachable, [root["state"] for root in report.roots]) == (30, 0, ["ok"])
    assert len(models(store)) == 31


def test_a_link_that_goes_leaves_the_original_its_row(store: Store, webui: Path, put: Put) -> None:
    """The file under its own name stays as old as it was."""
    path = put("Lora/a.safetensors")
    sync(store, webui)
    (before,) = models(store)
    link = webui / "Lora/link.safetensors"
    link.symlink_to(path.name)
    sync(store)
    link.unlink()
    report = sync(store)
    (after,) = models(store)
    assert (after.file_id, after.added_ns, report.moved) == (before.file_id, before.added_ns, 0)


def test_times_beyond_the_year_2262(store: Store, webui: Path, put: Put) -> None:
    """Some file systems can say them, and the database cannot."""
    path = put("Lora/a.safetensors")
    put("Lora/b.safetensors", rank=8)
    os.utime(path, ns=(0, 10_400_000_000_000_000_000))
    assert sync(store, webui).added == 2
    assert sync(store).changed is False


def test_a_truncated_file_that_is_whole_again(store: Store, webui: Path, put: Put) -> None:
    """It is the same model: what was said of it, unhashed, is still there."""
    path = put("Lora/a.safetensors", fill=3)
    data = path.read_bytes()
    sync(store, webui, hash_mode="none")
    say(store, models(store)[0], "kept")
    for content in (data[:100], data):
        with open(path, "r+b") as file:
            file.truncate(0)
            file.write(content)
        os.utime(path, ns=(0, 10**18 + len(content)))
        sync(store, hash_mode="none")
    assert models(store)[0].user.note == "kept"


def test_adding_a_root_again_keeps_what_may_be_written_beside_its_models(store: Store, webui: Path) -> None:
    """Only an answer that was given changes it."""
    add_root(store, str(webui), None, SidecarPolicy.MERGE)
    assert add_root(store, str(webui), None, None).sidecars is SidecarPolicy.MERGE
    assert add_root(store, str(webui), None, SidecarPolicy.OFF).sidecars is SidecarPolicy.OFF
