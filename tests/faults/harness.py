"""Kill hubman at random moments, and look whether anything was lost.

One point: a copy of the scenario's template, a child process in a group of its own that runs the scenario's commands
one after the other, SIGKILL to the group at a seeded moment, then the checks. Nine points of ten fork a process that
has hubman imported already (a start takes longer than the work); the tenth starts `python -m hubman` anew.

A new scenario is one subclass of `Scenario` in tests/faults/scenarios.py, added to its SCENARIOS:
* `prepare(place)` makes the template: `place.home` (HUBMAN_HOME) and `place.models` (a root, if it needs one);
* `commands(place)` are the command lines (without `hubman`). A command is acknowledged when it returned 0: its
  number is written to `place.acknowledged` before the next one begins;
* `check(place, acknowledged)` yields what is wrong right after the kill: what was acknowledged and is not there, files
  that are half moved ... `check_after(place)` the same after `again(place)` (default: the last command) ran to its end.
The integrity of the database is checked for all of them (before `again` only if it was whole: `begins_damaged`).
Models are hard links to the template's: they may be renamed and removed, not written into.

    python -m tests.faults.harness --points 1000 --seed 1 --write benchmarks/results/soak-kill.json
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hubman.cli import run

LATE = 0.7
"""By how much the time in which a kill is aimed shrinks after one that came too late."""

SPAWN_EVERY = 10
"""Every tenth point starts a new interpreter."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point happens."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def database(self) -> Path:
        return self.home / "library.db"

    @property
    def acknowledged(self) -> Path:
        return self.folder / "acknowledged"


class Scenario:
    """What is done while the kill comes, and what must hold afterwards."""

    name = ""
    begins_damaged = False

    def prepare(self, place: Place) -> None:
        """Make the template. Paths of `place` are the same for every point."""
        raise NotImplementedError

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        """Return the command lines to run in turn."""
        raise NotImplementedError

    def again(self, place: Place) -> Sequence[Sequence[str]]:
        """Return what a user would do after the accident; it must succeed."""
        return self.commands(place)[-1:]

    def check(self, place: Place, acknowledged: int) -> Iterator[str]:
        """Yield what is wrong right after the kill."""
        yield from ()

    def check_after(self, place: Place) -> Iterator[str]:
        """Yield what is wrong after `again`."""
        yield from ()


@dataclass(slots=True)
class Result:
    """What a run of points gave."""

    points: dict[str, int] = field(default_factory=dict)
    killed: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


