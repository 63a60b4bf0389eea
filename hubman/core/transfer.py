"""How one file is fetched over a connection that may do anything: decisions only, not a byte is read or written here.

`transfer` is a generator. It yields what is to be done next (an order) and is sent what came of it (an event):

    Ask(start, etag)     -> Head(...) or Failed(...)      ask for the bytes from `start` on
    Keep(limit, most)    -> Body(got, ending)             append what comes, at most `limit` (or `most`) bytes
    Truncate()           -> None                          throw everything away: position 0, a new hash
    Wait(seconds)        -> None
    Done()               -> Verified(right)               all bytes are there: compare the hash
    GiveUp(reason)                                        the end; what is there may be kept when `reason.keeps`

RFC 9110: If-Range carries a strong ETag only; 200 to a Range means that all of it comes again; a 206 must begin where
it was asked to, and its total must be the file's. Whoever has no strong ETag goes on only where a sha256 from the hub
decides in the end; without one, a file is never pieced together of two answers that might be of two files.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

ROUGHLY = 0.2
"""By how much of it a rounded size may be wrong."""
ROUGHLY_BYTES = 64 << 10


class Reason(StrEnum):
    """Why a transfer was given up."""

    CUT = "cut"
    BUSY = "busy"
    REFUSED = "refused"
    GONE = "gone"
    CHANGING = "changing"
    NONSENSE = "nonsense"
    WRONG_SIZE = "wrong-size"
    MISMATCH = "mismatch"

    @property
    def keeps(self) -> bool:
        """Whether the bytes that are there are good, as far as anybody knows: a later run may go on with them."""
        return self in (Reason.CUT, Reason.BUSY, Reason.REFUSED, Reason.GONE)


class Ending(StrEnum):
    """How an answer's body ended: as announced, too soon, or with bytes beyond the limit (which were not written)."""

    WHOLE = "whole"
    CUT = "cut"
    TOO_LONG = "too-long"


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for all bytes from `start` on; `etag`: as If-Range."""

    start: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Append the body of the answer.

    Attributes:
        limit: bytes that it has to have, None when nobody said. most: bytes that it may have then, where its size is
            known roughly.
    """

    limit: int | None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Truncate:
    """Forget every byte; the answer at hand, if there is one, begins at byte 0."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next request. `exact`: the hub said how long, so nothing is taken off at random."""

    seconds: float
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """All bytes are there."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It cannot be had now. `status`: the HTTP status that said so, 0 for none. `size`: what was announced instead."""

    reason: Reason
    status: int = 0
    size: int | None = None


Order = Ask | Keep | Truncate | Wait | Done | GiveUp


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer, as core.ports.Stream has it."""

    status: int
    start: int = 0
    total: int | None = None
    etag: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What came of an answer's body. `got`: bytes appended. `pieced`: they are of several answers."""

    got: int
    ending: Ending
    pieced: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer. `expired`: storage refused an address that the hub itself had given."""

    retry_after: float | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the hash is the one that the hub names; True as well where it names none."""

    right: bool


Event = Head | Body | Failed | Verified


@dataclass(frozen=True, slots=True)
class Remote:
    """What is known of the file beforehand.

    Attributes:
        size: bytes, exactly. about: bytes, rounded.
        etag: strong one under which the bytes came that are there already.
        hashed: the hub names a sha256, so wrong bytes will be found out.
    """

    size: int | None = None
    about: int | None = None
    etag: str | None = None
    hashed: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient to be.

    Attributes:
        failures: in a row, without a byte beyond what was ever reached.
        restarts: times that everything is thrown away.
        expired: addresses in a row that storage refuses, before we believe that it means us.
        first_wait, longest_wait: seconds between tries; doubled each time.
        longest_asked: seconds that a hub may make us wait; above that the person had better come back.
    """

    failures: int = 8
    restarts: int = 4
    expired: int = 2
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_asked: float = 180.0


def transfer(have: int, remote: Remote, limits: Limits = Limits()) -> Generator[Order, Event | None, None]:
    """Fetch a file of which the first `have` bytes are there already. See the module's text for orders and events."""
    trip = _Trip(have, remote, limits)
    while True:
        if trip.position and not trip.may_go_on:
            yield from _restart(trip)
        if trip.is_over():
            return
        while not trip.complete:
            event = yield Ask(trip.position, trip.etag if trip.position else None)
            if isinstance(event, Failed):
                yield from _failed(trip, event)
            elif isinstance(event, Head):
                yield from _answered(trip, event)
            else:
                _misuse(event)
            if trip.is_over():
                return
        verified = yield Done()
        if not isinstance(verified, Verified):
            _misuse(verified)
        if verified.right:
            return
        if trip.answers <= 1 or trip.mismatches:  # one answer, whole: what the server has is wrong
            yield GiveUp(Reason.MISMATCH)
            return
        trip.mismatches += 1
        trip.answers, trip.etag = 0, None
        yield from _restart(trip)
        if trip.is_over():
            return


