"""Is every file still what it was when it was hashed? Everything is read again, no model is changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hubman import formats
from hubman.app.hashing import StoppedError, hash_model
from hubman.app.reading import failure_of, has_vanished
from hubman.core.library import ModelFile
from hubman.core.ports import Progress
from hubman.disk.walk import LARGEST_INODE, member_files, model_members
from hubman.errors import N_, ConflictError, HubmanError, IntegrityError, Phrase
from hubman.store.reader import Reader


class Trouble(StrEnum):
    """What can be wrong with a file."""

    ROT = "rot"
    TRUNCATED = "truncated"
    CHANGED = "changed"
    GONE = "gone"
    UNREADABLE = "unreadable"
    CLAIM_FALSE = "claim-false"


SPOILT = (Trouble.ROT, Trouble.TRUNCATED, Trouble.CHANGED, Trouble.CLAIM_FALSE)
"""After these a place does not have its content any more, whatever the index says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One file that is not what it should be.

    Attributes:
        sha256: the recorded hash. found: the hash of what is there now, where it was read.
        good: other places where the recorded content lies whole.
    """

    file: ModelFile
    trouble: Trouble
    why: str
    sha256: str
    found: str | None = None
    good: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the object of `verify --json`."""
        return {
            "id": self.file.id, "name": self.file.name, "path": self.file.path, "trouble": self.trouble.value,
            "why": str(self.why), "sha256": self.sha256, "found": self.found, "good": list(self.good),
        }  # fmt: skip


@dataclass(slots=True)
class Report:
    """What a run checked. `unhashed` files have nothing to be checked against; `stopped`: it was interrupted.

    `mended`: files that were spoilt when they were last looked at, and are read to their end as they should be.
    """

    checked: int = 0
    bytes: int = 0
    unhashed: int = 0
    confirmed: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    mended: list[ModelFile] = field(default_factory=list)

    @property
    def spoilt(self) -> list[ModelFile]:
        """The places that hold other bytes than those that were hashed."""
        return [finding.file for finding in self.findings if finding.trouble in SPOILT]

    def to_json(self) -> dict[str, object]:
        """Return the object of `verify --json`."""
        findings = [finding.to_json() for finding in self.findings]
        return {
            "checked": self.checked, "bytes": self.bytes, "unhashed": self.unhashed, "confirmed": self.confirmed,
            "findings": findings, "seconds": self.seconds, "stopped": self.stopped,
        }  # fmt: skip


ROTTEN = N_(
    "size and time are those of the day it was hashed, and the content is another: the disk, a cable or the memory "
    "changed it. Which part cannot be known from a hash."
)
CUT = N_("it is shorter than it was: {now:,} of {then:,} bytes are there")
DRIFTED = N_("it was changed since it was hashed: run `hubman sync`")
HEADER_CHANGED = N_("size and time are as they were, and its header is another")
FALSE_CLAIM = N_("its name in the cache says another content than the one that is there: download it again")
AWAY = N_("it is not there any more: run `hubman sync`")


