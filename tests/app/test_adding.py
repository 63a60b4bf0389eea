"""`add`: what a browser saved becomes a model in its place, or stays where it is and is told why."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubman.app import adding
from hubman.app.adding import Adding, AddOrder, add
from hubman.app.adding_pages import AskingPages
from hubman.app.adding_sources import Sources
from hubman.app.filing import place_for
from hubman.app.roots import add_root, remove_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.app.undo import undo
from hubman.app.watching import Watching, WatchOptions
from hubman.core.browser_name import is_unfinished, meant, of_archive
from hubman.core.hub import Listing, Match, RemoteFile
from hubman.core.library import Layout, ModelFile
from hubman.core.ports import Silence
from hubman.core.query import parse_query
from hubman.core.safe_name import SafeName
from hubman.core.types import Hashes
from hubman.disk import archive
from hubman.errors import ConflictError, HubmanError, NotFoundError, Phrase
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes, safetensors_bytes
from tests.formats.crafted_pickles import as_zip
from tests.testhub.content import evil_pickle
from tests.testhub.names import HOSTILE_NAMES


@pytest.fixture
def store(isolated: Path) -> Iterator[Store]:
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


class Downloads:
    """A person with a download folder and a library."""

    def __init__(self, store: Store, home: Path, folder: Path, models: Path) -> None:
        self.store, self.home, self.folder, self.models = store, home, folder, models

    def save(self, name: str, content: bytes | None = None, fill: int = 1) -> Path:
        """Save something, an hour ago: what is fresh is waited for."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lora_bytes(fill=fill) if content is None else content)
        age(path)
        return path

    def zip(self, name: str, **members: bytes) -> Path:
        path = self.folder / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for member, content in members.items():
                packed.writestr(member, content)
        age(path)
        return path

    def add(self, *paths: Path | str, dry_run: bool = False, pages: Any = adding.nobody, **wish: Any) -> Adding:
        order = AddOrder(tuple(str(path) for path in paths or (self.folder,)), self.home, **wish)
        return add(self.store, order, pages=pages, dry_run=dry_run)

    def refused(self, *paths: Path | str, **wish: Any) -> HubmanError:
        """Add what has to be refused; everything has to stay as it is."""
        before = tree(self.folder), tree(self.models)
        answer = self.add(*paths, **wish)
        assert (tree(self.folder), tree(self.models)) == before
        assert answer.filed == []
        assert answer.entry is None
        ((_, error),) = answer.failed
        assert error.hint
        return error

    def sync(self) -> SyncReport:
        with open_reader(self.store.path) as reader:
            roots = reader.roots()
        return Sync(self.store, SyncOptions(hash_mode="all")).run(roots)

    def files(self, query: str = "sort:name") -> list[ModelFile]:
        with open_reader(self.store.path) as reader:
            return reader.search(parse_query(query, 0))[1]

    def nothing_new(self) -> None:
        """A scan finds what the rows say already."""
        report = self.sync()
        assert (report.added, report.modified, report.moved, report.removed) == (0, 0, 0, 0)
        assert (report.identified, report.hashed, report.errors) == (0, 0, [])
        assert list((self.home / "incoming").glob("*")) == []


@pytest.fixture
def person(store: Store, isolated: Path, tmp_path: Path, webui: Path) -> Downloads:
    (tmp_path / "Downloads").mkdir()
    add_root(store, str(webui), None, None)
    return Downloads(store, isolated, tmp_path / "Downloads", webui)


def age(path: Path, seconds: float = 3600) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> set[str]:
    return set(tree(folder))


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("saved", "name"),
    [
        ("model (1).safetensors", "model.safetensors"),
        ("model(12).safetensors", "model.safetensors"),
        ("style (2024).safetensors", "style (2024).safetensors"),
        ("(1).safetensors", "(1).safetensors"),
        ("ink%20wash%5B1%5D.safetensors", "ink wash[1].safetensors"),
        ("100%.safetensors", "100%.safetensors"),
        ("%ff%fe.safetensors", "%ff%fe.safetensors"),
        ("%E6%B0%B4%E5%A2%A8.safetensors", "水墨.safetensors"),
        ("水墨".encode().decode("latin-1") + ".safetensors", "水墨.safetensors"),
        ("国风".encode("gb18030").decode("utf-8", "surrogateescape") + ".pt", "国风.pt"),
        ("café.safetensors", "café.safetensors"),
        ("Ünïcödé.pt", "Ünïcödé.pt"),
        ("水墨 (3)", "水墨"),
        ("v1.5 (2)", "v1.5"),
    ],
)
def test_the_name_that_was_meant(saved: str, name: str) -> None:
    """Browsers number, encode and misread names."""
    assert meant(saved) == name


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=30))
def test_any_name_means_something(text: str) -> None:
    """And Chinese names stay what they are."""
    meant(text)
    of_archive(text)
    if all(0x4E00 <= ord(letter) <= 0x9FFF for letter in text):
        assert meant(text) == text


