"""Pull models from a hub that misbehaves, kill hubman at random moments, and look what lies on the disk.

One point: the hub (the test hub, in a process of its own) draws a file and its misbehaviour from a seed; `pull` runs in
child processes that are killed with SIGKILL at seeded moments, then again until it succeeds. After every one of them:
no file with a model's name that is not the hub's file, nothing outside the root, no token and no signed address in any
file. In the end: the right file, and nothing of the download beside it. A `pull` that was killed between placing its
file and recording it may bring the file again under a second name; that is counted (`fetched_twice`), not a failure.

    python -m tests.faults.downloads --points 1000 --write benchmarks/results/soak-download.json
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hubman.core.layout import is_model_name

SIZES = (3_000, 70_000, 400_000, 1_500_000, 4_000_000)
NAMES = ("ink.safetensors", "../../../escape.safetensors", "C:\\Windows\\ink.safetensors", "CON.safetensors", "墨.pt")
MOST_KILLS = 3
MOST_RUNS = 14
BEHAVES_AFTER = 7
"""Runs after which the hub gives up its mischief, so that a point ends."""
STALL_S = 0.25


@dataclass(frozen=True, slots=True)
class Task:
    """What a point pulls. `right`: the sha256 that its file may have. `faults`: what the hub will do, for people."""

    ref: tuple[str, str]
    right: tuple[str, ...]
    hashed: bool
    connections: int
    faults: tuple[str, ...]


@dataclass(slots=True)
class Result:
    """What a run of points gave."""

    points: int = 0
    runs: int = 0
    killed: int = 0
    visible_partials: int = 0
    leaks: int = 0
    outside: int = 0
    wrong: int = 0
    unfinished: int = 0
    left_over: int = 0
    twice: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failures


# --- the hub's process ----------------------------------------------------------------------------------------------


def _serve(line: Connection) -> None:
    from tests.testhub import TestHub
    from tests.testhub.content import big_safetensors

    with TestHub() as hub:
        models = []
        for number, size in enumerate(SIZES):
            content = big_safetensors(size, number)
            models.append(hub.add_model(f"Ink {number}", files=[content], file_name=NAMES[number], images=[]))
        tokens = {name: hub.tokens[name] for name in ("civitai",)}
        line.send((hub.url("civitai"), hub.url("storage"), tokens["civitai"]))
        while (order := line.recv()) is not None:
            what, value = order
            if what == "point":
                line.send(_begin(hub, models, value))
            elif what == "behave":
                hub.behave()
                line.send(None)
            elif what == "leaks":
                line.send([repr(request) for token in tokens.values() for request in hub.leaks(token)])
    line.send(None)


def _begin(hub: Any, models: list[Any], seed: int) -> Task:
    from tests.testhub.misbehave import OtherContent

    dice = random.Random(seed)
    hub.behave()
    hub.forget()
    model = dice.choice(models)
    version = model.versions[0]
    content = version.files[0].content
    hashed = dice.random() < 0.8
    right, said = [content.hashes.sha256], []
    for _ in range(dice.randrange(4)):
        name, fault, on, path = _fault(dice, content.size)
        if not hashed and name == "wrong hash":  # nobody could know
            continue
        when = {"times": dice.randrange(1, 4), "skip": dice.randrange(3), "seed": dice.randrange(1000)}
        hub.misbehave(fault, on=on, path=path, **when)
        said.append(name)
        if isinstance(fault, OtherContent) and not hashed:
            from tests.testhub.misbehave import _Other

            right.append(_Other(content, fault.seed, content.size).hashes.sha256)
    return Task((str(model.id), str(version.id)), tuple(right), hashed, dice.choice((1, 1, 3)), tuple(said))


def _fault(dice: random.Random, size: int) -> tuple[str, Any, str, str]:
    from tests.testhub import misbehave as m

    link = "/api/download"
    choices = [
        ("cut", m.Cut(), "storage", ""),
        ("cut", m.Cut(dice.randrange(size), reset=True), "storage", ""),
        ("drop", m.Drop(dice.random() < 0.5), dice.choice(("storage", "civitai")), ""),
        ("stall", m.Stall(dice.randrange(size), 2 * STALL_S), "storage", ""),
        ("slow", m.Slow(size * dice.choice((2, 6))), "storage", ""),
        ("ignores ranges", m.IgnoreRange(), "storage", ""),
        ("other range", m.WrongRange(dice.choice((-9, 1, 70)), honest=dice.random() < 0.5), "storage", ""),
        ("no range", m.WrongRange(missing=True), "storage", ""),
        ("etag", m.Etag(dice.choice(('"new"', 'W/"weak"', ""))), "storage", ""),
        ("replaced", m.OtherContent(dice.randrange(9)), "storage", ""),
        ("wrong hash", m.WrongHash(), "storage", ""),
        ("wrong size", m.WrongSize(dice.choice((-5, 5, 4000))), "storage", ""),
        ("wrong length", m.WrongLength(dice.choice((-50, 50))), "storage", ""),
        ("no length", m.NoLength(), "storage", ""),
        ("chunked", m.Chunked(), "storage", ""),
        ("expired", m.Expired(), "storage", ""),
        ("status", m.Status(dice.choice((400, 404, 410, 416)), body="no"), "storage", ""),
        ("busy", m.Status(dice.choice((429, 500, 503)), retry_after=0), dice.choice(("storage", "civitai")), link),
        ("login page", m.LoginPage(), "storage", ""),
        ("login redirect", m.LoginRedirect(), "civitai", link),
    ]
    return dice.choice(choices)


# --- the process that is killed -------------------------------------------------------------------------------------


def pull(place: Path, task: Task, hub_url: str, storage_url: str, token: str) -> None:
    """Pull what a task says, as the command does it, without the long waits."""
    from hubman.app import download, download_work, pull
    from hubman.core import pieces
    from hubman.core.hub import HubRef
    from hubman.hubs._http import Credential, Web, origin_of
    from hubman.hubs.civitai import Civitai
    from hubman.store.door import open_store

    pieces.SMALLEST, pieces.LARGEST, download_work.WORTH_IT = 100_000, 400_000, 300_000
    pull.fetch = functools.partial(download.fetch, sleep=lambda _: time.sleep(0.0005))  # type: ignore[assignment]
    secret = {"civitai": Credential(token, frozenset({origin_of(hub_url)}))}
    with Web(secret, bases=[hub_url, storage_url], stall_s=STALL_S, sleep=lambda _: None) as web:
        hub = Civitai(web, hub_url)
        (listing,) = hub.resolve(HubRef("civitai", *task.ref))
        (file,) = listing.files
        if not task.hashed:
            from dataclasses import replace

            file = replace(file, hashes={})
            listing = replace(listing, files=(file,))
        options = pull.PullOptions(place / "home", connections=task.connections)
        with closing(open_store(place / "home" / "library.db", place / "home" / "backups")) as store:
            pull.pull_listing(store, {"civitai": hub}, listing, file, options)


def prepare(place: Path) -> None:
    """Make a home with a database and one root."""
    from hubman.app.roots import add_root
    from hubman.core.library import Layout
    from hubman.store.door import open_store

    (place / "home").mkdir(parents=True)
    (place / "models").mkdir()
    with closing(open_store(place / "home" / "library.db", place / "home" / "backups")) as store:
        add_root(store, str(place / "models"), Layout.FLAT, None)


# --- the driver -----------------------------------------------------------------------------------------------------


class Driver:
    """Runs points in a working folder. Use it as a context manager: it owns the hub's process."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed
        self._place = folder / "point"
        self._durations: list[float] = [0.4]
        self.result = Result()

    def __enter__(self) -> Driver:
        context = multiprocessing.get_context("spawn")
        self._line, far = context.Pipe()
        self._hub = context.Process(target=_serve, args=(far,), daemon=True)
        self._hub.start()
        self._urls = self._line.recv()
        prepare(self._place)
        shutil.copytree(self._place, self._folder / "template")
        task = self._ask("point", 0)
        self._ask("behave")
        pull(self._place, task, *self._urls)  # everything is imported, and every statement compiled, before the forks
        return self

    def __exit__(self, *_: object) -> None:
        self._line.send(None)
        self._hub.join(20)
        if self._hub.is_alive():
            self._hub.kill()
        self._hub.close()
        self._line.close()

    def _ask(self, what: str, value: object = None) -> Any:
        self._line.send((what, value))
        return self._line.recv()

    def run(self, points: int) -> None:
        """Run a number of points."""
        for _ in range(points):
            self.point(self._seed * 100_000 + self.result.points)

    def point(self, seed: int) -> None:
        """Run one point."""
        dice, result = random.Random(seed), self.result
        shutil.rmtree(self._place)
        shutil.copytree(self._folder / "template", self._place)
        task: Task = self._ask("point", seed)
        result.points += 1
        for name in task.faults:
            result.faults[name] = result.faults.get(name, 0) + 1
        wrong: list[str] = []
        for _ in range(dice.randrange(MOST_KILLS + 1)):
            moment = dice.uniform(0, 1.1 * sorted(self._durations)[len(self._durations) // 2])
            result.killed += self._child(task, moment) is None
            wrong += self._look(task)
        status: int | None = None
        for number in range(MOST_RUNS):
            started = time.monotonic()
            status = self._child(task, None)
            wrong += self._look(task)
            if status == 0:
                self._durations = [*self._durations[-30:], time.monotonic() - started]
                break
            if number == BEHAVES_AFTER:
                self._ask("behave")
        if status != 0:
            result.unfinished += 1
            wrong.append(f"never ends: {(self._place / 'output').read_text()[-800:]}")
        wrong += self._end(task)
        leaks = self._ask("leaks")
        result.leaks += len(leaks)
        wrong += [f"a token went to {request}" for request in leaks]
        result.failures += [f"seed {seed} {task.faults}: {text}" for text in wrong]

    def _child(self, task: Task, kill_after: float | None) -> int | None:
        """Run `pull` in a forked child; return its exit status, None when it was killed."""
        self.result.runs += 1
        child = os.fork()
        if not child:
            _in_child(self._place, task, self._urls)
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def _files(self) -> Iterator[Path]:
        return (path for path in self._folder.rglob("*") if path.is_file() and "template" not in path.parts)

    def _look(self, task: Task) -> Iterator[str]:
        """Yield what is wrong with what lies on the disk, at any moment."""
        result, models, home = self.result, self._place / "models", self._place / "home"
        token = self._urls[2].encode()
        for path in self._files():
            data = path.read_bytes()
            for secret in (token, b"X-Amz-Signature"):
                if secret in data:
                    result.leaks += 1
                    yield f"{path} has {secret!r} in it"
            if models in path.parents:
                if is_model_name(path.name) and hashlib.sha256(data).hexdigest() not in task.right:
                    result.visible_partials += 1
                    yield f"{path} is no whole file of the hub"
            elif home not in path.parents and path != self._place / "output":
                result.outside += 1
                yield f"{path} is outside"

    def _end(self, task: Task) -> Iterator[str]:
        """Yield what is wrong after `pull` has succeeded."""
        files = [path for path in (self._place / "models").rglob("*") if path.is_file()]
        visible = [path for path in files if is_model_name(path.name)]
        if not visible:
            self.result.wrong += 1
            yield "there is no file"
        self.result.twice += len(visible) > 1
        if left := [path.name for path in files if path.name.startswith(".hubman-")]:
            self.result.left_over += 1
            yield f"{left} were left"


def _in_child(place: Path, task: Task, urls: tuple[str, str, str]) -> None:
    """Pull, and end the process."""
    try:
        output = os.open(place / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.environ["HUBMAN_HOME"] = str(place / "home")
        try:
            pull(place, task, *urls)
        except Exception as error:
            import traceback

            from hubman.errors import HubmanError

            if isinstance(error, HubmanError):
                print(error.reference, error.message, error.hint, flush=True)
                os._exit(error.exit_code)
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(98)
        os._exit(0)
    finally:
        os._exit(99)


def main() -> int:
    """Run many points and write what came out."""
    parser = argparse.ArgumentParser(description="Cut, confuse and kill downloads at random.")
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", type=int, metavar="SEED", help="only the point of this seed")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hubman-download-") as folder, Driver(Path(folder), options.seed) as driver:
        if options.one is not None:
            driver.point(options.one)
        for _ in range(0 if options.one is not None else options.points // 50):
            driver.run(50)
            failures = driver.result.failures
            print(f"{driver.result.points} points, {len(failures)} failures", *failures[-5:], sep="\n  ", flush=True)
    result = driver.result
    record = {
        "points": result.points, "right": result.points - result.wrong - result.unfinished, "runs": result.runs,
        "killed_alive": result.killed, "visible_partials": result.visible_partials, "leaked_tokens": result.leaks,
        "paths_outside": result.outside, "fetched_twice": result.twice, "left_over": result.left_over,
        "misbehaviour": dict(sorted(result.faults.items())), "failures": result.failures, "seed": options.seed,
        "seconds": round(time.monotonic() - started),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }  # fmt: skip
    print(json.dumps(record, indent=2, ensure_ascii=False))
    if options.write:
        options.write.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
