"""Downloads that were begun and have not given their file a name yet: listed, gone on with, given up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hubman.core.hub import HubRef, Listing, RemoteFile
from hubman.core.plan.pull import reference, source_of
from hubman.disk.part import LOCK, PART, PREFIX, RECORD, Part, is_held, open_part, token_of
from hubman.disk.relocate import digest_of
from hubman.errors import N_, AccessError, ConflictError, HubmanError, IntegrityError, NotFoundError
from hubman.store.door import Store
from hubman.store.hub_answers import Unfinished
from hubman.store.reader import Reader, open_reader


@dataclass(frozen=True, slots=True)
class Begun:
    """An unfinished download. `have`: bytes of it that are on the disk; `size`: of the whole, where it is known."""

    entry: Unfinished
    have: int

    @property
    def name(self) -> str:
        return str(self.entry.detail.get("name", ""))

    @property
    def size(self) -> int | None:
        found = self.entry.detail.get("size")
        return found if isinstance(found, int) else None

    @property
    def state(self) -> str:
        """running, stopped, failed or placing; what was killed while it ran is stopped, whatever its row says."""
        if self.entry.state == "running" and not is_held(self.entry.part, _token(self.entry)):
            return "stopped"
        return self.entry.state

    @property
    def ref(self) -> HubRef:
        detail = self.entry.detail
        return HubRef(str(detail["hub"]), str(detail["model"]), str(detail["version"]))

    @property
    def file(self) -> str:
        return str(self.entry.detail["file"])

    def to_json(self) -> dict[str, object]:
        """Return its object in `hubman pull --json` (docs/json.md)."""
        return {
            "number": self.entry.number, "ref": self.entry.ref, "name": self.name, "folder": self.entry.part,
            "state": self.state, "have": self.have, "size": self.size, "began_ns": self.entry.made_ns,
        }  # fmt: skip


def unfinished(reader: Reader) -> list[Begun]:
    """Return the downloads that have not ended, the oldest first."""
    return [Begun(entry, _have(entry)) for entry in reader.hubs.downloads()]


def some_of(begun: Sequence[Begun], words: Sequence[str]) -> list[Begun]:
    """Return those that words mean: numbers, references or names; no words mean all.

    Raises:
        NotFoundError: `no-such-download`.
    """
    if not words:
        return list(begun)
    found = []
    for word in words:
        same = [one for one in begun if word in (str(one.entry.number), one.entry.ref, one.name)]
        if not same:
            raise NotFoundError(
                "no-such-download",
                N_("There is no unfinished download {word!r}."),
                hint=N_("`hubman pull` without anything lists them."),
                word=word,
            )
        found += same
    return list({one.entry.number: one for one in found}.values())


def forget(store: Store, begun: Iterable[Begun]) -> list[Begun]:
    """Give downloads up: what is there of them is deleted.

    Raises:
        ConflictError: `download-under-way`, somebody is at one of them.
    """
    done = []
    for one in begun:
        if os.path.isdir(one.entry.part):
            open_part(one.entry.part, _token(one.entry)).remove()
        with store.writer() as writer:
            writer.hubs.end_download(one.entry.number)
        done.append(one)
    return done


def drop_finished(store: Store) -> None:
    """Forget downloads whose folder is there and whose part is not: they ended, or were cleaned up by somebody."""
    with open_reader(store.path) as reader:
        over = [one for one in unfinished(reader) if one.entry.state != PLACING]
    gone = [one for one in over if os.path.isdir(one.entry.part) and not _is_there(one.entry)]
    with contextlib.suppress(ConflictError):  # somebody has just begun with it
        forget(store, gone)


# --- what a download itself says ----------------------------------------------------------------------------------


def begin(store: Store, ref: str, folder: str, detail: Mapping[str, object]) -> int:
    """Record that a download is under way; one that was begun before keeps its number. Return that."""
    with open_reader(store.path) as reader:
        before = [entry.number for entry in reader.hubs.downloads() if (entry.ref, entry.part) == (ref, folder)]
    with store.writer() as writer:
        if before:
            writer.hubs.set_download(before[0], "running", detail)
            return before[0]
        return writer.hubs.begin_download(ref, folder, detail)


def not_ended(store: Store, number: int, error: BaseException) -> None:
    """Record why a download did not end. One that can have nothing to go on with is forgotten."""
    if isinstance(error, IntegrityError):
        ended(store, number)
        return
    if isinstance(error, (AccessError, NotFoundError)):
        with open_reader(store.path) as reader:
            empty = [one for one in unfinished(reader) if one.entry.number == number and not one.have]
        if empty:
            with contextlib.suppress(HubmanError, OSError):
                forget(store, empty)
            return
    why = error.reference if isinstance(error, HubmanError) else type(error).__name__
    state = "stopped" if why in ("KeyboardInterrupt", "download-stopped") else "failed"
    with store.writer() as writer:
        writer.hubs.set_download(number, state)


PLACING = "placing"
"""State of a download whose file is getting its name: a killed one is looked for where it was going."""


def placing(store: Store, number: int, folder: str, name: str, sha256: str) -> None:
    """Record that a file is about to get its name in a folder (another one than planned, if its bytes say so)."""
    with open_reader(store.path) as reader:
        detail = next((dict(one.detail) for one in reader.hubs.downloads() if one.number == number), {})
    with store.writer() as writer:
        writer.hubs.set_download(number, PLACING, {**detail, "placing": [folder, name, sha256]})


def hold_of(listing: Listing, file: RemoteFile, folder: str) -> Part:
    """Keep everybody else away from a download.

    Raises:
        ConflictError: `download-under-way`. OSError: the folder is gone, or cannot be written to.
    """
    return open_part(folder, token_of(source_of(listing), file.id, file.sha256))


def placed_unrecorded(reader: Reader, ref: str) -> tuple[int, str, str] | None:
    """Return (number, path, folder of its part) of a file that got its name and was not recorded; None: there is none.

    Whoever gave it its name was killed, or is about to record it: `hold_of` tells.
    """
    for one in reader.hubs.downloads():
        if one.ref != ref or one.state != PLACING:
            continue
        folder, name, sha256 = one.detail["placing"]
        with contextlib.suppress(OSError):
            stem, ending = os.path.splitext(name)
            for other in sorted(os.listdir(folder)):
                path = os.path.join(folder, other)
                near = other.startswith(stem) and other.endswith(ending)
                if near and os.path.isfile(path) and not os.path.islink(path) and digest_of(path) == sha256:
                    return one.number, path, one.part
    return None


def ended(store: Store, number: int) -> None:
    """Record that a download is over."""
    with store.writer() as writer:
        writer.hubs.end_download(number)


def clean_up(store: Store, listing: Listing, file: RemoteFile, folders: Iterable[str]) -> None:
    """Take away what a killed run left of a download whose file is here.

    Args:
        folders: where its part may have been.
    """
    ref = str(reference(listing, file))
    token = token_of(source_of(listing), file.id, file.sha256)
    with open_reader(store.path) as reader:
        left = [one for one in unfinished(reader) if one.entry.ref == ref]
    with contextlib.suppress(HubmanError, OSError):
        for folder in {*folders, *(one.entry.part for one in left)}:
            if any(os.path.lexists(os.path.join(folder, PREFIX + token + end)) for end in (PART, RECORD, LOCK)):
                open_part(folder, token).remove()
        forget(store, left)


def _token(entry: Unfinished) -> str:
    detail = entry.detail
    sha256 = detail.get("sha256")
    source = f"{detail.get('hub')}:{detail.get('model')}@{detail.get('version')}"
    return token_of(source, str(detail.get("file")), str(sha256) if sha256 else None)


def _part(entry: Unfinished) -> str:
    return os.path.join(entry.part, PREFIX + _token(entry) + PART)


def _is_there(entry: Unfinished) -> bool:
    return os.path.exists(_part(entry))


def _have(entry: Unfinished) -> int:
    return _bytes(_part(entry))


def part_bytes(listing: Listing, file: RemoteFile, folder: str) -> int:
    """Return the bytes that an earlier run left of a file in a folder."""
    return _bytes(os.path.join(folder, PREFIX + token_of(source_of(listing), file.id, file.sha256) + PART))


def _bytes(path: str) -> int:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return min(status.st_size, status.st_blocks * 512) if hasattr(status, "st_blocks") else status.st_size
    return 0
