"""Where a new file goes, putting it there, and its row: the last steps of `pull` and `add`.

Nothing is overwritten, nothing lands outside a root, and the next scan finds nothing new.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from hubman.app.checking import Checked as Checked
from hubman.app.checking import check_file as check_file
from hubman.app.checking import ending_for as ending_for
from hubman.app.moving import check_folder, keeper_of, kept_by_another, places_in, top_folders
from hubman.app.reading import read_file
from hubman.app.roots import find_root
from hubman.core.folders import PROGRAMS, is_whole_program, its_place
from hubman.core.hub import Listing
from hubman.core.layout import is_model_name
from hubman.core.library import Change, ChangeKind, Known, Layout, Root, Seen, Unhashed, Unread, stem_of
from hubman.core.plan.place import part_name
from hubman.core.safe_name import SafeName, free_name
from hubman.core.types import Hashes, Kind
from hubman.disk import relocate
from hubman.disk.glance import glance
from hubman.errors import N_, ConflictError, HubmanError, IntegrityError, NotFoundError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

KEPT = (Layout.INVOKE, Layout.HUGGINGFACE)
"""Layouts of roots that another program keeps by a database or links of its own: nothing is put there."""

NO_HOME = (*KEPT, Layout.INBOX)
"""Layouts of roots that no new file goes to: `add` takes files out of an inbox."""

TRIES = 100
"""Names that are tried while somebody else takes them away from us."""

Came = tuple[str, Listing, str | None, str]
"""Where a content comes from: (sha256, listing, file id, how), as `writer.hubs.record_provenance` takes it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new file goes. `folder` is relative to the root with POSIX separators, "" for the root itself."""

    root: Root
    folder: str
    name: SafeName

    @property
    def directory(self) -> str:
        """The absolute path of the folder."""
        return os.path.join(self.root.path, *self.folder.split("/")) if self.folder else self.root.path

    @property
    def path(self) -> str:
        """The absolute path that the file gets, unless that name is taken by then."""
        return os.path.join(self.directory, self.name)


# --- where to ------------------------------------------------------------------------------------------------------


def place_for(
    reader: Reader, kind: str, name: SafeName, *, root: str | None = None, folder: str | None = None
) -> Place:
    """Choose the folder of the root that a new file of a kind belongs in.

    Of several roots it is the one that holds most models of that kind; a root without a layout takes anything.

    Args:
        root: the one that the user wants.
        folder: the one that the user wants: absolute, or relative to the root.

    Raises:
        NotFoundError: `no-roots`, `root-not-found`, `no-place`, `outside-roots`.
        ConflictError: `kept-by-another`, `folder-not-writable`, `leads-outside`, `folder-is-model`.
        UsageError: `name-invalid`, `folder-not-scanned`.
    """
    roots = reader.roots()
    if not roots:
        raise NotFoundError(
            "no-roots",
            N_("There is no folder to put models in yet."),
            hint=N_("Add the models folder of your program: `hubman roots add FOLDER`."),
        )
    if folder is not None and os.path.isabs(os.path.expanduser(folder)):
        return _absolute(roots, os.path.abspath(os.path.expanduser(folder)), name)
    usable = [find_root(reader, root)] if root is not None else [entry for entry in roots if is_usable(entry)]
    if root is not None:
        _check_root(usable[0])
    if not usable:
        raise _nowhere(roots)
    held = reader.kind_by_root(kind)
    if folder is not None:
        inside = _relative(folder)
        best = max(
            usable,
            key=lambda entry: (_has(entry, inside), held.get(entry.id, 0), entry.layout is not Layout.FLAT),
        )
        return _inside(roots, Place(best, inside, name))
    found = [place for entry in usable if (place := _its_place(roots, entry, kind, name))]
    if not found:
        raise _no_place(usable, kind)
    best_place = max(found, key=lambda place: (held.get(place.root.id, 0), place.root.layout is not Layout.FLAT))
    return _inside(roots, best_place)


def _has(root: Root, folder: str) -> bool:
    """Say whether the first part of a relative folder is there: then this root is the one that was meant."""
    return bool(folder) and os.path.isdir(os.path.join(root.path, folder.split("/")[0]))


def is_usable(root: Root) -> bool:
    """Say whether a root can be written to now, and is not another program's to keep."""
    return root.layout not in NO_HOME and os.path.isdir(root.path) and os.access(root.path, os.W_OK | os.X_OK)


def _check_root(root: Root) -> None:
    if root.layout in KEPT:
        raise kept_by_another(root.path, "InvokeAI" if root.layout is Layout.INVOKE else "Hugging Face")
    if not is_usable(root):
        raise _not_writable(root.path)


def _not_writable(path: str) -> ConflictError:
    return ConflictError(
        "folder-not-writable",
        N_("{path} is read-only for you, or no folder. Nothing was put there."),
        hint=N_("Give yourself the right to write there, or choose another folder."),
        path=path,
    )


