"""`mv`: which files go where, planned from names and the library; nothing here touches the disk but to look."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from hubman.app.acting import Action, acting, check, file_gone, nearest, new_token, perform
from hubman.app.library import find_all, find_one, inside
from hubman.core.folders import PROGRAMS, is_whole_program, its_place
from hubman.core.layout import SKIPPED_FOLDERS, folder_form, is_model_name, is_weights
from hubman.core.library import Layout, ModelFile, Root, stem_of
from hubman.core.misplaced import misplaced
from hubman.core.plan.place import Belonging, Carried, How, Relocation, Step, belongings, check_name, renamed
from hubman.core.ports import Progress
from hubman.core.query import Query
from hubman.core.types import Kind
from hubman.disk.walk import SHARD_INDEX, enclosing_model_folder, model_members
from hubman.errors import N_, ConflictError, NotFoundError, Phrase, UsageError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader


@dataclass(frozen=True, slots=True)
class Goal:
    """Where one model shall go: a root, a folder relative to it, and its stem there."""

    file: ModelFile
    root: str
    folder: str
    stem: str
    bring: bool = False

    @property
    def path(self) -> str:
        """The absolute path of the folder."""
        return os.path.join(self.root, *self.folder.split("/")) if self.folder else self.root


@dataclass(frozen=True, slots=True)
class Moving:
    """What a move would do, or did: its plan, and (path, why) of what it leaves alone."""

    plan: Relocation
    skipped: tuple[tuple[str, str], ...] = ()
    number: int | None = None


# --- which files ---------------------------------------------------------------------------------------------------


def places_of(reader: Reader, text: str) -> list[ModelFile]:
    """Return the places that hold the one model that a MODEL argument means, all of them there now.

    Raises:
        NotFoundError: `model-not-found`, `file-gone`. ConflictError: `model-ambiguous`.
    """
    first = find_one(reader, text)
    found = [file for file in find_all(reader, text) if file.present]
    if not found:
        raise file_gone(first.path, [first.root])
    return found


def one_place(reader: Reader, text: str) -> ModelFile:
    """Return the one place that a MODEL argument means.

    Raises:
        ConflictError: `model-in-places`, the same content lies in several. As `places_of`.
    """
    found = places_of(reader, text)
    if len(found) > 1:
        raise ConflictError(
            "model-in-places",
            N_("{text!r} lies in {count} places:\n{candidates}"),
            hint=N_("Name one by its path."),
            text=text,
            count=len(found),
            candidates="\n".join(f"    {file.alias}  {file.path}" for file in found[:12]),
        )
    return found[0]


def check_ours(files: Iterable[ModelFile], roots: Sequence[Root]) -> None:
    """Refuse files that another program keeps by a database or by links of its own.

    Raises:
        ConflictError: `kept-by-another`.
    """
    layouts = {root.id: root.layout for root in roots}
    for file in files:
        keeper = keeper_of(layouts.get(file.root_id), file.relpath)
        if keeper:
            raise kept_by_another(file.path, keeper)


def keeper_of(layout: Layout | None, relpath: str) -> str:
    """Return which program keeps a place by a database or links of its own, "" for none."""
    if layout is Layout.INVOKE:
        return "InvokeAI"
    parts = relpath.split("/")
    cached = any(part.startswith("models--") for part in parts) and {"snapshots", "blobs"} & set(parts)
    return "Hugging Face" if cached else ""


def kept_by_another(path: str, keeper: str) -> ConflictError:
    """Return the error for a place that another program keeps."""
    return ConflictError(
        "kept-by-another",
        N_("{path} belongs to the store of {keeper}, which would lose track of it."),
        hint=N_("Use that program to move or remove it."),
        path=path,
        keeper=keeper,
    )


# --- where to ------------------------------------------------------------------------------------------------------


def goals_for(reader: Reader, files: Sequence[ModelFile], destination: str, *, bring: bool = False) -> list[Goal]:
    """Read DEST: a folder, absolute or relative to the root of each file, or a new name.

    Raises:
        UsageError: `name-invalid`, `not-a-folder`. NotFoundError: `outside-roots`. ConflictError: `kept-by-another`,
        `folder-is-model`.
    """
    roots = reader.roots()
    check_ours(files, roots)
    return [_goal(file, roots, destination, many=len(files) > 1, bring=bring) for file in files]


def _goal(file: ModelFile, roots: Sequence[Root], destination: str, *, many: bool, bring: bool) -> Goal:
    base = os.path.dirname(file.path)
    text = os.path.expanduser(destination)
    folder_meant = text.endswith(("/", os.sep))
    plain = not folder_meant and "/" not in text and os.sep not in text
    if os.path.isabs(text) or text in (".", "..") or text.startswith((f".{os.sep}", f"..{os.sep}", "./", "../")):
        path = os.path.abspath(text)
    elif plain and not os.path.isdir(os.path.join(file.root, text)):
        path = os.path.join(base, text)
    else:
        path = os.path.normpath(os.path.join(file.root, *text.split("/")))
    if os.path.isdir(path) and not _is_own(file, path):
        return _into(file, roots, path, file_stem(file), bring)
    if folder_meant or many:
        if many and not folder_meant:
            raise UsageError(
                "not-a-folder",
                N_("{path} is no folder, and several models need one."),
                hint=N_("End it with a slash to have it made."),
                path=path,
            )
        return _into(file, roots, path, file_stem(file), bring)
    return _into(file, roots, os.path.dirname(path), _new_stem(file, os.path.basename(path)), bring)


def _is_own(file: ModelFile, path: str) -> bool:
    return file.folder and os.path.normpath(path) == os.path.normpath(file.path)


def file_stem(file: ModelFile) -> str:
    """Return the stem of a file's name, which its sidecars share."""
    return stem_of(file.relpath, folder=file.folder)


