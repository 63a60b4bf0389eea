"""The library's own values: roots, model files, what a walk saw, what changed, what a verdict said."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from hubman.core.listed import ID_LENGTH as ID_LENGTH
from hubman.core.listed import UNREADABLE as UNREADABLE
from hubman.core.listed import Failure as Failure
from hubman.core.listed import HubNote as HubNote
from hubman.core.listed import ModelFile as ModelFile
from hubman.core.listed import OwnPreview as OwnPreview
from hubman.core.listed import Trigger
from hubman.core.listed import UserData as UserData
from hubman.core.listed import VerdictNote as VerdictNote
from hubman.core.listed import id_of as id_of
from hubman.core.listed import path_in as path_in
from hubman.core.listed import with_other_words as with_other_words
from hubman.core.types import Facts, Safety, Sidecar


class RootState(StrEnum):
    """What a walk found of a root."""

    OK = "ok"
    READ_ONLY = "read-only"
    UNREACHABLE = "unreachable"


class Layout(StrEnum):
    """Which program's folder names a root follows. An inbox is no library: new files in it are only offered."""

    WEBUI = "webui"
    COMFY = "comfy"
    SWARM = "swarm"
    SDNEXT = "sdnext"
    STABILITY_MATRIX = "stability-matrix"
    FOOOCUS = "fooocus"
    INVOKE = "invoke"
    HUGGINGFACE = "huggingface"
    FLAT = "flat"
    INBOX = "inbox"


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


class WakeWord(NamedTuple):
    """A word that an adapter answers to, found from its weights on one base (sha256): a guess.

    Attributes:
        place: 0 is the likeliest.
        score: how much more the adapter does with the word than with others (core/wake says how).
    """

    base: str
    text: str
    place: int
    score: float


class Seen(NamedTuple):
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


class Known(NamedTuple):
    """What the database remembers of a place: enough to decide whether to look again.

    A tuple, like Seen: a scan makes one of each for every file, in a third of the time of a frozen dataclass.
    """

    id: int
    relpath: str
    size: int
    mtime_ns: int
    inode: int
    beside: str
    present: bool
    facts_version: int
    hashed: bool
    device: int | None = None
    left_behind: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A place whose header is to be read.

    Attributes:
        beside: whether something lies beside it that may be a sidecar or a preview.
        left_behind: where its sidecars stayed when it was moved without them: that path without the ending.
    """

    id: int
    relpath: str
    name: str
    folder: bool
    beside: bool
    left_behind: str | None = None


@dataclass(frozen=True, slots=True)
class Unhashed:
    """A place whose content has no name yet. `size`, `mtime_ns` and `inode` (where given) say which state is meant.

    `sha256`: the name that it has, where only some of the other hashes are missing.
    """

    id: int
    root: str
    relpath: str
    size: int
    mtime_ns: int
    sha256: str | None = None
    inode: int | None = None


class ChangeKind(StrEnum):
    """The outcomes of comparing what is known with what was seen."""

    ADDED = "added"
    MODIFIED = "modified"
    MOVED = "moved"
    RETURNED = "returned"
    REMOVED = "removed"
    REPLACED = "replaced"
    REREAD = "reread"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the index and the disk.

    `known` is None for ADDED; `seen` is None for REMOVED, and for REPLACED: another known file took the path.
    """

    kind: ChangeKind
    known: Known | None
    seen: Seen | None


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


def left_behind(old: str, *, had: str, has: str, before: str | None) -> str | None:
    """Return where the sidecars of a moved file stayed: its old path without the ending.

    Args:
        old: that path.
        had, has: digests of the sidecars beside the old and the new place, "" for none.
        before: where an earlier move left them.

    Returns:
        None where it has some in its new place, or never had any.
    """
    if has:
        return None
    return old if had else before


def stem_path(root_path: str, relpath: str, *, folder: bool) -> str:
    """Return the path of a place without the ending: what the names of its sidecars begin with."""
    above, slash, _ = relpath.rpartition("/")
    return path_in(root_path, above + slash + stem_of(relpath, folder=folder))


def alias_of(root_path: str, relpath: str) -> str:
    """Return the id of a file that has not been hashed: `@` and 9 hex of its root and path."""
    import hashlib  # a tenth of the time that `search` takes to start

    digest = hashlib.sha256(f"{root_path}\0{relpath}".encode(errors="surrogateescape"))
    return "@" + digest.hexdigest()[: ID_LENGTH - 1]


def stem_of(relpath: str, *, folder: bool) -> str:
    """Return the name users type: the file name without its last extension (a folder's name as it is)."""
    last = relpath.rsplit("/", 1)[-1]
    if folder:
        return last.removesuffix(".safetensors.index.json") if last.endswith(".json") else last
    stem, dot, _ = last.rpartition(".")
    return stem if dot and stem else last
