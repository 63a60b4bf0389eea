"""`hubman watch` as a process: limits of the system, lost events, signals, JSON lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.core.query import parse_query
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify, signals")
IN_NAMESPACE = ["unshare", "-Ur", "sh", "-c"]


class Daemon:
    """One running `hubman watch`."""

    def __init__(self, home: Path, limit: str = "", *options: str) -> None:
        self.home = home
        command = [sys.executable, "-m", "hubman", "watch", "--quiet-seconds", "0.5", *options]
        if limit:  # in a user namespace of its own, so that nobody else is affected
            command = [*IN_NAMESPACE, f'echo {limit} && exec "$@"', "sh", *command]
        with open(home / "out", "wb") as out, open(home / "err", "wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err)

    def reports(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.home / "out").read_text().splitlines()]

    def said(self) -> str:
        return (self.home / "err").read_text()

    def names(self) -> list[str]:
        with open_reader(self.home / "library.db") as reader:
            return [file.name for file in reader.search(parse_query("sort:name", 0))[1]]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(20), time.monotonic() - started


@pytest.fixture
def daemon(isolated: Path, webui: Path) -> Iterator[Callable[..., Daemon]]:
    """Give a function that starts `hubman watch --jsonl` on the tree and waits for its first report."""
    started: list[Daemon] = []

    def start(limit: str = "", *options: str) -> Daemon:
        added = [sys.executable, "-m", "hubman", "roots", "add", str(webui)]
        assert subprocess.run(added, capture_output=True).returncode == 0
        running = Daemon(isolated, limit, *(options or ("--jsonl",)))
        started.append(running)
        assert eventually(lambda: "Watching" in running.said() or running.process.poll() is not None)
        if not options:
            assert eventually(lambda: bool(running.reports())), running.said()
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait(10)


def eventually(check: Callable[[], bool], seconds: float = 40) -> bool:
    """Wait for something to become true; the bound only ends a failing test."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.1)
    return False


def may_lower_limits() -> bool:
    """Say whether this system lets a test have limits of its own."""
    probe = [*IN_NAMESPACE, "echo 5 > /proc/sys/user/max_inotify_watches"]
    return subprocess.run(probe, capture_output=True).returncode == 0


def test_where_watches_run_out_all_is_found_all_the_same(
    daemon: Callable[..., Daemon], webui: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 44: said once in plain words with what to raise; what no event tells of is found by looking."""
    if not may_lower_limits():
        pytest.skip("no user namespaces here")
    for number in range(300):
        (webui / f"Lora/{number:03}").mkdir()
    running = daemon("100 > /proc/sys/user/max_inotify_watches")
    assert eventually(lambda: "folders in" in running.said())
    assert "Only 100 of 306 folders" in running.said()
    assert "sudo sysctl fs.inotify.max_user_watches=524288" in running.said()
    for number in range(0, 300, 10):
        (webui / f"Lora/{number:03}/m{number}.safetensors").write_bytes(lora_bytes(fill=number % 250))
    assert eventually(lambda: len(running.names()) == 30, 60)
    assert running.said().count("max_user_watches") == 1
    assert running.end()[0] == 0


def test_where_no_watcher_may_be_begun_it_polls(daemon: Callable[..., Daemon], webui: Path) -> None:
    """The limit of instances: other programs have them all."""
    if not may_lower_limits():
        pytest.skip("no user namespaces here")
    running = daemon("0 > /proc/sys/user/max_inotify_instances")
    assert eventually(lambda: "max_user_instances" in running.said())
    assert running.process.poll() is None
    assert running.end()[0] == 0


def test_thirty_thousand_events_while_it_was_stopped(daemon: Callable[..., Daemon], webui: Path) -> None:
    """Case 43: the kernel's queue overflows; what was lost is found without waiting for the hour."""
    running = daemon()
    time.sleep(1)
    running.process.send_signal(signal.SIGSTOP)
    for number in range(10_000):  # three events each
        path = webui / f"Lora/{number % 40}/{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        path.unlink()
    deep = webui / "Lora/late/deeper"
    deep.mkdir(parents=True)
    (deep / "lost.safetensors").write_bytes(lora_bytes())
    running.process.send_signal(signal.SIGCONT)
    assert eventually(lambda: running.names() == ["lost"])
    (deep / "after.safetensors").write_bytes(lora_bytes(fill=2))
    assert eventually(lambda: running.names() == ["after", "lost"])
    assert running.end()[0] == 0
    assert "verflow" not in running.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_also_while_it_hashes(daemon: Callable[..., Daemon], webui: Path, number: int) -> None:
    """Cleanly, with exit code 0, and nothing on the screen but what it said before."""
    large = webui / "Lora/large.safetensors"
    large.write_bytes(lora_bytes())
    os.truncate(large, 60_000_000_000)  # sparse: hashing it takes minutes
    os.utime(large, (1, 1))
    running = daemon()
    assert eventually(lambda: running.names() == ["large"])
    time.sleep(0.6)
    code, took = running.end(number)
    assert code == 0
    assert took < 3
    assert "Traceback" not in running.said()


def test_what_it_prints(daemon: Callable[..., Daemon], webui: Path) -> None:
    """A JSON line for every scan, `unsettled` included."""
    running = daemon()
    first = running.reports()[0]
    assert {"roots", "seen", "added", "errors", "unsettled", "seconds"} <= set(first)
    (webui / "Lora/ink.safetensors").write_bytes(lora_bytes())
    assert eventually(lambda: any(report["added"] == 1 for report in running.reports()))
    assert eventually(lambda: any(report["hashed"] == 1 for report in running.reports()))


def test_the_library_may_lie_inside_a_root(
    isolated: Path, webui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own writes raise events in a watched folder; they must not keep it busy."""
    home = webui / "hubman"
    home.mkdir()
    monkeypatch.setenv("HUBMAN_HOME", str(home))
    added = [sys.executable, "-m", "hubman", "roots", "add", str(webui)]
    assert subprocess.run(added, capture_output=True).returncode == 0
    running = Daemon(home, "", "--jsonl")
    try:
        assert eventually(lambda: bool(running.reports()))
        (webui / "Lora/ink.safetensors").write_bytes(lora_bytes())
        assert eventually(lambda: any(report["hashed"] == 1 for report in running.reports()))
        time.sleep(2)
        count = len(running.reports())
        time.sleep(3)  # that nothing happens is what is tested
        assert len(running.reports()) == count
        assert running.end()[0] == 0
    finally:
        running.process.kill()
        running.process.wait(10)