class Verify:
    """One run. Ctrl-C ends it between two blocks; what was found until then is reported.

    Args:
        fast: compare size, time and header only, without reading the tensors.
        step: told the bytes of every step.
    """

    def __init__(
        self, reader: Reader, step: Callable[[int], None], stop: Callable[[], bool], *, fast: bool = False
    ) -> None:
        self._reader, self._step, self._stop, self._fast = reader, step, stop, fast
        self._claimed = reader.statistics.claimed()
        self._hashes: dict[tuple[int, str], str] = {}  # (file id, path) -> what was read in this run
        self.report = Report()

    def run(self, files: Sequence[ModelFile], progress: Progress) -> Report:
        """Check every file that has a hash, smallest first."""
        started = time.monotonic()
        hashed = sorted((file for file in files if file.hashes), key=lambda file: file.size)
        self.report.unhashed = len(files) - len(hashed)
        progress.phase("verify", len(hashed) if self._fast else sum(file.size for file in hashed))
        try:
            for file in hashed:
                self._check(file)
        except (StoppedError, KeyboardInterrupt):
            self.report.stopped = True
        self.report.seconds = round(time.monotonic() - started, 3)
        return self.report

    def _check(self, file: ModelFile) -> None:
        finding = self._looked_at(file)
        self.report.checked += 1
        if self._fast:
            self._step(1)
        if finding is not None:
            self.report.findings.append(finding)

    def _looked_at(self, file: ModelFile) -> Finding | None:
        try:
            size, mtime_ns = stamp(file)
            if (size, mtime_ns) != (file.size, file.mtime_ns):
                return self._drifted(file, size)
            return self._header(file) if self._fast else self._content(file)
        except ConflictError:
            return _finding(file, Trouble.CHANGED, DRIFTED)
        except (OSError, HubmanError) as error:
            if has_vanished(file.path):
                return _finding(file, Trouble.GONE, AWAY, good=self._good(file))
            return _finding(file, Trouble.UNREADABLE, failure_of(error).message, good=self._good(file))

    def _drifted(self, file: ModelFile, size: int) -> Finding:
        """Tell a file that somebody replaced from one that lost its end."""
        try:
            formats.read_header(file.path)
        except IntegrityError as error:
            if size < file.size or error.reference.endswith("-truncated"):
                why = Phrase(CUT, now=size, then=file.size)
                return _finding(file, Trouble.TRUNCATED, why, good=self._good(file))
        return _finding(file, Trouble.CHANGED, DRIFTED)

    def _header(self, file: ModelFile) -> Finding | None:
        """Compare the header alone; a file that could not be read at the time has none to compare."""
        wanted = self._reader.header_digest(file.file_id)
        if not wanted or file.failure is not None or formats.read_header(file.path).digest == wanted:
            return None
        return _finding(file, Trouble.ROT, HEADER_CHANGED, good=self._good(file))

    def _content(self, file: ModelFile) -> Finding | None:
        wanted = _recorded(file)
        found = self._hash(file)
        self.report.bytes += file.size
        if found == wanted:
            if file.spoilt:
                self.report.mended.append(file)
            if wanted in self._claimed and wanted not in self.report.confirmed:
                self.report.confirmed.append(wanted)
            return None
        if wanted in self._claimed:
            return _finding(file, Trouble.CLAIM_FALSE, FALSE_CLAIM, found)
        return _finding(file, Trouble.ROT, ROTTEN, found, self._good(file))

    def _hash(self, file: ModelFile, *, counted: bool = True) -> str:
        key = (file.file_id, file.path)
        if key not in self._hashes:
            self._hashes[key] = hash_model(file.path, self._tick if counted else self._silent).sha256
        elif counted:
            self._step(file.size)
        return self._hashes[key]

    def _tick(self, amount: int) -> None:
        self._silent(amount)
        self._step(amount)

    def _silent(self, _: int) -> None:
        if self._stop():
            raise StoppedError

    def _good(self, file: ModelFile) -> tuple[str, ...]:
        """Return the other places of the recorded content, each read to its end: a rotten copy helps nobody."""
        wanted = _recorded(file)
        return tuple(place.path for place in self._others(file) if self._is_whole(place, wanted))

    def _is_whole(self, place: ModelFile, wanted: str) -> bool:
        try:
            return self._hash(place, counted=False) == wanted
        except (OSError, HubmanError):
            return False

    def _others(self, file: ModelFile) -> Iterator[ModelFile]:
        places = self._reader.of_subjects([_recorded(file)])
        return (place for place in places if place.file_id != file.file_id)


def stamp(file: ModelFile) -> tuple[int, int]:
    """Return size and time of a model as a walk sees them now; of several files the sum and the newest.

    Raises:
        OSError.
    """
    if not file.folder:
        status = os.stat(file.path)
        return status.st_size, min(status.st_mtime_ns, LARGEST_INODE)  # as the walk says it
    if os.path.isdir(file.path):
        found = [status for _, status in member_files(file.path)]
    else:
        folder = os.path.dirname(file.path)
        found = [os.stat(os.path.join(folder, name)) for name in model_members(file.path)]
    newest = max((status.st_mtime_ns for status in found), default=0)
    return sum(status.st_size for status in found), min(newest, LARGEST_INODE)


def _recorded(file: ModelFile) -> str:
    assert file.hashes is not None
    return file.hashes.sha256


def _finding(
    file: ModelFile, trouble: Trouble, why: str, found: str | None = None, good: tuple[str, ...] = ()
) -> Finding:
    return Finding(file, trouble, why, _recorded(file), found, good)
