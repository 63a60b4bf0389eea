"""store: migration, the two doors, locks, full disks."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
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
from hubman.store.door import open_store
from hubman.store.reader import open_reader
from hubman.store.revision import SCHEMA_HEAD


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


def test_a_full_disk_is_a_clear_error_and_loses_no_row(small_disk: Callable[[str], Path]) -> None:
    """Exit code 9, the committed rows are all there, and the library can be read."""
    small = small_disk("1m")
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


def test_foreign_keys_are_off_while_migrating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch rebuild with them on empties child tables silently; inside a transaction the pragma is ignored."""
    from alembic import command

    seen: list[int] = []
    real = command.upgrade

    def spy(config: object, revision: str) -> None:
        connection = config.attributes["connection"]  # type: ignore[attr-defined]
        seen.append(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())
        real(config, revision)  # type: ignore[arg-type]

    monkeypatch.setattr(command, "upgrade", spy)
    store = open_store(tmp_path / "library.db", tmp_path / "backups")
    assert seen == [0]
    with store.writer() as writer:
        assert writer._connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a#b", "水墨 库"])
def test_any_home_folder_works(tmp_path: Path, name: str) -> None:
    """Reading and writing open the same file, whatever the folder is called."""
    path = tmp_path / name / "library.db"
    store = open_store(path, path.parent / "backups")
    with store.writer() as writer:
        writer.add_root("/models", Layout.WEBUI, SidecarPolicy.OFF, None)
    store.close()
    with open_reader(path) as reader:
        assert len(reader.roots()) == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [name]


def test_a_foreign_database_is_named_not_taken_for_an_empty_library(tmp_path: Path) -> None:
    """Its tables are not ours, and nothing is written into it."""
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE root (x)")
        connection.commit()
    before = path.read_bytes()
    for attempt in (lambda: open_store(path, tmp_path), lambda: open_reader(path).__enter__()):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert caught.value.reference == "store-foreign"
    assert path.read_bytes() == before


def test_a_database_that_is_a_folder_is_no_missing_library(tmp_path: Path) -> None:
    """An unusable file must not read as "there is no library yet"."""
    (tmp_path / "library.db").mkdir()
    with pytest.raises(StoreError) as caught:
        open_reader(tmp_path / "library.db").__enter__()
    assert caught.value.reference == "store-unusable"


@pytest.mark.skipif(os.name != "posix", reason="POSIX names")
def test_names_that_are_no_utf8_come_back_byte_for_byte(tmp_path: Path) -> None:
    """And any other lone surrogate does not stop a batch."""
    from hubman.core.library import Reading
    from hubman.core.types import Facts, Kind, Safety, Sidecar
    from hubman.store.text import pack, unpack

    name = os.fsdecode(b"Lora/caf\xe9\xff.safetensors")
    store = open_store(tmp_path / "library.db", tmp_path / "backups")
    with store.writer() as writer:
        writer.add_root(os.fsdecode(b"/mod\xe9ls"), Layout.WEBUI, SidecarPolicy.OFF, None)
        writer.apply_added(1, "/models", [Seen(name, 1, 1, 1)])
        sidecar = Sidecar(description="broken \ud800 text")
        reading = Reading("safetensors", Safety.SAFE, "", Facts(Kind.LORA), (), sidecar)
        writer.record_readings([(1, "caf", reading)])
    with open_reader(store.path) as reader:
        (file,) = reader.resolve(name)
        assert os.fsencode(file.relpath) == b"Lora/caf\xe9\xff.safetensors"
        assert os.fsencode(file.root) == b"/mod\xe9ls"
    store.close()
    assert unpack(pack(name)) == name
