"""Answers that are no answers, far too much of one, or JSON that is not as promised."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tests.testhub.content import Content, Held
from tests.testhub.rules import Fault
from tests.testhub.wire import Reply, Request, reply_text


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
