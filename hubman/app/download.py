"""Fetch one file of a hub: resumable, hashed while it comes, and without a model's name until somebody places it."""

from __future__ import annotations

import random as random_module
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hubman.app.download_errors import MISMATCH, mismatch
from hubman.app.download_work import Clock, Download, never
from hubman.core.hub import Listing, RemoteFile
from hubman.core.listed import Hashes
from hubman.core.plan.pull import source_of
from hubman.core.ports import Hub, Progress, Silence
from hubman.core.transfer import Limits
from hubman.disk.part import Part, open_part, token_of
from hubman.disk.running_hash import RunningHash
from hubman.errors import HubmanError, IntegrityError


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is here whole, without its name. Place it, then `discard` what is left; or `discard` it.

    Attributes:
        part: path. sha256, size: of the bytes. hashes: other hashes, where they cost nothing; else None.
        hold: keeps others away from it until `discard`.
    """

    part: str
    sha256: str
    size: int
    hashes: Hashes | None = None
    hold: Part | None = field(default=None, repr=False, compare=False)


def discard(fetched: Fetched) -> None:
    """Take away what is left of a download: of one that has its name now its notes, of another one all of it."""
    if fetched.hold is not None:
        fetched.hold.remove()


def fetch(
    hub: Hub,
    listing: Listing,
    file: RemoteFile,
    folder: str,
    *,
    connections: int = 1,
    progress: Progress | None = None,
    stop: Callable[[], bool] = never,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = random_module.random,
    limits: Limits = Limits(),  # noqa: B008
    aside: Callable[[str], str] | None = None,
) -> Fetched:
    """Fetch a file into a folder, under a name that nothing lists; go on with what an earlier run left there.

    Args:
        folder: where it will be placed, so that the part is on the same file system.
        connections: how many to use, where the hub and the server allow several.
        progress: phases "check" (what an earlier run left is read) and "download", both in bytes.
        stop: asked all the time; True ends it, and the part is kept. KeyboardInterrupt does the same.
        random: 0 to 1, spreads the waits.
        aside: takes whole bytes whose sha256 is a wrong one away from the path given, and says where they are then.

    Raises:
        HubError: `download-cut`, `hub-busy`, `download-changing`, `download-answer`: it could not be had now;
            `download-stopped`.
        AccessError: the hub's, or `download-refused`. NotFoundError: the hub's, or `download-gone`.
        IntegrityError: `not-a-model`, `wrong-size`: nothing of it is kept; `hash-mismatch`: as `aside` says.
        ConflictError: `no-space`, `download-under-way`. OSError: the folder cannot be written to.
    """
    part = open_part(folder, token_of(source_of(listing), file.id, file.sha256))
    try:
        with RunningHash() as hashing:
            download = Download(hub, listing, file, part, hashing, progress or Silence())
            download.connections, download.stop, download.clock = connections, stop, Clock(clock, sleep, random)
            try:
                sha256, size = download.run(limits)
            finally:
                download.let_go()
    except IntegrityError as error:
        kept = _set_aside(part, aside) if error.reference == MISMATCH else None
        part.remove()
        if kept is not None:
            raise mismatch(listing, file, kept) from error
        raise
    except BaseException:
        part.close()
        raise
    part.shut()
    return Fetched(part.path, sha256, size, hold=part)


def _set_aside(part: Part, aside: Callable[[str], str] | None) -> str | None:
    """Have wrong bytes taken away; None when nobody does, or there is no room for them: then they are deleted."""
    part.shut()
    try:
        return aside(part.path) if aside is not None else None
    except (HubmanError, OSError):
        return None
