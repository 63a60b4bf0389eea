"""Random file operations by a machine that remembers what it did: after a sync the rows are what is on the disk.

Two roots, real files, a real database. What the user said of a content is found at every place that has it, whatever
was renamed, overwritten, copied, linked or deleted in between, with and without a sync.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions
from hubman.core.library import ModelFile, SidecarPolicy, UserData
from hubman.core.query import parse_query
from hubman.disk.walk import Walk
from hubman.store.door import open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes

ROOTS = ("one", "two")
FOLDERS = ("", "style", "style/deep", "角色")
NAMES = ("a.safetensors", "b.safetensors", "水墨.safetensors", "A.ckpt")
places = st.tuples(st.sampled_from(ROOTS), st.sampled_from(FOLDERS), st.sampled_from(NAMES))
pick = st.integers(0, 10**6)


class Files(RuleBasedStateMachine):
    """Every rule is something that a person, a script or a downloader does to a folder of models."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="hubman-any-"))
        self.store = open_store(self.base / "home/library.db", self.base / "home/backups")
        self.contents = itertools.count(1)
        self.notes: dict[str, str] = {}
        self.clean = False

    @initialize()
    def begin(self) -> None:
        for root in ROOTS:
            (self.base / root).mkdir()
            add_root(self.store, str(self.base / root), None, SidecarPolicy.OFF)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.base)

    def path(self, place: tuple[str, str, str]) -> Path:
        path = self.base.joinpath(*place)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.clean = False
        return path

    def files(self) -> list[Path]:
        return sorted(path for root in ROOTS for path in (self.base / root).rglob("*") if path.is_file())

    def one(self, number: int) -> Path:
        found = self.files()
        self.clean = False
        return found[number % len(found)]

    # --- what happens to files -----------------------------------------------------------------------------------

    @rule(place=places, rank=st.sampled_from([4, 8]))
    def write(self, place: tuple[str, str, str], rank: int) -> None:
        """A new file, or other content in place of an old one, with the same inode."""
        number = next(self.contents)
        self.path(place).write_bytes(lora_bytes(fill=number % 256, rank=rank, metadata={"number": str(number)}))

    @rule(place=places)
    def write_and_rename(self, place: tuple[str, str, str]) -> None:
        """How a downloader replaces a file: another inode under the same name."""
        part = self.path((place[0], place[1], "x.part"))
        number = next(self.contents)
        part.write_bytes(lora_bytes(fill=number % 256, metadata={"number": str(number)}))
        os.replace(part, self.path(place))

    @precondition(lambda self: self.files())
    @rule(number=pick, place=places)
    def move(self, number: int, place: tuple[str, str, str]) -> None:
        os.replace(self.one(number), self.path(place))

    @precondition(lambda self: self.files())
    @rule(first=pick, second=pick)
    def swap(self, first: int, second: int) -> None:
        one, other = self.one(first), self.one(second)
        if one != other:
            aside = self.base / "aside"
            os.rename(one, aside)
            os.rename(other, one)
            os.rename(aside, other)

    @precondition(lambda self: self.files())
    @rule(number=pick, place=places, keep_time=st.booleans())
    def copy(self, number: int, place: tuple[str, str, str], keep_time: bool) -> None:
        source, target = self.one(number), self.path(place)
        if source != target and not (target.exists() and target.samefile(source)):
            target.unlink(missing_ok=True)
            (shutil.copy2 if keep_time else shutil.copyfile)(source, target)

    @precondition(lambda self: self.files())
    @rule(number=pick, place=places)
    def link(self, number: int, place: tuple[str, str, str]) -> None:
        source, target = self.one(number), self.path(place)
        if not target.exists():
            os.link(source, target)

    @precondition(lambda self: self.files())
    @rule(number=pick)
    def delete(self, number: int) -> None:
        self.one(number).unlink()

    @rule(root=st.sampled_from(ROOTS), other=st.sampled_from(ROOTS), name=st.sampled_from(("style", "moved")))
    def rename_folder(self, root: str, other: str, name: str) -> None:
        source, target = self.base / root / "style", self.base / other / name
        if source.is_dir() and not target.exists():
            self.clean = False
            os.rename(source, target)

    # --- what hubman and its user do -----------------------------------------------------------------------------

    @rule(hash_mode=st.sampled_from(["auto", "auto", "none"]), root=st.sampled_from([None, *ROOTS]))
    def sync(self, hash_mode: str, root: str | None) -> None:
        """A scan of everything, or of one root only."""
        with open_reader(self.store.path) as reader:
            known = [entry for entry in reader.roots() if root is None or entry.path.endswith(root)]
        report = Sync(self.store, SyncOptions(hash_mode=hash_mode, accept_missing=True)).run(known)
        assert report.errors == []
        assert min(report.added, report.modified, report.moved, report.removed) >= 0
        self.clean = root is None

    @precondition(lambda self: self.clean)
    @rule(number=pick)
    def note(self, number: int) -> None:
        """Say something of a content that is known by its hash."""
        hashed = [file for file in self.rows() if file.hashes]
        if hashed:
            file = hashed[number % len(hashed)]
            text = f"note {number}"
            with self.store.writer() as writer:
                writer.subjects.set_data(file.subject, UserData(text))
            self.notes[file.subject] = text

    # --- what must hold ------------------------------------------------------------------------------------------

    def rows(self) -> list[ModelFile]:
        with open_reader(self.store.path) as reader:
            return reader.search(parse_query("", 0))[1]

    @invariant()
    def rows_are_what_is_there(self) -> None:
        """After a sync of everything: the same places, right hashes, and every note at every place of its content."""
        if not self.clean:
            return
        rows = self.rows()
        walked = {(str(self.base / root), seen.relpath) for root in ROOTS for seen in Walk(str(self.base / root))}
        assert {(row.root, row.relpath) for row in rows} == walked
        for row in rows:
            sha256 = hashlib.sha256(Path(row.path).read_bytes()).hexdigest()
            if row.hashes:
                assert row.hashes.sha256 == sha256
                assert row.user.note == self.notes.get(sha256, "")
        assert len({row.id for row in rows if not row.hashes}) == sum(row.hashes is None for row in rows)

    @invariant()
    def nothing_said_is_lost(self) -> None:
        """Every note is in the database, whether its content is in some file now or not."""
        with self.store.writer() as writer:
            assert {subject: writer.subjects.data(subject).note for subject in self.notes} == self.notes


TestFiles = Files.TestCase
TestFiles.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
