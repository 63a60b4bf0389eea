"""Looking local contents up, against the test hub on loopback: what is asked, stored, remembered."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubman.app.hubs import open_hubs
from hubman.app.idle_lookup import IdleLookup
from hubman.app.lookup import LookupReport, look_up
from hubman.app.provenance import fetch_pictures
from hubman.app.unasked_lookup import look_up_unasked, to_ask_about
from hubman.cli import run
from hubman.config import Config, load
from hubman.core.hub import HubQuery
from hubman.core.library import ModelFile
from hubman.core.ports import Silence
from hubman.core.query import parse_query
from hubman.store.door import Store, open_store
from hubman.store.hubs import DAY_NS
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.content import Promised, content_of
from tests.testhub.misbehave import Late, LoginPage, Status, garbage, html, wrong_types

Put = Callable[..., Path]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    """A test hub that hubman is sent to."""
    with TestHub() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        for name in ("HUBMAN_CIVITAI_TOKEN", "CIVITAI_TOKEN", "CIVITAI_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        yield running


@pytest.fixture
def store(webui: Path, put: Put, isolated: Path) -> Iterator[Store]:
    """Four LoRAs, hashed."""
    for number in range(4):
        put(f"Lora/m{number}.safetensors", fill=number)
    assert run(["sync", str(webui), "--offline", "--json"]) == 0
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


def config(home: Path) -> Config:
    import os

    return load(os.environ, home=str(home))


def asked(store: Store, *names: str, **how: Any) -> LookupReport:
    with open_hubs(config(store.path.parent), names or ("civitai",)) as hubs:
        return look_up(store, hubs, how.pop("files", None), **how)


def one(store: Store, name: str) -> ModelFile:
    with open_reader(store.path) as reader:
        (file,) = reader.resolve(name)
    return file


def names(store: Store, query: str) -> list[str]:
    with open_reader(store.path) as reader:
        return sorted(file.name for file in reader.search(parse_query(query, 0))[1])


def rows(store: Store, table: str) -> int:
    with closing(sqlite3.connect(store.path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_what_a_hub_knows_becomes_words_and_pages(store: Store, hub: TestHub) -> None:
    """And what it does not know is remembered, so that the next lookup asks nothing."""
    hub.add(lora_bytes(1), name="Ink Wash", words=["shuimo"], weight=0.7, description="<p>Mountains</p>")
    report = asked(store)
    assert (report.looked_up, report.found, report.hubs[0].missed, report.hubs[0].trouble) == (4, 1, 3, None)
    file = one(store, "m1")
    assert [(word.text, word.source) for word in file.triggers][:1] == [("shuimo", "hub:civitai")]
    assert (names(store, "mountains"), file.hubs[0].how) == (["m1"], "sha256")
    hub.forget()
    again = asked(store)
    assert (again.hubs, hub.seen()) == ([], [])


def test_a_miss_is_asked_again_later_and_later(store: Store, hub: TestHub) -> None:
    """After 7, 14, 30, 60, 90 days and then every 90; `again` asks at once."""
    waits = []
    for number in range(1, 8):
        assert asked(store, again=True).hubs[0].missed == 4
        with closing(sqlite3.connect(store.path)) as connection:
            misses, asked_ns, due_ns = connection.execute("SELECT misses, asked_ns, due_ns FROM lookup").fetchone()
        assert misses == number
        waits.append((due_ns - asked_ns) // DAY_NS)
    assert waits == [7, 14, 30, 60, 90, 90, 90]
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE lookup SET due_ns = ?", (time.time_ns() - 1,))
    assert asked(store).hubs[0].asked == 4


def large_library(webui: Path, put: Put, home: Path, count: int, *, autov3: bool) -> list[str]:
    """Make a library of contents that only their hashes exist of; return their sha256."""
    put("Lora/real.safetensors")
    assert run(["sync", str(webui), "--offline", "--json"]) == 0
    many = [f"{number * 7919:064x}" for number in range(1, count + 1)]
    with closing(sqlite3.connect(home / "library.db")) as connection, connection:
        connection.execute("DELETE FROM search")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(file)") if row[1] != "id"]
        chosen = ", ".join(columns)
        connection.executemany(
            "INSERT INTO blob (sha256, size, claimed, first_seen_ns, autov3) VALUES (?, 10, 0, 1, ?)",
            [(name, name[-12:] if autov3 else None) for name in many],
        )
        template = ", ".join({"relpath": "?", "sha256": "?", "name": "?"}.get(name, name) for name in columns)
        connection.executemany(
            f"INSERT INTO file ({chosen}) SELECT {template} FROM file WHERE id = 1",
            [_in_order(columns, number, name) for number, name in enumerate(many)],
        )
        connection.execute("INSERT INTO search (file_id, name, words, tags, author, body, own_tags, note) "
                           "SELECT id, name, '', '', '', '', '', '' FROM file")  # fmt: skip
    return many


def test_ten_thousand_known_files_take_at_most_110_requests(
    webui: Path, put: Put, isolated: Path, hub: TestHub
) -> None:
    """One question for the numbers, then a hundred models in each."""
    for number, name in enumerate(large_library(webui, put, isolated, 10_000, autov3=False)):
        hub.add(Promised(name, 10), name=f"model {number}", words=[f"word{number}"], images=[])
    store = open_store(isolated / "library.db", isolated / "backups")
    report = asked(store, files=None)
    store.close()
    assert (report.found, report.hubs[0].trouble) == (10_000, None)
    assert len(hub.seen()) <= 110
    assert report.calls == len(hub.seen())
    assert names(store, "word9999") == ["n9999"]


def test_what_nobody_knows_is_asked_about_in_portions(webui: Path, put: Put, isolated: Path, hub: TestHub) -> None:
    """Weights can be asked about one by one only: some hundreds in one lookup, and others in the next."""
    large_library(webui, put, isolated, 1300, autov3=True)
    store = open_store(isolated / "library.db", isolated / "backups")
    first = asked(store, "civitai", "civarchive")
    calls, before = len(hub.seen()), {request.target for request in hub.seen(method="GET")}
    told = {entry.hub: (entry.missed + entry.waiting, entry.trouble) for entry in first.hubs}
    assert told == {"civitai": (1301, None), "civarchive": (1301, None)}
    assert first.hubs[0].waiting > 500 < first.hubs[1].waiting
    assert calls == first.calls <= 1300
    missed = sum(entry.missed for entry in first.hubs)
    hub.forget()
    again = asked(store, "civitai", "civarchive", again=True)  # those come first that were not asked about before
    after = {request.target for request in hub.seen(method="GET")}
    assert (again.hubs[1].missed, len(before), before & after) == (500, len(after), set())
    assert rows(store, "lookup") == missed + again.hubs[0].missed + again.hubs[1].missed
    store.close()


def _in_order(columns: list[str], number: int, sha256: str) -> list[str]:
    values = {"relpath": f"Lora/n{number}.safetensors", "name": f"n{number}", "sha256": sha256}
    return [values[name] for name in columns if name in values]


def test_the_others_are_asked_only_about_what_is_left(store: Store, hub: TestHub) -> None:
    """Civitai is first; a hub that is named is asked about everything that it has not answered yet."""
    hub.add(lora_bytes(1), hubs=("civitai", "civarchive"))
    hub.add(lora_bytes(2), hubs=("civarchive",), name="Gone Ink", deleted=True)
    report = asked(store, "civarchive", "civitai")  # in their own order
    assert {entry.hub: (entry.asked, entry.found) for entry in report.hubs} == {"civitai": (4, 1), "civarchive": (3, 1)}
    assert names(store, "is:gone") == ["m2"]
    named = asked(store, "civarchive", named=("civarchive",))
    assert (named.hubs[0].asked, named.hubs[0].found) == (1, 1)
    assert [note.hub for note in one(store, "m1").hubs] == ["civitai", "civarchive"]


def test_weights_are_known_although_the_header_is_another_one(store: Store, hub: TestHub, put: Put) -> None:
    """AutoV3 survives an edit of the metadata; the report says that the bytes are not the same."""
    hub.add(lora_bytes(1, metadata={"ss_output_name": "other"}), words=["shuimo"], file_name="x.safetensors")
    report = asked(store)
    sha256 = one(store, "m1").subject
    assert (report.found, report.other_header, one(store, "m1").hubs[0].how) == (1, [sha256], "autov3")


def test_weights_of_another_kind_of_model_are_not_these(store: Store, hub: TestHub) -> None:
    """Twelve digits that lead from a LoRA to an embedding or an upscaler are no match, and asked about later again."""
    hub.add(lora_bytes(1, metadata={"a": "other"}), name="An upscaler", kind="upscaler", file_name="x.safetensors")
    hub.add(lora_bytes(2, metadata={"a": "other"}), name="A control LoRA", kind="controlnet", file_name="y.safetensors")
    hub.add(lora_bytes(3, metadata={"a": "other"}), name="Poses", kind="Poses", file_name="z.safetensors")
    report = asked(store)
    assert (report.found, len(report.other_header), report.hubs[0].missed) == (2, 2, 2)
    assert (names(store, "has:hub"), rows(store, "lookup")) == (["m2", "m3"], 2)


@pytest.mark.parametrize(
    "fault", [html(), garbage(), LoginPage(), Status(500), Status(429), Status(403), wrong_types(1.0)],
    ids=["html", "garbage", "login", "500", "429", "403", "wrong types"],
)  # fmt: skip
def test_nothing_of_a_broken_hub_is_kept(store: Store, hub: TestHub, fault: Any) -> None:
    """Neither as a find nor as a miss: it is told, and asked again the next time."""
    hub.add(lora_bytes(1))
    hub.misbehave(fault, on="civitai")
    report = asked(store, deadline_s=3.0)
    assert (report.hubs[0].trouble is not None, report.failed) == (True, True)
    assert (rows(store, "listing"), rows(store, "provenance"), rows(store, "lookup")) == (0, 0, 0)
    hub.behave()
    assert asked(store).found == 1


def test_what_was_answered_before_the_trouble_is_kept(store: Store, hub: TestHub) -> None:
    """A hub that is asked one by one, and breaks at the third question."""
    hub.misbehave(Status(404), on="civarchive", skip=2)
    hub.misbehave(Status(503), on="civarchive", skip=2)
    report = asked(store, "civarchive", deadline_s=3.0)
    assert (report.hubs[0].missed, report.hubs[0].trouble is not None, report.failed) == (2, True, False)
    assert rows(store, "lookup") == 2


def test_a_404_erases_nothing(store: Store, hub: TestHub) -> None:
    """What is gone is marked so when the hub says it for certain, and everything that we know stays."""
    model = hub.add(lora_bytes(1), name="Ink Wash", words=["shuimo"])
    asked(store)
    model.deleted = True
    report = asked(store, again=True, refresh=True)
    assert (report.hubs[0].gone, names(store, "is:gone"), names(store, "shuimo")) == (1, ["m1"], ["m1"])
    assert asked(store, refresh=True).calls == 0  # what is gone is left in peace
    assert one(store, "m1").triggers[0].text == "shuimo"


@pytest.mark.parametrize("fault", [Status(500), Status(403), Status(401), html()], ids=["500", "403", "401", "html"])
def test_trouble_is_no_proof_that_a_model_is_gone(store: Store, hub: TestHub, fault: Any) -> None:
    """Only a definite answer is."""
    hub.add(lora_bytes(1))
    asked(store)
    hub.misbehave(fault, on="civitai", path="/api/v1/models")
    with open_hubs(config(store.path.parent), ("civitai",)) as hubs, hubs.within(4.0):
        look_up(store, hubs, None, again=True, refresh=True)
    assert names(store, "is:gone") == []


def test_a_listing_is_renewed_when_it_is_old(store: Store, hub: TestHub) -> None:
    """Not before: thirty days, or `again`."""
    model = hub.add(lora_bytes(1), words=["shuimo"])
    asked(store)
    model.versions[0].words = ("newword",)
    hub.forget()
    assert (asked(store, refresh=True).calls, hub.seen()) == (0, [])
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE listing SET fetched_ns = fetched_ns - ?", (31 * DAY_NS,))
    assert asked(store, refresh=True).hubs[0].refreshed == 1
    assert (names(store, "newword"), names(store, "shuimo")) == (["m1"], [])


def test_only_the_chosen_files_are_asked_about(store: Store, hub: TestHub) -> None:
    """No other hash leaves the machine."""
    asked(store, files=[one(store, "m2")])
    sent = b"".join(request.body + request.target.encode() for request in hub.seen()).lower()
    hashes = {name: one(store, name).subject.encode() for name in ("m0", "m1", "m2", "m3")}
    assert [name for name, sha256 in hashes.items() if sha256 in sent] == ["m2"]


def test_names_and_paths_never_leave(store: Store, hub: TestHub) -> None:
    """Hashes do, and nothing else of the user's."""
    asked(store, "civitai", "civarchive", "liblib")
    for request in hub.seen():
        told = request.target.encode() + request.body + repr(request.headers).encode()
        assert b"safetensors" not in told
        assert b"Lora" not in told
        assert str(store.path.parent).encode() not in told


