"""How a hub may misbehave. A fault changes the request, replaces the reply, or spoils it; a Rule says when."""

from __future__ import annotations

import gzip
import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import cached_property
from typing import Any
from urllib.parse import quote

from tests.testhub.content import Content, Held, Seeded, evil_pickle
from tests.testhub.wire import Reply, Request, redirect, reply_text

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form><input name=user></form>"
    + "<p>You must be signed in to do this.</p>" * 400
    + "</body></html>"
)


class Fault:
    """The base of all. Each may do any of the three."""

    def ask(self, request: Request) -> None:
        """Change the request before the hub sees it."""

    def instead(self, request: Request) -> Reply | None:
        """Return a reply instead of the hub's."""
        return None

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """Return the hub's reply, changed."""
        return reply


@dataclass
class Cut(Fault):
    """The connection ends after so many bytes of the body (None: after a random number), with a RST or a FIN."""

    after: int | None = None
    reset: bool = False

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        reply.settle()
        reply.cut = dice.randrange(max(1, reply.size)) if self.after is None else self.after
        reply.reset = self.reset
        return reply


@dataclass
class Stall(Fault):
    """Nothing comes for so many seconds after so many bytes of the body, and then the rest."""

    after: int = 0
    seconds: float = 60.0

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        reply.stall, reply.stall_seconds = self.after, self.seconds
        return reply


@dataclass
class Slow(Fault):
    """So many bytes per second."""

    rate: float

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        reply.rate = self.rate
        return reply


@dataclass
class Late(Fault):
    """The reply begins after so many seconds."""

    seconds: float

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        reply.wait = self.seconds
        return reply


@dataclass
class Drop(Fault):
    """The connection ends before any reply, with a RST or a FIN."""

    reset: bool = False

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return Reply(drop=True, reset=self.reset)


class IgnoreRange(Fault):
    """A range is asked for, and all of it comes with 200."""

    def ask(self, request: Request) -> None:
        """See Fault."""
        request.ignore_range = True


@dataclass
class WrongRange(Fault):
    """206 whose Content-Range is not what was asked for: another start, another total, or none (`missing`).

    With `honest` the bytes are those that Content-Range names: only a client that reads it can notice.
    """

    shift: int = 1
    total: int | None = None
    missing: bool = False
    honest: bool = False

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        if reply.status != 206:
            return reply
        if self.missing:
            reply.headers.pop("Content-Range", None)
            return reply
        end = reply.start + reply.size
        start = min(max(0, reply.start + self.shift), end - 1)
        total = reply.body.size if self.total is None else self.total
        reply.headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
        if self.honest:
            reply.start, reply.end = start, end
        return reply


@dataclass
class WrongLength(Fault):
    """Content-Length says more (by > 0) or less (by < 0) than comes; the connection ends with the body."""

    by: int

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        reply.settle()
        reply.length = max(0, reply.size + self.by)
        return reply


class NoLength(Fault):
    """No Content-Length: the connection's end is the body's."""

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        reply.length = -1
        return reply


class Chunked(Fault):
    """Transfer-Encoding: chunked, so nobody knows the length before."""

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        reply.chunked = True
        return reply


@dataclass
class Etag(Fault):
    """Another ETag: a new one, a weak one (`W/"..."`), or "" for none. If-Range is compared with it."""

    value: str = '"changed"'

    def ask(self, request: Request) -> None:
        """See Fault."""
        request.etag = self.value


@dataclass
class OtherContent(Fault):
    """The file was replaced: other bytes, and (unless `same_etag`) another ETag. `size`: None keeps it."""

    seed: int = 1
    size: int | None = None
    same_etag: bool = False

    def ask(self, request: Request) -> None:
        """See Fault."""
        request.content = lambda old: _Other(old, self.seed, old.size if self.size is None else self.size)
        if not self.same_etag:
            request.etag = f'"other-{self.seed}"'


