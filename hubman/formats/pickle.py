"""Pickle files (.ckpt, .pt, .pth, .bin): names, shapes and a safety verdict, without executing or importing anything.

Three containers: the zip of torch.save since 1.6, the older one of five pickles and the raw storages
(torch/serialization.py `_legacy_save`), and a bare pickle. `read` runs in this process; `hubman.formats.read_header`
runs it in the child process of `hubman.formats.sandbox`.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from hubman.core.types import Finding, Format, Header, Safety, TensorInfo
from hubman.errors import N_, IntegrityError
from hubman.formats._pickle_globals import ITEM_SIZES
from hubman.formats._pickle_vm import BrokenPickleError, Global, Notes, NumpyArray, Opaque, run, shown
from hubman.formats._torch_zip import LOCAL_MAGIC, MAX_PICKLE, Directory, read_directory, read_member

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of torch's old format (torch/serialization.py MAGIC_NUMBER)."""
MAX_DEPTH = 48
MAX_NODES = 1_000_000
MAX_TENSORS = 200_000
MAX_NAME = 1024
ORDER = (Safety.SAFE, Safety.SUSPICIOUS, Safety.UNSAFE)


@dataclass(slots=True)
class _Reading:
    """One file being read: what the machine saw, the object, and a running digest of the pickles."""

    notes: Notes = field(default_factory=Notes)
    value: object = None
    digest: str = ""


def read(path: str | os.PathLike[str]) -> Header:
    """Read a pickle's tree of names and shapes and judge what loading it would do.

    Raises:
        IntegrityError: `pickle-unreadable` when it ends early or is malformed and nothing dangerous came before;
            a payload before the break gives an UNSAFE header instead.
        OSError: the file cannot be read.
    """
    reading = _Reading()
    with open(path, "rb") as file:
        try:
            _read_container(file, reading)
            tree = plain(reading.value)
        except (BrokenPickleError, RecursionError, MemoryError) as error:
            return _unreadable(path, reading, str(error) or "it is nested too deeply or too large")
    return _header(reading, tree)


def _unreadable(path: str | os.PathLike[str], reading: _Reading, why: str) -> Header:
    if _verdict(reading.notes) is not Safety.UNSAFE:
        raise IntegrityError(
            "pickle-unreadable",
            N_("{name} cannot be read: {why}"),
            hint=N_("download it again, or remove it"),
            name=os.path.basename(os.fspath(path)),
            why=why,
        )
    reading.notes.add(Safety.SUSPICIOUS, "pickle-unreadable", f"the rest cannot be read: {why}")
    return _header(reading, None)


def _header(reading: _Reading, tree: object) -> Header:
    ranked = sorted(reading.notes.findings, key=lambda entry: -ORDER.index(entry[0]))
    findings = [finding for _, finding in ranked]
    if not findings:
        findings = [Finding("pickle", "this is a pickle; it holds only tensors and plain values")]
    return Header(
        format=Format.PICKLE,
        tensors=dict(flattened(tree)),
        tree=tree,
        safety=_verdict(reading.notes),
        findings=tuple(findings),
        digest=reading.digest,
    )


def _verdict(notes: Notes) -> Safety:
    return max((safety for safety, _ in notes.findings), key=ORDER.index, default=Safety.SAFE)


# --- containers ----------------------------------------------------------------------------------------------------
def _read_container(file: BinaryIO, reading: _Reading) -> None:
    magic = file.read(4)
    file.seek(0)
    if magic == LOCAL_MAGIC:
        _read_zip(file, reading)
        return
    try:
        _read_stream(file, reading)
    except BrokenPickleError:
        if not zipfile.is_zipfile(file):
            raise
        _read_zip(file, reading)


def _read_zip(file: BinaryIO, reading: _Reading) -> None:
    directory = read_directory(file, reading.notes)
    if not directory.pickles:
        raise BrokenPickleError("it is a zip archive without a pickle in it")
    digest = hashlib.blake2b(digest_size=16)
    for index, info in enumerate(directory.pickles):
        data = read_member(file, info, reading.notes)
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


def _note_trailing(notes: Notes) -> None:
    notes.add(Safety.SUSPICIOUS, "pickle-trailing", "there is more after the end of the pickle than torch writes")


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
            text = f"the data of tensor storage {shown(key)} is missing or shorter than its tensors"
            notes.add(Safety.SUSPICIOUS, "pickle-storage", text)
            return


def _read_stream(file: BinaryIO, reading: _Reading) -> None:
    window = _Window(file)
    reading.value = run(window, reading.notes)
    if reading.value == LEGACY_MAGIC:
        _read_legacy(window, reading)
    else:
        reading.digest = window.digest()
        rest = file.read(MAX_PICKLE)
        if rest:
            _note_trailing(reading.notes)
            _walk_on(io.BytesIO(rest), reading.notes)


def _read_legacy(window: _Window, reading: _Reading) -> None:
    """Five pickles (magic, protocol, system, object, keys), then each storage: 8 bytes of length and the raw data."""
    _, _, reading.value, keys = (run(window, reading.notes) for _ in range(4))
    reading.digest = window.digest()
    expected = window.tell()
    for key in keys if isinstance(keys, list) else ():
        storage = reading.notes.storages.get(key) if isinstance(key, str) else None
        expected += 8 + (storage.numel * ITEM_SIZES[storage.dtype] if storage else 0)
    if expected > window.size:
        raise BrokenPickleError("the file is cut off: its tensors need more bytes")
    if expected < window.size:
        _note_trailing(reading.notes)


class _Window:
    """The beginning of a file, for the lexer: never more than MAX_PICKLE bytes, each of them hashed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.blake2b(digest_size=16)
        self.size = os.fstat(file.fileno()).st_size

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= MAX_PICKLE or self.tell() + size > MAX_PICKLE:
            raise BrokenPickleError("the pickle is larger than any model's")
        return self._seen(self._file.read(size))

    def readline(self) -> bytes:
        return self._seen(self._file.readline(1 << 16))

    def tell(self) -> int:
        return self._file.tell()

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

    def convert(self, value: object, depth: int) -> object:
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise BrokenPickleError("the object in it is larger or deeper than any model's")
        match value:
            case None | bool() | int() | float() | str() | TensorInfo():
                return value
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

    def key(self, key: object) -> object:
        return key if isinstance(key, (str, int, float, bool)) or key is None else shown(str(key))

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
                raise BrokenPickleError("it has more tensors, or longer names, than any model")
            yield path, value
        elif isinstance(value, (dict, list, tuple)):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            pending.extend(reversed([(f"{path}.{key}" if path else str(key), item) for key, item in pairs]))


__all__ = ["flattened", "plain", "read"]
