"""The scan, on real files and a real SQLite file: what changes, what moves, what is broken, what is unreachable."""

from __future__ import annotations

import dataclasses
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
from typing import Any

import pytest

from hubman.app import sync as sync_module
from hubman.app.hashing import Hashing, hash_model
from hubman.app.roots import add_root, find_root, remove_root
from hubman.app.sync import Sync, SyncOptions, SyncReport
from hubman.app.user_words import change_words
from hubman.core.library import Layout, ModelFile, SidecarPolicy
from hubman.core.query import parse_query
from hubman.store.door import Store, open_store
from hubman.store.reader import open_reader
from tests.conftest import lora_bytes, opened_below

Put = Callable[..., Path]
ROOT = Path(__file__).parents[2]


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


def test_an_unchanged_library_is_rescanned_without_opening_a_file(store: Store, webui: Path, put: Put) -> None:
    """Proof by audit hook: no path below the root is opened by the second run."""
    put("Lora/a.safetensors")
    (webui / "Lora/a.json").write_text('{"activation text": "x"}')
    sync(store, webui)
    with opened_below(webui) as opened:
        report = sync(store, webui)
    assert opened == []
    assert (report.seen, report.changed) == (1, False)


def test_the_audit_hook_sees_a_changed_file(store: Store, webui: Path, put: Put) -> None:
    """The counterpart of the test above: a changed file is opened, so that one cannot pass emptily."""
    put("Lora/a.safetensors")
    sync(store, webui)
    put("Lora/a.safetensors", rank=8)
    with opened_below(webui) as opened:
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


# --- what the system refuses, and what is unplugged ------------------------------------------------------------------


root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")


def sync_as_nobody(isolated: Path, *arguments: str) -> SyncReport:
    """Run `hubman sync --json` as another user, for whom rights count, in a home of that user's own."""
    for folder in [isolated, *isolated.rglob("*")]:
        os.chown(folder, 65534, 65534)
    nobody = ["setpriv", "--reuid=65534", "--clear-groups"]
    command = [*nobody, sys.executable, "-m", "hubman", "sync", "--json", *arguments]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd="/"
    )
    return report_of(run)


def report_of(run: subprocess.CompletedProcess[str]) -> SyncReport:
    assert run.returncode == 0, run.stderr
    fields = {field.name for field in dataclasses.fields(SyncReport)}
    return SyncReport(**{name: value for name, value in json.loads(run.stdout).items() if name in fields})


@pytest.fixture
def open_to_all(webui: Path) -> Path:
    for folder in [webui, *webui.parents]:
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    return webui


@pytest.fixture
def mounted(webui: Path) -> Iterator[Callable[[], Path]]:
    """Give a function that mounts a new, empty file system on Lora/nas."""
    place = webui / "Lora/nas"
    place.mkdir()

    def mount() -> Path:
        if subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", str(place)], check=False, stderr=subprocess.DEVNULL
        ).returncode:
            pytest.skip("may not mount")
        return place

    yield mount
    while os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


def unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], check=True)


@root_only
def test_a_refused_read_is_tried_again(open_to_all: Path, put: Put, isolated: Path) -> None:
    """Rights that come back need no new mtime: the failure was the system's, not the file's."""
    path = put("Lora/a.safetensors")
    path.chmod(0)
    (error,) = sync_as_nobody(isolated, str(open_to_all)).errors
    assert (error["path"], error["reference"]) == (str(path), "unreadable")
    path.chmod(0o644)
    report = sync_as_nobody(isolated)
    assert (report.errors, report.identified, report.hashed) == ([], 1, 1)


