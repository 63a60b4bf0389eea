"""Many adapters, one after another or on several processes at once: grouped by base, the newest first, one bad one
never costs another."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from hubman.app.proving import Proving, subject_of
from hubman.app.validation import RenderSession, Validation
from hubman.core.library import ModelFile
from hubman.core.plan.rota import Estimate, Rota
from hubman.core.ports import Progress, Silence
from hubman.core.verdict import Verdict
from hubman.errors import N_, RenderError

CRASHES = frozenset(
    {"render-crashed", "render-timeout", "render-garbage", "render-out-of-memory", "base-contaminated", "base-broken"}
)
"""Rules of `error` that one adapter alone can bring about; several in a row are the base's fault, or the machine's."""

BASE_FAULTS = frozenset({"base-unreadable", "base-unsupported", "base-config-missing", "base-unsafe"})
"""Rules that say that the base is at fault: all others would fail on it in the same way."""

NO_RENDERER = "render-extra-missing"
JOIN_S = 5.0


class Session(RenderSession, Protocol):
    """A render process that can be ended from another thread."""

    def cancel(self) -> None: ...

    def close(self) -> None: ...


class ProofQueue:
    """Proves files with one or several render processes; a result is recorded before it is given out.

    Args:
        proving: with the bases and options; its own session is not used.
        open_session: worker number -> a render process (not started before it is needed), closed by the queue.
    """

    def __init__(
        self,
        proving: Proving,
        files: Sequence[ModelFile],
        open_session: Callable[[int], Session],
        workers: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._proving, self._open, self._workers = proving, open_session, max(1, workers)
        self._twins: dict[str, list[ModelFile]] = {}
        for file in files:
            self._twins.setdefault(subject_of(file), []).append(file)
        self._progress = progress or Silence()
        self._guard = threading.Lock()
        self._estimate: Estimate[str] = Estimate()
        self._rota: Rota[ModelFile, str] = Rota([])
        self._sessions: list[Session] = []
        self._ended = threading.Event()
        self.total = len(self._twins)

    def plan(self) -> None:
        """Read the headers and group the files by the base they need."""
        self._progress.phase("identify", self.total)
        grouped = []
        for first, *_ in self._twins.values():
            grouped.append((first, self._proving.base_of(first) or ""))
            self._progress.advance()
        self._rota = Rota(grouped)

    def seconds_left(self) -> float | None:
        """Return how long the rest takes, from what is finished on each base; None when nothing is known yet."""
        with self._guard:
            return self._estimate.left(self._rota.left(), self._workers)

    def run(self) -> Iterator[Validation]:
        """Yield the results as they come. Leaving early ends the render processes at once; what was proven is kept."""
        if self._workers == 1:
            yield from self._run_one()
        else:
            yield from self._run_several()

    def _run_one(self) -> Iterator[Validation]:
        session = self._opened(0)
        proving = self._proving.over(session)
        try:
            while (task := self._next(0)) is not None:
                yield from self._do(proving, *task)
            session.close()
        finally:
            self._cancel()

    def _run_several(self) -> Iterator[Validation]:
        results: queue.Queue[Validation | BaseException | None] = queue.Queue()
        threads = [
            threading.Thread(target=self._work, args=(number, results), name=f"proof-{number}", daemon=True)
            for number in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        at_work = len(threads)
        try:
            while at_work:
                try:
                    result = results.get(timeout=0.5)
                except queue.Empty:
                    continue  # in slices, for a Ctrl-C to be heard on Windows
                if result is None:
                    at_work -= 1
                elif isinstance(result, BaseException):
                    raise result
                else:
                    yield result
        finally:
            self._cancel()
            for thread in threads:
                thread.join(JOIN_S)

    def _work(self, number: int, results: queue.Queue[Validation | BaseException | None]) -> None:
        """Be one of several workers: do what is next until nothing is left."""
        session = self._opened(number)
        proving = self._proving.over(session)
        try:
            while (task := self._next(number)) is not None:
                for result in self._do(proving, *task):
                    results.put(result)
        except RenderError as error:
            if error.reference != "render-cancelled":
                results.put(error)
        except BaseException as error:  # a thread's end is nobody's business but that of who waits for its results
            results.put(error)
        finally:
            session.close()
            results.put(None)

    def _opened(self, number: int) -> Session:
        session = self._open(number)
        with self._guard:
            self._sessions.append(session)
        return session

    def _cancel(self) -> None:
        self._ended.set()
        with self._guard:
            for session in self._sessions:
                session.cancel()

    def _next(self, number: int) -> tuple[ModelFile, str] | None:
        with self._guard:
            return None if self._ended.is_set() else self._rota.next(number)

    def _do(self, proving: Proving, file: ModelFile, base: str) -> Iterator[Validation]:
        """Prove one file, and say what is given up because of it."""
        started = time.monotonic()
        result = proving.prove(file)
        for twin in self._twins[subject_of(file)][1:]:
            proving.also(twin, result)
        with self._guard:
            self._estimate.finished(base, time.monotonic() - started)
            given_up = self._blame(result, base)
        yield result
        for other in given_up:
            yield self._left_out(proving, other, result)

    def _blame(self, result: Validation, base: str) -> list[ModelFile]:
        """Count what went wrong; return the files that are not tried any more."""
        rule = result.judgement.rule
        if result.verdict is not Verdict.ERROR:
            self._rota.went_well(base)
            return []
        if rule == NO_RENDERER:
            return [file for left in list(self._rota.left()) if left for file in self._rota.give_up(left)]
        if not base:
            return []
        if rule in BASE_FAULTS:
            return self._rota.give_up(base)
        return self._rota.crashed(base) if rule in CRASHES else []

    @staticmethod
    def _left_out(proving: Proving, file: ModelFile, cause: Validation) -> Validation:
        rule, name = cause.judgement.rule, cause.base.name if cause.base else ""
        if rule in CRASHES:
            reason = N_("several adapters in a row failed on {base}, so it was not tried any more")
            return proving.given_up(file, "base-given-up", reason, base=name)
        return proving.given_up(file, rule, cause.judgement.reason, **cause.judgement.fields)
