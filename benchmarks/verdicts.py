"""`python -m benchmarks verdicts --save`: is every verdict right, and is nothing wrong called `ok`?

The matrix of tests/render with the settings of `hubman validate` and several variants of each kind, on the demo family:
in one render process, as `hubman validate` does it; every case says which verdict and rule are right.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "render"))

import torch
from matrix_cases import Cases, base_file, prove

from hubman.app.validation import ValidateOptions
from hubman.renderers.process import Renderer


def report(folder: Path) -> dict[str, Any]:
    """Prove every case, print what is wrong, and return the counts."""
    torch.set_num_threads(1)
    lines = []
    base = base_file()
    with Renderer(device="cpu") as renderer:
        renderer.hello()
        for case in Cases(folder, full=True).all():
            begun = time.perf_counter()
            done = prove(case, [base], replace(ValidateOptions(), base_given=case.given), renderer)
            seconds = time.perf_counter() - begun
            right = str(done.verdict) == case.verdict and case.rule in {"", done.judgement.rule}
            weight = done.weight.weight if done.weight else None
            lines.append((case, done, right, seconds, weight))
            print(f"  {'ok ' if right else 'NO '} {case.group:<24}{case.name:<28}{done.verdict} {done.judgement.rule}")
    rendered = [seconds for _, done, _, seconds, _ in lines if done.measured.rendered and done.numbers.get("sweep")]
    groups: dict[str, dict[str, int]] = {}
    for case, done, right, _, _ in lines:
        group = groups.setdefault(case.group, {"cases": 0, "right": 0, "false_ok": 0})
        group["cases"] += 1
        group["right"] += right
        group["false_ok"] += str(done.verdict) == "ok" and case.verdict != "ok"
    found = {
        "torch": torch.__version__,
        "cases": len(lines),
        "right": sum(right for _, _, right, _, _ in lines),
        "false_ok": sum(group["false_ok"] for group in groups.values()),
        "verdicts": dict(sorted(Counter(str(done.verdict) for _, done, _, _, _ in lines).items())),
        "rules": dict(sorted(Counter(done.judgement.rule for _, done, _, _, _ in lines).items())),
        "groups": groups,
        "wrong": [f"{case.name}: {done.verdict}" for case, done, right, _, _ in lines if not right],
        "seconds_rendered_median": round(median(rendered), 2),
        "seconds_rendered_max": round(max(rendered), 2),
        "lines": [
            {"case": case.name, "group": case.group, "verdict": str(done.verdict), "rule": done.judgement.rule,
             "flags": list(done.judgement.flags), "mae": done.to_json()["effect"]["mae"],
             "times_noise": done.measured.control, "weight": weight, "seconds": round(seconds, 2)}
            for case, done, _, seconds, weight in lines
        ],
    }  # fmt: skip
    print({key: found[key] for key in ("cases", "right", "false_ok", "seconds_rendered_median")})
    return found
