"""One hubman at a time renders for a library: two would take each other's memory, and prove everything twice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hubman.config import Config
from hubman.errors import N_, ConflictError
from hubman.store.lock import Lock

WATCHER = "watch"
PATIENCE_S = 120.0
"""Seconds that a watcher is waited for: it gives the lock back after every adapter."""

_SLICE_S = 0.2


@contextmanager
def proving_alone(config: Config, who: str, wait: Callable[[], bool] | None = None) -> Iterator[None]:
    """Hold the lock of those who prove.

    Args:
        who: what is told to others, "validate" or "watch".
        wait: asked again and again while another one holds it; False gives up. None: a watcher is waited for, for
            it goes on to its next adapter later; another `validate` is not.

    Raises:
        ConflictError: `validate-running`.
    """
    config.home.mkdir(parents=True, exist_ok=True)
    lock = Lock(config.home / "validate.lock")
    note = config.home / "validate.who"
    deadline = time.monotonic() + PATIENCE_S
    while not lock.take(_SLICE_S):
        holder = _holder(note)
        if wait is not None:
            patient = wait()
        else:
            patient = holder.get("who") == WATCHER and time.monotonic() < deadline
        if not patient:
            raise _running(holder)
    try:
        with suppress(OSError):
            note.write_text(json.dumps({"who": who, "pid": os.getpid(), "since": int(time.time())}), "utf-8")
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def _holder(note: Path) -> dict[str, object]:
    with suppress(OSError, ValueError):
        found = json.loads(note.read_text("utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _running(holder: dict[str, object]) -> ConflictError:
    return ConflictError(
        "validate-running",
        N_("Another hubman validates this library already: hubman {who}, process {pid}."),
        hint=N_("Wait for it, or end it; what it has proven is kept."),
        who=holder.get("who", "?"),
        pid=holder.get("pid", "?"),
    )
