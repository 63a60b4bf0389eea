"""app.hashing and app.throttle: resumable, complete, and out of the way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hubman.app.hashing import Hashing
from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.app.throttle import Spent, Throttle, busy_cores, lower_priority, read_spent
from hubman.core.library import ModelFile, SidecarPolicy, Unhashed
from hubman.core.query import parse_query
from hubman.core.throttle import LEAST_SHARE, rest_after, share_of
from hubman.disk.digest import WORTH_THREADS
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader

Put = Callable[..., Path]
linux = pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")


@pytest.fixture
def store(isolated: Path) -> Iterator[Store]:
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


def sync(store: Store, root: Path, **options: object) -> SyncReport:
    add_root(store, str(root), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        return Sync(store, SyncOptions(**options)).run(reader.roots())  # type: ignore[arg-type]


def models(store: Store) -> list[ModelFile]:
    with open_reader(store.path) as reader:
        return reader.search(parse_query("", 0))[1]


def waiting(store: Store) -> list[Unhashed]:
    with open_reader(store.path) as reader:
        return reader.unhashed(reader.roots()[0], -1, None)


def forget_blake3(store: Store) -> None:
    """Turn the library into one that an earlier version wrote."""
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE blob SET blake3 = NULL, crc32 = NULL, claimed = 1")


# --- what an earlier version did not compute -----------------------------------------------------------------------


def test_all_completes_the_hashes_of_an_earlier_version(store: Store, webui: Path, put: Put) -> None:
    """`auto` does not read everything again for it; `all` does, once."""
    put("Lora/a.safetensors", fill=1)
    put("Lora/b.safetensors", fill=2)
    folder = webui / "VAE/dream"
    folder.mkdir()
    (folder / "model_index.json").write_text("{}")
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(put("Lora/c.safetensors", fill=3).read_bytes())
    assert sync(store, webui).hashed == 4
    before = {file.relpath: file.hashes for file in models(store)}
    assert {path for path, hashes in before.items() if hashes and hashes.blake3 is None} == {"VAE/dream"}
    forget_blake3(store)
    assert sync(store, webui).hashed == 0
    assert sync(store, webui, hash_mode="all").hashed == 3
    assert {file.relpath: file.hashes for file in models(store)} == before
    assert sync(store, webui, hash_mode="all").hashed == 0
    with open_reader(store.path) as reader:
        claimed = reader.statistics.claimed()
    folders = {file.hashes.sha256 for file in models(store) if file.folder and file.hashes}
    assert claimed == folders, "what was read now is no mere claim"


def test_a_silent_change_is_not_given_a_new_name(store: Store, webui: Path, put: Put) -> None:
    """Same size, same time, other bytes: a failing disk. What is known of the file stays with what it was."""
    path = put("Lora/a.safetensors", fill=1)
    sync(store, webui)
    (before,) = models(store)
    forget_blake3(store)
    status = path.stat()
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x07")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    report = sync(store, webui, hash_mode="all")
    assert [(error["path"], error["reference"]) for error in report.errors] == [(str(path), "content-changed")]
    assert report.hashed == 0
    assert models(store)[0].id == before.id


# --- stopped and killed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nice", [False, True])
def test_a_stop_ends_a_large_file_and_keeps_the_small_ones(store: Store, webui: Path, put: Put, nice: bool) -> None:
    """Smallest first; what was done is recorded before the large one begins."""
    for number in range(10):
        put(f"Lora/{number}.safetensors", fill=number)
    large = put("Lora/large.safetensors")
    os.truncate(large, 50_000_000_000)  # sparse; hashing it takes minutes
    sync(store, webui, hash_mode="none")
    told: list[int] = []
    hashing = Hashing(store, told.append, lambda: sum(told) > 300_000_000, nice=nice)
    began = time.monotonic()
    threads = threading.active_count()
    hashing.run(sorted(waiting(store), key=lambda place: place.size))
    assert time.monotonic() - began < 30
    assert threading.active_count() == threads
    assert hashing.done == 10
    assert [place.relpath for place in waiting(store)] == ["Lora/large.safetensors"]


CODE = """
import sys
from hubman.cli import main
sys.argv = ["hubman", "sync", "--hash", "all", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("options", "number", "code"),
    [([], signal.SIGINT, 130), (["--nice"], signal.SIGINT, 130), (["--nice"], signal.SIGKILL, -9)],
)
def test_a_killed_sync_goes_on_where_it_was(
    isolated: Path, webui: Path, put: Put, options: list[str], number: signal.Signals, code: int
) -> None:
    """The process ends within moments, in the middle of a large file, and the small ones have their hashes."""
    for fill in range(5):
        put(f"Lora/{fill}.safetensors", fill=fill)
    large = put("Lora/large.safetensors", fill=9)
    size = large.stat().st_size
    os.truncate(large, 50_000_000_000)
    process = subprocess.Popen([sys.executable, "-c", CODE, *options, str(webui)], stderr=subprocess.PIPE)
    database = isolated / "library.db"

    def hashed() -> int:
        with closing(sqlite3.connect(database)) as connection:
            return int(connection.execute("SELECT count(*) FROM file WHERE sha256 IS NOT NULL").fetchone()[0])

    deadline = time.monotonic() + 60
    while not database.exists() or not _has_files(database) or hashed() < 5:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == code
    os.truncate(large, size)
    store = open_store(database, isolated / "backups")
    assert sync(store, webui).hashed == 1
    store.close()


