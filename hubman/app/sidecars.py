"""Write beside models what their WebUIs show: A1111's `<stem>.json` and `<stem>.preview.png`.

Only in roots that were added with `--sidecars missing` (where there is no such file yet) or `merge` (into what is
there). Nothing is overwritten but what the user typed in hubman later; what was there before is kept in the journal.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubman.app.sidecar_pictures import plan_preview
from hubman.app.sidecar_plan import Plan, SkipError, Skipped, Written, dress_of
from hubman.app.sidecar_refresh import refresh
from hubman.core.beside import SUFFIXES, Family
from hubman.core.hub import Listing
from hubman.core.library import ModelFile, RootState, SidecarPolicy
from hubman.core.sidecar import LARGEST_SIDECAR, decode, merge, read
from hubman.core.sidecar_write import KEYS, Said, Value, changes, filling, filling_of_hub, fresh, spliced
from hubman.core.types import Sidecar
from hubman.disk.beside import ChangedError, Found, read_beside, remove_beside, write_beside
from hubman.errors import N_, ConflictError, HubmanError, Phrase
from hubman.store.door import Store
from hubman.store.reader import open_reader

VERB = "sidecars"
PICTURES_AT_ONCE = 50
"""Models whose pictures are held in memory together."""

TRIES = 5
"""How often a sidecar is read and merged again when another program writes it in between."""

READ_ONLY = N_("the folder may not be written to")
NO_OBJECT = N_("it is not a JSON object that hubman understands, so it stays as it is")
OF_SDNEXT = N_("SD.Next keeps its model page under this name; it is left alone")
EXISTS = N_("there is one already, and this root asks for missing ones only (`--sidecars merge` merges)")
BEHIND = N_("the model was moved and its sidecars stayed at {path}.*: move them after it first")
HUB_PICTURES = tuple(f"-hub.{ending}" for ending in ("png", "jpg", "jpeg", "webp", "gif"))
"""Ends of the names of pictures that came from hubs (app/hub_picture.py)."""
FACES = ("ok", "weak", "partial")
"""Verdicts whose picture may become a model's face."""


