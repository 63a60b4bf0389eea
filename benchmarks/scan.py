"""The scan: a first one and one of an unchanged library, against `os.scandir` + stat of the same tree."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.library import indexed
from hubman.app.sync import Sync, SyncOptions
from hubman.store.door import open_store
from hubman.store.reader import open_reader

FILES = 2000


def variants(folder: Path) -> dict[str, Callable[[], object]]:
    """The floor walks and stats and does nothing else."""
    store, models = indexed(folder, FILES)
    numbers = itertools.count()

    def walk() -> int:
        stack, seen = [str(models)], 0
        while stack:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir():
                        stack.append(entry.path)
                    else:
                        entry.stat()
                        seen += 1
        return seen

    def rescan() -> None:
        with open_reader(store.path) as reader:
            roots = reader.roots()
        report = Sync(store, SyncOptions(hash_mode="none")).run(roots)
        assert (report.seen, report.changed) == (FILES, False)

    def first() -> None:
        fresh = open_store(folder / f"fresh{next(numbers)}.db", folder / "backups")
        from hubman.app.roots import add_root
        from hubman.core.library import SidecarPolicy

        root = add_root(fresh, str(models), None, SidecarPolicy.OFF)
        report = Sync(fresh, SyncOptions(hash_mode="none")).run([root])
        assert report.identified == FILES
        fresh.close()

    return {
        f"scandir + stat of {FILES:,} files": walk,
        "rescan, nothing changed": rescan,
        "first scan: headers, facts, trigger words, index": first,
    }
