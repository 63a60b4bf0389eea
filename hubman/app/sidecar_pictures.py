"""Pictures beside models, as every WebUI shows them: `<stem>.preview.png`, never in the place of the user's own."""

from __future__ import annotations

import os

from hubman.app.reading import find_preview
from hubman.app.sidecar_plan import Plan, dress_of
from hubman.app.sidecar_refresh import refresh
from hubman.core.beside import PREVIEW_SUFFIXES
from hubman.core.library import ModelFile, SidecarPolicy
from hubman.core.png_text import own_record
from hubman.disk.beside import ChangedError, Found, read_beside, write_beside
from hubman.errors import ConflictError
from hubman.store.door import Store

LARGEST_PICTURE = 64 << 20
"""Bytes of a picture beside a model that is read to see whether hubman made it."""


def plan_preview(file: ModelFile, picture: str) -> Plan | None:
    """Plan `<stem>.preview.png` (or as the picture ends) where the model has no picture, or an older one of hubman's.

    An older one of hubman's is a `.preview.png` with hubman's JSON whose seal is whole: nobody changed a byte of it
    (core/png_text.py). Any other picture, by whatever name a WebUI would show it, is somebody's choice and stays.
    """
    folder = os.path.dirname(file.path)
    target = os.path.join(folder, f"{file.name}.preview{_ending(picture)}")
    there = find_preview(folder, file.name)
    found = Found() if there is None else _own_older(there, target)
    if found is None:
        return None
    try:
        with open(picture, "rb") as source:
            data = source.read()
    except FileNotFoundError:
        return None
    return None if data == found.data else Plan(file, target, found, data, picture)


def _own_older(there: str, target: str) -> Found | None:
    """Return the picture that is there if it may be renewed: it has the very name to write, and hubman made it."""
    if there != target:
        return None
    try:
        found = read_beside(there, LARGEST_PICTURE)
    except ConflictError:
        return None  # a link is the user's
    return found if own_record(found.data) is not None else None


def _ending(picture: str) -> str:
    ending = os.path.splitext(picture)[1].lower()
    return ending if ".preview" + ending in PREVIEW_SUFFIXES else ".png"


def place_preview(store: Store, file: ModelFile, picture: str, policy: SidecarPolicy) -> str | None:
    """Write a model's first picture beside it, where the root's policy allows it.

    Returns:
        The path written, or None when the policy is off or the model has a picture.

    Raises:
        OSError.
    """
    plan = None if policy is SidecarPolicy.OFF else plan_preview(file, picture)
    if plan is None:
        return None
    try:
        write_beside(plan.path, plan.data, plan.found, like=dress_of(file))
    except ChangedError:
        return None  # another one came first
    refresh(store, [file])
    return plan.path