class _Trip:
    """How far it came."""

    def __init__(self, have: int, remote: Remote, limits: Limits) -> None:
        self.position, self.size, self.about = have, remote.size, remote.about
        self.etag, self.hashed, self.limits = remote.etag, remote.hashed, limits
        self.total: int | None = remote.size
        self.best = have
        self.answers = 2 if have else 0  # nobody knows how many they were
        self.failures = self.restarts = self.expired = self.mismatches = 0
        self.complete = have > 0 and have == remote.size and remote.hashed
        self._over = False

    def end(self) -> None:
        """Note that it was given up."""
        self._over = True

    def is_over(self) -> bool:
        """Say whether it was given up."""
        return self._over

    @property
    def may_go_on(self) -> bool:
        """Whether bytes of another answer may follow those that are there."""
        in_range = self.size is None or self.position <= self.size
        return in_range and (self.hashed or self.etag is not None)


def _restart(trip: _Trip) -> Generator[Order, Event | None, None]:
    """Begin at byte 0."""
    trip.restarts += 1
    if trip.restarts > trip.limits.restarts:
        yield from _give_up(trip, GiveUp(Reason.CHANGING))
        return
    yield Truncate()
    trip.position, trip.etag, trip.complete = 0, None, False
    trip.total = trip.size
    trip.answers = 0


def _give_up(trip: _Trip, order: GiveUp) -> Generator[Order, Event | None, None]:
    trip.end()
    yield order


def _failed(trip: _Trip, event: Failed, reason: Reason = Reason.CUT) -> Generator[Order, Event | None, None]:
    """Wait and try again, or give up after too many failures in a row."""
    trip.failures += 1
    trip.expired += event.expired
    if event.expired and trip.expired > trip.limits.expired:
        yield from _give_up(trip, GiveUp(Reason.REFUSED))
    elif event.retry_after is not None and event.retry_after > trip.limits.longest_asked:
        yield from _give_up(trip, GiveUp(Reason.BUSY))
    elif trip.failures > trip.limits.failures:
        yield from _give_up(trip, GiveUp(reason))
    elif event.retry_after is not None:
        yield Wait(event.retry_after, exact=True)
    else:
        yield Wait(min(trip.limits.first_wait * 2.0 ** (trip.failures - 1), trip.limits.longest_wait))


def _answered(trip: _Trip, head: Head) -> Generator[Order, Event | None, None]:
    if head.status == 200:
        yield from _from_the_start(trip, head)
    elif head.status == 206:
        yield from _part_of_it(trip, head)
    elif head.status == 416:
        yield from _nothing_there(trip, head)
    elif head.status in (400, 403, 410):  # a signed address that is too old: the hub gives a new one
        yield from _refused(trip, head, Reason.REFUSED)
    elif head.status == 404:
        yield from _refused(trip, head, Reason.GONE)
    elif head.status in (408, 425, 429) or head.status >= 500:
        yield from _failed(trip, Failed(head.retry_after), Reason.BUSY)
    else:
        refused = head.status in (401, 402, 407, 451)
        yield from _give_up(trip, GiveUp(Reason.REFUSED if refused else Reason.NONSENSE, head.status))


def _refused(trip: _Trip, head: Head, reason: Reason) -> Generator[Order, Event | None, None]:
    trip.expired += 1
    if trip.expired > trip.limits.expired:
        yield from _give_up(trip, GiveUp(reason, head.status))
    else:
        yield Wait(trip.limits.first_wait)


def _from_the_start(trip: _Trip, head: Head) -> Generator[Order, Event | None, None]:
    """200: all of it, whatever was asked for."""
    if trip.position:
        yield from _restart(trip)
        if trip.is_over():
            return
    if not _fits(trip, head.total):
        yield from _give_up(trip, GiveUp(Reason.WRONG_SIZE, size=head.total))
        return
    trip.etag = head.etag
    trip.total = trip.size if trip.size is not None else head.total
    yield from _body(trip, announced=head.total is not None)


