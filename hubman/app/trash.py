"""`rm` and the trash: files go to `.hubman-trash` of their root, come back from it, and are deleted after 30 days."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hubman.app.acting import Action, acting, check, nearest, new_token, perform
from hubman.app.moving import beside, check_folder, check_ours, one_place, own_paths, places_of, shards_keep_names
from hubman.core.library import ModelFile, Root
from hubman.core.plan.place import (
    Bin,
    Carried,
    How,
    Relocation,
    Step,
    check_name,
    renamed,
    trashed_name,
)
from hubman.disk import trash
from hubman.disk.trash import Entry
from hubman.disk.walk import SHARD_INDEX
from hubman.errors import N_, ConflictError, HubmanError, NotFoundError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Removal:
    """What `rm` would do, or did.

    Attributes:
        last: ids of contents of which no other copy is in the library.
    """

    files: tuple[ModelFile, ...]
    plan: Relocation
    last: tuple[str, ...]
    number: int | None = None


# --- rm ------------------------------------------------------------------------------------------------------------


def plan_removal(store: Store, models: Sequence[str], *, all_places: bool = False) -> Removal:
    """Say what `rm` would move to the trash.

    Raises:
        ConflictError: `model-in-places` without `all_places`; `kept-by-another`; as `acting.check`.
    """
    with open_reader(store.path) as reader:
        files = _files(reader, models, all_places=all_places)
        check_ours(files, reader.roots())
        last = _last(reader, files)
    plan = into_trash(files)
    check(plan)
    return Removal(tuple(files), plan, last)


def remove(store: Store, models: Sequence[str], *, all_places: bool = False) -> Removal:
    """Move models with everything that belongs to them to the trash."""
    with acting(store):
        removal = plan_removal(store, models, all_places=all_places)
        number = perform(store, Action("rm", removal.plan, {}))
    return replace(removal, number=number)


def _files(reader: Reader, models: Sequence[str], *, all_places: bool) -> list[ModelFile]:
    found = [file for text in models for file in (places_of(reader, text) if all_places else [one_place(reader, text)])]
    return list({file.file_id: file for file in found}.values())


def _last(reader: Reader, files: Sequence[ModelFile]) -> tuple[str, ...]:
    """Return the ids of contents that are nowhere else."""
    gone = {file.file_id for file in files}
    found = []
    for file in files:
        places = reader.resolve(file.hashes.sha256) if file.hashes else []
        if not any(place.present and place.file_id not in gone for place in places):
            found.append(file.id)
    return tuple(dict.fromkeys(found))


def into_trash(files: Sequence[ModelFile]) -> Relocation:
    """Return the plan that moves files with what belongs to them to the trash of their roots."""
    moved = {path for file in files for path in own_paths(file)}
    steps: list[Step] = []
    bins: list[Bin] = []
    emptied: list[str] = []
    taken: set[str] = set()
    for file in files:
        top = trash.top_for(file.root, file.relpath)
        folder = os.path.join(top, trash.TRASH, _entry_name())
        sources, folders = _all_of(file, moved)
        mine = [step for step in sources if step.source not in taken]
        taken |= {step.source for step in mine if step.how is How.MOVE}
        mine = [replace(step, target=os.path.join(folder, trashed_name(number, os.path.basename(step.source))))
                for number, step in enumerate(mine)]  # fmt: skip
        bins.append(Bin(folder, _manifest(file, top, mine, folders)))
        steps += mine
        emptied += folders
    models = [Carried(file.file_id, file.name, (file.root, file.relpath), None) for file in files]
    return Relocation(tuple(steps), tuple(models), tuple(bins), emptied=tuple(emptied), token=new_token())


def _entry_name() -> str:
    return time.strftime("%Y%m%d-%H%M%S-", time.localtime()) + secrets.token_hex(3)


def _all_of(file: ModelFile, moved: set[str]) -> tuple[list[Step], list[str]]:
    """Return every file and link of a model and of what belongs to it, and its folders, the outermost first."""
    here = os.path.dirname(file.path)
    own = [(path, How.MOVE) for path in own_paths(file)]
    own += [(os.path.join(here, entry.name), How.COPY if entry.shared else How.MOVE) for entry in beside(file, moved)]
    steps: list[Step] = []
    folders: list[str] = []
    for path, how in own:
        if os.path.islink(path) or not os.path.isdir(path):
            steps.append(Step(path, "", how))
            continue
        inner = list(_inside(path))
        steps += [Step(member, "", how) for member, is_folder in inner if not is_folder]
        if how is How.MOVE:
            folders += [member for member, is_folder in inner if is_folder]
    return steps, folders


def _inside(path: str) -> Iterable[tuple[str, bool]]:
    """Yield (path, whether it is a folder) of a folder and of everything in it; links are not followed."""
    yield path, True
    for name in sorted(os.listdir(path)):
        inner = os.path.join(path, name)
        if os.path.isdir(inner) and not os.path.islink(inner):
            yield from _inside(inner)
        else:
            yield inner, False


def _manifest(file: ModelFile, top: str, steps: Sequence[Step], folders: Sequence[str]) -> dict[str, Any]:
    """Say what was where, relative to the folder whose trash it is: enough to put it back without a library."""

    def relative(path: str) -> str:
        return os.path.relpath(path, top).replace(os.sep, "/")

    model = {"relpath": relative(file.path), "name": file.name, "id": file.id, "kind": file.kind,
             "sha256": file.hashes.sha256 if file.hashes else None}  # fmt: skip
    items = [_item(step, relative(step.source)) for step in steps]
    return {
        "version": trash.VERSION, "made_ns": time.time_ns(), "root": file.root, "models": [model],
        "items": items, "folders": [relative(folder) for folder in folders],
    }  # fmt: skip


def _item(step: Step, relpath: str) -> dict[str, Any]:
    status = os.lstat(step.source)
    return {
        "from": relpath, "name": os.path.basename(step.target), "size": status.st_size,
        "mtime_ns": status.st_mtime_ns, "shared": step.how is How.COPY,
    }  # fmt: skip


# --- the trash -----------------------------------------------------------------------------------------------------


def entries(reader: Reader, folders: Sequence[str] = ()) -> list[Entry]:
    """Return everything in the trash, the latest first.

    Looked at: every root, every place to which the journal says that something was removed, and `folders`.
    """
    tops = [root.path for root in reader.roots()] + [os.path.abspath(os.path.expanduser(folder)) for folder in folders]
    for entry in reader.journal.entries(10_000):
        tops += [os.path.dirname(os.path.dirname(folder)) for folder, _ in entry.detail.get("bins", ())]
    found = {entry.folder: entry for top in dict.fromkeys(tops) for entry in trash.entries(top)}
    return sorted(found.values(), key=lambda entry: (-entry.made_ns, entry.folder))


def entry_of(reader: Reader, text: str, folders: Sequence[str] = ()) -> Entry:
    """Return the one entry that an id, the beginning of one, or a model's name or id means; of equal names the latest.

    Raises:
        NotFoundError: `not-in-trash`. ConflictError: `trash-ambiguous`.
    """
    everything = entries(reader, folders)
    exact = [entry for entry in everything if entry.id == text]
    named = exact or [entry for entry in everything if _is_named(entry, text)]
    if len({_content(entry) for entry in named}) == 1:
        return named[0]
    if named:
        raise ConflictError(
            "trash-ambiguous",
            N_("{text!r} may mean any of {count} things in the trash: {candidates}"),
            hint=N_("Give one of these ids."),
            text=text,
            count=len(named),
            candidates=", ".join(entry.id for entry in named[:12]),
        )
    raise NotFoundError(
        "not-in-trash",
        N_("There is nothing {text!r} in the trash."),
        hint=N_("`hubman trash ls` lists it."),
        text=text,
    )


def _content(entry: Entry) -> str:
    model = entry.manifest["models"][0] if entry.manifest["models"] else {}
    return str(model.get("sha256") or entry.id)


def _is_named(entry: Entry, text: str) -> bool:
    if len(text) >= 4 and entry.id.startswith(text):
        return True
    return any(
        text in (model["name"], os.path.basename(model["relpath"])) or str(model.get("id")) == text
        for model in entry.manifest["models"]
    )


def plan_restoring(store: Store, entry: Entry, to: str | None = None) -> Relocation:
    """Say what would be put back where.

    Args:
        to: another name (in the old folder) or another folder of a root instead of where it was.

    Raises:
        ConflictError: `file-exists`, something is there now. NotFoundError: `outside-roots`.
    """
    with open_reader(store.path) as reader:
        plan = _out_of_trash(reader, entry, to)
    check(plan)
    return plan


def restore(store: Store, entry: Entry, to: str | None = None) -> Relocation:
    """Put an entry back."""
    with acting(store):
        plan = plan_restoring(store, entry, to)
        perform(store, Action("restore", plan, {}))
    return plan


def _out_of_trash(reader: Reader, entry: Entry, to: str | None) -> Relocation:
    roots = reader.roots()
    where = _Target(entry, to, roots)
    steps = [
        Step(os.path.join(entry.folder, item["name"]), target, _how(item, target))
        for item in entry.manifest["items"]
        if (target := where.path(item["from"]))
    ]
    models = [_model(reader, roots, where, model) for model in entry.manifest["models"]]
    made = [where.path(folder) for folder in entry.manifest.get("folders", ()) if isinstance(folder, str)]
    return Relocation(
        tuple(steps), tuple(models), (Bin(entry.folder, entry.manifest),),
        made=tuple(missing_folders([*made, *(os.path.dirname(step.target) for step in steps)], made)),
        token=new_token(),
    )  # fmt: skip


def _how(item: dict[str, Any], target: str) -> How:
    """What another model kept, too, need not come back: the copy in the trash goes when it is the same."""
    return How.DROP if item.get("shared") and os.path.lexists(target) else How.MOVE


class _Target:
    """Where the paths of a manifest lead now: below the same top, wherever that is mounted, or to another name."""

    def __init__(self, entry: Entry, to: str | None, roots: Sequence[Root]) -> None:
        self._top = entry.top
        model = entry.manifest["models"][0] if entry.manifest["models"] else None
        self._folder, self._stem, self._new_folder, self._new_stem = "", "", "", ""
        if to is None or model is None:
            self._moved = False
            return
        self._moved = True
        last = os.path.basename(model["relpath"])
        self._folder = os.path.dirname(os.path.join(self._top, model["relpath"]))
        self._stem = str(model["name"])
        extension = last[len(self._stem) :] if last.startswith(self._stem) else ""
        self._new_folder, self._new_stem = self._read(os.path.expanduser(to), extension, roots)

    def _read(self, text: str, extension: str, roots: Sequence[Root]) -> tuple[str, str]:
        plain = "/" not in text and os.sep not in text
        if plain and not os.path.isdir(os.path.join(self._top, text)):
            if extension == SHARD_INDEX:
                raise shards_keep_names(self._folder)
            stem = text[: -len(extension)] if extension and text.lower().endswith(extension.lower()) else text
            check_name(stem + extension)
            return self._folder, stem
        path = os.path.abspath(text) if os.path.isabs(text) else os.path.normpath(os.path.join(self._top, text))
        found = _in_root_paths(roots, os.path.join(path, "x"))
        if not found:
            raise NotFoundError(
                "outside-roots",
                N_("{path} lies in none of the roots, so the file would leave the library."),
                hint=N_("Add the folder first: `hubman roots add {path}`."),
                path=path,
            )
        check_folder(found[0][0].path, found[0][1].rpartition("/")[0])
        return path, self._stem

    def path(self, relpath: str) -> str:
        """Return the absolute path for a path of the manifest."""
        old = os.path.join(self._top, *relpath.split("/"))
        if not self._moved:
            return old
        first, *rest = os.path.relpath(old, self._folder).split(os.sep)
        return os.path.join(self._new_folder, renamed(first, self._stem, self._new_stem), *rest)


def _model(reader: Reader, roots: Sequence[Root], where: _Target, model: dict[str, Any]) -> Carried:
    """Find the row that a model of a manifest had, by the place it was removed from."""
    old = os.path.join(where._top, *model["relpath"].split("/"))
    row = next((file for place in _in_roots(roots, old) for file in reader.at(*place)), None)
    path = where.path(model["relpath"])
    target = next(((root.path, relpath) for root, relpath in _in_root_paths(roots, path)), None)
    file_id = row.file_id if row is not None and not row.present else None
    return Carried(file_id, str(model["name"]), None, target)


def _in_roots(roots: Sequence[Root], path: str) -> list[tuple[int, str]]:
    return [(root.id, relpath) for root, relpath in _in_root_paths(roots, path)]


def _in_root_paths(roots: Sequence[Root], path: str) -> list[tuple[Root, str]]:
    """Return the roots that a path lies in with the path relative to each, the innermost first."""
    found = [root for root in roots if path.startswith(root.path.rstrip(os.sep) + os.sep)]
    ranked = sorted(found, key=lambda root: -len(root.path))
    return [(root, os.path.relpath(path, root.path).replace(os.sep, "/")) for root in ranked]


def missing_folders(folders: Iterable[str], always: Iterable[str] = ()) -> list[str]:
    """Return those folders, and those above them, that are not there, the outermost first."""
    found = {folder for folder in always if not os.path.lexists(folder)}
    for folder in folders:
        there = nearest(folder)
        while folder != there:
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found, key=len)


# --- for good ------------------------------------------------------------------------------------------------------


def older_than(everything: Iterable[Entry], days: float, now_ns: int) -> list[Entry]:
    """Return what was removed longer ago than so many days. What a wrong clock dated into the future is not old."""
    return [entry for entry in everything if now_ns - entry.made_ns > days * DAY_NS]


def empty(store: Store, chosen: Sequence[Entry]) -> list[tuple[str, str]]:
    """Delete entries for good; return (folder, why) of those that the system refused to delete."""
    failures: list[tuple[str, str]] = []
    with acting(store):
        for top in {entry.top for entry in chosen}:
            trash.sweep(top)
        for entry in chosen:
            try:
                trash.delete(entry.folder)
            except OSError as error:
                failures.append((entry.folder, error.strerror or str(error)))
        deleted = [entry for entry in chosen if entry.folder not in {folder for folder, _ in failures}]
        if deleted:
            with store.writer(durable=True) as writer:
                writer.journal.record("empty", {"name": _names(deleted), "before": [e.id for e in deleted]})
    return failures


def _names(chosen: Sequence[Entry]) -> str:
    names = [str(model["name"]) for entry in chosen for model in entry.manifest["models"]]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def purge(store: Store, days: int, now_ns: int | None = None) -> int:
    """Delete what lies in the trash for longer than `days` (0: never); return how many entries went.

    For `sync` and `watch`, once a day. What cannot be deleted now is left for another day.
    """
    if days <= 0:
        return 0
    with open_reader(store.path) as reader:
        old = older_than(entries(reader), days, time.time_ns() if now_ns is None else now_ns)
    if not old:
        return 0
    try:
        return len(old) - len(empty(store, old))
    except HubmanError:
        return 0  # another hubman is at work: tomorrow will do
