"""hubs.modelscope: the documented shapes, and the whole of it over real sockets against the test hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hubman.core.hub import Gate, HubQuery, HubRef, Lookup
from hubman.core.types import Hashes
from hubman.errors import AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs._answers import Answer
from hubman.hubs._http import Credential, Web, origin_of
from hubman.hubs.modelscope import ModelScope, parse_hits, parse_model, site_of
from tests.conftest import lora_bytes
from tests.testhub import TestHub, misbehave
from tests.testhub.catalogue import File, Version
from tests.testhub.content import Held, picture

BASE = "https://modelscope.cn"
DATA = lora_bytes(5)
SHA256 = hashlib.sha256(DATA).hexdigest()


def listed(path: str, **more: object) -> dict[str, object]:
    return {"Path": path, "Name": path.rpartition("/")[2], "Type": "blob", "Size": 9, "Sha256": "AB" * 32, **more}


@pytest.fixture
def hub() -> Iterator[TestHub]:
    with TestHub() as started:
        yield started


@pytest.fixture
def open_scope(hub: TestHub) -> Iterator[Callable[..., ModelScope]]:
    """Return a function that opens the hub, with or without the token."""
    webs: list[Web] = []

    def start(token: str = "") -> ModelScope:
        base = hub.url("modelscope")
        origin = origin_of(base)
        assert origin
        credentials = {"modelscope": Credential(token, frozenset({origin}))} if token else {}
        webs.append(Web(credentials, bases=[base], sleep=lambda _: None))
        return ModelScope(webs[-1], base)

    yield start
    for web in webs:
        web.close()


# --- documented shapes


def test_the_fields_of_an_aigc_model() -> None:
    """The base is a word of the site, or hidden in JSON in a text; covers are one text or several."""
    model: dict[str, Any] = {
        "Path": "ink", "Name": "wash", "ChineseName": "水墨", "AigcType": "LoRA", "VisionFoundation": "SD_XL",
        "TriggerWords": ["shuimo", "", "shuimo"], "License": "apache-2.0", "CoverImage": "https://x.example/1.png",
        "OfficialTags": [{"ChineseName": "风格", "Tag": "style"}], "BaseModel": ["AI-ModelScope/sdxl-turbo"],
        "Description": "<p>ink</p><script>1</script>", "LastUpdatedTime": 1740830400, "Downloads": 7,
    }  # fmt: skip
    files = {"Files": [listed("a.safetensors"), listed("README.md"), {"Path": "unet", "Type": "tree"}]}
    listing = parse_model(model, files, "ink/wash", "master", BASE)
    assert (listing.name, listing.kind, listing.hub_type, listing.base_model) == ("水墨", "lora", "LoRA", "SD_XL")
    assert (listing.architecture, listing.words, listing.tags) == ("sdxl", ("shuimo",), ("风格", "style"))
    assert (listing.description, listing.licence.name, listing.published) == (
        "<p>ink</p>", "apache-2.0", "2025-03-01T12:00:00Z",
    )  # fmt: skip
    assert [(file.id, file.sha256, file.primary) for file in listing.files] == [("a.safetensors", "ab" * 32, True)]
    assert [image.url for image in listing.images] == ["https://x.example/1.png"]
    assert (listing.version_id, listing.page) == ("master", f"{BASE}/models/ink/wash")
    hidden = {"VisionFoundation": "", "AigcAttributes": json.dumps({"SubVisionFoundation": "FLUX_1"})}
    assert parse_model({**model, **hidden}, files, "ink/wash", "master", BASE).architecture == "flux1"
    unknown = {"VisionFoundation": "NEXT_9", "BaseModel": ["black-forest-labs/FLUX.1-dev"]}
    newer = parse_model({**model, **unknown}, files, "ink/wash", "master", BASE)
    assert (newer.base_model, newer.architecture) == ("NEXT_9", "flux1")


def test_the_version_is_the_newest_commit_where_it_is_known() -> None:
    """The hub names no commit of the repository, but the one that last changed each file."""
    first, second = "1" * 40, "2" * 40
    dated = [
        listed("a.safetensors", Revision=second, CommittedDate=20),
        listed("b.safetensors", Revision=first, CommittedDate=10),
    ]
    assert parse_model({"Name": "x"}, {"Files": dated}, "ink/wash", "master", BASE).version_id == second
    dated[1] = listed("b.safetensors", Revision=first)
    assert parse_model({"Name": "x"}, {"Files": dated}, "ink/wash", "v1", BASE).version_id == "v1"


def test_paths_that_lead_out_are_no_files() -> None:
    entries = [listed(path) for path in ("../a.safetensors", "/a.safetensors", "a\\b.safetensors", "x/../y.bin")]
    assert parse_model({"Name": "x"}, {"Files": [*entries, 5, None]}, "ink/wash", "master", BASE).files == ()


@pytest.mark.parametrize(("model", "files"), [(None, {"Files": []}), ({"Name": "x"}, {}), ({"Name": "x"}, [])])
def test_what_is_no_model_is_told_by_its_shape(model: object, files: object) -> None:
    with pytest.raises(HubError) as caught:
        parse_model(model, files, "ink/wash", "master", BASE)
    assert caught.value.reference == "hub-answer"


def test_a_search_that_found_nothing_and_one_that_makes_no_sense() -> None:
    assert parse_hits({"Model": {"Models": None, "TotalCount": 0}}, BASE) == ([], 0)
    with pytest.raises(HubError):
        parse_hits({"Model": {}}, BASE)


def test_which_site_a_host_is() -> None:
    assert [site_of(host) for host in ("www.modelscope.cn", "modelscope.ai", "xmodelscope.ai", None)] == [
        "modelscope.cn", "modelscope.ai", None, None,
    ]  # fmt: skip


class Recorder(Web):
    """A Web that only remembers what it was asked for, and has nothing."""

    asked: list[str]

    def ask(self, hub: str, method: str, url: str, **more: Any) -> Any:
        self.asked.append(url)
        return Answer(404, {"Code": 404, "Success": False, "Data": None}, {}, url)


CN, AI = (f"https://{host}/api/v1/models/ink/wash" for host in ("modelscope.cn", "www.modelscope.ai"))


@pytest.mark.parametrize(
    ("base", "host", "asked"),
    [
        ("https://modelscope.cn", "modelscope.ai", [AI]),
        ("https://modelscope.cn", "www.modelscope.cn", [CN]),
        ("https://modelscope.cn", None, [CN, AI]),
        ("https://www.modelscope.ai/", None, [AI, CN.replace("//", "//www.")]),
        ("https://mirror.example", "modelscope.ai", ["https://mirror.example/api/v1/models/ink/wash"]),
        ("https://mirror.example", None, ["https://mirror.example/api/v1/models/ink/wash"]),
    ],
)
def test_which_site_is_asked(base: str, host: str | None, asked: list[str]) -> None:
    """The one that a page named; without a page ours, then the other: what is on one of them is not gone."""
    web = Recorder()
    web.asked = []
    with pytest.raises(NotFoundError):
        ModelScope(web, base).resolve(HubRef("modelscope", "ink/wash", host=host))
    web.close()
    assert web.asked == asked


# --- against the test hub


def test_a_repository_is_resolved_and_read(hub: TestHub, open_scope: Callable[..., ModelScope]) -> None:
    model = hub.add(DATA, hubs=["modelscope"], base_model="SDXL 1.0")
    scope = open_scope()
    (listing,) = scope.resolve(HubRef("modelscope", model.repo))
    (file,) = listing.files
    assert (listing.version_id, listing.words, listing.kind, listing.architecture) == (
        model.versions[0].commit, ("shuimo",), "lora", "sdxl",
    )  # fmt: skip
    assert (file.sha256, file.size, file.primary) == (SHA256, len(DATA), True)
    with scope.open(listing, file, start=10, end=20) as stream:
        assert (stream.status, stream.start, b"".join(stream.chunks())) == (206, 10, DATA[10:20])
    assert scope.picture(listing.images[0]) == picture()
    assert scope.by_hashes([Hashes(SHA256, None, SHA256[:10], None)]) == Lookup()


def test_revisions_files_and_what_is_not_there(hub: TestHub, open_scope: Callable[..., ModelScope]) -> None:
    old, new = (
        Version("v1", [File("a.safetensors", Held(b"old"))]),
        Version("v2", [File("a.safetensors", Held(b"new"))]),
    )
    model = hub.add_model(versions=[new, old], hubs=["modelscope"])
    scope = open_scope()
    (listing,) = scope.resolve(HubRef("modelscope", model.repo, "v1", "README.md"))
    assert listing.version_id == old.commit
    assert {file.id for file in listing.files} == {"a.safetensors", "README.md"}
    (file,) = [file for file in listing.files if file.id == "a.safetensors"]
    with scope.open(listing, file) as stream:
        assert b"".join(stream.chunks()) == b"old"
    assert set(scope.versions([model.repo, "no/body"])) == {model.repo}
    for ref, reference in (
        (HubRef("modelscope", model.repo, None, "b.bin"), "no-such-file"),
        (HubRef("modelscope", "no/body"), "not-on-hub"),
        (HubRef("modelscope", "../x"), "not-on-hub"),
        (HubRef("modelscope", None), "not-on-hub"),
    ):
        with pytest.raises(NotFoundError) as caught:
            scope.resolve(ref)
        assert caught.value.reference == reference


def test_gates_and_tokens(hub: TestHub, open_scope: Callable[..., ModelScope]) -> None:
    model = hub.add(DATA, hubs=["modelscope"], gated=True)
    token = hub.tokens["modelscope"]
    (listing,) = open_scope().resolve(HubRef("modelscope", model.repo))
    with pytest.raises(AccessError):
        open_scope().open(listing, listing.files[0])
    model.granted = True
    with open_scope(token).open(listing, listing.files[0]) as stream:
        assert b"".join(stream.chunks()) == DATA
    assert (open_scope(token).account(), open_scope().account()) == ("tester", None)
    with pytest.raises(AccessError) as caught:
        open_scope("ms-wrong").account()
    assert caught.value.reference == "token-refused"
    assert hub.leaks(token) == []
    shown = parse_model({"Name": "x", "ProtectedMode": 2}, {"Files": []}, "ink/wash", "master", BASE)
    assert shown.access.gate is Gate.GATED


def test_both_searches(hub: TestHub, open_scope: Callable[..., ModelScope]) -> None:
    """The site's own knows words and bases; the documented one knows owners."""
    for number in range(40):
        author = "mo" if number < 3 else "li"
        hub.add_model(f"ink {number:02}", files=[b"x"], hubs=["modelscope"], base_model="SDXL 1.0", author=author)
    hub.add_model("ink vae", files=[b"x"], hubs=["modelscope"], kind="vae")
    scope = open_scope()
    hits = list(scope.search(HubQuery("ink", kind="lora", architecture="sdxl", limit=35)))
    assert (len(hits), hits[0].words, hits[0].architecture) == (35, ("shuimo",), "sdxl")
    assert len(hub.seen("modelscope", "dolphin", "PUT")) == 2
    assert [str(hit.ref) for hit in scope.search(HubQuery("ink", author="MO"))] == []
    assert len(list(scope.search(HubQuery("ink", author="mo")))) == 3
    assert hub.seen("modelscope", "owner=mo")


