"""The scan, on real files and a real SQLite file: what changes, what moves, what is broken, what is unreachable."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hubman.app.roots import add_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.core.library import Layout, ModelFile, SidecarPolicy
from hubman.core.query import parse_query
from hubman.store.reader import open_reader
from hubman.store.writer import Store, open_store
from tests.conftest import lora_bytes

Put = Callable[..., Path]


@pytest.fixture
def store(isolated: Path) -> Iterator[Store]:
    opened = open_store(isolated / "library.db", isolated / "backups")
    yield opened
    opened.close()


def sync(store: Store, *roots: Path, folders: tuple[str, ...] = ("",), **options: object) -> SyncReport:
    for root in roots:
        add_root(store, str(root), None, SidecarPolicy.OFF)
    with open_reader(store.path) as reader:
        known = reader.roots()
    return Sync(store, SyncOptions(**options)).run(known, folders)  # type: ignore[arg-type]


def models(store: Store, query: str = "") -> list[ModelFile]:
    with open_reader(store.path) as reader:
        return reader.search(parse_query(query, 0))[1]


def test_a_first_sync_knows_name_kind_words_and_hashes(store: Store, webui: Path, put: Put) -> None:
    """After one run a file can be found, and its hashes are those of its bytes."""
    path = put("Lora/水墨山水_v2.safetensors", metadata={"modelspec.trigger_phrase": "shuimo"})
    report = sync(store, webui)
    assert (report.seen, report.added, report.identified, report.hashed, report.errors) == (1, 1, 1, 1, [])
    (file,) = models(store, "墨山")
    assert (file.name, file.kind, file.architecture) == ("水墨山水_v2", "lora", "sd1")
    assert [word.text for word in file.triggers] == ["shuimo"]
    assert file.hashes is not None
    assert file.hashes.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.id == file.hashes.sha256[:10]
    assert Path(file.path) == path
    with open_reader(store.path) as reader:
        assert reader.roots()[0].layout is Layout.WEBUI


def test_an_unchanged_library_is_rescanned_without_opening_a_file(
    store: Store, webui: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proof by audit hook: no path below the root is opened by the second run."""
    put("Lora/a.safetensors")
    (webui / "Lora/a.json").write_text('{"activation text": "x"}')
    sync(store, webui)
    opened: list[str] = []
    watching = True

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching and event == "open" and isinstance(args[0], str) and args[0].startswith(str(webui)):
            opened.append(args[0])

    sys.addaudithook(hook)
    report = sync(store, webui)
    watching = False
    assert opened == []
    assert (report.seen, report.changed) == (1, False)
    with builtins.open(webui / "Lora/a.safetensors", "rb"):
        pass  # the hook itself works: see the next assertion of the positive case below


def test_the_audit_hook_sees_a_changed_file(store: Store, webui: Path, put: Put) -> None:
    """The counterpart of the test above: a changed file is opened, so that one cannot pass emptily."""
    put("Lora/a.safetensors")
    sync(store, webui)
    put("Lora/a.safetensors", rank=8)
    opened: list[str] = []

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open" and isinstance(args[0], str) and args[0].startswith(str(webui)):
            opened.append(args[0])

    sys.addaudithook(hook)
    assert sync(store, webui).modified == 1
    assert opened


def test_a_rename_while_hubman_was_off_keeps_everything(store: Store, webui: Path, put: Put) -> None:
    """Same row, same id, hash not computed again; the old name is gone from searches."""
    path = put("Lora/old.safetensors")
    sync(store, webui)
    before = models(store)[0]
    (webui / "Lora/style").mkdir()
    path.rename(webui / "Lora/style/new.safetensors")
    report = sync(store, webui)
    assert (report.moved, report.added, report.removed, report.hashed) == (1, 0, 0, 0)
    (after,) = models(store)
    assert (after.file_id, after.id, after.name) == (before.file_id, before.id, "new")
    assert models(store, "old") == []
    assert [file.name for file in models(store, "new")] == ["new"]


def test_in_place_replacement_is_detected(store: Store, webui: Path, put: Put) -> None:
    """Other content under the same name and size is another model."""
    path = put("Lora/a.safetensors", fill=1)
    sync(store, webui)
    before = models(store)[0].id
    status = path.stat()
    path.unlink()
    path.write_bytes(lora_bytes(fill=2))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert sync(store, webui).modified == 1
    assert models(store)[0].id != before