def test_downloads_under_way() -> None:
    """By their own name, or by what lies beside them."""
    for name in ("Unconfirmed 12345.crdownload", "x.safetensors.part", "X.SAFETENSORS.PART", "x.opdownload", "x.aria2"):
        assert is_unfinished(name)
    assert is_unfinished("x.safetensors", ["x.safetensors.part", "y"])
    assert is_unfinished("x.safetensors", ["x.safetensors.aria2"])
    assert not is_unfinished("x.safetensors", ["x.part", "y.safetensors.part"])


# --- the usual way ---------------------------------------------------------------------------------------------------


def test_a_saved_file_goes_to_its_place_with_what_lies_beside_it(person: Downloads) -> None:
    """Row, hashes, sidecar and preview are there at once; undo puts everything back under its old name."""
    path = person.save("ink%20wash (1).safetensors")
    person.save("ink%20wash (1).json", json.dumps({"activation text": "shuimo"}).encode())
    person.save("ink%20wash (1).preview.png", b"picture")
    person.save("other.txt", b"mine")
    before, number = tree(person.folder), path.stat().st_ino
    answer = person.add(path)
    assert names(person.models) == {f"Lora/ink wash{end}" for end in (".safetensors", ".json", ".preview.png")}
    assert names(person.folder) == {"other.txt"}
    assert (person.models / "Lora/ink wash.safetensors").stat().st_ino == number
    (file,) = person.files()
    (filed,) = answer.filed
    assert filed.model == file
    assert file.hashes is not None
    assert file.hashes.sha256 == filed.hashes.sha256
    assert (file.kind, [word.text for word in file.triggers]) == ("lora", ["shuimo"])
    assert file.preview == str(person.models / "Lora/ink wash.preview.png")
    person.nothing_new()
    undo(person.store)
    assert tree(person.folder) == before
    assert tree(person.models) == {}
    assert person.files() == []
    person.nothing_new()
    with open_reader(person.store.path) as reader:
        latest = max(entry.id for entry in reader.journal.entries(10))
    undo(person.store, latest)  # taking back the taking back adds it again
    assert names(person.models) == {f"Lora/ink wash{end}" for end in (".safetensors", ".json", ".preview.png")}
    assert [file.name for file in person.files()] == ["ink wash"]


def test_a_dry_run_moves_nothing(person: Downloads) -> None:
    person.save("ink.safetensors")
    before = tree(person.folder)
    answer = person.add(dry_run=True)
    assert [one.target for one in answer.filed] == [str(person.models / "Lora/ink.safetensors")]
    assert answer.entry is None
    assert (tree(person.folder), tree(person.models), person.files()) == (before, {}, [])


def test_a_folder_of_many(person: Downloads) -> None:
    """Each to the place of its kind, in one action; what is no model stays."""
    person.save("a.safetensors", fill=1)
    person.save("deep/er/b.safetensors", fill=2)
    person.save("word.safetensors", WORD)
    person.save("Unconfirmed 1.crdownload", b"half")
    person.save("song.mp3", b"la")
    person.save(".hidden.safetensors", fill=9)
    answer = person.add()
    assert names(person.models) == {"Lora/a.safetensors", "Lora/b.safetensors", "embeddings/word.safetensors"}
    assert names(person.folder) == {"Unconfirmed 1.crdownload", "song.mp3", ".hidden.safetensors"}
    assert [os.path.basename(path) for path, _ in answer.left] == ["Unconfirmed 1.crdownload"]
    assert answer.failed == []
    undo(person.store)
    assert tree(person.models) == {}
    assert (person.folder / "deep/er/b.safetensors").is_file()


WORD = safetensors_bytes({"emb_params": ((2, 768), "F16")})


def test_a_copy_leaves_the_original(person: Downloads) -> None:
    """Undo removes the copy; when the original is gone by then, the copy takes its place."""
    path = person.save("ink.safetensors")
    person.add(path, copy=True)
    assert names(person.folder) == {"ink.safetensors"}
    assert names(person.models) == {"Lora/ink.safetensors"}
    person.nothing_new()
    undo(person.store)
    assert (names(person.folder), names(person.models)) == ({"ink.safetensors"}, set())
    person.add(path, copy=True)
    path.unlink()
    undo(person.store)
    assert (names(person.folder), names(person.models)) == ({"ink.safetensors"}, set())


