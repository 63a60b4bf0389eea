"""Which file system a path is on, and whether its file events can be trusted. Pure: the mount table is an argument.

The kernel reports only what this machine does. On a network file system, or one that another machine or the host of a
virtual machine writes to, changes from elsewhere raise no event: such folders are looked at from time to time instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WITHOUT_EVENTS = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "afs", "ncpfs",
    "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "orangefs", "coda", "davfs", "webdav", "hgfs",
})  # fmt: skip
"""Types (of /proc/self/mountinfo) that other machines write to. WSL shows Windows drives as 9p, older ones as drvfs."""

FUSE_WITH_EVENTS = frozenset({
    "fuseblk", "fuse.ntfs-3g", "fuse.ntfs", "fuse.exfat", "fuse.mergerfs", "fuse.bindfs", "fuse.lxcfs", "fuse.ext2",
})  # fmt: skip
"""FUSE types that only this machine writes to; every other one (sshfs, rclone, gcsfuse, ...) is taken for a network."""

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table: where, and of which type."""

    point: str
    type: str

    @property
    def has_events(self) -> bool:
        """Whether every change below raises an event here."""
        if self.type.startswith("fuse"):
            return self.type in FUSE_WITH_EVENTS
        return self.type not in WITHOUT_EVENTS


def parse_mounts(mountinfo: str) -> list[Mount]:
    """Read the text of /proc/self/mountinfo (proc_pid_mountinfo(5)); lines that are none are left out.

    Blanks, tabs, line ends and backslashes in paths are written as three octal digits of each byte.
    """
    mounts = []
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, types = before.split(" "), after.split(" ")
        if separator and len(fields) >= 5 and types[0]:
            mounts.append(Mount(_unescaped(fields[4]), types[0]))
    return mounts


def mount_of(mounts: Sequence[Mount], path: str) -> Mount | None:
    """Return the mount that an absolute path is on: the longest point above it, the latest of equal ones."""
    found: Mount | None = None
    for mount in mounts:
        if _is_at_or_below(path, mount.point) and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def without_events(mounts: Sequence[Mount], path: str) -> Mount | None:
    """Return the mount without events that a folder is on, or one below it; None when every change raises events."""
    own = mount_of(mounts, path)
    if own is not None and not own.has_events:
        return own
    below = (mount for mount in mounts if mount.point != path and _is_at_or_below(mount.point, path))
    return next((mount for mount in below if not mount.has_events), None)


def is_named(folders: Iterable[str], path: str) -> bool:
    """Say whether a folder is one of the given ones, below one, or above one."""
    return any(_is_at_or_below(path, folder) or _is_at_or_below(folder, path) for folder in folders)


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
