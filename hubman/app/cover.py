"""The picture inside a model file, taken out into hubman's own folder when there is no other."""

from __future__ import annotations

from pathlib import Path

from hubman import formats
from hubman.core.cover import cover_of
from hubman.core.library import ModelFile
from hubman.core.types import Format
from hubman.disk.place import write_atomic
from hubman.errors import HubmanError


def find_cover(file: ModelFile) -> tuple[bytes, str] | None:
    """Return the picture in a file's header with its extension; None when it has none, or cannot be read."""
    if file.format != Format.SAFETENSORS or not file.present or file.failure is not None:
        return None
    try:
        return cover_of(formats.read_header(file.path).metadata)
    except (HubmanError, OSError):
        return None


def extract_cover(file: ModelFile, previews: Path) -> str | None:
    """Take the picture out of a file; return where it is, None when there is none."""
    found = find_cover(file)
    if found is None:
        return None
    data, extension = found
    target = previews / f"{file.subject.lstrip('@')}-cover.{extension}"
    write_atomic(target, data)
    return str(target)
