"""Pickle files (.ckpt, .pt, .pth, .bin): names, shapes and a safety verdict, without executing or importing anything.

Three containers: the zip of torch.save since 1.6, the older one of five pickles and the raw storages
(torch/serialization.py `_legacy_save`), and a bare pickle. `read` runs in this process; `hubman.formats.read_header`
runs it in the child process of `hubman.formats.sandbox`.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from hubman.core.types import Finding, Format, Header, Safety, TensorInfo
from hubman.errors import N_, IntegrityError, Phrase
from hubman.formats._pickle_globals import ITEM_SIZES
from hubman.formats._pickle_values import BrokenPickleError, Global, LimitError, Notes, NumpyArray, Opaque, Storage
from hubman.formats._pickle_vm import LEGACY_MAGIC, run
from hubman.formats._pickle_words import shown
from hubman.formats._torch_zip import LOCAL_MAGIC, MAX_PICKLE, Directory, read_directory, read_member
from hubman.formats.sniff import is_tar
from hubman.opening import open_regular

MAX_DEPTH = 48
MAX_NODES = 300_000
MAX_TENSORS = 200_000
MAX_NAME = 1024
LONGEST_TEXT = 1 << 16
"""Letters of a text in the object that are passed on; a description is shorter, and a bomb is not."""
MAX_TEXT = 8 << 20
"""Letters of all texts in the object together."""
TAR_MEMBERS = ("storages", "tensors", "pickle", "sys_info")
"""Of torch's first format, in the order in which it loads them (torch/serialization.py `legacy_load`)."""


@dataclass(slots=True)
class _Reading:
    """One file being read: what the machine saw, the object, and a digest of the pickles."""

    notes: Notes = field(default_factory=Notes)
    value: object = None
    digest: str = ""


def read(path: str | os.PathLike[str]) -> Header:
    """Read a pickle's tree of names and shapes and judge what loading it would do.

    Raises:
        IntegrityError: `pickle-unreadable` when it ends early or is malformed and nothing dangerous came before, and
            `pickle-hostile` when it asks for more than any model needs; a payload before that gives an UNSAFE header.
        OSError: the file cannot be read.
    """
    reading = _Reading()
    reference = "pickle-unreadable"
    with io.BufferedReader(open_regular(path)) as file:  # type: ignore[type-var]
        try:
            _read_container(file, reading)
            return _header(reading, plain(reading.value))
        except BrokenPickleError as error:
            why = error.why
            if isinstance(error, LimitError):
                reference = "pickle-hostile"
        except (RecursionError, MemoryError):
            why = Phrase(N_("it is nested too deeply or too large"))
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):  # a place that the file names and that no file can have
                raise
            why = Phrase(N_("it names a place that is not in the file"))
        except Exception as error:  # the libraries that unpack a hostile file may raise nearly anything
            why = Phrase(N_("it is malformed: {what}"), what=shown(f"{type(error).__name__}: {error}"))
    return _unreadable(path, reading, reference, why)


def _unreadable(path: str | os.PathLike[str], reading: _Reading, reference: str, why: Phrase) -> Header:
    if reading.notes.verdict is not Safety.UNSAFE:
        raise IntegrityError(
            reference,
            N_("{name} cannot be read: {why}"),
            hint=N_("download it again, or remove it"),
            name=os.path.basename(os.fspath(path)),
            why=why,
        )
    text = Phrase(N_("the rest cannot be read: {why}"), why=why)
    reading.notes.add(Safety.SUSPICIOUS, "pickle-unreadable", text)
    return _header(reading, None)


def _header(reading: _Reading, tree: object) -> Header:
    findings = [finding for _, finding in reading.notes.findings]
    if not findings:
        findings = [Finding("pickle", Phrase(N_("this is a pickle; it holds only tensors and plain values")))]
    return Header(
        format=Format.PICKLE,
        tensors=dict(flattened(tree)),
        tree=tree,
        safety=reading.notes.verdict,
        findings=tuple(findings),
        digest=reading.digest,
    )


# --- containers ----------------------------------------------------------------------------------------------------
def _read_container(file: BinaryIO, reading: _Reading) -> None:
    magic = file.read(4)
    file.seek(0)
    if magic == LOCAL_MAGIC:
        _read_zip(file, reading)
        return
    tar = is_tar(file.read(512))
    if tar:
        _read_tar(file, reading)
    file.seek(0)
    try:
        _read_stream(file, reading)
    except BrokenPickleError:
        if tar:  # and nothing else, as it should be
            return
        if not zipfile.is_zipfile(file):
            raise
        _read_zip(file, reading)


