"""Whose turn it is: when a hub may be asked (again), and when nobody waits for it any longer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from hubman.core.hub_titles import title_of
from hubman.errors import N_, HubError, Phrase
from hubman.hubs import _errors
from hubman.hubs._answers import certificate_trouble, reason
from hubman.hubs._guard import NoSuchHostError
from hubman.hubs._patience import FEW_TRIES, MOST_TRIES, QUIET_S, Lane, asked_wait, limit_of, pause

TOLD_S = 2.0
"""Seconds of a wait that the user is told about."""


class HopError(Exception):
    """A machine on the way could not be talked to. `netloc`: its name and port; `host`: how it is told."""

    def __init__(self, netloc: str, host: str, cause: Exception) -> None:
        super().__init__(host)
        self.netloc, self.host, self.cause = netloc, host, cause


class Turns:
    """The waits of a Web. Arguments: as Web's."""

    def __init__(
        self,
        *,
        patience_s: float,
        stall_s: float,
        on_wait: Callable[[str, float], None] | None,
        clock: Callable[[], float],
        now: Callable[[], float],
        sleep: Callable[[float], object] | None,
        chance: Callable[[], float],
        redact: Callable[[str], str],
    ) -> None:
        self.patience_s = patience_s
        self._stall_s, self._on_wait, self._redact = stall_s, on_wait, redact
        self._closed = threading.Event()
        self._clock, self._now, self._sleep, self._chance = clock, now, sleep or self._closed.wait, chance
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._until: float | None = None

    def lane(self, netloc: str) -> Lane:
        """Return the way to a machine."""
        with self._lock:
            return self._lanes.setdefault(netloc, Lane())

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Give everything in a block this many seconds together."""
        before = self._until
        if seconds is not None:
            until = self._clock() + seconds
            self._until = until if before is None else min(before, until)
        try:
            yield
        finally:
            self._until = before

    def left(self) -> float | None:
        """Return the seconds that are left, None for any number."""
        until = self._until
        return None if until is None else max(0.0, until - self._clock())

    def alarm(self, seconds: float) -> Callable[[], bool]:
        """Return what says whether so many seconds have passed since now, or none are left at all."""
        end = self._clock() + seconds
        return lambda: self._clock() > end or self.left() == 0.0

    def close(self) -> None:
        """End every wait; whoever waited raises."""
        self._closed.set()

    def wait(self, hub: str, lane: Lane, *, api: bool) -> None:
        """Wait where the machine said that nothing is left for now.

        Args:
            api: whether a call is wanted or a file: hubs count them apart.

        Raises:
            HubError: `hub-busy`, it takes longer than anybody waits. `hub-slow`. `connection-lost`, hubman stops.
        """
        self._check(hub)
        seconds = lane.not_before.get(api, 0.0) - self._clock()
        if seconds <= 0:
            return
        left = self.left()
        if seconds > self.patience_s or (left is not None and seconds > left):
            raise _errors.busy({"hub": title_of(hub), "said": Phrase(N_("its limit is used up"))}, seconds)
        self.rest(hub, seconds)

    def rest(self, hub: str, seconds: float) -> None:
        """Wait before the next try.

        Raises:
            HubError: `hub-slow`, it would be too late then. `connection-lost`, hubman stops.
        """
        left = self.left()
        if left is not None and seconds > left:
            raise _errors.out_of_time(hub)
        if seconds > TOLD_S and self._on_wait:
            self._on_wait(hub, seconds)
        self._sleep(seconds)
        self._check(hub)

    def learn(
        self, lane: Lane, status: int, headers: Mapping[str, str], tried: int, *, api: bool
    ) -> tuple[float, float | None]:
        """Take in what an answer says about haste.

        Returns:
            The seconds before the next try, if there is to be one; and those that the hub asks for, None for none.
        """
        busy = status in (429, 503)
        lane.heard(busy=busy)
        lane.quiet_until = 0.0
        lane.limit = limit_of(headers) or lane.limit
        asked = asked_wait(headers, self._now())
        if asked is None:
            return self.pause(tried), None
        seconds = max(asked * (1 + self._chance() / 10), self.pause(1))
        if busy or status < 400:
            lane.not_before[api] = self._clock() + seconds
        return seconds, asked if status >= 400 else None

    def pause(self, tried: int) -> float:
        """Return the seconds before the next try where the hub does not say."""
        return pause(tried, self._chance())

    def give_up(self, hub: str, error: HopError, tried: int) -> None:
        """Raise when a machine that cannot be talked to was tried often enough.

        Raises:
            HubError: `hub-certificate`, `hub-unreachable`, `hub-slow`.
        """
        certificate = certificate_trouble(error.cause)
        if certificate is not None:
            raise _errors.untrusted(hub, error.host, self._redact(certificate))
        lane = self.lane(error.netloc)  # not the hub's where it was the store of its files that is down
        most = FEW_TRIES if isinstance(error.cause, NoSuchHostError) else MOST_TRIES
        if self.left() == 0.0:
            raise _errors.out_of_time(hub)
        if tried >= (1 if self._clock() < lane.quiet_until else most):
            lane.quiet_until = self._clock() + QUIET_S
            raise _errors.unreachable(hub, error.host, reason(error.cause, self._redact, self._stall_s))

    def _check(self, hub: str) -> None:
        if self._closed.is_set():
            raise stopping()
        if self.left() == 0.0:
            raise _errors.out_of_time(hub)


def stopping() -> HubError:
    """Return the error for what is still wanted while hubman stops."""
    return _errors.lost(Phrase(N_("hubman is stopping")))