@pytest.mark.parametrize(
    ("envelope", "reference"),
    [
        ({"Code": 10010205001, "Success": False, "Data": None}, "not-on-hub"),
        ({"Code": 401, "Success": False, "Data": None}, "login-needed"),
        ({"Code": 200, "Success": True, "Data": None}, "hub-answer"),
        ({"Code": 999, "Success": False, "Data": {"Files": []}}, "hub-answer"),
        ([], "hub-answer"),
    ],
)
def test_an_envelope_with_status_200_may_be_a_refusal(
    hub: TestHub, open_scope: Callable[..., ModelScope], envelope: object, reference: str
) -> None:
    hub.misbehave(misbehave.Body(json.dumps(envelope).encode()), on="modelscope")
    with pytest.raises(HubmanError) as caught:
        open_scope().resolve(HubRef("modelscope", "ink/wash"))
    assert caught.value.reference == reference


@pytest.mark.parametrize("seed", range(12))
def test_odd_answers_are_read_or_refused(hub: TestHub, open_scope: Callable[..., ModelScope], seed: int) -> None:
    model = hub.add(DATA, hubs=["modelscope"])
    refused: set[str] = set()
    for fault in (misbehave.nulls(), misbehave.wrong_types(), misbehave.missing(), misbehave.unknown_fields()):
        with hub.misbehave(fault, on="modelscope", seed=seed):
            for ask in (
                lambda: open_scope().resolve(HubRef("modelscope", model.repo)),
                lambda: list(open_scope().search(HubQuery("ink"))),
                lambda: list(open_scope().search(HubQuery("ink", author="inkmaker"))),
            ):
                try:
                    ask()
                except HubmanError as error:
                    refused.add(error.reference)
    assert refused <= {"hub-answer", "not-on-hub", "login-needed"}