def test_nothing_is_overwritten(person: Downloads) -> None:
    """A name that is taken, by a model or by what would lie beside it, gets a number, with all that travels."""
    mine = {"Lora/ink.safetensors": lora_bytes(fill=7), "Lora/ink (2).preview.png": b"mine"}
    for name, content in mine.items():
        (person.models / name).write_bytes(content)
    person.sync()
    person.save("ink.safetensors")
    person.save("ink.preview.png", b"new")
    answer = person.add()
    after = tree(person.models)
    assert {name: after[name] for name in mine} == mine
    assert set(after) - set(mine) == {"Lora/ink (3).safetensors", "Lora/ink (3).preview.png"}
    assert [str(notice) for notice in answer.filed[0].notices] == [
        "ink.safetensors was taken, so it is called ink (3).safetensors"
    ]


def test_two_of_one_name_in_one_go(person: Downloads) -> None:
    """From two folders, or of two endings: programs name models by the stem."""
    person.save("one/ink.safetensors", fill=1)
    person.save("two/ink.safetensors", fill=2)
    person.add()
    assert names(person.models) == {"Lora/ink.safetensors", "Lora/ink (2).safetensors"}
    person.nothing_new()


def test_two_endings_of_one_stem_share_what_lies_beside_them(person: Downloads) -> None:
    """Each gets a stem and a picture of its own; the way back leaves one picture."""
    person.save("ink.safetensors", fill=1)
    person.save("ink.sft", fill=2)
    person.save("ink.png", b"picture")
    before = tree(person.folder)
    person.add()
    stems = {name.rpartition(".")[0] for name in names(person.models)}
    assert stems == {"Lora/ink", "Lora/ink (2)"}
    assert sorted(content == b"picture" for content in tree(person.models).values()) == [False, False, True, True]
    person.nothing_new()
    undo(person.store)
    assert (tree(person.folder), tree(person.models)) == (before, {})


def test_what_is_here_stays_where_it_was_saved(person: Downloads) -> None:
    """By content, whatever the name; and the same content twice goes once."""
    first = person.save("ink.safetensors")
    person.add(first)
    again = person.save("wash.safetensors")
    answer = person.add(again)
    assert answer.here == [(str(again), [str(person.models / "Lora/ink.safetensors")])]
    assert answer.filed == []
    assert again.is_file()
    person.save("x.safetensors", fill=5)
    person.save("y.safetensors", fill=5)
    answer = person.add(person.folder / "x.safetensors", person.folder / "y.safetensors")
    assert [one.source.name for one in answer.filed] == ["x.safetensors"]
    assert answer.here == [(str(person.folder / "y.safetensors"), [str(person.folder / "x.safetensors")])]


def test_what_is_here_and_not_hashed_yet_is_known_by_its_size(person: Downloads) -> None:
    """The library was scanned and not read: what is of the same size is compared."""
    (person.models / "Lora/mine.safetensors").write_bytes(lora_bytes(fill=1))
    (person.models / "Lora/same size.safetensors").write_bytes(lora_bytes(fill=2))
    with open_reader(person.store.path) as reader:
        Sync(person.store, SyncOptions(hash_mode="none")).run(reader.roots())
    answer = person.add(person.save("ink.safetensors", fill=1))
    assert answer.here == [(str(person.folder / "ink.safetensors"), [str(person.models / "Lora/mine.safetensors")])]


def test_another_file_system(person: Downloads, small_disk: Callable[[str], Path]) -> None:
    """Copied, read back, and only then removed; the way back the same."""
    person.folder = small_disk("4m")
    person.save("ink.safetensors")
    before = tree(person.folder)
    person.add()
    assert names(person.models) == {"Lora/ink.safetensors"}
    assert tree(person.folder) == {}
    person.nothing_new()
    undo(person.store)
    assert (tree(person.folder), tree(person.models)) == (before, {})


