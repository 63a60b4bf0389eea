"""What `add` is given: files, model folders, folders of many files, archives. Found and unpacked, not judged."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from hubman import formats
from hubman.core.browser_name import is_unfinished, meant
from hubman.core.layout import folder_form, is_weights
from hubman.core.ports import Progress, Silence
from hubman.core.settle import LOCAL, age
from hubman.core.types import Format
from hubman.disk.archive import Member, contents, extract, is_archive
from hubman.disk.walk import SHARD_INDEX, Walk, model_members
from hubman.errors import N_, ConflictError, HubmanError, IntegrityError, NotFoundError, Phrase

_SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}\.safetensors")
_PACKED = (".7z", ".rar", ".tar", ".gz", ".tgz", ".xz", ".zst", ".bz2")
STALE_S = 2 * 86_400
"""Age after which a lock that belongs to nothing is removed."""
_LOCK = ".lock"

STILL_WRITTEN = N_("it is still being downloaded")

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Source:
    """One model that shall be filed.

    Attributes:
        path: a file, a model folder, or the index of a model in parts; absolute.
        name: what it was meant to be called, not yet safe.
        given: what the user named or what it was found by: for an archive's member `ARCHIVE:MEMBER`.
        members: absolute paths that are the model itself.
        folder: a model folder (not an index).
        archive: the archive that it was unpacked from; then `path` is hubman's own copy.
    """

    path: str
    name: str
    given: str
    members: tuple[str, ...]
    folder: bool = False
    archive: str | None = None

    @property
    def sharded(self) -> bool:
        return self.path.endswith(SHARD_INDEX)


@dataclass(slots=True)
class Found:
    """What the arguments lead to. `failed`: (path, error); `left`: (path, why) of what is no business of `add`."""

    sources: list[Source] = field(default_factory=list)
    failed: list[tuple[str, HubmanError]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


class Sources:
    """Finds what is to be added. A context manager: what was unpacked and not placed is removed at its end.

    Args:
        home: hubman's own folder, where archives are unpacked.
    """

    def __init__(self, home: Path, progress: Progress | None = None) -> None:
        self._incoming = home / "incoming"
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._progress = progress or Silence()

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._lock.lock_file)
            self._lock.release()

    def litter(self) -> bool:
        """Say whether anything unpacked lies about that is not this run's."""
        return self._incoming.is_dir() and any(entry != self._folder for entry in _folders(self._incoming))

    def sweep(self) -> None:
        """Remove what killed runs unpacked. Only for who holds the library: what they began to move is settled then."""
        if self._incoming.is_dir():
            _sweep(self._incoming)

    def find(self, paths: Sequence[str]) -> Found:
        """Find the models that the arguments mean; what cannot be added is told, and the rest goes on."""
        found = Found()
        for text in paths:
            path = os.path.abspath(os.path.expanduser(text))
            try:
                self._add(path, found)
            except HubmanError as error:
                found.failed.append((path, error))
            except OSError as error:
                found.failed.append((path, _refused(path, error)))
        _drop_repeated(found)
        _drop_changing(found)
        return found

    def _add(self, path: str, found: Found) -> None:
        if not os.path.lexists(path):
            raise NotFoundError("file-not-found", N_("There is no file {path}."), hint=N_("Check the name."), path=path)
        if os.path.islink(path):
            raise ConflictError(
                "is-a-link",
                N_("{path} is only a link to {target}, which may belong to another program. Nothing was moved."),
                hint=N_("hubman add --copy {target}"),
                path=path,
                target=os.path.realpath(path),
            )
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            self._add_folder(path, found)
        elif stat.S_ISREG(mode):
            self._add_file(path, found)
        else:
            raise IntegrityError("not-a-file", N_("{name} is a device or a pipe, not a file"), name=path)

    # --- folders -------------------------------------------------------------------------------------------------

    def _add_folder(self, path: str, found: Found) -> None:
        names = os.listdir(path)
        if folder_form(names) is not None:
            found.sources.append(self._model_folder(path))
            return
        before = len(found.sources)
        walk, listed = Walk(path), dict[str, list[str]]()
        for seen in walk:
            inner = os.path.join(path, *seen.relpath.split("/"))
            folder = os.path.dirname(inner)
            if folder not in listed:
                listed[folder] = os.listdir(folder)
            if os.path.islink(inner):
                found.left.append((inner, Phrase(N_("it is a link to another place"))))
            elif is_unfinished(os.path.basename(inner), listed[folder]):
                found.left.append((inner, Phrase(STILL_WRITTEN)))
            else:
                found.sources.append(self._model_folder(inner) if os.path.isdir(inner) else _single(inner))
        for relpath, why in walk.blocked.items():
            found.left.append((os.path.join(path, relpath), why))
        for inner in _unfinished_below(path):
            found.left.append((inner, Phrase(STILL_WRITTEN)))
        if len(found.sources) == before and not found.failed and not found.left:
            raise NotFoundError(
                "nothing-to-add",
                N_("There is no model in {path}."),
                hint=N_("An archive is added by its own name: hubman add FILE.zip"),
                path=path,
            )

    @staticmethod
    def _model_folder(path: str) -> Source:
        members = tuple(os.path.join(path, *name.split("/")) for name in model_members(path))
        unfinished = [name for name in members if is_unfinished(os.path.basename(name))]
        if unfinished or any(is_unfinished(name) for _, _, names in os.walk(path) for name in names):
            raise still_written(path)
        if not any(is_weights(os.path.basename(name)) for name in members):
            raise IntegrityError(
                "not-a-model",
                N_("{name} is no model: {why}"),
                hint=N_("Open the page of the model and look what its file is."),
                name=path,
                why=Phrase(N_("it holds no weights")),
            )
        return Source(path, meant(os.path.basename(path)), path, members, folder=True)

    # --- files and archives ------------------------------------------------------------------------------------------

    def _add_file(self, path: str, found: Found) -> None:
        name = os.path.basename(path)
        if is_unfinished(name, os.listdir(os.path.dirname(path))):
            raise still_written(path)
        if name.endswith(SHARD_INDEX) or _SHARD.fullmatch(name):
            found.sources.append(_sharded(path))
        elif name.lower().endswith(".zip") and is_archive(path):
            self._unpack(path, found)
        elif name.lower().endswith(_PACKED) and formats.container(path) is Format.UNKNOWN:
            raise ConflictError(
                "archive-unsupported",
                N_("{path} is an archive of a kind that hubman does not open."),
                hint=N_("Unpack it, then run: hubman add FOLDER"),
                path=path,
            )
        else:
            found.sources.append(_single(path))

    def _unpack(self, path: str, found: Found) -> None:
        """Write the models of an archive to hubman's own folder; the archive stays as it is."""
        held = contents(path)
        found.left += [(f"{path}:{name}", why) for name, why in held.left]
        if not held.members:
            raise NotFoundError(
                "nothing-to-add",
                N_("There is no model in {path}."),
                hint=N_("Look into it: what is in it may have to be unpacked where its page says."),
                path=path,
            )
        self._progress.phase("unpack", sum(member.size for member in held.members))
        for member in held.members:
            try:
                found.sources.append(self._member(path, member))
            except HubmanError as error:
                found.failed.append((f"{path}:{member.path}", error))

    def _member(self, path: str, member: Member) -> Source:
        if self._folder is None:
            self._incoming.mkdir(parents=True, exist_ok=True)
            folder = self._incoming / secrets.token_hex(8)
            self._lock = FileLock(f"{folder}{_LOCK}")
            self._lock.acquire()  # before there is anything that somebody could take for a killed run's
            folder.mkdir()
            self._folder = folder
        target = str(self._folder / f"{secrets.token_hex(8)}.part")
        extract(path, member, target, self._progress.advance)
        return Source(target, meant(member.name), f"{path}:{member.path}", (target,), archive=path)


