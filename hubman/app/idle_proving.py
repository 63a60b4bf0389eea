"""Proving in a thread of its own while a watcher follows events: one adapter at a time, the newest first.

Nothing is started before there is something to prove, and the render process is given back when that was all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from hubman.app.proof_lock import WATCHER, proving_alone
from hubman.app.proof_queue import CRASHES, NO_RENDERER
from hubman.app.proving import Proving, bases_digest, choose_bases, is_adapter
from hubman.app.validation import ValidateOptions, Validation
from hubman.config import Config
from hubman.core.library import ModelFile
from hubman.core.plan.rota import MOST_CRASHES
from hubman.core.types import ADAPTER_KINDS
from hubman.core.verdict import ENGINE, Verdict
from hubman.errors import N_, ConflictError, Phrase, RenderError
from hubman.renderers.process import Renderer
from hubman.store.door import Store
from hubman.store.reader import open_reader

IDLE_S = 180.0
"""Seconds without work after which the render process ends: it holds a checkpoint in memory."""

PAUSE_S = 3600.0
PATIENCE_S = 1.5
"""Seconds that the end of a watcher waits for the thread, whose render process is ended at once."""

MOST_AT_ONCE = 50
MOST_TRIED = 100_000


class Prover(Protocol):
    """What proves, called from a thread of its own."""

    def __call__(self, resting: bool, over: Callable[[], bool]) -> Validation | None:
        """Prove the next one; None when there is nothing. `resting`: nothing is being hashed."""

    def rest(self) -> None:
        """Give back what is not needed."""

    def cancel(self) -> None:
        """End what is under way; from another thread."""


class IdleProving:
    """Proves one adapter after another. Use it as a context; its end ends the one under way.

    Args:
        prover: None: nothing is ever proven.
    """

    def __init__(self, prover: Prover | None, stop: Callable[[], bool]) -> None:
        self._prover, self._stop = prover, stop
        self._ended = threading.Event()
        self._round: threading.Thread | None = None
        self._result: Validation | None = None
        self._error: BaseException | None = None
        self._wanted = prover is not None
        self._worked_at = time.monotonic()

    def want(self) -> None:
        """There may be something to prove."""
        self._wanted = self._prover is not None

    def step(self, resting: bool) -> Validation | None:
        """Begin with the next when there may be one, and return what became of one that ended.

        Raises:
            StoreError: the verdict could not be recorded.
        """
        if self._prover is None:
            return None
        if self._round is None:
            if self._wanted:
                self._wanted = False
                self._round = threading.Thread(target=self._run, args=(resting,), name="proving", daemon=True)
                self._round.start()
            elif time.monotonic() - self._worked_at > IDLE_S:
                self._prover.rest()
            return None
        if self._round.is_alive():
            return None
        self._round = None
        result, self._result = self._result, None
        error, self._error = self._error, None
        if error is not None:
            self.want()
            raise error
        if result is not None:
            self._worked_at = time.monotonic()
            self.want()
        return result

    def _run(self, resting: bool) -> None:
        assert self._prover is not None
        try:
            self._result = self._prover(resting, self._is_over)
        except BaseException as error:  # raised again where the watcher hears of it
            self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._prover is not None:
            self._prover.cancel()
        if self._round is not None:
            self._round.join(PATIENCE_S)

    def _is_over(self) -> bool:
        return self._stop() or self._ended.is_set()


class ProveNewest:
    """Proves the newest adapter of the library that has no proof.

    Args:
        warn: told when proving is given up for a while.
    """

    def __init__(
        self, config: Config, store: Store, warn: Callable[[Phrase], None], options: ValidateOptions | None = None
    ) -> None:
        self._config, self._store, self._warn = config, store, warn
        self._options = options or ValidateOptions()
        self._renderer = Renderer(device=self._options.device, gentle=True)
        self._proving: Proving | None = None
        self._digest = ""
        self._tried: set[tuple[int, int, int, str]] = set()
        self._crashes = 0
        self._paused_until = 0.0

    def __call__(self, resting: bool, over: Callable[[], bool]) -> Validation | None:
        """Prove one, with the lock of those who prove; None when nothing is left.

        Raises:
            StoreError: the verdict could not be recorded.
        """
        if time.monotonic() < self._paused_until:
            return None
        file = self._next(resting)
        if file is None or over():
            return None
        try:
            with proving_alone(self._config, WATCHER, wait=lambda: not over()):
                file = self._next(resting)  # who had the lock may have proven it meanwhile
                if file is None or self._proving is None:
                    return None
                self._tried.add(self._mark(file))
                result = self._proving.prove(file)
        except ConflictError:
            return None
        except RenderError as error:
            if error.reference != "render-cancelled":
                raise
            return None
        self._look_at(result)
        return result

    def rest(self) -> None:
        """End the render process, which gives its memory back."""
        if self._renderer.pid is not None:
            self._renderer.close(0.0)

    def cancel(self) -> None:
        """End the render process for good."""
        self._renderer.cancel()

    def _next(self, resting: bool) -> ModelFile | None:
        """Return the newest without a proof, one whose content has a name first if others are being hashed."""
        with open_reader(self._store.path) as reader:
            bases = choose_bases(reader, None, time.time_ns())
            digest = bases_digest(bases)
            if self._proving is None or digest != self._digest:
                self._digest = digest
                self._proving = None
            kinds = sorted(str(kind) for kind in ADAPTER_KINDS)
            if len(self._tried) > MOST_TRIED:
                self._tried.clear()
            found = reader.unproven(kinds, ENGINE, digest, most=MOST_AT_ONCE + len(self._tried))
        waiting = [file for file in found if is_adapter(file) and self._mark(file) not in self._tried]
        chosen = next((file for file in waiting if resting or file.hashes), None)
        if chosen is not None and self._proving is None:
            self._proving = Proving(self._store, self._config, bases, self._options, self._renderer)
        return chosen

    def _mark(self, file: ModelFile) -> tuple[int, int, int, str]:
        return (file.file_id, file.size, file.mtime_ns, self._digest)

    def _look_at(self, result: Validation) -> None:
        """Pause where nothing can be rendered, or where one after another ends the render process."""
        rule = result.judgement.rule
        if rule == NO_RENDERER:
            self._paused_until = float("inf")
            reason, fields = result.judgement.reason, result.judgement.fields
            self._warn(Phrase(N_("Nothing is validated: {why}"), why=Phrase(reason, **fields)))
        self._crashes = self._crashes + 1 if result.verdict is Verdict.ERROR and rule in CRASHES else 0
        if self._crashes >= MOST_CRASHES:
            self._crashes = 0
            self._paused_until = time.monotonic() + PAUSE_S
            self._warn(Phrase(N_("Several adapters in a row failed to render; nothing is validated for an hour.")))
