"""What every hub must do, whatever it is: hubman.hubs.HUBS against the test hub, over real sockets.

A hub that is listed there gets all of this; it needs an answer function in tests/testhub/hub.py and a line in SAMPLES.
"""

from __future__ import annotations

import hashlib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import pytest

from hubman import __version__
from hubman.core import refs
from hubman.core.hub import HASH_KINDS, Hit, HubQuery, HubRef, Listing, RemoteFile
from hubman.core.listed import Hashes
from hubman.core.ports import Hub
from hubman.errors import AccessError, HubError, HubmanError, NotFoundError
from hubman.hubs import HUBS, open_hub
from hubman.hubs._http import Credential, Web, origin_of
from tests.conftest import lora_bytes
from tests.testhub import TestHub, misbehave
from tests.testhub.catalogue import Model
from tests.testhub.content import Held, Promised, Seeded, picture
from tests.testhub.misbehave import Drop, Fault, Late, Mutate, Redirect, Status

DATA = lora_bytes(5)
SHA256 = hashlib.sha256(DATA).hexdigest()
UNKNOWN = Hashes("ab" * 32, None, "ab" * 5, "cd" * 6)
SECRET = "value-that-nobody-should-quote"
KNOWN_KINDS = {kind for kinds in HASH_KINDS.values() for kind in kinds}


@dataclass(frozen=True)
class Sample:
    """What differs between hubs.

    Attributes:
        kind: of the models that it has. file: a name for one.
        forms: what a person may paste for a model, its newest version or its file; `{base}` is the hub's address.
        absent: a reference to something that it has not.
        token: the header that carries a token; None: it has no accounts.
        table: all its models are one answer, so that 404 says nothing about one of them.
        absent_500: it answers 500 to a number that it does not know, so that 500 may be that.
    """

    kind: str
    file: str
    forms: Callable[[str, Model], list[str]]
    absent: HubRef
    token: Mapping[str, str] | None = None
    table: bool = False
    absent_500: bool = False


BEARER = {"Authorization": "Bearer {}"}
SAMPLES: Mapping[str, Sample] = {
    "civitai": Sample(
        "lora",
        "ink.safetensors",
        lambda base, model: [
            f"{base}/models/{model.id}",
            f"{base}/models/{model.id}/ink-wash?modelVersionId={model.versions[0].id}",
            f"{base}/api/download/models/{model.versions[0].id}?type=Model&format=SafeTensor",
            f"urn:air:sd1:lora:civitai:{model.id}@{model.versions[0].id}",
            f"civitai:{model.id}",
            f"civitai:{model.id}@{model.versions[0].id}",
        ],
        HubRef("civitai", "7"),
        BEARER,
    ),
    "huggingface": Sample(
        "lora",
        "ink.safetensors",
        lambda base, model: [
            f"{base}/{model.repo}",
            f"{base}/{model.repo}/tree/main",
            f"{base}/{model.repo}/blob/main/ink.safetensors",
            f"{base}/{model.repo}/resolve/main/ink.safetensors?download=true",
            f"hf:{model.repo}",
            f"hf:{model.repo}/ink.safetensors@main",
            f"hf:{model.repo}@{model.versions[0].commit}",
        ],
        HubRef("huggingface", "no/body"),
        BEARER,
    ),
    "modelscope": Sample(
        "lora",
        "ink.safetensors",
        lambda base, model: [
            f"{base}/models/{model.repo}",
            f"{base}/models/{model.repo}/resolve/master/ink.safetensors",
            f"modelscope:{model.repo}",
            f"modelscope:{model.repo}/ink.safetensors@master",
        ],
        HubRef("modelscope", "no/body"),
        BEARER,
    ),
    "liblib": Sample(
        "lora",
        "ink.safetensors",
        lambda base, model: [
            f"{base}/modelinfo/{model.uuid}",
            f"{base}/modelinfo/{model.uuid}?from=search&versionUuid={model.versions[0].uuid}",
            f"liblib:{model.uuid}",
            f"liblib:{model.uuid}@{model.versions[0].uuid}",
        ],
        HubRef("liblib", "0" * 32),
        {"token": "{}"},
    ),
    "civarchive": Sample(
        "lora",
        "ink.safetensors",
        lambda base, model: [
            f"{base}/models/{model.id}",
            f"{base}/models/{model.id}?modelVersionId={model.versions[0].id}",
            f"civarchive:{model.id}@{model.versions[0].id}",
        ],
        HubRef("civarchive", "7"),
        absent_500=True,
    ),
    "openmodeldb": Sample(
        "upscaler",
        "ink.safetensors",
        lambda base, model: [f"{base}/models/4x-Ink-Wash", "openmodeldb:4x-Ink-Wash"],
        HubRef("openmodeldb", "4x-Nobody"),
        table=True,
    ),
}


