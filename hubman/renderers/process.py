"""The parent's side of a render process: start, ask, time out, and survive its death."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from hubman.core.plan.render import RenderPlan
from hubman.errors import N_, RenderError
from hubman.paths import PACKAGE

HELLO_TIMEOUT = 180.0
"""Seconds for importing torch and diffusers: 5 on an idle machine, a minute from a cold network drive."""

REQUEST_TIMEOUT = 1800.0
"""Seconds without any sign of life (progress counts) before a render process is given up."""

_LOG_LINES = 40


class Renderer:
    """A render process, started at the first request and again after a crash. One process serves many adapters.

    Use as a context manager. Not for several threads at once. Every failure is a RenderError: `render-extra-missing`
    (no torch), `render-crashed` (with the end of its log), `render-timeout`, or what the child itself reports.
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        threads: int | None = None,
        timeout: float = REQUEST_TIMEOUT,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self.device = device
        self.threads = threads
        self.timeout = timeout
        self.on_progress = on_progress
        self._child: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._readers: list[threading.Thread] = []
        self._hello: dict[str, Any] | None = None
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the running child, or None."""
        return self._child.pid if self._child else None

    def hello(self) -> dict[str, Any]:
        """Start the child if needed; return {"device", "device_name", "versions"}."""
        if self._hello is None or self._child is None or self._child.poll() is not None:
            self._start()
            self._hello = self._ask({"op": "hello", "device": self.device, "threads": self.threads}, HELLO_TIMEOUT)
        return self._hello

    def measure(self, plan: RenderPlan) -> dict[str, Any]:
        """Match, check and render one adapter; return the measurements."""
        return self._request({"op": "measure", "plan": plan.to_json()})

    def call(self, op: str, plan: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Send any request of `worker.OPS` that carries a plan as JSON; return its result."""
        return self._request({"op": op, "plan": dict(plan), **more})

    def write(self, picture: str, index: int, path: str, texts: Mapping[str, str]) -> str:
        """Save one picture of the last measurement ("A", "B", "C", "D", "C@0.6") as PNG; return its path."""
        request = {"op": "write", "picture": picture, "index": index, "path": path, "texts": dict(texts)}
        return str(self._request(request)["path"])

    def sheet(self, sheet: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Draw a contact sheet, see `sheet.Sheet`; needs Pillow only, so torch is not loaded for it."""
        if self._child is None or self._child.poll() is not None:
            self._start()
        return self._ask({"op": "sheet", "sheet": dict(sheet), "path": path}, self.timeout)

    def close(self) -> None:
        """End the child: politely by closing its stdin, by force after five seconds."""
        child, self._child, self._hello = self._child, None, None
        if child is None:
            return
        with suppress(OSError):
            if child.stdin:
                child.stdin.close()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (child.stdout, child.stderr):
            if stream:
                stream.close()

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        self.hello()
        return self._ask(request, self.timeout)

    def _start(self) -> None:
        self.close()
        self._answers = queue.Queue()
        self._log.clear()
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "hubman.renderers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=child_environment(os.environ),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._readers = [
            threading.Thread(target=_pump_lines, args=(self._child.stdout, self._answers), daemon=True),
            threading.Thread(target=_pump_log, args=(self._child.stderr, self._log), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        self._number += 1
        child = self._child
        assert child is not None
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps({"id": self._number, **request}) + "\n")
            child.stdin.flush()
        except OSError as error:
            raise self._crashed() from error
        while True:
            try:
                line = self._answers.get(timeout=timeout)
            except queue.Empty:
                child.kill()
                self.close()
                raise RenderError(
                    "render-timeout", N_("the render process gave no sign of life for {seconds:g} s"), seconds=timeout
                ) from None
            if line is None:
                raise self._crashed()
            answer = json.loads(line)
            if answer["id"] != self._number:
                continue
            if "progress" in answer:
                if self.on_progress:
                    self.on_progress(answer["progress"])
            elif "error" in answer:
                failure = answer["error"]
                raise RenderError(failure["reference"], failure["message"], hint=failure["hint"], **failure["fields"])
            else:
                result: dict[str, Any] = answer["result"]
                return result

    def _crashed(self) -> RenderError:
        child = self._child
        self.close()
        code = child.returncode if child else None
        return RenderError(
            "render-crashed",
            N_("the render process died (exit {code}): {log}"),
            hint=N_("its adapter was not judged; the others go on"),
            code=code,
            log=" | ".join(list(self._log)[-8:]) or "no log",
        )


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a render process: offline, no telemetry, no progress bars, UTF-8, and this very hubman.

    The child runs with `-P`, for a `torch.py` in the user's current folder must not be imported.
    """
    forced = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TQDM_DISABLE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
    }
    paths = [str(PACKAGE.parent), environment.get("PYTHONPATH", "")]
    return {**environment, **forced, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _pump_lines(stream: Any, answers: queue.Queue[str | None]) -> None:
    for line in stream:
        answers.put(line)
    answers.put(None)


def _pump_log(stream: Any, log: deque[str]) -> None:
    for line in stream:
        if line.strip():
            log.append(line.rstrip())
