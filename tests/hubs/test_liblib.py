"""hubs.liblib: the fields that public clients read, and the whole of it over real sockets against the test hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hubman.core.hub import Access, Gate, HubQuery, HubRef, Listing
from hubman.core.types import Hashes
from hubman.errors import AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._http import Credential, Web, origin_of
from hubman.hubs._liblib_shape import parse_hash_hit, parse_hits, parse_model, search_body
from hubman.hubs.liblib import Liblib
from hubman.store.listings import listing_bytes, listing_of
from tests.conftest import lora_bytes
from tests.testhub import TestHub, misbehave
from tests.testhub.catalogue import File, Version
from tests.testhub.content import Held, picture

BASE = "https://www.liblib.art"
MODEL, VERSION, OTHER = "a1" * 16, "b2" * 16, "c3" * 16
CDN = "https://liblibai-online.liblib.cloud"
DATA = lora_bytes(9)
SHA256 = hashlib.sha256(DATA).hexdigest()
NOBODYS = "0" * 64


def version(**more: object) -> dict[str, Any]:
    """Return a version as the site's pages get it, changed."""
    attachment = {
        "modelVersionId": 22,
        "modelSource": f"{CDN}/web/model/x/{'d' * 64}.safetensors?auth_key=1-2-0-SECRET&attname=a",
        "modelSourceName": "水墨.safetensors", "modelSourceSize": 9, "modelSourceHash": "AB" * 32,
    }  # fmt: skip
    return {
        "id": 22, "uuid": VERSION, "name": "v1.1", "baseType": 3, "triggerWord": None, "versionDesc": "<p>new</p>",
        "createTime": "2024-04-10T08:00:00.000+00:00", "vipUsed": 0, "attachment": attachment, **more,
    }  # fmt: skip


def model(*versions: object, **more: object) -> dict[str, Any]:
    return {
        "id": 11, "uuid": MODEL, "name": "水墨山水", "modelType": 5, "remark": "<p>山</p><script>1</script>",
        "versions": list(versions), **more,
    }  # fmt: skip


def only(answer: object) -> Listing:
    (listing,) = parse_model(answer, BASE)
    return listing


@pytest.fixture
def hub() -> Iterator[TestHub]:
    with TestHub() as started:
        yield started


@pytest.fixture
def open_liblib(hub: TestHub) -> Iterator[Callable[..., Liblib]]:
    """Return a function that opens the hub, with or without the token."""
    webs: list[Web] = []

    def start(token: str = "") -> Liblib:
        base = hub.url("liblib")
        origin = origin_of(base)
        assert origin
        headers = {"token": "{}", "Cookie": "usertoken={}"}
        credentials = {"liblib": Credential(token, frozenset({origin}), headers)} if token else {}
        webs.append(Web(credentials, bases=[base], sleep=lambda _: None))
        return Liblib(webs[-1], base)

    yield start
    for web in webs:
        web.close()


def wanted(*hashes: str) -> list[Hashes]:
    return [Hashes(sha256, None, sha256[:10], None) for sha256 in hashes]


# --- shapes


def test_a_version_with_all_that_is_known_of_it() -> None:
    intro = {"ckpt": ["1"], "weight": 0.6, "triggerWord": json.dumps(["trendy", "水墨"]), "samplingStep": 30}
    images = {
        "coverUrl": f"{CDN}/img/x/cover.png?auth_key=1-2-0-SECRET",
        "images": [
            {"imageUrl": f"{CDN}/img/x/a.png", "width": 8, "generateInfo": {"prompt": "ink", "negativePrompt": "x"}},
            {"imageUrl": f"{CDN}/img/x/cover.png", "generateInfo": None},
        ],
    }  # fmt: skip
    tags = {"modelContent": [{"id": 1, "name": "建筑"}], "other": None}
    listing = only(model(
        version(versionIntro=json.dumps(intro), imageGroup=images, triggerWord="shuimo"),
        tagsV2=tags, openMix=1, privilege=["1", 2], nickname="画家",
    ))  # fmt: skip
    assert (listing.model_id, listing.version_id) == (MODEL, VERSION)
    assert (listing.name, listing.version_name, listing.author) == ("水墨山水", "v1.1", "画家")
    assert (listing.kind, listing.hub_type, listing.base_model, listing.architecture) == (
        "lora", "LoRA", "SDXL", "sdxl",
    )  # fmt: skip
    assert (listing.words, listing.weight, listing.tags) == (("shuimo", "trendy", "水墨"), 0.6, ("建筑",))
    assert (listing.description, listing.version_description) == ("<p>山</p>", "<p>new</p>")
    assert (listing.licence.commercial, listing.licence.derivatives) == (("Image", "Sell"), True)
    assert listing.page == f"{BASE}/modelinfo/{MODEL}?versionUuid={VERSION}"
    assert [image.url for image in listing.images] == [f"{CDN}/img/x/cover.png", f"{CDN}/img/x/a.png"]
    assert (listing.images[1].prompt, listing.images[1].negative, listing.images[1].width) == ("ink", "x", 8)
    (file,) = listing.files
    assert (file.id, file.name, file.size, file.sha256) == ("22", "水墨.safetensors", 9, "ab" * 32)
    assert (file.primary, file.format, file.urls) == (True, "safetensors", ())
    assert listing.access == Access(Gate.OPEN, page=listing.page)