class Driver:
    """Runs points of scenarios in a working folder. The folder of a point has always one path: roots hold paths."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed
        self._random = random.Random(seed)
        self._durations: dict[str, float] = {}
        self.result = Result()

    def run(self, scenario: Scenario, points: int) -> None:
        """Run a number of points of a scenario."""
        place = Place(self._folder / "point")
        template = self._folder / f"template-{scenario.name}"
        if not template.exists():
            _fresh(place)
            with contextlib.redirect_stdout(io.StringIO()):
                scenario.prepare(place)
            place.folder.rename(template)
            self._durations[scenario.name] = self._whole(scenario, template, place)
        for number in range(points):
            self._point(scenario, template, place, spawn=number % SPAWN_EVERY == SPAWN_EVERY - 1)

    def _whole(self, scenario: Scenario, template: Path, place: Place) -> float:
        """Run without a kill; return the seconds. All checks must hold then as well."""
        _copy(template, place)
        started = time.monotonic()
        status = os.waitpid(_forked(place, scenario.commands(place)), 0)[1]
        seconds = time.monotonic() - started
        if status:
            self.result.failures.append(f"{scenario.name}: fails without a kill: {_output(place)}")
        self._judge(scenario, place, "not killed")
        return seconds

    def _point(self, scenario: Scenario, template: Path, place: Place, *, spawn: bool) -> None:
        _copy(template, place)
        seconds = self._durations[scenario.name]
        moment = self._random.uniform(0, 1.05 * seconds)
        if spawn:
            moment += self._random.uniform(0.2, 0.8)  # the start of an interpreter
        child = (_spawned if spawn else _forked)(place, scenario.commands(place))
        killed = _kill_after(child, moment)
        if not killed and not spawn:
            self._durations[scenario.name] *= LATE  # the first run was slower than these are: aim earlier
        counts = self.result
        counts.points[scenario.name] = counts.points.get(scenario.name, 0) + 1
        counts.killed[scenario.name] = counts.killed.get(scenario.name, 0) + killed
        self._judge(scenario, place, f"seed {self._seed}, point {counts.points[scenario.name]}, {moment:.4f} s")

    def _judge(self, scenario: Scenario, place: Place, what: str) -> None:
        try:
            self._look(scenario, place, what)
        except sqlite3.Error as error:
            self.result.failures.append(f"{scenario.name} ({what}): cannot be looked at: {error!r}; {_output(place)}")

    def _look(self, scenario: Scenario, place: Place, what: str) -> None:
        wrong = [*scenario.check(place, _acknowledged(place))]
        wrong += [] if scenario.begins_damaged else _integrity(place)
        place.acknowledged.unlink(missing_ok=True)
        status = os.waitpid(_forked(place, scenario.again(place)), 0)[1]
        if status:
            wrong.append(f"the next run fails: {_output(place)}")
        wrong += [*scenario.check_after(place), *_integrity(place)]
        self.result.failures += [f"{scenario.name} ({what}): {text}" for text in wrong]


def _fresh(place: Place) -> None:
    shutil.rmtree(place.folder, ignore_errors=True)
    place.home.mkdir(parents=True)
    place.models.mkdir()


def _copy(template: Path, place: Place) -> None:
    """Put a copy of the template in place. The models are the same files (links): another inode is another file."""
    shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir()
    for entry in template.iterdir():
        if entry.name == place.models.name:
            shutil.copytree(entry, place.models, symlinks=True, copy_function=os.link)
        elif entry.is_dir():
            shutil.copytree(entry, place.folder / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, place.folder / entry.name)


def _forked(place: Place, commands: Sequence[Sequence[str]]) -> int:
    """Run command lines in a forked child with a process group of its own; return its id."""
    child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, 0)
        _redirect(place)
        os.environ["HUBMAN_HOME"] = str(place.home)
        os._exit(run_all(place, commands))
    finally:
        os._exit(99)


def _spawned(place: Place, commands: Sequence[Sequence[str]]) -> int:
    """Do the same with `python -m hubman`, which can run one command: the acknowledgement is its exit code."""
    environment = {**os.environ, "HUBMAN_HOME": str(place.home)}
    with open(place.folder / "output", "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "hubman", *commands[0]],
            env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0,
        )  # fmt: skip
    process.returncode = 0  # waited for by its id, like a fork
    return process.pid


def run_all(place: Place, commands: Sequence[Sequence[str]]) -> int:
    """Run command lines in this process, acknowledging each that succeeded; return the first failure."""
    for number, command in enumerate(commands, 1):
        code = run(list(command))
        if code:
            return code
        with open(place.acknowledged, "a") as file:
            file.write(f"{number}\n")
    return 0


def _redirect(place: Place) -> None:
    output = os.open(place.folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115


def _kill_after(child: int, seconds: float) -> bool:
    """Send SIGKILL to a child's group after some time; say whether it was still alive."""
    time.sleep(seconds)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)  # it has not made its group yet
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _acknowledged(place: Place) -> int:
    try:
        return len(place.acknowledged.read_text().split())
    except FileNotFoundError:
        return 0


def _output(place: Place) -> str:
    return (place.folder / "output").read_text("utf-8", "replace")[-600:]


def _integrity(place: Place) -> Iterator[str]:
    """Yield what SQLite finds wrong; no database at all is the scenario's matter."""
    if not place.database.exists() or not place.database.stat().st_size:
        return
    with closing(sqlite3.connect(place.database)) as connection:
        for pragma in ("integrity_check", "foreign_key_check"):
            rows = [row for row in connection.execute(f"PRAGMA {pragma}") if row[0] != "ok"]
            if rows:
                yield f"{pragma}: {rows[:3]}"


def main() -> int:
    """Run many points over all scenarios and write what came out."""
    from tests.faults.scenarios import SCENARIOS
    from tests.faults.scenarios_files import FILE_SCENARIOS

    parser = argparse.ArgumentParser(description="Kill hubman at random moments.")
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    chosen = [scenario for scenario in (*SCENARIOS, *FILE_SCENARIOS) if options.only in (None, scenario.name)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hubman-kill-") as folder:
        driver = Driver(Path(folder), options.seed)
        for index, scenario in enumerate(chosen):
            driver.run(scenario, options.points // len(chosen) + (index < options.points % len(chosen)))
            print(f"{scenario.name}: {driver.result.points}, failures {len(driver.result.failures)}", flush=True)
    result = driver.result
    record = {
        "points": sum(result.points.values()), "by_scenario": result.points, "killed_alive": result.killed,
        "failures": result.failures, "seed": options.seed, "seconds": round(time.monotonic() - started),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }  # fmt: skip
    print(json.dumps(record, indent=2, ensure_ascii=False))
    if options.write:
        options.write.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
