"""The render process when everything goes wrong: real signals, real limits, real kernels; torch is not needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubman.errors import RenderError
from hubman.renderers.memory import is_out_of_memory, machine_memory, oom_kills
from hubman.renderers.patience import ENOUGH, Patience
from hubman.renderers.process import Renderer

WRAPPER = str(Path(__file__).with_name("hostile_worker.py"))
BARE = (sys.executable, WRAPPER, "bare")
posix = pytest.mark.skipif(os.name != "posix", reason="signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc of Linux")


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    with Renderer(program=BARE) as running:
        yield running


def fails(renderer: Renderer, op: str, **more: object) -> RenderError:
    with pytest.raises(RenderError) as caught:
        renderer.call(op, {}, **more)
    return caught.value


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


@posix
def test_a_crash_is_told_with_signal_stage_and_log_and_the_next_request_has_a_new_process(renderer: Renderer) -> None:
    first = renderer.call("who", {})["pid"]
    error = fails(renderer, "segfault")
    assert error.reference == "render-crashed"
    assert "SIGSEGV" in str(error)
    assert "hostile_worker.py" in str(error)  # where it was, from the log
    error = fails(renderer, "exits")
    assert (error.reference, "exit 3" in str(error), "the last words" in str(error)) == ("render-crashed", True, True)
    assert renderer.call("who", {})["pid"] != first


@linux
def test_a_hung_process_is_ended_with_its_interpreter_locked() -> None:
    """The log says where it hung; the time that is waited depends on how fast it was before."""
    with Renderer(program=BARE, timeout=60, shortest=0.5) as renderer:
        pid = renderer.call("who", {})["pid"]
        started = time.monotonic()
        error = fails(renderer, "hang", passes=ENOUGH + 1)
        assert error.reference == "render-timeout"
        assert 0.5 < time.monotonic() - started < 10
        assert "hanging" in str(error)
        assert "hostile_worker.py" in str(error)
        assert gone(pid)
        assert renderer.call("who", {})["pid"] != pid


def test_a_slow_one_that_shows_signs_of_life_is_waited_for() -> None:
    with Renderer(program=BARE, timeout=1.5) as renderer:
        assert renderer.call("slow", {}) == {"done": True}


def test_the_silence_that_is_allowed() -> None:
    """Nothing is known: the longest. Then by the slowest pass; for a first pass the file's size comes on top."""
    patience = Patience(1000.0, 10.0)
    patience.begin(0.0, 5_000_000)
    now = 0.0
    for _ in range(ENOUGH):
        patience.passed(now := now + 2.0)
        assert patience.allowed() == 1000.0
    patience.passed(now + 1.0)
    assert patience.allowed() == 100.0
    patience.begin(100.0, 5_000_000)
    assert patience.allowed() == 105.0
    assert patience.left(200.0) == 5.0
    patience.passed(150.0)
    assert patience.allowed() == 100.0  # what came before the first pass was something else
    patience.passed(180.0)
    assert patience.allowed() == 1000.0


@pytest.mark.parametrize(
    "line",
    ["hello there", "[1, 2]", "{}", '{"id": "1", "result": {}}', '{"id": 2, "result": 3}', '{"id": 2, "error": {}}',
     "[" * 100_000],
    ids=["text", "list", "empty", "id", "result", "error", "deep"],
)  # fmt: skip
def test_nonsense_is_no_answer(renderer: Renderer, line: str) -> None:
    error = fails(renderer, "garbage", line=line)
    assert error.reference == "render-garbage"
    assert renderer.pid is None


@linux
def test_memory_is_capped_in_the_child_and_the_child_is_thrown_away() -> None:
    with Renderer(program=BARE, memory=2**30) as renderer:
        pid = renderer.call("who", {})["pid"]
        error = fails(renderer, "eat")
        assert error.reference == "render-out-of-memory"
        assert "MemoryError" in str(error)
        assert gone(pid)
        assert renderer.call("who", {})["pid"] != pid


