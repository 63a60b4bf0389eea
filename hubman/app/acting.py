"""One action on disk, whole or not at all: journal `planned` -> steps -> rows and journal `done`.

A run that is killed leaves a planned entry. The next action, `sync` or `watch` looks at the disk and goes on with it,
or takes back what was done of it; at no moment is a file in neither of its two places.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hubman.app.reading import read_file
from hubman.core.journal import Entry
from hubman.core.library import Reading, Seen, Unread, stem_of
from hubman.core.plan.place import Carried, How, Relocation, Step, check_targets, part_name
from hubman.core.ports import Progress, Silence
from hubman.disk import relocate, trash
from hubman.disk.glance import glance
from hubman.disk.place import exists
from hubman.errors import N_, ConflictError, HubmanError, NotFoundError, StoreError
from hubman.store.door import Store
from hubman.store.lock import WAIT_S, Lock
from hubman.store.reader import open_reader

SPACE_LEFT = 16 << 20
"""Bytes that a copy leaves free: a full disk stops more than hubman."""


class State(StrEnum):
    """How far a step is, as the disk shows it."""

    WAITING = "waiting"
    DONE = "done"
    BOTH = "both"
    TAKEN = "taken"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of an entry that a killed run left."""

    entry: Entry
    finished: bool


@dataclass(frozen=True, slots=True)
class Action:
    """An action to perform: its plan and how the journal records it."""

    verb: str
    plan: Relocation
    extra: Mapping[str, Any]
    takes_back: int | None = None


def new_token() -> str:
    """Return what names the unfinished copies of one action."""
    return secrets.token_hex(5)


@contextmanager
def alone(store: Store, seconds: float = WAIT_S) -> Iterator[bool]:
    """Hold the right to move files of this library; False when another hubman has it for so long."""
    lock = Lock(store.path.with_name(store.path.name + ".files"))
    taken = lock.take(seconds)
    try:
        yield taken
    finally:
        lock.release()


@contextmanager
def acting(store: Store) -> Iterator[None]:
    """Hold the right to move files, with everything finished that a killed run began.

    Raises:
        ConflictError: `files-busy`.
    """
    with alone(store) as taken:
        if not taken:
            raise ConflictError(
                "files-busy",
                N_("Another hubman is moving files of this library."),
                hint=N_("Try again when it is done."),
            )
        _recover_all(store)
        yield


def recover(store: Store) -> list[Recovered]:
    """Finish or take back what killed runs left half done. Costs one query when there is nothing.

    When another hubman is moving files right now, what is planned is its own, and is left to it.
    """
    with open_reader(store.path) as reader:
        if not reader.journal.open():
            return []
    with alone(store, 0) as taken:
        return _recover_all(store) if taken else []


def perform(store: Store, action: Action, progress: Progress | None = None) -> int:
    """Do it, within `acting`; return the number of its entry in the journal.

    Raises:
        ConflictError, NotFoundError: as `check`; `move-failed`, the system refused a step and everything was put back.
    """
    plan = action.plan
    check(plan)
    with store.writer(durable=True) as writer:
        number = writer.journal.plan(action.verb, {**plan.to_detail(), **action.extra})
    try:
        _carry_out(plan, progress)
    except BaseException as error:
        if not _give_up(store, number, action, error):
            raise _unfinished(plan, error) from error
        if isinstance(error, OSError):
            raise _failed(error) from error
        raise
    _conclude(store, number, plan, action.takes_back)
    return number


# --- before ------------------------------------------------------------------------------------------------------


def check(plan: Relocation) -> None:
    """Look whether everything can be done, and change nothing.

    Raises:
        NotFoundError: `file-gone`. ConflictError: `file-exists`, `targets-collide`, `folder-not-writable`, `no-space`.
    """
    check_targets(plan.steps)
    folders: set[str] = set()
    for step in plan.steps:
        if step.how is How.DROP and step_state(step) is State.DONE:
            continue
        if not os.path.lexists(step.source):
            raise file_gone(step.source, {model.source[0] for model in plan.models if model.source is not None})
        if step.how is not How.DROP and step_state(step) is not State.WAITING:
            raise exists(step.target)
        folders |= {nearest(os.path.dirname(step.target))} if step.how is not How.DROP else set()
        folders |= {os.path.dirname(step.source)} if step.how is not How.COPY else set()
    for folder in sorted(folders):
        _check_writable(folder)
    _check_space(plan)


def file_gone(path: str, roots: Iterable[str] = ()) -> NotFoundError:
    """Return the error for a file that the library lists and the disk does not have.

    Args:
        roots: of the library. Where nothing of the file's root is there, its drive or share is away: then it is
            unreachable, not gone.
    """
    for root in roots:
        if path.startswith(root.rstrip(os.sep) + os.sep) and _is_away(root):
            return NotFoundError(
                "root-unreachable",
                N_("{path} is unreachable: nothing of {root} is there now. Nothing was forgotten."),
                hint=N_("Plug the drive in or mount the share, then try again. `hubman roots ls` lists the roots."),
                path=path,
                root=root,
            )
    return NotFoundError(
        "file-gone",
        N_("{path} is not there any more."),
        hint=N_("Run `hubman sync`, then look again."),
        path=path,
    )


