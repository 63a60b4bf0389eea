"""The web of hubs, on real sockets: no token leaks, no private machine is asked, nobody is hammered."""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import json
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from hubman import __version__
from hubman.errors import AccessError, HubError, HubmanError
from hubman.hubs._errors import refusal
from hubman.hubs._guard import Guard, is_public
from hubman.hubs._http import Credential, Web, origin_of, redact_text, redacted
from hubman.hubs._patience import Lane, Limit, limit_of
from hubman.hubs._pools import Pools
from tests.hubs.serving import Asked, Reply, Served

SECRET = "s3cr3t-t0ken-of-mine"
NAMES = {
    "hub.test": ["127.0.0.1"],
    "cdn.test": ["127.0.0.1"],
    "inside.test": ["127.0.0.2"],
    "metadata.test": ["169.254.169.254"],
}


class World:
    """A clock that only sleeping moves, names that lead to loopback, and no proxy."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def resolve(self, host: str, port: int) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        if host not in NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return NAMES[host]

    def web(self, *bases: str, token_for: str = "", headers: dict[str, str] | None = None, **options: Any) -> Web:
        credentials = {}
        if token_for:
            more = {"headers": headers} if headers else {}
            credentials["civitai"] = Credential(SECRET, frozenset({origin_of(token_for)}), **more)
        given = {
            "resolve": self.resolve, "clock": lambda: self.time, "now": lambda: 1_800_000_000.0, "sleep": self.sleep,
            "chance": lambda: 0.0, "proxies": {}, **options,
        }  # fmt: skip
        return Web(credentials, bases=bases, **given)


@pytest.fixture
def world() -> World:
    return World()


def leads_to(target: str, status: int = 302, path: str = "/start") -> Callable[[Asked], Reply]:
    """Return a handler that redirects one path and answers JSON on all others."""
    return lambda asked: (
        Reply(status, b"", {"Location": target}) if asked.target == path else Reply(body=b'{"fine": true}')
    )


def fails(call: Callable[[], object]) -> HubmanError:
    """Return the error that a call ends with; its text and its traceback show no secret."""
    with pytest.raises(HubmanError) as caught:
        call()
    text = "".join(traceback.format_exception(caught.value)) + caught.value.message + caught.value.hint
    assert SECRET not in text
    assert "X-Amz-Signature=" not in text or "X-Amz-Signature=***" in text
    return caught.value


# --- who is asking, and with what -----------------------------------------------------------------


def test_a_question_says_who_asks_and_carries_the_token_to_its_own_origin(world: World) -> None:
    with Served(lambda _: Reply(body=b'{"items": [1]}')) as hub, world.web(hub.url, token_for=hub.url) as web:
        answer = web.ask("civitai", "POST", f"{hub.url}/api/x", params={"a": "b c", "n": 3}, body=["q"])
    (asked,) = hub.asked
    assert (answer.status, answer.data, answer.token_sent) == (200, {"items": [1]}, True)
    assert (asked.method, asked.target, json.loads(asked.body)) == ("POST", "/api/x?a=b+c&n=3", ["q"])
    assert asked.headers["user-agent"] == f"hubman/{__version__}"
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(answer) + repr(web)


def test_an_anonymous_question_and_another_hub_carry_no_token(world: World) -> None:
    with Served(lambda _: Reply()) as hub, world.web(hub.url, token_for=hub.url) as web:
        web.ask("civitai", "GET", f"{hub.url}/a", anonymous=True)
        web.ask("huggingface", "GET", f"{hub.url}/b")
    assert SECRET not in hub.seen()


def test_cookies_are_not_kept_and_netrc_is_not_read(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Served(lambda _: Reply(headers={"Set-Cookie": "session=abc"})) as hub, world.web(hub.url) as web:
        first = web.ask("civitai", "GET", f"{hub.url}/a")
        web.ask("civitai", "GET", f"{hub.url}/b")
    assert not any("cookie" in one.headers or "authorization" in one.headers for one in hub.asked)
    assert "set-cookie" not in first.headers


# --- case 34: redirects and the token -------------------------------------------------------------

REDIRECTS = {
    "another port": "http://127.0.0.1:{port}/x",
    "another host": "http://cdn.test:{port}/x",
    "protocol-relative": "//cdn.test:{port}/x",
    "host in capitals": "http://CDN.TEST:{port}/x",
    "signed": "http://cdn.test:{port}/x?X-Amz-Signature=abc&token=def",
    "several slashes": "http://cdn.test:{port}//127.0.0.1/x",
}


@pytest.mark.parametrize("kind", REDIRECTS)
@pytest.mark.parametrize("headers", [None, {"token": "{}", "Cookie": "usertoken={}"}], ids=["bearer", "liblib"])
def test_a_token_stays_at_home(world: World, kind: str, headers: dict[str, str] | None) -> None:
    """Case 34: six kinds of redirect, five statuses, two ways of carrying a token."""
    with Served(lambda _: Reply(body=b'{"fine": true}')) as cdn:
        target = REDIRECTS[kind].format(port=cdn.port)
        with Served(lambda asked: Reply(int(asked.target[1:]), b"", {"Location": target})) as hub:
            with world.web(hub.url, "http://hub.test", token_for=hub.url, headers=headers) as web:
                for status in (301, 302, 303, 307, 308):
                    with web.stream(
                        "civitai", f"{hub.url}/{status}", headers={"X-Own": SECRET, "Range": "bytes=0-"}
                    ) as it:
                        assert b"".join(it.chunks()) == b'{"fine": true}'
                    assert "abc" not in it.url
                    assert "def" not in it.url
    assert hub.seen().count(SECRET) == 5 * (2 if headers is None else 3)
    assert SECRET not in cdn.seen()
    assert [one.headers["range"] for one in cdn.asked] == ["bytes=0-"] * 5


def test_a_redirect_within_the_hub_keeps_the_token(world: World) -> None:
    with Served(leads_to("/moved")) as hub, world.web(hub.url, token_for=hub.url) as web:
        assert web.ask("civitai", "GET", f"{hub.url}/start").data == {"fine": True}
    assert [SECRET in one.headers["authorization"] for one in hub.asked] == [True, True]


def test_a_token_that_went_through_elsewhere_comes_home_only(world: World) -> None:
    """hub -> cdn -> hub: the cdn sees nothing, the hub sees it again."""
    with Served(lambda _: Reply(302, b"", {"Location": f"{hub.url}/end"})) as cdn:
        with Served(leads_to(f"{cdn.url}/x")) as hub, world.web(hub.url, token_for=hub.url) as web:
            assert web.ask("civitai", "GET", f"{hub.url}/start").data == {"fine": True}
    assert SECRET not in cdn.seen()
    assert [one.target for one in hub.asked] == ["/start", "/end"]


@pytest.mark.parametrize("place", ["http://me@{host}/x", "http://a:b@{host}/x", "http://127.0.0.1:1@{host}/x"])
def test_an_address_with_a_user_in_it_is_not_followed(world: World, place: str) -> None:
    with Served(lambda _: Reply()) as other, Served(leads_to(place.format(host=other.url[7:]))) as hub:
        with world.web(hub.url, token_for=hub.url) as web:
            error = fails(lambda: web.ask("civitai", "GET", f"{hub.url}/start"))
    assert (error.reference, other.asked) == ("redirect-refused", [])


def test_a_body_goes_along_as_the_status_says(world: World) -> None:
    """307 and 308 repeat the question; 303 asks for a page. hashes in a POST survive a move of the API."""
    with Served(leads_to("/moved", 307)) as hub, world.web(hub.url) as web:
        web.ask("civitai", "POST", f"{hub.url}/start", body=[1])
    assert [(one.method, one.body) for one in hub.asked] == [("POST", b"[1]"), ("POST", b"[1]")]
    with Served(leads_to("/moved", 303)) as hub, world.web(hub.url) as web:
        web.ask("civitai", "POST", f"{hub.url}/start", body=[1])
    assert [(one.method, one.body) for one in hub.asked] == [("POST", b"[1]"), ("GET", b"")]


def test_stay_returns_a_redirect_that_leads_away(world: World) -> None:
    with Served(leads_to("http://cdn.test/x")) as hub, world.web(hub.url) as web:
        assert web.ask("huggingface", "HEAD", f"{hub.url}/start", stay=True).status == 302


@pytest.mark.parametrize(
    "page",
    ["/login?returnUrl=%2Fmodel-versions%2F1&reason=download-auth", "/en/login", "/signin", "/x?reason=download-auth"],
)
def test_a_login_page_is_no_file(world: World, page: str) -> None:
    """Case 27: a redirect to a page for logging in is said as what it is."""
    with Served(leads_to(page, 307)) as hub, world.web(hub.url) as web:
        error = fails(lambda: web.stream("civitai", f"{hub.url}/start"))
    assert isinstance(error, AccessError)
    assert (error.reference, len(hub.asked)) == ("login-needed", 1)
    assert "hubman hubs login civitai" in error.hint


def test_a_login_page_in_spite_of_a_token(world: World) -> None:
    with Served(leads_to("/login?reason=download-auth")) as hub, world.web(hub.url, token_for=hub.url) as web:
        assert fails(lambda: web.stream("civitai", f"{hub.url}/start")).reference == "token-refused"


def test_a_model_called_login_is_a_model(world: World) -> None:
    with Served(leads_to("/org/login/resolve/main/login.bin")) as hub, world.web(hub.url) as web:
        assert web.ask("huggingface", "GET", f"{hub.url}/start").status == 200


# --- case 35: machines that no hub is -------------------------------------------------------------

PRIVATE = [
    "http://127.0.0.2:{port}/x", "http://127.2:{port}/", "http://0x7f000002:{port}/", "http://2130706434:{port}/",
    "http://[::ffff:127.0.0.2]:{port}/", "http://inside.test:{port}/x", "http://0.0.0.0:{port}/",
    "http://169.254.169.254/latest/meta-data/", "http://metadata.test/", "http://10.0.0.1/", "http://192.168.1.1/",
    "http://100.100.100.200/", "http://[fd00:ec2::254]/", "http://[fe80::1]/", "http://[64:ff9b::7f00:2]/",
    "http://[2002:7f00:0002::1]/", "http://224.0.0.1/", "http://255.255.255.255/",
]  # fmt: skip


@pytest.mark.parametrize("place", PRIVATE)
def test_nobody_leads_hubman_into_the_home_network(world: World, place: str) -> None:
    """Case 35: a redirect, or an address in a hub's answer. The base itself may be private, its neighbours not."""

    def by_the_system(host: str, port: int) -> list[str]:
        """Resolve as the system does, which reads the odd ways of writing an address."""
        if host in NAMES:
            return NAMES[host]
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    with Served(lambda _: Reply(), address="127.0.0.2") as inside:
        target = place.format(port=inside.port)
        with Served(leads_to(target)) as hub, world.web(hub.url, token_for=hub.url, resolve=by_the_system) as web:
            for start in (f"{hub.url}/start", target):
                error = fails(lambda start=start: web.stream("civitai", start))
                assert isinstance(error, HubError)
                assert (error.reference, error.passing) == ("address-refused", False)
    assert inside.asked == []


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://cdn.test/x", "javascript:alert(1)", "data:,x", "http://"]
)
def test_only_web_addresses_are_followed(world: World, place: str) -> None:
    with Served(leads_to(place)) as hub, world.web(hub.url) as web:
        assert fails(lambda: web.stream("civitai", f"{hub.url}/start")).reference == "redirect-refused"
        assert fails(lambda: web.stream("civitai", place)).reference == "redirect-refused"


