"""Add, list and forget the watched folders."""

from __future__ import annotations

import os

from hubman.core.layout import guess_layout
from hubman.core.library import Layout, Root, SidecarPolicy
from hubman.errors import N_, ConflictError, NotFoundError, UsageError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader


def add_root(store: Store, folder: str, layout: Layout | None, sidecars: SidecarPolicy | None) -> Root:
    """Record a folder as a root; adding it again only changes its sidecar policy, None leaves that as it is.

    Files that a root around it lists already become its own, with their hashes, words and verdicts.

    Raises:
        NotFoundError: `folder-not-found`. UsageError: `not-a-folder`.
    """
    path = os.path.realpath(os.path.expanduser(folder))
    if not os.path.exists(path):
        raise NotFoundError(
            "folder-not-found",
            N_("There is no folder {path}."),
            hint=N_("Check the name; `hubman init {path}` creates an empty library there."),
            path=path,
        )
    if not os.path.isdir(path):
        raise UsageError(
            "not-a-folder",
            N_("{path} is a file, and a root is a folder."),
            hint=N_("Give the folder that it lies in; `hubman inspect {path}` looks at the file."),
            path=path,
        )
    chosen = layout or guess_layout(_names(path))
    with open_reader(store.path) as reader:
        outer = enclosing_root(reader, path)
        same = next((root for root in reader.roots() if root.path == path), None)
    _check_inbox(path, chosen if layout is not None or same is None else same.layout, same, outer)
    with store.writer() as writer:
        writer.add_root(path, chosen, sidecars, os.stat(path).st_dev)
        if outer is not None and outer.layout is not Layout.INBOX:
            writer.hand_over(outer.path, path)
    with open_reader(store.path) as reader:
        return next(root for root in reader.roots() if root.path == path)


def _check_inbox(path: str, layout: Layout, same: Root | None, outer: Root | None) -> None:
    """Refuse to make a library an inbox, or an inbox a library, unasked.

    Raises:
        ConflictError: `inbox-in-root`.
    """
    becomes_other = same is not None and (same.layout is Layout.INBOX) != (layout is Layout.INBOX)
    inside = outer is not None and outer.layout is not Layout.INBOX and layout is Layout.INBOX
    if becomes_other or (inside and same is None):
        raise ConflictError(
            "inbox-in-root",
            N_("{path} is (or lies in) a root, {root}, and an inbox is no part of a library."),
            hint=N_("Choose a download folder outside, or first: hubman roots rm {root}"),
            path=path,
            root=path if becomes_other or outer is None else outer.path,
        )


def remove_root(store: Store, root: Root) -> None:
    """Stop watching a root. Where it lies inside another one, its files go on as that one's."""
    with open_reader(store.path) as reader:
        outer = enclosing_root(reader, root.path)
    with store.writer() as writer:
        if outer is not None and outer.layout is not Layout.INBOX:
            writer.hand_over(root.path, outer.path)
        writer.drop_root(root.id)


def enclosing_root(reader: Reader, path: str) -> Root | None:
    """Return the innermost root that a folder lies in, itself not counted."""
    outer = [root for root in reader.roots() if path.startswith(root.path.rstrip(os.sep) + os.sep)]
    return max(outer, key=lambda root: len(root.path), default=None)


def _names(path: str) -> list[str]:
    """Names at the top of a folder, and those of its `models` folder (A1111 keeps embeddings beside it)."""
    names = os.listdir(path)
    inner = os.path.join(path, "models")
    return names + (os.listdir(inner) if os.path.isdir(inner) else [])


def locate(reader: Reader, folder: str) -> tuple[Root, str] | None:
    """Return the root that a folder is or lies in, and the folder relative to it; the innermost root wins.

    A folder behind a link is looked for by its real path first: a link out of a root belongs to the root that it is in.
    """
    given = os.path.expanduser(folder)
    for path in (os.path.realpath(given), os.path.abspath(given)):
        for root in sorted(reader.roots(), key=lambda root: -len(root.path)):
            if path == root.path:
                return root, ""
            if path.startswith(root.path.rstrip(os.sep) + os.sep) and os.path.isdir(path):
                return root, os.path.relpath(path, root.path).replace(os.sep, "/")
    return None


def find_root(reader: Reader, text: str) -> Root:
    """Return the root that a path names.

    Raises:
        NotFoundError: `root-not-found`.
    """
    path = os.path.realpath(os.path.expanduser(text))
    for root in reader.roots():
        if root.path in (path, text):
            return root
    raise NotFoundError(
        "root-not-found",
        N_("{path} is not one of the roots."),
        hint=N_("`hubman roots ls` lists them, `hubman roots add {path}` adds it."),
        path=text,
    )