def _nowhere(roots: Sequence[Root]) -> ConflictError:
    return ConflictError(
        "folder-not-writable",
        N_("None of the roots can take a new file: {paths} are read-only, away, or kept by another program."),
        hint=N_("Connect the drive, or add another folder: `hubman roots add FOLDER`."),
        paths=", ".join(root.path for root in roots),
    )


def _no_place(roots: Sequence[Root], kind: str) -> NotFoundError:
    return NotFoundError(
        "no-place",
        N_("None of the roots has a folder for a file of this kind ({kind}): {paths}."),
        hint=N_("Say where it goes: --to FOLDER."),
        kind=kind,
        paths=", ".join(f"{root.path} ({root.layout})" for root in roots),
    )


def _its_place(roots: Sequence[Root], root: Root, kind: str, name: SafeName) -> Place | None:
    if root.layout not in PROGRAMS:
        return Place(root, "", name)
    names, sort = top_folders(root.path), Kind(kind)
    folder = its_place(root.layout, sort, names, folder=not is_model_name(name))
    if folder is None:
        return None
    beside = root.layout is Layout.WEBUI and sort is Kind.EMBEDDING and folder not in names
    if not beside or is_whole_program(root.layout, names):
        return Place(root, folder, name)
    # A1111 looks for embeddings beside `models`, which has to be a root of its own.
    where = next(iter(places_in(roots, os.path.join(os.path.dirname(root.path), "embeddings"))), None)
    other = next((entry for entry in roots if where and entry.id == where[0]), None)
    return Place(other, where[1], name) if where and other and is_usable(other) else None


def _relative(folder: str) -> str:
    """Return a folder relative to a root in its usual form.

    Raises:
        NotFoundError: `outside-roots`, it climbs out.
    """
    usual = posixpath.normpath(folder.replace(os.sep, "/"))
    if usual == ".." or usual.startswith(("../", "/")) or os.path.isabs(usual):
        raise _outside(folder)
    return "" if usual == "." else usual


def _outside(path: str) -> NotFoundError:
    return NotFoundError(
        "outside-roots",
        N_("{path} lies in none of the roots, so the file would leave the library."),
        hint=N_("Add the folder first: `hubman roots add {path}`."),
        path=path,
    )


def _absolute(roots: Sequence[Root], path: str, name: SafeName) -> Place:
    found = next(iter(places_in(roots, path)), None)
    if found is None:
        raise _outside(path)
    root = next(entry for entry in roots if entry.id == found[0])
    _check_root(root)
    return _inside(roots, Place(root, found[1], name))


def _inside(roots: Sequence[Root], place: Place) -> Place:
    """Return a place that a scan of its root finds; one behind a link is given to the root that the link leads into.

    Raises:
        ConflictError: `leads-outside`, `kept-by-another`. As `moving.check_folder`.
    """
    if leads_outside(place.root.path, place.directory):
        real = os.path.realpath(place.directory)
        found = next(iter(places_in(roots, real)), None)
        if found is None or found[0] == place.root.id:
            raise _leads_outside(place.directory)
        place = Place(next(entry for entry in roots if entry.id == found[0]), found[1], place.name)
        _check_root(place.root)
    keeper = keeper_of(place.root.layout, place.folder)
    if keeper:
        raise kept_by_another(place.directory, keeper)
    check_folder(place.root.path, place.folder)
    return place


def leads_outside(root: str, path: str) -> bool:
    """Say whether a path leads out of a root by links, as far as it is there."""
    home, real = os.path.realpath(root), os.path.realpath(path)
    return real != home and not real.startswith(home.rstrip(os.sep) + os.sep)


def _leads_outside(path: str) -> ConflictError:
    return ConflictError(
        "leads-outside",
        N_("{path} is a link that leads to {target}, out of its root. Nothing was put there."),
        hint=N_("Make the folder that it leads to a root, too: `hubman roots add {target}`."),
        path=path,
        target=os.path.realpath(path),
    )


# --- putting it there ----------------------------------------------------------------------------------------------


def put(part: str, place: Place) -> str:
    """Give a checked file its name in the library; return its path, which has another name where that was taken.

    The bytes and the name are on the disk when this returns. The part may lie on another file system: then the copy is
    read back before it counts.

    Raises:
        ConflictError: `leads-outside`, `folder-not-writable`, `no-space`, `changed-while-reading`.
        IntegrityError: `copy-differs`, `not-a-file`.
    """
    if os.path.islink(part) or not (os.path.isfile(part) or os.path.isdir(part)):
        raise IntegrityError("not-a-file", N_("{name} is a device or a pipe, not a file"), name=part)
    make_folders(place)
    _check_inside(place)
    try:
        _sync(part)
        return _put(part, place)
    except OSError as error:
        raise _refused(place, error) from error


def _check_inside(place: Place) -> None:
    if leads_outside(place.root.path, place.directory):
        raise _leads_outside(place.directory)


