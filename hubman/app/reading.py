"""One look into a model file and at what lies beside it -> a Reading. A broken file becomes a failure, never a gap."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

from hubman import formats
from hubman.core.beside import PREVIEW_SUFFIXES, candidate_names
from hubman.core.identify import identify
from hubman.core.library import UNREADABLE, Failure, Reading, Unread, stem_of
from hubman.core.sidecar import LARGEST_SIDECAR, merge, read
from hubman.core.triggers import rank_triggers
from hubman.core.types import Format, Safety, Sidecar
from hubman.errors import N_, HubmanError, Phrase
from hubman.formats.values import read_values
from hubman.opening import open_regular


def read_file(root: str, place: Unread) -> Reading | None:
    """Identify one file and read what lies beside it (or stayed where it was); None when it is not there any more."""
    path = os.path.join(root, place.relpath)
    stem = stem_of(place.relpath, folder=place.folder)
    beside, preview = _beside(os.path.dirname(path), stem, place)
    try:
        header = formats.read_header(path)
        facts = identify(header, name=stem, values=partial(read_values, path))
    except (HubmanError, OSError) as error:
        if has_vanished(path):
            return None
        failure = failure_of(error)
        return Reading(Format.UNKNOWN.value, safety_of(failure.reference), "", None, (), beside, preview, failure)
    words = rank_triggers(facts, sidecar=beside)
    reading = Reading(header.format.value, header.safety, header.digest, facts, words, beside, preview)
    return reading


def _beside(folder: str, stem: str, place: Unread) -> tuple[Sidecar, str | None]:
    """Read sidecars and find the preview; where the walk saw none, nothing is looked for."""
    if place.beside:
        return read_sidecars(folder, stem), find_preview(folder, stem)
    if place.left_behind:
        folder, stem = os.path.split(place.left_behind)
        return read_sidecars(folder, stem), find_preview(folder, stem)
    return Sidecar(), None


def failure_of(error: Exception) -> Failure:
    """Name an error as it is listed: hubman's own reference, or the system's words."""
    if isinstance(error, HubmanError):
        return Failure(error.reference, Phrase(error.template, **error.fields))
    reason = getattr(error, "strerror", None) or str(error)
    return Failure(UNREADABLE, Phrase(N_("The system refused to read it: {reason}"), reason=reason))


def safety_of(reference: str) -> Safety:
    """Judge a file by the failure to read it: a pickle or an archive that cannot be read was not shown to be safe."""
    return Safety.SUSPICIOUS if reference.startswith("pickle-") or reference == "archive" else Safety.NOT_APPLICABLE


def has_vanished(path: str) -> bool:
    """Say whether nothing is there (any more); a folder that may not be looked into tells nothing."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def read_sidecars(folder: str, stem: str) -> Sidecar:
    """Read every known sidecar of a stem. One that cannot be used is as if it were not there, with a warning."""
    found: list[Sidecar] = []
    warnings: list[str] = []
    for name in candidate_names(stem):
        path = os.path.join(folder, name)
        if os.path.islink(path):
            warnings.append(f"{name} is a link, which hubman does not follow for what lies beside a model")
            continue
        data = _read_bytes(path)
        if data is not None:
            beside, findings = read(name, data, stem)
            found.append(beside)
            warnings += [finding.message for finding in findings]
    return replace(merge([beside for beside in found if beside != Sidecar()]), warnings=tuple(warnings))


def _read_bytes(path: str) -> bytes | None:
    """Read a sidecar; one byte more than the most it may have tells that it is too large."""
    try:
        with open_regular(path) as file:
            return file.read(LARGEST_SIDECAR + 1)
    except OSError:
        return None


def find_preview(folder: str, stem: str) -> str | None:
    """Return the path of the picture beside a model, in the order in which the WebUIs look."""
    for suffix in PREVIEW_SUFFIXES:
        path = os.path.join(folder, stem + suffix)
        if os.path.isfile(path):
            return path
    return None