def _read_zip(file: BinaryIO, reading: _Reading) -> None:
    directory = read_directory(file, reading.notes)
    if not directory.pickles:
        raise BrokenPickleError(N_("it is a zip archive without a pickle in it"))
    digest = hashlib.blake2b(digest_size=16)
    left = MAX_PICKLE
    for index, info in enumerate(directory.pickles):
        data = read_member(file, info, reading.notes)
        left -= len(data)
        if left < 0:
            raise BrokenPickleError(N_("the pickle is larger than any model's"))
        digest.update(data)
        stream = io.BytesIO(data)
        value = run(stream, reading.notes)
        if stream.tell() != len(data):
            _note_trailing(reading.notes)
            _walk_on(stream, reading.notes)
        if index == 0:
            reading.value = value
            _check_storages(directory, reading.notes)
    reading.digest = digest.hexdigest()


def _read_tar(file: BinaryIO, reading: _Reading) -> None:
    """Walk the pickles of torch's first format; its tensors are not read.

    torch tries this format first, so a file that is a tar and a harmless pickle at once is judged as both.

    Raises:
        BrokenPickleError: it is some other archive.
    """
    file.seek(0)
    told = Phrase(N_("this is a tar archive, torch's format of 2016, which can hide a program from other readers"))
    reading.notes.add(Safety.SUSPICIOUS, "pickle-tar", told)
    digest = hashlib.blake2b(digest_size=16)
    found = False
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for count, member in enumerate(archive):
                if count > len(TAR_MEMBERS) * 4:
                    break
                if member.name.lstrip("./") in TAR_MEMBERS and member.isreg():
                    found = True
                    content = archive.extractfile(member)
                    data = content.read(MAX_PICKLE) if content else b""
                    digest.update(data)
                    _walk_on(io.BytesIO(data), reading.notes)
    except (tarfile.TarError, ValueError, EOFError):
        pass
    if not found:
        raise BrokenPickleError(N_("it is an archive without a model in it"))
    reading.digest = digest.hexdigest()


def _note_trailing(notes: Notes) -> None:
    text = Phrase(N_("there is more after the end of the pickle than torch writes"))
    notes.add(Safety.SUSPICIOUS, "pickle-trailing", text)


def _walk_on(stream: io.BytesIO, notes: Notes) -> None:
    """Look into what follows the first pickle: another program may read it."""
    try:
        for _ in range(16):
            run(stream, notes)
    except BrokenPickleError:
        return


def _check_storages(directory: Directory, notes: Notes) -> None:
    for key, storage in notes.storages.items():
        size = directory.sizes.get(key.lower())
        if size is None or size < storage.numel * ITEM_SIZES[storage.dtype]:
            text = N_("the data of tensor storage {key} is missing or shorter than its tensors")
            notes.add(Safety.SUSPICIOUS, "pickle-storage", Phrase(text, key=shown(key)))
            return


def _read_stream(file: BinaryIO, reading: _Reading) -> None:
    window = _Window(file)
    value = run(window, reading.notes)
    if value == LEGACY_MAGIC:
        _read_legacy(window, reading)
        return
    reading.value = value
    reading.digest = window.digest()
    rest = file.read(MAX_PICKLE)
    if rest:
        _note_trailing(reading.notes)
        _walk_on(io.BytesIO(rest), reading.notes)


def _read_legacy(window: _Window, reading: _Reading) -> None:
    """Five pickles (magic, protocol, system, object, keys), then each storage: 8 bytes of length and the raw data."""
    _, _, reading.value, keys = (run(window, reading.notes) for _ in range(4))
    reading.digest = window.digest()
    storages = [_storage_of(reading.notes, key) for key in keys] if isinstance(keys, list) else []
    for storage in storages:
        size = 8 + (storage.numel * ITEM_SIZES[storage.dtype] if storage else 0)
        if size > window.size - window.tell():
            raise BrokenPickleError(N_("the file is cut off: its tensors need more bytes"))
        if storage and window.number() != storage.numel:
            odd = Phrase(N_("a tensor's data have another length than the pickle says"))
            reading.notes.add(Safety.SUSPICIOUS, "pickle-storage", odd)
        window.skip(size - (8 if storage else 0))
    known = {storage.key for storage in storages if storage}
    if not reading.notes.storages.keys() <= known:
        text = N_("the data of tensor storage {key} is missing or shorter than its tensors")
        missing = min(reading.notes.storages.keys() - known)
        reading.notes.add(Safety.SUSPICIOUS, "pickle-storage", Phrase(text, key=shown(missing)))
    if window.tell() < window.size:
        _note_trailing(reading.notes)