def _has_files(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'file'").fetchone())


# --- giving way ----------------------------------------------------------------------------------------------------


def test_how_long_to_rest() -> None:
    """In full where nobody else works, never less than a fifth, half where nobody can say."""
    assert (share_of(0.0), share_of(0.25), share_of(1.0), share_of(30.0)) == (1.0, 0.75, LEAST_SHARE, LEAST_SHARE)
    assert (rest_after(0.1, 0.0), rest_after(0.1, None)) == (0.0, 0.1)
    assert rest_after(0.1, 2.0) == pytest.approx(0.4)
    assert rest_after(3600.0, 2.0) == pytest.approx(4.0), "the machine slept; that was no work"


def test_our_own_work_is_not_somebody_elses() -> None:
    """Else hashing would wait for itself."""
    before = Spent(everybody=100.0, ourselves=10.0, at=0.0)
    assert busy_cores(before, Spent(102.0, 12.0, 1.0)) == 0.0
    assert busy_cores(before, Spent(103.0, 12.0, 2.0)) == pytest.approx(0.5)
    assert busy_cores(before, Spent(100.0, 10.5, 1.0)) == 0.0


@linux
def test_a_busy_process_is_seen() -> None:
    """A real one, for half a second."""
    before = read_spent()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"], check=True)
    after = read_spent()
    assert before
    assert after
    assert after.everybody - before.everybody >= 0.4
    assert busy_cores(before, after) * (after.at - before.at) >= 0.35


def _busy_machine() -> Spent:
    """Two cores of it, others' work alone."""
    now = time.monotonic()
    return Spent(everybody=2 * now, ourselves=0.0, at=now)


def test_a_throttle_rests_while_the_machine_is_busy() -> None:
    """About four times as long as it works."""
    throttle = Throttle(_busy_machine)
    _work(throttle, 0.6)  # after this it has looked
    throttle.rested = 0.0
    worked = _work(throttle, 0.1)
    assert worked * 3 < throttle.rested < worked * 6 + 0.5


def test_a_throttle_does_not_rest_while_nobody_else_works() -> None:
    """Once it knows; before that it works half of the time."""
    throttle = Throttle(lambda: Spent(everybody=0.0, ourselves=0.0, at=time.monotonic()))
    _work(throttle, 0.6)
    assert throttle.rested > 0
    throttle._owed = throttle.rested = 0.0
    _work(throttle, 0.3)
    assert throttle.rested == 0.0


def _work(throttle: Throttle, seconds: float) -> float:
    """Work for so long, in small steps; return how long it was, without the rests."""
    end, rested = time.monotonic() + seconds, throttle.rested
    began = time.monotonic()
    while time.monotonic() - (throttle.rested - rested) < end:  # resting is no work
        time.sleep(0.005)
        throttle.step(lambda: None)
    return time.monotonic() - began - (throttle.rested - rested)


def test_a_rest_ends_when_somebody_asks_for_it() -> None:
    """Ctrl-C does not wait for four seconds."""

    class EndedError(Exception):
        pass

    def ask() -> None:
        raise EndedError

    throttle = Throttle(_busy_machine)
    throttle._owed = 60.0
    began = time.monotonic()
    with pytest.raises(EndedError):
        throttle.step(ask)
    assert time.monotonic() - began < 2


@linux
def test_the_lowest_priority_is_of_the_thread_alone() -> None:
    """And of those that it starts; a watcher's other threads stay as quick as they were."""
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    found: list[int] = []

    def look() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def work() -> None:
        lower_priority()
        look()
        child = threading.Thread(target=look)
        child.start()
        child.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [19, 19]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


@linux
def test_nice_hashing_is_done_at_the_lowest_priority(store: Store, webui: Path, put: Put) -> None:
    """The reader and the three threads of a large file; the caller keeps its own."""
    assert put("Lora/large.safetensors", rank=4000).stat().st_size > WORTH_THREADS
    sync(store, webui, hash_mode="none")
    lowest: set[int] = set()

    def look(_: int) -> None:
        for task in map(int, os.listdir("/proc/self/task")):
            if os.getpriority(os.PRIO_PROCESS, task) == 19:
                lowest.add(task)

    Hashing(store, look, lambda: False, nice=True).run(waiting(store))
    assert len(lowest) == 1 + 3
    assert threading.get_native_id() not in lowest
    assert waiting(store) == []


@pytest.mark.parametrize("nice", [False, True])
def test_what_the_progress_raises_reaches_the_caller(store: Store, webui: Path, put: Put, nice: bool) -> None:
    """It is not lost in the other thread."""
    put("Lora/a.safetensors")
    sync(store, webui, hash_mode="none")

    def step(_: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Hashing(store, step, lambda: False, nice=nice).run(waiting(store))