def test_a_full_disk_moves_nothing(person: Downloads, store: Store, small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("64k")
    add_root(store, str(disk), Layout.FLAT, None)
    person.save("a.safetensors", lora_bytes(rank=64))
    assert person.refused(person.folder / "a.safetensors", root=str(disk)).reference == "no-space"
    assert tree(disk) == {}


def test_the_user_says_where(person: Downloads, store: Store, tmp_path: Path) -> None:
    """--root and --to; what no program has a folder for needs the latter."""
    other = tmp_path / "other"
    other.mkdir()
    add_root(store, str(other), Layout.FLAT, None)
    person.save("a.safetensors", fill=1)
    person.save("b.safetensors", fill=2)
    person.add(person.folder / "a.safetensors", root=str(other))
    person.add(person.folder / "b.safetensors", folder="Lora/style")
    assert names(other) == {"a.safetensors"}
    assert names(person.models) == {"Lora/style/b.safetensors"}
    person.nothing_new()


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reference"),
    [
        ("evil.pt", evil_pickle(), "download-unsafe"),
        ("evil.safetensors", evil_pickle(), "download-unsafe"),
        ("evil.zip", as_zip(evil_pickle()), "download-unsafe"),
        ("login.safetensors", b"<!DOCTYPE html><html><title>Log in</title></html>", "web-page"),
        ("half.safetensors", lora_bytes()[:-100], "safetensors-truncated"),
        ("text.safetensors", b"hello, this is a text and no model at all", "safetensors-header"),
        ("empty.safetensors", b"", "empty-file"),
        ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "not-a-model"),
        ("setup.exe", b"MZ" + bytes(500), "not-a-model"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(50), "archive-unsupported"),
        ("x.crdownload", b"half", "still-downloading"),
    ],
)
def test_what_is_no_good_stays(person: Downloads, name: str, content: bytes, reference: str) -> None:
    """The same checks as for a download; the file is the user's and is not touched."""
    error = person.refused(person.save(name, content))
    assert error.reference == reference


def test_the_good_goes_and_the_bad_stays(person: Downloads) -> None:
    person.save("good.safetensors")
    person.save("evil.pt", evil_pickle())
    answer = person.add()
    assert names(person.models) == {"Lora/good.safetensors"}
    assert names(person.folder) == {"evil.pt"}
    assert [error.reference for _, error in answer.failed] == ["download-unsafe"]


def test_what_is_not_there_a_link_a_pipe_and_the_library_itself(person: Downloads) -> None:
    """Each refused with its next step."""
    path = person.save("ink.safetensors")
    assert person.refused(person.folder / "none.safetensors").reference == "file-not-found"
    (person.folder / "link.safetensors").symlink_to(path)
    error = person.refused(person.folder / "link.safetensors")
    assert (error.reference, str(path) in error.hint) == ("is-a-link", True)
    if hasattr(os, "mkfifo"):
        os.mkfifo(person.folder / "pipe.safetensors")
        assert person.add(person.folder / "pipe.safetensors").failed[0][1].reference == "not-a-file"
        (person.folder / "pipe.safetensors").unlink()
    (person.models / "Lora/mine.safetensors").write_bytes(lora_bytes(fill=3))
    assert person.refused(person.models / "Lora/mine.safetensors").reference == "in-library"
    (person.folder / "empty").mkdir()
    assert person.refused(person.folder / "empty").reference == "nothing-to-add"
    answer = person.add()
    assert [os.path.basename(path) for path, _ in answer.left] == ["link.safetensors"]


def test_without_a_root_nothing_can_be_filed(store: Store, isolated: Path, tmp_path: Path) -> None:
    (tmp_path / "Downloads").mkdir()
    person = Downloads(store, isolated, tmp_path / "Downloads", tmp_path / "nothing")
    error = person.refused(person.save("ink.safetensors"))
    assert (error.reference, "hubman roots add" in error.hint) == ("no-roots", True)


def test_a_file_that_grows_is_left_alone(person: Downloads) -> None:
    """A writer shows within two seconds, whatever the file's header says."""
    path = person.save("ink.pt", lora_bytes())
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.1):
            with open(path, "ab") as file:
                file.write(b"x")

    writer = threading.Thread(target=write)
    os.utime(path)
    writer.start()
    try:
        answer = person.add(path)
    finally:
        done.set()
        writer.join()
    assert [error.reference for _, error in answer.failed] == ["still-downloading"]
    assert path.is_file()


def test_firefox_keeps_the_rest_beside_it(person: Downloads) -> None:
    """The name is taken by an empty file while the bytes go into another one."""
    path = person.save("ink.safetensors", b"")
    person.save("ink.safetensors.part", lora_bytes()[:1000])
    assert person.refused(path).reference == "still-downloading"
    answer = person.add()
    assert len(answer.left) == 2


