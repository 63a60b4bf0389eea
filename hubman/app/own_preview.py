"""What the user says of a preview: a picture of their own, or what hubman's is to show. Typed data: kept and undone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hubman.app.sidecar_pictures import plan_preview
from hubman.app.sidecar_plan import Written
from hubman.app.sidecars import Recorded, SidecarWriting, find_changed, put_back, refresh_after
from hubman.app.user_data import CHANGED_SINCE
from hubman.core.journal import Entry
from hubman.core.library import ModelFile, OwnPreview
from hubman.core.plan.explicit import is_refused
from hubman.core.prompt import extract_tags
from hubman.core.raster import raster_ending
from hubman.disk.beside import ChangedError
from hubman.disk.place import write_atomic
from hubman.errors import N_, ConflictError, HubmanError, Phrase, UsageError
from hubman.store.door import Store
from hubman.store.reader import open_reader

VERB = "preview"
LARGEST = 64 << 20
"""Bytes of a picture; those of WebUIs are a few MB."""

LONGEST_PROMPT = 4000


def set_picture(store: Store, file: ModelFile, source: Path, previews: Path) -> Written:
    """Make a picture the user's own preview: copied to `<home>/previews/<sha256 of the picture>-own.<ending>`.

    It comes before every other picture, also beside the model where its root asks for that; hubman never replaces it.

    Raises:
        UsageError: `not-a-picture-file`, it is no PNG, JPEG, WebP or GIF, or too large. OSError.
    """
    with open(source, "rb") as opened:
        data = opened.read(LARGEST + 1)
    ending = raster_ending(data) if len(data) <= LARGEST else None
    if ending is None:
        raise UsageError(
            "not-a-picture-file",
            N_("{path} is no PNG, JPEG, WebP or GIF of up to {most} MB."),
            hint=N_("Save it as PNG and try again."),
            path=source,
            most=LARGEST >> 20,
        )
    target = previews / f"{hashlib.sha256(data).hexdigest()}-own.{ending}"
    if not target.exists():  # the name says the content
        write_atomic(target, data)
    return _change(store, file, replace(file.own_preview, picture=os.fspath(target)))


def remove_picture(store: Store, file: ModelFile) -> Written:
    """Let go of the user's own preview: hubman's, or what else there is, is shown again. The copy stays for `undo`."""
    return _change(store, file, replace(file.own_preview, picture=None))


def set_prompt(store: Store, file: ModelFile, text: str) -> Written:
    """Keep what hubman's preview of a model is to show; "" lets hubman choose again.

    Raises:
        UsageError: `prompt-refused`, `prompt-too-long`.
    """
    prompt = extract_tags(text.strip())[0].strip(" ,")
    if is_refused(prompt):
        raise UsageError(
            "prompt-refused",
            N_("hubman draws no such picture: the prompt names a minor beside something sexual or cruel."),
            hint=N_("Say the prompt in other words."),
        )
    if len(prompt) > LONGEST_PROMPT:
        raise UsageError(
            "prompt-too-long", N_("The prompt has more than {most} letters."), hint=N_("Shorten it."),
            most=LONGEST_PROMPT,
        )  # fmt: skip
    return _change(store, file, replace(file.own_preview, prompt=prompt or None))


def _change(store: Store, file: ModelFile, said: OwnPreview) -> Written:
    """Record the change with its way back, then write the picture beside every place of the content that wants it."""
    subject = file.subject
    with store.writer(durable=True) as writer:
        before = writer.subjects.preview(subject)
        if said == before:
            return Written()
        writer.subjects.set_preview(subject, said)
        old, new = ({subject: {"name": file.name, **_json(entry)}} for entry in (before, said))
        detail = {"name": file.name, "before": {"preview": old}, "after": {"preview": new}}
        recorded = Recorded(writer.journal.record(VERB, detail), detail)
    writing = SidecarWriting(store)
    if said.picture is not None and said.picture != before.picture:
        with open_reader(store.path) as reader:
            places = [place for place in reader.of_subjects({subject}) if writing.wanted(place)]
        plans = [plan_preview(place, said.picture) for place in places]
        writing.write([plan for plan in plans if plan is not None], recorded)
    return writing.report


def _json(said: OwnPreview) -> dict[str, str | None]:
    return {"picture": said.picture, "prompt": said.prompt}


def take_back(store: Store, entry: Entry, *, dry_run: bool) -> list[str]:
    """Take such an edit back, and what was written beside models with it; return in lines what is (or would be) so.

    Raises:
        ConflictError: `undo-blocked`, something was changed again since; then nothing was put back.
    """
    before: Mapping[str, Any] = entry.detail["before"]["preview"]
    after: Mapping[str, Any] = entry.detail["after"]["preview"]
    try:
        found = find_changed({side: {"files": {}, **entry.detail[side]} for side in ("before", "after")})
    except (HubmanError, OSError) as error:
        raise _blocked(entry, str(error)) from error
    with store.writer() as writer:
        for subject, item in after.items():
            if writer.subjects.preview(writer.subjects.current(subject)) != _said(item):
                raise _blocked(entry, Phrase(CHANGED_SINCE, name=item["name"]))
    if not dry_run:
        try:
            put_back({side: {"files": {}, **entry.detail[side]} for side in ("before", "after")}, found)
        except (ChangedError, OSError) as error:
            raise _blocked(entry, str(error)) from error
        with store.writer(durable=True) as writer:
            for subject, item in before.items():
                writer.subjects.set_preview(writer.subjects.current(subject), _said(item))
            writer.journal.take_back(entry)
        refresh_after(store, entry.detail)
    lines = [f"{item['name']}: {item['picture'] or item['prompt'] or '-'}" for item in before.values()]
    return [*lines, *entry.detail["after"].get("files", {})]


def _said(item: Mapping[str, Any]) -> OwnPreview:
    return OwnPreview(item["picture"], item["prompt"])


def _blocked(entry: Entry, why: str) -> ConflictError:
    return ConflictError("undo-blocked", N_("Entry {number} cannot be taken back: {why}"), number=entry.id, why=why)
