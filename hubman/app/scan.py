"""`hubman scan`: what would opening these files the usual way do? Reads headers; runs, imports and writes nothing.

The library remembers a verdict for every file and no findings, so what is neither safe nor without code is read again:
the findings are then about the file as it is now.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hubman import formats
from hubman.app.inspect import expanded, format_of
from hubman.app.reading import failure_of, safety_of
from hubman.core.library import Failure, ModelFile
from hubman.core.query import parse_query, query_text
from hubman.core.types import Finding, Format, Safety
from hubman.errors import N_, HubmanError, Phrase
from hubman.formats.sniff import named_like_a_model
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
        """Whether the file is not there or the system refused it: nothing is known of it."""
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
        for path in expanded(given):
            yield _read(path, None, path)


def scan_library(reader: Reader, words: Sequence[str], now: int) -> tuple[int, list[ModelFile]]:
    """Return (number of files of the query, those of them that must be read again).

    Args:
        words: a query; none means every file.
        now: nanoseconds, for ages in the query.
    """
    total, files = reader.search(parse_query(query_text(words), now))
    return total, [file for file in files if file.safety not in map(str, QUIET)]


def scan_files(files: Sequence[ModelFile], advance: Callable[[], None]) -> Iterator[Scanned]:
    """Read files of the library again; `advance` is called after each."""
    for file in files:
        yield _read(file.path, file.id, file.name)
        advance()


def _read(path: str, file_id: str | None, name: str) -> Scanned:
    try:
        header = formats.read_header(path)
    except FileNotFoundError:
        failure = Failure(NOT_FOUND, Phrase(N_("there is no such file")))
        return Scanned(path, file_id, name, Format.UNKNOWN, Safety.NOT_APPLICABLE, (), failure)
    except (HubmanError, OSError) as error:
        failure = failure_of(error)
        form, safety = format_of(failure.reference), safety_of(failure.reference)
        return Scanned(path, file_id, name, form, safety, (), failure)
    return Scanned(path, file_id, name, header.format, header.safety, header.findings)
