"""What the system refuses, and what others do meanwhile: nothing is lost, nothing overwritten, the reason is told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.app import acting
from hubman.disk import relocate
from hubman.errors import ConflictError
from tests.conftest import lora_bytes
from tests.files.conftest import names, tree

Put = Callable[..., Path]


def test_a_folder_of_somebody_else(library: Path, isolated: Path, ok: Any) -> None:
    """Another user may read and not write: told before anything is moved, for mv and for rm."""
    for path in [isolated, *isolated.rglob("*")]:
        os.chown(path, 65534, 65534)
    for folder in (library, *library.parents):
        if folder.stat().st_mode & 0o5 != 0o5 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o5)
    for folder in isolated.parents:
        folder.chmod(folder.stat().st_mode | 0o5)
    before = tree(library)
    for command in (["mv", "ink", "VAE"], ["rm", "ink", "-y"]):
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "hubman", *command],
            env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", os.getcwd())}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 8, done.stderr
        assert "read-only for you" in done.stderr
        assert "Traceback" not in done.stderr
    assert tree(library) == before


def test_a_read_only_root(library: Path, ok: Any, call: Any, small_disk: Callable[[str], Path]) -> None:
    """Neither out of it nor into it, nor is a trash made in it."""
    disk = small_disk("2m")
    (disk / "far.safetensors").write_bytes(lora_bytes(fill=6))
    ok("sync", str(disk))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        for command in (("mv", "far", str(library / "VAE")), ("mv", "ink", str(disk)), ("rm", "far", "-y")):
            code, _, err = call(*command)
            assert (code, "read-only for you" in err) == (8, True), err
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert names(disk) == {"far.safetensors"}
    assert "ink.safetensors" in names(library / "Lora")


def test_no_space_is_seen_before(library: Path, ok: Any, call: Any, small_disk: Callable[[str], Path]) -> None:
    """The copy would not fit: nothing is begun."""
    disk = small_disk("40k")
    ok("roots", "add", str(disk))
    code, _, err = call("mv", "ink", f"{disk}/")
    assert (code, "bytes left" in err) == (8, True), err
    assert names(disk) == set()


def test_the_disk_fills_up_in_the_middle(
    library: Path, ok: Any, call: Any, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look before can be wrong: then everything is put back, and no half copy stays."""
    disk = small_disk("40k")
    ok("roots", "add", str(disk))
    before = tree(library)
    monkeypatch.setattr(acting, "_check_space", lambda plan: None)
    code, _, err = call("mv", "ink", f"{disk}/")
    assert (code, "Everything is where it was" in err) == (8, True), err
    assert tree(library) == before
    assert names(disk) == set()
    assert ok("undo", "--list")["entries"][0]["state"] == "failed"


