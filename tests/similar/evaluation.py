"""Families of adapters with every pair labelled, and how often the search is right about them.

A family is one training with all that is easily taken for it: other epochs (of every kind of step), trainings from the
same beginning, adapters that share a part, merges, added noise, files with parts taken out. Two of its identities are
also written in all the ways that leave an adapter what it is. Two files are one adapter exactly when they have the
same identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from makers import (
    Factors,
    Tensors,
    drifted,
    fixed,
    initialised,
    joined,
    kohya,
    opened,
    peft,
    resized,
    scaled,
    sizes,
    sv_cumulative,
    sv_fro,
    sv_ratio,
    trained,
    walked,
    write,
)

from hubman.sketch.compare import compare
from hubman.sketch.make import Sketch, sketch_of
from hubman.sketch.propose import proposed
from hubman.sketch.weights import Weights


@dataclass(frozen=True, slots=True)
class Made:
    """A file of a family. `how` names the way it was written; `cut`: ranks were cut off; `eight`: 8-bit numbers."""

    path: Path
    identity: str
    how: str
    cut: bool = False
    eight: bool = False
    strength: float = 1.0


def family(folder: Path, seed: int) -> list[Made]:
    """Write a family of files and return them."""
    make = np.random.default_rng(seed)
    shapes = sizes(width=int(make.choice([48, 64, 96])), blocks=int(make.choice([4, 6])))
    rank = int(make.choice([16, 24, 32]))
    base = trained(make, shapes, rank, decay=float(make.uniform(0.3, 1.3)))
    found: list[Made] = []
    for name, adapter in _strangers(make, shapes, rank, base):
        path = write(folder / f"{seed} {name}.safetensors", kohya(adapter, alpha=rank / 2), "F16")
        found.append(Made(path, f"{seed} {name}", "as trained"))
        if name in ("base", "epoch 0.1"):
            found += _copies(folder, f"{seed} {name}", adapter, rank, make)
    return found


def _strangers(
    make: np.random.Generator, shapes: dict[str, tuple[int, int]], rank: int, base: Factors
) -> Iterator[tuple[str, Factors]]:
    """Yield different adapters that look alike."""
    yield "base", base
    for step in (0.02, 0.05, 0.1, 0.3):
        yield f"epoch {step}", walked(make, base, step)
    yield "only the ups moved", walked(make, base, 0.05, downs=False)
    for step in (0.05, 0.2):
        yield f"one direction {step}", drifted(make, base, step)
    beginning = initialised(make, shapes, rank)
    for number in (1, 2):
        yield f"same beginning {number}", _filled(make, beginning)
    shared = trained(make, shapes, rank // 2)
    for number in (1, 2):
        yield f"shared part {number}", joined([(1, shared), (0.7, trained(make, shapes, rank // 2))])
    guest = trained(make, shapes, rank)
    for weight in (0.15, 0.5):
        yield f"merge {weight}", joined([(1, base), (weight, guest)])
    yield "merge 0.4, one rank", resized(joined([(1, base), (0.4, guest)]), fixed(rank))
    yield "resize of epoch 0.05", resized(walked(make, base, 0.05), fixed(rank // 2))
    yield "no text encoder", {name: pair for name, pair in base.items() if name.startswith("unet")}
    half = {name: (up * 0.5 if "attn1" in name else up, down) for name, (up, down) in base.items()}
    yield "blocks weighted", half


def _filled(make: np.random.Generator, beginning: Factors) -> Factors:
    return {name: (make.standard_normal(up.shape) * 0.02, down) for name, (up, down) in beginning.items()}


def _copies(folder: Path, identity: str, adapter: Factors, rank: int, make: np.random.Generator) -> Iterator[Made]:
    """Yield the adapter in all the ways that tools write it."""

    def made(how: str, tensors: Tensors, dtype: str = "F16", **more: object) -> Made:
        path = write(folder / f"{identity}, {how}.safetensors", tensors, dtype, {"how": how})
        return Made(path, identity, how, **more)  # type: ignore[arg-type]

    alpha = rank / 2
    whole = kohya(adapter, alpha)
    yield made("fp32", whole, "F32")
    yield made("bf16", whole, "BF16")
    yield made("fp8 e5m2", kohya(adapter, alpha), "F8_E5M2", eight=True)
    names = list(whole)
    make.shuffle(names)
    yield made("other order", {name: whole[name] for name in names})
    yield made("alpha into up", kohya(adapter), "F16")
    yield made("alpha into both", kohya(adapter, 1.0, fold="both"), "BF16")
    yield made("diffusers names", peft(adapter), "F16")
    rounded = _rounded(adapter)
    yield made("half the rank", kohya(resized(rounded, fixed(rank // 2)), rank // 2), "F16", cut=True)
    yield made("a quarter of the rank, bf16", kohya(resized(adapter, fixed(rank // 4))), "BF16", cut=True)
    yield made("rank 4, diffusers names", peft(resized(adapter, fixed(4))), "F32", cut=True)
    yield made("sv_ratio 3", kohya(resized(adapter, sv_ratio(3)), 4), "F16", cut=True)
    yield made("sv_fro 0.9", kohya(resized(adapter, sv_fro(0.9)), 4), "F16", cut=True)
    yield made("sv_cumulative 0.8, bf16", kohya(resized(adapter, sv_cumulative(0.8)), 4), "BF16", cut=True)
    yield made("the same rank anew", kohya(resized(adapter, fixed(rank))), "F16", cut=True)
    yield made("at 0.8", kohya(scaled(adapter, 0.8), alpha), "F16", strength=0.8)
    yield made("half the rank, at 1.3", kohya(scaled(resized(adapter, fixed(rank // 2)), 1.3)), cut=True, strength=1.3)


def _rounded(adapter: Factors) -> Factors:
    """What a tool reads from a file of float16."""
    return {
        name: (up.astype(np.float16).astype(float), down.astype(np.float16).astype(float))
        for name, (up, down) in adapter.items()
    }


@dataclass
class Score:
    """What a search over labelled files gave."""

    positive: int = 0
    negative: int = 0
    hits: int = 0
    false: list[str] = field(default_factory=list)
    missed: Counter[str] = field(default_factory=Counter)
    proposals: int = 0
    not_asked: int = 0

    @property
    def recall(self) -> float:
        return self.hits / self.positive


def asked(one: Made, other: Made) -> bool:
    """Whether a pair of one identity is one that is promised: 8-bit numbers are compared with whole copies only."""
    eight = one.eight + other.eight
    return not eight or (eight == 1 and not one.cut and not other.cut and one.strength == other.strength)


def score(files: list[Made], weights: list[Weights], sketches: list[Sketch]) -> Score:
    """Search all files for pairs and count what was right."""
    found = Score()
    pairs = set(proposed(sketches))
    found.proposals = len(pairs)
    told = {pair for pair in pairs if compare(weights[pair[0]], weights[pair[1]]) is not None}
    for one, other in combinations(range(len(files)), 2):
        same = files[one].identity == files[other].identity
        if not same:
            found.negative += 1
            if (one, other) in told:
                found.false.append(f"{files[one].path.stem} ~ {files[other].path.stem}")
        elif not asked(files[one], files[other]):
            found.not_asked += 1
        else:
            found.positive += 1
            found.hits += (one, other) in told
            if (one, other) not in told:
                found.missed[" ~ ".join(sorted((files[one].how, files[other].how)))] += 1
    return found


def evaluate(folder: Path, families: int, first: int = 1) -> Score:
    """Make so many families and search all of them together."""
    files = [made for seed in range(first, first + families) for made in family(folder, seed)]
    weights = [opened(made.path) for made in files]
    try:
        return score(files, weights, [sketch_of(entry) for entry in weights])
    finally:
        for entry in weights:
            entry.close()
