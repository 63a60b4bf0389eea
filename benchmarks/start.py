"""Starting: whole processes against a bare interpreter of the same environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.library import indexed


def variants(folder: Path) -> dict[str, Callable[[], object]]:
    """The floor is `python -c pass`."""
    store, _ = indexed(folder, 200)
    store.close()
    environment = {**os.environ, "HUBMAN_HOME": str(folder)}

    def process(*arguments: str) -> Callable[[], object]:
        def run() -> None:
            subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True)

        return run

    return {
        "python -c pass": process("-c", "pass"),
        "hubman --help": process("-m", "hubman", "--help"),
        "hubman search": process("-m", "hubman", "search", "ink"),
        "hubman sync, nothing to do": process("-m", "hubman", "sync", "--hash", "none"),
    }
