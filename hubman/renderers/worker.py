"""The child process: reads one JSON request per line, answers with JSON lines. Started by `process.Renderer` only.

Request: {"id": n, "op": "hello" | "write" | one of OPS, ...}. Answers: {"id": n, "progress": "C@0.6"} (a stage
begins) and {"id": n, "beat": true} (a pass through the U-Net or the VAE is done) any number of times, then {"id": n,
"result": {...}} or {"id": n, "error": {"reference", "message", "hint", "fields"}}.
The real stdout carries the protocol only; whatever a library prints goes to stderr, which the parent keeps as a log.
The end of stdin ends the process, at once when it is at something: nobody is left to hear the answer.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, TextIO

from hubman.errors import N_, HubmanError, RenderError
from hubman.renderers.child import PARENT
from hubman.renderers.memory import end_with_parent, is_out_of_memory, limit_memory, machine_memory

BEAT_S = 0.25
"""Seconds between two signs of life at least; a tiny model makes hundreds of passes a second."""

RESERVE = 0.9
"""Share of the machine's memory that the process may take beyond what it has once torch is imported."""

GENTLE = 10
"""Niceness of a process that lets everything else go first."""


def _take_stdout() -> TextIO:
    """Return the protocol stream and point file descriptor 1, and with it every `print`, at stderr."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream


OPS: Mapping[str, str] = {
    "measure": "hubman.renderers.measure",
    "picture": "hubman.renderers.picture",
    "compare": "hubman.renderers.compare",
    "sheet": "hubman.renderers.sheet",
    "wake": "hubman.renderers.wake",
}
"""Request -> module whose `handle(worker, request)` answers it; imported when first asked for (torch takes seconds)."""


class Worker:
    """State between requests: one base, and the pictures of the last measurement.

    Attributes:
        busy: a request is being answered.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.base: Any = None
        self.base_key: object = None
        self.last: Any = None
        self.threads: int | None = None
        self.busy = False
        self._request: Mapping[str, Any] = {}
        self._beat_at = 0.0

    def serve(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.busy = True
            request = self._request = json.loads(line)
            answer: dict[str, Any] = {"id": request["id"]}
            try:
                answer["result"] = self.handle(request)
            except HubmanError as error:
                answer["error"] = describe(error)
            except ModuleNotFoundError as error:
                answer["error"] = describe(_extra_missing(error))
            except Exception as error:  # the border of the process: nothing may end it but a crash of torch itself
                traceback.print_exc()
                answer["error"] = describe(self._failed(error))
            self.send(answer)
            self.busy = False

    def _failed(self, error: Exception) -> RenderError:
        """Return what an unexpected exception means for the adapter."""
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:500]
        if is_out_of_memory(error, _out_of_memory_types()):
            self.distrust()
            return RenderError(
                "render-out-of-memory",
                N_("memory ran out: {reason}"),
                hint=N_("close what else needs memory, or render smaller (--size); the others go on"),
                reason=reason,
            )
        if isinstance(error, OSError):
            why = error.strerror or reason
            return RenderError("render-disk", N_("the system refused a file: {reason}"), reason=why)
        return RenderError("render-failed", N_("rendering failed: {reason}"), reason=reason)

    def send(self, answer: Mapping[str, Any]) -> None:
        self.out.write(json.dumps(answer) + "\n")
        self.out.flush()

    def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        match request["op"]:
            case "hello":
                return self.hello(request)
            case "write":
                return self.write(request)
            case op if op in OPS:
                result: dict[str, Any] = import_module(OPS[op]).handle(self, request)
                return result
            case op:
                raise RenderError("render-failed", N_("unknown request {op}"), op=op)

    def hello(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Import torch, fix what must be fixed for repeatable pictures, and say where we run."""
        try:
            import torch

            from hubman.renderers.base import pick_device
            from hubman.renderers.measure import versions

            _quiet()
            number, workers = request.get("share") or (0, 1)
            self.threads = request.get("threads") or max(1, torch.get_num_threads() // workers)
            torch.use_deterministic_algorithms(True, warn_only=True)
            device = _own_device(pick_device(request.get("device", "auto")), number)
            if device.type == "cpu":  # CUDA reserves address space by the terabyte
                memory = request.get("memory") or int((machine_memory() or 0) * RESERVE / workers)
                if memory:
                    limit_memory(memory)
            if request.get("gentle") and hasattr(os, "nice"):
                os.nice(GENTLE)
            return {"device": device.type, "device_name": _device_name(device), "versions": versions()}
        except ImportError as error:
            raise _extra_missing(error) from error

    def progress(self, request: Mapping[str, Any], stage: str) -> None:
        """Tell the parent that the request is alive, and at what."""
        self.send({"id": request["id"], "progress": stage})

    def beat(self, *_: object) -> None:
        """Tell the parent that another pass is done; a forward hook of torch."""
        now = time.monotonic()
        if self.busy and now - self._beat_at > BEAT_S:
            self._beat_at = now
            self.send({"id": self._request["id"], "beat": True})

    def load(self, base: Any, device: str, dtype: str) -> Any:
        """Return the loaded base (a BasePlan); it stays resident until another one is asked for."""
        from hubman.renderers.base import load_base

        key = (base, device, dtype)
        if self.base_key != key:
            self.base = self.base_key = self.last = None
            self.progress(self._request, "load")
            self.base = load_base(base, device, dtype)
            self.base_key = key
            self._set_threads()
            for part in (self.base.unet, getattr(self.base.vae, "decoder", None)):
                if part is not None and hasattr(part, "register_forward_hook"):
                    part.register_forward_hook(self.beat)
        return self.base

    def distrust(self) -> None:
        """Drop the resident base: after a failure its weights are not known to be clean."""
        self.base = self.base_key = self.last = None
        gc.collect()

    def _set_threads(self) -> None:
        """Use one thread for a tiny model: its matrices are too small to share, and OpenMP's barriers cost more."""
        import torch

        from hubman.core.plan.render import TINY_PARAMETERS

        tiny = sum(p.numel() for p in self.base.unet.parameters()) <= TINY_PARAMETERS
        torch.set_num_threads(1 if tiny else self.threads or 1)

    def write(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Save one picture of the last measurement as PNG with text chunks."""
        from hubman.renderers.png import save_png

        pictures = self.last.pictures if self.last else {}
        if request["picture"] not in pictures:
            raise RenderError("render-failed", N_("there is no picture {name}"), name=request["picture"])
        save_png(pictures[request["picture"]].pixels[request.get("index", 0)], request["path"], request["texts"])
        return {"path": request["path"]}


def describe(error: HubmanError) -> dict[str, Any]:
    """Return an error as JSON, templates and fields apart, so that the parent can raise it for the translators."""
    return {
        "reference": error.reference,
        "message": error.template,
        "hint": error.hint_template,
        "fields": {name: str(value) for name, value in error.fields.items()},
    }


def _extra_missing(error: ImportError) -> RenderError:
    return RenderError(
        "render-extra-missing",
        N_("rendering needs torch, diffusers and pillow: {reason}"),
        hint=N_("pip install 'hubman[render]'"),
        reason=str(error),
    )


def _quiet() -> None:
    """Stop progress bars and chatter: they would fill the log that a person reads after a crash."""
    import diffusers
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def _device_name(device: Any) -> str:
    import platform

    import torch

    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return platform.processor() or platform.machine()


def _own_device(device: Any, number: int) -> Any:
    """Give each of several workers a GPU of its own: `cuda` then means that one."""
    import torch

    if device.type == "cuda" and device.index is None:
        torch.cuda.set_device(number % torch.cuda.device_count())
    return device


def _out_of_memory_types() -> tuple[type[BaseException], ...]:
    """Return torch's own exception, if torch was imported."""
    torch = sys.modules.get("torch")
    return (torch.OutOfMemoryError,) if torch is not None else ()


class Lines:
    """The lines of stdin, read in a thread of its own, so that their end is noticed while something is rendered."""

    def __init__(self, worker: Worker, stream: TextIO) -> None:
        self._worker, self._stream = worker, stream
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Iterator[str]:
        while (line := self._lines.get()) is not None:
            yield line

    def _read(self) -> None:
        for line in self._stream:
            self._lines.put(line)
        self._lines.put(None)
        if self._worker.busy:
            os._exit(0)


def main() -> None:
    """Serve until stdin closes: the parent's end, however it came, ends the child too."""
    end_with_parent(int(os.environ.get(PARENT, os.getppid())))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()  # a segfault leaves a stack in the log
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1)
    worker = Worker(_take_stdout())
    worker.serve(Lines(worker, os.fdopen(os.dup(0), "r", encoding="utf-8")))


if __name__ == "__main__":
    main()
