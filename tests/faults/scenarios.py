"""What hubman is doing when it is killed: tests/faults/harness.py says how to add one."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from hubman.cli import run
from hubman.store.revision import SCHEMA_HEAD
from tests.conftest import lora_bytes
from tests.faults.harness import Place, Scenario
from tests.store.old_library import TABLES, counts, make_old, revision
from tests.store.spoken import said, speak

FILES = 16
"""Small, so that the moments of a kill fall into the work and not beside it."""


def put(models: Path, names: Sequence[str]) -> None:
    """Write LoRAs of different content."""
    (models / "Lora").mkdir(exist_ok=True)
    for name in names:
        (models / "Lora" / f"{name}.safetensors").write_bytes(lora_bytes(fill=sum(name.encode()) % 251))


def hubman(place: Place, *arguments: str) -> None:
    """Run a command that has to succeed, while a template is made."""
    os.environ["HUBMAN_HOME"] = str(place.home)
    code = run(list(arguments))
    if code:
        raise RuntimeError(f"hubman {' '.join(arguments)}: {code}")


def spoken(place: Place) -> None:
    """Make a library in which the user said something of seven files."""
    put(place.models, [*(f"m{number}" for number in range(6)), "unhashed"])
    os.environ["HUBMAN_HOME"] = str(place.home)
    speak(place.home, place.models)


def index_is_not_the_walk(place: Place, *, hashed: bool) -> Iterator[str]:
    """Yield where the index differs from what lies in the models folder."""
    there = {path.relative_to(place.models).as_posix() for path in place.models.rglob("*.safetensors")}
    with closing(sqlite3.connect(place.database)) as connection:
        rows = connection.execute("SELECT relpath, sha256, facts_version FROM file WHERE present = 1").fetchall()
    listed = {row[0] for row in rows}
    if listed != there or len(rows) != len(there):
        yield f"listed but not there {sorted(listed - there)}, there but not listed {sorted(there - listed)}"
    if any(not row[2] for row in rows):
        yield "files were not read"
    if hashed and any(row[1] is None for row in rows):
        yield "files were not hashed"


class Syncing(Scenario):
    """New files are listed, identified and hashed; what the user said stays."""

    name = "sync"

    def prepare(self, place: Place) -> None:
        spoken(place)
        hubman(place, "sync")
        put(place.models, [f"new{number}" for number in range(FILES)])
        self.before = said(place.database)

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["sync", "--json"]]

    def check(self, place: Place, acknowledged: int) -> Iterator[str]:
        if said(place.database) != self.before:
            yield "what the user said changed"
        with closing(sqlite3.connect(place.database)) as connection:
            (old,) = connection.execute("SELECT count(*) FROM file WHERE name LIKE 'm_' AND sha256 > ''").fetchone()
        if old != 6:
            yield f"{6 - old} files that were known are not known any more"

    def check_after(self, place: Place) -> Iterator[str]:
        yield from index_is_not_the_walk(place, hashed=True)
        yield from self.check(place, 0)


class Hashing(Syncing):
    """Only hashes are missing."""

    name = "hash"

    def prepare(self, place: Place) -> None:
        super().prepare(place)
        hubman(place, "sync", "--hash", "none")

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["sync", "--hash", "all", "--json"]]


class Migrating(Scenario):
    """A library of schema 0001 is brought to this program's."""

    name = "migrate"

    def prepare(self, place: Place) -> None:
        make_old(place.database, files=12)
        self.before = counts(place.database)

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["sync", "--json"]]

    def check(self, place: Place, acknowledged: int) -> Iterator[str]:
        if revision(place.database) not in ("0001", SCHEMA_HEAD):
            yield "neither the old nor the new schema"
        now = counts(place.database)
        lost = [table for table in TABLES if now[table] != self.before[table]]
        if lost:
            yield f"rows changed in {lost}"

    def check_after(self, place: Place) -> Iterator[str]:
        if revision(place.database) == "0001":
            yield "still the old schema"
        yield from self.check(place, 0)


class Typing(Scenario):
    """The user types words; each command that returned was kept."""

    name = "words"
    words = 8

    def prepare(self, place: Place) -> None:
        put(place.models, ["m"])
        hubman(place, "sync", str(place.models))

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["triggers", "m", "--add", f"typed{number}"] for number in range(1, self.words + 1)]

    def check(self, place: Place, acknowledged: int) -> Iterator[str]:
        with closing(sqlite3.connect(place.database)) as connection:
            kept = [row[0] for row in connection.execute("SELECT text FROM user_words ORDER BY rank")]
        wanted = [f"typed{number}" for number in range(1, acknowledged + 1)]
        if kept[:acknowledged] != wanted or len(kept) > acknowledged + 1:
            yield f"acknowledged {wanted}, kept {kept}"


class BackingUp(Scenario):
    """A backup is whole or not there."""

    name = "backup"

    def prepare(self, place: Place) -> None:
        spoken(place)
        self.before = said(place.database)

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["db", "backup", str(place.folder / f"copy{number}.db")] for number in range(3)]

    def again(self, place: Place) -> Sequence[Sequence[str]]:
        return [["db", "backup", str(place.folder / "last.db")]]

    def check(self, place: Place, acknowledged: int) -> Iterator[str]:
        copies = sorted(place.folder.glob("*.db"))
        if len(copies) < acknowledged:
            yield f"{acknowledged} backups were acknowledged, {len(copies)} are there"
        yield from (f"{copy.name} is not whole" for copy in copies if said(copy) != self.before)

    def check_after(self, place: Place) -> Iterator[str]:
        yield from self.check(place, 1)


class Rebuilding(Scenario):
    """A damaged library is set aside and made anew; whenever that is cut off, nothing that was typed is lost."""

    name = "rebuild"
    begins_damaged = True

    def prepare(self, place: Place) -> None:
        spoken(place)
        for backup in (place.home / "backups").iterdir():
            backup.unlink()  # of before anything was said: it is another day
        hubman(place, "sync", "--hash", "none")
        self.before = said(place.database)
        self.broken = random.Random(4).randbytes(3 * 4096)
        with open(place.database, "r+b") as file:
            file.write(self.broken)

    def commands(self, place: Place) -> Sequence[Sequence[str]]:
        return [["sync", "--hash", "none", "--json"]]

    def check(self, place: Place, acknowledged: int) -> Iterator[str]:
        old = [path for path in place.home.glob("library.db*") if path.read_bytes()[: len(self.broken)] == self.broken]
        if not [path for path in old if not path.name.endswith(".copy")]:
            yield "the damaged file is gone"

    def check_after(self, place: Place) -> Iterator[str]:
        yield from self.check(place, 0)
        if said(place.database) != self.before:
            yield "what the user said was not saved"
        yield from index_is_not_the_walk(place, hashed=False)


SCENARIOS: tuple[Scenario, ...] = (Syncing(), Hashing(), Migrating(), Typing(), BackingUp(), Rebuilding())