def _single(path: str) -> Source:
    if path.endswith(SHARD_INDEX):
        return _sharded(path)
    return Source(path, meant(os.path.basename(path)), path, (path,))


def _sharded(path: str) -> Source:
    """Return the whole model of which an index or one part was named; its names are written in the index."""
    match = _SHARD.fullmatch(os.path.basename(path))
    index = path if match is None else os.path.join(os.path.dirname(path), match[1] + SHARD_INDEX)
    if not os.path.isfile(index):
        raise IntegrityError(
            "shard-index-missing",
            N_("{path} is one part of a model, and the index of its parts ({index}) is not there."),
            hint=N_("Download the index and all parts into one folder."),
            path=path,
            index=os.path.basename(index),
        )
    members = tuple(os.path.join(os.path.dirname(index), name) for name in model_members(index))
    return Source(index, os.path.basename(index), index, members)


def still_written(path: str) -> ConflictError:
    """Return the error for a download under way."""
    return ConflictError(
        "still-downloading",
        N_("{path} is still being downloaded."),
        hint=N_("Wait until your browser or downloader is done, then try again."),
        path=path,
    )


def _refused(path: str, error: OSError) -> ConflictError:
    return ConflictError(
        "file-unreadable",
        N_("{path}: the system says: {why}. Nothing was moved."),
        hint=N_("Correct that and try again."),
        path=error.filename or path,
        why=error.strerror or str(error),
    )