def test_an_id_from_before_the_hash_keeps_resolving(store: Store, webui: Path, put: Put) -> None:
    """`@...` ids stay valid after the sha256 is known."""
    put("Lora/a.safetensors")
    sync(store, webui, hash_mode="none")
    alias = models(store)[0].id
    assert alias.startswith("@")
    sync(store, webui)
    with open_reader(store.path) as reader:
        (file,) = reader.resolve(alias)
    assert not file.id.startswith("@")


def test_large_files_wait_for_hash_all(store: Store, webui: Path, put: Put) -> None:
    """`auto` leaves them searchable and unhashed; `all` hashes them."""
    put("Lora/a.safetensors")
    assert sync(store, webui, hash_limit=10).hashed == 0
    assert len(models(store, "a")) == 1
    assert sync(store, webui, hash_mode="all", hash_limit=10).hashed == 1


def test_a_broken_file_is_listed_with_its_error(store: Store, webui: Path, put: Put) -> None:
    """Truncated, empty, a login page: all are there, each with a reason, and the good one is unharmed."""
    good = put("Lora/good.safetensors")
    (webui / "Lora/cut.safetensors").write_bytes(good.read_bytes()[:-10])
    (webui / "Lora/empty.safetensors").write_bytes(b"")
    (webui / "Lora/login.safetensors").write_bytes(b"<!DOCTYPE html><html><title>Sign in</title></html>")
    report = sync(store, webui)
    assert len(report.errors) == 3
    broken = {file.name: file.failure for file in models(store, "is:broken")}
    assert set(broken) == {"cut", "empty", "login"}
    assert all(failure is not None and failure.message for failure in broken.values())
    assert [file.name for file in models(store, "-is:broken")] == ["good"]
    (webui / "Lora/cut.safetensors").write_bytes(good.read_bytes())
    assert len(sync(store, webui).errors) == 2


def test_a_pickle_that_would_run_code_is_marked_and_never_run(store: Store, webui: Path, tmp_path: Path) -> None:
    """The payload's marker file must not appear."""
    marker = tmp_path / "executed"
    payload = b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
    (webui / "embeddings/evil.pt").write_bytes(payload)
    sync(store, webui)
    assert not marker.exists()
    assert [file.name for file in models(store, "is:unsafe")] == ["evil"]


def test_an_unplugged_root_forgets_nothing(store: Store, webui: Path, put: Put, tmp_path: Path) -> None:
    """The whole root gone, or an empty mount point in its place: unreachable, and back without a hash."""
    for number in range(30):
        put(f"Lora/{number}.safetensors", fill=number)
    sync(store, webui)
    away = tmp_path / "away"
    webui.rename(away)
    report = sync(store)
    assert (report.unreachable, report.removed) == (30, 0)
    webui.mkdir()
    report = sync(store)
    assert (report.unreachable, report.removed) == (30, 0)
    assert report.roots[0]["state"] == "unreachable"
    assert len(models(store)) == 30
    webui.rmdir()
    away.rename(webui)
    report = sync(store)
    assert (report.hashed, report.added, report.unreachable) == (0, 0, 0)
    assert report.roots[0]["state"] == "ok"


def test_a_meant_mass_deletion_needs_a_word(store: Store, webui: Path, put: Put) -> None:
    """`--accept-missing` lets it through."""
    for number in range(30):
        put(f"Lora/{number}.safetensors")
    sync(store, webui)
    shutil.rmtree(webui / "Lora")
    assert sync(store).removed == 0
    assert sync(store, accept_missing=True).removed == 30
    assert models(store) == []
    assert len(models(store, "is:missing")) == 30


def test_a_few_deleted_files_are_gone_and_come_back(store: Store, webui: Path, put: Put) -> None:
    """A deletion is believed; the same file put back is the same row with its hash."""
    path = put("Lora/a.safetensors")
    put("Lora/b.safetensors", fill=3)
    sync(store, webui)
    aside = webui.parent / "aside"
    path.rename(aside)
    assert sync(store, webui).removed == 1
    assert [file.name for file in models(store)] == ["b"]
    aside.rename(path)
    report = sync(store, webui)
    assert (report.added, report.hashed) == (1, 0)


