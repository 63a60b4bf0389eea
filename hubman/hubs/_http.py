"""The only module that knows HTTP: one client for all hubs, with manners and without leaks.

Redirects are followed by hand: the token goes only where it belongs, and nowhere that is no public machine. Nothing of
httpx.Client is used but its parts, so there are no cookies, no netrc and no log of addresses.
"""

from __future__ import annotations

import itertools
import logging
import random
import re
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpcore
import httpx

from hubman import __version__
from hubman.core.hub_titles import title_of
from hubman.errors import N_, Phrase
from hubman.hubs import _errors
from hubman.hubs._answers import (
    BROKEN,
    MOST_REFUSAL,
    Answer,
    HttpStream,
    beginning,
    let_go,
    parsed,
    unpacked,
    what_came,
)
from hubman.hubs._guard import Guard, Resolve, resolve
from hubman.hubs._patience import Lane, Limit, tries_for
from hubman.hubs._pools import Pools
from hubman.hubs._secrets import Credential, origin_of, redact_text, redacted
from hubman.hubs._turns import HopError, Turns

__all__ = ["Answer", "Credential", "HttpStream", "Web", "origin_of", "redact_text", "redacted"]

USER_AGENT = f"hubman/{__version__}"
"""Never anything that looks like a browser: Civitai then redirects to a login page (docs/hubs.md)."""

MOST_REDIRECTS = 5
LARGEST_ANSWER = 64 << 20
ANSWER_S = 300.0
"""Seconds that an answer which is no file may take, however many bytes drip."""
_REDIRECTS = (301, 302, 303, 307, 308)
_ELSEWHERE = {"accept", "accept-encoding", "range", "if-range", "if-none-match", "content-type", "referer"}
"""Headers that another origin gets to see; whatever else a hub's module sends is for its own hub."""
_LOGIN = re.compile(r"/(?:[\w-]+/)?(?:login|signin|sign-in)/?", re.IGNORECASE)


@dataclass(slots=True)
class _Got:
    """A response whose headers are here. `body`: read already (all of it, or the beginning of a refusal), else None."""

    response: httpcore.Response
    headers: httpx.Headers
    url: httpx.URL
    token_sent: bool
    body: bytes | None = None
    retry_after: float | None = None

    @property
    def status(self) -> int:
        return self.response.status


@dataclass(frozen=True, slots=True)
class _Question:
    hub: str
    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    anonymous: bool = False
    download: bool = False
    stay: bool = False
    most: int = LARGEST_ANSWER


