"""The whole index: a first `hubman sync` of many LoRAs, and one of the unchanged library, as commands.

Yardsticks in the same rounds: a Python loop that walks, opens and `json.loads` each header; `find -printf`. CPU seconds
of whole processes, interpreter included on both sides of the first pair.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import loras

FILES = int(os.environ.get("HUBMAN_BENCH_LORAS", "20000"))
PARSE = """
import json, os, struct, sys
for here, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(here, name), "rb") as file:
            json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
"""


def library(folder: Path) -> Path:
    """Return a made library of FILES LoRAs; `HUBMAN_BENCH_LIBRARY` names one to keep between runs."""
    kept = os.environ.get("HUBMAN_BENCH_LIBRARY")
    place = Path(kept) if kept else folder
    return place / "models" if (place / "models").is_dir() else loras.make(place, FILES)


def _hubman(home: Path, *arguments: str) -> None:
    environ = {**os.environ, "HUBMAN_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "hubman", *arguments], env=environ, check=True, capture_output=True)


def cold(folder: Path) -> dict[str, Callable[[], object]]:
    """The floor parses every header and keeps nothing."""
    models, home = library(folder), folder / "home"

    def parse() -> None:
        subprocess.run([sys.executable, "-c", PARSE, str(models)], check=True)

    def first() -> None:
        shutil.rmtree(home, ignore_errors=True)
        _hubman(home, "sync", "--hash", "none", str(models))

    return {"walk, open, json.loads of every header": parse, "first hubman sync: identified and searchable": first}


def rescan(folder: Path) -> dict[str, Callable[[], object]]:
    """The floor walks, stats and prints."""
    models, home = library(folder), folder / "home"
    _hubman(home, "sync", "--hash", "none", str(models))

    def find() -> None:
        subprocess.run(["find", str(models), "-printf", "%p %s %T@\\n"], check=True, stdout=subprocess.DEVNULL)

    return {
        "find -printf '%p %s %T@'": find,
        "hubman sync, nothing changed": lambda: _hubman(home, "sync", "--hash", "none"),
    }