@pytest.mark.parametrize(
    ("given", "intro", "words"),
    [
        (None, None, ()),
        ("tok", None, ("tok",)),
        (["a", "b", 5], "no json", ("a", "b")),
        ('["a", "b"]', {"triggerWord": "b"}, ("a", "b")),
        ("[unclosed", None, ("[unclosed",)),
        ("tok", {"noTriggerWord": 1}, ()),
    ],
)
def test_trigger_words_are_written_in_many_ways(given: object, intro: object, words: tuple[str, ...]) -> None:
    text = json.dumps(intro) if isinstance(intro, dict) else intro
    assert only(model(version(triggerWord=given, versionIntro=text))).words == words


def test_a_signed_address_is_kept_nowhere() -> None:
    """Not in the file, the pictures or the texts; an address without a signature is stable."""
    remark = f'<p><a href="{CDN}/a.png?x=1&auth_key=1-2-0-SECRET">a</a> {CDN}/b?auth_key=9-SECRET</p>'
    cover = {"coverUrl": f"{CDN}/img/x/cover.png?auth_key=1-2-0-SECRET"}
    listing = only(model(version(imageGroup=cover, versionDesc=remark), remark=remark))
    assert listing_of(listing_bytes(listing)) == listing
    assert "SECRET" not in repr(listing)
    assert "auth_key" not in repr(listing)
    plain = {"modelSource": f"{CDN}/web/model/x/{'d' * 64}.safetensors"}
    (file,) = only(model(version(attachment=plain))).files
    assert (file.name, file.size, file.urls) == (f"{'d' * 64}.safetensors", None, (plain["modelSource"],))


def test_who_may_download() -> None:
    """No address: the site's machines only, or a logged-in browser. Members' models say so."""
    page = f"{BASE}/modelinfo/{MODEL}?versionUuid={VERSION}"
    for nothing in (None, {}, {"modelSource": None}, {"modelSource": "file:///etc/passwd"}):
        listing = only(model(version(attachment=nothing)))
        assert (listing.files, listing.access) == ((), Access(Gate.BROWSER, page=page))
    assert only(model(version(vipUsed=2))).access.gate is Gate.PAID


def test_a_lora_of_gigabytes_is_not_believed() -> None:
    """The site files checkpoints under LoRA, too."""
    attachment = {**version()["attachment"], "modelSourceSize": 6_900_000_000}
    assert only(model(version(attachment=attachment))).kind == "unknown"
    assert only(model(version(), modelType=1)).kind == "checkpoint"
    assert (only(model(version(baseType=999), modelType=77)).base_model, only(model(version(), modelType=77)).kind) == (
        "999", "unknown",
    )  # fmt: skip


def test_the_newest_version_comes_first() -> None:
    older = version(uuid=OTHER, createTime="2023-01-01T00:00:00.000+00:00")
    assert [listing.version_id for listing in parse_model(model(older, version()), BASE)] == [VERSION, OTHER]


@pytest.mark.parametrize("answer", [[], "x", {}, {"uuid": MODEL}, {"uuid": 5, "versions": []},
                                    {"uuid": MODEL, "versions": [{"uuid": "short"}]}])  # fmt: skip
def test_what_is_no_model_is_told_by_its_shape(answer: object) -> None:
    with pytest.raises(HubError) as caught:
        parse_model(answer, BASE)
    assert caught.value.reference == "hub-answer"


def test_what_a_hit_may_look_like() -> None:
    dashed = f"{VERSION[:8]}-{VERSION[8:12]}-{VERSION[12:16]}-{VERSION[16:20]}-{VERSION[20:]}"
    assert parse_hash_hit({"uuid": dashed, "modelUuid": MODEL.upper()}) == (MODEL, VERSION)
    assert parse_hash_hit({"modelUuid": MODEL, "versionUuid": VERSION}) == (MODEL, VERSION)
    assert parse_hash_hit({"uuid": MODEL, "versions": []}) == (MODEL, None)
    for odd in ({"id": 5}, {"uuid": MODEL}, [MODEL], MODEL, True, 0, {}, {"name": "SECRET"}):
        with pytest.raises(HubError) as caught:
            parse_hash_hit(odd)
        assert caught.value.reference == "hub-answer"
        assert "SECRET" not in str(caught.value)


