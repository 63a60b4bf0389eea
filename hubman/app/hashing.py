"""Every hash of a model, be it one file or a folder of them; and the recording of many of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

from hubman import formats
from hubman.app.reading import failure_of, has_vanished
from hubman.app.throttle import Throttle, lower_priority
from hubman.core.library import Failure, Unhashed
from hubman.core.types import Format, Hashes
from hubman.disk.digest import Digester, Progress, with_written
from hubman.disk.walk import model_members
from hubman.errors import N_, ConflictError, HubmanError, IntegrityError
from hubman.store.door import Store

SHARD_INDEX = ".safetensors.index.json"
WRITTEN_KEYS = ("sshs_model_hash", "modelspec.hash_sha256")
"""Header keys in which trainers wrote the AutoV3; Civitai indexed what was written (docs/formats.md "Hashes")."""

BATCH = 500
BATCH_SECONDS = 1.0
SLOW = 200_000_000
"""Bytes of a file before which everything is recorded: hashing it takes about as long as a batch may last."""


def hash_model(path: str, progress: Progress | None = None, digester: Digester | None = None) -> Hashes:
    """Hash a file, a model folder, or the index file of a sharded model. A broken one is bytes all the same.

    `digester`: the one to use, where many models are hashed in turn.

    Raises:
        ConflictError: `changed-while-reading`. OSError.
    """
    if digester is None:
        with Digester() as own:
            return hash_model(path, progress, own)
    folder = os.path.isdir(path)
    if folder or path.endswith(SHARD_INDEX):
        base = path if folder else os.path.dirname(path)
        return digester.members(base, _members(path), progress)
    offset, written = _header(path)
    return with_written(digester.file(path, offset, progress), written)


def _header(path: str) -> tuple[int | None, str | None]:
    """Return where a file's tensors begin, and the AutoV3 that its header claims; None for what there is not."""
    if formats.container(path) is not Format.SAFETENSORS:
        return None, None
    from hubman.formats import safetensors

    try:
        metadata, offset = safetensors.read(path).metadata, safetensors.data_offset(path)
    except IntegrityError:
        return None, None
    return offset, next((metadata[key] for key in WRITTEN_KEYS if metadata.get(key)), None)


def _members(path: str) -> Iterable[str]:
    """Return what belongs to a model: what its header says, else (a part is missing or broken) what is there."""
    try:
        return formats.read_header(path).members or model_members(path)
    except IntegrityError:
        return model_members(path)


class StoppedError(Exception):
    """Somebody asked the hashing to end; what was read of the current file is given up."""


class Hashing:
    """Hashes places of the library and records the results about once a second: a kill loses no more than that.

    Attributes:
        failures: (path, why) of what could not be hashed.
        done: places recorded.
    """

    def __init__(self, store: Store, step: Progress, stop: Callable[[], bool], *, nice: bool = False) -> None:
        """Take `step`, which is told the bytes of every step, and `stop`, which is asked at every step.

        `nice`: give way to whoever uses the machine. Both are then called in another thread.
        """
        self._store, self._step, self._stop = store, step, stop
        self._throttle = Throttle() if nice else None
        self._ended = Event()
        self._batch: list[tuple[Unhashed, Hashes]] = []
        self._since = time.monotonic()
        self.failures: list[tuple[str, Failure]] = []
        self.done = 0

    def run(self, waiting: Iterable[Unhashed]) -> None:
        """Hash everything that waits, in this order, or until `stop` says so."""
        if self._throttle is None:
            self._run(waiting)
            return
        with ThreadPoolExecutor(1, "nice", initializer=lower_priority) as thread:
            running = thread.submit(self._run, waiting)
            try:
                while not running.done():
                    wait([running], timeout=0.5)  # in pieces: Windows hears Ctrl-C only in between
            except BaseException:
                self._ended.set()
                raise
        running.result()

    def _run(self, waiting: Iterable[Unhashed]) -> None:
        try:
            with Digester() as digester:
                for place in waiting:
                    if place.size > SLOW:
                        self._flush()
                    self._hash(place, digester)
                    if len(self._batch) >= BATCH or time.monotonic() - self._since > BATCH_SECONDS:
                        self._flush()
        except StoppedError:
            return
        finally:
            self._flush()

    def _hash(self, place: Unhashed, digester: Digester) -> None:
        self._tick(0)
        path = os.path.join(place.root, place.relpath)
        try:
            hashes = hash_model(path, self._tick, digester)
            _check_known(path, place, hashes)
            self._batch.append((place, hashes))
        except ConflictError:
            return  # it changed under us: the next scan sees another mtime and comes back
        except (OSError, HubmanError) as error:
            if not has_vanished(path):
                self.failures.append((path, failure_of(error)))

    def _tick(self, amount: int) -> None:
        self._ask()
        self._step(amount)
        if self._throttle:
            self._throttle.step(self._ask)

    def _ask(self) -> None:
        if self._ended.is_set() or self._stop():
            raise StoppedError

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        self._since = time.monotonic()
        if batch:
            with self._store.writer() as writer:
                writer.record_hashes(batch)
            self.done += len(batch)


def _check_known(path: str, place: Unhashed, hashes: Hashes) -> None:
    """Refuse to rename a blob for which only some hashes were missing: size and time are the same, the bytes are not.

    Raises:
        IntegrityError: `content-changed`.
    """
    if place.sha256 is not None and place.sha256 != hashes.sha256:
        raise IntegrityError(
            "content-changed",
            N_("{path} has other bytes than its recorded hash says, though neither its size nor its time changed."),
            hint=N_("Run `hubman verify`: it names whole copies. If the change was meant, `touch` the file and sync."),
            path=path,
        )