def test_upscalers_are_looked_up_in_the_table(webui: Path, isolated: Path, hub: TestHub) -> None:
    """OpenModelDB is asked about nothing else."""
    (webui / "ESRGAN").mkdir()
    (webui / "ESRGAN/odd.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (webui / "Lora/ink.safetensors").write_bytes(lora_bytes(1))
    assert run(["sync", str(webui), "--offline", "--json"]) == 0
    store = open_store(isolated / "library.db", isolated / "backups")
    hub.add(b"\2\0\0\0\0\0\0\0{}", hubs=("openmodeldb",), kind="upscaler", name="4x Odd")
    hub.add(lora_bytes(1), hubs=("openmodeldb",), kind="upscaler", name="Wrong")
    report = asked(store, "openmodeldb")
    store.close()
    assert (report.hubs[0].asked, report.found, names(store, "hub:openmodeldb")) == (1, 1, ["odd"])


def test_the_table_of_upscalers_is_fetched_once_a_day(webui: Path, isolated: Path, hub: TestHub) -> None:
    """Not in every run: it is kept beside the database."""
    hub.add(lora_bytes(1), kind="upscaler", hubs=("openmodeldb",), name="4x-Known")
    for _ in range(2):
        with open_hubs(config(isolated), ("openmodeldb",)) as hubs:
            assert len(list(hubs["openmodeldb"].search(HubQuery("known")))) == 1
    assert len(hub.seen("openmodeldb")) == 1


def test_a_mirror_of_the_archive_is_asked_at_the_configured_hub_with_its_token(
    isolated: Path, hub: TestHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although only the archive was named: the file lies on Civitai, and some give it only to an account."""
    monkeypatch.setenv("HUBMAN_CIVITAI_TOKEN", hub.tokens["civitai"])
    content = content_of(lora_bytes(1))
    model = hub.add(content, hubs=("civitai", "civarchive"), requires_login=True)
    version = model.versions[0]
    version.files[0].mirrors = (f"https://civitai.com/api/download/models/{version.id}",)
    with open_hubs(config(isolated), ("civarchive",)) as hubs:
        archive = hubs["civarchive"]
        (match,) = archive.by_hashes([content.hashes]).found
        assert match.file is not None
        with archive.open(match.listing, match.file) as stream:
            assert b"".join(stream.chunks()) == lora_bytes(1)
    assert hub.leaks(hub.tokens["civitai"]) == []


def test_pictures_are_fetched_for_models_without_one(store: Store, hub: TestHub, isolated: Path) -> None:
    """Bounded; a picture that is none is left out, and the model is as good."""
    for number in range(3):
        hub.add(lora_bytes(number))
    asked(store)
    folder = isolated / "previews"
    with open_hubs(config(isolated), ("civitai",)) as hubs:
        assert len(fetch_pictures(store, hubs, folder, Silence(), most=2)) == 2
        assert len(fetch_pictures(store, hubs, folder, Silence())) == 1
        assert len(fetch_pictures(store, hubs, folder, Silence())) == 0
    file = one(store, "m0")
    assert file.preview == str(folder / f"{file.subject}-hub.png")
    assert (folder / f"{file.subject}-hub.png").read_bytes().startswith(b"\x89PNG")


# --- the lookup that nobody asked for ------------------------------------------------------------------------------


def allow(store: Store, *hubs: str) -> None:
    with store.writer() as writer:
        for name in hubs:
            writer.hubs.choose(name, enabled=True)


def test_without_a_yes_no_hash_leaves_the_machine(store: Store, hub: TestHub, isolated: Path) -> None:
    """Nor when hubman is told to stay offline."""
    assert look_up_unasked(config(isolated), store) is None
    assert to_ask_about(config(isolated), store) == ["civitai", "civarchive"]
    with store.writer() as writer:
        writer.hubs.choose("civitai", enabled=False)
    assert run(["sync", "--json"]) == 0
    allow(store, "civarchive")
    assert run(["sync", "--offline", "--json"]) == 0
    assert hub.seen() == []
    assert to_ask_about(config(isolated), store) == []


@pytest.mark.parametrize("said_no", [False, True], ids=["not asked yet", "said no"])
def test_no_command_tells_a_hash_before_a_yes(
    store: Store, hub: TestHub, put: Put, tmp_path: Path, said_no: bool
) -> None:
    """The test hub's own record: not one request, whatever is done with the library. Then `lookup`, which is a yes."""
    hub.add(lora_bytes(1), words=["shuimo"])
    if said_no:
        with store.writer() as writer:
            for name in ("civitai", "civarchive", "liblib", "huggingface", "openmodeldb"):
                writer.hubs.choose(name, enabled=False)
    put("Lora/new.safetensors", fill=7)
    saved = tmp_path / "Downloads" / "from-browser.safetensors"
    saved.parent.mkdir()
    saved.write_bytes(lora_bytes(8))
    copied = saved.with_name("other.safetensors")
    copied.write_bytes(lora_bytes(9))
    listed = tmp_path / "list.json"
    for words in (
        ["sync"], ["sync", "--json"], ["sync", "--hash", "all"], ["add", str(copied), "--copy"],
        ["add", str(saved)],
        ["show", "m1"], ["show", "m1", "--full", "--json"], ["ls"], ["search", "has:hub"], ["triggers", "m1"],
        ["inspect", str(tmp_path)], ["scan"], ["dupes"], ["stats"], ["doctor"], ["lookup", "-n"], ["outdated"],
        ["update", "-n"], ["export", "-o", str(listed)], ["hubs", "ls"],
    ):  # fmt: skip
        assert run(words) == (2 if said_no and words == ["lookup", "-n"] else 0), words
        assert [request.target for request in hub.seen()] == [], words
    assert not saved.exists()  # `add` did its work without asking
    with open_hubs(config(store.path.parent), ()) as none:
        assert look_up(store, none, None).hubs == []
    assert hub.seen() == []
    run(["lookup", "--hub", "civitai", "--no-previews"])
    assert any(b"/by-hash" in request.target.encode() for request in hub.seen("civitai"))


def test_a_watcher_without_a_yes_tells_nothing(store: Store, hub: TestHub, isolated: Path) -> None:
    """It would ask in the background: also there only what was allowed."""
    with IdleLookup(lambda stop: look_up_unasked(config(isolated), store, stop=stop), lambda: False) as idle:
        idle.want()
        for _ in range(20):
            assert idle.step() is None
            time.sleep(0.01)
    assert hub.seen() == []


def test_what_a_hub_takes_away_later(store: Store, hub: TestHub) -> None:
    """Its words go with it when the listing is renewed; those of the user never do, whatever a hub says."""
    model = hub.add(lora_bytes(1), words=["shuimo", "ink"])
    asked(store)
    with store.writer() as writer:
        writer.subjects.set_words(one(store, "m1").subject, ["mine"])
    model.versions[0].words = ()
    assert asked(store, again=True, refresh=True).hubs[0].refreshed == 1
    assert [word.text for word in one(store, "m1").triggers if word.source.startswith("hub:")] == []
    assert [word.text for word in one(store, "m1").triggers][:1] == ["mine"]


def test_sync_asks_the_allowed_hubs_and_counts(
    store: Store, hub: TestHub, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """New files are found at once."""
    allow(store, "civitai")
    hub.add(lora_bytes(7), words=["shuimo"])
    put("Lora/new.safetensors", fill=7)
    capsys.readouterr()
    assert run(["sync", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["looked_up"], report["found"], names(store, "shuimo")) == (5, 1, ["new"])
    hub.forget()
    assert run(["sync"]) == 0
    assert hub.seen() == []


def test_a_hub_that_does_not_answer_never_fails_a_sync(
    store: Store, hub: TestHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, and asked again the next time."""
    allow(store, "civitai", "civarchive")
    hub.misbehave(Status(503), on="civitai")
    hub.misbehave(Status(503), on="civarchive")
    capsys.readouterr()
    assert run(["sync", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["found"], "Civitai" in err, rows(store, "lookup")) == (0, True, 0)


def test_a_silent_hub_gets_what_is_left_of_the_deadline(store: Store, hub: TestHub) -> None:
    """Both together get no more than the deadline: the second one hardly any of it."""
    hub.misbehave(Late(20), on="civitai")
    hub.misbehave(Late(20), on="civarchive")
    began = time.monotonic()
    report = asked(store, "civitai", "civarchive", deadline_s=1.0)
    assert [entry.trouble is not None for entry in report.hubs] == [True, True]
    assert time.monotonic() - began < 20  # far from the half minute that a stalled request may take
    assert rows(store, "lookup") == 0


def test_one_by_one_hubs_are_not_asked_for_hours_within_a_sync(store: Store, hub: TestHub, put: Put) -> None:
    """At most a hundred contents each time; the next lookup goes on with others."""
    for number in range(4, 110):
        put(f"Lora/m{number}.safetensors", fill=number)
    assert run(["sync", "--offline", "--json"]) == 0
    first = asked(store, "civarchive", deadline_s=20.0)
    second = asked(store, "civarchive", deadline_s=20.0)
    assert (first.hubs[0].missed, second.hubs[0].missed) == (100, 10)


def test_a_watcher_looks_up_in_the_background(store: Store, hub: TestHub, isolated: Path) -> None:
    """Nothing waits for it; one that was stopped records nothing more."""
    allow(store, "civitai")
    hub.add(lora_bytes(1))
    with IdleLookup(lambda stop: look_up_unasked(config(isolated), store, stop=stop), lambda: False) as idle:
        assert idle.step() is None
        idle.want()
        report = None
        for _ in range(600):
            report = idle.step()
            if report is not None:
                break
            time.sleep(0.02)
        assert report is not None
        assert (report.looked_up, report.found) == (4, 1)
        idle.want()
        assert (idle.step(), rows(store, "provenance")) == (None, 1)
    stopped = look_up_unasked(config(isolated), store, stop=lambda: True)
    assert stopped is None or stopped.found == 0


def test_a_watcher_without_hubs_asks_nobody() -> None:
    """As every watcher was before there were hubs."""
    with IdleLookup(None, lambda: False) as idle:
        idle.want()
        assert idle.step() is None