@dataclass
class WrongHash(Fault):
    """One byte is another, `at` that offset (None: the middle); size and ETag are as promised."""

    at: int | None = None

    def ask(self, request: Request) -> None:
        """See Fault."""
        request.content = lambda old: _Flipped(old, old.size // 2 if self.at is None else self.at)


@dataclass
class WrongSize(Fault):
    """The file is longer (by > 0) or shorter (by < 0) than the hub's page says, and its length says so."""

    by: int

    def ask(self, request: Request) -> None:
        """See Fault."""
        request.content = lambda old: _Resized(old, max(0, old.size + self.by))


class PickleInstead(Fault):
    """A pickle that would run a command, instead of the promised file."""

    def ask(self, request: Request) -> None:
        """See Fault."""
        request.content = lambda old: Held(evil_pickle())


@dataclass
class Status(Fault):
    """A status. `retry_after`: seconds, an HTTP date (str), or -1 for a date `in_seconds` from now."""

    code: int
    retry_after: int | str | None = None
    body: str | bytes | dict[str, Any] = ""
    headers: dict[str, str] = field(default_factory=dict)

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        reply = Reply(self.code, dict(self.headers))
        if self.retry_after is not None:
            reply.headers["Retry-After"] = str(self.retry_after)
        if isinstance(self.body, dict):
            reply.data = self.body
        else:
            reply.body = Held(self.body.encode() if isinstance(self.body, str) else self.body)
        return reply


def http_date(epoch_s: float) -> str:
    """Return a moment as Retry-After may give it."""
    return formatdate(epoch_s, usegmt=True)


@dataclass
class LoginPage(Fault):
    """A page to log in, with 200 (or another status): the classic "model" of 100 KB."""

    status: int = 200

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return reply_text(LOGIN_PAGE, self.status)


class LoginRedirect(Fault):
    """307 to /login, which answers 200 with a page."""

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return redirect(f"/login?returnUrl={quote(request.path, safe='')}&reason=download-auth")


class Expired(Fault):
    """The signed link is too old: 403 with the store's XML."""

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return expired()


def expired() -> Reply:
    """Return what a store says of a link that is too old."""
    text = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
    return reply_text(text, 403, "application/xml")


@dataclass
class Redirect(Fault):
    """To an address, as it is: another port, `http://localhost:port/...`, `http://169.254.169.254/`, `file:///etc/passwd`.

    Args:
        to: `{path}` is replaced by what was asked for, `{on}`, `{storage}`, `{elsewhere}` by the ports' addresses.
        hops: redirects to itself so often (with a counter in the query) before it goes to `to`.
    """

    to: str
    status: int = 307
    hops: int = 0

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        done = int(request.field("hop", "0") or 0)
        if done < self.hops:
            bare = re.sub(r"[?&]hop=\d+", "", request.target)
            return redirect(f"{bare}{'&' if '?' in bare else '?'}hop={done + 1}", self.status)
        return redirect(self.to.replace("{path}", request.target), self.status)


class Loop(Fault):
    """Redirects to itself for ever."""

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return redirect(request.target, 302)


@dataclass
class Disposition(Fault):
    """Another Content-Disposition. form: plain (`filename="..."`), star (`filename*=UTF-8''...`), both, or raw."""

    name: str
    form: str = "plain"

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        if reply.status in (200, 206):
            reply.headers["Content-Disposition"] = disposition(self.name, self.form)
        return reply


def disposition(name: str, form: str = "both") -> str:
    """Return the header's value for a file name; line ends in it are what HTTP cannot carry plainly."""
    plain = name.replace("\r", "").replace("\n", "")
    if form == "raw":
        return plain
    quoted = '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
    star = "filename*=UTF-8''" + quote(name, safe="")
    ascii_only = quoted.encode("ascii", "replace").decode().replace("?", "_")
    forms = {"plain": f"filename={quoted}", "star": star, "both": f"filename={ascii_only}; {star}"}
    return "attachment; " + forms[form]


@dataclass
class Body(Fault):
    """Any body: garbage, nothing, HTML where JSON is expected."""

    body: bytes = b""
    kind: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return reply_text(self.body, self.status, self.kind, self.headers)


def html() -> Body:
    """Return the fault of a page where JSON is expected."""
    return Body(b"<!DOCTYPE html><html><body>Just a moment...</body></html>", "text/html; charset=utf-8")


def empty() -> Body:
    """Return the fault of an empty body."""
    return Body(b"")


def garbage(seed: int = 0, size: int = 4096) -> Body:
    """Return the fault of random bytes that are called JSON."""
    return Body(random.Random(seed).randbytes(size))


@dataclass
class GzipBomb(Fault):
    """So many bytes of blanks after JSON's `{`, packed a thousandfold. `kind` as Content-Type."""

    size: int = 256 << 20
    kind: str = "application/json"

    @cached_property
    def _packed(self) -> bytes:
        whole, rest = divmod(self.size, 1 << 20)
        member = gzip.compress(b" " * (1 << 20), 9, mtime=0)
        return gzip.compress(b"{", mtime=0) + member * whole + gzip.compress(b" " * rest + b"}", mtime=0)

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return reply_text(self._packed, 200, self.kind, {"Content-Encoding": "gzip"})


@dataclass
class HugeJson(Fault):
    """A JSON string of so many bytes, generated while it is sent."""

    size: int = 256 << 20

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return Reply(200, {"Content-Type": "application/json"}, _Repeated(b'{"a": "', b"x", b'"}', self.size))


@dataclass
class Deep(Fault):
    """JSON that is nested so deep."""

    depth: int = 100_000

    def instead(self, request: Request) -> Reply | None:
        """See Fault."""
        return reply_text(b"[" * self.depth + b"]" * self.depth, 200, "application/json")


@dataclass
class Mutate(Fault):
    """JSON through a function."""

    change: Callable[[Any, random.Random], Any]

    def spoil(self, request: Request, reply: Reply, dice: random.Random) -> Reply:
        """See Fault."""
        if reply.data is not None:
            changed = self.change(json.loads(json.dumps(reply.data)), dice)
            return replace(
                reply,
                data=None,
                body=Held(json.dumps(changed).encode()),
                headers={**reply.headers, "Content-Type": "application/json"},
            )
        return reply


def unknown_fields() -> Mutate:
    """Return the fault of fields that nobody knows, in every object."""
    return Mutate(
        lambda data, dice: _walk(
            data, lambda value: {**value, "zzNew": {"a": [1]}, "_": None} if isinstance(value, dict) else value
        )
    )


def nulls(chance: float = 0.3, keep: str = "") -> Mutate:
    """Return the fault of nulls in random places; keys that match `keep` stay."""
    return _replaced(lambda value, dice: None, chance, keep)


def missing(chance: float = 0.3, keep: str = "") -> Mutate:
    """Return the fault of fields that are not there."""

    def change(data: Any, dice: random.Random) -> Any:
        def thin(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: v for k, v in value.items() if (keep and re.fullmatch(keep, k)) or dice.random() >= chance}
            return value

        return _walk(data, thin)

    return Mutate(change)


def wrong_types(chance: float = 0.3, keep: str = "") -> Mutate:
    """Return the fault of values of other types: numbers for strings, strings for lists, lists for objects, ..."""
    others: list[Any] = [0, -1, 1e308, "", "x" * 50, True, [], {}, [None], {"a": 1}, ["text"], [[]], 2**70]
    return _replaced(lambda value, dice: dice.choice([v for v in others if type(v) is not type(value)]), chance, keep)


def _replaced(other: Callable[[Any, random.Random], Any], chance: float, keep: str) -> Mutate:
    def change(data: Any, dice: random.Random) -> Any:
        def swap(value: Any) -> Any:
            if isinstance(value, dict):
                return {
                    k: v if (keep and re.fullmatch(keep, k)) or dice.random() >= chance else other(v, dice)
                    for k, v in value.items()
                }
            if isinstance(value, list):
                return [v if dice.random() >= chance / 3 else other(v, dice) for v in value]
            return value

        return _walk(data, swap)

    return Mutate(change)


def _walk(data: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(data, dict):
        data = {key: _walk(value, change) for key, value in data.items()}
    elif isinstance(data, list):
        data = [_walk(value, change) for value in data]
    return change(data)


@dataclass(eq=False)
class Rule:
    """When a fault happens.

    Attributes:
        on: name of the port; None: every one. path: a regular expression that the path has in it. method: or None.
        times: how often at most; None: always. skip: so many matching requests are left alone first.
        chance: of each matching request, drawn from `seed`.
        used: how often it happened.
    """

    fault: Fault
    on: str | None = None
    path: str = ""
    method: str | None = None
    times: int | None = None
    skip: int = 0
    chance: float = 1.0
    seed: int = 0
    used: int = 0
    stopped: bool = False

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self._lock = threading.Lock()
        self._seen = 0

    def takes(self, request: Request) -> bool:
        """Say whether it happens to this request, and count it."""
        if self.stopped or (self.on is not None and self.on != request.on):
            return False
        if (self.method and self.method != request.method) or not re.search(self.path, request.target):
            return False
        with self._lock:
            self._seen += 1
            if self._seen <= self.skip or (self.times is not None and self.used >= self.times):
                return False
            if self.chance < 1 and self.dice.random() >= self.chance:
                return False
            self.used += 1
            return True

    def stop(self) -> None:
        """Behave again."""
        self.stopped = True

    def __enter__(self) -> Rule:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Changed(Content):
    """A content made of another one, with its ETag."""

    def __init__(self, old: Content, size: int) -> None:
        self.old, self.size = old, size
        self.__dict__["etag"] = old.etag


class _Flipped(_Changed):
    def __init__(self, old: Content, at: int) -> None:
        super().__init__(old, old.size)
        self.at = at

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """See Content."""
        for piece in self.old.pieces(start, end):
            if start <= self.at < start + len(piece):
                changed = bytearray(piece)
                changed[self.at - start] ^= 0xFF
                yield memoryview(changed)
            else:
                yield piece
            start += len(piece)


class _Resized(_Changed):
    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """See Content."""
        if start < min(end, self.old.size):
            yield from self.old.pieces(start, min(end, self.old.size))
        if end > self.old.size:
            yield memoryview(bytes(end - max(start, self.old.size)))


class _Other(_Changed):
    def __init__(self, old: Content, seed: int, size: int) -> None:
        super().__init__(old, size)
        head = old.read(0, min(old.size, 8 + 1024, size))
        self._new = Seeded(size, seed, head)

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """See Content."""
        return self._new.pieces(start, end)


class _Repeated(Content):
    """A short text, one byte very often, a short text."""

    def __init__(self, first: bytes, often: bytes, last: bytes, size: int) -> None:
        self.size, self._first, self._often, self._last = size, first, often, last

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """See Content; only the whole of it."""
        yield memoryview(self._first)
        left = self.size - len(self._first) - len(self._last)
        block = memoryview(self._often * (1 << 20))
        while left > 0:
            yield block[:left]
            left -= len(block)
        yield memoryview(self._last)