def test_a_loopback_address_needs_a_configured_base(world: World) -> None:
    with Served(lambda _: Reply()) as hub, world.web() as web:
        error = fails(lambda: web.ask("civitai", "GET", hub.url))
        assert (error.reference, hub.asked) == ("address-refused", [])
        web.trust(hub.url)
        assert web.ask("civitai", "GET", hub.url).status == 200


def test_the_checked_address_is_the_one_that_is_dialled() -> None:
    """A name that changes its answer (DNS rebinding) is resolved once for a connection; mixed answers lose the bad."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["10.0.0.1", "93.184.216.34"]])
    guard = Guard(resolve=lambda host, port: next(answers))
    assert guard.addresses("rebinding.test", 80) == ["93.184.216.34"]
    with pytest.raises(HubError):
        guard.addresses("rebinding.test", 80)
    assert guard.addresses("rebinding.test", 80) == ["93.184.216.34"]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True), ("2606:4700::1111", True), ("64:ff9b::101:101", True), ("198.18.0.7", True),
        ("::ffff:1.1.1.1", True), ("127.0.0.1", False), ("::1", False), ("0.0.0.0", False), ("::", False),
        ("10.1.2.3", False), ("172.31.0.1", False), ("192.168.0.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("192.0.0.1", False), ("224.0.0.251", False), ("240.0.0.1", False), ("ff02::1", False),
        ("fc00::1", False), ("fe80::1", False), ("fec0::1", False), ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False), ("2002:a00:1::", False), ("2001:0:a00:1::", False), ("64:ff9b:1::1", False),
    ],
)  # fmt: skip
def test_what_is_public(address: str, public: bool) -> None:
    """198.18.0.0/15 is what Clash and its kin answer for every name: without it they would cut hubman off."""
    assert is_public(ipaddress.ip_address(address)) is public


# --- case 36: circles -----------------------------------------------------------------------------


def test_circles_and_endless_chains_end(world: World) -> None:
    """Case 36: two that point at one another, one that points at itself, fifty hops."""
    with Served(lambda asked: Reply(302, b"", {"Location": "/b" if asked.target == "/a" else "/a"})) as hub:
        with world.web(hub.url) as web:
            assert fails(lambda: web.ask("civitai", "GET", f"{hub.url}/a")).reference == "redirect-refused"
    assert len(hub.asked) == 2
    with Served(lambda asked: Reply(302, b"", {"Location": f"/{int(asked.target[1:]) + 1}"})) as hub:
        with world.web(hub.url) as web:
            assert fails(lambda: web.ask("civitai", "GET", f"{hub.url}/0")).reference == "redirect-refused"
    assert len(hub.asked) == 6
    assert world.slept == []


def test_five_redirects_are_fine(world: World) -> None:
    def handle(asked: Asked) -> Reply:
        number = int(asked.target[1:])
        return Reply(302, b"", {"Location": f"/{number + 1}"}) if number < 5 else Reply(body=b"[5]")

    with Served(handle) as hub, world.web(hub.url) as web:
        assert web.ask("civitai", "GET", f"{hub.url}/0").data == [5]


# --- case 37: answers that explode ----------------------------------------------------------------


def test_a_packed_bomb_is_not_unpacked(world: World) -> None:
    """Case 37: 100 MB of zeros in 100 KB; never more than the cap is held."""
    bomb = gzip.compress(bytes(100_000_000), 6)
    with Served(lambda _: Reply(body=bomb, headers={"Content-Encoding": "gzip"})) as hub, world.web(hub.url) as web:
        tracemalloc.start()
        error = fails(lambda: web.ask("civitai", "GET", hub.url, most=1 << 20))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert error.reference == "answer-too-large"
    assert peak < 12 << 20


def test_an_endless_answer_is_cut(world: World) -> None:
    """1 GB of JSON, length not said."""
    done = threading.Event()
    sent = []

    def pour(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
            for _ in range(1000):
                connection.sendall(b"1," * 500_000)
                sent.append(1)
        except OSError:
            done.set()

    with Served(lambda _: Reply(raw=pour)) as hub, world.web(hub.url) as web:
        assert fails(lambda: web.ask("civitai", "GET", hub.url, most=4 << 20)).reference == "answer-too-large"
        assert done.wait(10)
    assert len(sent) < 100


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "br"}, b"\x8b\x02\x80{}\x03"),
        ({"Content-Encoding": "zstd"}, b"{}"),
        ({"Content-Encoding": "gzip"}, b"no gzip at all"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b'{"a": 1}', mtime=0)[:-12]),
        ({"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Log in</title>"),
        ({}, b'{"cut": '),
        ({}, b"[" * 200_000),
        ({}, b'{"a": ' + b"9" * 5000 + b"}"),
        ({}, b"\xff\xfe{"),
    ],
)
def test_a_success_without_data_is_no_success(world: World, headers: dict[str, str], body: bytes) -> None:
    """Cases 27 and 37: pages, half answers, packings that nobody asked for, depths that break parsers."""
    with Served(lambda _: Reply(body=body, headers=headers)) as hub, world.web(hub.url) as web:
        error = fails(lambda: web.ask("civitai", "GET", hub.url))
    assert error.reference == "hub-answer"


def test_answers_that_are_odd_and_fine(world: World) -> None:
    odd = {
        "/bom": b'\xef\xbb\xbf{"a": 1}',
        "/half": b'{"a": "x\\ud83d", "b": ["\\udc00", "\\ud83d\\ude00"]}',
        "/nan": b'{"a": NaN, "b": 1e999, "c": -Infinity}',
        "/two": gzip.compress(b'{"a":', mtime=0) + gzip.compress(b"2}"),
        "/empty": b"",
        "/null": b"null",
    }
    with (
        Served(
            lambda asked: Reply(
                body=odd[asked.target], headers={"Content-Encoding": "gzip"} if asked.target == "/two" else {}
            )
        ) as hub,
        world.web(hub.url) as web,
    ):
        found = {path: web.ask("civitai", "GET", hub.url + path).data for path in odd}
    assert found == {
        "/bom": {"a": 1}, "/half": {"a": "x\ufffd", "b": ["\ufffd", "😀"]}, "/nan": {"a": None, "b": None, "c": None},
        "/two": {"a": 2}, "/empty": None, "/null": None,
    }  # fmt: skip
    json.dumps(found).encode()


# --- case 38: busy, broken and unreachable hubs ---------------------------------------------------


def answers_in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """Return a handler that answers each request with the next reply, then always with the last."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


