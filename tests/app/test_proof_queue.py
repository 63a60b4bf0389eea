"""`validate --all`: killed, interrupted, crashed, several at once; real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hubman.app.proof_lock import proving_alone
from hubman.cli import run
from hubman.config import load
from hubman.errors import ConflictError
from hubman.renderers import process
from tests.app.proof_library import FAST, HOSTILE, hubman, library, verdicts

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [pytest.mark.render, pytest.mark.slow]
posix = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render processes of this test fail on purpose, and import no torch."""
    monkeypatch.setattr(process, "WORKER", (sys.executable, str(HOSTILE), "bare"))


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def ends(pid: int) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc, ps")
def test_killed_at_any_moment_it_goes_on_and_two_workers_say_the_same(
    tmp_path: Path, isolated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in the middle; the second run proves the rest and nothing twice; then all again on two processes."""
    names = [f"ink{number}" for number in range(4)]
    folder = library(tmp_path / "library", *names)
    assert run(["sync", str(folder), "--json"]) == 0
    capsys.readouterr()
    first = subprocess.Popen(hubman("validate", "--all", "--jsonl", *FAST), stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    printed = [json.loads(first.stdout.readline())["name"] for _ in range(2)]
    renderers = children_of(first.pid)
    first.kill()
    first.wait(10)
    with first.stdout as rest:
        printed += [json.loads(line)["name"] for line in rest if line.endswith("\n")]
    assert all(ends(pid) for pid in renderers)
    assert len(renderers) == 1
    before = verdicts(isolated)
    assert set(printed) <= set(before) < set(names)

    assert run(["validate", "--all", "--json", *FAST]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in document["verdicts"]] == [
        name for name in sorted(names, reverse=True) if name not in before
    ]
    assert document["before"] == {"ok": len(before)}
    alone = verdicts(isolated)
    assert {name: alone[name] for name in before} == before
    assert set(alone) == set(names)

    assert run(["validate"]) == 0
    assert "Nothing to do: 4 adapters have a proof already: 4 ok" in capsys.readouterr().out
    assert run(["validate", "--again", "--workers", "2", "--jsonl", *FAST]) == 0
    assert {str(entry["name"]) for entry in said(capsys)} == set(names)
    together = verdicts(isolated)
    assert {name: detail for name, (_, detail) in together.items()} == {
        name: detail for name, (_, detail) in alone.items()
    }
    assert all(together[name][0] > alone[name][0] for name in names)
    for entry in (json.loads(detail) for _, detail in together.values()):
        assert Path(entry["preview"]).read_bytes().startswith(b"\x89PNG")
    assert not list((isolated / "previews").glob("*.part"))


@posix
def test_a_crash_costs_one_adapter_and_the_rest_is_proven(
    tmp_path: Path, isolated: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real segfault in the middle, and a cut file; `error` is told with the signal, and is not tried again."""
    monkeypatch.setattr(process, "WORKER", (sys.executable, str(HOSTILE)))
    folder = library(tmp_path / "library", "good1", "segfault-here", "good2")
    cut = folder / "Lora/cut.safetensors"
    cut.write_bytes((folder / "Lora/good1.safetensors").read_bytes()[:-1000])
    assert run(["sync", str(folder), "--json"]) == 0
    capsys.readouterr()
    assert run(["validate", "--all", "--jsonl", *FAST]) == 1
    found = {str(entry["name"]): (entry["verdict"], entry["rule"]) for entry in said(capsys)}
    assert found["segfault-here"] == ("error", "render-crashed")
    assert {found["good1"][0], found["good2"][0], found["cut"][0]} == {"ok", "corrupt"}
    assert "SIGSEGV" in verdicts(isolated)["segfault-here"][1]
    assert run(["validate", "--all", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["verdicts"], document["before"]) == ([], {"corrupt": 1, "error": 1, "ok": 2})


@posix
def test_after_three_crashes_in_a_row_the_base_is_to_blame(
    tmp_path: Path, isolated: Path, bare: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others on it are not tried, and not recorded: the next run tries again; the next base has its turn."""
    names = [f"segfault-{number}" for number in range(5)]
    folder = library(tmp_path / "library", *names)
    assert run(["sync", str(folder), "--json"]) == 0
    capsys.readouterr()
    assert run(["validate", "--jsonl"]) == 10
    rules = [(entry["name"], entry["rule"]) for entry in said(capsys)]
    assert rules == [(f"segfault-{number}", "render-crashed") for number in (4, 3, 2)] + [
        (f"segfault-{number}", "base-given-up") for number in (1, 0)
    ]
    assert set(verdicts(isolated)) == {"segfault-4", "segfault-3", "segfault-2"}
    assert run(["validate", "--jsonl"]) == 10
    assert [(entry["name"], entry["rule"]) for entry in said(capsys)] == [
        ("segfault-1", "render-crashed"), ("segfault-0", "render-crashed"),
    ]  # fmt: skip


@posix
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_it_at_once_and_says_how_to_go_on(tmp_path: Path, isolated: Path, workers: str) -> None:
    """In the middle of a request that would never end; what was proven is kept, and shown; exit 130."""
    folder = library(tmp_path / "library", "doze-1", "segfault-2", "segfault-3")
    assert run(["sync", str(folder), "--json"]) == 0
    command = hubman("validate", "--all", "--jsonl", "--workers", workers, hostile=True)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert "render-crashed" in running.stdout.readline()
    assert "render-crashed" in running.stdout.readline()
    renderers = children_of(running.pid)
    started = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=20)
    assert time.monotonic() - started < 2
    assert running.returncode == 130
    assert "2 of 3 were proven" in error
    assert all(ends(pid) for pid in renderers)
    assert set(verdicts(isolated)) == {"segfault-2", "segfault-3"}


def test_one_hubman_at_a_time(
    tmp_path: Path, isolated: Path, bare: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second says who is at it and ends with 8; a watcher, which gives way after each adapter, is waited for."""
    folder = library(tmp_path / "library", "segfault-1")
    assert run(["sync", str(folder), "--json"]) == 0
    config = load(os.environ)
    with proving_alone(config, "validate"):
        assert run(["validate", "--all"]) == 8
        error = capsys.readouterr().err
        assert f"process {os.getpid()}" in error
        with pytest.raises(ConflictError), proving_alone(config, "watch", wait=lambda: False):
            pass
    ended = threading.Event()

    def watcher() -> None:
        with proving_alone(config, "watch"):
            ended.wait(1)

    thread = threading.Thread(target=watcher)
    thread.start()
    time.sleep(0.3)
    assert run(["validate", "--all"]) == 10
    thread.join()


def test_all_and_a_query_exclude_each_other(isolated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "--all", "type:lora"]) == 2


def test_a_file_that_is_another_one_now_gets_no_verdict(
    tmp_path: Path, isolated: Path, bare: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the old one's, and none is recorded: `sync` finds it first."""
    folder = library(tmp_path / "library", "one", "two")
    assert run(["sync", str(folder), "--json"]) == 0
    os.utime(folder / "Lora/one.safetensors", (7, 7))
    (folder / "Lora/two.safetensors").unlink()
    capsys.readouterr()
    assert run(["validate", "--all", "--jsonl"]) == 10
    assert {entry["rule"] for entry in said(capsys)} == {"adapter-changed"}
    assert verdicts(isolated) == {}


@posix
def test_two_places_of_one_content_are_proven_once(
    tmp_path: Path, isolated: Path, bare: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = library(tmp_path / "library", "segfault-1")
    (folder / "Lora/copy.safetensors").write_bytes((folder / "Lora/segfault-1.safetensors").read_bytes())
    assert run(["sync", str(folder), "--json"]) == 0
    capsys.readouterr()
    run(["validate", "--all", "--jsonl"])
    assert len(said(capsys)) == 1


@posix
@pytest.mark.parametrize("options", [("--base", "tinyshapes")], ids=["base"])
def test_a_proof_on_another_base_is_another_one(
    tmp_path: Path, isolated: Path, bare: None, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    folder = library(tmp_path / "library", "segfault-1", bases=("tinyshapes", "tinychalk"))
    assert run(["sync", str(folder), "--json"]) == 0
    assert run(["validate", "--all", "--base", "tinychalk"]) == 10
    capsys.readouterr()
    assert run(["validate", "--all", "--jsonl", *options]) == 10
    assert len(said(capsys)) == 1