def _unfinished_below(path: str) -> Iterator[str]:
    for here, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(here, name) for name in sorted(names) if is_unfinished(name))


def _drop_repeated(found: Found) -> None:
    """Keep what was named twice, or named and lies in a folder that was named, once."""
    seen: set[str] = set()
    kept = []
    for source in found.sources:
        if not seen & set(source.members):
            kept.append(source)
            seen |= set(source.members)
    found.sources = kept


def stamp_of(source: Source) -> dict[str, Stamp]:
    """Return what tells whether one of a model's files was written meanwhile: size, time and number of each."""
    found = {}
    for path in source.members:
        status = os.stat(path)
        found[path] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def _drop_changing(found: Found) -> None:
    """Wait the seconds in which a writer of a fresh file would show, once for all; leave out what changed."""
    before = {id(source): stamp_of(source) for source in found.sources if source.archive is None}
    now_ns = time.time_ns()
    ages = [age(stamp[1], now_ns) for stamps in before.values() for stamp in stamps.values()]
    young = [seconds for seconds in ages if seconds is not None and seconds < LOCAL.quiet]
    if not young:
        return
    time.sleep(LOCAL.quiet - min(young))
    kept = []
    for source in found.sources:
        if source.archive is not None or _is_as_before(source, before[id(source)]):
            kept.append(source)
        else:
            found.failed.append((source.given, still_written(source.given)))
    found.sources = kept


def _is_as_before(source: Source, before: dict[str, Stamp]) -> bool:
    try:
        return stamp_of(source) == before
    except OSError:
        return False


def _folders(incoming: Path) -> list[Path]:
    return [entry for entry in incoming.iterdir() if not entry.name.endswith(_LOCK)]


def _sweep(folder: Path) -> None:
    """Remove what killed runs left: nobody holds its lock. A lock without a folder may be that of a run that begins."""
    for entry in _folders(folder):
        lock = FileLock(f"{entry}{_LOCK}", timeout=0)
        with contextlib.suppress(Timeout, OSError), lock:
            shutil.rmtree(entry, ignore_errors=True)
            os.unlink(lock.lock_file)
    for entry in folder.glob(f"*{_LOCK}"):
        with contextlib.suppress(OSError):
            if time.time() - entry.stat().st_mtime > STALE_S and not entry.with_suffix("").exists():
                entry.unlink()