GOOD = Reply(body=b'{"fine": true}')


@pytest.mark.parametrize(
    ("reply", "waited"),
    [
        (Reply(429, headers={"Retry-After": "7"}), 7.0),
        (Reply(503, headers={"Retry-After": "2"}), 2.0),
        (Reply(429, headers={"Retry-After": formatdate(1_800_000_030, usegmt=True)}), 30.0),
        (Reply(429, headers={"RateLimit": '"api";r=0;t=55'}), 55.0),
        (Reply(429), 0.25),
        (Reply(408), 0.25),
        (Reply(500), 0.25),
        (Reply(502), 0.25),
        (Reply(504), 0.25),
        (Reply(524), 0.25),
        (Reply(503, headers={"Retry-After": "soon"}), 0.25),
    ],
)
def test_a_busy_hub_is_asked_again_when_it_wants(world: World, reply: Reply, waited: float) -> None:
    """Case 38."""
    told: list[tuple[str, float]] = []
    with Served(answers_in_turn(reply, GOOD)) as hub:
        with world.web(hub.url, on_wait=lambda hub, seconds: told.append((hub, seconds))) as web:
            assert web.ask("civitai", "GET", hub.url).data == {"fine": True}
    assert world.slept == [waited]
    assert told == ([("civitai", waited)] if waited > 2 else [])


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 410, 416, 451, 501])
def test_a_definite_answer_is_not_asked_for_twice(world: World, status: int) -> None:
    with Served(lambda _: Reply(status)) as hub, world.web(hub.url) as web:
        assert web.ask("civitai", "GET", hub.url).status == status
    assert (len(hub.asked), world.slept) == (1, [])