class World:
    """A hub of hubman, the test hub that it asks, and one model there.

    Attributes:
        slept: seconds that the hub's manners wanted to wait; nobody waits in a test.
    """

    def __init__(self, name: str, server: TestHub) -> None:
        self.name, self.server, self.sample = name, server, SAMPLES[name]
        self.base = server.url(name)
        self.slept: list[float] = []
        self.webs: list[Web] = []
        self.model = server.add(
            DATA, hubs=[name], kind=self.sample.kind, file_name=self.sample.file, words=["shuimo"], tags=("style",)
        )

    def hub(self, token: str | None = None, **more: Any) -> Hub:
        """Open the hub, with a token for its own origin or without one."""
        credentials = {}
        if token and self.sample.token:
            origin = frozenset({origin_of(self.base)})
            credentials[self.name] = Credential(token, origin, self.sample.token)
        web = Web(credentials, bases=[self.base], sleep=self.slept.append, chance=lambda: 0.5, **more)
        self.webs.append(web)
        return open_hub(self.name, web, self.base)

    @property
    def token(self) -> str | None:
        """The token that the test hub knows; None where there are no accounts."""
        return self.server.tokens.get(self.name) if self.sample.token else None

    def ref(self) -> HubRef:
        """A reference to the model's newest version."""
        return self.parse(self.sample.forms(self.base, self.model)[-1])

    def parse(self, text: str) -> HubRef:
        """Read what a person pasted, the test hub being the configured address."""
        return refs.parse(text, hosts={urlsplit(self.base).netloc: self.name})

    def listing(self, hub: Hub) -> tuple[Listing, RemoteFile]:
        """Return the model's version and its file."""
        listing = hub.resolve(self.ref())[0]
        (file,) = [file for file in listing.files if file.sha256 == SHA256]
        return listing, file

    def on_hub(self, fault: Fault, **when: Any) -> misbehave.Rule:
        """Let the hub's own port misbehave."""
        return self.server.misbehave(fault, on=self.name, **when)

    def everything(self, hub: Hub, listing: Listing | None = None, file: RemoteFile | None = None) -> list[object]:
        """Call all that a hub has; return what came, errors of hubman's among it. Any other error is raised."""
        known = Held(DATA).hashes
        calls: list[Callable[[], object]] = [
            lambda: hub.resolve(self.ref()),
            lambda: hub.by_hashes([known, UNKNOWN]),
            lambda: list(hub.search(HubQuery("ink", limit=5))),
            lambda: hub.versions([self.ref().model or ""]),
            hub.account,
        ]
        if listing and file:
            calls.append(lambda: read(hub, listing, file))
            calls += [lambda image=image: hub.picture(image) for image in listing.images]  # type: ignore[misc]
        return [caught(call) for call in calls]


def caught(call: Callable[[], object]) -> object:
    """Return what a call returns, or hubman's own error."""
    try:
        return call()
    except HubmanError as error:
        return error


