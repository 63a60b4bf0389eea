"""The rules of resuming: whatever a server does, the right bytes or a clear end."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hubman.core.transfer import (
    Ask,
    Body,
    Done,
    Ending,
    Event,
    Failed,
    GiveUp,
    Head,
    Keep,
    Order,
    Reason,
    Remote,
    Truncate,
    Verified,
    Wait,
    page_instead,
    transfer,
)

OLD, NEW = bytes(range(40)), bytes(range(100, 150))


def play(events: Iterable[Event], have: int = 0, remote: Remote = Remote()) -> list[Order]:  # noqa: B008
    """Send events where one is wanted; return all orders."""
    orders = transfer(have, remote)
    script, given_orders = list(events), []
    event: Event | None = None
    try:
        while True:
            order = orders.send(event)
            given_orders.append(order)
            if isinstance(order, Truncate | Wait):
                event = None
                continue
            if isinstance(order, GiveUp) or not script:
                return given_orders
            event = script.pop(0)
    except StopIteration:
        return given_orders


def test_a_whole_file_in_one_answer() -> None:
    orders = play([Head(200, total=40, etag='"a"'), Body(40, Ending.WHOLE), Verified(True)], remote=Remote(size=40))
    assert orders == [Ask(0, None), Keep(40), Done()]


def test_a_cut_goes_on_with_if_range() -> None:
    orders = play([Head(200, total=40, etag='"a"'), Body(13, Ending.CUT), Head(206, 13, 40, '"a"')])
    assert orders == [Ask(0, None), Keep(40), Wait(0.5), Ask(13, '"a"'), Keep(27)]


def test_a_weak_etag_goes_on_only_where_a_hash_decides() -> None:
    cut = [Head(200, total=40), Body(13, Ending.CUT)]
    assert play(cut, remote=Remote(size=40))[-2:] == [Truncate(), Ask(0, None)]
    assert play(cut, remote=Remote(size=40, hashed=True))[-1] == Ask(13, None)


def test_bytes_of_an_earlier_run_without_etag_and_hash_are_thrown_away() -> None:
    assert play([], have=13, remote=Remote(size=40)) == [Truncate(), Ask(0, None)]


def test_200_to_a_range_begins_again() -> None:
    orders = play([Head(200, total=40, etag='"b"')], have=13, remote=Remote(size=40, etag='"a"', hashed=True))
    assert orders == [Ask(13, '"a"'), Truncate(), Keep(40)]


@pytest.mark.parametrize(
    "head",
    [Head(206, 12, 40, '"a"'), Head(206, 13, 41, '"a"'), Head(206, 13, 40, '"b"'), Head(206, 13, 40), Head(206, 13, 5)],
)
def test_a_206_of_something_else_begins_again(head: Head) -> None:
    cut = [Head(200, total=40, etag='"a"'), Body(13, Ending.CUT)]
    assert play([*cut, head])[4:] == [Truncate(), Ask(0, None)]


def test_a_total_that_is_not_the_hubs_is_refused_before_a_byte() -> None:
    assert play([Head(200, total=41)], remote=Remote(size=40)) == [Ask(0, None), GiveUp(Reason.WRONG_SIZE, size=41)]
    assert play([Head(206, 13, 41)], 13, Remote(40, hashed=True))[-1] == GiveUp(Reason.WRONG_SIZE, size=41)
    rounded = Remote(about=10_000_000)
    assert play([Head(200, total=12_345)], remote=rounded)[-1] == GiveUp(Reason.WRONG_SIZE, size=12_345)
    assert play([Head(200, total=10_400_000)], remote=rounded)[-1] == Keep(10_400_000)


def test_416_with_all_bytes_there_is_the_end_if_a_hash_decides() -> None:
    assert play([], have=40, remote=Remote(size=40, hashed=True)) == [Done()]
    end = [Head(416)]
    assert play(end, have=40, remote=Remote(etag='"a"', hashed=True))[-1] == Ask(0, None)
    assert play([Head(416, total=40)], 40, Remote(etag='"a"', hashed=True))[-1] == Done()
    assert play(end, have=13, remote=Remote(size=40, hashed=True))[-2:] == [Truncate(), Ask(0, None)]


def test_too_long_and_too_short() -> None:
    whole = Head(200, total=40, etag='"a"')
    assert play([whole, Body(40, Ending.TOO_LONG)])[-1] == GiveUp(Reason.WRONG_SIZE)
    assert play([whole, Body(30, Ending.WHOLE)])[-1] == Ask(30, '"a"')
    assert play([Head(200), Body(30, Ending.WHOLE)])[-1] == Done()
    assert play([Head(200), Body(300_000, Ending.WHOLE)], remote=Remote(about=10))[-1].reason is Reason.WRONG_SIZE


def test_an_expired_address_is_asked_for_again_and_a_refusal_is_believed_in_the_end() -> None:
    cut = [Head(200, total=40, etag='"a"'), Body(13, Ending.CUT)]
    assert play([*cut, Head(403), Head(206, 13, 40, '"a"')])[-1] == Keep(27)
    assert play([*cut, Failed(expired=True), Head(206, 13, 40, '"a"')])[-1] == Keep(27)
    assert play([*cut, *[Head(403)] * 3])[-1] == GiveUp(Reason.REFUSED, 403)
    assert play([*cut, *[Failed(expired=True)] * 3])[-1] == GiveUp(Reason.REFUSED)
    assert play([Head(404)] * 3)[-1] == GiveUp(Reason.GONE, 404)
    assert play([Head(401)])[-1] == GiveUp(Reason.REFUSED, 401)
    assert play([Head(302)])[-1] == GiveUp(Reason.NONSENSE, 302)


def test_waits_double_are_bounded_and_a_hub_that_says_how_long_is_heard() -> None:
    orders = play([Failed()] * 9)
    waits = [order.seconds for order in orders if isinstance(order, Wait)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert orders[-1] == GiveUp(Reason.CUT)
    assert play([Head(429, retry_after=7.0)])[1] == Wait(7.0, exact=True)
    assert play([Failed(7.0)])[1] == Wait(7.0, exact=True)
    assert play([Failed(3600.0)])[-1] == GiveUp(Reason.BUSY)
    assert play([Head(503)] * 9)[-1] == GiveUp(Reason.BUSY)


def test_an_answer_without_a_length_that_is_cut_where_the_size_ends_is_not_believed() -> None:
    """It may be the beginning of a longer file; a hash tells, and so does a length."""
    cut = [Head(200, total=None, etag='"a"'), Body(40, Ending.CUT)]
    assert play(cut, 0, Remote(size=40))[-1] == Ask(40, '"a"')
    assert play(cut, 0, Remote(size=40, hashed=True))[-1] == Done()
    assert play([Head(200, total=40, etag='"a"'), Body(40, Ending.CUT)], 0, Remote(size=40))[-1] == Done()
    assert play([cut[0], Body(40, Ending.WHOLE)], 0, Remote(size=40))[-1] == Done()


def test_progress_makes_patience_new_but_the_same_byte_again_is_none() -> None:
    steps: list[Event] = [Head(200, total=40, etag='"a"'), Body(1, Ending.CUT)]
    for position in range(1, 20):
        steps += [Head(206, position, 40, '"a"'), Body(1, Ending.CUT)]
    assert play(steps)[-1] == Ask(20, '"a"')
    again = [event for _ in range(30) for event in (Head(200, total=40), Body(13, Ending.CUT))]
    assert play(again)[-1].reason in (Reason.CUT, Reason.CHANGING)


def test_a_wrong_hash_is_tried_once_more_only_if_it_was_pieced_together() -> None:
    whole = [Head(200, total=40, etag='"a"'), Body(40, Ending.WHOLE), Verified(False)]
    assert play(whole)[-1] == GiveUp(Reason.MISMATCH)
    pieced = [Head(206, 13, 40, '"a"'), Body(27, Ending.WHOLE), Verified(False)]
    start = Remote(size=40, etag='"a"', hashed=True)
    assert play(pieced, 13, start)[-2:] == [Truncate(), Ask(0, None)]
    assert play([*pieced, *whole], 13, start)[-1] == GiveUp(Reason.MISMATCH)
    again: list[Event] = [Head(200, total=40, etag='"a"'), Body(13, Ending.CUT), *pieced]
    assert play([*pieced, *again], 13, start)[-1] == GiveUp(Reason.MISMATCH), "not for ever"
    assert play([Verified(False)], 40, start) == [Done(), Truncate(), Ask(0, None)]


class Server:
    """A server that does what a seed says: other files, other ETags, ignored and wrong ranges, cuts, refusals."""

    def __init__(self, dice: random.Random, mischief: float) -> None:
        self.dice, self.mischief = dice, mischief
        self.changed = False

    def answer(self, order: Ask) -> tuple[Event, bytes]:
        dice = self.dice
        if dice.random() < self.mischief / 8:
            self.changed = not self.changed
        data, etag = (NEW, '"new"') if self.changed else (OLD, '"old"')
        if dice.random() < self.mischief / 3:
            kinds: list[Event] = [Failed(), Failed(1.0), Failed(expired=True)]
            kinds += [Head(status) for status in (400, 403, 404, 408, 410, 416, 429, 500, 503)]
            return dice.choice(kinds), b""
        said = None if dice.random() < self.mischief / 3 else etag
        length = None if dice.random() < self.mischief / 4 else len(data)
        matches = order.etag is None or order.etag == etag
        if order.start and matches and dice.random() >= self.mischief / 4:
            if order.start >= len(data):
                return Head(416, total=len(data)), b""
            start = order.start
            if dice.random() < self.mischief / 4:
                start = dice.randrange(len(data))
            return Head(206, start, length, said), data[start:]
        return Head(200, 0, length, said), data


@settings(max_examples=400, deadline=None)
@example(18, 1.0, False, True, 1, True)
@given(st.integers(0, 2**32), st.floats(0, 1), st.booleans(), st.booleans(), st.integers(0, 45), st.booleans())
def test_any_misbehaviour_ends_with_the_right_bytes_or_a_clear_failure(
    seed: int, mischief: float, hashed: bool, sized: bool, have: int, etag: bool
) -> None:
    """A disk and a hash are simulated. With a hash from the hub only its bytes pass; without, one file's bytes do."""
    dice = random.Random(seed)
    server = Server(dice, mischief)
    disk = bytearray(OLD[:have] if dice.random() < 0.8 else NEW[:have])
    if not etag and not hashed:
        disk.clear()
    known = '"old"' if disk == OLD[: len(disk)] else '"new"'  # what the record says is true
    remote = Remote(size=len(OLD) if sized else None, etag=known if etag else None, hashed=hashed)
    orders = transfer(len(disk), remote)
    event: Event | None = None
    head: Event | None = None
    body = b""
    for _ in range(2000):
        try:
            order = orders.send(event)
        except StopIteration:
            break
        event = None
        match order:
            case Ask():
                assert order.start == len(disk)
                event, body = server.answer(order)
                head = event
            case Truncate():
                disk.clear()
            case Keep(limit):
                cut = dice.random() < mischief
                piece = body[: dice.randrange(len(body) + 1)] if cut else body
                ending = Ending.CUT if cut and dice.random() < 0.8 else Ending.WHOLE
                if limit is not None and len(piece) > limit:
                    piece, ending = piece[:limit], Ending.TOO_LONG
                disk += piece
                if ending is Ending.WHOLE and cut:  # a short body that looks whole is known only by its length
                    told = isinstance(head, Head) and head.total is not None
                    ending = Ending.WHOLE if limit is not None and (told or len(piece) < limit) else Ending.CUT
                event = Body(len(piece), ending)
            case Done():
                event = Verified(not hashed or disk == OLD)
            case GiveUp(reason):
                assert reason in Reason
                return
    else:
        pytest.fail("it never ends")
    assert bytes(disk) in ((OLD,) if hashed else (OLD, NEW)), (seed, disk)
    if sized:
        assert len(disk) == len(OLD)


def test_pages_are_known_by_type_and_by_bytes() -> None:
    page = b"  \r\n<!DOCTYPE html><html>"
    assert page_instead(page, "application/octet-stream") == "html"
    assert page_instead(b"\xef\xbb\xbf<html lang=zh>", "") == "html"
    assert page_instead(b"\0\0", "text/html") == "html"
    assert page_instead(b'{"error":"Unauthorized"}', "binary/octet-stream") == "json"
    assert page_instead(b"<?xml version='1.0'?><Error>", "") == "xml"
    assert page_instead(b"x", "application/json") == "json"
    header = b'{"__metadata__":{}}'
    assert page_instead(len(header).to_bytes(8, "little") + header, "application/octet-stream") is None
    assert page_instead((0x7B).to_bytes(8, "little") + header, "") is None, "a length that is a brace"
    assert page_instead(b"GGUF\3\0\0\0", "text/plain") is None
    assert page_instead(b"PK\3\4", "application/zip") is None