def test_waits_double_up_to_a_ceiling_and_end(world: World) -> None:
    with Served(lambda _: Reply(503)) as hub, world.web(hub.url, chance=lambda: 1.0) as web:
        answer = web.ask("civitai", "GET", hub.url)
    assert (answer.status, world.slept) == (503, [0.5, 1.0, 2.0, 4.0])
    error = refusal("civitai", answer)
    assert (error.reference, getattr(error, "passing", None)) == ("hub-failed", True)


def test_a_permanent_refusal_is_not_hammered(world: World) -> None:
    """Civitai's "too many pages" never gets better; nor does a quota of downloads without a date."""
    body = b'{"error": "You\'ve requested too many pages, please use cursors instead"}'
    with Served(lambda _: Reply(429, body)) as hub, world.web(hub.url) as web:
        error = refusal("civitai", web.ask("civitai", "GET", hub.url))
    assert (len(hub.asked), error.reference) == (1, "hub-busy")
    assert "please use cursors" in error.message
    with Served(lambda _: Reply(429, b'{"error": "Too many downloads"}')) as hub, world.web(hub.url) as web:
        with web.stream("civitai", hub.url) as stream:
            assert "Too many downloads" in refusal("civitai", stream).message
    assert len(hub.asked) == 1


def test_a_wait_that_nobody_has_is_an_error_with_the_time(world: World) -> None:
    with Served(lambda _: Reply(429, headers={"Retry-After": "3600"})) as hub, world.web(hub.url) as web:
        answer = web.ask("civitai", "GET", f"{hub.url}/api/x")
        assert (answer.status, answer.retry_after, world.slept) == (429, 3600.0, [])
        error = fails(lambda: web.ask("civitai", "GET", f"{hub.url}/api/y"))
        assert isinstance(error, HubError)
        assert (error.reference, error.retry_after, len(hub.asked)) == ("hub-busy", 3600.0, 1)
        assert web.ask("civitai", "GET", f"{hub.url}/file").status == 429  # files are counted apart


def test_a_used_up_limit_is_waited_for_before_the_next_question(world: World) -> None:
    with Served(lambda _: Reply(headers={"RateLimit": '"api";r=0;t=55'})) as hub, world.web(hub.url) as web:
        web.ask("huggingface", "GET", f"{hub.url}/api/a")
        assert world.slept == []
        web.ask("huggingface", "GET", f"{hub.url}/api/b")
        assert world.slept == [55.0]
        assert web.limit(hub.url) == Limit(0, 55.0)


def test_limits_as_hubs_write_them() -> None:
    assert limit_of({"ratelimit": '"api";r=499;t=300'}) == Limit(499, 300.0)
    assert limit_of({"ratelimit": '"pages";r=9;t=30, "api";r=0;t=55'}) == Limit(0, 55.0)
    assert limit_of({"ratelimit": "limit=100, remaining=5, reset=20"}) == Limit(5, 20.0)
    assert limit_of({"ratelimit": "nonsense;r=x"}) is None
    assert limit_of({}) is None


def test_a_command_in_a_hurry_waits_for_nobody(world: World) -> None:
    """`sync` gives all hubs 5 s together: a wait that does not fit is not begun."""
    with Served(lambda _: Reply(429, headers={"Retry-After": "7"})) as hub, world.web(hub.url) as web:
        with web.within(5):
            assert web.ask("civitai", "GET", hub.url).status == 429
            world.time += 6
            assert fails(lambda: web.ask("civitai", "GET", f"{hub.url}/b")).reference == "hub-slow"
        assert (world.slept, len(hub.asked)) == ([], 1)
        world.time += 100
        assert web.ask("civitai", "GET", hub.url).status == 429


