"""`add`: file what a browser saved. The same checks as for a download, then one move that the journal can take back.

Everything is looked at, hashed and given a place first; nothing is moved before that. What is unsafe, broken, still
being written or here already stays where it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hubman import formats
from hubman.app.acting import Action, acting, check, new_token, perform
from hubman.app.adding_sources import Found, Source, Sources, Stamp, stamp_of, still_written
from hubman.app.checking import ENDINGS, Checked, check_file, ending_for
from hubman.app.filing import Place, place_for, taken_names
from hubman.app.hashing import SHARD_INDEX, hash_model
from hubman.app.library import inside
from hubman.app.moving import one_way
from hubman.app.trash import missing_folders
from hubman.app.whole import whole_places
from hubman.core.hub import Match
from hubman.core.hub_names import hub_name, says_nothing
from hubman.core.layout import MODEL_EXTENSIONS, is_model_name
from hubman.core.library import Layout, ModelFile, Unhashed, stem_of
from hubman.core.plan.place import Carried, How, Relocation, Step, belongings, renamed
from hubman.core.plan.pull import expected_kind
from hubman.core.ports import Progress, Silence
from hubman.core.safe_name import SafeName, free_name, safe_name
from hubman.core.types import Format, Hashes, Kind
from hubman.errors import N_, ConflictError, HubmanError, Phrase
from hubman.store.door import Store
from hubman.store.reader import open_reader

VERB = "add"
"""Of the entry in the journal."""

Pages = Callable[[Sequence[Hashes]], Mapping[str, Match]]
"""Asks hubs about contents: sha256 -> the page where a content is from."""


def nobody(_: Sequence[Hashes]) -> Mapping[str, Match]:
    """No hub is asked."""
    return {}


@dataclass(frozen=True, slots=True)
class AddOrder:
    """What the user asked for.

    Attributes:
        paths: files and folders.
        home: hubman's own folder.
        copy: leave the originals.
        root, folder: where it shall go instead of the place of its kind.
    """

    paths: tuple[str, ...]
    home: Path
    copy: bool = False
    root: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A source that passed every check."""

    source: Source
    checked: Checked
    hashes: Hashes
    size: int
    stamp: Mapping[str, Stamp]


@dataclass(frozen=True, slots=True)
class Filed:
    """A model that was (or would be) filed. `model`: its row, None for a dry run."""

    source: Source
    place: Place
    target: str
    kind: str
    hashes: Hashes
    size: int
    match: Match | None = None
    notices: tuple[str, ...] = ()
    model: ModelFile | None = None


