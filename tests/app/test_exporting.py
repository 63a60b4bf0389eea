"""Lists: what is in one, what a hostile one cannot do, and what is put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubman.app.exporting import export
from hubman.app.filing import place_for
from hubman.app.hashing import hash_model
from hubman.app.pull import PullOptions
from hubman.app.restoring import Entry, found_for, put_back, read_list, wanted_of
from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions
from hubman.app.wanted import Asked
from hubman.core.hub import CIVITAI, HubRef, Listing, RemoteFile
from hubman.core.library import UserData
from hubman.core.query import parse_query
from hubman.core.safe_name import SafeName
from hubman.errors import HubmanError, NotFoundError, UsageError
from hubman.hubs import open_hub
from hubman.hubs._http import Web
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.catalogue import Catalogue
from tests.testhub.content import Promised

SHA = "ab" * 32


@pytest.fixture
def store(isolated: Path, webui: Path) -> Iterator[Store]:
    opened = open_store(isolated / "library.db", isolated / "backups")
    add_root(opened, str(webui), None, None)
    yield opened
    opened.close()


def sync(store: Store, hash_mode: str = "all") -> None:
    with open_reader(store.path) as reader:
        roots = reader.roots()
    Sync(store, SyncOptions(hash_mode=hash_mode)).run(roots)


def exported(store: Store) -> tuple[dict[str, Any], int]:
    with open_reader(store.path) as reader:
        document, without = export(reader, reader.search(parse_query("", 0))[1], "2026-01-01T00:00:00Z")
    return json.loads(json.dumps(document)), len(without)


def test_a_list_says_what_it_takes_to_find_a_model_again(store: Store, webui: Path) -> None:
    path = webui / "Lora" / "styles" / "ink.safetensors"
    path.parent.mkdir()
    path.write_bytes(lora_bytes(fill=1))
    (webui / "Lora" / "copy.safetensors").write_bytes(lora_bytes(fill=1))
    sync(store)
    hashes = hash_model(str(path))
    file = RemoteFile("7", "ink.safetensors")
    listing = Listing(CIVITAI, "1", "2", "Ink", "v1", files=(file,), page="https://civitai.com/models/1")
    with store.writer() as writer:
        writer.hubs.record_provenance([(hashes.sha256, listing, "7", "sha256")])
        writer.subjects.set_data(hashes.sha256, UserData("note", ("tag",), True, 4))
        writer.subjects.set_words(hashes.sha256, ["my word"])
    document, without = exported(store)
    (model,) = document["models"]  # two places, one content
    assert without == 0
    assert model["folder"] in ("Lora", "Lora/styles")
    assert model["hashes"]["sha256"] == hashes.sha256
    assert model["hashes"]["autov3"] == hashes.autov3
    assert model["sources"][0]["page"] == listing.page
    assert model["user"] == {
        "note": "note", "tags": ["tag"], "favourite": True, "rating": 4, "words": ["my word"],
    }  # fmt: skip
    (entry,) = read_list(json.dumps(document)).entries
    assert entry.sources == (HubRef(CIVITAI, "1", "2", "7"),)
    assert entry.user == UserData("note", ("tag",), True, 4)
    assert entry.words == ("my word",)
    assert str(webui) not in json.dumps(document)


def test_what_was_not_hashed_is_counted(store: Store, webui: Path) -> None:
    (webui / "Lora" / "ink.safetensors").write_bytes(lora_bytes(fill=2))
    sync(store, "none")
    document, without = exported(store)
    assert (document["models"], without) == ([], 1)


# --- reading ----------------------------------------------------------------------------------------------------------


def one(**fields: Any) -> str:
    model = {"name": "Ink", "hashes": {"sha256": SHA}, **fields}
    return json.dumps({"list": "hubman model list", "list_schema": 1, "models": [model]})


def test_a_plain_list() -> None:
    assert read_list("# mine\ncivitai:1@2  # good\n\nhttps://x/#frag\n").refs == ("civitai:1@2", "https://x/#frag")


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "{}", '{"list": "hubman model list"}', '{"list": "hubman model list", "models": {}}',
        '{"list": "hubman model list", "list_schema": 2, "models": []}', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_list(text)
    assert caught.value.reference == "list-unreadable"


@pytest.mark.parametrize("value", [None, 7, "", [], {}, "zz" * 32, SHA + "0", ["a"]])
def test_an_entry_without_a_hash_is_left_out(value: object) -> None:
    assert read_list(one(hashes={"sha256": value})).entries == ()


@pytest.mark.parametrize("value", [None, 7, True, [], {}, [None], {"a": 1}, "x", [7, "y"]])
def test_values_of_other_types_are_as_if_not_there(value: object) -> None:
    fields = ("name", "file", "folder", "layout", "kind", "sources", "user", "is_folder")
    (entry,) = read_list(one(**dict.fromkeys(fields, value))).entries
    assert entry.sha256 == SHA
    assert entry.sources == ()
    for part in ("note", "tags", "favourite", "rating", "words"):
        read_list(one(user={part: value}))


def test_only_pages_of_the_web_are_shown() -> None:
    sources = [{"hub": "civitai", "model": "1", "page": page} for page in ("javascript:x", "https://ok", "file:///x")]
    assert read_list(one(sources=sources)).entries[0].pages == ("https://ok",)


@pytest.mark.parametrize("folder", ["../../etc", "/etc", "Lora/../../x", "..", ".git/hooks", "C:\\Windows\\..\\..\\x"])
def test_a_folder_of_a_list_stays_inside(store: Store, webui: Path, folder: str) -> None:
    (entry,) = read_list(one(folder=folder, layout="webui")).entries
    with open_reader(store.path) as reader:
        try:
            place = place_for(reader, "lora", SafeName("x.safetensors"), root=str(webui), folder=entry.folder)
        except HubmanError:
            return
    assert Path(place.directory).resolve().is_relative_to(webui)


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[TestHub]:
    with TestHub() as hub:
        yield hub


@pytest.fixture
def hub(running: TestHub) -> TestHub:
    """Return the test hub of this module, with nothing in it."""
    running.catalogue = Catalogue()
    running.behave()
    running.forget()
    return running


def wanted(store: Store, hub: TestHub, entry: Entry, home: Path) -> Any:
    names = ("civitai", "civarchive")
    web = Web(bases=[hub.url(name) for name in names], patience_s=1.0)
    hubs = {name: open_hub(name, web, hub.url(name)) for name in names}
    try:
        with open_reader(store.path) as reader:
            return wanted_of(store, reader, hubs, entry, PullOptions(home), Asked())
    finally:
        web.close()


def test_a_recorded_source_is_asked_first(store: Store, hub: TestHub, isolated: Path) -> None:
    model = hub.add(lora_bytes(fill=3))
    sha256 = model.versions[0].files[0].hash("sha256")
    entry = Entry("Ink", str(sha256), sources=(HubRef(CIVITAI, str(model.id), str(model.versions[0].id)),))
    found = wanted(store, hub, entry, isolated)
    assert found.wanted.listing.model_id == str(model.id)
    assert hub.seen("civitai", "by-hash") == []


def test_a_source_with_other_bytes_is_not_taken(store: Store, hub: TestHub, isolated: Path) -> None:
    wrong, right = hub.add(lora_bytes(fill=4)), hub.add(lora_bytes(fill=5))
    entry = Entry(
        "Ink", str(right.versions[0].files[0].hash("sha256")),
        sources=(HubRef(CIVITAI, str(wrong.id), str(wrong.versions[0].id)),),
    )  # fmt: skip
    assert wanted(store, hub, entry, isolated).wanted.listing.model_id == str(right.id)


def test_many_are_asked_about_in_few_calls(store: Store, hub: TestHub) -> None:
    models = [hub.add(Promised(f"{number:064x}")) for number in range(1, 151)]
    known = [
        Entry(f"M{number}", f"{number:064x}", sources=(HubRef(CIVITAI, str(model.id), str(model.versions[0].id)),))
        for number, model in enumerate(models[:120], 1)
    ]
    unknown = [Entry(f"M{number}", f"{number:064x}") for number in range(121, 151)]
    gone = Entry("Gone", SHA)
    web = Web(bases=[hub.url("civitai")])
    try:
        with open_reader(store.path) as reader:
            found = found_for(
                reader, {"civitai": open_hub("civitai", web, hub.url("civitai"))}, [*known, *unknown, gone]
            )
    finally:
        web.close()
    assert sorted(found) == [f"{number:064x}" for number in range(1, 151)]
    assert len(hub.seen()) <= 8


@pytest.mark.parametrize(
    ("sources", "next_command"),
    [
        ((HubRef("huggingface", "org/name", "main"),), "hubman pull hf:org/name@main --folder"),
        ((), "hubman add FOLDER"),
    ],
)
def test_a_model_folder_is_not_looked_for_by_its_hash(
    store: Store, hub: TestHub, isolated: Path, sources: tuple[HubRef, ...], next_command: str
) -> None:
    """That hash is hubman's own: no hub knows it."""
    entry = Entry("Pipeline", SHA, sources=sources, is_folder=True)
    with pytest.raises(NotFoundError) as caught:
        wanted(store, hub, entry, isolated)
    assert (caught.value.reference, next_command in caught.value.hint, hub.seen()) == ("folder-in-list", True, [])