def test_a_silent_hub_costs_no_more_than_the_time_that_is_left(world: World) -> None:
    def silent(connection: socket.socket) -> None:
        connection.recv(1)

    with Served(lambda _: Reply(raw=silent)) as hub, world.web(hub.url, clock=time.monotonic) as web:
        with web.within(0.3):
            assert fails(lambda: web.ask("civitai", "GET", hub.url)).reference == "hub-slow"


def test_a_resolver_that_hangs_costs_no_more_either(world: World) -> None:
    """A network without a way out: the system's resolver may take half a minute to say so."""
    go_on = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        go_on.wait(20)
        return ["93.184.216.34"]

    with world.web(resolve=hang, clock=time.monotonic) as web, web.within(0.3):
        assert fails(lambda: web.ask("civitai", "GET", "http://far.test/")).reference == "hub-slow"
    go_on.set()


def test_an_answer_that_drips_costs_no_more_either(world: World) -> None:
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(2000):
                connection.sendall(b"1")
                time.sleep(0.01)
        except OSError:
            done.set()

    with Served(lambda _: Reply(raw=drip)) as hub, world.web(hub.url, clock=time.monotonic) as web:
        with web.within(0.3):
            assert fails(lambda: web.ask("civitai", "GET", hub.url)).reference == "hub-slow"
        assert done.wait(10)


def test_the_next_address_of_a_name_is_tried(world: World) -> None:
    """A name with an address that nobody listens at, and one where the hub is."""
    with Served(lambda _: GOOD, address="127.0.0.3") as hub:
        with world.web(f"http://two.test:{hub.port}", resolve=lambda *_: ["127.0.0.2", "127.0.0.3"]) as web:
            assert web.ask("civitai", "GET", f"http://two.test:{hub.port}/").data == {"fine": True}


def test_offline_sends_nothing(world: World) -> None:
    with Served(lambda _: Reply()) as hub, world.web(hub.url, offline=True) as web:
        assert fails(lambda: web.ask("civitai", "GET", hub.url)).reference == "offline"
        assert fails(lambda: web.stream("civitai", hub.url)).reference == "offline"
    assert hub.asked == []


def test_a_name_that_does_not_exist(world: World) -> None:
    """Case 38, DNS: tried twice, then the machine is left alone for a while: one try a question."""
    with world.web() as web:
        error = fails(lambda: web.ask("civitai", "GET", "http://gone.test/x"))
        assert (error.reference, world.slept) == ("hub-unreachable", [0.25])
        assert "gone.test" in error.message
        fails(lambda: web.ask("civitai", "GET", "http://gone.test/y"))
    assert world.slept == [0.25]


def test_a_store_that_is_down_is_not_the_hubs_fault(world: World) -> None:
    """The message names the machine that is down, and the hub itself is asked as patiently as before."""
    cut = Reply(raw=lambda connection: connection.close())

    def handle(asked: Asked) -> Reply:
        if asked.target == "/start":
            return Reply(302, b"", {"Location": "http://gone.test/x"})
        return cut if len(hub.asked) < 5 else GOOD

    with Served(handle) as hub, world.web(hub.url) as web:
        assert "gone.test" in fails(lambda: web.stream("civitai", f"{hub.url}/start")).message
        assert len(hub.asked) == 2
        assert web.ask("civitai", "GET", f"{hub.url}/api/x").data == {"fine": True}
    assert len(hub.asked) == 5


def test_nobody_listens(world: World) -> None:
    with Served(lambda _: Reply()) as hub:
        url = hub.url
    with world.web(url) as web:
        error = fails(lambda: web.stream("civitai", url))
    assert error.reference == "hub-unreachable"
    assert isinstance(error, HubError)
    assert error.passing
    assert world.slept == [0.25, 0.5, 1.0, 2.0]


def test_a_connection_that_is_cut_is_made_again(world: World) -> None:
    cut = Reply(raw=lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"))
    with Served(answers_in_turn(cut, GOOD)) as hub, world.web(hub.url) as web:
        assert web.ask("civitai", "GET", hub.url).data == {"fine": True}
    assert len(hub.asked) == 2


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for hub.test, with its key in the same file."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "hub.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(path) + ".key", "-out", str(path),
         "-days", "2", "-subj", "/CN=hub.test", "-addext", "subjectAltName=DNS:hub.test"],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Served]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, str(certificate) + ".key")
    with Served(lambda asked: leads_to(f"http://hub.test:{asked.target[6:]}/x", path=asked.target)(asked)
                if asked.target.startswith("/port") else GOOD, tls=context) as served:  # fmt: skip
        yield served


def test_a_certificate_that_proves_nothing(world: World, secure: Served) -> None:
    """Case 38, TLS: not retried, nothing sent, said in words."""
    base = f"https://hub.test:{secure.port}"
    with world.web(base, token_for=base) as web:
        error = fails(lambda: web.ask("civitai", "GET", f"{base}/x"))
    assert (error.reference, secure.asked, world.slept) == ("hub-certificate", [], [])
    assert "SSL_CERT_FILE" in error.hint


