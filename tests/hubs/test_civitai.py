"""Civitai: recorded answers as values, and the calls against a server that speaks its API on loopback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman.core.hub import Gate, HubQuery, HubRef, Listing
from hubman.core.listed import Hashes
from hubman.errors import AccessError, HubError, NotFoundError
from hubman.hubs._civitai_answers import parse_model, parse_version
from hubman.hubs._civitai_lookup import MOST_IDS
from hubman.hubs._civitai_shape import access_of, commercial_of, file_of, image_of, images_of, nsfw_of_model
from hubman.hubs._http import Answer, Credential, Web, origin_of
from hubman.hubs.civitai import MOST_ODD, Civitai, picture_address
from tests.testhub.catalogue import File, Model, Picture, Version, make_model
from tests.testhub.content import Held
from tests.testhub.content import picture as png
from tests.testhub.hub import TestHub
from tests.testhub.misbehave import LoginPage, LoginRedirect, Status

RECORDED = Path(__file__).parent / "recorded" / "civitai"
BASE = "https://civitai.com"
NOW = 1_790_000_000.0  # September 2026


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text("utf-8"))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def wanted(sha256: str, autov3: str | None = None) -> Hashes:
    return Hashes(sha256, None, sha256[:10], autov3)


WEBS: list[Web] = []


@pytest.fixture
def hub() -> Iterator[TestHub]:
    with TestHub() as running:
        yield running
        while WEBS:
            WEBS.pop().close()


def web(hub: TestHub, credentials: dict[str, Credential] | None = None) -> Web:
    bases = [hub.url(name) for name in ("civitai", "civitai.red", "storage")]
    WEBS.append(Web(credentials, bases=bases, sleep=lambda _: None))
    return WEBS[-1]


def client(hub: TestHub, *, token: bool = False, red: bool = False) -> Civitai:
    credentials = {}
    if token:
        origins = frozenset(origin_of(hub.url(name)) for name in ("civitai", "civitai.red"))
        credentials["civitai"] = Credential(hub.tokens["civitai"], origins)
    sibling = hub.url("civitai.red") if red else None
    return Civitai(web(hub, credentials), hub.url("civitai"), sibling=sibling, clock=lambda: NOW)


# --- recorded answers ----------------------------------------------------------------------------------------------


def test_a_recorded_model_of_2023() -> None:
    found = parse_model(recorded("models_215485.full.json"), BASE, NOW)
    assert [listing.version_id for listing in found] == ["245733", "243508", "242807"]  # listed the other way round
    listing = found[2]
    assert (listing.model_id, listing.version_id, listing.kind, listing.hub_type) == (
        "215485", "242807", "lora", "LORA",
    )  # fmt: skip
    assert (listing.base_model, listing.architecture) == ("SDXL Turbo", "sdxl")
    assert listing.name == "SDXL Turbo-LoRA-Stable Diffusion XL faster than light"
    assert listing.licence.no_credit is False
    assert listing.licence.different_licence is True
    assert listing.access.gate is Gate.OPEN
    assert "<script" not in listing.description
    (file,) = listing.files
    assert file.size == 768888.859375 * 1024
    assert file.hashes["autov3"] == "813ea5fb1c67"  # 64 digits there
    assert file.format == "safetensors"
    assert file.scan == "Success"
    assert listing.images
    assert listing.images[0].prompt == "<lora:sd_xl_turbo_lora_v1-128dim:1>1 girl, snow"


def test_the_documented_version() -> None:
    listing = parse_version(recorded("doc_model-versions_2514310.json"), BASE, NOW)
    assert (listing.architecture, listing.kind, listing.air) == (
        "sdxl", "checkpoint", "urn:air:sdxl:checkpoint:civitai:827184@2514310",
    )  # fmt: skip
    (file,) = listing.files
    assert file.size is None  # rounded to two places in the documentation
    assert file.about == round(6775430.35 * 1024)
    assert file.hashes == {"autov1": "4748a7f6", "autov2": "a5f58eb1c3", "crc32": "daee95b7", "autov3": "22d8cb95b807"}
    assert (file.precision, file.pruned, file.primary) == ("fp16", True, True)
    assert listing.page == "https://civitai.com/models/827184?modelVersionId=2514310"


def test_the_documented_list() -> None:
    (listing,) = parse_model(recorded("doc_models_list.json")["items"][0], BASE, NOW)
    assert listing.licence.commercial == ("Image", "RentCivit")
    assert (listing.author, listing.tags, listing.downloads) == ("WAI0731", ("base model", "anime"), 215627)
    assert listing.nsfw == 0  # not flagged, although some of its pictures are explicit


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["Image", "RentCivit"], ("Image", "RentCivit")), ("{Image,RentCivit}", ("Image", "RentCivit")),
        ("Sell", ("Sell",)), ("None", ()), (["None"], ()), ([], ()), ("{}", ()), (None, None), (7, None),
    ],
)  # fmt: skip
def test_commercial_use_in_its_forms(value: object, expected: tuple[str, ...] | None) -> None:
    assert commercial_of(value) == expected


@pytest.mark.parametrize(
    ("version", "model", "gate", "until"),
    [
        ({}, {}, Gate.OPEN, None),
        ({"earlyAccessEndsAt": "2027-01-01T00:00:00.000Z"}, {}, Gate.EARLY_ACCESS, "2027-01-01T00:00:00Z"),
        ({"earlyAccessEndsAt": "2025-01-01T00:00:00.000Z"}, {}, Gate.OPEN, None),
        ({"earlyAccessDeadline": "2027-01-01T00:00:00.000Z"}, {}, Gate.EARLY_ACCESS, "2027-01-01T00:00:00Z"),
        ({"paidAccess": {"permanent": False, "endsAt": "2027-01-01T00:00:00Z"}}, {}, Gate.EARLY_ACCESS,
         "2027-01-01T00:00:00Z"),
        ({"paidAccess": {"permanent": True, "endsAt": None}}, {}, Gate.PAID, None),
        ({"paidAccess": None, "earlyAccessEndsAt": None}, {}, Gate.OPEN, None),
        ({"availability": "EarlyAccess"}, {}, Gate.EARLY_ACCESS, None),
        ({"availability": "EarlyAccess", "earlyAccessEndsAt": "2025-01-01T00:00:00Z"}, {}, Gate.OPEN, None),
        ({"usageControl": "InternalGeneration"}, {}, Gate.DISABLED, None),
        ({"usageControl": "Download"}, {}, Gate.OPEN, None),
        ({}, {"mode": "Archived"}, Gate.GONE, None),
        ({}, {"mode": "TakenDown"}, Gate.GONE, None),
        ({"status": "UnpublishedViolation"}, {}, Gate.GONE, None),
        ({"requireAuth": True}, {}, Gate.LOGIN, None),
    ],
)  # fmt: skip
def test_what_stands_before_a_version(
    version: dict[str, object], model: dict[str, object], gate: Gate, until: str | None
) -> None:
    access = access_of(version, model, "https://civitai.com/models/1", NOW)
    assert (access.gate, access.until) == (gate, until)


@pytest.mark.parametrize(
    ("entry", "nsfw", "video"),
    [
        ({"url": "https://i/a.jpeg", "nsfwLevel": 1, "type": "image"}, 0, False),
        ({"url": "https://i/a.jpeg", "nsfwLevel": 2}, 1, False),
        ({"url": "https://i/a.jpeg", "nsfwLevel": 16}, 3, False),
        ({"url": "https://i/a.jpeg", "nsfw": "None"}, 0, False),
        ({"url": "https://i/a.jpeg", "nsfwLevel": "Mature"}, 2, False),
        ({"url": "https://i/a.mp4", "type": "video"}, None, True),
    ],
)
def test_a_picture(entry: dict[str, object], nsfw: int | None, video: bool) -> None:
    image = image_of(entry, BASE)
    assert image is not None
    assert (image.nsfw, image.video) == (nsfw, video)


def test_the_first_picture_is_a_still_that_anybody_may_see() -> None:
    urls = {"a": 16, "b": 1, "c": 2}
    entries = [{"url": f"https://i/{name}", "nsfwLevel": bits} for name, bits in urls.items()]
    entries.insert(0, {"url": "https://i/v.mp4", "nsfwLevel": 1, "type": "video"})
    assert [image.url[-1] for image in images_of([*entries, {"url": "javascript:1"}, 3], BASE)] == ["b", "c", "a", "4"]


def test_a_flagged_model_is_as_explicit_as_its_strongest_picture() -> None:
    assert nsfw_of_model({"nsfw": True, "nsfwLevel": 31}, {}) == 3
    assert nsfw_of_model({"nsfw": True}, {}) == 2
    assert nsfw_of_model({"nsfw": False, "nsfwLevel": 28}, {}) == 2
    assert nsfw_of_model({}, {}) is None


def test_scanners_are_quoted() -> None:
    entry = {"id": 1, "name": "a.pt", "pickleScanResult": "Danger", "pickleScanMessage": "os.system"}
    file = file_of(entry)
    assert file is not None
    assert file.scan == "pickle: Danger (os.system)"
    assert file.format == "pickle"


JUNK: tuple[object, ...] = (None, 7, -1, 1e400, True, "x", "\x00", [], {}, [None], [[1]], {"id": None}, {"id": {}})


@pytest.mark.parametrize("junk", JUNK)
def test_a_field_of_another_type_never_breaks_a_version(junk: object) -> None:
    plain = recorded("doc_model-versions_2514310.json")
    for key in plain:
        spoiled = {**plain, key: junk}
        if key in ("id", "modelId") and junk != 7:
            with pytest.raises(HubError, match="does not understand"):
                parse_version(spoiled, BASE, NOW)
        else:
            assert isinstance(parse_version(spoiled, BASE, NOW), Listing)
        for inner in ("model", "files"):
            part = plain[inner][0] if inner == "files" else plain[inner]
            for name in part:
                bad = {**part, name: junk}
                parse_version({**plain, inner: [bad] if inner == "files" else bad}, BASE, NOW)


def test_what_is_no_model_tells_its_shape_and_no_value() -> None:
    with pytest.raises(HubError) as caught:
        parse_model({"secret": "hunter2", "id": "x"}, BASE, NOW)
    assert caught.value.reference == "hub-answer"
    assert "hunter2" not in str(caught.value)
    assert "secret: text" in str(caught.value)


def test_the_server_of_pictures_is_asked_for_a_small_one() -> None:
    start = "https://image.civitai.com/xG1/42b875cf"
    assert picture_address(f"{start}/width=832/1.jpeg") == f"{start}/width=450/1.jpeg"
    assert picture_address(f"{start}/original=true/1.jpeg") == f"{start}/width=450/1.jpeg"
    assert picture_address("https://other/a.jpeg") == "https://other/a.jpeg"


# --- references ----------------------------------------------------------------------------------------------------


def test_a_model_gives_all_its_versions_newest_first(hub: TestHub) -> None:
    old = Version("v1", [File("a.safetensors", Held(b"old"))], published="2025-01-01T00:00:00Z")
    new = Version("v2", [File("b.safetensors", Held(b"new"))], published="2025-06-01T00:00:00Z")
    model = hub.add_model(versions=[old, new])
    found = client(hub).resolve(HubRef("civitai", str(model.id)))
    assert [listing.version_name for listing in found] == ["v2", "v1"]


def test_a_version_comes_with_what_only_its_model_says(hub: TestHub) -> None:
    model = hub.add(b"content", description="<p>Recommended weight 0.7</p><script>x</script>", tags=("ink",))
    version = model.versions[0]
    for ref in (HubRef("civitai", str(model.id), str(version.id)), HubRef("civitai", None, str(version.id))):
        (listing,) = client(hub).resolve(ref)
        assert listing.ref == HubRef("civitai", str(model.id), str(version.id))
        assert listing.tags == ("ink",)
        assert listing.author == "inkmaker"
        assert listing.weight == 0.7
        assert "script" not in listing.description
        assert listing.air is not None
    with pytest.raises(NotFoundError):
        client(hub).resolve(HubRef("civitai", "999", str(version.id)))


def test_any_kind_of_hash_leads_to_its_version(hub: TestHub) -> None:
    model = hub.add(b"content" * 100)
    hashes = model.versions[0].files[0].content.hashes
    for value in (hashes.sha256, hashes.autov2, hashes.crc32, hashes.blake3):
        assert value is not None
        (listing,) = client(hub).resolve(HubRef(None, hash=value))
        assert listing.files[0].sha256 == hashes.sha256
    with pytest.raises(NotFoundError) as caught:
        client(hub).resolve(HubRef(None, hash="deadbeef"))
    assert caught.value.reference == "not-on-hub"
    assert "civarchive" in caught.value.hint


def test_what_the_first_site_does_not_show_is_asked_of_the_other(hub: TestHub) -> None:
    model = hub.add(b"grown up", hubs=["civitai.red"])
    ref = HubRef("civitai", str(model.id))
    with pytest.raises(NotFoundError):
        client(hub).resolve(ref)
    (listing,) = client(hub, red=True).resolve(ref)
    assert (listing.page or "").startswith(hub.url("civitai.red"))
    hub.forget()
    with client(hub, red=True).open(listing, listing.files[0]) as stream:
        assert b"".join(stream.chunks()) == b"grown up"
    content = model.versions[0].files[0].content.hashes
    (match,) = client(hub, red=True).by_hashes([wanted(content.sha256)]).found
    assert match.listing.model_id == str(model.id)


def test_only_the_usual_base_has_a_sibling() -> None:
    assert Civitai(Web(), "https://civitai.com/")._bases == ("https://civitai.com", "https://civitai.red")
    assert Civitai(Web(), "http://127.0.0.1:9")._bases == ("http://127.0.0.1:9",)


# --- local contents ------------------------------------------------------------------------------------------------


def test_10000_known_contents_cost_at_most_110_requests(hub: TestHub) -> None:
    contents = []
    for number in range(10_000):
        data = f"content {number}".encode()
        contents.append(hashlib.sha256(data).hexdigest())
        hub.catalogue.add(make_model(f"Model {number}", files=[data], images=[]))
    answer = client(hub).by_hashes([wanted(sha256) for sha256 in contents])
    assert answer.trouble is None
    assert len(answer.found) == 10_000
    assert all(match.file is not None and match.file.sha256 == match.sha256 for match in answer.found)
    assert answer.found[0].listing.tags == ("style",)
    assert answer.missed == ()
    assert answer.calls == len(hub.requests) <= 110


def test_known_and_unknown_contents_of_several_kinds(hub: TestHub) -> None:
    models = [hub.add(f"content {number}".encode(), name=f"Model {number}") for number in range(3)]
    known = [model.versions[0].files[0].content.hashes.sha256 for model in models]
    answer = client(hub).by_hashes([wanted(sha256) for sha256 in (*known, sha("mine"), known[0])])
    assert {match.sha256: match.listing.name for match in answer.found} == {
        sha256: model.name for sha256, model in zip(known, models, strict=True)
    }
    assert answer.missed == (sha("mine"),)
    assert {match.how for match in answer.found} == {"sha256"}


def test_models_that_are_not_listed_are_described_by_their_versions(hub: TestHub) -> None:
    model = hub.add(b"hidden from lists")
    sha256 = model.versions[0].files[0].content.hashes.sha256
    hub.misbehave(Status(200, body={"items": [], "metadata": {}}), path="/api/v1/models")
    (match,) = client(hub).by_hashes([wanted(sha256)]).found
    assert match.file is not None
    assert match.file.sha256 == sha256
    assert len(hub.seen(method="POST")) == 2


def test_what_the_hub_knows_but_does_not_describe_is_neither_found_nor_missed(hub: TestHub) -> None:
    sha256 = hub.add(b"known by number alone").versions[0].files[0].content.hashes.sha256
    hub.misbehave(Status(200, body={"items": [], "metadata": {}}), path="/api/v1/models")
    ids = [{"modelVersionId": 5, "modelId": 6, "hash": sha256.upper()}]
    hub.misbehave(Status(200, body=json.dumps(ids)), path="/by-hash/ids")
    hub.misbehave(Status(200, body="[]"), path="/model-versions/by-hash")
    answer = client(hub).by_hashes([wanted(sha256, "a" * 12)])
    assert (answer.found, answer.missed, answer.trouble) == ((), (), None)


def test_nothing_is_missed_while_the_other_site_cannot_be_asked(hub: TestHub) -> None:
    hub.misbehave(Status(503), on="civitai.red")
    answer = client(hub, red=True).by_hashes([wanted(sha("mine"))])
    assert (answer.found, answer.missed) == ((), ())
    assert isinstance(answer.trouble, HubError)
    with pytest.raises(HubError):  # no NotFoundError: what we know of it must not be marked as gone
        client(hub, red=True).resolve(HubRef("civitai", "999"))


def safetensors(metadata: str, weights: bytes) -> bytes:
    header = json.dumps({"__metadata__": {"a": metadata}, "t": {
        "dtype": "U8", "shape": [len(weights)], "data_offsets": [0, len(weights)]}}).encode()  # fmt: skip
    return len(header).to_bytes(8, "little") + header + weights


def test_a_content_whose_header_was_edited_is_found_by_its_weights(hub: TestHub) -> None:
    hub.add(safetensors("theirs", b"weights" * 9))
    mine = Held(safetensors("mine, edited", b"weights" * 9)).hashes
    other = Held(safetensors("x", b"other weights")).hashes
    assert mine.autov3
    answer = client(hub).by_hashes([mine, other])
    (match,) = answer.found
    assert (match.sha256, match.how) == (mine.sha256, "autov3")
    assert match.file is not None
    assert match.file.hashes["autov3"] == mine.autov3
    assert match.file.sha256 != mine.sha256
    assert answer.missed == (other.sha256,)


def test_an_answer_to_another_hash_is_no_match(hub: TestHub) -> None:
    model = hub.add(b"something else")
    said = {"id": model.versions[0].id, "modelId": model.id, "files": [{"id": 1, "name": "a.safetensors", "hashes": {
        "AutoV3": "ffffffffffff"}}]}  # fmt: skip
    hub.misbehave(Status(200, body=said), path="/by-hash/aaaaaaaaaaaa")
    answer = client(hub).by_hashes([wanted(sha("mine"), "a" * 12)])
    assert answer.found == ()
    assert answer.missed == (sha("mine"),)


def test_training_data_with_the_same_hash_is_no_match(hub: TestHub) -> None:
    said = {"id": 5, "modelId": 6, "files": [{"id": 1, "name": "a.safetensors", "type": "Training Data", "hashes": {
        "AutoV3": "a" * 12}}]}  # fmt: skip
    hub.misbehave(Status(200, body=said), path="/by-hash/aaaaaaaaaaaa")
    assert client(hub).by_hashes([wanted(sha("mine"), "a" * 12)]).found == ()


def test_what_was_not_asked_is_not_called_missed(hub: TestHub) -> None:
    many = [wanted(sha(f"mine {number}"), f"{number:012x}") for number in range(MOST_ODD + 30)]
    answer = client(hub).by_hashes(many)
    assert answer.found == ()
    assert len(answer.missed) == MOST_ODD
    assert answer.calls == 1 + MOST_ODD
    assert answer.trouble is None


@pytest.mark.parametrize(
    "answer",
    [
        Status(500), Status(429), Status(200, body="<html>down for maintenance</html>"),
        Status(200, body={"error": "x"}), Status(403, body={"error": "Forbidden"}),
    ],
)  # fmt: skip
def test_no_answer_is_remembered_of_a_hub_that_is_broken(hub: TestHub, answer: Status) -> None:
    hub.misbehave(answer, path="/by-hash/ids")
    lookup = client(hub).by_hashes([wanted(sha("mine"))])
    assert (lookup.found, lookup.missed) == ((), ())
    assert isinstance(lookup.trouble, HubError)


def test_an_error_in_the_middle_keeps_what_was_found(hub: TestHub) -> None:
    models = [hub.add(f"content {number}".encode(), name=f"M{number}") for number in range(150)]
    hub.misbehave(Status(500), path="/api/v1/models", skip=1)
    known = [model.versions[0].files[0].content.hashes.sha256 for model in models]
    lookup = client(hub).by_hashes([wanted(sha256) for sha256 in (*known, sha("mine"))])
    assert len(lookup.found) == 100
    assert lookup.missed == ()
    assert isinstance(lookup.trouble, HubError)


def test_the_answers_may_come_in_any_order_and_without_hashes(hub: TestHub) -> None:
    files = [File(f"{n}.safetensors", Held(f"c{n}".encode()), said={"hashes": None}) for n in range(2)]
    models = [hub.add(file, name=f"M{n}") for n, file in enumerate(files)]
    known = [file.content.hashes.sha256 for file in files]
    found = {match.sha256: match for match in client(hub).by_hashes([wanted(sha256) for sha256 in known]).found}
    assert [found[sha256].listing.model_id for sha256 in known] == [str(model.id) for model in models]
    assert [found[sha256].file for sha256 in known] == [None, None]


def test_a_version_of_other_contents_is_not_believed(hub: TestHub) -> None:
    """The numbers say that the hub knows it, the version has only files of other contents: neither found nor missed."""
    model = hub.add(b"theirs", name="Not mine")
    version = model.versions[0]
    ids = [{"modelVersionId": version.id, "modelId": model.id, "hash": sha("mine").upper()}]
    hub.misbehave(Status(200, body=json.dumps(ids)), path="/by-hash/ids")
    answer = client(hub).by_hashes([wanted(sha("mine"), "a" * 12)])
    assert (answer.found, answer.missed) == ((), ())


def test_the_file_that_matched_is_not_always_the_primary_one(hub: TestHub) -> None:
    """A VAE beside the checkpoint, the pruned one beside the full one: found is the file that we have."""
    files = [File("m.safetensors", Held(b"full"), primary=True), File("m.vae.pt", Held(b"vae"), type="VAE"),
             File("m-pruned.safetensors", Held(b"pruned"), size="pruned")]  # fmt: skip
    hub.add(*files, name="Three", kind="checkpoint")
    found = client(hub).by_hashes([wanted(file.content.hashes.sha256) for file in files]).found
    assert {match.file.name for match in found if match.file} == {file.name for file in files}
    assert all(match.file and match.file.sha256 == match.sha256 for match in found)


def test_more_than_one_block_of_hashes(hub: TestHub) -> None:
    unknown = [wanted(sha(f"mine {number}")) for number in range(MOST_IDS + 1)]
    answer = client(hub).by_hashes(unknown)
    assert answer.calls == 2
    assert len(answer.missed) == MOST_IDS + 1


def test_nothing_to_ask_asks_nothing(hub: TestHub) -> None:
    assert client(hub).by_hashes([]).calls == 0
    assert hub.requests == []


# --- many models ---------------------------------------------------------------------------------------------------


def test_a_search_turns_pages_by_cursor_alone(hub: TestHub) -> None:
    for number in range(130):
        hub.add(f"c{number}".encode(), name=f"Ink {number}", nsfw=number == 7)
    hits = list(client(hub).search(HubQuery("ink", kind="lora", architecture="sd1", limit=120)))
    assert len(hits) == 120
    assert all(hit.kind == "lora" and hit.architecture == "sd1" for hit in hits)
    assert "Ink 7" not in {hit.name for hit in hits}
    asked = hub.seen("civitai", "/models?")
    assert len(asked) == 2
    assert not any("page=" in request.target for request in asked)
    hub.forget()
    assert len(list(client(hub).search(HubQuery("ink", limit=3)))) == 3
    assert len(hub.requests) == 1
    assert "Ink 7" in {hit.name for hit in client(hub).search(HubQuery("ink 7", nsfw=True))}


def test_a_kind_that_civitai_does_not_have_is_not_asked_for(hub: TestHub) -> None:
    assert list(client(hub).search(HubQuery("x", kind="face-restorer"))) == []
    assert hub.requests == []


def test_versions_of_many_models_in_few_requests(hub: TestHub) -> None:
    models = [hub.add(f"c{number}".encode(), name=f"M{number}") for number in range(250)]
    hub.forget()
    found = client(hub).versions([*(str(model.id) for model in models), "999999", "not a number"])
    assert list(found) == [str(model.id) for model in models]
    assert len(hub.requests) == 3
    assert found[str(models[0].id)][0].version_id == str(models[0].versions[0].id)


def test_the_account(hub: TestHub) -> None:
    assert client(hub).account() is None
    assert hub.requests == []
    assert client(hub, token=True).account() == "tester"
    revoked = Credential("revoked", frozenset({origin_of(hub.url("civitai"))}))
    with pytest.raises(AccessError) as caught:
        Civitai(web(hub, {"civitai": revoked}), hub.url("civitai")).account()
    assert caught.value.reference == "token-refused"
    assert "revoked" not in str(caught.value)


# --- bytes ---------------------------------------------------------------------------------------------------------


def one(hub: TestHub, **what: Any) -> tuple[Model, Listing]:
    model = hub.add(bytes(range(256)) * 40, **what)
    address = f"{hub.url('civitai')}/api/v1/model-versions/{model.versions[0].id}"
    return model, parse_version(web(hub).ask("civitai", "GET", address).data, hub.url("civitai"), NOW)


def test_a_file_is_read_from_the_address_that_we_build(hub: TestHub) -> None:
    model, listing = one(hub)
    hub.forget()
    hub_client = client(hub, token=True)
    with hub_client.open(listing, listing.files[0]) as stream:
        assert (stream.status, stream.total) == (200, 256 * 40)
        assert b"".join(stream.chunks()) == bytes(range(256)) * 40
        etag = stream.etag
    assert hub.requests[0].target == f"/api/download/models/{listing.version_id}?fileId={model.versions[0].files[0].id}"
    assert hub.leaks(hub.tokens["civitai"]) == []
    with hub_client.open(listing, listing.files[0], start=10_000, etag=etag) as stream:
        assert (stream.status, stream.start) == (206, 10_000)
        assert b"".join(stream.chunks()) == (bytes(range(256)) * 40)[10_000:]


@pytest.mark.parametrize(
    ("what", "reference", "said"),
    [
        ({"requires_login": True}, "login-needed", "hubs login civitai"),
        ({"early_access": "2099-01-01T00:00:00.000Z"}, "early-access", "2099-01-01"),
        ({"forbidden": True}, "download-refused", "hubman add"),
    ],
)
def test_a_refusal_says_what_to_do(hub: TestHub, what: dict[str, object], reference: str, said: str) -> None:
    _, listing = one(hub, **what)
    with pytest.raises(AccessError) as caught:
        client(hub).open(listing, listing.files[0])
    assert caught.value.reference == reference
    assert said in f"{caught.value} {caught.value.hint}"


def test_what_may_only_be_used_on_the_site_is_not_asked_for(hub: TestHub) -> None:
    _, listing = one(hub, disabled=True)
    hub.forget()
    with pytest.raises(AccessError) as caught:
        client(hub).open(listing, listing.files[0])
    assert caught.value.reference == "download-disabled"
    assert hub.requests == []


@pytest.mark.parametrize("fault", [LoginPage(), LoginRedirect()])
def test_a_login_page_is_no_file(hub: TestHub, fault: Any) -> None:
    _, listing = one(hub)
    hub.misbehave(fault, path="/api/download")
    with pytest.raises(AccessError) as caught:
        client(hub).open(listing, listing.files[0])
    assert caught.value.reference == "login-needed"


@pytest.mark.parametrize(
    ("scenario", "kind", "reference"),
    [
        ("downloads disabled", AccessError, "download-disabled"),
        ("download needs login (non-browser UA)", AccessError, "login-needed"),
        ("early access (non-browser UA)", AccessError, "early-access"),
        ("signed in, no grant", AccessError, "download-refused"),
        ("blocked ip/user", AccessError, "download-refused"),
        ("file not found or param mismatch or storage resolve failure", NotFoundError, "no-such-file"),
        ("archived model", NotFoundError, "gone-from-hub"),
        ("download quota", AccessError, "download-quota"),
        ("missing id", HubError, "hub-answer"),
    ],
)
def test_every_scenario_of_the_servers_source(hub: TestHub, scenario: str, kind: type, reference: str) -> None:
    said = next(entry for entry in recorded("http_scenarios.json") if entry["name"] == scenario)
    _, listing = one(hub)
    hub.misbehave(Status(said["status"], body=said["body"]), path="/api/download")
    with pytest.raises(kind) as caught:
        client(hub).open(listing, listing.files[0])
    assert caught.value.reference == reference
    assert caught.value.hint


def test_a_picture_and_what_is_none(hub: TestHub) -> None:
    image = png()
    model = hub.add(b"x", images=[image, Picture(Held(b"<html>not a picture</html>"))])
    listings = client(hub).resolve(HubRef("civitai", str(model.id)))
    good, bad = listings[0].images
    assert client(hub).picture(good) == image
    with pytest.raises(HubError) as caught:
        client(hub).picture(bad)
    assert caught.value.reference == "hub-answer"


def test_numbers_that_do_not_come_as_numbers() -> None:
    from hubman.hubs._civitai_answers import parse_ids

    good = {"modelVersionId": 5, "modelId": 6, "hash": sha("a").upper()}
    assert parse_ids(Answer(200, [good], {}, ""), {sha("a")}) == {sha("a"): (5, 6)}
    assert parse_ids(Answer(200, [{**good, "hash": sha("b")}], {}, ""), {sha("a")}) == {}
    documented = [{**entry, "hash": sha("a")} for entry in recorded("doc_by-hash_ids_response.json")]
    assert parse_ids(Answer(200, documented, {}, ""), {sha("a")}) == {sha("a"): (2514310, None)}
    for bad in ({}, {"items": []}, [1], [{**good, "modelVersionId": None}], None):
        with pytest.raises(HubError):
            parse_ids(Answer(200, bad, {}, ""), {sha("a")})
