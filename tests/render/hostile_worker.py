"""A render process in which things go wrong for real: started in place of the worker, with more requests.

`python hostile_worker.py bare` greets without importing torch, so that a test of the process itself costs nothing.
Otherwise the worker is the real one, but measuring an adapter whose name says so ends in a disaster of that name.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from hubman.errors import RenderError
from hubman.renderers import memory, worker

REAL_MEASURE = worker.OPS["measure"]


def handle(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request of a hostile name, or measure an adapter of one."""
    op = str(request["op"])
    if op == "measure":
        op = str(request["plan"]["adapter"]["name"]).partition("-")[0]
    if op in DISASTERS:
        return DISASTERS[op](process, request)
    from importlib import import_module

    result: dict[str, Any] = import_module(REAL_MEASURE).handle(process, request)
    return result


def segfault(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def exits(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    sys.stderr.write("the last words\n")
    os._exit(3)


def hang(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Sleep in C with the interpreter's lock held, as a stuck kernel does: no thread of Python runs any more."""
    process.progress(request, "hanging")
    if request.get("passes"):  # a process that is known to be fast
        for _ in range(int(request["passes"])):
            process._beat_at = 0.0
            process.beat()
    ctypes.PyDLL(None).sleep(600)
    return {}


def doze(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    process.progress(request, "dozing")
    time.sleep(600)
    return {}


def slow(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Work for long, but show signs of life."""
    for _ in range(8):
        time.sleep(0.3)
        process.beat()
    return {"done": True}


def eat(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Claim memory that nobody has, and touch it."""
    eaten = []
    while True:
        eaten.append(bytearray(os.urandom(1) * 2**26))


def claim(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask torch for a tensor of a claimed shape."""
    import torch

    return {"sum": float(torch.ones(2**36).sum())}


def garbage(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    process.out.write(request["line"] + "\n")
    process.out.flush()
    time.sleep(600)
    return {}


def family(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    """Start a process of our own that would outlive us."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process.progress(request, str(child.pid))
    time.sleep(600)
    return {}


def contaminate(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    raise RenderError("base-contaminated", "the base could not be restored after an adapter")


def who(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    return {"pid": os.getpid(), "group": os.getpgid(0), "nice": os.nice(0)}


def full(process: worker.Worker, request: Mapping[str, Any]) -> dict[str, Any]:
    with open("/dev/full", "wb", buffering=0) as file:
        file.write(b"picture")
    return {}


DISASTERS = {
    "segfault": segfault, "exits": exits, "hang": hang, "doze": doze, "slow": slow, "eat": eat, "claim": claim,
    "garbage": garbage, "family": family, "contaminate": contaminate, "who": who, "full": full,
}  # fmt: skip

worker.OPS = {**worker.OPS, **dict.fromkeys((*DISASTERS, "measure"), "__main__")}


class BareWorker(worker.Worker):
    """Greets without torch, and keeps the memory that it was given."""

    def hello(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request.get("memory"):
            memory.limit_memory(int(request["memory"]))
        return {"device": "cpu", "device_name": "none", "versions": {}}


if __name__ == "__main__":
    if "bare" in sys.argv:
        worker.Worker = BareWorker  # type: ignore[misc]
    worker.main()