def _new_stem(file: ModelFile, name: str) -> str:
    """Return the stem that a new name means. The extension stays: it says what is in the file.

    Raises:
        UsageError: `name-invalid`, `extension-changed`, `shards-keep-names`.
    """
    stem, extension = file_stem(file), _extension(file)
    if extension and name.lower().endswith(extension.lower()):
        name = name[: -len(extension)]
    elif extension and is_model_name(name):
        raise UsageError(
            "extension-changed",
            N_("{name!r} has another extension than {old!r}, but what is in the file stays the same."),
            hint=N_("Leave the extension away: it is kept."),
            name=name,
            old=os.path.basename(file.path),
        )
    if file.path.endswith(SHARD_INDEX) and name != stem:
        raise shards_keep_names(file.path)
    check_name(name + extension)
    return name


def shards_keep_names(path: str) -> UsageError:
    """Return the error for a new name of a model in shards."""
    return UsageError(
        "shards-keep-names",
        N_("{path} is in several parts, whose names are written in its index: it cannot be renamed."),
        hint=N_("Move it into a folder of that name."),
        path=path,
    )


def _extension(file: ModelFile) -> str:
    return os.path.basename(file.path)[len(file_stem(file)) :]


def _into(file: ModelFile, roots: Sequence[Root], path: str, stem: str, bring: bool) -> Goal:
    by_id = {root.id: root for root in roots}
    found = next(iter(places_in(roots, path)), None)
    if found is None:
        raise NotFoundError(
            "outside-roots",
            N_("{path} lies in none of the roots, so the file would leave the library."),
            hint=N_("Add the folder first: `hubman roots add {path}`."),
            path=path,
        )
    root, folder = by_id[found[0]], found[1]
    keeper = keeper_of(root.layout, folder)
    if keeper:
        raise kept_by_another(path, keeper)
    check_folder(root.path, folder)
    return Goal(file, root.path, folder, stem, bring)


def places_in(roots: Sequence[Root], path: str) -> Iterable[tuple[int, str]]:
    """Yield (root id, relative path) of a folder, which may be a root itself. An inbox holds no models."""
    roots = [root for root in roots if root.layout is not Layout.INBOX]
    for form in dict.fromkeys((path, os.path.realpath(path))):
        yield from ((root.id, "") for root in roots if os.path.normcase(root.path) == os.path.normcase(form))
        yield from inside(roots, form)


def check_folder(root: str, folder: str) -> None:
    """Refuse a folder that no scan looks into, or that is one model.

    Raises:
        UsageError: `name-invalid`. ConflictError: `folder-is-model`, `file-exists`.
    """
    parts = folder.split("/") if folder else []
    for depth, part in enumerate(parts, 1):
        if not os.path.lexists(os.path.join(root, *parts[:depth])):
            check_name(part)
        if part.lower() in SKIPPED_FOLDERS or part.startswith("."):
            raise UsageError(
                "folder-not-scanned",
                N_("No scan looks into {path}: the file would vanish from the library."),
                hint=N_("Choose another folder."),
                path=folder,
            )
    model = enclosing_model_folder(root, folder)
    if model is not None:
        raise ConflictError(
            "folder-is-model",
            N_("{path} is one model; a file in it would count as a part of that."),
            hint=N_("Choose another folder."),
            path=os.path.join(root, model),
        )


# --- to its place --------------------------------------------------------------------------------------------------


