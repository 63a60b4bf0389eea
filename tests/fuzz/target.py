"""Coverage-guided fuzzing of the readers with atheris (not a dependency: a wheel exists for Python 3.11).

    python3.11 -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris==3.0.0 msgspec
    PYTHONPATH=. /tmp/fuzz/bin/python -m tests.fuzz.target CORPUS -max_total_time=300 -timeout=20 -rss_limit_mb=2048

CORPUS is a folder; it is filled with the seeds when it is empty. A crash is written as a file beside it: make it small
(`-minimize_crash=1`), put it into tests/fuzz/found under a name that says what it is, then fix the reader.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hubman.formats"]):
    from hubman.formats import _pickle_vm, _png, folder, gguf, image, pickle, safetensors  # noqa: F401

from tests.fuzz.oracle import NAMES, check
from tests.fuzz.seeds import seeds

FOLDER = Path(tempfile.mkdtemp(prefix="hubman-fuzz-"))


def one_input(data: bytes) -> None:
    """Read the bytes under a name that their first byte chooses."""
    if len(data) > 1:
        path = FOLDER / NAMES[data[0] % len(NAMES)]
        path.write_bytes(data[1:])
        check(path)


def main() -> None:
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for name, content in seeds().items():
            for number in range(2):
                (corpus / f"{name}-{number}").write_bytes(bytes([number]) + content)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