def _storage_of(notes: Notes, key: object) -> Storage | None:
    return notes.storages.get(key) if isinstance(key, str) else None


class _Window:
    """The beginning of a file, for the lexer: never more than MAX_PICKLE bytes, each of them hashed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.blake2b(digest_size=16)
        self.size = os.fstat(file.fileno()).st_size

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= MAX_PICKLE or self.tell() + size > MAX_PICKLE:
            there = 0 <= size <= self.size - self.tell()
            raise (LimitError if there else BrokenPickleError)(N_("the pickle is larger than any model's"))
        return self._seen(self._file.read(size))

    def readline(self) -> bytes:
        return self._seen(self._file.readline(1 << 16))

    def tell(self) -> int:
        return self._file.tell()

    def number(self) -> int:
        """Read 8 bytes as a number, least byte first."""
        return int.from_bytes(self._file.read(8), "little")

    def skip(self, count: int) -> None:
        """Step over the bytes of a tensor."""
        self._file.seek(count, 1)

    def digest(self) -> str:
        return self._hash.hexdigest()

    def _seen(self, data: bytes) -> bytes:
        self._hash.update(data)
        return data


# --- the tree ------------------------------------------------------------------------------------------------------
def plain(value: object) -> object:
    """Turn the machine's value into plain Python values; what cannot be shown becomes None.

    The file may refer to one list a thousand times over, so the nodes are counted as they are written out.
    """
    return _Plain().convert(value, 0)


class _Plain:
    def __init__(self) -> None:
        self.left = MAX_NODES
        self.letters = MAX_TEXT

    def convert(self, value: object, depth: int) -> object:
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise BrokenPickleError(N_("the object in it is larger or deeper than any model's"))
        match value:
            case None | bool() | int() | float() | TensorInfo():
                return value
            case str():
                return self.text(value)
            case dict():
                return {self.key(key): self.convert(item, depth + 1) for key, item in value.items()}
            case list():
                return [self.convert(item, depth + 1) for item in value]
            case tuple():
                return tuple(self.convert(item, depth + 1) for item in value)
            case NumpyArray(dtype=dtype, shape=shape):
                return TensorInfo(shape, dtype)
            case Global():
                return str(value)
            case Opaque():
                return self.opaque(value, depth)
        return None

    def text(self, text: str) -> str:
        """Cut what is longer than any description; nobody reads on."""
        kept = text[: min(LONGEST_TEXT, max(self.letters, 0))]
        self.letters -= len(kept)
        return kept

    def key(self, key: object) -> object:
        if isinstance(key, str):
            return self.text(key)
        return key if isinstance(key, (int, float, bool)) or key is None else shown(str(key))

    def opaque(self, value: Opaque, depth: int) -> object:
        """Show an object of a class as what was put into it: its items, its state, or its plain arguments."""
        state = value.state if isinstance(value.state, dict) else {}
        if state and value.source == Global("torch.nn.modules.container", "ParameterDict"):
            return self.convert(_parameters(state), depth + 1)
        if state or value.items:
            return self.convert({**state, **value.items}, depth + 1)
        return None


def _parameters(state: dict[object, object]) -> dict[object, object]:
    """The parameters of an nn.ParameterDict: `_parameters`, and since torch 1.12 what `_keys` names beside it."""
    own = state.get("_parameters")
    keys = state.get("_keys")
    found = dict(own) if isinstance(own, dict) else {}
    beside = keys if isinstance(keys, dict) else {}
    return {**{key: state[key] for key in beside if key in state}, **found}


def flattened(tree: object) -> Iterator[tuple[str, TensorInfo]]:
    """Yield (path of keys joined by ".", tensor) for every tensor of a plain tree."""
    pending: list[tuple[str, object]] = [("", tree)]
    count = 0
    while pending:
        path, value = pending.pop()
        if isinstance(value, TensorInfo):
            count += 1
            if count > MAX_TENSORS or len(path) > MAX_NAME:
                raise BrokenPickleError(N_("it has more tensors, or longer names, than any model"))
            yield path, value
        elif isinstance(value, (dict, list, tuple)):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            pending.extend(reversed([(f"{path}.{key}" if path else str(key), item) for key, item in pairs]))


__all__ = ["flattened", "plain", "read"]