def goals_in_place(
    reader: Reader, files: Sequence[ModelFile], *, named: bool
) -> tuple[list[Goal], list[tuple[str, str]]]:
    """Return where files belong in the layouts of their roots, and (path, why) of those that stay.

    Args:
        named: the user named these files, so that one in a folder of the user's own goes to its place, too; else only
            those move whose kind contradicts their folder.
    """
    roots = {root.id: root for root in reader.roots()}
    goals, skipped = [], []
    for file in files:
        root = roots[file.root_id]
        if not named and misplaced(root.layout, root.path, file.relpath, file.kind) is None:
            continue
        goal, why = _home(file, root, list(roots.values()))
        if goal is not None:
            goals.append(goal)
        elif why:
            skipped.append((file.path, why))
    return goals, skipped


def _home(file: ModelFile, root: Root, roots: Sequence[Root]) -> tuple[Goal | None, str]:
    keeper = keeper_of(root.layout, file.relpath)
    if keeper:
        return None, Phrase(N_("it belongs to the store of {keeper}"), keeper=keeper)
    program = PROGRAMS.get(root.layout)
    if program is None:
        return None, Phrase(N_("its root has no layout that says where a kind belongs"))
    kind, names = Kind(file.kind), top_folders(root.path)
    folder = its_place(root.layout, kind, names, folder=file.folder)
    if folder is None:
        return None, Phrase(N_("{program} has no folder for what it is"), program=program)
    if _is_below(file.relpath, folder):
        return None, ""
    if root.layout is Layout.WEBUI and kind is Kind.EMBEDDING and folder not in names:
        return _embeddings(file, root, roots, names)
    return Goal(file, root.path, folder, file_stem(file)), ""


def _embeddings(file: ModelFile, root: Root, roots: Sequence[Root], names: Collection[str]) -> tuple[Goal | None, str]:
    """A1111 keeps embeddings beside `models`, which is another root, or in this one when it is the whole program."""
    if is_whole_program(root.layout, names):
        return Goal(file, root.path, "embeddings", file_stem(file)), ""
    path = os.path.join(os.path.dirname(root.path), "embeddings")
    found = next(iter(places_in(roots, path)), None)
    if found is None:
        return None, Phrase(N_("A1111 looks for embeddings in {path}, which is in none of the roots"), path=path)
    other = next(entry for entry in roots if entry.id == found[0])
    return Goal(file, other.path, found[1], file_stem(file)), ""


def _is_below(relpath: str, folder: str) -> bool:
    return relpath.casefold().startswith(folder.casefold() + "/")


def top_folders(root: str) -> list[str]:
    """Return the folders at the top of a root, and those of its `models/`."""
    names = _subfolders(root)
    inner = next((name for name in names if name.casefold() == "models"), None)
    return names + ([f"models/{name}" for name in _subfolders(os.path.join(root, inner))] if inner else [])


def _subfolders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []


# --- the plan ------------------------------------------------------------------------------------------------------


def plan_of(reader: Reader, goals: Sequence[Goal]) -> Relocation:
    """Return the whole plan of a move: everything that travels, and the folders that have to be made."""
    moved = {path for goal in goals for path in own_paths(goal.file)}
    steps = [step for goal in goals for step in _steps(goal, moved)]
    steps += [step for goal in goals if goal.bring for step in _brought(reader, goal, steps)]
    models = [_carried(goal) for goal in goals]
    return Relocation(
        steps=tuple(one_way(steps)), models=tuple(models), made=tuple(_missing([goal.path for goal in goals])),
        token=new_token(),
    )  # fmt: skip


def _carried(goal: Goal) -> Carried:
    file = goal.file
    name = renamed(os.path.basename(file.relpath), file_stem(file), goal.stem)
    relpath = f"{goal.folder}/{name}" if goal.folder else name
    return Carried(file.file_id, file.name, (file.root, file.relpath), (goal.root, relpath), goal.bring)


def own_paths(file: ModelFile) -> list[str]:
    """Return the absolute paths that are the model itself: a file, a folder, or an index and its shards.

    Raises:
        NotFoundError: `file-gone`. OSError: its folder cannot be read.
    """
    if not os.path.lexists(file.path):
        raise file_gone(file.path, [file.root])
    if not file.path.endswith(SHARD_INDEX):
        return [file.path]
    return [os.path.join(os.path.dirname(file.path), name) for name in model_members(file.path)]


def beside(file: ModelFile, moved: Collection[str]) -> list[Belonging]:
    """Return what lies beside a model and belongs to it. What a model that stays has, too, is shared."""
    folder, stem = os.path.dirname(file.path), file_stem(file)
    names = os.listdir(folder)
    own = {os.path.basename(path) for path in own_paths(file)}
    others = [name for name in names if is_model_name(name) and os.path.join(folder, name) not in moved]
    stems = [stem_of(name, folder=False) for name in others if name not in own]
    found = [entry for entry in belongings(stem, names, stems) if entry.name not in own]
    if not file.folder and _is_config_folder(os.path.join(folder, stem)):
        found.append(Belonging(stem, "", stem in stems))
    return found