def test_the_right_certificate_and_the_wrong_name(
    world: World, secure: Served, certificate: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    base, wrong = f"https://hub.test:{secure.port}", f"https://cdn.test:{secure.port}"
    with world.web(base, wrong, token_for=base) as web:
        assert web.ask("civitai", "GET", f"{base}/x").data == {"fine": True}
        assert fails(lambda: web.ask("civitai", "GET", f"{wrong}/x")).reference == "hub-certificate"
    assert [one.headers["host"] for one in secure.asked] == [f"hub.test:{secure.port}"]


def test_https_does_not_lead_to_http(world: World, secure: Served, certificate: Path) -> None:
    """Case 34, the sixth kind: another scheme, where anybody can listen."""
    base = f"https://hub.test:{secure.port}"
    with Served(lambda _: GOOD) as plain:
        with world.web(base, token_for=base, tls=ssl.create_default_context(cafile=str(certificate))) as web:
            error = fails(lambda: web.ask("civitai", "GET", f"{base}/port/{plain.port}"))
    assert (error.reference, plain.asked) == ("redirect-refused", [])


# --- files ----------------------------------------------------------------------------------------


def test_a_part_of_a_file(world: World) -> None:
    def handle(asked: Asked) -> Reply:
        headers = {
            "Content-Range": "bytes 3-6/10", "ETag": '"abc"', "Content-Type": "Application/Octet-Stream; x=y",
            "Content-Disposition": "attachment; filename=\"p.bin\"; filename*=UTF-8''%E6%B0%B4%E5%A2%A8.safetensors",
        }  # fmt: skip
        return Reply(206, b"3456", headers)

    with Served(handle) as hub, world.web(hub.url) as web:
        with web.stream("civitai", hub.url, start=3, end=7, etag='"abc"') as stream:
            assert b"".join(stream.chunks()) == b"3456"
    (asked,) = hub.asked
    assert (stream.status, stream.start, stream.total, stream.etag) == (206, 3, 10, '"abc"')
    assert (stream.filename, stream.content_type) == ("水墨.safetensors", "application/octet-stream")
    assert (asked.headers["range"], asked.headers["if-range"]) == ("bytes=3-6", '"abc"')
    assert asked.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a \\"b\\".bin"', 'a "b".bin'), ("attachment; filename=bare.bin", "bare.bin"),
        ("inline", None), ("attachment; filename*=nonsense''x; filename=y.bin", "y.bin"), ('filename=""', None),
        ('attachment; filename="../../etc/passwd"', "../../etc/passwd"),
    ],
)  # fmt: skip
def test_names_are_read_as_they_are(world: World, header: str, name: str | None) -> None:
    """Untrusted: core/safe_name.py makes them harmless."""
    with Served(lambda _: Reply(headers={"Content-Disposition": header})) as hub, world.web(hub.url) as web:
        with web.stream("civitai", hub.url) as stream:
            assert stream.filename == name


def test_a_weak_etag_is_none(world: World) -> None:
    with Served(lambda _: Reply(headers={"ETag": 'W/"abc"'})) as hub, world.web(hub.url) as web:
        with web.stream("civitai", hub.url) as stream:
            assert (stream.etag, stream.total) == (None, 2)


