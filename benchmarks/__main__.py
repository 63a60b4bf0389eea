"""`python -m benchmarks [NAME...]`: run the benchmarks and print what each cost against its floor.

Every benchmark alternates its variants for several rounds in one process and reports the ratio of the medians of CPU
time, so that a busy machine moves both sides alike.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import hash as hashes
from benchmarks import identify, scan, search, start

SUITES: dict[str, Callable[[Path], dict[str, Callable[[], object]]]] = {
    "hash": hashes.variants,
    "identify": identify.variants,
    "scan": scan.variants,
    "search": search.variants,
    "start": start.variants,
}
ROUNDS = int(os.environ.get("HUBMAN_BENCH_ROUNDS", "7"))


def run(name: str) -> dict[str, float]:
    """Return the CPU seconds (children included) of every variant of one benchmark: the first one is the floor."""
    with tempfile.TemporaryDirectory() as folder:
        variants = SUITES[name](Path(folder))
        samples: dict[str, list[float]] = {variant: [] for variant in variants}
        for _ in range(ROUNDS):
            for variant, function in variants.items():
                before = _cpu()
                function()
                samples[variant].append(_cpu() - before)
    return {variant: statistics.median(values) for variant, values in samples.items()}


def _cpu() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def main() -> None:
    """Run and print; with `--save`, also write benchmarks/results/<name>.json."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")] or list(SUITES)
    for name in names:
        medians = run(name)
        floor_name, floor = next(iter(medians.items()))
        print(f"\n{name}   (median CPU of {ROUNDS} rounds, floor: {floor_name})")
        for variant, seconds in medians.items():
            print(f"  {variant:<44}{seconds * 1000:9.1f} ms   {seconds / floor:6.2f} x")
        if "--save" in sys.argv:
            result = {
                "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
                "sqlite": sqlite3.sqlite_version,
                "floor": floor_name,
                "ratios": {variant: round(seconds / floor, 2) for variant, seconds in medians.items()},
                "cpu_ms": {variant: round(seconds * 1000, 2) for variant, seconds in medians.items()},
            }
            path = Path(__file__).parent / "results" / f"{name}.json"
            path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