def _is_config_folder(path: str) -> bool:
    """Say whether a folder is the diffusers config of a checkpoint: a pipeline without weights."""
    if os.path.islink(path) or not os.path.isdir(path) or folder_form(os.listdir(path)) is None:
        return False
    return not any(is_weights(name) for _, _, names in os.walk(path) for name in names)


def _steps(goal: Goal, moved: Collection[str]) -> list[Step]:
    file, stem = goal.file, file_stem(goal.file)
    steps = [
        Step(path, os.path.join(goal.path, renamed(os.path.basename(path), stem, goal.stem)))
        for path in own_paths(file)
    ]
    folder = os.path.dirname(file.path)
    steps += [
        Step(
            os.path.join(folder, entry.name),
            os.path.join(goal.path, renamed(entry.name, stem, goal.stem)),
            How.COPY if entry.shared else How.MOVE,
        )
        for entry in beside(file, moved)
    ]
    return [step for step in steps if step.source != step.target]


def _brought(reader: Reader, goal: Goal, steps: Sequence[Step]) -> list[Step]:
    """Return the steps for what stayed behind when the file was moved by somebody else; a name that is taken stays."""
    behind = reader.left_behind().get(goal.file.file_id)
    if not behind or not os.path.isdir(os.path.dirname(behind)):
        return []
    folder, stem = os.path.split(behind)
    names = os.listdir(folder)
    taken = {step.target for step in steps}
    models = [stem_of(name, folder=False) for name in names if is_model_name(name)]
    found = []
    for entry in belongings(stem, names, models):
        target = os.path.join(goal.path, renamed(entry.name, stem, goal.stem))
        if target not in taken and not os.path.lexists(target):
            how = How.COPY if entry.shared else How.MOVE
            found.append(Step(os.path.join(folder, entry.name), target, how))
    return found


def one_way(steps: Sequence[Step]) -> list[Step]:
    """Let what two models of one move share go once: copies first, then the move."""
    targets: dict[str, list[str]] = {}
    for step in steps:
        known = targets.setdefault(step.source, [])
        if step.target not in known:
            known.append(step.target)
    stays = {step.source for step in steps if step.how is How.COPY}
    found = []
    for source, ends in targets.items():
        for end in ends:
            last = end == ends[-1] and source not in stays
            found.append(Step(source, end, How.MOVE if last else How.COPY))
    return found


def _missing(folders: Iterable[str]) -> list[str]:
    """Return the folders that have to be made, the outermost first."""
    found: set[str] = set()
    for folder in folders:
        there = nearest(folder)
        while folder != there:
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found, key=len)


# --- the verbs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MoveOrder:
    """What the user asked of `mv`.

    Attributes:
        models: MODEL arguments; with `to_its_place` they may be left out, or be one query.
        destination: DEST; None when everything stays in its folder (`--bring-sidecars`) or goes to its place.
    """

    models: tuple[str, ...]
    destination: str | None = None
    to_its_place: bool = False
    bring: bool = False
    query: Query | None = field(default=None)


def plan_move(store: Store, order: MoveOrder) -> Moving:
    """Say what a move would do, with everything checked that can be checked before."""
    with open_reader(store.path) as reader:
        goals, skipped = _goals(reader, order)
        plan = plan_of(reader, goals)
    check(plan)
    return Moving(plan, tuple(skipped))


def _goals(reader: Reader, order: MoveOrder) -> tuple[list[Goal], list[tuple[str, str]]]:
    if order.to_its_place:
        if order.query is not None:
            return goals_in_place(reader, reader.search(order.query)[1], named=False)
        return goals_in_place(reader, [one_place(reader, text) for text in order.models], named=True)
    files = [one_place(reader, text) for text in order.models]
    files = list({file.file_id: file for file in files}.values())
    if order.destination is not None:
        return goals_for(reader, files, order.destination, bring=order.bring), []
    check_ours(files, reader.roots())
    return [Goal(file, file.root, file.relpath.rpartition("/")[0], file_stem(file), True) for file in files], []


def move(store: Store, order: MoveOrder, progress: Progress | None = None) -> Moving:
    """Move models with everything that belongs to them."""
    with acting(store):
        moving = plan_move(store, order)
        if not moving.plan.steps:
            return moving
        number = perform(store, Action("mv", moving.plan, {}), progress)
    return Moving(moving.plan, moving.skipped, number)
