"""What hubs said, in the library: words, texts, weights, previews. It stays with contents, whatever files do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubman.app.trigger_card import trigger_card
from hubman.cli import run
from hubman.core.hub import Licence, Listing
from hubman.core.library import ModelFile
from hubman.core.query import parse_query
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.store.spoken import pages_of

INK = Listing(
    "civitai", "7", "70", "Ink Wash Painting", "v2", words=("shuimo, (ink wash:1.2)", "masterpiece, 1girl"),
    author="Old Zhang", tags=("style", "国画"), description="<p>Mountains &amp; rivers.</p><ul><li>Use 0.7</li></ul>",
    base_model="SDXL 1.0", weight=0.7, weight_min=0.5, weight_max=0.9, nsfw=0,
)  # fmt: skip


@pytest.fixture
def library(webui: Path, put: Callable[..., Path], isolated: Path) -> Path:
    """Two LoRAs, hashed."""
    put("Lora/a.safetensors", fill=1)
    put("Lora/b.safetensors", fill=2)
    assert run(["sync", str(webui), "--json"]) == 0
    return isolated / "library.db"


@pytest.fixture
def store(library: Path) -> Iterator[Store]:
    """The library, open for writing."""
    opened = open_store(library, library.parent / "backups")
    yield opened
    opened.close()


def one(path: Path, name: str) -> ModelFile:
    with open_reader(path) as reader:
        (file,) = reader.resolve(name)
    return file


def names(path: Path, query: str) -> list[str]:
    with open_reader(path) as reader:
        return sorted(file.name for file in reader.search(parse_query(query, 0))[1])


def record(store: Store, name: str, *listings: Listing, how: str = "sha256") -> str:
    file = one(store.path, name)
    assert file.hashes
    with store.writer() as writer:
        writer.hubs.record_provenance([(file.hashes.sha256, listing, None, how) for listing in listings])
    return file.hashes.sha256


def words(file: ModelFile) -> list[tuple[str, str]]:
    return [(word.text, word.source) for word in file.triggers]


def test_the_authors_words_are_cleaned_and_those_of_any_picture_come_last(store: Store) -> None:
    """Split and unwrapped as those of sidecars; whose they are is told."""
    record(store, "a", INK)
    listed = words(one(store.path, "a"))
    assert listed[:2] == [("shuimo", "hub:civitai"), ("ink wash", "hub:civitai")]
    assert set(listed[2:]) <= {("1girl", "hub:civitai")}
    assert words(one(store.path, "b")) == []


def test_equal_words_of_several_hubs_appear_once(store: Store) -> None:
    """Case, spaces and underscores do not make another word; the first hub's spelling stays, downloads first."""
    other = Listing("liblib", "x", "y", "水墨", words=("Ink_Wash", "shanshui"))
    record(store, "a", other)
    record(store, "a", replace(INK, words=("shuimo", "ink wash")), how="download")
    assert words(one(store.path, "a")) == [
        ("shuimo", "hub:civitai"), ("ink wash", "hub:civitai"), ("shanshui", "hub:liblib"),
    ]  # fmt: skip


def test_the_user_then_the_sidecar_then_the_hub_then_the_file(
    webui: Path, put: Callable[..., Path], isolated: Path
) -> None:
    """Each word once, with the source that is worth most."""
    path = put("Lora/a.safetensors", metadata={"modelspec.trigger_phrase": "inside, Shuimo"})
    path.with_suffix(".json").write_text(json.dumps({"activation text": "besideword, ink wash"}))
    assert run(["sync", str(webui), "--json"]) == 0
    assert run(["triggers", "a", "--add", "mine, SHANSHUI", "--json"]) == 0
    store = open_store(isolated / "library.db", isolated / "backups")
    record(store, "a", replace(INK, words=("shuimo", "ink_wash", "shanshui")))
    store.close()
    assert words(one(store.path, "a")) == [
        ("mine", "user"), ("SHANSHUI", "user"), ("besideword", "sidecar"), ("ink wash", "sidecar"),
        ("shuimo", "hub:civitai"), ("inside", "modelspec"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "shuimo", "trigger:shuimo", "国画", "tag:国画", "zhang", 'author:"old zhang"', "rivers", "v2", "wash", "sdxl",
        "has:hub", "hub:civitai", "has:trigger", "-hub:liblib has:hub",
    ],
)  # fmt: skip
def test_what_a_hub_said_is_found(store: Store, query: str) -> None:
    """Before it is recorded nothing is, afterwards the file of that content."""
    assert names(store.path, query) == []
    record(store, "a", INK)
    assert names(store.path, query) == ["a"]


