"""`python -m benchmarks.similar [--families N] [--save]`: is `dupes --similar` right, and what does it cost?

Right: families of adapters in which every pair is labelled (tests/similar/evaluation.py), searched all together.
Cost: CPU of a sketch, of a comparison and of the search among 20,000 sketches, against hashing one SDXL LoRA by sha256,
interleaved in one process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "similar"))

import numpy as np
from evaluation import Score, evaluate
from makers import fixed, opened, resized, write

from hubman.core.identify import unets
from hubman.sketch.compare import compare
from hubman.sketch.make import MODULES, NUMBERS, Sketch, sketch_of
from hubman.sketch.propose import proposed

ROUNDS = 3
RANK = 32
ADAPTERS = 20_000
TRAINED = (".to_q", ".to_k", ".to_v", ".to_out.0", ".proj", ".net.2")


def sdxl_lora(make: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the factors of a LoRA on all attentions and feed-forwards of SDXL's U-Net, as kohya trains it."""
    found = {}
    falling = np.arange(1, RANK + 1, dtype=np.float32) ** -0.7
    for name, (out, into) in unets._modules(unets.SDXL, "ldm"):
        if ".transformer_blocks." in name and name.endswith(TRAINED):
            up = make.standard_normal((out, RANK), np.float32) * falling * np.float32(0.01)
            down = make.standard_normal((RANK, into), np.float32) * np.float32(0.03)
            found[f"lora_unet_{name.replace('.', '_')}"] = up, down
    return found


def kohya(factors: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    tensors = {}
    for name, (up, down) in factors.items():
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        tensors[f"{name}.alpha"] = np.array(down.shape[0])
    return tensors


def library(make: np.random.Generator) -> list[Sketch]:
    """Return sketches of adapters of one architecture that have nothing to do with one another, and ten pairs."""
    numbers = make.integers(-127, 128, (ADAPTERS, MODULES, NUMBERS)).astype(np.int8)
    numbers[-10:] = numbers[:10]
    keys = tuple(range(MODULES))
    return [Sketch(keys, (RANK,) * MODULES, (2,) * MODULES, (1.0,) * MODULES, row) for row in numbers]


def costs(folder: Path) -> dict[str, object]:
    """Measure CPU, interleaved; return ratios to the floor and what was read."""
    make = np.random.default_rng(1)
    factors = sdxl_lora(make)
    path = write(folder / "sdxl.safetensors", kohya(factors), "F16")
    small = write(folder / "small.safetensors", kohya(resized(factors, fixed(8))), "F16")
    whole, part = (opened(place, architecture="sdxl") for place in (path, small))
    sketches = library(make)

    def hashed() -> str:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def compared() -> None:
        assert compare(whole, part) is not None

    def searched() -> None:
        assert len(list(proposed(sketches))) == 10

    steps: dict[str, Callable[[], object]] = {
        "sha256 of the file": hashed, "header and sketch": lambda: sketch_of(opened(path, architecture="sdxl")),
        "compared whole with its resize": compared, f"pairs among {ADAPTERS:,} sketches": searched,
    }  # fmt: skip
    samples: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            before = time.process_time()
            step()
            samples[name].append(time.process_time() - before)
    sampled = opened(path, architecture="sdxl")
    sketch_of(sampled)
    floor = statistics.median(samples["sha256 of the file"])
    return {
        "file_mb": round(path.stat().st_size / 1e6),
        "modules": len(factors),
        "read_mb": round(sampled.taken / 1e6, 1),
        "share_read": round(sampled.taken / path.stat().st_size, 4),
        "ratios": {name: round(statistics.median(values) / floor, 2) for name, values in samples.items()},
    }


def quality(found: Score) -> dict[str, object]:
    return {
        "positive_pairs": found.positive,
        "recall": round(found.recall, 5),
        "missed": dict(found.missed),
        "negative_pairs": found.negative,
        "false_pairs": len(found.false),
        "pairs_read": found.proposals,
    }


def main() -> None:
    """Run, print, and with --save write benchmarks/results/similar.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=12)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first family")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = evaluate(Path(folder), given.families, given.first)
    with tempfile.TemporaryDirectory() as folder:
        cost = costs(Path(folder))
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, numpy {np.__version__}"
    result = {"machine": machine, "families": given.families, "first_seed": given.first, **quality(found), "cost": cost}
    print(json.dumps(result, indent=2))
    for pair in found.false:
        print("FALSE", pair)
    if given.save:
        path = Path(__file__).parent / "results" / "similar.json"
        path.write_text(json.dumps(result, indent=2) + os.linesep)


if __name__ == "__main__":
    main()
