"""Every hash of a model, be it one file or a folder of them; and the recording of many of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from hubman import formats
from hubman.app.reading import failure_of, has_vanished
from hubman.core.library import Failure, Unhashed
from hubman.core.types import Format, Hashes
from hubman.disk.digest import Progress, digest_file, digest_members, with_written
from hubman.disk.walk import model_members
from hubman.errors import ConflictError, HubmanError, IntegrityError
from hubman.store.door import Store

SHARD_INDEX = ".safetensors.index.json"
WRITTEN_KEYS = ("sshs_model_hash", "modelspec.hash_sha256")
"""Header keys in which trainers wrote the AutoV3; Civitai indexed what was written (docs/formats.md "Hashes")."""

BATCH = 500
BATCH_SECONDS = 1.0
SLOW = 200_000_000
"""Bytes of a file before which everything is recorded: hashing it takes about as long as a batch may last."""


def hash_model(path: str, progress: Progress | None = None) -> Hashes:
    """Hash a file, a model folder, or the index file of a sharded model. A broken one is bytes all the same.

    Raises:
        ConflictError: `changed-while-reading`. OSError.
    """
    folder = os.path.isdir(path)
    if folder or path.endswith(SHARD_INDEX):
        base = path if folder else os.path.dirname(path)
        return digest_members(base, _members(path), progress)
    if formats.container(path) is not Format.SAFETENSORS:
        return digest_file(path, None, progress)
    from hubman.formats import safetensors

    try:
        metadata, offset = safetensors.read(path).metadata, safetensors.data_offset(path)
    except IntegrityError:
        return digest_file(path, None, progress)
    written = next((metadata[key] for key in WRITTEN_KEYS if metadata.get(key)), None)
    return with_written(digest_file(path, offset, progress), written)


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

    def __init__(self, store: Store, step: Progress, stop: Callable[[], bool]) -> None:
        """Take `step`, which is told the bytes of every step, and `stop`, which is asked at every step."""
        self._store, self._step, self._stop = store, step, stop
        self._batch: list[tuple[Unhashed, Hashes]] = []
        self._since = time.monotonic()
        self.failures: list[tuple[str, Failure]] = []
        self.done = 0

    def run(self, waiting: Iterable[Unhashed]) -> None:
        """Hash everything that waits, or until `stop` says so."""
        try:
            for place in waiting:
                if place.size > SLOW:
                    self._flush()
                self._hash(place)
                if len(self._batch) >= BATCH or time.monotonic() - self._since > BATCH_SECONDS:
                    self._flush()
        except StoppedError:
            return
        finally:
            self._flush()

    def _hash(self, place: Unhashed) -> None:
        self._tick(0)
        path = os.path.join(place.root, place.relpath)
        try:
            self._batch.append((place, hash_model(path, self._tick)))
        except ConflictError:
            return  # it changed under us: the next scan sees another mtime and comes back
        except (OSError, HubmanError) as error:
            if not has_vanished(path):
                self.failures.append((path, failure_of(error)))

    def _tick(self, amount: int) -> None:
        if self._stop():
            raise StoppedError
        self._step(amount)

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        self._since = time.monotonic()
        if batch:
            with self._store.writer() as writer:
                writer.record_hashes(batch)
            self.done += len(batch)