def test_a_description_is_searched_as_a_person_reads_it(store: Store) -> None:
    """No tag of its HTML is a word."""
    record(store, "a", INK)
    assert names(store.path, "mountains & rivers.") == ["a"]
    assert names(store.path, '"mountains & rivers."') == ["a"]
    assert (names(store.path, "amp"), names(store.path, "<p>"), names(store.path, "author:rivers")) == ([], [], [])


@pytest.mark.parametrize("how", ["copy", "move", "header", "renamed-and-away"])
def test_a_file_that_comes_later_with_a_known_content_has_it_too(
    store: Store, webui: Path, put: Callable[..., Path], how: str
) -> None:
    """A copy, a move while nobody looked, a header that is read again, a file that went and came back."""
    record(store, "a", INK)
    source, target = webui / "Lora/a.safetensors", webui / "Lora/sub/new.safetensors"
    target.parent.mkdir()
    if how == "header":
        with closing(sqlite3.connect(store.path)) as connection, connection:
            connection.execute("UPDATE file SET facts_version = 0")
        target = source
    elif how == "copy":
        target.write_bytes(source.read_bytes())
    elif how == "renamed-and-away":
        content = source.read_bytes()
        source.unlink()
        assert run(["sync", "--accept-missing", "--json"]) == 0
        target.write_bytes(content)
    else:
        source.rename(target)
    assert run(["sync", "--json"]) == 0
    name = target.stem
    assert words(one(store.path, name))[0] == ("shuimo", "hub:civitai")
    for query in ("shuimo", "tag:国画", "author:zhang", "rivers"):
        assert name in names(store.path, query), query


def test_another_content_in_its_place_has_nothing_of_it(store: Store, put: Callable[..., Path]) -> None:
    """What was said of a content is not about the next one under the same name."""
    record(store, "a", INK)
    put("Lora/a.safetensors", fill=9, rank=8)
    assert run(["sync", "--json"]) == 0
    assert (names(store.path, "shuimo"), words(one(store.path, "a")), one(store.path, "a").hubs) == ([], [], ())


def test_a_listing_that_changes_is_found_as_it_is_now(store: Store) -> None:
    """And what a hub does not know any more stays."""
    record(store, "a", INK)
    with store.writer() as writer:
        writer.hubs.refresh_listings([replace(INK, words=("newword",), tags=(), author="Mei")])
    assert (names(store.path, "shuimo"), names(store.path, "newword"), names(store.path, "author:mei")) == (
        [],
        ["a"],
        ["a"],
    )
    with store.writer() as writer:
        writer.hubs.record_gone("civitai", "7")
    assert (names(store.path, "newword"), names(store.path, "is:gone"), one(store.path, "a").hubs[0].gone) == (
        ["a"], ["a"], True,
    )  # fmt: skip