def test_a_search_asks_with_the_numbers_of_the_site() -> None:
    """Without cid and requestId the site ignores the words."""
    body = search_body(HubQuery("水墨", kind="lora", architecture="sdxl"), 2)
    assert (body["keyword"], body["page"], body["models"]) == ("水墨", 2, [5, 6])
    assert {3, 10} <= set(body["types"])  # type: ignore[call-overload]
    assert body["cid"]
    assert body["requestId"]
    assert search_body(HubQuery("x"), 1)["models"] == search_body(HubQuery("x"), 1)["types"] == []
    with pytest.raises(HubError):
        parse_hits({"total": 5}, BASE)
    assert parse_hits({"data": None, "hasMore": False, "total": 0}, BASE) == ([], False)


# --- against the test hub


def test_a_pasted_page_works_without_an_account(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    old = Version("v1", [File("a.safetensors", Held(b"old"))], published="2023-01-01T00:00:00.000Z")
    new = Version("v2", [File("a.safetensors", Held(b"new"))], words=("shuimo",), base_model="SDXL 1.0", weight=0.7)
    pasted = hub.add_model("水墨", versions=[old, new], hubs=["liblib"], kind="lora")
    liblib = open_liblib()
    listings = liblib.resolve(HubRef("liblib", pasted.uuid))
    assert [listing.version_id for listing in listings] == [new.uuid, old.uuid]
    assert (listings[0].words, listings[0].weight, listings[0].architecture) == (("shuimo",), 0.7, "sdxl")
    (listing,) = liblib.resolve(HubRef("liblib", pasted.uuid, old.uuid))
    assert listing.version_name == "v1"
    assert liblib.versions([pasted.uuid, MODEL]) == {pasted.uuid: listings}
    for ref in (HubRef("liblib", MODEL), HubRef("liblib", "x"), HubRef("liblib", pasted.uuid, MODEL)):
        with pytest.raises(NotFoundError) as caught:
            liblib.resolve(ref)
        assert caught.value.reference == "not-on-hub"


def test_hashes_that_it_knows_and_that_it_does_not(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    added = hub.add(DATA, hubs=["liblib"])
    answer = open_liblib().by_hashes(wanted(SHA256, NOBODYS))
    (match,) = answer.found
    assert (match.sha256, match.how, match.listing.model_id) == (SHA256, "sha256", added.uuid)
    assert match.file is not None
    assert (match.file.sha256, answer.missed, answer.trouble, answer.calls) == (SHA256, (NOBODYS,), None, 3)


def test_an_answer_that_nobody_has_seen_is_told_and_kept_nowhere(
    hub: TestHub, open_liblib: Callable[..., Liblib]
) -> None:
    """Three of them, and no more is asked."""
    odd = {"code": 0, "msg": "", "data": {"sha": "SECRET", "hits": [{"modelId": 5}]}}
    hub.misbehave(misbehave.Body(json.dumps(odd).encode()), on="liblib", path="/model-version/hash/")
    answer = open_liblib().by_hashes(wanted(*(f"{number:064x}" for number in range(9))))
    assert (answer.found, answer.missed, answer.calls) == ((), (), 3)
    assert isinstance(answer.trouble, HubError)
    assert answer.trouble.reference == "hub-answer"
    assert "{sha: text, hits: [1 x {modelId: number}]}" in str(answer.trouble)


def test_trouble_is_no_miss(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    failed = {"code": 500, "msg": "系统繁忙", "data": None}
    hub.misbehave(misbehave.Body(json.dumps(failed).encode()), on="liblib", skip=1)
    answer = open_liblib().by_hashes(wanted(NOBODYS, SHA256, "1" * 64))
    assert (answer.missed, answer.calls) == ((NOBODYS,), 2)
    assert isinstance(answer.trouble, HubError)
    assert (answer.trouble.reference, answer.trouble.passing) == ("hub-refused", True)
    assert "系统繁忙" in str(answer.trouble)


def test_a_download_with_the_users_own_token(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    """The token goes to the site alone; the signed address is asked for anew each time."""
    added = hub.add(DATA, hubs=["liblib"])
    token = hub.tokens["liblib"]
    liblib = open_liblib(token)
    (listing,) = liblib.resolve(HubRef("liblib", added.uuid))
    with liblib.open(listing, listing.files[0]) as stream:
        assert b"".join(stream.chunks()) == DATA
        etag = stream.etag
    hub.expire_links()
    with liblib.open(listing, listing.files[0], start=50, end=90, etag=etag) as stream:
        assert (stream.status, stream.start, b"".join(stream.chunks())) == (206, 50, DATA[50:90])
    assert liblib.account() == "tester"
    assert hub.leaks(token) == []


def test_an_address_without_a_signature_needs_no_account(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    """Models of 2024; nothing is counted against anybody's quota."""
    file = File("a.safetensors", Held(DATA))
    added = hub.add_model(versions=[Version(files=[file])], hubs=["liblib"])
    file.said = {"modelSource": hub.plain_url(file)}
    liblib = open_liblib()
    (listing,) = liblib.resolve(HubRef("liblib", added.uuid))
    with liblib.open(listing, listing.files[0]) as stream:
        assert b"".join(stream.chunks()) == DATA
    assert hub.seen("liblib", "/model/download/") == []


def test_what_only_a_browser_gets_says_so(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    added = hub.add(DATA, hubs=["liblib"])
    token = hub.tokens["liblib"]
    (listing,) = open_liblib().resolve(HubRef("liblib", added.uuid))
    with pytest.raises(AccessError) as caught:
        open_liblib().open(listing, listing.files[0])
    assert caught.value.reference == "browser-only"
    assert listing.page in caught.value.hint  # type: ignore[operator]
    assert "hubman add FILE" in caught.value.hint
    hub.misbehave(misbehave.LoginPage(200), on="storage")
    with pytest.raises(AccessError) as caught:
        open_liblib(token).open(listing, listing.files[0])
    assert caught.value.reference == "browser-only"
    hub.behave()
    added.versions[0].disabled = True
    with pytest.raises(AccessError) as caught:
        open_liblib(token).open(listing, listing.files[0])
    assert caught.value.reference == "browser-only"


def test_a_quota_and_a_wrong_token(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    added = hub.add(DATA, hubs=["liblib"])
    hub.liblib_quota = 0
    (listing,) = open_liblib().resolve(HubRef("liblib", added.uuid))
    with pytest.raises(AccessError) as caught:
        open_liblib(hub.tokens["liblib"]).open(listing, listing.files[0])
    assert caught.value.reference == "download-quota"
    with pytest.raises(AccessError) as caught:
        open_liblib("wrong").open(listing, listing.files[0])
    assert caught.value.reference == "login-needed"
    with pytest.raises(AccessError) as caught:
        open_liblib("wrong").account()
    assert caught.value.reference == "token-refused"
    assert open_liblib().account() is None
    hub.misbehave(misbehave.Status(503), on="storage")
    with pytest.raises(HubError) as failed:
        open_liblib().open(listing, listing.files[0])
    assert failed.value.passing


def test_members_models_are_tried_with_a_token(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    added = hub.add(DATA, hubs=["liblib"], requires_login=True)
    ref = HubRef("liblib", added.uuid)
    assert open_liblib().resolve(ref)[0].access.gate is Gate.PAID
    assert open_liblib(hub.tokens["liblib"]).resolve(ref)[0].access.gate is Gate.OPEN


def test_a_search_goes_on_while_there_is_more(hub: TestHub, open_liblib: Callable[..., Liblib]) -> None:
    """Its `total` is the page's own count: it ends nothing. Pictures need the site's Referer."""
    for number in range(60):
        hub.add_model(f"水墨 {number:02}", files=[b"x"], hubs=["liblib"], base_model="SDXL 1.0")
    hub.add_model("水墨 checkpoint", files=[b"x"], hubs=["liblib"], kind="checkpoint")
    liblib = open_liblib()
    hits = list(liblib.search(HubQuery("水墨", kind="lora", architecture="sdxl", limit=55)))
    assert (len(hits), hits[0].kind, hits[0].base_model, hits[0].author) == (55, "lora", "SDXL", "inkmaker")
    assert len(hub.seen("liblib", "/model/search")) == 2
    (listing,) = liblib.resolve(hits[0].ref)
    assert liblib.picture(listing.images[0]) == picture()


@pytest.mark.parametrize("seed", range(12))
def test_odd_answers_are_read_or_refused(hub: TestHub, open_liblib: Callable[..., Liblib], seed: int) -> None:
    added = hub.add(DATA, hubs=["liblib"])
    refused: set[str] = set()
    for fault in (misbehave.nulls(), misbehave.wrong_types(), misbehave.missing(), misbehave.unknown_fields()):
        with hub.misbehave(fault, on="liblib", seed=seed):
            for ask in (
                lambda: open_liblib().resolve(HubRef("liblib", added.uuid)),
                lambda: list(open_liblib().search(HubQuery("ink"))),
                lambda: open_liblib().by_hashes(wanted(SHA256)),
            ):
                try:
                    ask()
                except HubmanError as error:
                    refused.add(error.reference)
    assert refused <= {"hub-answer", "hub-refused", "not-on-hub", "login-needed"}
