"""Memory of a render process: a cap of its own, and whether the system ended it for want of memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

NO_LIMIT = 2**60
"""What a cgroup without a limit says is above this (v1: 2^63 less a page)."""

LEAST = 2**30

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
EVENTS = "/proc/vmstat"


def machine_memory(limits: Sequence[str] = CGROUP_LIMITS) -> int | None:
    """Return the bytes of memory and swap that this process may use at most, None where the system does not say."""
    if sys.platform != "linux":
        return None
    found = _fields("/proc/meminfo")
    total = (found.get("MemTotal:", 0) + found.get("SwapTotal:", 0)) * 1024
    for path in limits:
        text = _text(path).strip()
        if text.isdigit() and int(text) < NO_LIMIT:
            total = min(total, int(text)) if total else int(text)
    return total or None


def oom_kills(path: str = EVENTS) -> int | None:
    """Return how many processes the kernel has ended for want of memory since it started; None where it keeps quiet."""
    return _fields(path).get("oom_kill")


def limit_memory(more: int) -> int | None:
    """Let this process take so many bytes beyond what it has; return the cap in bytes, None where there is none.

    RLIMIT_DATA counts what can be written: heap and anonymous maps, not the files that safetensors maps to read. An
    allocation above it fails in the process, as a MemoryError or torch's RuntimeError, and harms nobody else.
    """
    if sys.platform != "linux":
        return None
    import resource

    has = _fields("/proc/self/status").get("VmData:", 0) * 1024
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    cap = has + max(LEAST, more) if hard == resource.RLIM_INFINITY else min(hard, has + max(LEAST, more))
    resource.setrlimit(resource.RLIMIT_DATA, (cap, hard))
    return cap


def is_out_of_memory(error: BaseException, types: Iterable[type[BaseException]] = ()) -> bool:
    """Say whether an exception means that memory ran out: Python's, one of `types`, or torch's allocator on the CPU."""
    if isinstance(error, (MemoryError, *types)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "not enough memory" in text)


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when the thread that started it ends (Linux), and end now if it is gone.

    Elsewhere the end of stdin says the same, as soon as Python runs.
    """
    if sys.platform == "linux":
        import ctypes
        import signal

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    if os.name == "posix" and os.getppid() != parent:
        os._exit(1)


def _fields(path: str) -> dict[str, int]:
    """Return first word -> number of the lines of a file of /proc."""
    lines = [line.split() for line in _text(path).splitlines()]
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