class Web:
    """How hubs are asked. One for a whole run; safe to use from several threads.

    Args:
        credentials: hub name -> its credential, where there is one.
        offline: every request raises `offline`.
        bases: base addresses that the user configured; only there may hubs lie on private machines.
        connect_s, stall_s: seconds that a connection may take, and that may pass without a byte.
        patience_s: seconds that a hub may make one request wait (Retry-After, RateLimit) before that is an error.
        on_wait: told (hub, seconds) when a hub makes us wait for longer than two seconds.
        tls: what certificates are believed; None: certifi's, or SSL_CERT_FILE's.
        proxies: scheme -> proxy; None: those of the environment and the system.
        resolve, clock, now, sleep, chance: the world, for tests.
    """

    def __init__(
        self,
        credentials: Mapping[str, Credential] | None = None,
        *,
        offline: bool = False,
        bases: Iterable[str] = (),
        connect_s: float = 10.0,
        stall_s: float = 30.0,
        patience_s: float = 120.0,
        on_wait: Callable[[str, float], None] | None = None,
        tls: ssl.SSLContext | None = None,
        proxies: Mapping[str, str] | None = None,
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        logging.getLogger("httpcore").setLevel(logging.INFO)  # its debug lines quote Location and its signatures
        self._credentials = dict(credentials or {})
        self._offline = offline
        self._guard = Guard(resolve=resolve)
        for base in bases:
            self.trust(base)
        self._connect_s, self._stall_s = connect_s, stall_s
        self._turns = Turns(
            patience_s=patience_s, stall_s=stall_s, on_wait=on_wait, clock=clock, now=now, sleep=sleep, chance=chance,
            redact=self.redact,
        )  # fmt: skip
        self._pools = Pools(self._guard, (lambda: tls) if tls else httpx.create_ssl_context, proxies)

    def has_token(self, hub: str) -> bool:
        """Say whether there is a token for a hub."""
        return hub in self._credentials

    def trust(self, base: str) -> None:
        """Allow a base address that the user configured to lie on a private machine."""
        self._guard.trust(_url(base, "").raw_host.decode("ascii"))

    def limit(self, url: str) -> Limit | None:
        """Return what the machine of an address last said is left of its rate limit, if it did."""
        return self._lane(_url(url, "")).limit

    def within(self, seconds: float | None) -> AbstractContextManager[None]:
        """Give all requests of a block, in every thread, this many seconds together; what is late raises `hub-slow`."""
        return self._turns.within(seconds)

    def redact(self, text: str) -> str:
        """Return a text without any secret that this client knows or recognises."""
        return redact_text(text, [credential.secret for credential in self._credentials.values()])

    def _without_secrets(self, body: bytes) -> bytes:
        """Return an answer that does not quote our tokens: some hubs do, and answers are shown and stored."""
        for credential in self._credentials.values():
            body = body.replace(credential.secret.encode(), b"***")
        return body

    def ask(
        self,
        hub: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        stay: bool = False,
        most: int = LARGEST_ANSWER,
    ) -> Answer:
        """Send a request whose answer is JSON, waiting and trying again where that is polite. Any status is returned.

        Args:
            hub: whose credential is sent, to the origins that it is for.
            body: sent as JSON.
            stay: a redirect that leads to another origin is the answer.
            most: bytes that an answer may have, unpacked.

        Raises:
            HubError: `offline`, `hub-unreachable`, `hub-certificate`, `hub-slow`, `hub-busy` (it asks for a longer wait
                than anybody has), `answer-too-large`, `hub-answer` (a success whose body is no JSON),
                `redirect-refused`, `address-refused`.
            AccessError: `login-needed`, `token-refused`: it redirects to a login page.
        """
        asked = {"Accept": "application/json", "Accept-Encoding": "gzip", **(headers or {})}
        address = _url(url, hub)
        if params:
            address = address.copy_merge_params(params)
        got = self._get(_Question(hub, method, address, asked, body, anonymous, stay=stay, most=most))
        body_read = self._without_secrets(got.body or b"")
        data, found = parsed(body_read)
        if not found and body_read.strip() and 200 <= got.status < 300:
            raise _errors.no_data(hub, what_came(got.headers.get("content-type", ""), body_read))
        text = "" if found else self.redact(body_read[:MOST_REFUSAL].decode("utf-8", "replace"))
        return Answer(
            got.status, data, _plain(got.headers), redacted(str(got.url)), text, got.token_sent, got.retry_after
        )

    def stream(
        self,
        hub: str,
        url: str,
        *,
        start: int = 0,
        end: int | None = None,
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> HttpStream:
        """Begin to read a file; redirects are followed, the credential stays with its origins. Any status is returned.

        Raises:
            HubError: as `ask`; `hub-answer` too when the file comes packed, which nobody asked for.
            AccessError: `login-needed`, `token-refused`: it redirects to a login page.
        """
        wanted = {"Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})}
        if start or end is not None:
            wanted["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
            if etag and start:
                wanted["If-Range"] = etag
        got = self._get(_Question(hub, "GET", _url(url, hub), wanted, anonymous=anonymous, download=True))
        if got.body is None and got.headers.get("content-encoding", "identity").lower() != "identity":
            got.response.close()
            raise _errors.no_data(hub, Phrase(N_("a packed file")))
        body = None if got.body is None else self._without_secrets(got.body)
        return HttpStream(
            got.response, _plain(got.headers), redacted(str(got.url)), body=body, token_sent=got.token_sent,
            retry_after=got.retry_after, redact=self.redact, stall_s=self._stall_s,
        )  # fmt: skip

    def _get(self, question: _Question) -> _Got:
        """Ask until there is an answer or asking again would be rude."""
        if self._offline:
            raise _errors.offline()
        hub, turns, lane = question.hub, self._turns, self._lane(question.url)
        api, waited = question.url.path.startswith("/api/"), 0.0
        for tried in itertools.count(1):
            turns.wait(hub, lane, api=api)
            try:
                with lane.slot(turns.left) as free:
                    if not free:
                        raise _errors.out_of_time(hub)
                    got = self._follow(question)
            except HopError as error:
                lost = error
            else:
                wait, got.retry_after = turns.learn(lane, got.status, got.headers, tried, api=api)
                text = (got.body or b"")[:2000].decode("utf-8", "replace")
                most = tries_for(got.status, wait=got.retry_after, download=question.download, text=text)
                left = turns.left()
                if tried >= most or waited + wait > turns.patience_s or (left is not None and wait > left):
                    return got
                waited += wait
                turns.rest(hub, wait)
                continue
            turns.give_up(hub, lost, tried)
            turns.rest(hub, turns.pause(tried))
        raise AssertionError

    def _follow(self, question: _Question) -> _Got:
        """Send a request and go where it leads, at most MOST_REDIRECTS times."""
        hub, url, method, body = question.hub, question.url, question.method, question.json
        credential = None if question.anonymous else self._credentials.get(hub)
        headers, seen, token_sent = dict(question.headers), {str(url)}, False
        for _ in range(MOST_REDIRECTS + 1):
            own = credential.for_url(str(url)) if credential else {}
            token_sent = token_sent or bool(own)
            response = self._send(method, url, {**headers, **own}, body)
            got = _Got(response, httpx.Headers(response.headers), url, token_sent)
            location = got.headers.get("location")
            target = self._target(got, hub, location) if response.status in _REDIRECTS and location else None
            if target is None or (question.stay and origin_of(str(target)) != origin_of(str(url))):
                return self._with_body(question, got)
            let_go(response, got.headers)
            if str(target) in seen:
                raise _errors.redirect_refused(hub, Phrase(N_("it goes in circles")))
            seen.add(str(target))
            if origin_of(str(target)) != origin_of(str(url)):
                headers = {name: value for name, value in headers.items() if name.lower() in _ELSEWHERE}
            if response.status == 303:
                method, body = "HEAD" if method == "HEAD" else "GET", None
            url = target
        raise _errors.redirect_refused(hub, Phrase(N_("more than {most} times"), most=MOST_REDIRECTS))

    def _target(self, got: _Got, hub: str, location: str) -> httpx.URL:
        """Return where a redirect leads.

        Raises:
            HubError: `redirect-refused`. AccessError: `login-needed`, `token-refused`.
        """
        url = got.url
        try:
            target = url.join(location).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError):
            raise _errors.redirect_refused(hub, Phrase(N_("to what is no address"))) from None
        if target.scheme not in ("http", "https") or not target.host or target.userinfo:
            raise _errors.redirect_refused(hub, Phrase(N_("to what is no web address")))
        if _LOGIN.fullmatch(target.path) or "download-auth" in target.params.get_list("reason"):
            refused = _errors.token_refused if got.token_sent else _errors.login_needed
            raise refused({
                "hub": title_of(hub), "name": hub, "what": Phrase(N_("this")),
                "page": redacted(f"{url.scheme}://{url.netloc.decode('ascii')}"),
                "said": Phrase(N_("it leads to its login page")),
            })  # fmt: skip
        if url.scheme == "https" and target.scheme == "http":
            raise _errors.redirect_refused(hub, Phrase(N_("from https to http, where anybody can listen")))
        return target

    def _send(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: object) -> httpcore.Response:
        request = httpx.Request(method, url, headers={"User-Agent": USER_AGENT, **headers}, json=body)
        left = self._turns.left()
        times = {"connect": self._connect_s, "read": self._stall_s, "write": self._stall_s, "pool": self._stall_s}
        if left is not None:
            times = {name: max(0.01, min(seconds, left)) for name, seconds in times.items()}
        try:
            return self._pools.send(
                httpcore.Request(
                    request.method,
                    httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.read(),
                    extensions={"timeout": times},
                )
            )
        except BROKEN as error:
            raise self._hop_error(url, error) from error

    def _hop_error(self, url: httpx.URL, error: Exception) -> HopError:
        """Return the error for a machine that cannot be talked to; a proxy in between is named: it may be at fault."""
        proxy, host = self._pools.proxy(url.scheme, url.raw_host.decode("ascii"), url.port), url.host
        if proxy:
            host = Phrase(N_("{host}, through the proxy {proxy}"), host=url.host, proxy=redacted(proxy))
        return HopError(url.netloc.decode("ascii"), host, error)

    def _with_body(self, question: _Question, got: _Got) -> _Got:
        """Read the body of an answer or a refusal; a file's is left to its reader."""
        if question.download and got.status in (200, 206):
            return got
        try:
            if question.download:
                got.body = beginning(got.response)
            else:
                encoding = got.headers.get("content-encoding", "")
                late = self._turns.alarm(ANSWER_S)
                got.body = unpacked(question.hub, got.response, encoding, question.most, late)
        except BROKEN as error:
            raise self._hop_error(got.url, error) from error
        finally:
            got.response.close()
        return got

    def _lane(self, url: httpx.URL) -> Lane:
        return self._turns.lane(url.netloc.decode("ascii"))

    def close(self) -> None:
        """Close all connections and end every wait."""
        self._turns.close()
        self._pools.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _url(text: str, hub: str) -> httpx.URL:
    """Return an address that a hub's module, or a hub's answer, gave.

    Raises:
        HubError: `redirect-refused`, it is no web address.
    """
    try:
        url = httpx.URL(text).copy_with(fragment=None)
    except (httpx.InvalidURL, TypeError, ValueError):
        raise _errors.redirect_refused(hub, Phrase(N_("to what is no address"))) from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise _errors.redirect_refused(hub, Phrase(N_("to what is no web address")))
    return url


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Return headers without sessions and without the signed address of a redirect."""
    return {name: value for name, value in headers.items() if name not in ("set-cookie", "location")}