def test_states_that_are_searched(store: Store) -> None:
    """Outdated, gone, pinned, for adults only."""
    sha256 = record(store, "a", replace(INK, nsfw=3))
    record(store, "b", Listing("civarchive", "9", "90", "Gone", deleted=True, nsfw=1))
    assert (names(store.path, "is:nsfw"), names(store.path, "is:gone"), names(store.path, "is:outdated")) == (
        ["a"],
        ["b"],
        [],
    )
    with store.writer() as writer:
        writer.hubs.set_newer({(sha256, "civitai", "7", "70"): "71"})
        writer.subjects.set_pin(sha256, pinned=True)
    assert (names(store.path, "is:outdated"), names(store.path, "is:pinned")) == (["a"], ["a"])
    with open_reader(store.path) as reader:
        assert reader.hubs.pinned() == {sha256}
    with store.writer() as writer:
        writer.hubs.set_newer({(sha256, "civitai", "7", "70"): None})
        writer.subjects.set_pin(sha256, pinned=False)
    assert (names(store.path, "is:outdated"), names(store.path, "is:pinned")) == ([], [])


def test_a_pin_follows_a_file_without_a_hash(webui: Path, put: Callable[..., Path], isolated: Path) -> None:
    """Through a move, and on to its content when that gets its name."""
    path = put("Lora/a.safetensors")
    assert run(["sync", str(webui), "--hash", "none", "--json"]) == 0
    store = open_store(isolated / "library.db", isolated / "backups")
    alias = one(store.path, "a").alias
    with store.writer() as writer:
        writer.subjects.set_pin(alias, pinned=True)
    path.rename(path.with_name("b.safetensors"))
    assert run(["sync", "--hash", "none", "--json"]) == 0
    assert names(store.path, "is:pinned") == ["b"]
    assert run(["sync", "--json"]) == 0
    assert names(store.path, "is:pinned") == ["b"]
    with open_reader(store.path) as reader:
        (subject,) = reader.hubs.pinned()
    assert subject == one(store.path, "b").subject != alias
    store.close()


def test_the_authors_weight_stands_behind_the_sidecars(store: Store, webui: Path) -> None:
    """And says whose it is, with the range."""
    record(store, "a", Listing("liblib", "x", "y", "x"), INK)
    card = trigger_card(one(store.path, "a"))
    assert (card.weight, card.weight_source, card.weight_range) == (0.7, "hub", (0.5, 0.9))
    assert (card.to_json()["weight_range"], trigger_card(one(store.path, "b")).weight_range) == ([0.5, 0.9], None)
    (webui / "Lora/a.json").write_text(json.dumps({"preferred weight": 0.4}))
    assert run(["sync", "--json"]) == 0
    card = trigger_card(one(store.path, "a"))
    assert (card.weight, card.weight_source, card.weight_range) == (0.4, "sidecar", (0.5, 0.9))


