"""What a fault is, and when it happens."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass

from tests.testhub.wire import Reply, Request


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