@linux
def test_the_kernels_out_of_memory_killer_is_told_from_any_other_kill(tmp_path: Path) -> None:
    group = Path("/sys/fs/cgroup/memory/hubman-test")
    with Renderer(program=BARE) as renderer:
        pid = renderer.call("who", {})["pid"]
        threading.Timer(0.5, lambda: os.kill(pid, signal.SIGKILL)).start()
        assert fails(renderer, "doze").reference == "render-crashed"
        try:
            group.mkdir(exist_ok=True)
            (group / "memory.limit_in_bytes").write_text(str(200 * 2**20))
        except OSError:
            pytest.skip("no control group of our own to run out of memory in")
        try:
            pid = renderer.call("who", {})["pid"]
            (group / "cgroup.procs").write_text(str(pid))
            error = fails(renderer, "eat")
            assert error.reference == "render-out-of-memory"
            assert "OOM killer" in str(error)
        finally:
            time.sleep(0.2)
            group.rmdir()


def test_what_counts_as_out_of_memory() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    assert is_out_of_memory(KeyError(), (KeyError,))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("not enough memory"))


@linux
def test_what_the_machine_says_of_memory(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1000000\n")
    assert machine_memory((str(limit),)) == 1_000_000
    limit.write_text("max\n")
    everything = machine_memory((str(limit), str(tmp_path / "missing")))
    assert everything is not None
    assert everything > 2**28
    (tmp_path / "vmstat").write_text("nr_free 7\noom_kill 3\n")
    assert oom_kills(str(tmp_path / "vmstat")) == 3
    assert oom_kills(str(tmp_path / "missing")) is None


def test_a_base_that_cannot_be_restored_costs_the_process(renderer: Renderer) -> None:
    renderer.call("who", {})
    assert fails(renderer, "contaminate").reference == "base-contaminated"
    assert renderer.pid is None


@linux
def test_a_full_disk_is_no_crash(renderer: Renderer) -> None:
    pid = renderer.call("who", {})["pid"]
    error = fails(renderer, "full")
    assert (error.reference, "No space left" in str(error)) == ("render-disk", True)
    assert renderer.call("who", {})["pid"] == pid


@linux
@pytest.mark.parametrize("at", ["hang", "doze", "idle"])
def test_the_child_ends_with_a_parent_that_is_killed(tmp_path: Path, at: str) -> None:
    """kill -9: nothing of the parent runs any more; the child may be in the middle of something that never ends.

    The request is made in a thread of its own, as the watcher does it, that the child must not end with.
    """
    program = f"""
import threading
from hubman.renderers.process import Renderer
renderer = Renderer(program={BARE!r}, on_progress=lambda stage: print(renderer.pid, flush=True))
first = threading.Thread(target=lambda: renderer.call("who", {{}}))
first.start(); first.join()
import time
time.sleep(0.3)
assert renderer.call("who", {{}})["pid"] == renderer.pid
if {at!r} == "idle":
    print(renderer.pid, flush=True)
    time.sleep(600)
renderer.call({at!r}, {{}})
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    assert gone(child)


@linux
def test_what_it_started_ends_with_it() -> None:
    started: list[int] = []
    with Renderer(program=BARE, timeout=1.0, on_progress=lambda stage: started.append(int(stage))) as renderer:
        assert fails(renderer, "family").reference == "render-timeout"
    assert gone(started[0])


@linux
@pytest.mark.parametrize("op", ["doze", "hang"])
def test_a_request_is_cancelled_from_another_thread_at_once(op: str) -> None:
    with Renderer(program=BARE) as renderer:
        pid = renderer.call("who", {})["pid"]
        threading.Timer(0.3, renderer.cancel).start()
        started = time.monotonic()
        assert fails(renderer, op).reference == "render-cancelled"
        assert time.monotonic() - started < 2
        assert gone(pid)
        assert fails(renderer, "who").reference == "render-cancelled"


@linux
def test_leaving_by_an_exception_does_not_wait_for_the_child() -> None:
    """Ctrl-C in the middle of a request."""
    stuck: Callable[[str], None] = lambda _stage: (_ for _ in ()).throw(KeyboardInterrupt())  # noqa: E731
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Renderer(program=BARE, on_progress=stuck) as renderer:
        renderer.call("who", {})
        pid = renderer.pid or 0
        renderer.call("hang", {})
    assert gone(pid, 1)
    assert time.monotonic() - started < 5


@posix
def test_it_has_a_group_of_its_own(renderer: Renderer) -> None:
    """A Ctrl-C in the terminal is the parent's to hear."""
    who = renderer.call("who", {})
    assert who["group"] == who["pid"] != os.getpgid(0)