def test_a_file_that_changes_after_it_was_checked_is_not_moved(person: Downloads) -> None:
    """Between the look and the move hubs are asked, which takes a while."""
    path = person.save("ink.safetensors")

    def swap(_: Sequence[Hashes]) -> Mapping[str, Match]:
        path.write_bytes(evil_pickle())
        return {}

    answer = person.add(path, pages=swap)
    assert [error.reference for _, error in answer.failed] == ["still-downloading"]
    assert tree(person.models) == {}


def test_a_root_that_cannot_be_written(person: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's refusal comes before anything is moved."""
    path = person.save("ink.safetensors")
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda name, mode: not str(name).startswith(str(person.models)) and real(name, mode)
    )
    assert person.refused(path).reference == "folder-not-writable"


# --- pages -----------------------------------------------------------------------------------------------------------


LISTING = Listing("civitai", "10", "20", "Ink Wash", "v2", kind="lora", words=("shuimo",), page="https://civitai.com/models/10",
                  files=(RemoteFile("30", "ink_wash_v2.safetensors", primary=True),))  # fmt: skip


def test_its_page_is_recorded(person: Downloads) -> None:
    """By hash; words of the page are there at once, and a name that says nothing becomes the hub's."""
    path = person.save("download (1).safetensors")
    asked: list[Sequence[Hashes]] = []

    def page(hashes: Sequence[Hashes]) -> Mapping[str, Match]:
        asked.append(hashes)
        return {one.sha256: Match(one.sha256, LISTING, LISTING.files[0], "sha256") for one in hashes}

    person.add(path, pages=page)
    assert len(asked) == 1
    assert names(person.models) == {"Lora/ink_wash_v2.safetensors"}
    (file,) = person.files()
    assert [word.text for word in file.triggers] == ["shuimo"]
    with open_reader(person.store.path) as reader:
        assert file.hashes is not None
        (entry,) = reader.hubs.of_contents([file.hashes.sha256])[file.hashes.sha256]
    assert (entry.listing.page, entry.file_id, entry.how) == ("https://civitai.com/models/10", "30", "sha256")


def test_no_hub_is_asked_when_nothing_can_be_filed(person: Downloads) -> None:
    """Hashes of what is refused leave nobody's machine."""

    def page(_: Sequence[Hashes]) -> Mapping[str, Match]:
        raise AssertionError

    person.refused(person.save("evil.pt", evil_pickle()), pages=page)


def test_each_hub_is_asked_about_what_none_before_it_knows(person: Downloads) -> None:
    """One that cannot be asked is told, and the others go on; what is known is not asked again."""
    from hubman.core.hub import Lookup
    from hubman.errors import HubError

    one, two = (Hashes(letter * 64, None, letter * 10, None) for letter in "ab")
    asked: list[tuple[str, list[str]]] = []

    class Knows:
        hash_kinds = ("sha256",)
        title = "A hub"

        def __init__(self, name: str, *found: Hashes, trouble: Exception | None = None) -> None:
            self.name, self.found, self.trouble = name, found, trouble

        def by_hashes(self, wanted: Sequence[Hashes]) -> Lookup:
            asked.append((self.name, [entry.sha256[0] for entry in wanted]))
            matches = tuple(Match(entry.sha256, LISTING, None, "sha256") for entry in self.found)
            known = {match.sha256 for match in matches}
            missed = () if self.trouble else tuple(entry.sha256 for entry in wanted if entry.sha256 not in known)
            return Lookup(matches, missed, self.trouble)

    down = HubError("hub-unreachable", "down", hint="wait")

    class Open(dict[str, Knows]):
        def within(self, _: float | None) -> Any:
            return contextlib.nullcontext()

    hubs: Any = Open(x=Knows("x", trouble=down), y=Knows("y", one), z=Knows("z", two))
    asking = AskingPages(person.store, hubs, Silence())
    assert set(asking([one, two])) == {one.sha256, two.sha256}
    assert asked == [("x", ["a", "b"]), ("y", ["a", "b"]), ("z", ["b"])]
    assert asking.troubles == [("x", down)]
    assert set(AskingPages(person.store, hubs, Silence())([one, two])) == {one.sha256, two.sha256}
    assert len(asked) == 3


# --- models in several files -----------------------------------------------------------------------------------------