def test_an_edited_sidecar_is_read_without_hashing_again(store: Store, webui: Path, put: Put) -> None:
    """Words and weight of A1111's .json arrive with the next run."""
    put("Lora/a.safetensors")
    sync(store, webui)
    sidecar = {"activation text": "inkstyle", "preferred weight": 0.7, "negative text": "photo"}
    (webui / "Lora/a.json").write_text(json.dumps(sidecar))
    report = sync(store, webui)
    assert (report.identified, report.hashed) == (1, 0)
    (file,) = models(store, "inkstyle")
    assert (file.sidecar["weight"], file.sidecar["negative"]) == (0.7, "photo")
    assert file.triggers[0].source == "sidecar"


def test_overlapping_roots_list_nothing_twice(store: Store, webui: Path, put: Put) -> None:
    """A root inside a root owns its files."""
    put("Lora/a.safetensors")
    put("VAE/b.safetensors")
    sync(store, webui, webui / "Lora")
    assert sorted(file.name for file in models(store)) == ["a", "b"]


def test_an_inner_root_is_left_alone_by_a_scan_of_the_outer_one(store: Store, webui: Path, put: Put) -> None:
    """Also when only the outer root is scanned, as an event does."""
    put("Lora/a.safetensors")
    put("VAE/b.safetensors")
    sync(store, webui, webui / "Lora")
    with open_reader(store.path) as reader:
        outer = [root for root in reader.roots() if root.path == str(webui)]
    report = Sync(store, SyncOptions()).run(outer)
    assert (report.seen, report.added) == (1, 0)


def test_a_sub_path_scan_touches_nothing_else(store: Store, webui: Path, put: Put) -> None:
    """What an event asks for: files elsewhere are neither lost nor found."""
    put("Lora/a.safetensors")
    put("VAE/b.safetensors")
    sync(store, webui)
    (webui / "VAE/b.safetensors").unlink()
    put("Lora/c.safetensors", fill=4)
    report = sync(store, webui, folders=("Lora",))
    assert (report.added, report.removed) == (1, 0)


def test_a_diffusers_folder_is_one_model_with_one_hash(store: Store, webui: Path, put: Put) -> None:
    """sha256 over the sorted lines `path NUL sha256 LF` of its members."""
    weights = put("Stable-diffusion/dream/unet/diffusion_pytorch_model.safetensors")
    (webui / "Stable-diffusion/dream/unet/config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
    index = webui / "Stable-diffusion/dream/model_index.json"
    index.write_text('{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}')
    sync(store, webui)
    (file,) = models(store)
    assert (file.name, file.folder, file.format) == ("dream", True, "folder")
    lines = b"".join(
        f"{member.relative_to(index.parent).as_posix()}\0{hashlib.sha256(member.read_bytes()).hexdigest()}\n".encode()
        for member in sorted([weights, weights.with_name("config.json"), index])
    )
    assert file.hashes is not None
    assert file.hashes.sha256 == hashlib.sha256(lines).hexdigest()


@pytest.mark.slow
def test_kill_9_in_the_middle_loses_nothing(store: Store, webui: Path, put: Put, isolated: Path) -> None:
    """A run killed at any moment leaves a sound database, and the next one completes it."""
    for number in range(300):
        put(f"Lora/{number}.safetensors", fill=number % 250, rank=1 + number % 7)
    store.close()
    for delay in (0.45, 0.7, 1.0):
        child = subprocess.Popen(
            [sys.executable, "-m", "hubman", "sync", str(webui)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            child.wait(delay)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with closing(sqlite3.connect(isolated / "library.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    sync(store, webui)
    files = models(store)
    assert len(files) == 300
    assert all(file.hashes and file.kind == "lora" for file in files)


def test_two_processes_at_once_work(webui: Path, put: Put, isolated: Path) -> None:
    """Two `hubman sync` of the same library: both succeed, every file is there once."""
    for number in range(60):
        put(f"Lora/{number}.safetensors", fill=number)
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "hubman", "sync", str(webui)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    with open_reader(isolated / "library.db") as reader:
        assert reader.count() == 60
