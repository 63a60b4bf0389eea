"""A child process as an object: started, written to, read from, ended with everything that it started."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO

from hubman.paths import PACKAGE

WORKER = (sys.executable, "-P", "-m", "hubman.renderers.worker")
"""`-P`: a `torch.py` in the user's current folder must not be imported."""

PARENT = "HUBMAN_RENDER_PARENT"
"""Environment variable: the process that the child ends with."""

LOG_LINES = 40
LONGEST_LINE = 64 * 2**20
"""Characters of one answer; a child that goes on without a line end is not read into memory without end."""

LAST_WORDS_S = 0.5
"""Seconds that a hung child gets to write where it hangs."""

_STARTER = ThreadPoolExecutor(1, thread_name_prefix="render-starter")
"""Linux ends a child with the *thread* that started it, so that one is needed which lives as long as the program."""


class Child:
    """One running process. `answers` gives its lines, then None when it closed its output."""

    def __init__(self, program: Sequence[str]) -> None:
        self.answers: queue.Queue[str | None] = queue.Queue()
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.forced = False
        self._process = _STARTER.submit(_start, program).result()
        self._readers = [
            threading.Thread(target=self._pump_answers, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._pump_log, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, line: str) -> None:
        """Write one line. Raises OSError when the child does not read any more."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self, grace: float = 5.0) -> int | None:
        """End it: politely by closing its stdin, by force after `grace` seconds; return its exit code."""
        try:
            with suppress(OSError):
                if self._process.stdin:
                    self._process.stdin.close()
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()
        return self._process.returncode

    def kill(self) -> None:
        """End it now, and all that it started."""
        self.forced = self.forced or self.running
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(OSError):
            self._process.kill()

    def last_words(self) -> None:
        """Ask a hung child to write into its log where it is (faulthandler), and give it a moment."""
        number = getattr(signal, "SIGUSR1", None)
        if number is not None and self.running:
            with suppress(OSError):
                os.kill(self._process.pid, number)
            time.sleep(LAST_WORDS_S)

    def _pump_answers(self, stream: IO[str]) -> None:
        with suppress(OSError, ValueError):
            while line := stream.readline(LONGEST_LINE):
                self.answers.put(line)
        self.answers.put(None)

    def _pump_log(self, stream: IO[str]) -> None:
        with suppress(OSError, ValueError):
            while line := stream.readline(LONGEST_LINE):
                if line.strip():
                    self.log.append(line.rstrip()[:2000])


def _start(program: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        list(program),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=child_environment(os.environ),
        start_new_session=True,  # a Ctrl-C is the parent's; and a group of its own, to be ended as a whole
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a render process: offline, no telemetry, no bars, UTF-8, and this very hubman."""
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
        PARENT: str(os.getpid()),
    }
    paths = [str(PACKAGE.parent), environment.get("PYTHONPATH", "")]
    return {**environment, **forced, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