def test_what_is_nowhere_says_so(store: Store, hub: TestHub, isolated: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        wanted(store, hub, Entry("Ink", SHA, pages=("https://x",)), isolated)
    assert caught.value.reference == "nowhere-found"


def test_the_recorded_folder_is_used_where_the_layout_is_the_same(store: Store, hub: TestHub, isolated: Path) -> None:
    model = hub.add(lora_bytes(fill=6))
    entry = Entry("Ink", str(model.versions[0].files[0].hash("sha256")), "ink.safetensors", "Lora/styles", "webui")
    found = wanted(store, hub, entry, isolated)
    assert (found.options.folder, found.options.name) == ("Lora/styles", "ink.safetensors")
    other = wanted(store, hub, replace(entry, layout="comfy"), isolated)
    assert (other.options.folder, other.options.root) == (None, None)


# --- what the user said -----------------------------------------------------------------------------------------


def test_what_was_said_here_meanwhile_stays(store: Store) -> None:
    with store.writer() as writer:
        writer.subjects.set_data(SHA, UserData("newer", ("a",), False, 5))
        writer.subjects.set_words(SHA, ["mine"])
    put_back(store, Entry("Ink", SHA, user=UserData("older", ("b",), True, 1), words=("Mine", "other")))
    with store.writer() as writer:
        data, words = writer.subjects.data(SHA), writer.subjects.words(SHA)
    assert data.note.startswith("newer")
    assert "older" in data.note
    assert (set(data.tags), data.favourite, data.rating) == ({"a", "b"}, True, 5)
    assert list(words) == ["mine", "other"]
