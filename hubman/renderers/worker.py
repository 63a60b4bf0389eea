"""The child process: reads one JSON request per line, answers with JSON lines. Started by `process.Renderer` only.

Request: {"id": n, "op": "hello" | "write" | one of OPS, ...}. Answers: {"id": n, "progress": "C@0.6"} any number of
times, then {"id": n, "result": {...}} or {"id": n, "error": {"reference", "message", "hint",
"fields"}}.
The real stdout carries the protocol only; whatever a library prints goes to stderr, which the parent keeps as a log.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any, TextIO

from hubman.errors import N_, HubmanError, RenderError


def _take_stdout() -> TextIO:
    """Return the protocol stream and point file descriptor 1, and with it every `print`, at stderr."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream


OPS: Mapping[str, str] = {
    "measure": "hubman.renderers.measure",
    "picture": "hubman.renderers.picture",
    "sheet": "hubman.renderers.sheet",
}
"""Request -> module whose `handle(worker, request)` answers it; imported when first asked for (torch takes seconds)."""


class Worker:
    """State between requests: one base, and the pictures of the last measurement."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.base: Any = None
        self.base_key: object = None
        self.last: Any = None
        self.threads: int | None = None

    def serve(self, lines: TextIO) -> None:
        for line in lines:
            request = json.loads(line)
            answer: dict[str, Any] = {"id": request["id"]}
            try:
                answer["result"] = self.handle(request)
            except HubmanError as error:
                answer["error"] = describe(error)
            except ModuleNotFoundError as error:
                answer["error"] = describe(_extra_missing(error))
            except Exception as error:  # the border of the process: nothing may end it but a crash of torch itself
                traceback.print_exc()
                reason = f"{type(error).__name__}: {error}"
                answer["error"] = describe(
                    RenderError("render-failed", N_("rendering failed: {reason}"), reason=reason)
                )
            self.send(answer)

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
            self.threads = request.get("threads") or torch.get_num_threads()
            torch.use_deterministic_algorithms(True, warn_only=True)
            device = pick_device(request.get("device", "auto"))
            return {"device": device.type, "device_name": _device_name(device), "versions": versions()}
        except ImportError as error:
            raise _extra_missing(error) from error

    def progress(self, request: Mapping[str, Any], stage: str) -> None:
        """Tell the parent that the request is alive, and at what."""
        self.send({"id": request["id"], "progress": stage})

    def load(self, base: Any, device: str, dtype: str) -> Any:
        """Return the loaded base (a BasePlan); it stays resident until another one is asked for."""
        from hubman.renderers.base import load_base

        key = (base, device, dtype)
        if self.base_key != key:
            self.base = self.base_key = self.last = None
            self.base = load_base(base, device, dtype)
            self.base_key = key
            self._set_threads()
        return self.base

    def distrust(self) -> None:
        """Drop the resident base: after a failure its weights are not known to be clean."""
        self.base = self.base_key = None

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


def main() -> None:
    """Serve until stdin closes: the parent's end, however it came, ends the child too."""
    out = _take_stdout()
    lines = os.fdopen(os.dup(0), "r", encoding="utf-8")
    Worker(out).serve(lines)


if __name__ == "__main__":
    main()
