"""Read pickles in a child process: an endless or enormous one costs a child, never the program.

One child serves many files (JSON lines over its pipes; starting one costs about 60 ms) and is started again when it
dies. It has limits on memory and processor time where the system has them, and a wall clock everywhere. The child runs
`python -I -S`: no site-packages, no environment; all it needs is the standard library and hubman's own readers. The
reader in it executes nothing that a file names; should it ever be led to, an audit hook ends the child before any
process, connection, import or file written.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

from hubman.core.types import Finding, Format, Header, Safety, TensorInfo
from hubman.errors import N_, IntegrityError, Phrase

SECONDS = 20.0
"""Of the wall clock: a drive may have to spin up first."""
CPU_SECONDS = 3
MEMORY = 512 << 20
MAX_ANSWER = 64 << 20

_START = "import sys; sys.path.insert(0, sys.argv[1]); from hubman.formats import sandbox; sandbox.serve(guarded=True)"


class Sandbox:
    """One child process and the conversation with it. Safe to share between threads."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def read(self, path: str | os.PathLike[str]) -> Header:
        """Read the pickle at `path` in the child.

        Raises:
            IntegrityError: unreadable (as `hubman.formats.pickle.read`), or `pickle-hostile` when the child died of it.
            OSError: the file cannot be read.
        """
        absolute = os.path.abspath(os.fspath(path))
        os.stat(absolute)
        with self._lock:
            return _header_from(self._ask(absolute))

    def close(self) -> None:
        """End the child. The next `read` starts another."""
        with self._lock:
            self._end()

    def _ask(self, path: str) -> dict[str, Any]:
        child = self._running()
        timer = threading.Timer(self.seconds, child.kill)
        timer.start()
        try:
            line = _exchange(child, path)
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            self._end()
            raise _hostile(path)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        """Return a live child of this process; after a fork the parent's child is left to the parent."""
        if self._child is not None and (self._owner != os.getpid() or self._child.poll() is not None):
            self._end()
        if self._child is None:
            root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            command = [sys.executable, "-I", "-S", "-c", _START, root]
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=True
            )
            self._owner = os.getpid()
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        if self._owner == os.getpid():
            child.kill()
            child.wait()


def _exchange(child: subprocess.Popen[bytes], path: str) -> bytes:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps({"path": path}).encode() + b"\n")
        child.stdin.flush()
        return child.stdout.readline(MAX_ANSWER)
    except OSError:
        return b""


def _hostile(path: str) -> IntegrityError:
    return IntegrityError(
        "pickle-hostile",
        N_("{name} cannot be read within limits of memory and time: it is damaged or made to do harm"),
        hint=N_("remove it, or download it from another place"),
        name=os.path.basename(path),
    )


_shared = Sandbox()
atexit.register(_shared.close)


def read(path: str | os.PathLike[str]) -> Header:
    """Read a pickle in the child process that all callers share."""
    return _shared.read(path)


def close() -> None:
    """End the shared child process."""
    _shared.close()


# --- the two ends of the wire ----------------------------------------------------------------------------------------
def pack(value: object) -> object:
    """Make a plain tree fit for JSON: a tensor, a tuple and a dict with any keys are tagged lists."""
    match value:
        case TensorInfo(shape=shape, dtype=dtype):
            return ["tensor", list(shape), dtype]
        case tuple():
            return ["tuple", *map(pack, value)]
        case list():
            return ["list", *map(pack, value)]
        case dict():
            return ["dict", *([key, pack(item)] for key, item in value.items())]
    return value


def unpack(value: object) -> object:
    """Undo `pack`."""
    match value:
        case ["tensor", list() as shape, str() as dtype]:
            return TensorInfo(tuple(shape), dtype)
        case ["tuple", *items]:
            return tuple(map(unpack, items))
        case ["list", *items]:
            return list(map(unpack, items))
        case ["dict", *pairs]:
            return {pair[0]: unpack(pair[1]) for pair in pairs if isinstance(pair, list)}
    return value


