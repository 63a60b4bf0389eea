"""`undo` of a pull: the file goes to the trash of its root; taking that back brings it back."""

from __future__ import annotations

from hubman.app.acting import Action, check, perform
from hubman.app.trash import into_trash
from hubman.app.undo import move_back
from hubman.core.journal import UNDO, Entry
from hubman.core.library import ModelFile
from hubman.errors import N_, ConflictError, HubmanError
from hubman.store.door import Store
from hubman.store.reader import open_reader


def take_back(store: Store, entry: Entry, *, dry_run: bool) -> list[str]:
    """Move what was pulled to the trash, wherever it lies by now; or, of an undo, back out of it.

    Raises:
        ConflictError: `undo-blocked`.
    """
    if "token" in entry.detail:  # it was taken back before: then the detail is that move
        return move_back(store, entry, dry_run=dry_run)
    plan = into_trash([_file(store, entry)])
    try:
        check(plan)
    except HubmanError as error:
        raise _blocked(entry, error.message) from error
    if not dry_run:
        perform(store, Action(UNDO, plan, {"verb": entry.verb, "of": entry.id}, takes_back=entry.id))
    return [f"{step.source} -> {step.target}" for step in plan.steps]


def _file(store: Store, entry: Entry) -> ModelFile:
    """Return the pulled file: where it was put, else the one place that has its content now."""
    path, sha256 = str(entry.detail["after"][0]), str(entry.detail["sha256"])
    with open_reader(store.path) as reader:
        places = [file for file in reader.of_subjects([sha256]) if file.present]
    there = [file for file in places if file.path == path]
    if not there and len(places) == 1:
        there = places
    if not there:
        raise _blocked(entry, f"{path} is not there any more, or has another content")
    return there[0]


def _blocked(entry: Entry, why: str) -> ConflictError:
    return ConflictError(
        "undo-blocked",
        N_("Entry {number} cannot be taken back, so nothing was changed: {why}"),
        hint=N_("Put that right, then try again."),
        number=entry.id,
        why=why,
    )
