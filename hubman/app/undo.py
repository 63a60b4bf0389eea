"""`undo`: the way back of what the journal says was done, by a table of the verbs that have one."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from hubman.app.acting import Action, acting, check, new_token, perform
from hubman.app.trash import missing_folders
from hubman.core.journal import Entry, EntryState, way_back
from hubman.core.plan.place import How, Relocation
from hubman.errors import N_, ConflictError, HubmanError, NotFoundError
from hubman.store.door import Store
from hubman.store.reader import open_reader

INTO_TRASH = ("pull",)
"""Verbs whose way back is the trash."""

Undoer = Callable[..., list[str]]

UNDOERS: dict[str, str] = {
    "mv": "hubman.app.undo:move_back",
    "rm": "hubman.app.undo:move_back",
    "restore": "hubman.app.undo:move_back",
    "add": "hubman.app.adding_undo:take_back",
    "pull": "hubman.app.pull_undo:take_back",
    "preview": "hubman.app.own_preview:take_back",
    **dict.fromkeys(("note", "tag", "fav", "rate", "triggers", "sidecars"), "hubman.app.user_data:take_back"),
}
"""Verb -> `module:function`, imported when needed. Each is called as `function(store, entry, dry_run=...)`, returns
in lines for a person what was (or would be) put back, and raises `undo-blocked` when it changed nothing."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was (or would be) taken back, in lines for a person."""

    entry: Entry
    lines: tuple[str, ...]


def undo(store: Store, number: int | None = None, *, dry_run: bool = False) -> Undone:
    """Take back an entry of the journal, or the latest action. Taking back a taking back does it again.

    Raises:
        NotFoundError: `nothing-to-undo`. ConflictError: `undo-blocked`, with what is in the way; `undo-impossible`.
    """
    with acting(store):
        entry, along = _with_along(store, _entry(store, number))
        undoer = _undoer(entry)
        if along is None:
            return Undone(entry, tuple(undoer(store, entry, dry_run=dry_run)))
        if entry.about in INTO_TRASH:  # what lies beside the model goes with it, whoever wrote it since
            lines = undoer(store, entry, dry_run=dry_run)
            if not dry_run:
                with store.writer() as writer:
                    writer.journal.mark_undone(along.id)
            return Undone(entry, tuple(lines))
        lines = undoer(store, entry, dry_run=True)  # says what is in the way before anything changes
        beside = _undoer(along)(store, along, dry_run=dry_run)
        if not dry_run:
            lines = undoer(store, entry, dry_run=False)
        return Undone(entry, (*lines, *beside))


def _with_along(store: Store, entry: Entry) -> tuple[Entry, Entry | None]:
    """Return an action, and the entry of what was written beside its models along with it; both ways round."""
    with open_reader(store.path) as reader:
        if entry.verb != "sidecars":
            return entry, reader.journal.along(entry.id)
        main = reader.journal.get(int(entry.detail["along"])) if "along" in entry.detail else None
    return (main, entry) if main is not None and main.state is EntryState.DONE else (entry, None)


def _entry(store: Store, number: int | None) -> Entry:
    with open_reader(store.path) as reader:
        entry = reader.journal.latest() if number is None else reader.journal.get(number)
    if entry is None:
        raise NotFoundError(
            "nothing-to-undo",
            N_("There is nothing to take back."),
            hint=N_("`hubman undo --list` shows what was done."),
        )
    if entry.state is not EntryState.DONE:
        raise ConflictError(
            "undo-impossible",
            N_("Entry {number} ({verb}) cannot be taken back: it is {state}."),
            hint=N_("`hubman undo --list` shows what was done."),
            number=entry.id,
            verb=entry.verb,
            state=entry.state.value,
        )
    return entry


def _undoer(entry: Entry) -> Undoer:
    name = UNDOERS.get(entry.about)
    if name is None:
        raise ConflictError(
            "undo-impossible",
            N_("Entry {number} ({verb}) cannot be taken back: it is {state}."),
            hint=N_("`hubman undo --list` shows what was done."),
            number=entry.id,
            verb=entry.verb,
            state="for good",
        )
    module, _, function = name.partition(":")
    undoer: Undoer = getattr(importlib.import_module(module), function)
    return undoer


def move_back(store: Store, entry: Entry, *, dry_run: bool) -> list[str]:
    """Move files back to where they were, sidecars and rows with them."""
    return carry_back(store, entry, _usable(Relocation.of(entry.detail).reversed(new_token())), dry_run=dry_run)


def carry_back(store: Store, entry: Entry, plan: Relocation, *, dry_run: bool) -> list[str]:
    """Take an entry back by a plan, as one action that can be taken back itself; return what moved, in lines.

    Raises:
        ConflictError: `undo-blocked`, with what is in the way.
    """
    try:
        check(plan)
    except HubmanError as error:
        raise ConflictError(
            "undo-blocked",
            N_("Entry {number} cannot be taken back, so nothing was changed: {why}"),
            hint=N_("Put that right, then try again."),
            number=entry.id,
            why=error.message,
        ) from error
    if not dry_run:
        verb, detail = way_back(entry)
        extra: dict[str, object] = {key: detail[key] for key in ("verb", "of") if key in detail}
        perform(store, Action(verb, plan, extra, takes_back=entry.id))
    return [f"{step.source} -> {step.target}" for step in plan.steps if step.how is not How.DROP]


def _usable(plan: Relocation) -> Relocation:
    """Make the folders that are gone meanwhile, too."""
    made = missing_folders([os.path.dirname(step.target) for step in plan.steps], plan.made)
    if plan.into_trash:
        inside = tuple(entry.folder for entry in plan.bins)
        made = [folder for folder in made if not folder.startswith(inside)]
    return replace(plan, made=tuple(made))
