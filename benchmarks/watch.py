"""`python -m benchmarks.watch [idle burst memory] [--save]`: what `hubman watch` costs, and whether it keeps up.

Real processes on real files; nothing is imported from the watcher here. Figures that have a goal are checked against
it: idle <= 0.1 % of a core with 5,000 folders; 10,000 files created, moved or replaced are all right in the index
within 60 s of the last event; at most 250 MB of memory with 100,000 files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
Row = tuple[int, int, str | None]


def model(number: int) -> bytes:
    """Return a small valid LoRA (about 2 KB); every number is another content."""
    header: dict[str, object] = {"__metadata__": {"ss_output_name": f"model {number}", "note": "x" * 1200}}
    position = 0
    for part, shape in (("lora_down.weight", [1, 64]), ("lora_up.weight", [64, 1])):
        size = shape[0] * shape[1] * 2
        name = f"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.{part}"
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + number.to_bytes(8, "little") * (position // 8)


@dataclass
class Daemon:
    """A `hubman watch` in a process of its own, with its library."""

    home: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu(self) -> float:
        """Return the CPU seconds it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, field: str = "VmRSS") -> float:
        """Return its resident memory in MB now (`VmRSS`) or at its largest (`VmHWM`)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise LookupError(field)

    def files(self) -> int:
        """Return the number of open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        """Return the number of threads."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def wal(self) -> int:
        """Return the size of the write-ahead log in bytes."""
        path = self.home / "library.db-wal"
        return path.stat().st_size if path.exists() else 0

    def rows(self) -> dict[str, Row]:
        """Return path -> (size, mtime_ns, sha256) of everything present."""
        with contextlib.closing(sqlite3.connect(f"{(self.home / 'library.db').as_uri()}?mode=ro", uri=True)) as library:
            cursor = library.execute(
                "SELECT r.path || '/' || f.relpath, f.size, f.mtime_ns, f.sha256 FROM file f "
                "JOIN root r ON r.id = f.root_id WHERE f.present = 1"
            )
            return {row[0]: (row[1], row[2], row[3]) for row in cursor}


def hubman(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command on the library at `home`."""
    environment = {**os.environ, "HUBMAN_HOME": str(home)}
    with open(home / "watch.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hubman", *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT
        )


@contextlib.contextmanager
def watching(home: Path, models: Path) -> Iterator[Daemon]:
    """Run `hubman watch` over a folder; its end must be clean."""
    home.mkdir(parents=True, exist_ok=True)
    assert hubman(home, "roots", "add", str(models)).wait() == 0
    daemon = Daemon(home, hubman(home, "watch", "--jsonl"))
    try:
        yield daemon
    finally:
        daemon.process.send_signal(signal.SIGTERM)
        code = daemon.process.wait(30)
    assert code == 0, (home / "watch.log").read_text()


def on_disk(models: Path) -> dict[str, Row]:
    """Return what the index should hold, by a walk that reads every file."""
    found: dict[str, Row] = {}
    for folder, _, names in os.walk(models):
        for name in names:
            if name.endswith(".safetensors"):
                path = os.path.join(folder, name)
                status = os.stat(path)
                found[path] = (status.st_size, status.st_mtime_ns, hashlib.sha256(Path(path).read_bytes()).hexdigest())
    return found


def make(models: Path, folders: int, files: int) -> None:
    """Write `files` models evenly into `folders` folders."""
    for number in range(folders):
        (models / f"{number % 50:02}" / f"{number:05}").mkdir(parents=True, exist_ok=True)
    for number in range(files):
        folder = number % folders
        (models / f"{folder % 50:02}" / f"{folder:05}" / f"m{number}.safetensors").write_bytes(model(number))