def test_show_says_where_a_model_comes_from(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Page, author, licence in words, how it is known, what is new; JSON has all of it."""
    licence = Licence(no_credit=False, commercial=("Image", "Rent"), derivatives=True, different_licence=False)
    long = "".join(f"<p>line {number}</p>" for number in range(20))
    page = "https://civitai.com/models/7?modelVersionId=70"
    sha256 = record(store, "a", replace(INK, licence=licence, page=page, description=long), how="autov3")
    record(store, "a", Listing("civarchive", "7", "70", "Ink", deleted=True))
    with store.writer() as writer:
        writer.hubs.set_newer({(sha256, "civitai", "7", "70"): "71"})
    assert run(["show", "a"]) == 0
    out, err = capsys.readouterr()
    for text in (
        "From Civitai", "Ink Wash Painting · v2", page, "Old Zhang", "credit the author; merges allowed",
        "merges under the same licence", "commercial: selling pictures, renting it out", "AutoV3", "hubman update",
        "From CivArchive", "deleted there", "line 5",
    ):  # fmt: skip
        assert text in out, text
    assert ("line 19" in out, "--full" in err) == (False, True)
    assert run(["show", "a", "--full"]) == 0
    assert "line 19" in capsys.readouterr().out
    assert run(["show", "a", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["model"]["hubs"]
    assert (first["hub"], first["page"], first["newer"], first["same_bytes"], first["gone"]) == (
        "civitai", page, "71", False, False,
    )  # fmt: skip
    assert (first["licence"]["commercial"], second["licence"]["commercial"], second["gone"]) == (
        ["Image", "Rent"], None, True,
    )  # fmt: skip
    assert (first["description"].splitlines()[3], first["weight_range"]) == ("line 3", [0.5, 0.9])


def test_tables_mark_what_can_be_updated_and_triggers_name_the_hub(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the legend that explains it."""
    sha256 = record(store, "a", INK)
    with store.writer() as writer:
        writer.hubs.set_newer({(sha256, "civitai", "7", "70"): "71"})
    assert run(["ls"]) == 0
    out, err = capsys.readouterr()
    assert ("↑" in out.splitlines()[1], "update available" in out + err) == (True, True)
    assert run(["triggers", "a"]) == 0
    out = capsys.readouterr().out
    assert "Civitai, the author's" in out
    assert "weight 0.7  (the author's; author 0.5–0.9)" in out


def test_the_hubs_picture_is_shown_where_there_is_none_beside_the_file(store: Store, webui: Path) -> None:
    """And `has:preview` knows it."""
    sha256 = record(store, "a", INK)
    with store.writer() as writer:
        writer.hubs.set_preview(sha256, "/previews/x-hub.png")
    assert (one(store.path, "a").preview, names(store.path, "has:preview")) == ("/previews/x-hub.png", ["a"])
    (webui / "Lora/a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert run(["sync", "--json"]) == 0
    assert (one(store.path, "a").preview or "").endswith("Lora/a.png")


def test_many_contents_at_once(store: Store) -> None:
    """More than SQLite takes values in one question; those that are not here are remembered for later."""
    sha256 = one(store.path, "a").subject
    entries = [(f"{number:064x}", replace(INK, version_id=str(number)), None, "sha256") for number in range(3000)]
    with store.writer() as writer:
        writer.hubs.record_provenance([*entries, (sha256, INK, None, "sha256")])
    assert names(store.path, "shuimo") == ["a"]


def test_a_rebuilt_library_has_what_hubs_said(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """It could not be fetched again where a model was deleted."""
    record(store, "a", INK, replace(INK, hub="civarchive", deleted=True))
    with store.writer(durable=True) as writer:
        writer.hubs.record_misses("liblib", [one(store.path, "a").subject])
        writer.hubs.choose("civitai", enabled=True)
    before = _all(store.path)
    store.close()
    with open(store.path, "r+b") as file:
        file.seek(next(pages_of(store.path, "reading")) * 4096)
        file.write(b"\xa5" * 4096)
    (store.path.parent / "backups/checked").unlink(missing_ok=True)
    assert run(["sync", "--json"]) == 0
    assert "set aside" in capsys.readouterr().err
    assert _all(store.path) == before
    assert words(one(store.path, "a"))[0] == ("shuimo", "hub:civitai")
    assert names(store.path, "rivers") == ["a"]


def test_a_listing_that_cannot_be_read_is_found_forgotten_and_asked_for_again(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """It keeps nothing else from being written, and a command that needs it says so."""
    sha256 = record(store, "a", INK)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE listing SET data = x'00'")
        connection.execute("UPDATE file SET facts_version = 0")
    assert run(["sync", "--offline", "--json"]) == 0
    capsys.readouterr()
    assert run(["show", "a"]) == 9
    assert run(["db", "check", "--full", "--json"]) == 1
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert [fault["reference"] for fault in faults] == ["unreadable-listing"]
    assert run(["db", "check", "--repair"]) == 0
    assert run(["show", "a"]) == 0
    with open_reader(store.path) as reader:
        assert sha256 in [hashes.sha256 for hashes in reader.hubs.to_look_up("civitai", 0)]


def _all(path: Path) -> dict[str, Sequence[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("listing", "provenance", "lookup", "hub_word", "hub_choice")
        }
