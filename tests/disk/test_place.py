"""disk.place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hubman.disk.place import copy_tree_new, write_atomic, write_new
from hubman.errors import ConflictError


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
