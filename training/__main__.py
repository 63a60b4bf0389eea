"""``python -m training --out models``: from nothing to the whole demo family."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from training import stages
from training.assemble import assemble
from training.card import write_card
from training.evaluate import evaluate
from training.family import FULL, shortened


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument("--work", type=Path, help="folder for results in between; kept")
    parser.add_argument("--report", type=Path, help="write figures and pictures here, no suffix")
    parser.add_argument("--notes", type=Path, help="text about this run, for the model card")
    parser.add_argument("--stage", help="only this stage: a part's name, export or evaluate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--fast", action="store_true", help="a few steps only, to try the code")
    return parser.parse_args()


def _stage_command(given: argparse.Namespace, work: Path, stage: str) -> list[str]:
    command = [sys.executable, "-m", "training", "--out", str(given.out), "--work", str(work)]
    command += ["--stage", stage, "--seed", str(given.seed), "--device", given.device]
    command += ["--jobs", "1", *(["--fast"] if given.fast else [])]
    return command


def train_all(given: argparse.Namespace, shop: stages.Workshop) -> None:
    """Run all stages that are not done; those of one wave side by side, each in a process."""
    for wave in stages.waves(shop.family):
        todo = [stage for stage in wave if not shop.is_done(stage)]
        if len(todo) == 1 or shop.jobs == 1:
            for stage in todo:
                stages.run(shop, stage)
            continue
        with ThreadPoolExecutor(shop.jobs) as pool:
            commands = [_stage_command(given, shop.folder, stage) for stage in todo]
            list(pool.map(lambda command: subprocess.run(command, check=True), commands))


def main() -> None:
    given = arguments()
    family = shortened(FULL, steps=2, pictures=32) if given.fast else FULL
    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    work = given.work or Path(tempfile.mkdtemp(prefix="hubman-training-"))
    jobs = given.jobs if device == "cpu" and not given.fast else 1
    shop = stages.Workshop(work, given.seed, device, jobs, family, given.out)
    if given.stage and given.stage not in ("export", "evaluate"):
        stages.run(shop, given.stage)
        return
    if not given.stage:
        train_all(given, shop)
    if given.stage in (None, "export"):
        assemble(shop, given.out)
    if given.report and given.stage in (None, "evaluate"):
        results = evaluate(family, given.out, shop.judge(), given.report)
        notes = given.notes.read_text(encoding="utf-8") if given.notes else ""
        write_card(shop, given.out, given.report, results, notes)


if __name__ == "__main__":
    main()