def read(hub: Hub, listing: Listing, file: RemoteFile, **where: Any) -> tuple[int, int, bytes]:
    """Return status, first byte and bytes of a file."""
    with hub.open(listing, file, **where) as stream:
        return stream.status, stream.start, b"".join(stream.chunks())


@pytest.fixture(params=list(HUBS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Every hub that hubman lists, in turn."""
    assert request.param in SAMPLES, "a new hub needs a line in SAMPLES, and an answer function in tests/testhub/hub.py"
    with TestHub() as server:
        world = World(request.param, server)
        yield world
        for web in world.webs:
            web.close()


def refused(call: Callable[[], object], *kinds: type[HubmanError]) -> HubmanError:
    """Return the error that a call raises; it says what, and what to do next."""
    with pytest.raises(kinds) as caught_error:
        call()
    error = caught_error.value
    assert isinstance(error, HubmanError)
    assert error.message.strip()
    assert error.hint.strip(), f"{error.reference} does not say what to do next"
    return error


# What it is


def test_it_says_what_it_is(world: World) -> None:
    hub = world.hub()
    assert hub.name == world.name
    assert hub.title.strip()
    assert isinstance(hub.needs_yes, bool)
    assert isinstance(hub.parallel, bool)
    assert set(hub.hash_kinds) <= KNOWN_KINDS


# References


def test_everything_that_people_paste_leads_to_the_model(world: World) -> None:
    hub = world.hub()
    version = world.ref().version
    for text in world.sample.forms(world.base, world.model):
        listings = hub.resolve(world.parse(text))
        assert listings, text
        newest = listings[0]
        assert (newest.hub, newest.name.strip() != "") == (world.name, True)
        assert {SHA256} <= {file.sha256 for file in newest.files}, text
        (file,) = [file for file in newest.files if file.sha256 == SHA256]
        assert file.size in (None, len(DATA))
        assert file.name.rpartition("/")[2] == world.sample.file
        assert well_typed(newest) == []
        assert version is None or world.parse(text).version is None or newest.version_id


def test_a_listing_s_own_reference_leads_back_to_it(world: World) -> None:
    hub = world.hub()
    listing, file = world.listing(hub)
    again = hub.resolve(refs.parse(str(listing.ref)))[0]
    assert (again.model_id, again.version_id) == (listing.model_id, listing.version_id)
    assert file.id in {other.id for other in again.files}


def test_versions_come_newest_first_and_what_is_gone_is_left_out(world: World) -> None:
    hub = world.hub()
    listing, _ = world.listing(hub)
    found = hub.versions([listing.model_id, world.sample.absent.model or ""])
    assert set(found) == {listing.model_id}
    assert found[listing.model_id][0].version_id == listing.version_id


def test_what_is_not_there_is_said_with_a_next_step(world: World) -> None:
    hub = world.hub()
    refused(lambda: hub.resolve(world.sample.absent), NotFoundError)


# Hashes


def test_contents_are_found_by_hash_or_definitely_missed(world: World) -> None:
    hub = world.hub()
    lookup = hub.by_hashes([Held(DATA).hashes, UNKNOWN])
    assert lookup.trouble is None
    if not hub.hash_kinds:
        assert (lookup.found, lookup.missed, lookup.calls) == ((), (), 0)
        assert world.server.requests == []
        return
    (match,) = lookup.found
    assert match.sha256 == SHA256
    assert match.how in hub.hash_kinds
    assert match.listing.hub == world.name
    assert match.file is not None
    assert match.file in match.listing.files
    assert match.file.sha256 == SHA256
    assert lookup.missed == (UNKNOWN.sha256,)
    assert lookup.calls == len(world.server.requests)
    assert well_typed(match.listing) == []
    again = hub.resolve(match.listing.ref)[0]
    assert (again.model_id, again.version_id) == (match.listing.model_id, match.listing.version_id)


BROKEN: Mapping[str, Fault] = {
    "500": Status(500),
    "503": Status(503, retry_after=1),
    "429": Status(429, retry_after=1),
    "401": Status(401, body={"error": "Unauthorized"}),
    "403": Status(403, body="<html>blocked</html>"),
    "html": misbehave.html(),
    "login": misbehave.LoginPage(),
    "garbage": misbehave.garbage(),
    "empty": misbehave.empty(),
    "number": misbehave.Body(b"42"),
    "text": misbehave.Body(b'"ok"'),
    "null": misbehave.Body(b"null"),
    "an error with 200": Status(
        200,
        body={
            "error": "busy",
            "code": 500,
            "msg": "系统繁忙",
            "data": None,
            "Code": 500,
            "Success": False,
            "Message": "busy",
        },
    ),
    "reset": Drop(reset=True),
    "closed": Drop(),
    "deep": misbehave.Deep(20_000),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_hub_misses_nothing(world: World, fault: str) -> None:
    """No answer of a broken hub is an answer: trouble is told, and nobody is said to be unknown."""
    hub = world.hub()
    if not hub.hash_kinds:
        return
    with world.on_hub(BROKEN[fault]):
        lookup = hub.by_hashes([Held(DATA).hashes, UNKNOWN])
    assert (lookup.found, lookup.missed) == ((), ())
    assert isinstance(lookup.trouble, HubError | AccessError)
    assert lookup.trouble.hint.strip()


def test_a_hub_that_does_not_answer_in_time_misses_nothing(world: World) -> None:
    hub = world.hub(stall_s=0.1)
    if not hub.hash_kinds:
        return
    with world.on_hub(Late(seconds=2)):
        lookup = hub.by_hashes([UNKNOWN])
    assert lookup.missed == ()
    assert isinstance(lookup.trouble, HubError)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_hub_is_told_as_such(world: World, fault: str) -> None:
    """Whoever asks for a model gets hubman's error with a next step, whatever the hub sends."""
    hub = world.hub()
    world.on_hub(BROKEN[fault])
    error = refused(lambda: hub.resolve(world.ref()), HubError, AccessError, NotFoundError)
    if fault == "500" and world.sample.absent_500:
        return
    if fault in ("500", "503", "429"):
        assert isinstance(error, HubError)
        assert error.passing
    assert not isinstance(error, NotFoundError) or fault == "401", "nothing was said about the model"


@pytest.mark.parametrize(
    ("status", "kinds"),
    [(401, (AccessError, NotFoundError)), (403, (AccessError,)), (404, (NotFoundError,)), (410, (NotFoundError,))],
)
def test_refusals_have_their_own_errors(world: World, status: int, kinds: tuple[type[HubmanError], ...]) -> None:
    """401 may be NotFoundError: Hugging Face answers so for what is not there."""
    hub = world.hub()
    if world.sample.table and status == 404:
        kinds = (HubError,)
    with world.on_hub(Status(status, body={"error": "refused"})):
        refused(lambda: hub.resolve(world.ref()), *kinds)


def test_a_busy_hub_is_asked_again_after_the_time_that_it_names(world: World) -> None:
    hub = world.hub()
    world.on_hub(Status(429, retry_after=7), times=1)
    assert hub.resolve(world.ref())
    assert any(7 <= seconds <= 8 for seconds in world.slept), world.slept


# Answers that are not as documented


def test_unknown_fields_change_nothing(world: World) -> None:
    hub = world.hub()
    plain = hub.resolve(world.ref())
    world.on_hub(misbehave.unknown_fields())
    assert hub.resolve(world.ref()) == plain
    assert [hit.ref for hit in hub.search(HubQuery("ink"))]


@pytest.mark.parametrize("maker", [misbehave.nulls, misbehave.missing, misbehave.wrong_types])
def test_nulls_gaps_and_wrong_types_are_survived(world: World, maker: Callable[[float], Mutate]) -> None:
    """Values of the promised types, or an error of hubman's; seeded, and at three densities."""
    hub = world.hub(world.token)
    for chance in (0.03, 0.15, 0.6):
        for seed in range(6):
            with world.on_hub(maker(chance), seed=seed):
                for came in world.everything(hub):
                    assert well_typed(came) == [], (maker.__name__, chance, seed)
                    if isinstance(came, HubmanError):
                        assert came.message


def test_an_answer_that_is_not_understood_is_told_by_its_shape(world: World) -> None:
    """Keys and types, never values: they may be secret."""
    hub = world.hub()
    world.on_hub(Mutate(lambda data, dice: {"wrapped": [SECRET, {"inner": SECRET}], "code": "0", "Code": "200"}))
    error = refused(lambda: hub.resolve(world.ref()), HubError)
    assert error.reference == "hub-answer"
    assert SECRET not in f"{error.message} {error.hint} {error!r}"


@pytest.mark.parametrize("fault", [misbehave.GzipBomb(80 << 20), misbehave.HugeJson(80 << 20)])
def test_an_answer_without_an_end_is_not_read(world: World, fault: Fault) -> None:
    hub = world.hub()
    world.on_hub(fault)
    error = refused(lambda: hub.resolve(world.ref()), HubError)
    assert error.reference == "answer-too-large"


# Files


def test_a_file_is_read_from_any_byte(world: World) -> None:
    hub = world.hub(world.token)
    listing, file = world.listing(hub)
    with hub.open(listing, file) as stream:
        assert (stream.status, stream.start, stream.total) == (200, 0, len(DATA))
        assert b"".join(stream.chunks()) == DATA
        etag = stream.etag
    assert etag
    assert read(hub, listing, file, start=1000) == (206, 1000, DATA[1000:])
    assert read(hub, listing, file, start=1000, etag=etag) == (206, 1000, DATA[1000:])
    assert read(hub, listing, file, start=1000, end=1500) == (206, 1000, DATA[1000:1500])
    assert read(hub, listing, file, start=1000, etag='"of another content"') == (200, 0, DATA)
    with hub.open(listing, file, start=len(DATA)) as stream:
        assert stream.status == 416


def test_a_signed_address_is_asked_for_anew_and_kept_nowhere(world: World) -> None:
    hub = world.hub(world.token)
    listing, file = world.listing(hub)
    for _ in range(2):
        with hub.open(listing, file) as stream:
            assert b"".join(stream.chunks()) == DATA
            shown = repr((listing, file, getattr(stream, "url", ""), vars_of(hub)))
        assert not [secret for secret in world.server.signatures if secret in shown]
        world.server.expire_links()


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
def test_a_file_that_is_refused_is_told_with_a_next_step(world: World, status: int) -> None:
    hub = world.hub(world.token)
    listing, file = world.listing(hub)
    world.server.misbehave(Status(status, body={"error": "refused"}))
    kinds: dict[int, tuple[type[HubmanError], ...]] = {
        401: (AccessError, NotFoundError),
        403: (AccessError,),
        404: (NotFoundError,),
        410: (NotFoundError,),
        429: (HubError, AccessError),  # Civitai's quota of downloads is no haste: waiting some seconds does not help
    }
    error = refused(lambda: read(hub, listing, file), *kinds.get(status, (HubError,)))
    assert not isinstance(error, HubError) or error.passing


def test_a_cut_line_is_an_error_that_passes(world: World) -> None:
    hub = world.hub(world.token)
    listing, file = world.listing(hub)
    world.server.misbehave(misbehave.Cut(after=5000, reset=True), path=r"\.bin|/plain/")
    with hub.open(listing, file) as stream:
        got = bytearray()
        with pytest.raises(HubError) as caught_error:
            for chunk in stream.chunks():
                got += chunk
    assert caught_error.value.reference == "connection-lost"
    assert caught_error.value.passing
    assert bytes(got) == DATA[: len(got)]


# Pictures


def test_pictures_are_pictures(world: World) -> None:
    hub = world.hub()
    listing, _ = world.listing(hub)
    assert listing.images, "a preview is half of what a hub is asked for"
    assert hub.picture(listing.images[0]) == picture()


@pytest.mark.parametrize("what", ["a page", "too large", "too large without a length", "not there"])
def test_what_is_no_picture_is_refused_and_not_read_to_its_end(world: World, what: str) -> None:
    hub = world.hub()
    listing, _ = world.listing(hub)
    image = world.model.versions[0].images[0]
    if what == "a page":
        image.content = Held(b"<!DOCTYPE html><html></html>")
    elif what == "not there":
        world.server.misbehave(Status(404))
    else:
        image.content = Seeded(400 << 20, head=picture())
        if what.endswith("length"):
            world.server.misbehave(misbehave.Chunked())
    error = caught(lambda: hub.picture(listing.images[0]))
    assert isinstance(error, HubError | NotFoundError), error
    assert error.exit_code in (3, 4)
    assert world.server.requests[-1].sent < 64 << 20


# Search


def test_a_search_asks_for_pages_as_they_are_taken(world: World) -> None:
    for number in range(230):
        content = Promised(f"{number:064x}", 1_000_000)
        what = {"hubs": [world.name], "kind": world.sample.kind, "images": []}
        world.server.add_model(f"Paper {number:03}", files=[content], **what)
    hub = world.hub()
    hits = hub.search(HubQuery("paper", limit=150))
    assert world.server.requests == [], "nothing is asked before anybody takes"
    first = next(hits)
    asked = len(world.server.requests)
    assert 1 <= asked <= 2
    rest = list(hits)
    assert len(rest) == 149
    assert len({hit.ref for hit in [first, *rest]}) == 150
    assert len(world.server.requests) <= asked + 15
    assert all("paper" in hit.name.lower() for hit in [first, *rest])
    assert well_typed(rest) == []
    few = world.hub()
    world.server.forget()
    assert len(list(islice(few.search(HubQuery("paper", limit=3)), 10))) == 3
    assert len(world.server.requests) <= asked


def test_a_hit_leads_to_its_model(world: World) -> None:
    hub = world.hub()
    (hit,) = hub.search(HubQuery("ink wash"))
    assert {SHA256} <= {file.sha256 for file in hub.resolve(hit.ref)[0].files}
    assert list(hub.search(HubQuery("nothing-is-called-so"))) == []


# Tokens


def test_the_token_goes_home_and_nowhere_else(world: World) -> None:
    token = world.token
    if token is None:
        return
    hub = world.hub(token)
    listing, file = world.listing(hub)
    for came in world.everything(hub, listing, file):
        assert not isinstance(came, HubmanError), f"{came.reference}: {came}"
    assert any(token in value for request in world.server.requests for _, value in request.headers)
    assert world.server.leaks(token) == []
    for to in ("{elsewhere}{path}", world.base.replace("127.0.0.1", "localhost") + "{path}"):
        with world.on_hub(Redirect(to), times=20):
            world.everything(hub, listing, file)
    assert world.server.leaks(token) == []
    assert token not in repr((listing, file, vars_of(hub)))


def test_a_token_that_the_hub_refuses(world: World) -> None:
    if world.token is None:
        return
    error = refused(world.hub("wrong-token-of-somebody").account, AccessError)
    assert error.reference == "token-refused"
    assert "wrong-token-of-somebody" not in f"{error.message} {error.hint} {error!r}"


def test_the_account_is_who_the_token_belongs_to(world: World) -> None:
    assert world.hub().account() is None
    if world.token is not None:
        assert world.hub(world.token).account() == world.server.account


# Manners


def test_every_request_says_who_asks(world: World) -> None:
    hub = world.hub(world.token)
    world.everything(hub, *world.listing(hub))
    agents = {request.header("user-agent") for request in world.server.requests}
    assert agents == {f"hubman/{__version__}"}


def test_offline_asks_nobody(world: World) -> None:
    online = world.hub(world.token)
    listing, file = world.listing(online)
    world.server.forget()
    hub = world.hub(world.token, offline=True)
    for came in world.everything(hub, listing, file):
        if isinstance(came, HubmanError):
            assert came.reference == "offline"
        else:  # a lookup tells its trouble; a hub without accounts or look-ups has nothing to ask
            trouble = getattr(came, "trouble", None)
            assert came is None or trouble is None or trouble.reference == "offline"
            assert not getattr(came, "missed", ())
    with pytest.raises(HubError) as caught_error:
        hub.resolve(world.ref())
    assert caught_error.value.reference == "offline"
    assert not caught_error.value.passing
    assert world.server.requests == []


# Types


def vars_of(thing: object, depth: int = 2) -> object:
    """Return what an object remembers, to look for secrets in it; never a credential's own field."""
    if depth == 0 or isinstance(thing, Web | Credential | str | int | float | type(None)):
        return thing if isinstance(thing, str) else None
    if isinstance(thing, Mapping):
        return {str(key): vars_of(value, depth - 1) for key, value in thing.items()}
    if isinstance(thing, list | tuple | set):
        return [vars_of(value, depth - 1) for value in thing]
    return {name: vars_of(value, depth - 1) for name, value in getattr(thing, "__dict__", {}).items()}


def well_typed(value: object, declared: object = None, where: str = "") -> list[str]:
    """Return the places where a value of core/hub.py is not of the type that its class declares."""
    if declared is None:
        if isinstance(value, Mapping):
            return [bad for key, inner in value.items() for bad in well_typed(inner, None, f"{where}.{key}")]
        if isinstance(value, list | tuple):
            return [bad for number, inner in enumerate(value) for bad in well_typed(inner, None, f"{where}[{number}]")]
        if not is_dataclass(value) or isinstance(value, type):
            return []
        hints = typing.get_type_hints(type(value))
        return [
            bad
            for field in fields(value)
            for bad in well_typed(getattr(value, field.name), hints[field.name], f"{where}.{field.name}")
        ]
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if declared is Any or declared is object:
        return []
    if origin in (types.UnionType, typing.Union):
        return [] if any(well_typed(value, option, where) == [] for option in arguments) else [f"{where}: {value!r}"]
    if origin is tuple:
        if not isinstance(value, tuple):
            return [f"{where}: {value!r} is no tuple"]
        return [bad for inner in value for bad in well_typed(inner, arguments[0], f"{where}[]")]
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            return [f"{where}: {value!r} is no mapping"]
        pairs = list(value.items())
        return [
            bad for k, v in pairs for bad in well_typed(k, arguments[0], where) + well_typed(v, arguments[1], where)
        ]
    assert isinstance(declared, type)
    if is_dataclass(declared) and isinstance(value, declared):
        return well_typed(value, None, where)
    if declared is float:
        return [] if isinstance(value, float | int) and not isinstance(value, bool) else [f"{where}: {value!r}"]
    good = isinstance(value, declared) and not (declared is int and isinstance(value, bool))
    return [] if good else [f"{where}: {value!r} is no {declared.__name__}"]


def test_the_type_checker_of_these_tests_can_fail() -> None:
    good = Listing(
        "civitai", "1", "2", "Ink", words=("a",), weight=1, files=(RemoteFile("3", "a.safetensors", size=4),)
    )
    assert well_typed(good) == []
    assert well_typed(replace(good, weight="1"))  # type: ignore[arg-type]
    assert well_typed(replace(good, words=["a"]))  # type: ignore[arg-type]
    assert well_typed(replace(good, words=(1,)))  # type: ignore[arg-type]
    assert well_typed(replace(good, files=(RemoteFile("3", None),)))  # type: ignore[arg-type]
    assert well_typed([Hit(HubRef("civitai"), "Ink", downloads=True)])
    assert well_typed({"a": (replace(good, files=(RemoteFile("3", "a", hashes={"sha256": 1}),)),)})  # type: ignore[dict-item]
