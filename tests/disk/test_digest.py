"""disk.digest and disk.place."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from hubman.core.types import Hashes
from hubman.disk.digest import CHUNK, digest_file, digest_members, with_written
from hubman.disk.place import copy_tree_new, write_atomic, write_new
from hubman.errors import ConflictError


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 0x10000, 3 * CHUNK + 77])
@pytest.mark.parametrize("offset", [None, 8, 300, CHUNK + 5])
def test_every_hash_equals_its_definition(tmp_path: Path, size: int, offset: int | None) -> None:
    """One read gives what separate reads of the definitions give, across all chunk borders."""
    data = os.urandom(size)
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    hashes = digest_file(str(path), offset)
    window = data[0x100000 : 0x100000 + 0x10000]
    assert hashes.sha256 == hashlib.sha256(data).hexdigest()
    assert hashes.autov2 == hashes.sha256[:10]
    assert hashes.autov1 == (hashlib.sha256(window).hexdigest()[:8] if window else None)
    expected = hashlib.sha256(data[offset:]).hexdigest()[:12] if offset is not None and offset < size else None
    assert hashes.autov3 == expected
    assert hashes.crc32 == f"{zlib.crc32(data):08x}"


def test_a_file_that_changes_meanwhile_has_no_hash(tmp_path: Path) -> None:
    """A hash of half old, half new bytes would be a lie."""
    path = tmp_path / "a.pt"
    path.write_bytes(b"x" * (3 * CHUNK))

    def grow(_: int) -> None:
        with open(path, "ab") as file:
            file.write(b"y")

    with pytest.raises(ConflictError) as caught:
        digest_file(str(path), None, grow)
    assert caught.value.reference == "changed-while-reading"


def test_a_folder_is_hashed_by_names_and_contents(tmp_path: Path) -> None:
    """sha256 over the sorted lines `path NUL sha256 LF`."""
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/w.bin").write_bytes(b"1")
    (tmp_path / "a.json").write_bytes(b"2")
    lines = b"".join(
        name + b"\0" + hashlib.sha256(content).hexdigest().encode() + b"\n"
        for name, content in ((b"a.json", b"2"), (b"unet/w.bin", b"1"))
    )
    assert digest_members(str(tmp_path), ["unet/w.bin", "a.json"]).sha256 == hashlib.sha256(lines).hexdigest()


def test_the_written_autov3(tmp_path: Path) -> None:
    """What a header claims is kept beside what is true; the hash of nothing is no claim."""
    plain = Hashes("a" * 64, None, "a" * 10, None)
    assert with_written(plain, "0x" + "b" * 64).autov3_written == "0x" + "b" * 10
    assert with_written(plain, "c" * 64).autov3_written == "c" * 12
    assert with_written(plain, hashlib.sha256(b"").hexdigest()).autov3_written is None
    assert with_written(plain, "None").autov3_written is None


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A new file goes only where there is none; a tree only into an empty place."""
    write_new(tmp_path / "a", b"1")
    with pytest.raises(ConflictError):
        write_new(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/x").write_bytes(b"x")
    with pytest.raises(ConflictError):
        copy_tree_new(tmp_path / "tree", tmp_path)
    copy_tree_new(tmp_path / "tree", tmp_path / "copy")
    assert (tmp_path / "copy/x").read_bytes() == b"x"


def test_a_full_disk_leaves_the_old_file_whole(small_disk: Callable[[str], Path]) -> None:
    """Written beside, synced, renamed: the old content survives, and no temporary file stays."""
    small = small_disk("64k")
    target = small / "config.toml"
    write_atomic(target, b"old")
    with pytest.raises(OSError, match="space"):
        write_atomic(target, b"n" * 200_000)
    assert target.read_bytes() == b"old"
    assert os.listdir(small) == ["config.toml"]
