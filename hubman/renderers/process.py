"""The parent's side of a render process: start, ask, time out, and survive its death."""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from hubman.core.plan.render import RenderPlan
from hubman.errors import N_, RenderError
from hubman.renderers.child import WORKER, Child
from hubman.renderers.memory import oom_kills
from hubman.renderers.patience import SHORTEST, Patience

HELLO_TIMEOUT = 180.0
"""Seconds for importing torch and diffusers: 5 on an idle machine, a minute from a cold network drive."""

REQUEST_TIMEOUT = 1800.0
"""Seconds without any sign of life before a render process is given up, however slow it was until then."""

SPOILT = frozenset({"render-out-of-memory", "base-contaminated"})
"""Failures after which a process is thrown away: its memory is full, or the weights in it are not the base's."""

_SLICE = 0.5
_BASES_LEARNT = 16


class Renderer:
    """A render process, started at the first request and again after a crash. One process serves many adapters.

    Use as a context manager. Not for several threads at once, `cancel` excepted. Every failure is a RenderError:
    `render-extra-missing` (no torch), `render-crashed` (with the end of its log), `render-out-of-memory`,
    `render-timeout`, `render-cancelled`, or what the child itself reports.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        threads: of the child on the CPU; None: torch's choice.
        timeout: seconds of silence after which it is given up at the latest; see `patience`.
        shortest: seconds of silence that are allowed at least.
        on_progress: told the stages of a request.
        share: (i, n): this is the i-th of n workers on one machine; with several GPUs each takes its own.
        memory: bytes that the child may take on the CPU, None: what the machine has, divided by n.
        gentle: let everything else on the machine go first.
        program: what to start in place of the worker.
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        threads: int | None = None,
        timeout: float = REQUEST_TIMEOUT,
        shortest: float = SHORTEST,
        on_progress: Callable[[str], None] | None = None,
        share: tuple[int, int] = (0, 1),
        memory: int | None = None,
        gentle: bool = False,
        program: Sequence[str] | None = None,
    ) -> None:
        self.device = device
        self.timeout = timeout
        self.on_progress = on_progress
        self._shortest = shortest
        self._greeting = {
            "op": "hello", "device": device, "threads": threads, "share": list(share), "memory": memory,
            "gentle": gentle,
        }  # fmt: skip
        self._program = program or WORKER
        self._child: Child | None = None
        self._hello: dict[str, Any] | None = None
        self._number = 0
        self._stage = ""
        self._cancelled = threading.Event()
        self._killed_before: int | None = None
        self._patience: dict[object, Patience] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(5.0 if kind is None else 0.2)

    @property
    def pid(self) -> int | None:
        """Process id of the running child, or None."""
        return self._child.pid if self._child else None

    def hello(self) -> dict[str, Any]:
        """Start the child if needed; return {"device", "device_name", "versions"}."""
        if self._hello is None or self._child is None or not self._child.running:
            self._start()
            self._hello = self._ask(self._greeting, Patience(HELLO_TIMEOUT))
        return self._hello

    def measure(self, plan: RenderPlan, size: int = 0) -> dict[str, Any]:
        """Match, check and render one adapter (`size`: bytes of its file); return the measurements."""
        return self._request({"op": "measure", "plan": plan.to_json()}, plan.base, size)

    def call(self, op: str, plan: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Send any request of `worker.OPS` that carries a plan as JSON; return its result."""
        return self._request({"op": op, "plan": dict(plan), **more}, json.dumps(plan.get("base"), sort_keys=True))

    def write(self, picture: str, index: int, path: str, texts: Mapping[str, str]) -> str:
        """Save one picture of the last measurement ("A", "B", "C", "D", "C@0.6") as PNG; return its path."""
        request = {"op": "write", "picture": picture, "index": index, "path": path, "texts": dict(texts)}
        return str(self._request(request)["path"])

    def sheet(self, sheet: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Draw a contact sheet, see `sheet.Sheet`; needs Pillow only, so torch is not loaded for it."""
        if self._child is None or not self._child.running:
            self._start()
        return self._ask({"op": "sheet", "sheet": dict(sheet), "path": path}, Patience(self.timeout))

    def close(self, grace: float = 5.0) -> None:
        """End the child: politely by closing its stdin, by force after `grace` seconds. It is started anew if asked."""
        child, self._child, self._hello = self._child, None, None
        if child is not None:
            child.end(grace)

    def cancel(self) -> None:
        """End the child now and take no more requests; for another thread. A request under way raises."""
        self._cancelled.set()
        child = self._child
        if child is not None:
            child.kill()

    def _request(self, request: dict[str, Any], base: object = None, size: int = 0) -> dict[str, Any]:
        self.hello()
        patience = self._patience.setdefault(base, Patience(self.timeout, self._shortest))
        while len(self._patience) > _BASES_LEARNT:
            self._patience.pop(next(iter(self._patience)))
        patience.begin(time.monotonic(), size)
        return self._ask(request, patience)

    def _start(self) -> None:
        self.close()
        if self._cancelled.is_set():
            raise _cancelled()
        self._killed_before = oom_kills()
        self._patience.clear()  # a new process warms up anew
        self._child = Child(self._program)
        if self._cancelled.is_set():  # meanwhile, by another thread
            self.close(0.0)
            raise _cancelled()

    def _ask(self, request: dict[str, Any], patience: Patience) -> dict[str, Any]:
        self._number += 1
        self._stage = str(request["op"])
        child = self._child
        assert child is not None
        patience.stage(time.monotonic())
        try:
            child.send(json.dumps({"id": self._number, **request}))
        except OSError as error:
            raise self._crashed() from error
        while True:
            line = self._next_line(child, patience)
            if line is None:
                raise self._crashed()
            answer = self._understood(line)
            if answer["id"] != self._number:
                continue
            if "beat" in answer:
                patience.passed(time.monotonic())
            elif "progress" in answer:
                patience.stage(time.monotonic())
                self._stage = str(answer["progress"])
                if self.on_progress:
                    self.on_progress(self._stage)
            elif "error" in answer:
                raise self._reported(answer["error"])
            else:
                result: dict[str, Any] = answer["result"]
                return result

    def _next_line(self, child: Child, patience: Patience) -> str | None:
        """Wait for a line, in slices: on Windows a wait cannot be interrupted."""
        while (left := patience.left(time.monotonic())) > 0:
            with suppress(queue.Empty):
                return child.answers.get(timeout=min(_SLICE, left))
        seconds = patience.allowed()
        child.last_words()
        child.kill()
        log = _end_of(child)
        self.close(0.0)
        raise RenderError(
            "render-timeout",
            N_("the render process gave no sign of life for {seconds:g} s, at {stage}: {log}"),
            hint=N_("it was ended; its adapter was not judged; the others go on"),
            seconds=seconds,
            stage=self._stage,
            log=log,
        )

    def _understood(self, line: str) -> dict[str, Any]:
        """Return an answer; a process that talks nonsense is ended."""
        with suppress(ValueError, RecursionError):
            answer = json.loads(line)
            if isinstance(answer, dict) and _is_answer(answer):
                return answer
        child = self._child
        assert child is not None
        log = _end_of(child)
        child.kill()
        self.close(0.0)
        raise RenderError(
            "render-garbage",
            N_("the render process answered nonsense ({text}): {log}"),
            hint=N_("it was ended; its adapter was not judged; the others go on"),
            text=repr(line[:80]),
            log=log,
        )

    def _reported(self, failure: Mapping[str, Any]) -> RenderError:
        if failure["reference"] in SPOILT:
            self.close(0.2)
        return RenderError(failure["reference"], failure["message"], hint=failure["hint"], **failure["fields"])

    def _crashed(self) -> RenderError:
        child = self._child
        assert child is not None
        self._child, self._hello = None, None
        code = child.end()
        if self._cancelled.is_set():
            return _cancelled()
        log = _end_of(child)
        now = oom_kills()
        killed = code == -9 and not child.forced
        if killed and now is not None and self._killed_before is not None and now > self._killed_before:
            return RenderError(
                "render-out-of-memory",
                N_("the system ended the render process at {stage}, for there was no memory left (OOM killer)"),
                hint=N_("close what else needs memory, or render smaller (--size); the others go on"),
                stage=self._stage,
            )
        if killed:
            return RenderError(
                "render-crashed",
                N_("the render process was killed (signal 9) at {stage}; for want of memory, or by somebody: {log}"),
                hint=N_("its adapter was not judged; the others go on"),
                code=code,
                stage=self._stage,
                log=log,
            )
        return RenderError(
            "render-crashed",
            N_("the render process died (exit {code}) at {stage}: {log}"),
            hint=N_("its adapter was not judged; the others go on"),
            code=_code_name(code),
            stage=self._stage,
            log=log,
        )


def _is_answer(answer: Mapping[str, Any]) -> bool:
    if not isinstance(answer.get("id"), int):
        return False
    if "beat" in answer or "progress" in answer:
        return True
    if "error" in answer:
        error = answer["error"]
        known = isinstance(error, dict) and {"reference", "message", "hint", "fields"} <= set(error)
        return known and isinstance(error["fields"], dict)
    return isinstance(answer.get("result"), dict)


def _cancelled() -> RenderError:
    return RenderError("render-cancelled", N_("rendering was cancelled"))


def _end_of(child: Child) -> str:
    return " | ".join(list(child.log)[-8:]) or "no log"


def _code_name(code: int | None) -> str:
    """Return an exit code with the name of the signal that it stands for."""
    if code is None or code >= 0:
        return str(code)
    with suppress(ValueError):
        return f"{code}, {signal.Signals(-code).name}"
    return str(code)