def _is_away(root: str) -> bool:
    try:
        return not os.listdir(root)
    except OSError:
        return True


def nearest(folder: str) -> str:
    """Return the nearest folder above (or the folder itself) that is there."""
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _check_writable(folder: str) -> None:
    if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
        return
    raise ConflictError(
        "folder-not-writable",
        N_("{path} is read-only for you, or no folder. Nothing was moved."),
        hint=N_("Give yourself the right to write there, or choose another folder."),
        path=folder,
    )


def _check_space(plan: Relocation) -> None:
    """Refuse copies across file systems that would not fit."""
    needed: dict[str, int] = {}
    for step in plan.steps:
        folder = nearest(os.path.dirname(step.target))
        if step.how is How.COPY or (step.how is How.MOVE and os.stat(folder).st_dev != os.lstat(step.source).st_dev):
            needed[folder] = needed.get(folder, 0) + relocate.size_of(step.source)
    for folder, size in needed.items():
        free = shutil.disk_usage(folder).free
        if size and size + min(SPACE_LEFT, size) > free:
            raise ConflictError(
                "no-space",
                N_("{path} has {free} bytes left, and {size} are needed. Nothing was moved."),
                hint=N_("Free some space, or choose another folder."),
                path=folder,
                free=free,
                size=size,
            )


# --- the steps ---------------------------------------------------------------------------------------------------


def step_state(step: Step) -> State:
    """Tell from the disk how far a step is."""
    source, target = os.path.lexists(step.source), os.path.lexists(step.target)
    if step.how is How.DROP:
        return State.WAITING if source else State.DONE
    if not source:
        return State.DONE if target else State.LOST
    if not target or relocate.is_same_entry(step.source, step.target):
        return State.WAITING
    if relocate.is_same_entry(step.target, step.source):
        return State.DONE  # only the case changed, and did
    if step.source == step.target or not relocate.is_copy(step.source, step.target):
        return State.TAKEN
    return State.DONE if step.how is How.COPY else State.BOTH


def _carry_out(plan: Relocation, progress: Progress | None = None) -> None:
    for folder in plan.made:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
            relocate.sync_folder(os.path.dirname(folder))
    if plan.into_trash:
        for entry in plan.bins:
            trash.make(entry.folder, entry.manifest)
    report = (progress or Silence()).advance
    for number, step in enumerate(plan.steps):
        _do(step, _part(plan, number), report)
    for folder in sorted({os.path.dirname(path) for step in plan.steps for path in (step.source, step.target)}):
        relocate.sync_folder(folder)
    if not plan.into_trash:
        for entry in plan.bins:
            trash.discard(entry.folder)
    _remove_empty(plan.emptied)


def _part(plan: Relocation, number: int) -> str:
    return os.path.join(os.path.dirname(plan.steps[number].target), part_name(plan.token, number))


def _do(step: Step, part: str, report: relocate.Progress) -> None:
    state = step_state(step)
    if step.how is How.DROP:
        if state is State.WAITING and os.path.lexists(step.target) and relocate.is_copy(step.source, step.target):
            os.unlink(step.source)
    elif state is State.BOTH:
        relocate.remove_copied(step.source, step.target)
    elif state is State.TAKEN:
        raise exists(step.target)
    elif state is State.WAITING and step.how is How.COPY:
        relocate.copy(step.source, step.target, part, report)
    elif state is State.WAITING:
        _move(step, part, report)


def _move(step: Step, part: str, report: relocate.Progress) -> None:
    try:
        relocate.move(step.source, step.target, part, report)
    except FileExistsError as error:
        raise exists(step.target) from error