def said_of(file: ModelFile) -> Said:
    """Return what the user said of a file, as far as a WebUI has a place for it."""
    return Said(file.user.note, tuple(word.text for word in file.triggers if word.source == "user"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry of the journal: its number, and its detail as it was written."""

    entry: int
    detail: Mapping[str, Any]


class SidecarWriting:
    """Writes sidecars of models whose roots ask for it, and keeps index and journal in step."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with open_reader(store.path) as reader:
            self._roots = {root.id: root for root in reader.roots()}
            self._behind = reader.left_behind()
        self.report = Written()
        self._detail: dict[str, Any] = {}
        self._along: int | None = None
        self._closed: set[str] = set()
        self._listings: dict[str, Listing] = {}

    @property
    def any_wanted(self) -> bool:
        """Whether any root asks for sidecars."""
        return any(root.sidecars is not SidecarPolicy.OFF for root in self._roots.values())

    def wanted(self, file: ModelFile) -> bool:
        """Say whether anything may be written beside a file."""
        root = self._roots.get(file.root_id)
        return (
            root is not None
            and root.sidecars is not SidecarPolicy.OFF
            and root.state is not RootState.UNREACHABLE
            and file.present
            and file.failure is None
            and file.kind in KEYS
        )

    def plan(self, files: Iterable[ModelFile], before: Mapping[str, Said] | None = None) -> list[Plan]:
        """Return what would be written; what is not, and why, goes into the report.

        Args:
            before: subject -> what the user said before the edit that is the reason to write; None for no edit.
        """
        found: list[Plan] = []
        wanted = [file for file in files if self.wanted(file)]
        self._learn_listings(wanted)
        for file in wanted:
            makers: list[Maker] = [self._plan_json] if before is not None else [self._plan_json, self._plan_preview]
            plans = [self._tried(make, file, _of(before, file)) for make in makers]
            found += [plan for plan in plans if plan is not None]
        return found

    def _learn_listings(self, files: Sequence[ModelFile]) -> None:
        """Read what hubs say of these models: of several the one from which it was downloaded, else the oldest."""
        hashes = {file.hashes.sha256 for file in files if file.hashes and file.hubs}
        with open_reader(self._store.path) as reader:
            origins = reader.hubs.of_contents(hashes)
        self._listings |= {sha256: found[0].listing for sha256, found in origins.items() if found}

    def _fill(self, file: ModelFile) -> dict[str, Value]:
        """Return what may fill an empty field: what other programs left beside the model, else what a hub says."""
        listing = self._listings.get(file.subject)
        said = {} if listing is None else filling_of_hub(file.kind, listing)
        others = sidecars_of_others(os.path.dirname(file.path), file.name)
        return {**said, **filling(file.kind, file.architecture, others)}

    def _tried(self, make: Maker, file: ModelFile, before: Said | None) -> Plan | None:
        try:
            plan = make(file, before)
        except SkipError as error:
            self.report.skipped.append(Skipped(error.path, error.why))
        except ConflictError as error:
            self.report.skipped.append(Skipped(file.path, Phrase(error.template, **error.fields)))
        except OSError as error:
            self._refused(file, error)
        else:
            return plan if plan is None or self._may_write(plan) else None
        return None

    def _may_write(self, plan: Plan) -> bool:
        folder = os.path.dirname(plan.path)
        if os.access(folder, os.W_OK):
            return True
        if folder not in self._closed:  # one warning a folder, not one a file
            self._closed.add(folder)
            self.report.skipped.append(Skipped(folder, READ_ONLY))
        return False

    def _refused(self, file: ModelFile, error: OSError) -> None:
        why = Phrase(N_("the system says: {reason}"), reason=error.strerror or str(error))
        self.report.skipped.append(Skipped(error.filename or file.path, why))

    def _plan_json(self, file: ModelFile, before: Said | None) -> Plan | None:
        path = os.path.join(os.path.dirname(file.path), f"{file.name}.json")
        if (behind := self._behind.get(file.file_id)) is not None:
            raise SkipError(path, Phrase(BEHIND, path=behind))  # a new one would hide those
        found = read_beside(path, LARGEST_SIDECAR)
        fill = self._fill(file)
        said = said_of(file).values(file.kind)
        if found.stamp is None:
            values = changes({}, said, fill, None)
            # "sd version" alone says nothing that the WebUI does not find out itself
            if set(values) <= {"sd version"}:
                return None
            return Plan(file, path, found, fresh(file.kind, values).encode())
        text, record = _record(path, found)
        values = changes(record, said, fill, None if before is None else before.values(file.kind))
        if not values:
            return None
        if self._roots[file.root_id].sidecars is SidecarPolicy.MISSING:
            raise SkipError(path, EXISTS)
        return Plan(file, path, found, spliced(text, values).encode())

    def _plan_preview(self, file: ModelFile, _: Said | None) -> Plan | None:
        """Offer the user's own picture, a hub's, or that of a verdict that gives a face."""
        if file.own_preview.picture is not None:
            return plan_preview(file, file.own_preview.picture)
        if file.preview is not None and file.preview.endswith(HUB_PICTURES):
            return plan_preview(file, file.preview)
        if file.verdict is None or file.verdict.preview is None or file.verdict.verdict not in FACES:
            return None  # the picture of a broken adapter must not become its face
        return plan_preview(file, file.verdict.preview)

    # --- writing -------------------------------------------------------------------------------------------------

    def write(
        self,
        plans: Sequence[Plan],
        edit: Recorded | None = None,
        before: Mapping[str, Said] | None = None,
        *,
        along: int | None = None,
    ) -> None:
        """Write what was planned: first the journal, then the files, then the index.

        Args:
            edit: an entry of the journal that this belongs to; else one is made.
            along: the entry of the action that brought the models; taking that back takes this back.
        """
        if not plans:
            return
        entry = None if edit is None else edit.entry
        self._detail = {} if edit is None else dict(edit.detail)
        self._along = along
        self._journal(plans, entry)
        done = [plan for plan in plans if self._write(plan, before)]
        refresh(self._store, {plan.file.file_id: plan.file for plan in done}.values())

    def write_more(self, plans: Sequence[Plan], along: int | None) -> None:
        """Write more of the same action, under one entry of the journal."""
        entry = self.report.entry
        self.write(plans, None if entry is None else Recorded(entry, self._detail), along=along)

    def _journal(self, plans: Sequence[Plan], entry: int | None) -> None:
        """Record what is about to be written, first; taking it back copes with what was not written after all."""
        before = {plan.path: _kept(plan.found.data if plan.found.stamp else None) for plan in plans}
        after = {plan.path: _kept(plan.data, plan.picture) for plan in plans}
        models = {plan.path: plan.file.file_id for plan in plans}
        with self._store.writer() as writer:
            if entry is None:
                name = plans[0].file.name if len(plans) == 1 else f"{len(plans)} files"
                detail: dict[str, Any] = {
                    "name": name, "before": {"files": before}, "after": {"files": after}, "models": models,
                }  # fmt: skip
                if self._along is not None:
                    detail["along"] = self._along
                entry = writer.journal.record(VERB, detail)
            else:
                known = dict(self._detail)
                for side, files in (("before", before), ("after", after)):
                    known[side] = {**known[side], "files": {**known[side].get("files", {}), **files}}
                known["models"] = {**known.get("models", {}), **models}
                detail = known
                writer.journal.amend(entry, detail)
        self._detail = detail
        self.report.entry = entry

    def _write(self, plan: Plan, before: Mapping[str, Said] | None) -> bool:
        """Write one file; when somebody wrote it meanwhile, read it again and merge into that."""
        for _ in range(TRIES):
            try:
                write_beside(plan.path, plan.data, plan.found, like=dress_of(plan.file))
            except ChangedError:
                make = self._plan_json if plan.path.endswith(".json") else self._plan_preview
                again = self._tried(make, plan.file, _of(before, plan.file))
                if again is None:
                    return False
                plan = again
                self._journal([plan], self.report.entry)
            except OSError as error:
                self._refused(plan.file, error)
                return False
            else:
                self.report.paths.append(plan.path)
                return True
        self.report.skipped.append(Skipped(plan.path, N_("another program keeps writing it")))
        return False


Maker = Callable[[ModelFile, Said | None], Plan | None]


def _of(before: Mapping[str, Said] | None, file: ModelFile) -> Said | None:
    return None if before is None else before.get(file.subject)


def _record(path: str, found: Found) -> tuple[str, dict[str, object]]:
    """Read A1111's file as text and object.

    Raises:
        SkipError: it is none, or SD.Next's.
    """
    text, _ = decode(found.data) if len(found.data) <= LARGEST_SIDECAR else (None, "")
    try:
        record = json.loads(text or "")
    except (ValueError, RecursionError):
        record = None
    if text is None or not isinstance(record, dict):
        raise SkipError(path, NO_OBJECT)
    if isinstance(record.get("modelVersions"), list):
        raise SkipError(path, OF_SDNEXT)
    return text, record


def sidecars_of_others(folder: str, stem: str) -> Sidecar:
    """Read what other programs say beside a model: all families but A1111's own and the text that it falls back to."""
    found = []
    for suffix, family in SUFFIXES:
        if family in (Family.A1111, Family.TEXT):
            continue
        path = os.path.join(folder, stem + suffix)
        try:
            data = read_beside(path, LARGEST_SIDECAR).data
        except (OSError, HubmanError):
            continue
        if data:
            found.append(read(stem + suffix, data, stem)[0])
    return merge(found)


Kept = dict[str, str] | None
"""A file as the journal keeps it: its bytes, or (a picture of hubman's own) where they lie and their digest."""


def _kept(data: bytes | None, picture: str | None = None) -> Kept:
    if data is None:
        return None
    if picture is not None:
        return {"copy": picture, "sha256": hashlib.sha256(data).hexdigest()}
    return {"bytes": base64.b64encode(data).decode()}


def _is(kept: Kept, found: Found) -> bool:
    if kept is None or found.stamp is None:
        return kept is None and found.stamp is None
    if "copy" in kept:
        return hashlib.sha256(found.data).hexdigest() == kept["sha256"]
    return found.data == base64.b64decode(kept["bytes"])


MOST_PUT_BACK = 64 << 20
"""Bytes of a file beside a model that is looked at before it is replaced or removed; pictures are a few MB."""


def find_changed(detail: Mapping[str, Any]) -> dict[str, Found]:
    """Return what lies now where an entry wrote, path -> Found.

    Raises:
        ConflictError: one of them was changed since, or is a link now. OSError.
    """
    before, after = _files(detail, "before"), _files(detail, "after")
    found = {path: read_beside(path, MOST_PUT_BACK) for path in after}
    for path, now in found.items():
        if not (_is(after[path], now) or _is(before.get(path), now)):  # the latter: it was never written
            raise ConflictError(
                "beside-changed",
                N_("{path} was changed since, so it stays as it is."),
                hint=N_("Move it away first if hubman's own is to come back."),
                path=path,
            )
    return found


def put_back(detail: Mapping[str, Any], found: Mapping[str, Found]) -> None:
    """Put back what lay beside models before an entry, after `find_changed` looked.

    Raises:
        OSError. ChangedError: somebody wrote one of them in this very moment.
    """
    for path, kept in _files(detail, "before").items():
        if _is(kept, found[path]):
            continue
        if kept is None:
            remove_beside(path)
        else:
            write_beside(path, _bytes(kept), found[path], like=path if found[path].stamp else os.path.dirname(path))


def write_known(store: Store, contents: Iterable[str], *, along: int | None = None) -> Written:
    """Write beside models what hubs say of them now, where their roots ask for it; with `missing` silently no more.

    Args:
        contents: sha256 of what somebody just learned about.
        along: the entry of the journal that brought them.
    """
    writing = SidecarWriting(store)
    waiting = sorted(set(contents)) if writing.any_wanted else []
    for start in range(0, len(waiting), PICTURES_AT_ONCE):
        with open_reader(store.path) as reader:
            files = [file for file in reader.of_subjects(waiting[start : start + PICTURES_AT_ONCE]) if file.hubs]
        writing.write_more(writing.plan(files), along)
    writing.report.skipped = [entry for entry in writing.report.skipped if entry.why != EXISTS]
    return writing.report


def refresh_after(store: Store, detail: Mapping[str, Any]) -> None:
    """Read again what lies beside the models of an entry."""
    with open_reader(store.path) as reader:
        files = [file for file in reader.by_ids(sorted(set(detail.get("models", {}).values()))) if file.present]
    refresh(store, files)


def _files(detail: Mapping[str, Any], side: str) -> Mapping[str, Kept]:
    files: Mapping[str, Kept] = detail[side].get("files", {})
    return files


def _bytes(kept: dict[str, str]) -> bytes:
    if "copy" not in kept:
        return base64.b64decode(kept["bytes"])
    with open(kept["copy"], "rb") as source:
        return source.read()
