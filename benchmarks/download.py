"""What a download costs against `curl -o` of the same file in the same run, and what several connections bring.

open      as fast as loopback goes: one stream, sha256 on the way. Goal: at most 2.0 times curl's wall time.
gigabit   behind a limit of 1 Gbit/s. Goal: at most 1.03 times.
limited   20 MiB/s for each connection: with n connections n times as fast.

The server is nginx (Debian: `apt install nginx-light`) where there is one, else the project's own test hub, which costs
more CPU itself. The files lie in memory (/dev/shm) where there is such a place: a disk is as slow for both, but hubman
waits until it has everything (fsync) and curl does not. `disk` compares with curl and `sync` of the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import platform
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hubman.app.download import discard, fetch
from hubman.core.hub import Listing, RemoteFile
from hubman.hubs._http import Web

OPEN_BYTES = int(os.environ.get("HUBMAN_BENCH_BYTES", 1 << 30))
GIGABIT_BYTES, LIMITED_BYTES = 400 << 20, 192 << 20
GIGABIT = 125_000_000
EACH = 20 << 20
ROUNDS = int(os.environ.get("HUBMAN_BENCH_ROUNDS", "7"))
CONNECTIONS = (1, 2, 4, 8)
GOALS = {"open": 2.0, "gigabit": 1.03}
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/log; {user}
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port}; root {folder}/files;
    location /gigabit/ {{ alias {folder}/files/; limit_rate {gigabit}; }}
    location /limited/ {{ alias {folder}/files/; limit_rate {each}; }}
  }}
}}
"""


class OneFile:
    """A hub as far as `fetch` needs one: a plain address."""

    name, title, needs_yes, hash_kinds, parallel = "civitai", "Benchmark", False, (), True

    def __init__(self, web: Web, url: str) -> None:
        self._web, self._url = web, url

    def open(
        self, listing: Listing, file: RemoteFile, *, start: int = 0, end: int | None = None, etag: str | None = None
    ) -> Any:
        """See core.ports.Hub."""
        return self._web.stream("civitai", self._url, start=start, end=end, etag=etag)


def report(folder: Path) -> dict[str, object]:
    """Measure everything in turn, print it, and return it."""
    memory = Path("/dev/shm")
    with contextlib.ExitStack() as cleaning:
        work = folder
        if memory.is_dir() and shutil.disk_usage(memory).free > 4 * OPEN_BYTES:
            work = Path(cleaning.enter_context(tempfile.TemporaryDirectory(dir=memory, prefix="hubman-bench-")))
        files = {"open.bin": OPEN_BYTES, "gigabit.bin": GIGABIT_BYTES, "limited.bin": LIMITED_BYTES}
        hashes = {name: _make(work / "files" / name, size) for name, size in files.items()}
        server, urls = cleaning.enter_context(_server(work))
        bench = Bench(work, hashes, files)
        result: dict[str, object] = {
            "server": server, "curl": _curl_version(), "cores": os.cpu_count(), "in_memory": work != folder,
            "rounds": ROUNDS, "system": f"{platform.system()} {platform.release()}",
        }  # fmt: skip
        result["open"] = bench.against_curl("open", urls["open"], "open.bin", ROUNDS)
        result["disk"] = bench.against_curl("disk", urls["open"], "open.bin", min(ROUNDS, 5), on=folder, sync=True)
        result["gigabit"] = bench.against_curl("gigabit", urls["gigabit"], "gigabit.bin", min(ROUNDS, 5))
        result["limited"] = bench.connections(urls["limited"], "limited.bin")
        result["load_average"] = [round(number, 1) for number in os.getloadavg()]
    return result


