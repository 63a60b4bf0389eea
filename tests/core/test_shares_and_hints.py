"""core.shares, core.hints, core.pace: which events can be trusted, which matter, and how often to look without any."""

from __future__ import annotations

import pytest

from hubman.core.hints import folder_to_look_at
from hubman.core.pace import jumped, poll_interval
from hubman.core.shares import is_named, mount_of, parse_mounts, without_events

TABLE = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
50 27 0:40 / /mnt/nas\040one rw,relatime shared:9 - nfs4 nas:/models rw,vers=4.2
51 27 254:0 /srv/models /home/me/models rw,relatime - ext4 /dev/vda rw
52 51 0:41 / /home/me/models/share rw - cifs //box/share rw
53 27 0:42 / /mnt/a rw - ext4 /dev/sda1 rw
54 27 0:43 / /mnt/a rw - fuse.sshfs me@host:/m rw
55 27 0:44 / /mnt/ab rw - fuseblk /dev/sdb1 rw
56 27 0:45 / /mnt/c rw - 9p C:\134 rw
57 27 0:46 / /mnt/tab\011and\134slash rw - virtiofs host rw
58 27 0:47 / /mnt/水墨 rw - fuse.rclone remote: rw
broken line
99 1 0:1 / /x
"""
MOUNTS = parse_mounts(TABLE)


@pytest.mark.parametrize(
    ("path", "kind", "trusted"),
    [
        ("/home/me", "ext4", True),
        ("/mnt/nas one/Lora", "nfs4", False),
        ("/mnt/nas one more", "ext4", True),
        ("/home/me/models/Lora", "ext4", True),
        ("/home/me/models/share", "cifs", False),
        ("/mnt/a/x", "fuse.sshfs", False),
        ("/mnt/ab/x", "fuseblk", True),
        ("/mnt/c/Users", "9p", False),
        ("/mnt/tab\tand\\slash", "virtiofs", False),
        ("/mnt/水墨/Lora", "fuse.rclone", False),
    ],
)
def test_a_path_is_on_the_longest_and_latest_mount(path: str, kind: str, trusted: bool) -> None:
    """Octal escapes, bind mounts, names that begin alike, a mount over a mount."""
    mount = mount_of(MOUNTS, path)
    assert mount is not None
    assert (mount.type, mount.has_events) == (kind, trusted)


def test_a_share_inside_a_root_counts() -> None:
    """Its part of the root raises no events."""
    inside = without_events(MOUNTS, "/home/me/models")
    assert inside is not None
    assert inside.type == "cifs"
    assert without_events(MOUNTS, "/home/me/other") is None
    assert without_events([], "/anywhere") is None


def test_lines_that_are_none_are_left_out() -> None:
    """A table that another kernel writes is no error."""
    assert len(MOUNTS) == 11
    assert parse_mounts("") == []


def test_named_folders_cover_roots_around_and_inside_them() -> None:
    """`poll` may name a root, a folder in one, or a folder above several."""
    assert is_named(["/mnt/x"], "/mnt/x")
    assert is_named(["/mnt/x"], "/mnt/x/models")
    assert is_named(["/mnt/x/sub"], "/mnt/x")
    assert not is_named(["/mnt/x"], "/mnt/xy")


@pytest.mark.parametrize(
    ("path", "is_folder", "look"),
    [
        ("Lora/ink.safetensors", False, "Lora"),
        ("ink.SAFETENSORS", False, ""),
        ("Lora/ink.preview.png", False, "Lora"),
        ("Lora/ink.civitai.info", False, "Lora"),
        ("pipe/tokenizer/merges.txt", False, "pipe/tokenizer"),
        ("Lora/new", True, "Lora/new"),
        ("", True, ""),
        ("Lora/ink.safetensors.part", False, None),
        ("Lora/.hubman-x3.tmp", False, None),
        ("Lora/ink.crdownload", False, None),
        ("home/library.db", False, None),
        ("home/library.db-wal", False, None),
        ("home/logs/crash.log", False, None),
        (".hubman-trash/2026/ink.safetensors", False, None),
        (".hubman-trash/2026", True, None),
        ("webui/venv/lib/x.json", False, None),
        (".git", True, None),
        ("README", False, None),
    ],
)
def test_only_what_a_scan_would_find_is_a_hint(path: str, is_folder: bool, look: str | None) -> None:
    """The library's own files, temporary names and trash are none: no feedback loop is possible."""
    assert folder_to_look_at(path, is_folder=is_folder) == look


def test_slow_shares_are_looked_at_less_often() -> None:
    """At most 1 % of the time, between 30 s and 10 minutes."""
    assert poll_interval(0.01) == 30
    assert poll_interval(2) == 200
    assert poll_interval(500) == 600
    assert poll_interval(0.01, shortest=0.5) == 1.0


def test_a_jump_is_one_clock_ahead_of_the_other() -> None:
    """Sleep, and clocks set forward or back; a busy minute is none."""
    assert jumped((0, 1000), (1, 1000 + 8 * 3600))
    assert jumped((0, 1000), (1, 1000 - 3600))
    assert not jumped((0, 1000), (600, 1600.5))
