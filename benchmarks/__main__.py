"""`python -m benchmarks [NAME...]`: run the benchmarks and print what each cost against its floor.

Every benchmark alternates its variants for several rounds in one process and reports the ratio of the medians of CPU
time, so that a busy machine moves both sides alike.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks import download, identify, index, merge, scan, search, start, wake
from benchmarks import hash as hashes

SUITES: dict[str, Callable[[Path], dict[str, Callable[[], object]]]] = {
    "hash": hashes.variants,
    "identify": identify.variants,
    "cold": index.cold,
    "rescan": index.rescan,
    "scan": scan.variants,
    "start": start.variants,
}
REPORTS: dict[str, Callable[[Path], dict[str, object]]] = {
    "search": search.report,
    "download": download.report,
    "merge": merge.report,
    "wake": wake.report,
}
"""Benchmarks of many figures: they print them themselves."""

LATER = ("calibrate", "verdicts")
"""More of those, that need torch: imported and run only when they are named."""

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
    children = resource.getrusage(resource.RUSAGE_CHILDREN)  # os.times() counts in hundredths of a second
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    """Run and print; with `--save`, also write benchmarks/results/<name>.json."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")] or [*SUITES, *REPORTS]
    for name in names:
        result = _report(name) if name in REPORTS or name in LATER else _compare(name)
        if "--save" in sys.argv:
            machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
            path = Path(__file__).parent / "results" / f"{name}.json"
            document = {"machine": machine, "sqlite": sqlite3.sqlite_version, **result}
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _report(name: str) -> dict[str, object]:
    report = import_module(f"benchmarks.{name}").report if name in LATER else REPORTS[name]
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, object] = report(Path(folder))
        return found


def _compare(name: str) -> dict[str, object]:
    medians = run(name)
    floor_name, floor = next(iter(medians.items()))
    print(f"\n{name}   (median CPU of {ROUNDS} rounds, floor: {floor_name})")
    for variant, seconds in medians.items():
        print(f"  {variant:<44}{seconds * 1000:9.1f} ms   {seconds / floor:6.2f} x")
    return {
        "floor": floor_name,
        "ratios": {variant: round(seconds / floor, 2) for variant, seconds in medians.items()},
        "cpu_ms": {variant: round(seconds * 1000, 2) for variant, seconds in medians.items()},
    }


if __name__ == "__main__":
    main()