class Bench:
    """Downloads of files whose hashes are known."""

    def __init__(self, work: Path, hashes: dict[str, str], sizes: dict[str, int]) -> None:
        self._work, self._hashes, self._sizes = work, hashes, sizes

    def against_curl(
        self, what: str, url: str, name: str, rounds: int, *, on: Path | None = None, sync: bool = False
    ) -> dict[str, object]:
        """Alternate curl and hubman; return the medians of their wall times in seconds, and the ratio."""
        target = on or self._work
        times: dict[str, list[float]] = {"curl": [], "hubman": []}
        for _ in range(rounds):
            times["curl"].append(_timed(lambda: self._curl(target, url + name, sync=sync)))
            times["hubman"].append(_timed(lambda: self._fetch(target, url + name, name, 1)))
        medians = {who: statistics.median(values) for who, values in times.items()}
        ratio = medians["hubman"] / medians["curl"]
        best = min(times["hubman"]) / min(times["curl"])
        pairs = statistics.median(mine / its for mine, its in zip(times["hubman"], times["curl"], strict=True))
        goal = GOALS.get(what)
        print(
            f"{what:<9} {self._sizes[name] >> 20} MiB: curl {medians['curl']:.3f} s, hubman {medians['hubman']:.3f} s, "
            f"{ratio:.3f} x (of pairs {pairs:.3f}, best of each {best:.3f}){f', goal {goal}' if goal else ''}"
        )
        rounded: dict[str, object] = {f"{who}_s": round(value, 3) for who, value in medians.items()}
        rounded |= {"all_s": {who: [round(value, 3) for value in values] for who, values in times.items()}}
        return {
            **rounded,
            "ratio": round(ratio, 3),
            "ratio_of_pairs": round(pairs, 3),
            "ratio_of_best": round(best, 3),
            "goal": goal,
        }

    def connections(self, url: str, name: str) -> dict[str, object]:
        """Return connections -> median seconds, and how many times as fast as one that is."""
        times: dict[int, list[float]] = {count: [] for count in CONNECTIONS}
        for _ in range(min(ROUNDS, 3)):
            for count in CONNECTIONS:
                times[count].append(_timed(lambda count=count: self._fetch(self._work, url + name, name, count)))
        medians = {count: statistics.median(values) for count, values in times.items()}
        faster = {str(count): round(medians[1] / value, 2) for count, value in medians.items()}
        print(f"limited   {self._sizes[name] >> 20} MiB at {EACH >> 20} MiB/s each: {faster} times as fast")
        return {"seconds": {str(count): round(value, 3) for count, value in medians.items()}, "times_as_fast": faster}

    def _curl(self, target: Path, url: str, *, sync: bool) -> None:
        path = target / "curl.out"
        subprocess.run(["curl", "-s", "-f", "-o", str(path), url], check=True)
        if sync:
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        path.unlink()

    def _fetch(self, target: Path, url: str, name: str, connections: int) -> None:
        sha256 = self._hashes[name]
        remote = RemoteFile(name, name, size=self._sizes[name], hashes={"sha256": sha256})
        hub: Any
        with Web(bases=[url]) as web:
            hub = OneFile(web, url)
            fetched = fetch(hub, Listing("civitai", "1", "1", name), remote, str(target), connections=connections)
        assert fetched.sha256 == sha256
        discard(fetched)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _make(path: Path, size: int) -> str:
    """Write a file of noise; return its sha256."""
    path.parent.mkdir(exist_ok=True)
    digest, block = hashlib.sha256(), os.urandom(1 << 20)
    with open(path, "wb") as file:
        for number in range(size >> 20):
            piece = number.to_bytes(8, "little") + block[8:]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def _server(work: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the files in another process; yield what serves them, and what -> address below which they are."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not program:
        print("nginx is not there (Debian: apt install nginx-light): the test hub serves, and costs more itself")
        context = multiprocessing.get_context("spawn")
        line, far = context.Pipe()
        process = context.Process(target=_serve, args=(far, str(work / "files")), daemon=True)
        process.start()
        try:
            yield "the project's test hub", line.recv()
        finally:
            line.send(None)
            process.join(20)
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    config = work / "nginx.conf"
    config.write_text(NGINX.format(folder=work, port=port, gigabit=GIGABIT, each=EACH, user=user))
    version = subprocess.run([program, "-v"], capture_output=True, text=True).stderr.strip().rpartition("/")[2]
    server = subprocess.Popen([program, "-c", str(config), "-p", str(work)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        base = f"http://127.0.0.1:{port}"
        yield f"nginx {version}", {"open": f"{base}/", "gigabit": f"{base}/gigabit/", "limited": f"{base}/limited/"}
    finally:
        server.terminate()
        server.wait(10)


def _serve(line: Connection, folder: str) -> None:
    """Run three test hubs: open, behind a gigabit, and with a limit for each connection."""
    from tests.testhub import TestHub

    limits: dict[str, dict[str, Any]] = {"open": {}, "gigabit": {"rate": GIGABIT}, "limited": {"per_connection": EACH}}
    with contextlib.ExitStack() as cleaning:
        urls = {}
        for what, limit in limits.items():
            hub = cleaning.enter_context(TestHub(**limit))
            model = hub.add(os.path.join(folder, f"{what}.bin"), images=[])
            urls[what] = f"{hub.url('storage')}/plain/{model.versions[0].files[0].id}/"
        line.send(urls)
        line.recv()


def _curl_version() -> str:
    return subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout.split("\n")[0].split(" (")[0]
