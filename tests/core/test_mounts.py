"""core.mounts: on which file system does a path lie?"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hubman.core.mounts import filesystem_of, is_host_share, is_network

PLAIN = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /proc rw - proc proc rw
30 21 0:40 / /home rw - ext4 /dev/sdb1 rw
31 30 0:41 / /home/ann/models rw - nfs4 server:/models rw,vers=4.2
32 30 0:42 / /home/ann/my\040share rw - cifs //nas/share rw
33 30 0:43 / /home/ann/far rw - fuse.sshfs ann@far:/ rw
34 21 0:44 / /mnt/ntfs rw - fuseblk /dev/sdc1 rw
"""
HIDDEN = PLAIN + "40 21 0:50 / /home rw - tmpfs tmpfs rw\n"
STACKED = PLAIN + "41 31 0:51 / /home/ann/models rw - xfs /dev/sdd1 rw\n"
"""Somebody mounted over the share."""


@pytest.mark.parametrize(
    ("text", "path", "kind"),
    [
        (PLAIN, "/", "ext4"),
        (PLAIN, "/home/ann", "ext4"),
        (PLAIN, "/home/ann/models", "nfs4"),
        (PLAIN, "/home/ann/models/Lora/ink.pt", "nfs4"),
        (PLAIN, "/home/ann/modelsX", "ext4"),
        (PLAIN, "/home/ann/my share/x", "cifs"),
        (PLAIN, "/mnt/ntfs/a", "fuseblk"),
        (PLAIN, "/procX", "ext4"),
        (STACKED, "/home/ann/models/x", "xfs"),
        ("", "/x", None),
        ("nonsense\n1 2 3\n", "/x", None),
    ],
)
def test_the_file_system_of_a_path(text: str, path: str, kind: str | None) -> None:
    """The innermost mount that is not hidden by another one."""
    assert filesystem_of(text, path) == kind


def test_of_two_mounts_on_one_place_the_later_counts() -> None:
    """And what lies below the hidden one is hidden with it."""
    assert filesystem_of(HIDDEN, "/home/ann/models/x") == "tmpfs"


def test_which_are_networks() -> None:
    """Shares of other machines; NTFS by FUSE is a disk, and a host's folder is said apart."""
    assert all(map(is_network, ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse.rclone", "ceph", "NFS4")))
    assert not any(map(is_network, ("ext4", "btrfs", "tmpfs", "overlay", "fuseblk", "fuse", "9p", "fuse.mergerfs")))
    assert is_host_share("9p")
    assert not is_host_share("nfs4")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/mountinfo")
def test_the_real_table_knows_where_we_are(tmp_path: Path) -> None:
    """Every real path lies somewhere."""
    text = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    assert filesystem_of(text, os.path.realpath(tmp_path))
    assert filesystem_of(text, "/proc/self") == "proc"