@dataclass(slots=True)
class Adding:
    """What came of it. `here`: (given path, paths that have the content); `failed`, `left`: as in Found."""

    filed: list[Filed] = field(default_factory=list)
    here: list[tuple[str, list[str]]] = field(default_factory=list)
    failed: list[tuple[str, HubmanError]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    plan: Relocation | None = None
    entry: int | None = None


def add(
    store: Store, order: AddOrder, progress: Progress | None = None, *, pages: Pages = nobody, dry_run: bool = False
) -> Adding:
    """File what was named.

    Raises:
        ConflictError: `files-busy`, `no-space`, `move-failed` and what else `acting.perform` says; then nothing moved.
    """
    progress = progress or Silence()
    with Sources(order.home, progress) as sources:
        found = sources.find(order.paths)
        answer = Adding(failed=found.failed, left=found.left)
        looked = _look(store, found, answer, progress)
        matches = pages([one.hashes for one in looked]) if looked and not dry_run else {}
        if dry_run:
            _plan(store, looked, matches, order, answer)
        elif looked:
            with acting(store):
                sources.sweep()
                _plan(store, [one for one in looked if _is_still(one, answer)], matches, order, answer)
                if answer.plan is not None and answer.plan.steps:
                    answer.entry = perform(store, Action(VERB, answer.plan, _extra(answer)), progress)
            _record(store, answer)
        elif sources.litter():
            with contextlib.suppress(ConflictError), acting(store):
                sources.sweep()
    return answer


def _extra(answer: Adding) -> dict[str, object]:
    """Return what the way back needs beside the plan: which files came out of which archive."""
    return {"archives": {one.target: one.source.archive for one in answer.filed if one.source.archive}}


# --- looking -------------------------------------------------------------------------------------------------------


def _look(store: Store, found: Found, answer: Adding, progress: Progress) -> list[Looked]:
    """Check and hash every source; what fails or is here already goes into the answer."""
    with open_reader(store.path) as reader:
        roots = [root for root in reader.roots() if root.layout is not Layout.INBOX]
    looked: list[Looked] = []
    passed: list[Source] = []
    for source in found.sources:
        if source.archive is None and any(True for _ in inside(roots, source.path)):
            answer.failed.append((source.given, _in_library(source.given)))
        else:
            passed.append(source)
    progress.phase("hash", sum(_size(source) for source in passed))
    seen: dict[str, str] = {}
    for source in passed:
        try:
            one = _look_at(source, progress)
        except HubmanError as error:
            answer.failed.append((source.given, error))
            continue
        except OSError as error:
            answer.failed.append((source.given, _unreadable(source, error)))
            continue
        here = _already(store, one)
        if here or one.hashes.sha256 in seen:
            answer.here.append((source.given, here or [seen[one.hashes.sha256]]))
            continue
        seen[one.hashes.sha256] = source.given
        looked.append(one)
    return looked


def _already(store: Store, one: Looked) -> list[str]:
    """Return where the library has this content; rows of its size that nobody has hashed yet are read for that."""
    with open_reader(store.path) as reader:
        here = [file.path for file in whole_places(reader, [one.hashes.sha256])]
        same_size = [
            os.path.join(place.root, *place.relpath.split("/"))
            for root in reader.roots()
            for place in reader.unhashed(root, one.size - 1, one.size)
        ]
    for path in same_size:
        with contextlib.suppress(HubmanError, OSError):
            if not here and hash_model(path).sha256 == one.hashes.sha256:
                here.append(path)
    return here


def _look_at(source: Source, progress: Progress) -> Looked:
    stamp = stamp_of(source)
    checked = check_file(source.path, _checked_name(source))
    hashes = hash_model(source.path, progress.advance)
    if stamp_of(source) != stamp:
        raise still_written(source.given)
    return Looked(source, checked, hashes, sum(size for size, _, _ in stamp.values()), stamp)


def _checked_name(source: Source) -> str:
    """Return the name under which it is judged: some programs load by the ending. Without one its bytes give it one."""
    if source.folder or source.sharded:
        return os.path.basename(source.path)
    if is_model_name(source.name):
        return safe_name(source.name)
    known = ENDINGS.get(formats.container(source.path))
    return safe_name(source.name, ending=known[0]) if known else source.name


def _size(source: Source) -> int:
    total = 0
    for path in source.members:
        with contextlib.suppress(OSError):
            total += os.stat(path).st_size
    return total


def _is_still(one: Looked, answer: Adding) -> bool:
    """Say whether what was checked is still what lies there."""
    try:
        if stamp_of(one.source) == one.stamp:
            return True
    except OSError:
        pass
    answer.failed.append((one.source.given, still_written(one.source.given)))
    return False


def _in_library(path: str) -> ConflictError:
    return ConflictError(
        "in-library",
        N_("{path} lies in the library already."),
        hint=N_("Its right folder: hubman mv --to-its-place {path}"),
        path=path,
    )


def _unreadable(source: Source, error: OSError) -> ConflictError:
    return ConflictError(
        "file-unreadable",
        N_("{path}: the system says: {why}. Nothing was moved."),
        hint=N_("Correct that and try again."),
        path=source.given,
        why=error.strerror or str(error),
    )


# --- planning ------------------------------------------------------------------------------------------------------


def _plan(
    store: Store, looked: Sequence[Looked], matches: Mapping[str, Match], order: AddOrder, answer: Adding
) -> None:
    """Give every model its place and write down the steps."""
    taken: dict[str, set[str]] = {}
    nearby = Nearby({path for one in looked for path in one.source.members})
    steps: list[Step] = []
    models: list[Carried] = []
    for one in looked:
        try:
            filed = _place(store, one, matches.get(one.hashes.sha256), order)
            own = _steps(filed, nearby, taken, copy=order.copy)
            check(Relocation(tuple(own[1]), ()))
        except HubmanError as error:
            answer.failed.append((one.source.given, error))
            continue
        filed, some = own
        used = taken.setdefault(filed.place.directory, set())
        used |= {os.path.basename(step.target) for step in some}
        if is_model_name(filed.target):  # programs name models by the stem: no second one of another ending
            used |= {os.path.splitext(os.path.basename(filed.target))[0] + ending for ending in MODEL_EXTENSIONS}
        steps += some
        relpath = os.path.relpath(filed.target, filed.place.root.path).replace(os.sep, "/")
        name = stem_of(relpath, folder=filed.source.folder or filed.source.sharded)
        models.append(Carried(None, name, None, (filed.place.root.path, relpath)))
        answer.filed.append(filed)
    made = missing_folders([filed.place.directory for filed in answer.filed])
    plan = Relocation(
        steps=tuple(steps if order.copy else one_way(steps)), models=tuple(models), made=tuple(made), token=new_token()
    )
    check(plan)
    answer.plan = plan


def _place(store: Store, one: Looked, match: Match | None, order: AddOrder) -> Filed:
    """Choose root, folder and name. The bytes say what it is; where they do not, its page does."""
    kind, notices = one.checked.kind, []
    if kind is Kind.UNKNOWN and match is not None:
        kind = Kind(expected_kind(match.listing, match.file)) if match.file else Kind(match.listing.kind)
    name = _name(one, match)
    if one.checked.suspicious:
        notices.append(Phrase(N_("nothing shows that {name} is safe to open: `hubman scan` says why"), name=name))
    with open_reader(store.path) as reader:
        place = place_for(reader, kind, name, root=order.root, folder=order.folder)
    target = os.path.join(place.directory, place.name)
    return Filed(one.source, place, target, kind, one.hashes, one.size, match, tuple(notices))


def _name(one: Looked, match: Match | None) -> SafeName:
    source, header = one.source, one.checked.header
    if source.sharded:
        return SafeName(os.path.basename(source.path))
    text = source.name
    if match is not None and match.file is not None and says_nothing(text):
        text = hub_name(match.listing, match.file)
    if source.folder:
        return SafeName(safe_name(text + ".safetensors").removesuffix(".safetensors"))
    ending = ending_for(header.format, safe_name(text))
    return safe_name(text, ending=ending if header.format is not Format.FOLDER else None)


def _steps(filed: Filed, nearby: Nearby, taken: Mapping[str, set[str]], *, copy: bool) -> tuple[Filed, list[Step]]:
    """Return the steps of one model with what lies beside it, under the first stem that is free for all of that."""
    source, place = filed.source, filed.place
    used = taken_names(place) | taken.get(place.directory, set())
    folder = os.path.dirname(source.path)
    stem = _stem(source)
    beside = [] if source.archive else nearby.belongings(source, stem, folder)
    folded = {other.casefold() for other in used}
    name, tried = place.name, set(used)
    while True:
        name = _free(place.name, tried, single=is_model_name(place.name))
        new = name if source.folder else name.rpartition(".")[0]
        if source.sharded:
            name, new = place.name, stem
        targets = [renamed(entry, stem, new) for entry, _ in beside]
        if source.sharded or not {target.casefold() for target in targets} & folded:
            break
        tried.add(name)
    how = How.COPY if copy and source.archive is None else How.MOVE
    if source.sharded:
        steps = [Step(path, os.path.join(place.directory, os.path.basename(path)), how) for path in source.members]
    else:
        steps = [Step(source.path, os.path.join(place.directory, name), how)]
    for (entry, shared), target in zip(beside, targets, strict=True):
        kind = How.COPY if copy or shared else How.MOVE
        steps.append(Step(os.path.join(folder, entry), os.path.join(place.directory, target), kind))
    notices = filed.notices
    if name != place.name:
        notices += (Phrase(N_("{name} was taken, so it is called {new}"), name=place.name, new=name),)
    return replace(filed, target=os.path.join(place.directory, name), notices=notices), steps


def _stem(source: Source) -> str:
    last = os.path.basename(source.path)
    if source.folder:
        return last
    return last.removesuffix(SHARD_INDEX) if source.sharded else stem_of(last, folder=False)


class Nearby:
    """What lies beside models, of folders that are listed once. `moved`: paths of the models that go."""

    def __init__(self, moved: set[str]) -> None:
        self._moved = moved
        self._folders: dict[str, tuple[list[str], list[str]]] = {}

    def belongings(self, source: Source, stem: str, folder: str) -> list[tuple[str, bool]]:
        """Return (name, also of a model that stays) of what belongs to a model by its stem."""
        names, staying = self._listed(folder)
        own = {os.path.basename(path) for path in (source.path, *source.members)}
        found = belongings(stem, [name for name in names if name.startswith(stem) and name not in own], staying)
        return [(entry.name, entry.shared) for entry in found if os.path.isfile(os.path.join(folder, entry.name))]

    def _listed(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names in a folder, and the stems of the models that stay there."""
        if folder not in self._folders:
            names = os.listdir(folder)
            models = [name for name in names if is_model_name(name) and os.path.join(folder, name) not in self._moved]
            self._folders[folder] = names, [stem_of(name, folder=False) for name in models]
        return self._folders[folder]


def _free(name: SafeName, taken: set[str], *, single: bool) -> SafeName:
    if single:
        return free_name(name, taken)
    ending = ".safetensors"  # a folder's name has no ending: lend it one
    return SafeName(free_name(SafeName(name + ending), {other + ending for other in taken}).removesuffix(ending))


# --- recording -----------------------------------------------------------------------------------------------------


def _record(store: Store, answer: Adding) -> None:
    """Record hashes and pages of what was filed; the rows are there since the move."""
    if answer.entry is None:
        return
    rows: list[tuple[Filed, int, Unhashed]] = []
    with open_reader(store.path) as reader:
        for filed in answer.filed:
            relpath = os.path.relpath(filed.target, filed.place.root.path).replace(os.sep, "/")
            known = [row for row in reader.known(filed.place.root.id, [relpath]) if row.relpath == relpath]
            if known:
                row, root = known[0], filed.place.root.path
                rows.append((filed, row.id, Unhashed(row.id, root, relpath, row.size, row.mtime_ns, None, row.inode)))
    with store.writer(durable=True) as writer:
        writer.record_hashes([(place, filed.hashes) for filed, _, place in rows])
        writer.hubs.record_provenance(
            [
                (
                    filed.hashes.sha256,
                    filed.match.listing,
                    filed.match.file.id if filed.match.file else None,
                    filed.match.how,
                )
                for filed, _, _ in rows
                if filed.match is not None
            ]
        )
    with open_reader(store.path) as reader:
        files = {file.file_id: file for file in reader.by_ids([number for _, number, _ in rows])}
    models = {id(filed): files[number] for filed, number, _ in rows}
    answer.filed = [replace(filed, model=models.get(id(filed))) for filed in answer.filed]