def test_a_model_folder_is_one_model(person: Downloads) -> None:
    """PEFT and diffusers folders go as they are, under a safe name of their own."""
    person.save("my%20peft (1)/adapter_config.json", json.dumps({"peft_type": "LORA", "r": 4}).encode())
    person.save("my%20peft (1)/adapter_model.safetensors")
    before = tree(person.folder)
    answer = person.add(person.folder / "my%20peft (1)", folder="Lora")
    assert answer.failed == []
    assert names(person.models) == {"Lora/my peft/adapter_config.json", "Lora/my peft/adapter_model.safetensors"}
    person.nothing_new()
    undo(person.store)
    assert (tree(person.folder), tree(person.models)) == (before, {})
    (person.models / "Lora/my peft").mkdir()
    person.add(person.folder, folder="Lora")  # found inside a folder of many, and its name is taken
    assert "Lora/my peft (2)/adapter_config.json" in names(person.models)
    person.save("half/adapter_config.json", b"{}")
    person.save("half/adapter_model.safetensors.crdownload", b"")
    person.save("half/adapter_model.bin", b"")
    assert person.refused(person.folder / "half", folder="Lora").reference == "still-downloading"


def test_a_model_in_parts_keeps_its_names(person: Downloads) -> None:
    """Whichever of its files is named; a part without the index is refused."""
    for number in (1, 2):
        person.save(f"big-0000{number}-of-00002.safetensors", safetensors_bytes({f"t{number}": ((4,), "F16")}))
    part = person.folder / "big-00001-of-00002.safetensors"
    assert person.refused(part, folder="Lora").reference == "shard-index-missing"
    weight_map = {f"t{number}": f"big-0000{number}-of-00002.safetensors" for number in (1, 2)}
    person.save("big.safetensors.index.json", json.dumps({"weight_map": weight_map}).encode())
    before = tree(person.folder)
    answer = person.add(part, folder="Lora")
    assert answer.failed == []
    assert names(person.models) == {f"Lora/{name}" for name in before}
    person.nothing_new()
    undo(person.store)
    assert tree(person.folder) == before


# --- archives --------------------------------------------------------------------------------------------------------


def test_models_of_an_archive(person: Downloads) -> None:
    """Unpacked into their places; the archive stays. Undo puts them beside it."""
    path = person.zip("pack.zip", **{"in/水墨.safetensors": lora_bytes(fill=1), "readme.txt": b"x", "p.png": b"y"})
    answer = person.add(path)
    assert names(person.models) == {"Lora/水墨.safetensors"}
    assert names(person.folder) == {"pack.zip"}
    assert answer.filed[0].source.given == f"{path}:in/水墨.safetensors"
    person.nothing_new()
    undo(person.store)
    assert (names(person.folder), names(person.models)) == ({"pack.zip", "水墨.safetensors"}, set())
    assert list((person.home / "incoming").glob("*")) == []
    with open_reader(person.store.path) as reader:
        latest = max(entry.id for entry in reader.journal.entries(10))
    undo(person.store, latest)
    undo(person.store)
    assert names(person.folder) == {"pack.zip", "水墨.safetensors"}


def test_two_of_one_name_in_an_archive(person: Downloads) -> None:
    """In two folders of it: two models. Back they go beside it, where that name may be taken as well."""
    path = person.zip("pack.zip", **{"a/ink.safetensors": lora_bytes(fill=1), "b/ink.safetensors": lora_bytes(fill=2)})
    person.add(path)
    assert names(person.models) == {"Lora/ink.safetensors", "Lora/ink (2).safetensors"}
    person.save("ink.safetensors", fill=3)
    undo(person.store)
    assert names(person.models) == set()
    assert len(set(tree(person.folder).values())) == 4


@pytest.mark.parametrize("here", [False, True])
def test_what_a_killed_run_unpacked_is_removed_by_the_next(person: Downloads, here: bool) -> None:
    """Gigabytes that nobody sees; those of a run that is still at it stay."""
    path = person.zip("pack.zip", **{"ink.safetensors": lora_bytes(fill=1)})
    if here:
        person.add(path)
    killed, living = Sources(person.home), Sources(person.home)
    (of_killed,), (of_living,) = killed.find([path]).sources, living.find([path]).sources
    assert killed._lock is not None
    killed._lock.release()  # as the system does when a process ends, however it ends
    person.add(path)
    assert not os.path.exists(of_killed.path)
    assert os.path.exists(of_living.path)
    living.__exit__()
    assert list((person.home / "incoming").iterdir()) == []


def test_a_dry_run_of_an_archive_leaves_nothing(person: Downloads) -> None:
    path = person.zip("pack.zip", **{"a.safetensors": lora_bytes()})
    assert len(person.add(path, dry_run=True).filed) == 1
    assert tree(person.models) == {}
    assert list((person.home / "incoming").glob("*")) == []


