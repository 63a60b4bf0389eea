"""Bytes -> Header: bounded reads that execute nothing. Readers are told apart by bytes and imported when needed.

Readers never import one another: the sandbox and the folder reader are given what they need here.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Callable, Collection
from dataclasses import replace
from io import FileIO
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from hubman.core.types import Finding, Format, Header, Safety
from hubman.errors import N_, IntegrityError, Phrase
from hubman.formats.sniff import HEAD, WORDS, Guess, guess, named_like_a_model, named_like_a_pickle, names_something
from hubman.opening import open_regular

if TYPE_CHECKING:
    from hubman.formats.folder import FolderForm

READERS: dict[Guess, str] = {
    Guess.SAFETENSORS: "hubman.formats.safetensors:read",
    Guess.PICKLE: "hubman.formats.sandbox:read",
    Guess.GGUF: "hubman.formats.gguf:read",
    Guess.IMAGE: "hubman.formats.image:read",
}
IN_PROCESS = {**READERS, Guess.PICKLE: "hubman.formats.pickle:read"}
SAFETENSORS = "hubman.formats.safetensors:read_open"
FOLDER = "hubman.formats.folder"
ZIP_END = 22 + 0xFFFF
"""The end record of a zip and the longest comment after it."""


def read_header(
    path: str | os.PathLike[str], *, members: Collection[str] | None = None, isolate: bool = True
) -> Header:
    """Read what the file or model folder at `path` says about itself.

    Args:
        path: a file, a model folder, or the index file of a sharded model.
        members: for folders, the relative paths in it when the caller has them; else the folder is listed.
        isolate: read pickles in a child process with limits on memory and time.

    Raises:
        IntegrityError: the file is broken, or its name claims a model and its bytes are something else.
        OSError: it cannot be opened.
    """
    text = os.fspath(path)
    mode = os.stat(text).st_mode
    if stat.S_ISDIR(mode) or text.endswith(".safetensors.index.json"):
        read_one = _isolated if isolate else _in_process
        header: Header = _load(FOLDER + ":read")(text, members, read_one)
        return header
    if not stat.S_ISREG(mode):
        raise IntegrityError("not-a-file", N_("{name} is a device or a pipe, not a file"), name=os.path.basename(text))
    return _isolated(text) if isolate else _in_process(text)


def container(path: str | os.PathLike[str]) -> Format:
    """Tell the container of a file by its first bytes, reading nothing more."""
    with open_regular(path) as file:
        found = guess(file.read(HEAD) or b"", os.fstat(file.fileno()).st_size)
    return Format(found) if found in READERS else Format.UNKNOWN


def classify_folder(path: str, names: Collection[str]) -> FolderForm | None:
    """Say what kind of model the folder `path` with the entries `names` is as a whole, or None."""
    form: FolderForm | None = _load(FOLDER + ":classify")(path, names)
    return form


def model_folder(path: str | os.PathLike[str]) -> FolderForm | None:
    """Say what kind of model the folder at `path` is as a whole, or None for a folder that merely has files in it."""
    text = os.fspath(path)
    return classify_folder(text, os.listdir(text)) if os.path.isdir(text) else None


def config_folder(path: str | os.PathLike[str]) -> bool:
    """Say whether the folder at `path` describes a model by its configs without holding its weights."""
    text = os.fspath(path)
    described: bool = _load(FOLDER + ":is_config_folder")(text, os.listdir(text))
    return described


def _isolated(path: str) -> Header:
    return _read_file(path, READERS)


def _in_process(path: str) -> Header:
    return _read_file(path, IN_PROCESS)


def _load(dotted: str) -> Callable[..., Any]:
    module, _, name = dotted.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _read_file(path: str, readers: dict[Guess, str]) -> Header:
    with open_regular(path) as file:
        head = file.read(HEAD) or b""
        size = os.fstat(file.fileno()).st_size
        found = guess(head, size)
        if found in (Guess.OTHER, Guess.TEXT) and _ends_as_zip(file, size):
            found = Guess.PICKLE
        hidden = _hidden_pickle(path, head, found, readers)
        if hidden is not None:
            return hidden
        if found is Guess.SAFETENSORS:
            return _load(SAFETENSORS)(file, head, size, os.path.basename(path))  # type: ignore[no-any-return]
    if found in readers:
        header: Header = _load(readers[found])(path)
        return header
    return _no_model(path, found, size)


def _hidden_pickle(path: str, head: bytes, found: Guess, readers: dict[Guess, str]) -> Header | None:
    """Return the header of a dangerous pickle that begins like something else, or None.

    A loader that goes by the name (`.ckpt`, `.pt`) does not look at magic numbers: `GIF89a`, `GGUF`, `BM` and the
    length of a safetensors header are instructions of a pickle too, and what follows them runs.
    """
    if found is Guess.PICKLE:
        return None
    if not named_like_a_pickle(path) and (found is Guess.SAFETENSORS or not names_something(head)):
        return None
    try:
        header: Header = _load(readers[Guess.PICKLE])(path)
    except IntegrityError as error:
        if error.reference == "pickle-hostile" and named_like_a_pickle(path):
            raise  # a reader gave up on it where a loader goes on
        return None
    if header.safety is not Safety.UNSAFE:
        return None
    text = Phrase(N_("it begins like something else ({format}) and is a program at once"), format=str(found))
    return replace(header, findings=(Finding("pickle-disguised", text), *header.findings))


def _ends_as_zip(file: BinaryIO | FileIO, size: int) -> bool:
    """A zip is found from its end: junk before it hides it from a look at the first bytes."""
    file.seek(max(0, size - ZIP_END))
    return b"PK\x05\x06" in (file.read(ZIP_END) or b"")


def _no_model(path: str, found: Guess, size: int) -> Header:
    name = os.path.basename(path)
    if found is Guess.EMPTY or named_like_a_model(name):
        _refuse(name, found, size)
    reference = "html-page" if found is Guess.WEB_PAGE else str(found)
    return Header(
        Format.UNKNOWN, {}, safety=Safety.NOT_APPLICABLE, findings=(Finding(reference, Phrase(WORDS[found].finding)),)
    )


def _refuse(name: str, found: Guess, size: int) -> NoReturn:
    if found in (Guess.OTHER, Guess.TEXT) and name.lower().endswith((".safetensors", ".sft")):
        if size < 8:
            raise IntegrityError(
                "safetensors-truncated",
                N_("{name} is incomplete: {missing} bytes are missing at the end"),
                hint=N_("the download was cut off; download it again"),
                name=name,
                missing=8 - size,
            )
        raise IntegrityError(
            "safetensors-header",
            N_("{name} is no valid safetensors file: {why}"),
            hint=N_("download it again; if it came like this, it is broken at the source"),
            name=name,
            why=Phrase(N_("it does not begin with a header")),
        )
    references = {Guess.JSON: "web-page", Guess.TEXT: "not-a-model", Guess.OTHER: "not-a-model"}
    raise IntegrityError(
        references.get(found, str(found)),
        N_("{name} is no model: {why}"),
        hint=WORDS[found].hint,
        name=name,
        why=Phrase(WORDS[found].finding),
    )