def test_bytes_that_stop_coming(world: World) -> None:
    """Cut and stalled: what came is yielded, then `connection-lost`, which passes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello"
    go_on = threading.Event()

    def stall(connection: socket.socket) -> None:
        connection.sendall(head)
        go_on.wait(10)

    def chunked(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    kinds: dict[str, Callable[[socket.socket], None]] = {
        "/cut": lambda connection: connection.sendall(head), "/stall": stall, "/chunked": chunked,
    }  # fmt: skip
    with Served(lambda asked: Reply(raw=kinds[asked.target])) as hub, world.web(hub.url, stall_s=0.2) as web:
        for path in kinds:
            came = []

            def read(path: str = path, came: list[bytes] = came) -> None:
                with web.stream("civitai", hub.url + path) as stream:
                    came.extend(stream.chunks())

            error = fails(read)
            assert isinstance(error, HubError)
            assert (error.reference, error.passing, b"".join(came)) == ("connection-lost", True, b"hello")
        go_on.set()


def test_a_file_that_comes_packed_is_refused(world: World) -> None:
    with Served(lambda _: Reply(body=gzip.compress(b"x", mtime=0), headers={"Content-Encoding": "gzip"})) as hub:
        with world.web(hub.url) as web:
            assert fails(lambda: web.stream("civitai", hub.url)).reference == "hub-answer"


def test_a_refusal_of_a_file_can_be_read(world: World) -> None:
    body = json.dumps({"error": "Early Access", "deadline": "2026-12-01T00:00:00.000Z", "message": "Soon."}).encode()
    with Served(lambda _: Reply(403, body)) as hub, world.web(hub.url, token_for=hub.url) as web:
        with web.stream("civitai", hub.url) as stream:
            error = refusal("civitai", stream, page="https://civitai.com/models/1", what="civitai:1@2")
            assert stream.text() == body.decode()
    assert error.reference == "early-access"
    assert "until 2026-12-01" in error.message
    assert "https://civitai.com/models/1" in error.hint


# --- what hubs refuse, in words -------------------------------------------------------------------

WORDS = [
    (401, {}, {"error": "Unauthorized", "message": "The creator requires you to be logged in"}, "login-needed"),
    (401, {}, {"message": "The creator of this asset has disabled downloads on this file"}, "download-disabled"),
    (401, {"X-Error-Code": "GatedRepo"}, {"error": "Access to model x is restricted."}, "licence-needed"),
    (403, {"X-Error-Code": "GatedRepo"}, {"error": "You are not in the authorized list."}, "licence-needed"),
    (401, {"X-Error-Code": "RepoNotFound"}, {"error": "Repository not found"}, "not-on-hub"),
    (403, {}, {"error": "You do not have access to download this file"}, "access-refused"),
    (403, {"cf-mitigated": "challenge"}, "<title>Just a moment...</title>", "hub-challenge"),
    (404, {}, {"error": "No model with id 0"}, "not-on-hub"),
    (410, {}, {"error": "Model archived, not available for download"}, "gone-from-hub"),
    (416, {}, "", "range-refused"),
    (429, {"Retry-After": "3600"}, {"error": "Too many"}, "hub-busy"),
    (451, {}, {"error": "Not in your country"}, "region-blocked"),
    (500, {}, "<html><title>Oops</title>", "hub-failed"),
    (400, {}, {"error": {"message": "bad sort"}}, "hub-answer"),
]


@pytest.mark.parametrize(("status", "headers", "body", "reference"), WORDS)
def test_every_refusal_says_what_the_hub_says_and_what_to_do(
    world: World, status: int, headers: dict[str, str], body: Any, reference: str
) -> None:
    text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    with Served(lambda _: Reply(status, text, headers)) as hub, world.web(hub.url) as web:
        answer = web.ask("civitai", "GET", f"{hub.url}/api/x")
        with web.stream("civitai", f"{hub.url}/file") as stream:
            errors = [refusal("civitai", one, page="https://page", what="civitai:1") for one in (answer, stream)]
    for error in errors:
        assert error.reference == reference
        assert error.hint
        said = next(iter(body.values())) if isinstance(body, dict) and len(body) == 1 else None
        if isinstance(said, str) and reference != "licence-needed":
            assert said in error.message


def test_a_token_that_is_not_taken(world: World) -> None:
    with (
        Served(lambda _: Reply(401, b'{"error": "Unauthorized"}')) as hub,
        world.web(hub.url, token_for=hub.url) as web,
    ):
        error = refusal("civitai", web.ask("civitai", "GET", hub.url))
    assert error.reference == "token-refused"
    assert "hubman hubs login civitai" in error.hint


def test_what_a_hub_says_is_short_plain_and_without_secrets(world: World) -> None:
    """A hub that quotes the token, a signed address, escapes for the terminal, HTML and a novel."""
    nasty = f"\x1b[31mBad <b>token</b> {SECRET}\n at https://cdn/x?X-Amz-Signature=abcdef&a=1 \u202e" + "long " * 200
    with Served(lambda _: Reply(403, json.dumps({"error": nasty}).encode())) as hub:
        with world.web(hub.url, token_for=hub.url) as web:
            with web.stream("civitai", hub.url) as stream:
                error = refusal("civitai", stream)
    assert SECRET not in error.message


# --- secrets --------------------------------------------------------------------------------------


def test_addresses_without_their_secrets() -> None:
    signed = (
        "https://me:pw@r2.example/model.bin?X-Amz-Algorithm=AWS4&X-Amz-Credential=AK%2F1&X-Amz-Signature=aa&token=bb"
        "&auth_key=1-2-0-ff&Signature=cc&Expires=1&Key-Pair-Id=K&Policy=p&attname=a.bin&keep=yes#part"
    )
    assert redacted(signed) == "https://r2.example/model.bin?attname=a.bin&keep=yes"
    assert redacted("https://civitai.com/api/download/models/1?fileId=2") == (
        "https://civitai.com/api/download/models/1?fileId=2"
    )
    text = redact_text(f"GET {signed} Authorization: Bearer {SECRET} %20{SECRET}", [SECRET])
    for secret in ("pw", "AK%2F1", "=aa", "=bb", "ff", "=cc", SECRET):
        assert secret not in text
    assert "keep=yes" in text


def test_one_host_has_one_origin() -> None:
    assert origin_of("HTTPS://CivitAI.com/x") == origin_of("https://civitai.com:443") == "https://civitai.com:443"
    assert origin_of("http://模型.example/x") == origin_of("http://xn--xgs754b.example") != ""
    assert origin_of("https://civitai.com.evil.test") != origin_of("https://civitai.com")
    assert origin_of("https://civitai.com@evil.test/") == "https://evil.test:443"
    assert {origin_of(bad) for bad in ("", "file:///x", "https://", "https://h:99999", "civitai.com")} == {""}


def test_nothing_secret_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Served(lambda _: Reply(headers={"X-Echo": "1"})) as cdn:
        target = f"{cdn.url}/x?X-Amz-Signature=abcdef123&token=zzz999"
        with Served(leads_to(target)) as hub, world.web(hub.url, token_for=hub.url) as web:
            with web.stream("civitai", f"{hub.url}/start") as stream:
                list(stream.chunks())
            assert (SECRET in repr(stream), SECRET in repr(web.__dict__["_credentials"])) == (False, False)
    for secret in (SECRET, "abcdef123", "zzz999"):
        assert secret not in caplog.text
        assert secret not in stream.url + str(stream.headers)


# --- proxies --------------------------------------------------------------------------------------


def test_through_a_proxy(world: World, monkeypatch: Any) -> None:
    """The proxy resolves the name; NO_PROXY and this machine go straight; private addresses are refused."""
    monkeypatch.setenv("NO_PROXY", "direct.test, .inner.test")
    NAMES_HERE = {"direct.test": ["127.0.0.1"], "x.inner.test": ["127.0.0.1"]}
    with Served(lambda _: GOOD) as proxy, Served(lambda _: Reply(body=b'"straight"')) as hub:
        address = f"http://user:p%40ss@127.0.0.1:{proxy.port}"
        direct = f"http://direct.test:{hub.port}"
        with world.web(
            hub.url, direct, proxies={"http": address}, resolve=lambda host, _: NAMES_HERE.get(host, [host]),
            token_for="http://far.example",
        ) as web:  # fmt: skip
            assert web.ask("civitai", "GET", "http://far.example/x?y=1").data == {"fine": True}
            assert web.ask("civitai", "GET", f"{direct}/").data == "straight"
            assert web.ask("civitai", "GET", f"http://x.inner.test:{hub.port}/").data == "straight"
            assert web.ask("civitai", "GET", f"{hub.url}/").data == "straight"
            for private in ("http://169.254.169.254/x", "http://10.0.0.1/", "http://0x7f.2/", "http://[fe80::1]/"):
                assert fails(lambda private=private: web.ask("civitai", "GET", private)).reference == "address-refused"
    (asked,) = proxy.asked
    assert asked.target == "http://far.example/x?y=1"
    assert asked.headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"
    assert asked.headers["authorization"] == f"Bearer {SECRET}"


def test_networks_that_need_no_proxy(world: World) -> None:
    """A mirror on an address of NO_PROXY's networks is asked straight; urllib itself knows names only."""
    exceptions = "localhost,10.0.0.0/8, 93.184.0.0/16"
    pools = Pools(Guard(), ssl.create_default_context, {"http": "http://127.0.0.1:1", "no": exceptions})
    hosts = ("10.1.2.3", "93.184.216.34", "93.185.0.1", "far.example", "localhost", "10.evil.example")
    assert [pools.proxy("http", host, None) for host in hosts] == [
        "",
        "",
        *["http://127.0.0.1:1"] * 2,
        "",
        "http://127.0.0.1:1",
    ]


