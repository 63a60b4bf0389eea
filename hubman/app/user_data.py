"""Notes, tags, favourites and ratings: changed in one transaction with the journal, then written beside the models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubman.app.library import user_json
from hubman.app.sidecars import SidecarWriting, Skipped, Written, said_of, undo_sidecars
from hubman.core.library import ModelFile, UserData
from hubman.core.said import Edit
from hubman.core.sidecar_write import Said
from hubman.errors import N_
from hubman.store.door import Store
from hubman.store.reader import open_reader

VERB = "user-data"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an edit did. `changed` counts models; `entry` is the number in the journal, None when nothing changed."""

    files: tuple[ModelFile, ...]
    changed: int
    entry: int | None
    sidecars: Written


def change_data(store: Store, files: Sequence[ModelFile], edit: Edit) -> Outcome:
    """Change what the user said of models; it holds in every place where their content lies.

    Raises:
        UsageError: a text or a number of tags that cannot be kept; then nothing was changed.
    """
    edit = edit.cleaned()
    before = {file.subject: said_of(file) for file in files}
    entry = None
    with store.writer() as writer:
        items = []
        for subject, file in {file.subject: file for file in files}.items():
            now = writer.subjects.data(subject)
            then = edit.apply(now)
            if then != now:
                writer.subjects.set_data(subject, then)
                items.append(
                    {"subject": subject, "name": file.name, "before": user_json(now), "after": user_json(then)}
                )
        if items:
            entry = writer.edits.add(VERB, {"subjects": items})
    return write_along(store, files, before, entry, len(items))


def write_along(
    store: Store, files: Sequence[ModelFile], before: Mapping[str, Said], entry: int | None, changed: int
) -> Outcome:
    """Write an edit beside every place of the contents that it is about, as one entry of the journal with it."""
    writing = SidecarWriting(store)
    with open_reader(store.path) as reader:
        now = reader.by_ids([file.file_id for file in files])
        places = list(reader.of_subjects({file.subject for file in now}))
    if entry is not None:
        writing.write(writing.plan(places, before), entry, before)
    with open_reader(store.path) as reader:
        now = reader.by_ids([file.file_id for file in files])
    return Outcome(tuple(now), changed, entry, writing.report)


def undo_user_data(store: Store, detail: Mapping[str, Any]) -> list[Skipped]:
    """Take an edit back: what the user said before holds again, and so do the files beside the models.

    What was said later of the same model stays: only that part is left out, and named.
    """
    left: list[Skipped] = []
    with store.writer() as writer:
        for item in detail.get("subjects", ()):
            subject = writer.subjects.current(item["subject"])
            if writer.subjects.data(subject) == _data(item["after"]):
                writer.subjects.set_data(subject, _data(item["before"]))
            elif writer.subjects.data(subject) != _data(item["before"]):
                left.append(Skipped(str(item["name"]), CHANGED_SINCE))
        left += _undo_words(writer.subjects, detail.get("words", ()))
    return [*left, *undo_sidecars(store, detail)]


CHANGED_SINCE = N_("it was changed again since, so it stays")


def _undo_words(subjects: Any, items: Iterable[Mapping[str, Any]]) -> list[Skipped]:
    left = []
    for item in items:
        subject = subjects.current(item["subject"])
        now = list(subjects.words(subject))
        if now == item["after"]:
            subjects.set_words(subject, item["before"])
        elif now != item["before"]:
            left.append(Skipped(str(item["name"]), CHANGED_SINCE))
    return left


def _data(value: Mapping[str, Any]) -> UserData:
    return UserData(value["note"], tuple(value["tags"]), bool(value["favourite"]), value["rating"])
