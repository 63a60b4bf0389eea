"""`hubman scan`: what would opening these files the usual way do? Reads headers; runs, imports and writes nothing.

The library remembers a verdict for every file and no findings, so what is neither safe nor without code is read again:
the findings are then about the file as it is now.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hubman import formats
from hubman.app.inspect import format_of
from hubman.app.reading import failure_of, safety_of
from hubman.core.library import Failure, ModelFile
from hubman.core.query import parse_query, query_text
from hubman.core.types import Finding, Format, Safety
from hubman.errors import N_, HubmanError, Phrase
from hubman.formats.folder import INDEX_SUFFIX, FolderForm, FolderKind, is_weights
from hubman.formats.sniff import named_like_a_model, named_like_a_pickle
from hubman.store.reader import Reader

NOT_FOUND = "not-found"
QUIET = (Safety.SAFE, Safety.NOT_APPLICABLE)
"""Verdicts of which nothing is to be said."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """One file and what was found in it.

    Attributes:
        id: its id in the library, None for a file that was given by its path.
        failure: why it could not be read; its safety is `suspicious` when it may hold code all the same.
    """

    path: str
    id: str | None
    name: str
    format: str
    safety: Safety
    findings: tuple[Finding, ...] = ()
    failure: Failure | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object of `hubman scan --json` (docs/json.md)."""
        error = {"reference": self.failure.reference, "message": self.failure.message} if self.failure else None
        findings = [{"reference": finding.reference, "message": finding.message} for finding in self.findings]
        return {
            "id": self.id, "name": self.name, "path": self.path, "format": self.format, "safety": str(self.safety),
            "findings": findings, "error": error,
        }  # fmt: skip

    @property
    def unopened(self) -> bool:
        """Whether the file is not there or the system refused it: nothing is known of it as it is now."""
        return self.failure is not None and (self.failure.passing or self.failure.reference == NOT_FOUND)

    @property
    def telling(self) -> bool:
        """Whether there is something to be said of it in a list of a whole library."""
        return self.safety not in QUIET or self.unopened


def are_paths(words: Sequence[str]) -> bool:
    """Whether the arguments are files to read now and no query: one of them is there, or can only be meant so."""
    return any(os.path.lexists(word) or os.path.isabs(word) or named_like_a_model(word) for word in words)


def scan_paths(paths: Iterable[str]) -> Iterator[Scanned]:
    """Read the given files, and the models in the given folders."""
    for given in paths:
        for path, refusal in _expanded(given):
            yield _read(path, None, path) if refusal is None else _unread(path, None, path, refusal)


def _expanded(path: str) -> Iterator[tuple[str, OSError | None]]:
    """Yield a file itself, or for a folder the models in it; a folder that cannot be listed comes with the reason.

    With a folder that is one model come the pickles in it that are none of its weights: they open as well as others.
    """
    if not os.path.isdir(path):
        yield path, None
        return
    try:
        names = sorted(os.listdir(path))
        form = formats.classify_folder(path, names)
    except OSError as error:
        yield path, error
        return
    if form is not None:
        yield path, None
        yield from ((extra, None) for extra in _beside(path, form))
        return
    for name in names:
        full = os.path.join(path, name)
        if os.path.isdir(full) and not os.path.islink(full) and not name.startswith("."):
            yield from _expanded(full)
        elif os.path.isfile(full) and (named_like_a_model(name) or name.endswith(INDEX_SUFFIX)):
            yield full, None


def _beside(path: str, form: FolderForm) -> Iterator[str]:
    """Yield the pickles in a model folder that reading the folder does not read."""
    for place, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = os.path.relpath(place, path)
        for name in sorted(filter(named_like_a_pickle, names)):
            full = os.path.join(place, name)
            if not (is_weights(name) and _is_read(form, inside, name)) and os.path.isfile(full):
                yield full


def _is_read(form: FolderForm, inside: str, name: str) -> bool:
    """Whether a weights file of the folder `inside` of a model folder (`.`: itself) counts with it."""
    if form.kind is FolderKind.PIPELINE:
        return inside in form.members
    return inside == "." and (form.kind is not FolderKind.SHARDED or name in form.members)


def scan_library(reader: Reader, words: Sequence[str], now: int) -> tuple[int, list[ModelFile]]:
    """Return (number of files of the query, those of them that must be read again).

    Args:
        words: a query; none means every file.
        now: nanoseconds, for ages in the query.
    """
    total, files = reader.search(parse_query(query_text(words), now))
    return total, [
        file for file in files if file.safety not in map(str, QUIET) or (file.failure and file.failure.passing)
    ]


def scan_files(files: Sequence[ModelFile], advance: Callable[[], None]) -> Iterator[Scanned]:
    """Read files of the library again; `advance` is called after each."""
    for file in files:
        found = _read(file.path, file.id, file.name)
        if found.failure and found.failure.passing:
            found = replace(found, safety=Safety(file.safety))  # refused by the system: the last verdict stands
        yield found
        advance()


def _read(path: str, file_id: str | None, name: str) -> Scanned:
    try:
        header = formats.read_header(path)
    except FileNotFoundError:
        failure = Failure(NOT_FOUND, Phrase(N_("there is no such file")))
        return Scanned(path, file_id, name, Format.UNKNOWN, Safety.NOT_APPLICABLE, (), failure)
    except (HubmanError, OSError) as error:
        return _unread(path, file_id, name, error)
    return Scanned(path, file_id, name, header.format, header.safety, header.findings)


def _unread(path: str, file_id: str | None, name: str, error: HubmanError | OSError) -> Scanned:
    failure = failure_of(error)
    form, safety = format_of(failure.reference), safety_of(failure.reference)
    return Scanned(path, file_id, name, form, safety, (), failure)