def make_folders(place: Place) -> None:
    """Make the folders of a place that are not there yet.

    Raises:
        ConflictError: `leads-outside`, `folder-not-writable`, `no-space`.
    """
    _check_inside(place)
    path = place.root.path
    try:
        for part in place.folder.split("/") if place.folder else ():
            above, path = path, os.path.join(path, part)
            if not os.path.isdir(path):
                with contextlib.suppress(FileExistsError):  # another download made it a moment ago
                    os.mkdir(path)
                relocate.sync_folder(above)
        if not os.path.isdir(path) or not os.access(path, os.W_OK | os.X_OK):
            raise _not_writable(path)
    except OSError as error:
        raise _refused(place, error) from error


def _sync(part: str) -> None:
    """Have the bytes on the disk before the name is."""
    if os.path.isdir(part):
        for folder, _, names in os.walk(part):
            for name in names:
                _sync(os.path.join(folder, name))
            relocate.sync_folder(folder)
        return
    with open(part, "rb+") as file:
        os.fsync(file.fileno())


def _put(part: str, place: Place) -> str:
    token = part_name(os.urandom(5).hex(), 0)
    for _ in range(TRIES):
        name = free_name(place.name, taken_names(place))
        target = os.path.join(place.directory, name)
        try:
            relocate.move(part, target, os.path.join(place.directory, token))
        except FileExistsError:
            continue  # somebody was faster
        relocate.sync_folder(place.directory)
        return target
    raise FileExistsError(errno.EEXIST, "every name is taken", place.path)


def taken_names(place: Place) -> set[str]:
    """Return the names that a new file of a folder may not have.

    Another ending would not do: programs name models by their stem, and what lies beside one would count for both.
    """
    try:
        names = os.listdir(place.directory)
    except FileNotFoundError:
        return set()
    ending = os.path.splitext(place.name)[1] if is_model_name(place.name) else ""
    return set(names) | {stem_of(name, folder=False) + ending for name in names if is_model_name(name)}


def _refused(place: Place, error: OSError) -> HubmanError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConflictError(
            "no-space",
            N_("There is no room left for {name} in {path}. Nothing else was changed."),
            hint=N_("Free some space, then say the same again: it goes on where it was."),
            name=place.name,
            path=place.directory,
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return _not_writable(place.directory)
    return ConflictError(
        "not-placed",
        N_("{path}: the system says: {why}. The file has no name yet."),
        hint=N_("Correct that, then say the same again: it goes on where it was."),
        path=place.path,
        why=error.strerror or error,
    )


# --- its row -------------------------------------------------------------------------------------------------------


def record_placed(
    store: Store, root: Root, path: str, hashes: Hashes, came: Sequence[Came] = (), *,
    journal: tuple[str, dict[str, object]] | None = None, download: int | None = None,
) -> tuple[int, int | None]:  # fmt: skip
    """List a file that was put in its place, with everything that is known of it, in one transaction.

    Args:
        path: where `put` put it, in the root.
        came: where it comes from.
        journal: verb and detail of the action that this is, where it can be taken back.
        download: the number of the download that ends with it.

    Returns:
        (number of its row, number of the journal's entry).

    Raises:
        NotFoundError: `file-gone`, it is not there any more, or its folder is no root any more.
    """
    relpath = os.path.relpath(path, root.path).replace(os.sep, "/")
    seen = glance(root.path, relpath)
    if seen is None:
        raise _gone(path)
    name = stem_of(relpath, folder=seen.folder)
    reading = read_file(root.path, Unread(0, relpath, name, seen.folder, beside=bool(seen.beside)))
    with open_reader(store.path) as reader:
        before = next((row for row in reader.known(root.id, [relpath]) if row.relpath == relpath), None)
    with store.writer(durable=True) as writer:
        if writer.places.root_id(root.path) is None:
            raise _gone(path)
        if before is not None and not _is_same(before, seen):
            writer.apply_seen(root.path, [Change(ChangeKind.MODIFIED, before, seen)])
        writer.apply_added(root.id, root.path, [seen])
        row = writer.places.at(root.id, relpath)
        if row is None:
            raise _gone(path)
        if reading is not None:
            writer.record_readings([(row, name, reading)])
        unhashed = Unhashed(row, root.path, relpath, seen.size, seen.mtime_ns, None, seen.inode)
        writer.record_hashes([(unhashed, hashes)])
        writer.hubs.record_provenance(came)
        entry = writer.journal.record(*journal) if journal is not None else None
        if download is not None:
            writer.hubs.end_download(download)
    return row, entry


def _is_same(row: Known, seen: Seen) -> bool:
    return row.present and (row.size, row.mtime_ns, row.inode) == (seen.size, seen.mtime_ns, seen.inode)


def _gone(path: str) -> NotFoundError:
    return NotFoundError(
        "file-gone",
        N_("{path} is not there any more."),
        hint=N_("Run `hubman sync`, then look again."),
        path=path,
    )