def test_hostile_archives(person: Downloads) -> None:
    """`../`, absolute, links, twice, bombs: only what is allowed comes out (facts: case 42)."""
    good = lora_bytes(fill=1)
    path = person.folder / "bad.zip"
    link = zipfile.ZipInfo("link.safetensors")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("good.safetensors", good)
        packed.writestr("../up.safetensors", good)
        packed.writestr("a/../../up2.safetensors", good)
        packed.writestr("/etc/absolute.safetensors", good)
        packed.writestr("C:/drive.safetensors", good)
        packed.writestr("..\\windows.safetensors", good)
        packed.writestr("twice.safetensors", good)
        with pytest.warns(UserWarning, match="Duplicate"):
            packed.writestr("twice.safetensors", lora_bytes(fill=2))
        packed.writestr("Case.safetensors", good)
        packed.writestr("case.safetensors", good)
        packed.writestr(link, "/etc/passwd")
        packed.writestr("bomb.safetensors", bytes(30_000_000))
        packed.writestr("evil.pt", evil_pickle())
        packed.writestr("run.exe", b"MZ")
        packed.writestr("folder.safetensors/", b"")
    age(path)
    answer = person.add(path)
    assert tree(person.models) == {"Lora/good.safetensors": good}
    assert names(person.folder) == {"bad.zip"}
    assert {os.path.basename(path.rpartition(":")[2]): str(why) for path, why in answer.left} == {
        "up.safetensors": "its path leads out of the archive",
        "up2.safetensors": "its path leads out of the archive",
        "absolute.safetensors": "its path leads out of the archive",
        "drive.safetensors": "its path leads out of the archive",
        "..\\windows.safetensors": "its path leads out of the archive",
        "twice.safetensors": "the archive has it 2 times",
        "Case.safetensors": "the archive has it 2 times",
        "case.safetensors": "the archive has it 2 times",
        "link.safetensors": "it is a link or a device",
        "bomb.safetensors": "unpacked it would be more than 100 times as large",
    }
    assert [error.reference for _, error in answer.failed] == ["download-unsafe"]
    assert list((person.home / "incoming").glob("*")) == []


