"""The library's own values: roots, model files, what a walk saw, what changed, what a verdict said."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hubman.core.types import Facts, Hashes, Safety, Sidecar, Trigger

UNREADABLE = "unreadable"
"""Reference of a failure that is the system's and not the file's: rights, a bad cable, a network share that is away."""

ID_LENGTH = 10
"""Characters of an id: Civitai's AutoV2, so that it pastes into Civitai's search."""


class RootState(StrEnum):
    """What a walk found of a root."""

    OK = "ok"
    READ_ONLY = "read-only"
    UNREACHABLE = "unreachable"


class Layout(StrEnum):
    """Which program's folder names a root follows."""

    WEBUI = "webui"
    COMFY = "comfy"
    SWARM = "swarm"
    SDNEXT = "sdnext"
    STABILITY_MATRIX = "stability-matrix"
    FOOOCUS = "fooocus"
    INVOKE = "invoke"
    FLAT = "flat"


class SidecarPolicy(StrEnum):
    """What hubman may write beside the models of a root: nothing, what is missing, or merged into what is there."""

    OFF = "off"
    MISSING = "missing"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Root:
    """A watched directory. `device` is the file system's number at the last walk that found it."""

    id: int
    path: str
    layout: Layout
    state: RootState = RootState.OK
    sidecars: SidecarPolicy = SidecarPolicy.OFF
    device: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One model file (or model folder) as a walk saw it: nothing was opened.

    Attributes:
        relpath: relative to the root, POSIX separators.
        size: bytes; for a folder the sum over its members.
        mtime_ns: for a folder the newest of its members.
        inode: the file's number; for a folder a digest of its number and of name, size and time of every member, so
            that no change of a member goes unnoticed.
        beside: digest of name, size and time of the sidecars beside it, "" when there are none.
        folder: a diffusers, PEFT or sharded model that is one thing in several files.
        device: the file system's number of the folder that it lies in. It tells an unplugged drive from a deletion and
            never whether a file changed: a network share gets another number at every mount.
    """

    relpath: str
    size: int
    mtime_ns: int
    inode: int
    beside: str = ""
    folder: bool = False
    device: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the database remembers of a place: enough to decide whether to look again."""

    id: int
    relpath: str
    size: int
    mtime_ns: int
    inode: int
    beside: str
    present: bool
    facts_version: int
    sha256: str | None
    device: int | None = None


@dataclass(frozen=True, slots=True)
class Unhashed:
    """A place whose content has no name yet. `mtime_ns` and `size` say which state of it is meant."""

    id: int
    root: str
    relpath: str
    size: int
    mtime_ns: int


class ChangeKind(StrEnum):
    """The outcomes of comparing what is known with what was seen."""

    ADDED = "added"
    MODIFIED = "modified"
    MOVED = "moved"
    RETURNED = "returned"
    REMOVED = "removed"
    REREAD = "reread"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the index and the disk. `known` is None for ADDED, `seen` is None for REMOVED."""

    kind: ChangeKind
    known: Known | None
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be read, as it is listed: stable reference and words."""

    reference: str
    message: str

    @property
    def passing(self) -> bool:
        """Whether the next look may succeed although the file stays as it is: the system refused, not the content."""
        return self.reference == UNREADABLE


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one look into a file gave: facts or a failure, its trigger words, what lies beside it."""

    format: str
    safety: Safety
    header_digest: str
    facts: Facts | None
    triggers: tuple[Trigger, ...] = ()
    sidecar: Sidecar = field(default_factory=Sidecar)
    preview: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class VerdictNote:
    """The latest verdict on a blob, as lists show it."""

    verdict: str
    rule: str
    preview: str | None


@dataclass(frozen=True, slots=True)
class UserData:
    """What the user said of a content: it stays with the content through every move.

    Attributes:
        rating: 1 to 5, None when there is none.
    """

    note: str = ""
    tags: tuple[str, ...] = ()
    favourite: bool = False
    rating: int | None = None

    def over(self, older: UserData) -> UserData:
        """Return both together: what this one says wins, and nothing that only the older one says is lost."""
        note = self.note if not older.note or older.note in self.note else f"{self.note}\n{older.note}".strip()
        return UserData(
            note=note,
            tags=tuple({tag.casefold(): tag for tag in reversed((*self.tags, *older.tags))}.values())[::-1],
            favourite=self.favourite or older.favourite,
            rating=older.rating if self.rating is None else self.rating,
        )


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A place and what is in it, as lists and lookups give it.

    Attributes:
        id: first 10 hex of the sha256, or `@` + 9 hex of root and path while it has not been hashed.
        alias: the `@` id, which keeps resolving after the hash is known.
        facts: the JSON object of Facts (docs/json.md), {} for a broken file.
    """

    file_id: int
    id: str
    alias: str
    root_id: int
    root: str
    relpath: str
    name: str
    size: int
    mtime_ns: int
    present: bool
    format: str
    kind: str
    architecture: str | None
    algorithm: str | None
    safety: str
    folder: bool
    added_ns: int
    facts: dict[str, object]
    sidecar: dict[str, object]
    triggers: tuple[Trigger, ...]
    hashes: Hashes | None
    failure: Failure | None
    verdict: VerdictNote | None
    preview: str | None
    user: UserData = field(default_factory=UserData)

    @property
    def subject(self) -> str:
        """What the user's words, notes and verdicts of this file hang on: its content, or its place while unhashed."""
        return self.hashes.sha256 if self.hashes else self.alias

    @property
    def path(self) -> str:
        """Absolute path, with the separators of this platform's root."""
        separator = "\\" if "\\" in self.root and "/" not in self.root else "/"
        return self.root.rstrip("/\\") + separator + self.relpath.replace("/", separator)


def alias_of(root_path: str, relpath: str) -> str:
    """Return the id of a file that has not been hashed: `@` and 9 hex of its root and path."""
    digest = hashlib.sha256(f"{root_path}\0{relpath}".encode(errors="surrogateescape"))
    return "@" + digest.hexdigest()[: ID_LENGTH - 1]


def id_of(sha256: str | None, alias: str) -> str:
    """Return a file's id: the start of its sha256 when that is known, else its alias."""
    return sha256[:ID_LENGTH] if sha256 else alias


def stem_of(relpath: str, *, folder: bool) -> str:
    """Return the name users type: the file name without its last extension (a folder's name as it is)."""
    last = relpath.rsplit("/", 1)[-1]
    if folder:
        return last.removesuffix(".safetensors.index.json") if last.endswith(".json") else last
    stem, dot, _ = last.rpartition(".")
    return stem if dot and stem else last


def with_own_words(words: Iterable[Trigger], own: Sequence[str]) -> tuple[Trigger, ...]:
    """Put the user's own words before what files say; a word of theirs that a file also names appears once."""
    folded = {word.casefold() for word in own}
    rest = [word for word in words if word.text.casefold() not in folded]
    return (*(Trigger(word, "user", None, 1.0) for word in own), *rest)
