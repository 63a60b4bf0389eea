"""The write door, opened lazily: SQLAlchemy is imported at the first write, not when a library is opened.

A `sync` that finds nothing new reads by the standard library alone (docs/design/architecture.md section 7, rule 5).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hubman.store import network
from hubman.store.lock import WAIT_S, Lock, holding, use_lock, write_lock
from hubman.store.migrate import stored_revision
from hubman.store.refusals import damaged, in_use, locked, refused
from hubman.store.replace import finish_replacing, lost_content, was_interrupted
from hubman.store.revision import SCHEMA_HEAD
from hubman.store.wal import wal_is_damaged

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hubman.store.writer import Writer

_ONE_AT_A_TIME = threading.Lock()


class Store:
    """An open library. Create with `open_store`; close when done."""

    def __init__(self, path: Path, journal: str, use: Lock) -> None:
        self.path = path
        self._journal, self._use = journal, use
        self._engine: Engine | None = None
        self._opened: tuple[int, int] | None = None

    def close(self) -> None:
        """Give the connections back."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        self._use.release()

    @contextmanager
    def writer(self, *, durable: bool = False) -> Iterator[Writer]:
        """Open the one write transaction of this process; other processes wait for it, up to 30 s.

        `durable`: what is written is on the disk when this returns, even if the power fails a moment later. For what
        the user typed; the index can be read again.

        Raises:
            StoreError: `store-locked`, another hubman held the library for 30 s; `store-full`; `store-read-only`;
                `store-damaged`; `store-unusable`, the file was taken away.
        """
        from hubman.store.engine import checkpoint, transaction

        with _ONE_AT_A_TIME, self._alone():
            engine = self._connected()
            with transaction(engine, self.path, durable=durable) as writer:
                yield writer
            checkpoint(engine, self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = write_lock(self.path)
        try:
            taken = lock.take(WAIT_S)
        except OSError as error:
            raise refused(self.path, error) from error
        if not taken:
            raise locked(self.path)
        try:
            yield
        finally:
            lock.release()

    def _connected(self) -> Engine:
        """Return connections to the file that has the library's name now: somebody may have put another one there."""
        from hubman.store.engine import connect

        try:
            status = os.stat(self.path)
        except OSError as error:
            raise refused(self.path, error) from error
        if self._engine is not None and self._opened != (status.st_dev, status.st_ino):
            self._engine.dispose()
            self._engine = None
        if self._engine is None:
            self._engine = connect(self.path, self._journal)
            self._opened = (status.st_dev, status.st_ino)
        return self._engine


def open_store(path: Path, backups: Path, *, allow_network: bool = False) -> Store:
    """Open or create the library at `path` and bring its schema up to date.

    Args:
        allow_network: use a rollback journal where the home folder lies on a network file system, instead of refusing.

    Raises:
        StoreError: `store-network`, `store-damaged`, `store-newer`, `store-locked`, `store-full`, `store-unusable` ...
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = network.journal_for(path, allowed=allow_network)
        if was_interrupted(path):
            with holding(use_lock(path), WAIT_S, in_use(path)):
                finish_replacing(path)
        if lost_content(path, backups):
            raise damaged(path, "the file is empty")
        if wal_is_damaged(path):
            raise damaged(path, "the write-ahead log is not one")
        if stored_revision(path) != SCHEMA_HEAD:
            with holding(use_lock(path), WAIT_S, locked(path)):
                _upgrade(path, backups, journal)
        return Store(path, journal, _shared(path))
    except OSError as error:
        raise refused(path, error) from error


def _upgrade(path: Path, backups: Path, journal: str) -> None:
    """Migrate, alone; who waited meanwhile finds it done."""
    if stored_revision(path) != SCHEMA_HEAD:
        from hubman.store.migrate import upgrade

        upgrade(path, backups, journal)


def _shared(path: Path) -> Lock:
    use = use_lock(path)
    if not use.take(WAIT_S, shared=True):
        raise locked(path)
    return use