def _remove_empty(folders: tuple[str, ...]) -> None:
    """Remove folders from the innermost out, where nothing is left in them."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


# --- after -------------------------------------------------------------------------------------------------------


def _conclude(store: Store, number: int, plan: Relocation, takes_back: int | None = None) -> None:
    """Let the rows follow and close the entry in one transaction; then read what changed with the name."""
    seen = [(model, _seen(model)) for model in plan.models]
    placed: list[tuple[int, str, str, bool]] = []
    with store.writer(durable=True) as writer:
        for model, found in seen:
            if found is None:
                if model.file_id is not None:
                    writer.apply_gone([model.file_id])
                continue
            assert model.target is not None
            root, relpath = model.target
            file_id = model.file_id
            if file_id is None or not writer.places.put(file_id, root, found, brought=model.brought):
                file_id = _listed(writer, root, found)
            if file_id is not None:
                placed.append((file_id, root, relpath, found.folder))
        writer.journal.finish(number)
        if takes_back is not None:
            writer.journal.mark_undone(takes_back)
    _read_again(store, placed)


def _seen(model: Carried) -> Seen | None:
    return glance(*model.target) if model.target else None


def _listed(writer: Any, root: str, seen: Seen) -> int | None:
    """List a file that no row is known of; None when its folder is no root."""
    root_id = writer.places.root_id(root)
    if root_id is None:
        return None
    writer.apply_added(root_id, root, [seen])
    found: int | None = writer.places.at(root_id, seen.relpath)
    if found is not None:
        writer.places.put(found, root, seen, brought=False)
    return found


def _read_again(store: Store, placed: list[tuple[int, str, str, bool]]) -> None:
    """The name is a trigger word, and the preview's path has changed: read the header, so that no scan has to."""
    batch: list[tuple[int, str, Reading]] = []
    with open_reader(store.path) as reader:
        behind = reader.left_behind()
    for file_id, root, relpath, folder in placed:
        name = stem_of(relpath, folder=folder)
        left = behind.get(file_id)
        reading = read_file(root, Unread(file_id, relpath, name, folder, beside=left is None, left_behind=left))
        if reading is not None:
            batch.append((file_id, name, reading))
    if batch:
        with store.writer() as writer:
            writer.record_readings(batch)


def _failed(error: OSError) -> HubmanError:
    return ConflictError(
        "move-failed",
        N_("{path}: the system says: {why}. Everything is where it was."),
        hint=N_("Correct that and try again."),
        path=error.filename2 or error.filename or "",
        why=error.strerror or error,
    )


# --- when it does not work, or did not end -----------------------------------------------------------------------


def _give_up(store: Store, number: int, action: Action, error: BaseException) -> bool:
    """Put back what was moved and close the entry; False when even that fails: it stays open for the next run."""
    try:
        _roll_back(action.plan)
    except (HubmanError, OSError):
        return False
    with contextlib.suppress(StoreError), store.writer() as writer:
        writer.journal.fail(number, {**action.plan.to_detail(), **action.extra, "why": str(error)})
    return True


def _unfinished(plan: Relocation, error: BaseException) -> ConflictError:
    return ConflictError(
        "move-unfinished",
        N_(
            "{path}: the system refused in the middle ({why}). Nothing is lost: every file is in one of its two places."
        ),
        hint=N_("Correct that; the next `hubman sync` finishes it or takes it back."),
        path=plan.steps[0].source,
        why=getattr(error, "strerror", None) or error,
    )


def _roll_back(plan: Relocation) -> None:
    back = plan.reversed(plan.token)
    for number in range(len(plan.steps)):
        relocate.remove_part(_part(plan, number))
    for step in reversed(plan.steps):
        state = step_state(step)
        if step.how is How.MOVE and state is State.BOTH and not _same_file(step):
            _undo_copy(step)
        elif step.how is not How.DROP and state in (State.DONE, State.BOTH):
            _put_back(plan, step)
        elif step.how is How.DROP and state is State.DONE and os.path.lexists(step.target):
            relocate.copy(step.target, step.source, step.source + ".part")
    if plan.into_trash:
        for entry in plan.bins:
            trash.discard(entry.folder)
    _remove_empty(back.emptied)


def _same_file(step: Step) -> bool:
    one, other = os.lstat(step.source), os.lstat(step.target)
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _undo_copy(step: Step) -> None:
    """The source is whole and still there: the copy goes."""
    relocate.remove_copied(step.target, step.source)


def _put_back(plan: Relocation, step: Step) -> None:
    way = step.reversed()
    os.makedirs(os.path.dirname(way.target), exist_ok=True)
    number = len(plan.steps) + plan.steps.index(step)
    _do(way, os.path.join(os.path.dirname(way.target), part_name(plan.token, number)), lambda _: None)


def _recover_all(store: Store) -> list[Recovered]:
    with open_reader(store.path) as reader:
        planned = [entry for entry in reader.journal.open() if "token" in entry.detail]
    done = []
    for entry in planned:
        finished = _recover(store, entry)
        if finished is not None:
            done.append(Recovered(entry, finished))
    return done


def _recover(store: Store, entry: Entry) -> bool | None:
    """Finish an entry (True) or take it back (False); None when its folders are away, so that it has to wait."""
    plan = Relocation.of(entry.detail)
    if not all(_is_reachable(model) for model in plan.models):
        return None
    for number in range(len(plan.steps)):
        relocate.remove_part(_part(plan, number))
    try:
        if all(step_state(step) is not State.TAKEN for step in plan.steps):
            _carry_out(plan)
            _conclude(store, entry.id, plan, entry.detail.get("of"))
            return True
    except (HubmanError, OSError):
        pass
    try:
        _roll_back(plan)
    except (HubmanError, OSError):
        return None
    with store.writer() as writer:
        writer.journal.fail(entry.id, {**entry.detail, "why": "it was cut off"})
    return False


def _is_reachable(model: Carried) -> bool:
    return all(os.path.isdir(place[0]) for place in (model.source, model.target) if place)