def test_a_tunnel_that_is_refused(world: World) -> None:
    """https goes through CONNECT: the proxy sees the host and no token."""
    with Served(lambda _: Reply(407, b"")) as proxy:
        with world.web(proxies={"https": f"127.0.0.1:{proxy.port}"}, token_for="https://far.example") as web:
            error = fails(lambda: web.ask("civitai", "GET", "https://far.example/x"))
    assert error.reference == "hub-unreachable"
    assert f"far.example, through the proxy http://127.0.0.1:{proxy.port}" in error.message
    assert (proxy.asked[0].method, proxy.asked[0].target) == ("CONNECT", "far.example:443")
    assert SECRET not in proxy.seen()


def test_through_a_tunnel(world: World, secure: Served, certificate: Path) -> None:
    """https through CONNECT: the certificate is the hub's, the proxy sees bytes."""

    def tunnel(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", secure.port)) as far:
            back = threading.Thread(target=pipe, args=(far, connection), daemon=True)
            back.start()
            pipe(connection, far)
            back.join(10)

    def pipe(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    tls = ssl.create_default_context(cafile=str(certificate))
    with Served(lambda _: Reply(raw=tunnel)) as proxy:
        options = {"proxies": {"https": proxy.url}, "tls": tls, "token_for": "https://hub.test"}
        with world.web(**options) as web:
            assert web.ask("civitai", "GET", "https://hub.test/x").data == {"fine": True}
            wrong = fails(lambda: web.ask("civitai", "GET", "https://other.test/x"))
    assert wrong.reference == "hub-certificate"
    assert [one.target for one in proxy.asked] == ["hub.test:443", "other.test:443"]
    assert SECRET not in proxy.seen()
    assert [SECRET in one.headers["authorization"] for one in secure.asked] == [True]


def test_a_socks_proxy_without_its_package(world: World, monkeypatch: Any) -> None:
    def missing(*_: object, **__: object) -> None:
        raise RuntimeError("no socksio")

    monkeypatch.setattr("httpcore.SOCKSProxy", missing)
    with world.web(proxies={"all": "socks5://user:pass@127.0.0.1:1"}) as web:
        error = fails(lambda: web.ask("civitai", "GET", "https://far.example/x"))
    assert (error.reference, "pip install socksio" in error.hint) == ("proxy-unusable", True)
    assert "pass" not in error.message


@pytest.mark.parametrize("proxy", ["gopher://x:1", "http://", "http://[", "socks4://x:1"])
def test_a_proxy_that_is_none(world: World, proxy: str) -> None:
    with world.web(proxies={"all": proxy}) as web:
        assert fails(lambda: web.ask("civitai", "GET", "https://far.example/x")).reference == "proxy-unusable"


# --- several at once ------------------------------------------------------------------------------


def test_a_lane_narrows_and_widens() -> None:
    lane = Lane()
    for _ in range(200):
        lane.heard(busy=False)
    assert lane.at_once == 16
    lane.heard(busy=True)
    assert lane.at_once == 8
    for _ in range(10):
        lane.heard(busy=True)
    assert lane.at_once == 1
    with lane.slot(lambda: None) as first, lane.slot(lambda: 0.01) as second:
        assert (first, second) == (True, False)
    with lane.slot(lambda: 0.01) as third:
        assert third


def test_many_threads_share_one_web(world: World) -> None:
    """Four at once to begin with; more after good answers; few again after "too many"."""
    together = threading.Barrier(8)

    def handle(asked: Asked) -> Reply:
        if asked.target.startswith("/together"):
            together.wait(10)  # nobody is answered before eight have come
        elif asked.target.startswith("/slow"):
            time.sleep(0.02)
        elif asked.target == "/much":
            return Reply(429, headers={"Retry-After": "9999"})
        return Reply(body=json.dumps(asked.target).encode())

    with Served(handle) as hub, world.web(hub.url) as web, ThreadPoolExecutor(16) as pool:

        def all_of(path: str, count: int) -> None:
            found = list(pool.map(lambda n: web.ask("civitai", "GET", f"{hub.url}{path}{n}").data, range(count)))
            assert found == [f"{path}{n}" for n in range(count)]

        all_of("/slow", 32)
        assert 2 <= hub.most_at_once < 16
        all_of("/quick", 64)
        all_of("/together", 8)
        for _ in range(4):
            with contextlib.suppress(HubError):
                web.ask("civitai", "GET", f"{hub.url}/much")
            world.time += 10_000
        hub.most_at_once = 0
        all_of("/slow", 8)
        assert hub.most_at_once <= 3


def test_closing_ends_the_waits() -> None:
    with Served(lambda _: Reply(429, headers={"Retry-After": "60"})) as hub:
        web = Web(bases=[hub.url], proxies={})
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(web.ask, "civitai", "GET", hub.url)
            while not hub.asked:
                time.sleep(0.01)
            web.close()
            with pytest.raises(HubError) as caught:
                asked.result(10)
    assert caught.value.reference == "connection-lost"