def test_a_file_that_vanishes_between_walk_and_read_is_not_broken(
    store: Store, webui: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next scan decides; until then there is nothing to say about it."""
    path = put("Lora/a.safetensors")
    put("Lora/b.safetensors", fill=2)
    real = sync_module.identify_all

    def identify_later(*arguments: Any) -> int:
        path.unlink(missing_ok=True)
        return real(*arguments)

    monkeypatch.setattr(sync_module, "identify_all", identify_later)
    report = sync(store, webui)
    assert (report.errors, report.identified, report.hashed) == ([], 1, 1)
    assert models(store, "is:broken") == []
    assert sync(store, webui).removed == 1


@root_only
def test_an_unreadable_folder_is_listed_and_its_files_stay(open_to_all: Path, put: Put, isolated: Path) -> None:
    """Neither silence nor "gone"; and a root that cannot be read is unreachable."""
    put("Lora/secret/a.safetensors")
    put("VAE/b.safetensors")
    sync_as_nobody(isolated, str(open_to_all))
    for mode in (0, 0o444):  # listed and not entered is as bad as not listed
        (open_to_all / "Lora/secret").chmod(mode)
        report = sync_as_nobody(isolated)
        (error,) = report.errors
        assert (error["path"], error["reference"]) == (str(open_to_all / "Lora/secret"), "folder-unreadable")
        assert "Permission denied" in str(error["message"])
        assert (report.removed, report.added, report.modified, report.roots[0]["state"]) == (0, 0, 0, "read-only")
    open_to_all.chmod(0)
    report = sync_as_nobody(isolated)
    assert (report.unreachable, report.removed, report.roots[0]["state"]) == (2, 0, "unreachable")
    open_to_all.chmod(0o755)
    (open_to_all / "Lora/secret").chmod(0o755)
    report = sync_as_nobody(isolated)
    assert (report.errors, report.changed) == ([], False)


@root_only
def test_an_unmounted_folder_forgets_nothing(store: Store, webui: Path, put: Put, mounted: Callable[[], Path]) -> None:
    """An empty mount point, or none at all; files of the next mount are believed again, also one by one."""
    place = mounted()
    put("Lora/local.safetensors")
    for name in ("a", "b", "deep/c"):
        put(f"Lora/nas/{name}.safetensors")
    sync(store, webui)
    unmount(place)
    for folders in (("",), ("Lora/nas",), ("Lora/nas/deep",)):
        report = sync(store, webui, folders=folders)
        assert (report.removed, report.unreachable) == (0, 1 if "deep" in folders[0] else 3)
        (error,) = report.errors
        assert error["reference"] == "folder-unplugged"
        assert str(error["path"]).startswith(str(place))
    place.rmdir()
    assert sync(store, webui).unreachable == 3
    assert len(models(store)) == 4
    place.mkdir()
    report = sync(store, webui, accept_missing=True)
    assert (report.removed, report.unreachable, report.errors) == (3, 0, [])


@root_only
def test_a_share_that_got_another_number_is_the_same_share(
    store: Store, webui: Path, put: Put, mounted: Callable[[], Path], tmp_path: Path
) -> None:
    """A network share has another device number after every mount: no file changed, and a deletion is one."""
    for name in ("a", "b", "c"):
        put(f"away/{name}.safetensors", fill=ord(name))
    place = mounted()
    subprocess.run(["cp", "-a", *map(str, sorted((webui / "away").iterdir())), str(place)], check=True)
    shutil.rmtree(webui / "away")
    sync(store, webui)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE file SET device = 999999")
    (place / "a.safetensors").unlink()
    report = sync(store, webui)
    assert (report.removed, report.unreachable, report.modified, report.hashed) == (1, 0, 0, 0)
    shutil.rmtree(place / "b.safetensors", ignore_errors=True)
    (place / "b.safetensors").unlink(missing_ok=True)
    assert sync(store, webui).removed == 1
    unmount(place)
    report = sync(store, webui)
    assert (report.removed, report.unreachable) == (0, 1)


# --- roots inside roots ----------------------------------------------------------------------------------------------


def test_a_root_added_inside_a_root_takes_its_files_over(store: Store, webui: Path, put: Put) -> None:
    """Nothing twice, nothing lost, nothing hashed again: words of unhashed files come along."""
    for number in range(30):
        put(f"Lora/{number}.safetensors", fill=number)
    put("VAE/b.safetensors", fill=99)
    large = put("Lora/large.safetensors", rank=16)
    sync(store, webui, hash_limit=large.stat().st_size - 1)
    (unhashed,) = models(store, "large")
    assert unhashed.hashes is None
    change_words(store, unhashed, "set", ["my word"])
    report = sync(store, webui / "Lora", hash_mode="none")
    assert (report.added, report.removed, report.unreachable) == (0, 0, 0)
    assert {str(root["state"]) for root in report.roots} == {"ok"}
    assert len(models(store)) == 32
    (moved,) = models(store, "large")
    assert (moved.file_id, moved.root, moved.relpath) == (unhashed.file_id, str(webui / "Lora"), "large.safetensors")
    assert moved.triggers[0].text == "my word"
    with open_reader(store.path) as reader:
        assert [file.file_id for file in reader.resolve(unhashed.alias)] == [moved.file_id]


def test_a_root_removed_from_inside_a_root_gives_its_files_back(store: Store, webui: Path, put: Put) -> None:
    """They are still below the outer one."""
    put("Lora/a.safetensors")
    put("VAE/b.safetensors", fill=2)
    sync(store, webui, webui / "Lora")
    with open_reader(store.path) as reader:
        inner = find_root(reader, str(webui / "Lora"))
    remove_root(store, inner)
    report = sync(store)
    assert (report.seen, report.added, report.removed, report.hashed) == (2, 0, 0, 0)
    assert sorted(file.relpath for file in models(store)) == ["Lora/a.safetensors", "VAE/b.safetensors"]


def test_a_root_added_around_a_root_leaves_it_its_files(store: Store, webui: Path, put: Put) -> None:
    """The inner one was there first; also when a scan asks for a folder in it by the outer root."""
    put("Lora/deep/a.safetensors")
    put("VAE/b.safetensors", fill=2)
    sync(store, webui / "Lora")
    assert sync(store, webui).added == 1
    with open_reader(store.path) as reader:
        outer = find_root(reader, str(webui))
    assert Sync(store, SyncOptions()).run([outer], ("Lora/deep",)).seen == 0
    assert sorted(file.relpath for file in models(store)) == ["VAE/b.safetensors", "deep/a.safetensors"]


def test_rows_listed_by_a_scan_that_knew_nothing_of_the_inner_root_are_handed_over(
    store: Store, webui: Path, put: Put
) -> None:
    """Another process scans the outer root while the inner one is added: its rows must not be a mass disappearance."""
    for number in range(30):
        put(f"Lora/{number}.safetensors", fill=number)
    sync(store, webui)
    with open_reader(store.path) as reader:
        (outer,) = reader.roots()
    with store.writer() as writer:
        writer.add_root(str(webui / "Lora"), Layout.FLAT, SidecarPolicy.OFF, None)
    report = Sync(store, SyncOptions()).run([outer])
    assert (report.removed, report.unreachable, report.roots[0]["state"]) == (0, 0, "ok")
    report = sync(store)
    assert (report.seen, report.added, len(models(store))) == (30, 0, 30)


# --- pipes, links, folders, broken files -----------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="FIFOs")
def test_pipes_beside_and_inside_models_are_never_waited_for(webui: Path, put: Put, isolated: Path) -> None:
    """A FIFO as a sidecar, as a config and as weights of a model folder: the run ends."""
    put("Lora/x.safetensors")
    os.mkfifo(webui / "Lora/x.txt")
    put("Stable-diffusion/dream/unet/diffusion_pytorch_model.safetensors")
    (webui / "Stable-diffusion/dream/model_index.json").write_text(
        '{"_class_name": "X", "unet": ["a", "b"], "vae": ["a", "b"]}'
    )
    (webui / "Stable-diffusion/dream/vae").mkdir()
    os.mkfifo(webui / "Stable-diffusion/dream/unet/config.json")
    os.mkfifo(webui / "Stable-diffusion/dream/vae/diffusion_pytorch_model.safetensors")
    put("VAE/part/diffusion_pytorch_model.safetensors", fill=3)
    os.mkfifo(webui / "VAE/part/config.json")
    run = subprocess.run(
        [sys.executable, "-m", "hubman", "sync", "--json", str(webui)], capture_output=True, text=True, timeout=30
    )
    assert report_of(run).seen == 3


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_folder_and_a_link_to_it_are_one_in_every_order(store: Store, webui: Path, put: Put, tmp_path: Path) -> None:
    """The real folder wins by whatever name, in scans of everything and of either folder."""
    put("Lora/zz/q.safetensors")
    (webui / "Lora/aa").symlink_to("zz")
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "sub/o.safetensors").write_bytes(lora_bytes(fill=5))
    (webui / "VAE/l1").symlink_to(outside)
    (webui / "VAE/l2").symlink_to(outside / "sub")
    expected = ["Lora/zz/q.safetensors", "VAE/l1/sub/o.safetensors"]
    for folder in ("", "Lora/zz", "Lora/aa", "Lora", "VAE/l2", "VAE", "VAE/l1/sub", ""):
        report = sync(store, webui, folders=(folder,))
        assert report.removed == 0
        assert sorted(file.relpath for file in models(store)) == expected, folder


def test_sidecars_of_models_of_several_files_are_noticed(store: Store, webui: Path, put: Put) -> None:
    """They lie beside the folder, or beside the index."""
    put("VAE/dream/diffusion_pytorch_model.safetensors")
    (webui / "VAE/dream/config.json").write_text('{"_class_name": "AutoencoderKL"}')
    for number in (1, 2):
        put(f"Lora/t5-0000{number}-of-00002.safetensors", fill=number)
    names = [f"t5-0000{number}-of-00002.safetensors" for number in (1, 2)]
    (webui / "Lora/t5.safetensors.index.json").write_text(json.dumps({"weight_map": dict(enumerate(names))}))
    sync(store, webui)
    for path in ("VAE/dream.json", "Lora/t5.json"):
        (webui / path).write_text(json.dumps({"notes": "from the sidecar"}))
    report = sync(store, webui)
    assert (report.identified, report.hashed) == (2, 0)
    assert [file.sidecar.get("notes") for file in models(store)] == ["from the sidecar"] * 2
    for folder in ("VAE", "VAE/dream", "Lora"):
        assert not sync(store, webui, folders=(folder,)).changed


def test_a_member_that_changed_and_is_not_the_newest_is_noticed(store: Store, webui: Path, put: Put) -> None:
    """Same sum of sizes, same newest time, other content: the hash must not stay."""
    weights = put("VAE/dream/diffusion_pytorch_model.safetensors", fill=1)
    config = webui / "VAE/dream/config.json"
    config.write_text('{"_class_name": "AutoencoderKL"}')
    os.utime(weights, ns=(1, 1_000_000_000))
    sync(store, webui)
    (before,) = models(store)
    weights.write_bytes(lora_bytes(fill=2))
    os.utime(weights, ns=(1, 2_000_000_000))
    report = sync(store, webui)
    assert (report.modified, report.hashed) == (1, 1)
    assert models(store)[0].id != before.id
    (webui / "VAE/dream").rename(webui / "VAE/renamed")
    report = sync(store, webui)
    assert (report.moved, report.hashed) == (1, 0)


def test_a_broken_file_is_hashed_and_opened_once(store: Store, webui: Path, put: Put) -> None:
    """Its bytes have a name like any others: an unchanged broken file is left alone by the next run."""
    good = put("Lora/good.safetensors").read_bytes()
    cut = webui / "Lora/cut.safetensors"
    cut.write_bytes(good[:-10])
    put("Lora/t5-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "t5-00001-of-00002.safetensors", "b": "t5-00002-of-00002.safetensors"}}
    (webui / "Lora/t5.safetensors.index.json").write_text(json.dumps(index))
    report = sync(store, webui)
    assert {error["reference"] for error in report.errors} == {"safetensors-truncated", "shard-missing"}
    assert len(models(store, "is:broken")) == 2
    (broken,) = models(store, "is:broken name:cut")
    assert broken.hashes is not None
    assert broken.hashes.sha256 == hashlib.sha256(good[:-10]).hexdigest()
    with opened_below(webui) as opened:
        report = sync(store, webui)
    assert (opened, len(report.errors), report.changed) == ([], 2, False)


def test_hashes_are_recorded_in_batches_and_a_stop_keeps_what_was_done(
    store: Store, webui: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction a file made 3,000 small files take 19 s."""
    for number in range(40):
        put(f"Lora/{number:02}.safetensors", fill=number)
    sync(store, webui, hash_mode="none")
    writes = []
    real = Store.writer
    monkeypatch.setattr(Store, "writer", lambda self: writes.append(1) or real(self))
    with open_reader(store.path) as reader:
        (root,) = reader.roots()
        waiting = reader.unhashed(root, -1, None)
    steps: list[int] = []
    hashing = Hashing(store, steps.append, lambda: len(steps) > 30)
    hashing.run(waiting)
    assert 0 < hashing.done < 40
    assert len(writes) <= 2
    assert sum(file.hashes is not None for file in models(store)) == hashing.done


def test_a_hash_of_the_past_is_not_recorded(store: Store, webui: Path, put: Put) -> None:
    """Between hashing and recording, another process saw the file change."""
    path = put("Lora/a.safetensors", fill=1)
    sync(store, webui, hash_mode="none")
    with open_reader(store.path) as reader:
        (place,) = reader.unhashed(reader.roots()[0], -1, None)
    hashes = hash_model(str(path))
    path.write_bytes(lora_bytes(fill=2))
    sync(store, webui, hash_mode="none")
    with store.writer() as writer:
        writer.record_hashes([(place, hashes)])
    assert models(store)[0].hashes is None
