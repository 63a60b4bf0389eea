"""Manners: how often a hub is asked again, how long is waited, how many requests it gets at once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 8.0
MOST_TRIES = 5
FEW_TRIES = 2
MOST_AT_ONCE = 16
FIRST_AT_ONCE = 4
QUIET_S = 30.0
"""Seconds for which a machine that could not be reached is tried only once a request."""

_PASSING = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_PERMANENT = re.compile(r"too many pages|use cursors|quota|limit for today|下载超过限制", re.IGNORECASE)
_LEFT = re.compile(r"\b(?:r|remaining)=(\d{1,9})\b")
_RESET = re.compile(r"\b(?:t|reset)=(\d{1,9})\b")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a hub says is left: requests, and the seconds after which the count begins anew."""

    left: int
    reset_s: float


def limit_of(headers: Mapping[str, str]) -> Limit | None:
    """Return the tightest limit of a `RateLimit` header: `"api";r=0;t=55`, or the older `remaining=0, reset=55`."""
    text = headers.get("ratelimit", "")
    found = []
    for part in text.split(",") if ";" in text else [text]:
        left, reset = _LEFT.search(part), _RESET.search(part)
        if left and reset:
            found.append(Limit(int(left[1]), float(reset[1])))
    return min(found, key=lambda limit: (limit.left, -limit.reset_s), default=None)


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a hub asks to wait: Retry-After (seconds or a date), else a used-up RateLimit.

    Args:
        now: seconds since 1970, for dates.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    if text:
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - now)
        except (ValueError, OverflowError, OSError):
            pass
    limit = limit_of(headers)
    return limit.reset_s if limit is not None and limit.left <= 0 else None


def tries_for(status: int, *, wait: float | None, download: bool, text: str) -> int:
    """Return how often a request may be sent in all when it was answered like this; 1: what came is the answer.

    Args:
        wait: seconds that the hub asks to wait, None where it does not say.
        download: a file was asked for. There a 429 without a date is a quota: asking again only makes it worse.
        text: the beginning of the body.
    """
    if status not in _PASSING:
        return 1
    if status == 429:
        if _PERMANENT.search(text) or (wait is None and download):
            return 1
        return MOST_TRIES if wait is not None else FEW_TRIES + 1
    return FEW_TRIES if status == 500 else MOST_TRIES


def pause(tried: int, chance: float) -> float:
    """Return the seconds before the next try: doubling, cut at a ceiling, and spread so that clients do not march.

    Args:
        tried: how often it was tried. chance: a random number from 0 to 1.
    """
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (tried - 1)) * (0.5 + chance / 2)


@dataclass(slots=True)
class Lane:
    """The way to one machine: how many go at once, and when the next may go.

    The number grows by one for as many answers as it lets go, and halves when the machine says that it is too much.
    """

    at_once: float = FIRST_AT_ONCE
    going: int = 0
    not_before: dict[bool, float] = field(default_factory=dict)
    quiet_until: float = 0.0
    limit: Limit | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def slot(self, left: Callable[[], float | None]) -> Iterator[bool]:
        """Wait for a turn and hold it; yields False when the time was up before.

        Args:
            left: seconds that may still be waited, None for any.
        """
        with self._changed:
            free = self._changed.wait_for(lambda: self.going < max(1, int(self.at_once)), left())
            self.going += free
        try:
            yield free
        finally:
            if free:
                with self._changed:
                    self.going -= 1
                    self._changed.notify()

    def heard(self, *, busy: bool) -> None:
        """Learn from an answer: `busy` is a 429 or 503."""
        with self._changed:
            if busy:
                self.at_once = max(1.0, self.at_once / 2)
            else:
                self.at_once = min(float(MOST_AT_ONCE), self.at_once + 1 / self.at_once)
            self._changed.notify_all()