def test_a_full_disk_has_no_room_for_a_manifest(ok: Any, call: Any, small_disk: Callable[[str], Path]) -> None:
    """Then nothing is removed, and nothing is left of the try."""
    disk = small_disk("1m")
    (disk / "far.safetensors").write_bytes(lora_bytes(fill=6))
    ok("sync", str(disk))
    with pytest.raises(OSError), open(disk / "filler", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    code, _, err = call("rm", "far", "-y")
    assert (code, "Nothing was moved" in err) == (8, True), err
    assert names(disk) == {"far.safetensors", "filler"}


def test_the_database_is_full(library: Path, small_disk: Callable[[str], Path], ok: Any, call: Any,
                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """The journal cannot be written, so that nothing is moved; with room again it works."""
    home = small_disk("2m")
    monkeypatch.setenv("HUBMAN_HOME", str(home))
    ok("sync", str(library))
    before = tree(library)
    filler = home / "filler"
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    code, _, err = call("mv", "ink", "VAE")
    assert code in (8, 9), err
    assert "Traceback" not in err
    assert tree(library) == before
    filler.unlink()
    ok("mv", "ink", "VAE")


def test_the_target_is_taken_between_the_look_and_the_move(
    library: Path, ok: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program puts a file there at that moment: it stays, and all that was moved goes back."""
    look = acting.check
    before = tree(library)

    def look_and_race(plan: Any) -> None:
        look(plan)
        race = f"open({str(library / 'VAE/ink.preview.png')!r}, 'w').write('theirs')"
        subprocess.run([sys.executable, "-c", race], check=True)

    monkeypatch.setattr(acting, "check", look_and_race)
    code, _, err = call("mv", "ink", "VAE")
    assert (code, "ink.preview.png exists already" in err) == (8, True)
    assert tree(library) == before | {"VAE/ink.preview.png": b"theirs"}


@pytest.mark.parametrize("without", ["renameat2", "renameat2 and links"])
def test_without_the_systems_own_call(library: Path, ok: Any, call: Any, monkeypatch: pytest.MonkeyPatch,
                                      unchanged: Any, without: str) -> None:  # fmt: skip
    """A hard link and an unlink do the same; where there are none, a look and a rename."""
    monkeypatch.setattr(relocate, "_libc_renameat2", lambda: None)
    if without != "renameat2":

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    (library / "Lora/peft").mkdir()
    (library / "Lora/peft/adapter_config.json").write_text("{}")
    (library / "Lora/peft/adapter_model.safetensors").write_bytes(lora_bytes(fill=3))
    ok("sync")
    ok("mv", "ink", "peft", "VAE")
    assert {"ink.safetensors", "ink.json", "peft"} <= names(library / "VAE")
    unchanged()
    ok("undo")
    unchanged()
    with pytest.raises(FileExistsError):
        relocate.rename_new(str(library / "Lora/ink.safetensors"), str(library / "Lora/other.safetensors"))
    (library / "Lora/full").mkdir()
    with pytest.raises(FileExistsError):
        relocate.rename_new(str(library / "Lora/peft"), str(library / "Lora/full"))


def test_the_source_changes_while_it_is_copied(tmp_path: Path, small_disk: Callable[[str], Path]) -> None:
    """The copy is given up, the source stays with what was written to it."""
    disk, source = small_disk("8m"), tmp_path / "a.safetensors"
    source.write_bytes(b"x" * (3 << 20))

    def write_to_it(_count: int) -> None:
        with open(source, "ab") as file:
            file.write(b"more")
        time.sleep(0.02)

    with pytest.raises(ConflictError) as caught:
        relocate.move(str(source), str(disk / "a.safetensors"), str(disk / ".part"), write_to_it)
    assert caught.value.reference == "changed-while-reading"
    assert names(disk) == set()
    assert source.stat().st_size > 3 << 20


def test_the_source_vanishes(library: Path, ok: Any, call: Any) -> None:
    """Before: it is told. A sidecar that vanished since the last scan is no matter."""
    (library / "Lora/ink.json").unlink()
    ok("mv", "ink", "VAE")
    (library / "VAE/ink.safetensors").unlink()
    code, _, err = call("mv", "ink", "Lora")
    assert (code, "sync" in err) == (3, True)
    code, _, err = call("rm", "ink", "-y")
    assert code == 3


def test_two_at_once(library: Path, isolated: Path, ok: Any, unchanged: Any) -> None:
    """One moves it, the other finds it gone from there; nothing is lost."""
    commands = [["mv", str(library / "Lora/ink.safetensors"), target] for target in ("VAE", "embeddings")]
    running = [
        subprocess.Popen([sys.executable, "-m", "hubman", *command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for command in commands
    ]
    errors = [process.communicate()[1].decode() for process in running]
    codes = sorted(process.returncode for process in running)
    assert codes in ([0, 3], [0, 0]), errors
    places = list(library.rglob("ink.*"))
    assert len(places) == 5
    assert len({path.parent for path in places}) == 1
    unchanged()


def test_who_waits_is_told(library: Path, isolated: Path, ok: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hubman that moves something large is not disturbed."""
    from hubman.store.door import open_store

    store = open_store(isolated / "library.db", isolated / "backups")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with acting.alone(store):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    real = acting.alone
    monkeypatch.setattr(acting, "alone", lambda store, seconds=0.1: real(store, 0.1))
    try:
        code, _, err = call("mv", "ink", "VAE")
        assert (code, "Another hubman" in err) == (8, True)
    finally:
        done.set()
        thread.join()
        store.close()


def test_a_linked_root(tmp_path: Path, library: Path, ok: Any, unchanged: Any) -> None:
    """A destination that is named through a link to the root is in the root."""
    (tmp_path / "link").symlink_to(library)
    ok("mv", str(tmp_path / "link/Lora/ink.safetensors"), str(tmp_path / "link/VAE"))
    assert (library / "VAE/ink.safetensors").exists()
    unchanged()


def test_stores_of_other_programs(tmp_path: Path, library: Path, ok: Any, call: Any) -> None:
    """InvokeAI and the cache of Hugging Face would lose track of the file: neither out nor in."""
    store = tmp_path / "invoke"
    store.mkdir()
    (store / "a.safetensors").write_bytes(lora_bytes(fill=31))
    ok("roots", "add", str(store), "--layout", "invoke")
    hub = library / "models--org--x/snapshots/abc"
    hub.mkdir(parents=True)
    (hub / "b.safetensors").write_bytes(lora_bytes(fill=32))
    ok("sync")
    for command in (("mv", "a", str(library / "VAE")), ("mv", "ink", str(store)), ("rm", "a", "-y"), ("rm", "b", "-y")):
        code, _, err = call(*command)
        assert (code, "belongs to the store" in err) == (8, True), err


def test_a_case_insensitive_file_system(tmp_path: Path, ok: Any, call: Any, unchanged: Any) -> None:
    """Only the case of a name may change, and another file's name in another case is taken."""
    image, disk = tmp_path / "image", tmp_path / "folding"
    disk.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    make = subprocess.run(["mkfs.ext4", "-q", "-O", "casefold", "-E", "encoding=utf8", str(image)], capture_output=True)
    if (
        make.returncode
        or subprocess.run(["mount", "-o", "loop", str(image), str(disk)], capture_output=True).returncode
    ):
        tmpfs = ["mount", "-t", "tmpfs", "-o", "size=8m,casefold", "tmpfs", str(disk)]
        if subprocess.run(tmpfs, capture_output=True).returncode:
            pytest.skip("no case-insensitive file system here")
    try:
        folder = disk / "loras"
        folder.mkdir()
        if subprocess.run(["chattr", "+F", str(folder)], capture_output=True).returncode:
            pytest.skip("no case-insensitive file system here")
        (folder / "ink.safetensors").write_bytes(lora_bytes(fill=1))
        (folder / "ink.json").write_text("{}")
        (folder / "other.safetensors").write_bytes(lora_bytes(fill=2))
        ok("sync", str(disk))
        ok("mv", "ink", "Ink")
        assert names(folder) == {"Ink.safetensors", "Ink.json", "other.safetensors"}
        unchanged()
        assert call("mv", "Ink", "OTHER")[0] == 8
        ok("undo")
        assert names(folder) == {"ink.safetensors", "ink.json", "other.safetensors"}
        unchanged()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
