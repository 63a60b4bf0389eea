"""Looking up in a thread of its own while a watcher follows events: no scan waits for a hub."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from hubman.app.lookup import LookupReport
from hubman.errors import StoreError

Ask = Callable[[Callable[[], bool]], LookupReport | None]
"""Look up what is new on the hubs that the user allowed; it is given what says that it is to end."""

PATIENCE_S = 2.0
"""Seconds that the end of a watcher waits for a request that is under way."""


class IdleLookup:
    """Asks hubs about new contents, one round at a time. Use it as a context; its end stops the round.

    Args:
        ask: None: no hub is ever asked.
    """

    def __init__(self, ask: Ask | None, stop: Callable[[], bool]) -> None:
        self._ask, self._stop = ask, stop
        self._ended = threading.Event()
        self._round: threading.Thread | None = None
        self._report: LookupReport | None = None
        self._error: StoreError | None = None
        self._wanted = False

    def want(self) -> None:
        """There may be something to look up."""
        self._wanted = self._ask is not None

    def step(self) -> LookupReport | None:
        """Begin a round when there may be work, and return the report of one that ended and asked something.

        Raises:
            StoreError: what was found could not be recorded.
        """
        if self._round is None:
            if self._wanted:
                self._wanted = False
                # A thread that dies with the program: a hub that does not answer holds nobody up.
                self._round = threading.Thread(target=self._run, name="lookup", daemon=True)
                self._round.start()
            return None
        if self._round.is_alive():
            return None
        self._round = None
        report, self._report = self._report, None
        error, self._error = self._error, None
        if error is not None:
            raise error
        return report if report is not None and (report.looked_up or report.cached) else None

    def _run(self) -> None:
        assert self._ask is not None
        try:
            self._report = self._ask(self._is_over)
        except StoreError as error:
            self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._round is not None:
            self._round.join(PATIENCE_S)

    def _is_over(self) -> bool:
        return self._stop() or self._ended.is_set()
