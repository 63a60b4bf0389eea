"""`hubman rm`, `trash`, `undo`, `forget` on real files."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman import config
from hubman.app.trash import purge
from hubman.store.door import open_store
from tests.conftest import lora_bytes
from tests.files.conftest import names, tree

Put = Callable[..., Path]


def trash_of(root: Path) -> Path:
    """Return the one entry of a trash."""
    (entry,) = (root / ".hubman-trash").iterdir()
    return entry


def test_rm_and_back(library: Path, ok: Any, unchanged: Any) -> None:
    """All of it goes under names that nothing lists, and comes back as it was."""
    before = tree(library)
    ok("triggers", "ink", "--set", "shuimo")
    answer = ok("rm", "ink", "-y")
    assert names(library / "Lora") == {"other.safetensors"}
    assert answer["models"][0]["last"]
    inside = names(trash_of(library))
    assert len(inside) == 6
    assert all(name.endswith(".trashed") for name in inside - {"manifest.json"})
    unchanged()
    assert ok("ls", "ink")["total"] == 0
    (entry,) = ok("trash", "ls")["trash"]
    assert entry["models"][0]["path"] == str(library / "Lora/ink.safetensors")
    ok("trash", "restore", "ink")
    assert tree(library) == before
    assert not (library / ".hubman-trash").exists()
    unchanged()
    assert ok("ls", "ink")["models"][0]["triggers"][0] == "shuimo"


def test_nobody_to_ask(library: Path, call: Any, ok: Any) -> None:
    """Without a terminal and without -y nothing is done; -n says what would be."""
    before = tree(library)
    code, _, err = call("rm", "ink")
    assert (code, "-y" in err) == (2, True)
    assert ok("rm", "ink", "-n")["dry_run"]
    assert tree(library) == before


@pytest.mark.parametrize(
    "command",
    [
        ("rm", "ink"),
        ("trash", "empty"),
        ("forget", "ink"),
        ("mv", "--to-its-place"),
        ("tag", "--query", "ink", "--add", "x"),
    ],
)
def test_nobody_is_asked_who_does_not_want_to_be(
    library: Path, call: Any, ok: Any, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """--no-input: on a terminal, too, nothing is done, and what to say instead is said."""

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    (library / "VAE/ink2.safetensors").write_bytes(lora_bytes(3))
    ok("sync")
    ok("rm", "other", "-y")
    before, keyboard = tree(library), Keyboard("y\n" * 9)
    monkeypatch.setattr("sys.stdin", keyboard)
    code, _, err = call(*command, "--no-input")
    assert (code, "-y" in err, keyboard.tell(), tree(library) == before) == (2, True, 0, True), err
    assert call(*command)[0] == 0
    assert keyboard.tell() > 0


def test_undo_redo_undo(library: Path, ok: Any, call: Any, unchanged: Any) -> None:
    """The entry of an undo is undone by doing it again."""
    before = tree(library)
    ok("rm", "ink", "-y")
    ok("undo")
    assert tree(library) == before
    first = ok("undo", "--list")["entries"]
    assert [(entry["verb"], entry["state"]) for entry in first] == [("undo", "done"), ("rm", "undone")]
    assert call("undo")[0] == 3
    ok("undo", str(first[0]["id"]))
    assert names(library / "Lora") == {"other.safetensors"}
    unchanged()
    ok("undo")
    assert tree(library) == before
    unchanged()


def test_what_is_in_the_way_is_named_and_nothing_changes(library: Path, ok: Any, call: Any) -> None:
    """The old place is taken; the trash was emptied; the file is not where it was put."""
    ok("rm", "ink", "-y")
    (library / "Lora/ink.json").write_text("new")
    before = tree(library)
    for command in (("undo",), ("trash", "restore", "ink")):
        code, _, err = call(*command)
        assert (code, "ink.json" in err) == (8, True)
        assert tree(library) == before
    ok("trash", "restore", "ink", "--to", "VAE")
    assert "ink.safetensors" in names(library / "VAE")
    assert (library / "Lora/ink.json").read_text() == "new"
    ok("mv", "ink", "wash")
    (library / "VAE/wash.safetensors").unlink()
    code, _, err = call("undo")
    assert (code, "not there" in err) == (8, True)


def test_restore_under_another_name(library: Path, ok: Any, put: Put, unchanged: Any) -> None:
    """Also when another file has the old one."""
    ok("rm", "ink", "-y")
    put("Lora/ink.safetensors", fill=4)
    ok("sync")
    ok("trash", "restore", "ink", "--to", "old ink")
    assert {"old ink.safetensors", "old ink.json", "ink.safetensors"} <= names(library / "Lora")
    assert ok("sync")["hashed"] == 1  # its row has the new file, so that this is a new one
    unchanged()


def test_restore_without_the_library(library: Path, isolated: Path, ok: Any, unchanged: Any) -> None:
    """The manifest suffices when the database is lost, also where the root has another path now."""
    before = tree(library)
    ok("rm", "ink", "-y")
    shutil.rmtree(isolated)
    isolated.mkdir()
    moved = library.rename(library.parent / "elsewhere")
    ok("sync", str(moved))
    ok("trash", "restore", "ink")
    assert tree(moved) == before
    assert ok("sync")["hashed"] == 1  # no row is known of it
    unchanged()


def test_a_manifest_cannot_lead_out_of_its_root(library: Path, ok: Any, call: Any, tmp_path: Path) -> None:
    """It is a file that anybody may have edited."""
    ok("rm", "ink", "-y")
    manifest = trash_of(library) / "manifest.json"
    record = json.loads(manifest.read_text())
    for evil in ("../../evil.safetensors", str(tmp_path / "evil.safetensors")):
        record["items"][0]["from"] = evil
        manifest.write_text(json.dumps(record))
        assert call("trash", "restore", "ink")[0] == 3
    manifest.write_text("[1")
    assert ok("trash", "ls")["trash"] == []
    assert not (tmp_path / "evil.safetensors").exists()


def test_copies_and_the_last_one(library: Path, ok: Any, call: Any) -> None:
    """Which of several places is asked; --all-places takes all; the last copy is named as such."""
    (library / "Lora/copy.safetensors").write_bytes((library / "Lora/other.safetensors").read_bytes())
    ok("sync")
    sha = ok("show", "copy")["model"]["id"]
    assert call("rm", sha, "-y")[0] == 8
    assert not ok("rm", str(library / "Lora/copy.safetensors"), "-n")["models"][0]["last"]
    answer = ok("rm", sha, "--all-places", "-y")
    assert [model["last"] for model in answer["models"]] == [True, True]
    assert not (library / "Lora/other.safetensors").exists()
    ok("undo")
    assert {"other.safetensors", "copy.safetensors"} <= names(library / "Lora")


def test_a_model_folder_and_long_names(library: Path, ok: Any, unchanged: Any, put: Put) -> None:
    """Nothing in the trash looks like a model; a name of 255 bytes is cut there and whole again afterwards."""
    folder = library / "Lora/peft"
    (folder / "empty").mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(lora_bytes(fill=3))
    (folder / "link").symlink_to("adapter_config.json")
    long = "水" * 81
    put(f"Lora/{long}.safetensors", fill=5)
    ok("sync")
    before = tree(library)
    ok("rm", "peft", long, "-y")
    assert not folder.exists()
    hidden = [path for path in (library / ".hubman-trash").rglob("*") if path.is_file()]
    assert all(path.name == "manifest.json" or path.name.endswith(".trashed") for path in hidden)
    ok("undo")
    assert tree(library) == before
    assert (folder / "empty").is_dir()
    assert os.readlink(folder / "link") == "adapter_config.json"
    unchanged()


def test_the_trash_is_on_the_files_own_disk(library: Path, ok: Any, unchanged: Any, put: Put, tmp_path: Path,
                                            small_disk: Callable[[str], Path]) -> None:  # fmt: skip
    """A drive linked to inside a root has its own, so that nothing is copied."""
    disk = small_disk("2m")
    (library / "Lora/disk").symlink_to(disk)
    (disk / "far.safetensors").write_bytes(lora_bytes(fill=6))
    ok("sync")
    number = (disk / "far.safetensors").stat().st_ino
    ok("rm", "far", "-y")
    assert names(disk) == {".hubman-trash"}
    assert [entry["models"][0]["name"] for entry in ok("trash", "ls")["trash"]] == ["far"]
    ok("undo")
    assert (disk / "far.safetensors").stat().st_ino == number
    unchanged()


def test_empty(library: Path, ok: Any, call: Any, put: Put) -> None:
    """Only what is old, only what is named, or all of it; then undo says that it is gone."""
    ok("rm", "ink", "-y")
    ok("rm", "other", "-y")
    assert ok("trash", "empty", "--older-than", "30d", "-y")["deleted"] == []
    assert call("trash", "empty")[0] == 2
    assert call("trash", "empty", "--older-than", "soon")[0] == 2
    assert len(ok("trash", "empty", "-n")["deleted"]) == 2
    assert len(ok("trash", "empty", "other", "-y")["deleted"]) == 1
    assert len(ok("trash", "ls")["trash"]) == 1
    assert len(ok("trash", "empty", "-y")["deleted"]) == 1
    assert not (library / ".hubman-trash").exists()
    code, _, err = call("undo")
    assert (code, "for good" in err) == (8, True)
    rm = next(entry for entry in ok("undo", "--list")["entries"] if entry["verb"] == "rm")
    assert call("undo", str(rm["id"]))[0] == 8


def test_purge_takes_what_is_older_than_the_days(library: Path, isolated: Path, ok: Any) -> None:
    """Never with 0; nothing younger; and what a wrong clock dated into the future stays."""
    ok("rm", "ink", "-y")
    store = open_store(isolated / "library.db", isolated / "backups")
    day, now = 86_400 * 10**9, time.time_ns()
    try:
        assert purge(store, 30, now + 29 * day) == 0
        assert purge(store, 0, now + 900 * day) == 0
        assert purge(store, 30, now - 900 * day) == 0
        assert len(ok("trash", "ls")["trash"]) == 1
        assert purge(store, 30, now + 31 * day) == 1
    finally:
        store.close()
    assert ok("trash", "ls")["trash"] == []


@pytest.mark.parametrize("value", ["-1", '"x"', "true", "1.5"])
def test_trash_days_has_to_be_a_number(isolated: Path, call: Any, value: str) -> None:
    """A typo must not delete anything."""
    (isolated / "config.toml").write_text(f"trash_days = {value}\n")
    code, _, err = call("ls")
    assert (code, "trash_days" in err) == (2, True)


def test_trash_days_from_the_configuration(isolated: Path) -> None:
    """Thirty, unless it says so."""
    assert config.load({}, home=str(isolated)).trash_days == 30
    (isolated / "config.toml").write_text("trash_days = 0\n")
    assert config.load({}, home=str(isolated)).trash_days == 0


def test_forget(library: Path, ok: Any, call: Any) -> None:
    """The row goes, the file and what was typed stay; undo says what to do."""
    ok("triggers", "ink", "--set", "shuimo")
    data = (library / "Lora/ink.safetensors").read_bytes()
    (library / "Lora/ink.safetensors").unlink()
    ok("sync")
    assert ok("ls", "is:missing")["total"] == 1
    assert call("forget", "ink")[0] == 2
    ok("forget", "ink", "-n")
    assert ok("ls", "is:missing")["total"] == 1
    ok("forget", "ink", "-y")
    assert ok("ls", "is:missing")["total"] == 0
    assert call("undo")[0] == 8
    (library / "Lora/again.safetensors").write_bytes(data)
    ok("sync")
    assert ok("triggers", "again")["models"][0]["triggers"][0]["text"] == "shuimo"
    ok("forget", "other", "-y")
    assert (library / "Lora/other.safetensors").exists()
