"""OpenModelDB: one table, fetched once a day, that answers look-ups without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubman.core.hub import Gate, HubQuery, HubRef
from hubman.core.listed import Hashes
from hubman.errors import AccessError, HubError, NotFoundError
from hubman.hubs._http import Web
from hubman.hubs.openmodeldb import OpenModelDB, parse_model, parse_models
from tests.testhub.catalogue import File
from tests.testhub.content import Held
from tests.testhub.hub import TestHub
from tests.testhub.misbehave import Status

BASE = "https://openmodeldb.info"
SHA = "cd" * 32
MODEL: dict[str, object] = {
    # An invented model with the documented fields.
    "name": "Paper", "author": ["ink", "brush"], "license": "CC-BY-4.0", "tags": ["restoration"],
    "description": "For scans.\n<script>x</script>", "date": "2025-06-04", "architecture": "compact", "size": ["2mb"],
    "scale": 4, "inputChannels": 3, "outputChannels": 3,
    "resources": [
        {"platform": "pytorch", "type": "pth", "size": 100, "sha256": SHA, "urls": ["https://mega.nz/folder/x"]},
        {"platform": "onnx", "type": "onnx", "size": None, "sha256": None,
         "urls": ["https://github.com/a/b/releases/download/v1/4x%20Paper.onnx"]},
    ],
    "images": [{"type": "paired", "LR": "https://i/l.png", "SR": "https://i/s.png"},
               {"type": "standalone", "url": "/thumbs/a.png"}],
}  # fmt: skip


@pytest.fixture
def hub() -> Iterator[TestHub]:
    with TestHub() as running:
        yield running


def web_of(hub: TestHub, *, offline: bool = False) -> Web:
    return Web(bases=[hub.url("openmodeldb"), hub.url("storage")], offline=offline, sleep=lambda _: None)


@pytest.fixture
def web(hub: TestHub) -> Iterator[Web]:
    made = web_of(hub)
    yield made
    made.close()


def wanted(sha256: str) -> Hashes:
    return Hashes(sha256, None, sha256[:10], None)


def test_a_model() -> None:
    listing = parse_model("4x-Paper", MODEL, BASE)
    assert listing is not None
    assert (listing.name, listing.kind, listing.author, listing.base_model) == (
        "4x-Paper", "upscaler", "ink, brush", "compact",
    )  # fmt: skip
    assert (listing.licence.name, listing.published) == ("CC-BY-4.0", "2025-06-04T00:00:00Z")
    assert listing.page == f"{BASE}/models/4x-Paper"
    assert "script" not in listing.description
    behind, direct = listing.files
    assert behind.urls == ()
    assert behind.access is not None
    assert (behind.access.gate, behind.access.page) == (Gate.BROWSER, "https://mega.nz/folder/x")
    assert (behind.sha256, behind.size, behind.format, behind.name) == (SHA, 100, "pickle", "4x-Paper.pth")
    assert (direct.name, direct.primary, behind.primary) == ("4x Paper.onnx", True, False)
    assert [image.url for image in listing.images] == ["https://i/s.png", f"{BASE}/thumbs/a.png"]


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [None], True, 1e400])
def test_a_field_of_another_type_breaks_nothing(junk: object) -> None:
    for key in MODEL:
        parse_model("4x-Paper", {**MODEL, key: junk}, BASE)
    parse_model("4x-Paper", junk, BASE)
    assert isinstance(MODEL["resources"], list)
    for key in MODEL["resources"][0]:
        parse_model("4x-Paper", {**MODEL, "resources": [{**MODEL["resources"][0], key: junk}]}, BASE)


def test_a_table_of_nothing_that_can_be_read_is_none() -> None:
    assert parse_models({}, BASE) == {}
    for answer in (None, [], {"error": "x"}, "models"):
        with pytest.raises(HubError):
            parse_models(answer, BASE)


def test_look_ups_are_answered_from_one_request(hub: TestHub, web: Web) -> None:
    model = hub.add(File("4x.pth", Held(b"weights")), name="Sharp", kind="upscaler", hubs=["openmodeldb"])
    sha256 = model.versions[0].files[0].content.hashes.sha256
    db = OpenModelDB(web, hub.url("openmodeldb"))
    for _ in range(3):
        answer = db.by_hashes([wanted(sha256), wanted(SHA)])
        assert [(match.sha256, match.listing.name) for match in answer.found] == [(sha256, "4x-Sharp")]
        assert answer.missed == (SHA,)
    assert len(hub.requests) == 1
    (listing,) = db.resolve(HubRef("openmodeldb", "4x-sharp"))
    assert db.resolve(HubRef(None, hash=sha256)) == (listing,)
    with db.open(listing, listing.files[0]) as stream:
        assert b"".join(stream.chunks()) == b"weights"
    with pytest.raises(NotFoundError):
        db.resolve(HubRef("openmodeldb", "4x-Blurry"))
    assert [hit.name for hit in db.search(HubQuery("sharp"))] == ["4x-Sharp"]
    assert list(db.search(HubQuery("sharp", kind="lora"))) == []
    assert db.versions(["4x-Sharp", "x"]) == {"4x-Sharp": (listing,)}


def test_what_lies_behind_a_page_is_for_a_browser(web: Web) -> None:
    listing = parse_model("4x-Paper", MODEL, BASE)
    assert listing is not None
    with pytest.raises(AccessError) as caught:
        OpenModelDB(web, BASE).open(listing, listing.files[0])
    assert caught.value.reference == "only-in-a-browser"
    assert "mega.nz" in caught.value.hint


def test_the_table_is_kept_for_a_day_and_works_offline(hub: TestHub, tmp_path: Path) -> None:
    model = hub.add(File("4x.pth", Held(b"weights")), name="Sharp", kind="upscaler", hubs=["openmodeldb"])
    sha256 = model.versions[0].files[0].content.hashes.sha256
    base, cache, now = hub.url("openmodeldb"), str(tmp_path / "cache"), [1_790_000_000.0]

    def found(*, offline: bool = False) -> tuple[int, int, bool]:
        web = web_of(hub, offline=offline)
        answer = OpenModelDB(web, base, cache=cache, clock=lambda: now[0]).by_hashes([wanted(sha256), wanted(SHA)])
        web.close()
        return len(answer.found), len(answer.missed), answer.trouble is None

    assert found() == (1, 1, True)
    assert found() == (1, 1, True)
    assert found(offline=True) == (1, 1, True)
    assert len(hub.requests) == 1
    now[0] += 90_000
    assert found(offline=True) == (1, 0, False)  # what an old table lacks may be there by now
    hub.misbehave(Status(500))
    assert found() == (1, 0, False)
    hub.behave()
    assert found() == (1, 1, True)


def test_a_table_that_did_not_change_is_not_sent_again(hub: TestHub, tmp_path: Path) -> None:
    hub.add(File("4x.pth", Held(b"weights")), name="Sharp", kind="upscaler", hubs=["openmodeldb"])
    now = [1_790_000_000.0]
    web = web_of(hub)
    db = OpenModelDB(web, hub.url("openmodeldb"), cache=str(tmp_path), clock=lambda: now[0])
    assert db._fresh().etag is None  # this server gives none; the real one's is sent back
    db._table = type(db._fresh())(db._fresh().models, db._fresh().raw, '"v1"', now[0])
    now[0] += 90_000
    hub.misbehave(Status(304))
    assert list(db._fresh().models) == ["4x-Sharp"]
    assert hub.requests[-1].header("if-none-match") == '"v1"'
    assert db._fresh().fetched_s == now[0]
    web.close()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"base": 1}', '{"fetched_s": "x"}'])
def test_a_damaged_cache_is_fetched_again(hub: TestHub, web: Web, tmp_path: Path, damage: str) -> None:
    hub.add(File("4x.pth", Held(b"weights")), name="Sharp", kind="upscaler", hubs=["openmodeldb"])
    (tmp_path / "openmodeldb.json").write_text(damage, "utf-8")
    db = OpenModelDB(web, hub.url("openmodeldb"), cache=str(tmp_path))
    assert db.by_hashes([wanted(SHA)]).missed == (SHA,)
    assert len(hub.requests) == 1
