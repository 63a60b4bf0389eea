"""store: migration, the two doors, locks, full disks."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from hubman.core.library import Layout, RootState, Seen, SidecarPolicy
from hubman.errors import StoreError
from hubman.paths import migrations
from hubman.store import schema
from hubman.store.reader import open_reader
from hubman.store.revision import SCHEMA_HEAD
from hubman.store.writer import open_store


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    """What Alembic builds is what store/schema.py says; the search index is the only extra."""
    store = open_store(tmp_path / "library.db", tmp_path / "backups")
    store.close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'library.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            change for change in compare_metadata(context, schema.metadata)
            if not (change[0] == "remove_table" and change[1].name.startswith("search_fts"))
        ]  # fmt: skip
    engine.dispose()
    assert differences == []


def test_head_is_the_newest_revision() -> None:
    """The constant that reading relies on follows the files."""
    newest = max(path.name.split("_")[0] for path in (migrations() / "versions").glob("[0-9]*.py"))
    assert newest == SCHEMA_HEAD


def test_migrations_never_import_hubman() -> None:
    """A migration must mean the same in ten years."""
    for path in migrations().rglob("*.py"):
        assert "import hubman" not in path.read_text()
        assert "from hubman" not in path.read_text()


def test_a_failed_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wholly or not at all: the driver's default mode would leave half the tables."""
    from alembic import op

    calls = 0
    real = op.create_index

    def fail_late(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise RuntimeError("on purpose")
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(op, "create_index", fail_late)
    with pytest.raises(RuntimeError):
        open_store(tmp_path / "library.db", tmp_path / "backups")
    with closing(sqlite3.connect(tmp_path / "library.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    monkeypatch.undo()
    open_store(tmp_path / "library.db", tmp_path / "backups").close()


def test_a_write_that_raises_is_rolled_back(tmp_path: Path) -> None:
    """Nothing of a failed transaction stays."""
    store = open_store(tmp_path / "library.db", tmp_path / "backups")
    with pytest.raises(ValueError, match="on purpose"), store.writer() as writer:
        writer.add_root("/models", Layout.WEBUI, SidecarPolicy.OFF, None)
        raise ValueError("on purpose")
    with open_reader(store.path) as reader:
        assert reader.roots() == []
    store.close()


def test_read_then_write_from_many_threads_never_locks(tmp_path: Path) -> None:
    """With a deferred BEGIN this fails four times in five."""
    stores = [open_store(tmp_path / "library.db", tmp_path / "backups") for _ in range(4)]
    with stores[0].writer() as writer:
        writer.add_root("/models", Layout.WEBUI, SidecarPolicy.OFF, None)
    failures: list[Exception] = []

    def work(index: int) -> None:
        try:
            for number in range(25):
                with stores[index].writer() as writer:
                    writer.set_root(1, RootState.OK, number)
                    writer.apply_added(1, "/models", [Seen(f"{index}/{number}.pt", 1, 1, 1)])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_reader(tmp_path / "library.db") as reader:
        assert reader.count() == 100
    for store in stores:
        store.close()


def test_readers_see_a_whole_state_while_somebody_writes(tmp_path: Path) -> None:
    """WAL: a read during an open write gives the state before it."""
    store = open_store(tmp_path / "library.db", tmp_path / "backups")
    with store.writer() as writer:
        writer.add_root("/models", Layout.WEBUI, SidecarPolicy.OFF, None)
        with open_reader(store.path) as reader:
            assert reader.roots() == []
    store.close()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root for a small file system")
def test_a_full_disk_is_a_clear_error_and_loses_no_row(tmp_path: Path) -> None:
    """Exit code 9, the committed rows are all there, and the library works again with space."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        store = open_store(small / "library.db", small / "backups")
        with store.writer() as writer:
            writer.add_root("/models", Layout.WEBUI, SidecarPolicy.OFF, None)
        written = 0
        with pytest.raises(StoreError) as caught:
            for batch in range(500):
                with store.writer() as writer:
                    entries = [Seen(f"{batch}/{'x' * 200}{n}.pt", 1, 1, 1) for n in range(20)]
                    writer.apply_added(1, "/models", entries)
                written += 20
        assert caught.value.reference == "store-full"
        assert caught.value.exit_code == 9
        store.close()
        with open_reader(small / "library.db") as reader:
            assert reader.count() == written > 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