def _part_of_it(trip: _Trip, head: Head) -> Generator[Order, Event | None, None]:
    """206: the rest of it, if it is the rest of this file."""
    if head.start != trip.position or (head.total is not None and head.total < trip.position):
        if trip.position:
            yield from _restart(trip)  # asked without a Range the next time
        else:
            yield from _failed(trip, Failed(), Reason.NONSENSE)
        return
    if trip.position:
        same_etag = trip.etag is None or head.etag == trip.etag or (head.etag is None and trip.hashed)
        same_total = trip.total is None or head.total is None or head.total == trip.total
        if not same_etag or (not same_total and trip.size is None):
            yield from _restart(trip)
            return
    if not _fits(trip, head.total):
        yield from _give_up(trip, GiveUp(Reason.WRONG_SIZE, size=head.total))
        return
    if not trip.position:
        trip.etag = head.etag
    trip.total = trip.size if trip.size is not None else head.total
    yield from _body(trip, announced=head.total is not None)


def _nothing_there(trip: _Trip, head: Head) -> Generator[Order, Event | None, None]:
    """416: nothing from `position` on. Either all of it is there, or what is there is of another file."""
    known = trip.size if trip.size is not None else head.total
    if trip.position and trip.position == known and trip.hashed:
        trip.complete = True
    elif trip.position:
        yield from _restart(trip)
    else:
        yield from _failed(trip, Failed(), Reason.NONSENSE)


def _fits(trip: _Trip, total: int | None) -> bool:
    """Say whether an announced size may be the file's."""
    if total is None:
        return True
    if trip.size is not None:
        return total == trip.size
    if trip.about is not None:
        return abs(total - trip.about) <= _leeway(trip.about)
    return True


def _leeway(about: int) -> int:
    return max(int(ROUGHLY * about), ROUGHLY_BYTES)


def _body(trip: _Trip, *, announced: bool) -> Generator[Order, Event | None, None]:
    """Take the bytes of an answer whose head was right. `announced`: it said how long the file is.

    An answer that did not, and was cut just where the hub's size ends, may be the beginning of a longer file: only a
    hash can tell.
    """
    trip.answers += 1
    most = None if trip.about is None else max(0, trip.about + _leeway(trip.about) - trip.position)
    event = yield Keep(None, most) if trip.total is None else Keep(trip.total - trip.position)
    if not isinstance(event, Body):
        _misuse(event)
    trip.answers += event.pieced
    trip.position += event.got
    if trip.position > trip.best:  # a server that always cuts at the same byte makes no progress
        trip.best, trip.failures, trip.expired = trip.position, 0, 0
    if event.ending is Ending.TOO_LONG:
        yield from _give_up(trip, GiveUp(Reason.WRONG_SIZE))
    elif trip.position == trip.total and (announced or trip.hashed or event.ending is Ending.WHOLE):
        trip.complete = True
    elif trip.total is None and event.ending is Ending.WHOLE:
        if _fits(trip, trip.position):
            trip.complete = True
        else:
            yield from _give_up(trip, GiveUp(Reason.WRONG_SIZE, size=trip.position))
    else:
        yield from _failed(trip, Failed())
        if not trip.is_over() and not trip.may_go_on and trip.position:
            yield from _restart(trip)


def _misuse(event: object) -> NoReturn:
    raise TypeError(f"the transfer was sent {event!r}")


_TEXT_TYPES = frozenset({
    "text/html", "application/xhtml+xml", "application/json", "application/problem+json", "application/xml", "text/xml",
})  # fmt: skip
_TEXT_BYTES = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\r\n\f") | frozenset(range(0x80, 0x100))
LOOKED_AT = 512


def page_instead(first: bytes, content_type: str) -> str | None:
    """Say what came instead of a model: "html", "json" or "xml"; None when it may be one.

    Args:
        first: the first bytes (LOOKED_AT are enough). A safetensors file has NULs among them, as all models have.
        content_type: lower case, without parameters; "" for none.
    """
    start = first[:LOOKED_AT].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\f").lower()
    text = set(first[:LOOKED_AT]) <= _TEXT_BYTES
    if text and start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")):
        return "html"
    if text and start.startswith((b"<?xml", b"<error", b"<!doctype")):
        return "xml"
    if text and start.startswith((b"{", b"[")):
        return "json"
    if content_type in _TEXT_TYPES:
        return "html" if "html" in content_type else "json" if "json" in content_type else "xml"
    return None
