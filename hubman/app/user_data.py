"""Notes, tags, favourites and ratings: changed in one transaction with the journal, then written beside the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubman.app.library import user_json
from hubman.app.sidecar_plan import Written
from hubman.app.sidecars import (
    Recorded,
    SidecarWriting,
    find_changed,
    put_back,
    refresh_after,
    said_of,
)
from hubman.core.journal import Entry
from hubman.core.library import ModelFile, UserData
from hubman.core.said import Edit
from hubman.core.sidecar_write import Said
from hubman.disk.beside import ChangedError
from hubman.errors import N_, ConflictError, HubmanError, Phrase
from hubman.store.door import Store
from hubman.store.reader import open_reader

if TYPE_CHECKING:
    from hubman.store.subjects import Subjects


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an edit did. `changed` counts models; `entry` is the number in the journal, None when nothing changed."""

    files: tuple[ModelFile, ...]
    changed: int
    entry: int | None
    sidecars: Written


def change_data(store: Store, files: Sequence[ModelFile], edit: Edit, verb: str) -> Outcome:
    """Change what the user said of models; it holds in every place where their content lies.

    Raises:
        UsageError: a text or a number of tags that cannot be kept; then nothing was changed.
    """
    edit = edit.cleaned()
    before = {file.subject: said_of(file) for file in files}
    recorded = None
    with store.writer(durable=True) as writer:
        old: dict[str, dict[str, object]] = {}
        new: dict[str, dict[str, object]] = {}
        for subject, file in {file.subject: file for file in files}.items():
            now = writer.subjects.data(subject)
            then = edit.apply(now)
            if then != now:
                writer.subjects.set_data(subject, then)
                old[subject] = {"name": file.name, **user_json(now)}
                new[subject] = {"name": file.name, **user_json(then)}
        if new:
            name = str(next(iter(new.values()))["name"]) if len(new) == 1 else f"{len(new)} models"
            detail = {"name": name, "before": {"data": old}, "after": {"data": new}}
            recorded = Recorded(writer.journal.record(verb, detail), detail)
    return write_along(store, files, before, recorded, len(new))


def write_along(
    store: Store, files: Sequence[ModelFile], before: Mapping[str, Said], recorded: Recorded | None, changed: int
) -> Outcome:
    """Write an edit beside every place of the contents that it is about, as one entry of the journal with it."""
    writing = SidecarWriting(store)
    with open_reader(store.path) as reader:
        now = reader.by_ids([file.file_id for file in files])
        places = list(reader.of_subjects({file.subject for file in now}))
    if recorded is not None:
        writing.write(writing.plan(places, before), recorded, before)
    with open_reader(store.path) as reader:
        now = reader.by_ids([file.file_id for file in files])
    return Outcome(tuple(now), changed, recorded.entry if recorded else None, writing.report)


def take_back(store: Store, entry: Entry, *, dry_run: bool) -> list[str]:
    """Take an edit back: what the user said before holds again, and so do the files beside the models.

    Returns:
        What is (or would be) put back, a line for each.

    Raises:
        ConflictError: `undo-blocked`, something was changed again since; then nothing was put back.
    """
    before, after = entry.detail["before"], entry.detail["after"]
    try:
        found = find_changed(entry.detail)
    except (HubmanError, OSError) as error:
        raise _blocked(entry, str(error)) from error
    if not dry_run:
        try:
            put_back(entry.detail, found)  # files first: a run that is killed here is repeated, and finds them put back
        except (ChangedError, OSError) as error:
            raise _blocked(entry, str(error)) from error
        with store.writer(durable=True) as writer:
            _put_back_rows(writer.subjects, entry)
            writer.journal.take_back(entry)
        refresh_after(store, entry.detail)
    lines = [_line(item) for item in before.get("data", {}).values()]
    lines += [f"{item['name']}: {', '.join(item['words']) or '-'}" for item in before.get("words", {}).values()]
    return [*lines, *after.get("files", {})]


def _put_back_rows(subjects: Subjects, entry: Entry) -> None:
    before, after = entry.detail["before"], entry.detail["after"]
    for subject, item in after.get("data", {}).items():
        now = subjects.current(subject)
        if subjects.data(now) != _data(item):
            raise _blocked(entry, Phrase(CHANGED_SINCE, name=item["name"]))
        subjects.set_data(now, _data(before["data"][subject]))
    for subject, item in after.get("words", {}).items():
        now = subjects.current(subject)
        if list(subjects.words(now)) != item["words"]:
            raise _blocked(entry, Phrase(CHANGED_SINCE, name=item["name"]))
        subjects.set_words(now, before["words"][subject]["words"])


CHANGED_SINCE = N_("what you said of {name} was changed again since")


def _blocked(entry: Entry, why: str) -> ConflictError:
    return ConflictError("undo-blocked", N_("Entry {number} cannot be taken back: {why}"), number=entry.id, why=why)


def _line(item: Mapping[str, Any]) -> str:
    rating = f"{item['rating']}/5" if item["rating"] else ""
    parts = ("★" if item["favourite"] else "", rating, ", ".join(item["tags"]), item["note"])
    return f"{item['name']}: {'  '.join(part for part in parts if part) or '-'}"


def _data(value: Mapping[str, Any]) -> UserData:
    return UserData(value["note"], tuple(value["tags"]), bool(value["favourite"]), value["rating"])
