"""CivArchive: models that were deleted elsewhere, both spellings of its fields, mirrors in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hubman.core.hub import Gate, HubQuery, HubRef
from hubman.core.listed import Hashes
from hubman.errors import AccessError, HubError, NotFoundError
from hubman.hubs._civarchive_answers import camel, parse_archived, parse_file
from hubman.hubs._http import Web
from hubman.hubs._mirrors import is_direct
from hubman.hubs.civarchive import CivArchive
from tests.testhub.archives import archived, snake
from tests.testhub.catalogue import File
from tests.testhub.content import Held
from tests.testhub.hub import TestHub
from tests.testhub.misbehave import Status

SHA = "ab" * 32
PAGE = "https://civarchive.com/models/5?modelVersionId=6"


@pytest.fixture
def hub() -> Iterator[TestHub]:
    with TestHub() as running:
        yield running


def web_of(hub: TestHub) -> Web:
    names = ("civarchive", "civitai", "storage")
    return Web(bases=[*(hub.url(name) for name in names), "http://127.0.0.1:1"], sleep=lambda _: None)


@pytest.fixture
def archive(hub: TestHub) -> Iterator[CivArchive]:
    web = web_of(hub)
    yield CivArchive(web, hub.url("civarchive"))
    web.close()


def wanted(sha256: str) -> Hashes:
    return Hashes(sha256, None, sha256[:10], None)


def file(*mirrors: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "name": "a.safetensors",
        "type": "Model",
        "sizeKB": 1.5,
        "sha256": SHA,
        "mirrors": list(mirrors),
        **more,
    }


def mirror(url: str, source: str = "huggingface", **more: Any) -> dict[str, Any]:
    return {"filename": "a.safetensors", "url": url, "source": source, "deletedAt": None, "is_gated": False,
            "is_paid": False, **more}  # fmt: skip


CIVITAI = "https://civitai.com/api/download/models/6"
RESOLVE = "https://huggingface.co/a/b/resolve/main/a.safetensors"


def test_both_spellings_say_the_same(hub: TestHub) -> None:
    model = hub.add(b"x" * 1000, hubs=["civarchive"], description="<p>weight 0.8</p>", nsfw=True, nsfw_level=31)
    plain = archived(hub, model, model.versions[0])
    assert snake(plain) != plain
    one, _ = parse_archived(plain, "https://a")
    other, _ = parse_archived(snake(plain), "https://a")
    assert one == other
    assert one is not None
    assert (one.weight, one.nsfw, one.architecture, one.words) == (0.8, 3, "sd1", ("shuimo",))


def test_keys_in_camel_case() -> None:
    assert camel({"size_kb": 1, "is_gated": 2, "deletedAt": 3, "nsfw_level": 4, "sizeKB": 5}) == {
        "sizeKB": 5, "isGated": 2, "deletedAt": 3, "nsfwLevel": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mirrors", "urls", "gate"),
    [
        ([mirror(CIVITAI, "civitai"), mirror(RESOLVE)], (CIVITAI, RESOLVE), None),
        ([mirror(CIVITAI, "civitai", deletedAt="2025-10-10T00:00:00Z"), mirror(RESOLVE)], (RESOLVE,), None),
        ([mirror(CIVITAI, "civitai", deleted_at="2025-10-10T00:00:00Z"), mirror(RESOLVE)], (RESOLVE,), None),
        ([mirror(CIVITAI, "civitai", deletedAt="2025-10-10T00:00:00Z")], (), Gate.GONE),
        ([mirror(RESOLVE, is_gated=True)], (), Gate.GATED),
        ([mirror(RESOLVE, is_paid=True)], (), Gate.PAID),
        ([mirror("https://tensor.art/models/9045", "tensorart")], (), Gate.BROWSER),
        ([mirror("https://drive.google.com/a.safetensors", "x")], (), Gate.BROWSER),
        ([], (), Gate.GONE),
        ([mirror("file:///etc/passwd")], (), Gate.BROWSER),
        ([mirror(f"{RESOLVE}?token=abc")], (), Gate.BROWSER),
        ([mirror("https://x/api/download/models/6", "seaart")], (), Gate.BROWSER),
    ],
)
def test_mirrors(mirrors: list[dict[str, Any]], urls: tuple[str, ...], gate: Gate | None) -> None:
    found = parse_file(file(*mirrors), PAGE)
    assert found is not None
    assert found.urls == urls
    assert (found.access.gate if found.access else None) == gate


def test_what_gives_a_file_and_what_gives_a_page() -> None:
    assert is_direct("https://github.com/a/b/releases/download/v1/x.pth")
    assert not is_direct("https://github.com/a/b")
    assert not is_direct("https://mega.nz/folder/x.pth")
    assert not is_direct("ftp://a/x.pth")


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [None], True, 1e400])
def test_a_field_of_another_type_breaks_nothing(hub: TestHub, junk: object) -> None:
    model = hub.add(b"x", hubs=["civarchive"])
    plain = archived(hub, model, model.versions[0])
    for key in plain:
        parse_archived({**plain, key: junk}, "https://a")
    for key in plain["version"]:
        parse_archived({**plain, "version": {**plain["version"], key: junk}}, "https://a")
    for key in plain["version"]["files"][0]:
        parse_file({**plain["version"]["files"][0], key: junk}, PAGE)


def test_a_model_that_was_deleted_elsewhere_is_found_and_fetched(hub: TestHub, archive: CivArchive) -> None:
    model = hub.add(b"they deleted me", hubs=["civitai", "civarchive"], deleted=True)
    sha256 = model.versions[0].files[0].content.hashes.sha256
    answer = archive.by_hashes([wanted(sha256), wanted(SHA)])
    (match,) = answer.found
    assert match.listing.deleted
    assert match.file is not None
    assert match.file.sha256 == sha256
    assert answer.missed == (SHA,)
    assert answer.calls == 2
    with archive.open(match.listing, match.file) as stream:
        assert b"".join(stream.chunks()) == b"they deleted me"
    assert hub.seen("civitai") == []  # its own address is known to be dead


def test_the_next_mirror_is_tried(hub: TestHub, archive: CivArchive) -> None:
    spare = File("spare.safetensors", Held(b"content"))
    hub.add(spare, hubs=["huggingface"])
    first = File("a.safetensors", Held(b"content"))
    first.mirrors = (f"{hub.url('storage')}/plain/99999/gone.safetensors", hub.plain_url(spare))
    hub.add(first, hubs=["civarchive"], deleted=True)
    (listing,) = archive.resolve(HubRef(None, hash=first.content.hashes.sha256))
    with archive.open(listing, listing.files[0]) as stream:
        assert b"".join(stream.chunks()) == b"content"


def test_no_mirror_left(hub: TestHub, archive: CivArchive) -> None:
    gone = File("a.safetensors", Held(b"content"), mirrors=("http://127.0.0.1:1/plain/1/a.safetensors",))
    hub.add(gone, hubs=["civarchive"], deleted=True)
    (listing,) = archive.resolve(HubRef(None, hash=gone.content.hashes.sha256))
    with pytest.raises(HubError) as caught:
        archive.open(listing, listing.files[0])
    assert caught.value.passing
    page, _ = parse_file(file(mirror("https://tensor.art/models/9045", "tensorart")), PAGE), None
    assert page is not None
    with pytest.raises(AccessError) as refused:
        archive.open(listing, page)
    assert "https://tensor.art/models/9045" in refused.value.hint


def test_a_configured_hub_is_used_for_its_mirrors(hub: TestHub) -> None:
    model = hub.add(b"content", hubs=["civitai"])
    web = web_of(hub)
    archive = CivArchive(web, hub.url("civarchive"), bases={"civitai": hub.url("civitai")})
    said = parse_file(file(mirror(f"https://civitai.com/api/download/models/{model.versions[0].id}", "civitai")), PAGE)
    assert said is not None
    listing, _ = parse_archived(archived(hub, model, model.versions[0]), "https://a")
    assert listing is not None
    with archive.open(listing, said) as stream:
        assert b"".join(stream.chunks()) == b"content"
    web.close()


def test_a_number_that_it_does_not_know_gives_500(hub: TestHub, archive: CivArchive) -> None:
    with pytest.raises(NotFoundError):
        archive.resolve(HubRef("civarchive", "424242"))
    model = hub.add(b"x", hubs=["civarchive"])
    assert list(archive.versions([str(model.id), "424242"])) == [str(model.id)]
    with pytest.raises(NotFoundError):
        archive.resolve(HubRef("civarchive", str(model.id), "77"))


def test_too_many_requests_are_not_a_miss(hub: TestHub, archive: CivArchive) -> None:
    hub.misbehave(Status(429, retry_after=0), path="/api/sha256")
    answer = archive.by_hashes([wanted(SHA)])
    assert (answer.found, answer.missed) == ((), ())
    assert isinstance(answer.trouble, HubError)


def test_without_its_api_the_data_of_its_pages_are_read(hub: TestHub, archive: CivArchive) -> None:
    model = hub.add(b"x" * 999, hubs=["civarchive"])
    sha256 = model.versions[0].files[0].content.hashes.sha256
    hub.misbehave(Status(404, body="<html>no API here</html>"), path="/api/")
    assert archive.resolve(HubRef("civarchive", str(model.id)))[0].name == "Ink Wash"
    hub.build = "build-2"  # a new release of the site
    (match,) = archive.by_hashes([wanted(sha256)]).found
    assert match.listing.version_id == str(model.versions[0].id)
    assert archive.by_hashes([wanted(SHA)]).missed == (SHA,)


def test_search(hub: TestHub, archive: CivArchive) -> None:
    model = hub.add(b"x", hubs=["civarchive"])
    hub.add(b"y", name="Other", hubs=["civarchive"])
    (hit,) = list(archive.search(HubQuery("ink", limit=5)))
    assert hit.ref == HubRef("civarchive", str(model.id), str(model.versions[0].id))
    assert (hit.architecture, hit.kind) == ("sd1", "lora")
