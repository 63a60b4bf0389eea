"""All faults: those of lines, lengths, files and redirects are here, the others in nonsense.py; rules.py says when."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from tests.testhub.content import Content, Held, Seeded, evil_pickle
from tests.testhub.nonsense import (  # noqa: F401 - tests find all faults in this module
    Body,
    Deep,
    GzipBomb,
    HugeJson,
    Mutate,
    empty,
    garbage,
    html,
    missing,
    nulls,
    unknown_fields,
    wrong_types,
)
from tests.testhub.rules import Fault, Rule  # noqa: F401
from tests.testhub.wire import Reply, Request, redirect, reply_text

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form><input name=user></form>"
    + "<p>You must be signed in to do this.</p>" * 400
    + "</body></html>"
)


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