def test_archives_that_lie(person: Downloads, tmp_path: Path) -> None:
    """More bytes than promised, damaged bytes, a broken table of contents, encryption."""
    content = os.urandom(3_000_000)
    path = person.zip("a.zip", **{"a.safetensors": content})
    (member,) = archive.contents(str(path)).members
    short = archive.Member(member.path, member.name, 1000, member.info)
    with pytest.raises(HubmanError, match="larger than it says"):
        archive.extract(str(path), short, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    raw = bytearray(path.read_bytes())
    raw[1_000_000] ^= 1
    damaged = person.save("damaged.zip", bytes(raw))
    assert person.refused(damaged).reference == "archive-unreadable"
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        raw[raw.rfind(mark) + offset] |= 1
    locked = person.save("locked.zip", bytes(raw))
    answer = person.add(locked)
    assert [str(why) for _, why in answer.left] == ["it is encrypted"]
    assert [error.reference for _, error in answer.failed] == ["nothing-to-add"]
    cut = person.save("cut.zip", path.read_bytes()[:-30])
    assert person.refused(cut).reference == "pickle-unreadable"  # a zip without an end may be torch's
    huge = bytearray(path.read_bytes())
    at = huge.rfind(b"PK\x05\x06")
    huge[at + 12 : at + 16] = (100 << 20).to_bytes(4, "little")
    assert person.refused(person.save("huge.zip", bytes(huge))).reference == "archive-unreadable"
    nothing = person.zip("nothing.zip", **{"readme.txt": b"x"})
    assert person.refused(nothing).reference == "nothing-to-add"


def test_chinese_names_of_old_archives(person: Downloads) -> None:
    """Without the flag for UTF-8 the bytes are GBK, as Windows in Chinese writes them."""
    path = person.zip("old.zip", **{"AAAA.safetensors": lora_bytes()})
    path.write_bytes(path.read_bytes().replace(b"AAAA", "水墨".encode("gbk")))
    age(path)
    person.add(path)
    assert names(person.models) == {"Lora/水墨.safetensors"}


def test_a_torch_file_that_a_browser_called_zip(person: Downloads) -> None:
    """It is a model by its bytes, and gets an ending by which programs load it."""
    torch = pytest.importorskip("torch")
    torch.save({"string_to_param": {"*": torch.zeros(2, 768)}, "name": "ink"}, person.folder / "ink.zip")
    age(person.folder / "ink.zip")
    person.add()
    person.add(person.folder / "ink.zip")
    assert names(person.models) == {"embeddings/ink.pt"}


def test_hostile_names_in_archives(person: Downloads) -> None:
    """None of the 45 becomes a path: everything that is written lies in the root, visible and safe."""
    tried = 0
    for number, name in enumerate(HOSTILE_NAMES):
        inner = name if name.lower().endswith((".safetensors", ".pt", ".ckpt")) else name + ".safetensors"
        path = person.folder / f"pack{number}.zip"
        with zipfile.ZipFile(path, "w") as packed, contextlib.suppress(ValueError, UnicodeEncodeError):
            packed.writestr(inner, lora_bytes(fill=number))
            tried += 1
        age(path)
    answer = person.add(*sorted(person.folder.iterdir()))
    assert tried >= 40
    assert names(person.folder) == {f"pack{number}.zip" for number in range(len(HOSTILE_NAMES))}
    assert len(answer.filed) == len(names(person.models)) > 25
    for found in names(person.models):
        assert found.startswith("Lora/")
        assert found.count("/") == 1
    assert all("leads out" in str(why) for _, why in answer.left)
    person.nothing_new()


# --- inboxes ---------------------------------------------------------------------------------------------------------


def test_an_inbox_is_offered_and_never_listed(person: Downloads, store: Store) -> None:
    """Settled models are told, nothing of them is in the library, nothing is filed there."""
    root = add_root(store, str(person.folder), Layout.INBOX, None)
    ink = person.save("ink.safetensors")
    person.save("deep/b.safetensors", fill=2)
    person.save("half.safetensors", b"")
    person.save("half.safetensors.part", b"x")
    person.save("x.crdownload", b"x")
    report = person.sync()
    assert report.offers == [str(person.folder / "deep/b.safetensors"), str(ink)]
    assert (report.seen, report.added, person.files()) == (0, 0, [])
    person.add(ink)
    assert names(person.models) == {"Lora/ink.safetensors"}
    with open_reader(store.path) as reader, pytest.raises(NotFoundError) as caught:
        place_for(reader, "lora", SafeName("x.safetensors"), folder=str(person.folder))
    assert caught.value.reference == "outside-roots"
    remove_root(store, root)
    assert person.sync().offers == []


def test_an_inbox_is_no_part_of_a_library(person: Downloads, store: Store, tmp_path: Path) -> None:
    for folder, layout in ((person.models, Layout.INBOX), (person.models / "Lora", Layout.INBOX)):
        with pytest.raises(ConflictError) as caught:
            add_root(store, str(folder), layout, None)
        assert caught.value.reference == "inbox-in-root"
    add_root(store, str(person.folder), Layout.INBOX, None)
    with pytest.raises(ConflictError):
        add_root(store, str(person.folder), Layout.FLAT, None)
    (person.folder / "models").mkdir()
    add_root(store, str(person.folder / "models"), Layout.FLAT, None)  # the other way round is no harm
    person.save("models/a.safetensors")
    report = person.sync()
    assert (report.offers, report.added) == ([], 1)


def test_watch_offers_what_comes_once(person: Downloads, store: Store) -> None:
    """When it is still; the same file is not told again at every scan."""
    from hubman.core.settle import Patience

    add_root(store, str(person.folder), Layout.INBOX, None)
    person.save("old.safetensors", fill=3)
    reports: list[SyncReport] = []
    done = threading.Event()

    class Listener:
        def report(self, report: SyncReport) -> None:
            reports.append(report)

        def warn(self, text: Phrase) -> None:
            raise AssertionError(text)

    def offered() -> list[str]:
        return [os.path.basename(path) for report in reports for path in report.offers]

    how = WatchOptions(quiet=0.2, roots_every=0.2, patience=Patience(0.3, 3.0))
    thread = threading.Thread(target=Watching(store, (SyncOptions(), how), Listener(), done.is_set).run)
    thread.start()
    try:
        assert eventually(lambda: offered() == ["old.safetensors"])
        (person.folder / "new.safetensors").write_bytes(lora_bytes(fill=4))
        assert eventually(lambda: "new.safetensors" in offered())
        scans = len(reports)
        (person.folder / "third.safetensors").write_bytes(lora_bytes(fill=5))
        assert eventually(lambda: len(reports) > scans and "third.safetensors" in offered())
    finally:
        done.set()
        thread.join()
    assert sorted(offered()) == ["new.safetensors", "old.safetensors", "third.safetensors"]
    assert names(person.folder) == {"new.safetensors", "old.safetensors", "third.safetensors"}


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.05)
    return true()
