"""The write door, opened lazily: SQLAlchemy is imported at the first write, not when a library is opened.

A `sync` that finds nothing new reads by the standard library alone (docs/design/architecture.md section 7, rule 5).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hubman.store.migrate import stored_revision, unusable
from hubman.store.revision import SCHEMA_HEAD

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from hubman.store.writer import Writer

_ONE_AT_A_TIME = threading.Lock()


class Store:
    """An open library. Create with `open_store`; close when done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine: Engine | None = None

    def close(self) -> None:
        """Give the connections back."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Open the one write transaction of this process.

        Raises:
            StoreError: `store-locked`, another hubman held the library for 30 s; `store-full`; `store-damaged`.
        """
        from hubman.store.writer import connect, transaction

        with _ONE_AT_A_TIME:
            if self._engine is None:
                self._engine = connect(self.path)
            with transaction(self._engine, self.path) as writer:
                yield writer


def open_store(path: Path, backups: Path) -> Store:
    """Open or create the library at `path` and bring its schema up to date."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(path, error) from error
    if stored_revision(path) != SCHEMA_HEAD:
        from hubman.store.writer import upgrade

        upgrade(path, backups)
    return Store(path)