def until_right(daemon: Daemon, expected: dict[str, Row], seconds: float) -> float:
    """Return the seconds until the index equals the disk, hashes included; infinity when it never does."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if daemon.rows() == expected:
            return round(time.monotonic() - started, 1)
        time.sleep(0.5)
    return float("inf")


def idle(folder: Path) -> dict[str, object]:
    """Nothing happens in 5,000 watched folders for 60 s."""
    models = folder / "models"
    make(models, 5000, 500)
    with watching(folder / "home", models) as daemon:
        ready = until_right(daemon, on_disk(models), 300)
        time.sleep(3)
        before, started = daemon.cpu(), time.monotonic()
        time.sleep(float(os.environ.get("HUBMAN_BENCH_IDLE", "120")))
        share = (daemon.cpu() - before) / (time.monotonic() - started)
        result = {
            "folders": 5050,
            "seconds": round(time.monotonic() - started),
            "percent_of_a_core": round(share * 100, 4),
        }
        return {**result, "first_scan_s": ready, "rss_mb": round(daemon.memory(), 1), "goal_met": share <= 0.001}


def burst(folder: Path) -> dict[str, object]:
    """10,000 files are created (also under temporary names), moved and replaced as fast as one writer can."""
    models = folder / "models"
    make(models, 200, 5000)
    chance = random.Random(7)
    with watching(folder / "home", models) as daemon:
        assert until_right(daemon, on_disk(models), 300) < 300
        old, before, started = sorted(on_disk(models)), daemon.cpu(), time.monotonic()
        chance.shuffle(old)
        for number in range(10_000):
            _change(models, old, number)
        wrote = time.monotonic() - started
        late = until_right(daemon, on_disk(models), 180)
        scans = (folder / "home" / "watch.log").read_text().count('"seconds"')
        cost = {"cpu_s": round(daemon.cpu() - before, 1), "peak_mb": round(daemon.memory("VmHWM"), 1)}
    times = {"writer_s": round(wrote, 1), "right_after_last_event_s": late}
    return {"changes": 10_000, **times, "reports": scans, **cost, "goal_met": late <= 60}


def _change(models: Path, old: list[str], number: int) -> None:
    """Create 5,000 files, move 2,500 and replace 2,500."""
    kind = number % 4
    if kind < 2:
        target = models / f"new{number % 40:02}" / f"n{number}.safetensors"
        target.parent.mkdir(exist_ok=True)
        temporary = target.with_suffix(".safetensors.part") if kind else target
        temporary.write_bytes(model(100_000 + number))
        if kind:
            temporary.rename(target)
    elif kind == 2:
        source = Path(old[number // 4])
        source.rename(source.parent.parent / f"moved{number}.safetensors")
    else:
        path = Path(old[2500 + number // 4])
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(model(200_000 + number))
        temporary.replace(path)


def memory(folder: Path) -> dict[str, object]:
    """100,000 files: the first scan, the hashing of all of it, a second start, and one change."""
    models, home = folder / "models", folder / "home"
    make(models, 2000, 100_000)
    with watching(home, models) as daemon:
        _until_hashed(daemon, 100_000)
        first = daemon.memory("VmHWM")
    with watching(home, models) as daemon:
        time.sleep(15)
        (models / "00" / "one.safetensors").write_bytes(model(7_777_777))
        _until_hashed(daemon, 100_001)
        again, now = daemon.memory("VmHWM"), daemon.memory()
    result = {"files": 100_001, "peak_first_scan_mb": round(first, 1), "peak_restart_mb": round(again, 1)}
    return {**result, "rss_after_mb": round(now, 1), "goal_met": max(first, again) <= 250}


def _until_hashed(daemon: Daemon, count: int) -> None:
    end = time.monotonic() + 1800
    while time.monotonic() < end:
        with contextlib.suppress(sqlite3.OperationalError):
            uri = f"{(daemon.home / 'library.db').as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as library:
                query = "SELECT count(*) FROM file WHERE present = 1 AND sha256 IS NOT NULL"
                if library.execute(query).fetchone()[0] == count:
                    return
        assert daemon.process.poll() is None, (daemon.home / "watch.log").read_text()
        time.sleep(1)
    raise TimeoutError("the index never held all files")


SUITES = {"idle": idle, "burst": burst, "memory": memory}


def main() -> None:
    """Run the suites named, print, and with `--save` write results/watch.json."""
    names = [argument for argument in sys.argv[1:] if argument in SUITES] or list(SUITES)
    path = RESULTS / "watch.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results["machine"] = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix="hubman-bench-"))
        try:
            results[name] = SUITES[name](folder)
        finally:
            shutil.rmtree(folder)
        print(name, json.dumps(results[name]), flush=True)
        if "--save" in sys.argv:
            path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
