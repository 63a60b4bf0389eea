"""What is to be written beside a model, and what a run of writing did: the values of app/sidecars.py."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hubman.core.library import ModelFile
from hubman.disk.beside import Found


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not written, and why."""

    path: str
    why: str


@dataclass(slots=True)
class Written:
    """What a run did. `entry` is the number in the journal, None when nothing was written."""

    paths: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    entry: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object of `--json`."""
        skipped = [{"path": entry.path, "why": str(entry.why)} for entry in self.skipped]
        return {"written": self.paths, "skipped": skipped}


@dataclass(frozen=True, slots=True)
class Plan:
    """One file as it is and as it is to be. `file`: the model that it lies beside; `picture`: what a preview copies."""

    file: ModelFile
    path: str
    found: Found
    data: bytes
    picture: str | None = None


class SkipError(Exception):
    """A sidecar is not to be written."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(path)


def dress_of(file: ModelFile) -> str:
    """Return the file whose rights a new sidecar gets; a folder's are no file's."""
    return os.path.join(file.path, "model_index.json") if os.path.isdir(file.path) else file.path
