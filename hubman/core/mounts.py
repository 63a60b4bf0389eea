"""What kind of file system a path lies on, from the text of Linux's /proc/self/mountinfo (proc(5)). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "ocfs2",
    "gfs2", "orangefs", "davfs", "davfs2", "coda",
})  # fmt: skip
"""Several machines may write them: SQLite's WAL needs memory that all writers share (sqlite.org/wal.html)."""

NETWORK_FUSE = frozenset({
    "sshfs", "rclone", "s3fs", "gcsfuse", "glusterfs", "ceph-fuse", "ceph", "smbnetfs", "curlftpfs", "davfs2",
    "gvfsd-fuse", "juicefs", "cephfs", "blobfuse", "blobfuse2", "goofys", "mount.s3backer", "seaweedfs", "moosefs",
    "kio-fuse", "onedriver",
})  # fmt: skip
"""What follows `fuse.`; a plain `fuse` or `fuseblk` (NTFS) is a disk."""

HOST_SHARES = frozenset({
    "9p", "virtiofs", "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse", "prl_fs", "drvfs", "fakeowner", "fuse.grpcfuse",
    "fuse.osxfs",
})  # fmt: skip
"""A folder of the machine that hosts this one. Its locks work; changes made by the host raise no events here."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    number: int
    parent: int
    point: str
    kind: str


def filesystem_of(mountinfo_text: str, path: str) -> str | None:
    """Return the type of the file system that an absolute, real path lies on, or None when the text does not say.

    A mount hides what is mounted below its point on the same parent, so the tree is followed from its root; of a
    mount's children the shortest point wins (a longer one beside it is hidden).
    """
    mounts = _parse(mountinfo_text)
    numbers = {mount.number for mount in mounts}
    here = _topmost([mount for mount in mounts if mount.parent not in numbers or mount.parent == mount.number], path)
    if here is None:
        return None
    left = [mount for mount in mounts if mount.number != here.number]
    while (inner := _topmost([mount for mount in left if mount.parent == here.number], path)) is not None:
        left.remove(inner)
        here = inner
    return here.kind


def is_network(fs_type: str) -> bool:
    """Say whether other machines may write there too (NFS, SMB, sshfs ...). Shares of the host are `is_host_share`."""
    kind = fs_type.lower()
    return kind in NETWORK or (kind.startswith("fuse.") and kind[5:] in NETWORK_FUSE)


def is_host_share(fs_type: str) -> bool:
    """Say whether the machine that hosts this one writes there without events here (9p of WSL, virtiofs ...)."""
    return fs_type.lower() in HOST_SHARES


def _parse(text: str) -> list[Mount]:
    """Take the lines apart; one that is not as proc(5) says is left out."""
    mounts = []
    for line in text.splitlines():
        first, dash, last = line.partition(" - ")
        fields, kinds = first.split(" "), last.split(" ")
        if dash and len(fields) >= 6 and fields[0].isdigit() and fields[1].isdigit():
            mounts.append(Mount(int(fields[0]), int(fields[1]), _plain(fields[4]), kinds[0]))
    return mounts


def _plain(text: str) -> str:
    r"""Undo the octal escapes (`\040` is a blank)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _topmost(mounts: Sequence[Mount], path: str) -> Mount | None:
    """Return the mount that hides the others; of equal points the last one lies on top."""
    holding = [mount for mount in mounts if _holds(mount.point, path)]
    return min(reversed(holding), key=lambda mount: len(mount.point), default=None)


def _holds(point: str, path: str) -> bool:
    return point == path or path.startswith(point.rstrip("/") + "/")