def _header_from(answer: Mapping[str, Any]) -> Header:
    if "errno" in answer:
        raise OSError(answer["errno"], answer["text"], answer["path"])
    if "reference" in answer:
        text = Phrase.unpacked(answer["text"])
        raise IntegrityError(answer["reference"], text.template, hint=answer["hint"], **text.fields)
    return Header(
        format=Format.PICKLE,
        tensors={name: TensorInfo(tuple(shape), dtype) for name, shape, dtype in answer["tensors"]},
        tree=unpack(answer["tree"]),
        safety=Safety(answer["safety"]),
        findings=tuple(Finding(reference, Phrase.unpacked(message)) for reference, message in answer["findings"]),
        digest=answer["digest"],
    )


def _answer(path: str, read_pickle: Callable[[str], Header]) -> bytes:
    """Return the line that answers for one file."""
    try:
        header = read_pickle(path)
        answer: dict[str, object] = {
            "tree": pack(header.tree),
            "tensors": [[name, list(info.shape), info.dtype] for name, info in header.tensors.items()],
            "safety": header.safety,
            "findings": [[finding.reference, _phrase(finding.message).packed()] for finding in header.findings],
            "digest": header.digest,
        }
        line = json.dumps(answer).encode() + b"\n"
        if len(line) < MAX_ANSWER:
            return line
        error = _too_large(path)
    except IntegrityError as refused:
        error = refused
    except OSError as refusal:
        return json.dumps({"errno": refusal.errno, "text": refusal.strerror, "path": path}).encode() + b"\n"
    except (MemoryError, RecursionError, ValueError):
        error = _too_large(path)
    text = Phrase(error.template, **error.fields).packed()
    return json.dumps({"reference": error.reference, "text": text, "hint": error.hint_template}).encode() + b"\n"


def _phrase(text: str) -> Phrase:
    return text if isinstance(text, Phrase) else Phrase(text)


def _too_large(path: str) -> IntegrityError:
    return IntegrityError(
        "pickle-unreadable",
        N_("{name} cannot be read: {why}"),
        hint=N_("download it again, or remove it"),
        name=os.path.basename(path),
        why=Phrase(N_("it is nested too deeply or too large")),
    )


def serve(incoming: IO[bytes] | None = None, outgoing: IO[bytes] | None = None, *, guarded: bool = False) -> None:
    """Answer one line per line until the input ends. This is what the child runs.

    Args:
        guarded: end the process at anything that a reader of files never does; it cannot be taken back.
    """
    from hubman.formats import pickle

    source, target = incoming or sys.stdin.buffer, outgoing or sys.stdout.buffer
    if guarded:
        _limit()
        for encoding in ("cp437", "raw_unicode_escape", "latin-1"):
            "".encode(encoding)
        sys.addaudithook(_guard)
    for line in source:
        if guarded:
            _limit()
        target.write(_answer(json.loads(line)["path"], pickle.read))
        target.flush()


FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.startfile",
    "subprocess.Popen",
    "pty.",
)
FORBIDDEN_AREAS = ("socket.", "ctypes.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "shutil.", "winreg.")
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate")


def _guard(event: str, args: tuple[Any, ...]) -> None:
    """End the child before it does what a reader never does (PEP 578)."""
    if event == "open":
        forbidden = isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    elif event == "import":
        forbidden = not str(args[0]).startswith(("hubman.", "encodings.", "resource"))
    elif event == "exec":
        forbidden = True
    else:
        forbidden = event.startswith(FORBIDDEN + FORBIDDEN_AREAS + CHANGES)
    if forbidden:
        os._exit(70)


def _limit() -> None:
    """Bound memory once and processor time anew for each file; Windows has neither and relies on the wall clock."""
    try:
        import resource
    except ImportError:
        return
    if sys.platform == "win32":
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
