"""What must hold of every file, whatever is in it; shared by hypothesis (CI) and atheris (by hand)."""

from __future__ import annotations

import io
import pickle
import pickletools
import time
import zipfile
from pathlib import Path
from typing import Any

from hubman.core.types import Header, Safety
from hubman.errors import IntegrityError
from hubman.formats import read_header
from hubman.formats._pickle_globals import ALLOWED, FUNCTIONS

NAMES = ("x.ckpt", "x.safetensors", "x", "x.gguf", "x.png")
SECONDS = 10.0
"""Far more than any small file takes; less than a loop that runs away."""


def check(path: Path) -> Header | None:
    """Read a file in this process and hold it against the rules.

    Raises:
        AssertionError: anything but a Header or an IntegrityError came of it, it took too long, or a pickle was called
            safe that Python's own loader understands differently.
    """
    started = time.process_time()
    header, refused = None, None
    try:
        header = read_header(path, isolate=False)
    except IntegrityError as error:
        refused = error
    assert header is not None or str(refused)
    assert time.process_time() - started < SECONDS
    if header is not None:
        assert all(type(length) is int and length >= 0 for info in header.tensors.values() for length in info.shape)
        assert all(isinstance(name, str) and info.dtype for name, info in header.tensors.items())
        assert all(finding.message.isprintable() for finding in header.findings)
        if header.format == "pickle" and header.safety is Safety.SAFE:
            assert_python_agrees(path.read_bytes())
    return header


def assert_python_agrees(content: bytes) -> None:
    """Feed what is called safe to Python's own unpickler with stand-ins for everything that it would import."""
    for stream in _streams(content):
        recorder = _Recorder(io.BytesIO(stream))
        try:
            recorder.load()
        except RecursionError:
            pass
        except Exception:  # a loader that refuses does no harm
            pass
        assert recorder.names <= ALLOWED, recorder.names - ALLOWED
        assert not recorder.called_something, "a method that the file put there was called"


def _streams(content: bytes) -> list[bytes]:
    if not content.startswith(b"PK"):
        return [content]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]


class _StandIn:
    """Takes the place of whatever a name stands for: can be called, filled and given a state."""

    recorder: Any = None
    name: tuple[str, str] = ("", "")

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def append(self, item: object) -> None:
        pass

    def extend(self, items: object) -> None:
        pass

    def add(self, item: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass


class _Recorder(pickle._Unpickler):  # type: ignore[misc,name-defined]
    """Python's own unpickler, the one written in Python, with all imports written down."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.names: set[tuple[str, str]] = set()
        self.called_something = False

    def find_class(self, module: str, name: str) -> object:
        self.names.add((module, name))
        recorder = self

        class Called(_StandIn):
            def __call__(self, *args: object) -> object:
                return self

        if (module, name) in FUNCTIONS:

            def function(*args: object, **kwargs: object) -> object:
                import sys

                caller = sys._getframe(1).f_code.co_name
                recorder.called_something |= caller not in ("load_reduce", "load_newobj")
                return Called()

            return function
        return type("StandIn", (_StandIn,), {})

    def persistent_load(self, pid: object) -> object:
        return _StandIn()

    def get_extension(self, code: int) -> object:
        self.names.add(("extension", str(code)))
        raise pickle.UnpicklingError("extension")


def opcodes(stream: bytes) -> list[str]:
    """List the instructions of a stream, for whoever looks at a finding."""
    return [opcode.name for opcode, _, _ in pickletools.genops(stream)]
