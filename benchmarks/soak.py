"""`python -m benchmarks.soak SECONDS [--save]` (`make soak-watch`): `hubman watch` under change for as long as wanted.

Files are created, written slowly, renamed, replaced, moved between folders and deleted, folders too, at a modest rate;
memory, file descriptors, threads, the write-ahead log and CPU are noted every few seconds. In the end the index must
equal the disk, the daemon must end cleanly, and nothing may have grown: the last third is compared with the middle one.
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.watch import RESULTS, Daemon, make, model, on_disk, until_right, watching

CHANGES_A_SECOND = 4
SAMPLES = 120


def main() -> None:
    """Run for the seconds given, print the result, and fail when something grew."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1800.0
    folder = Path(tempfile.mkdtemp(prefix="hubman-soak-"))
    try:
        result = soak(folder, seconds)
    finally:
        shutil.rmtree(folder)
    if "--save" in sys.argv:
        (RESULTS / "soak-watch.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "samples"}, indent=2))
    sys.exit(0 if result["goal_met"] else 1)


def soak(folder: Path, seconds: float) -> dict[str, object]:
    """Change files for so long while a daemon watches them; return what was measured."""
    models = folder / "models"
    make(models, 100, 1000)
    chance, samples, changes = random.Random(11), list[dict[str, float]](), 0
    with watching(folder / "home", models) as daemon:
        assert until_right(daemon, on_disk(models), 300) < 300
        started = time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            change(models, chance, changes)
            changes += 1
            if passed >= len(samples) * seconds / SAMPLES:
                samples.append(sample(daemon, passed))
            time.sleep(chance.uniform(0.2, 1.8) / CHANGES_A_SECOND)
        samples.append(sample(daemon, seconds))
        late = until_right(daemon, on_disk(models), 120)
    grown = growth(samples)
    met = late <= 60 and grown["rss_mb"] <= 5 and grown["fds"] <= 0 and grown["threads"] <= 0 and grown["wal_mb"] <= 1
    return {
        "seconds": seconds, "changes": changes, "right_after_last_event_s": late, "growth": grown,
        "percent_of_a_core": round(samples[-1]["cpu_s"] / seconds * 100, 2), "goal_met": met, "samples": samples,
    }  # fmt: skip


def sample(daemon: Daemon, passed: float) -> dict[str, float]:
    """Measure the daemon once."""
    return {
        "at_s": round(passed), "rss_mb": round(daemon.memory(), 1), "fds": daemon.files(), "threads": daemon.threads(),
        "wal_mb": round(daemon.wal() / 1e6, 2), "cpu_s": round(daemon.cpu(), 1),
    }  # fmt: skip


def growth(samples: list[dict[str, float]]) -> dict[str, float]:
    """Return how much larger the median of the last third is than that of the middle third (the first warms up)."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    return {
        key: round(statistics.median(s[key] for s in last) - statistics.median(s[key] for s in middle), 2)
        for key in ("rss_mb", "fds", "threads", "wal_mb")
    }


def change(models: Path, chance: random.Random, number: int) -> None:
    """Change something: mostly files, sometimes folders. The number of files stays about the same."""
    folders = sorted(path for path in models.glob("*/*") if path.is_dir())
    files = sorted(chance.choice(folders).glob("*.safetensors"))
    kind = chance.choice(
        ["create", "part", "slow", "replace", "move", "delete", "delete", "delete", "folder", "sidecar"]
    )
    target = chance.choice(folders) / f"s{number}.safetensors"
    if kind in ("create", "part"):
        temporary = target.with_suffix(".safetensors.part") if kind == "part" else target
        temporary.write_bytes(model(1_000_000 + number))
        temporary.rename(target)
    elif kind == "slow":
        slowly(target, model(1_000_000 + number))
    elif kind == "folder":
        move_folder(models, chance.choice(folders), number)
    elif files:
        change_file(kind, chance.choice(files), target, number)


def slowly(path: Path, data: bytes) -> None:
    """Write a file in four parts within half a second, as a browser does."""
    with open(path, "wb") as file:
        for start in range(0, len(data), len(data) // 4 + 1):
            file.write(data[start : start + len(data) // 4 + 1])
            file.flush()
            time.sleep(0.12)


def move_folder(models: Path, folder: Path, number: int) -> None:
    """Rename a folder, or move it out of the tree, delete it there and make it anew."""
    if number % 2:
        folder.rename(folder.with_name(f"f{number}"))
        return
    away = models.parent / f"away{number}"
    folder.rename(away)
    folder.mkdir()
    shutil.rmtree(away)
    for extra in range(8):
        (folder / f"again{number}-{extra}.safetensors").write_bytes(model(2_000_000 + number * 10 + extra))


def change_file(kind: str, path: Path, target: Path, number: int) -> None:
    """Replace, move or delete a file, or write beside it."""
    if kind == "delete":
        path.unlink()
    elif kind == "move":
        path.rename(target)
    elif kind == "sidecar":
        path.with_suffix(".json").write_text(json.dumps({"activation text": f"word{number}"}))
    else:
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(model(3_000_000 + number))
        temporary.replace(path)


if __name__ == "__main__":
    main()
