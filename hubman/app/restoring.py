"""`pull -r FILE`: a list by `hubman export`, or plain references -> what to fetch, and the user's own words put back.

A list may come from anybody: every value is checked, and a folder of it is one below a root or nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from hubman.app.exporting import LIST_SCHEMA, TITLE
from hubman.app.filing import is_usable
from hubman.app.pull import Pulled, PullOptions
from hubman.app.pull_many import Pull
from hubman.app.wanted import ORDER, Asked, Wanted, by_hash, find_ref
from hubman.app.whole import whole_places
from hubman.core import refs
from hubman.core.hub import HubRef, Listing, RemoteFile
from hubman.core.library import UserData
from hubman.core.ports import Hub
from hubman.core.types import Hashes
from hubman.errors import N_, HubmanError, NotFoundError, UsageError
from hubman.store.door import Store
from hubman.store.reader import Reader

MOST_ENTRIES = 1_000_000
LONGEST_FOLDER, DEEPEST_FOLDER = 1024, 32
"""Bytes, and levels, of a folder in a list."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HUB = re.compile(r"[a-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of a list."""

    name: str
    sha256: str
    file: str = ""
    folder: str = ""
    layout: str = ""
    kind: str = "unknown"
    sources: tuple[HubRef, ...] = ()
    pages: tuple[str, ...] = ()
    user: UserData = field(default_factory=UserData)
    words: tuple[str, ...] = ()
    is_folder: bool = False

    def to_json(self) -> dict[str, object]:
        """Return what `pull --json` says of an entry that nobody has."""
        return {"name": self.name, "sha256": self.sha256, "kind": self.kind, "pages": list(self.pages)}


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list holds: references as text, or models by `export`."""

    refs: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


# --- reading ----------------------------------------------------------------------------------------------------------


def read_list(text: str) -> Listed:
    """Read a list: JSON by `hubman export`, else a reference a line; `#` begins a comment.

    Raises:
        UsageError: `list-unreadable`.
    """
    if not text.lstrip().startswith(("{", "[")):
        lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
        return Listed(refs=tuple(line for line in lines if line))
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"it is no JSON ({type(error).__name__})") from error
    if not isinstance(data, dict) or data.get("list") != TITLE or not isinstance(data.get("models"), list):
        raise _unreadable("it is no list by `hubman export`")
    schema = data.get("list_schema")
    if not isinstance(schema, int) or schema > LIST_SCHEMA:
        raise _unreadable("it was made by a later hubman")
    entries = [_entry(model) for model in data["models"][:MOST_ENTRIES] if isinstance(model, dict)]
    return Listed(entries=tuple(entry for entry in entries if entry is not None))


def _unreadable(why: str) -> UsageError:
    return UsageError(
        "list-unreadable",
        N_("{path} cannot be read as a list: {why}"),
        hint=N_("Give a file by `hubman export`, or a text with one reference a line."),
        path="-r",
        why=why,
    )


def _entry(model: Mapping[str, Any]) -> Entry | None:
    """Return a model of a list; None for one without a usable hash. Values of wrong types are as if not there."""
    hashes = model.get("hashes")
    sha256 = str(hashes.get("sha256", "")).lower() if isinstance(hashes, dict) else ""
    if not _SHA256.fullmatch(sha256):
        return None
    sources = [source for source in _list(model.get("sources")) if isinstance(source, dict)]
    user = model.get("user")
    said = user if isinstance(user, dict) else {}
    return Entry(
        name=_text(model.get("name")) or sha256[:10],
        sha256=sha256,
        file=_text(model.get("file")),
        folder=_folder(model.get("folder")),
        layout=_text(model.get("layout")),
        kind=_text(model.get("kind")) or "unknown",
        sources=tuple(ref for source in sources if (ref := _source(source))),
        pages=tuple(
            page for source in sources if (page := _text(source.get("page"))).startswith(("http://", "https:"))
        ),
        user=_user(said),
        words=_texts(said.get("words")),
        is_folder=model.get("is_folder") is True,
    )


def _source(source: Mapping[str, Any]) -> HubRef | None:
    """Return where a model came from, if that is something that a person could have pasted: it goes into addresses."""
    hub, model, version = _text(source.get("hub")), _text(source.get("model")), _text(source.get("version"))
    if not _HUB.fullmatch(hub) or not model:
        return None
    try:
        ref = refs.parse(str(HubRef(hub, model, version or None)))
    except UsageError:
        return None
    if (ref.hub, ref.hash, bool(ref.model)) != (hub, None, True):
        return None
    return replace(ref, file=_text(source.get("file")) or None)


def _user(said: Mapping[str, Any]) -> UserData:
    rating = said.get("rating")
    usable = isinstance(rating, int) and not isinstance(rating, bool) and 1 <= rating <= 5
    return UserData(
        _text(said.get("note"), 100_000), _texts(said.get("tags")), said.get("favourite") is True,
        rating if usable else None,
    )  # fmt: skip


def _folder(value: object) -> str:
    """Return a folder; one that is no library's (control characters, too long, too deep) is as if not there."""
    folder = _text(value)
    usable = folder.isprintable() and len(folder.encode()) <= LONGEST_FOLDER and folder.count("/") < DEEPEST_FOLDER
    return folder if usable and all(len(part.encode()) <= 255 for part in folder.split("/")) else ""


def _text(value: object, most: int = 4096) -> str:
    """Return a text; half characters in it become U+FFFD, so that it can be stored and shown."""
    if not isinstance(value, str):
        return ""
    return value[:most].encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for item in _list(value)[:1000] if (text := _text(item, 1000).strip()))


# --- finding ----------------------------------------------------------------------------------------------------------


Found = Mapping[str, tuple[Listing, RemoteFile]]
"""sha256 -> where a hub has it."""


def found_for(reader: Reader, hubs: Mapping[str, Hub], entries: Sequence[Entry]) -> Found:
    """Ask about many models in few calls: for the versions they came from, then for their hashes.

    What a hub could not say is left out, and asked about one by one (`wanted_of`).
    """
    there = {file.subject for file in whole_places(reader, [entry.sha256 for entry in entries])}
    missing = {entry.sha256: entry for entry in entries if entry.sha256 not in there and not entry.is_folder}
    found: dict[str, tuple[Listing, RemoteFile]] = {}
    for name in dict.fromkeys(ref.hub for entry in missing.values() for ref in entry.sources if ref.hub in hubs):
        found |= _of_sources(hubs[name or ""], [entry for sha256, entry in missing.items() if sha256 not in found])
    refused = {hub for hub, yes in reader.hubs.choices().items() if not yes}
    for name in (name for name in ORDER if name in hubs and name not in refused and hubs[name].hash_kinds):
        left = [Hashes(sha256, None, sha256[:10], None) for sha256 in missing if sha256 not in found]
        for match in hubs[name].by_hashes(left).found if left else ():
            if match.file is not None and match.how == "sha256" and match.agrees:
                found[match.sha256] = (match.listing, match.file)
    return found


def _of_sources(hub: Hub, entries: Sequence[Entry]) -> dict[str, tuple[Listing, RemoteFile]]:
    """Return what of these a hub still has where it was, byte for byte by what the hub says."""
    models = list(dict.fromkeys(ref.model for entry in entries for ref in entry.sources if ref.hub == hub.name))
    try:
        versions = hub.versions([model for model in models if model])
    except HubmanError:
        return {}
    files = {file.sha256: (one, file) for listings in versions.values() for one in listings for file in one.files}
    return {entry.sha256: files[entry.sha256] for entry in entries if entry.sha256 in files}


def wanted_of(
    store: Store,
    reader: Reader,
    hubs: Mapping[str, Hub],
    entry: Entry,
    options: PullOptions,
    asked: Asked,
    found: Found = MappingProxyType({}),
) -> Pull:
    """Say where a model of a list is to be had: here, where it came from, else wherever its hash is known.

    Raises:
        NotFoundError: `nowhere-found`. HubError: nobody has it, and a hub could not be asked.
    """
    after = _putting_back(store, entry)
    places = whole_places(reader, [entry.sha256])
    if places:
        return Pull(Wanted(entry.name, None, None, places), options, after)
    if entry.is_folder:
        raise _folder_of_files(entry)
    if entry.sha256 in found:
        listing, file = found[entry.sha256]
        return Pull(Wanted(entry.name, listing, _promised(file, entry)), _filed(reader, entry, options), after)
    wanted = _from_sources(reader, hubs, entry, asked)
    if wanted is None:
        try:
            listing, file = by_hash(reader, hubs, entry.sha256)
        except NotFoundError as error:
            raise _nowhere(entry) from error
        wanted = Wanted(entry.name, listing, _promised(file, entry))
    return Pull(wanted, _filed(reader, entry, options), after)


def _from_sources(reader: Reader, hubs: Mapping[str, Hub], entry: Entry, asked: Asked) -> Wanted | None:
    """Return the recorded source that still has this very content."""
    for ref in entry.sources:
        if ref.hub not in hubs:
            continue
        wish = replace(asked.wish, file=ref.file, version=None)
        try:
            own = replace(asked, wish=wish, hub=None, ask=None)
            wanted = find_ref(reader, hubs, entry.name, replace(ref, file=None), own)
        except HubmanError:
            continue  # gone, gated, unreachable: another source, or its hash, may lead to it
        listing = wanted.listing
        if listing is None or wanted.file is None:
            continue
        same = [file for file in listing.files if file.sha256 == entry.sha256]
        if same:
            return replace(wanted, file=same[0], here=())
        if wanted.file.sha256 is None:  # the hub says nothing of its bytes: they are compared when they are here
            return replace(wanted, file=_promised(wanted.file, entry), here=())
    return None


def _promised(file: RemoteFile, entry: Entry) -> RemoteFile:
    """Return a file of which only these very bytes will do."""
    return replace(file, hashes=MappingProxyType({**file.hashes, "sha256": entry.sha256}))


def _filed(reader: Reader, entry: Entry, options: PullOptions) -> PullOptions:
    """Return options by which it gets its name again, and its folder where a root has the layout that it had."""
    name = options.name or entry.file or None
    if options.folder is not None or options.root is not None:
        return replace(options, name=name)
    root = next((root for root in reader.roots() if root.layout == entry.layout and is_usable(root)), None)
    if root is None or not entry.layout:
        return replace(options, name=name)
    return replace(options, name=name, root=root.path, folder=entry.folder or ".")


def _folder_of_files(entry: Entry) -> NotFoundError:
    """Return the error for a model folder: its hash is hubman's own, so there is no use in asking hubs for it."""
    ref = next((str(replace(ref, file=None)) for ref in entry.sources), None)
    return NotFoundError(
        "folder-in-list",
        N_("{name} is a folder of several files: a list does not restore those."),
        hint=N_("Fetch it from where it came: hubman pull {ref} --folder")
        if ref
        else N_("If you have a copy somewhere, put it back with: hubman add FOLDER"),
        name=entry.name,
        ref=ref,
    )


def _nowhere(entry: Entry) -> NotFoundError:
    return NotFoundError(
        "nowhere-found",
        N_("{name} ({sha256}) is on none of the hubs any more."),
        hint=N_("If you have a copy somewhere, put it back with: hubman add FILE"),
        name=entry.name,
        sha256=entry.sha256[:10],
    )


# --- what the user said -----------------------------------------------------------------------------------------


def _putting_back(store: Store, entry: Entry) -> Callable[[Pulled], None] | None:
    if entry.user == UserData() and not entry.words:
        return None
    return lambda pulled: put_back(store, entry)


def put_back(store: Store, entry: Entry) -> None:
    """Put notes, tags, rating and words of a list back; what the user said here meanwhile comes first, and stays."""
    with store.writer(durable=True) as writer:
        now = writer.subjects.data(entry.sha256)
        both = now.over(entry.user)
        if both != now:
            writer.subjects.set_data(entry.sha256, both)
        words = list(writer.subjects.words(entry.sha256))
        known = {word.casefold() for word in words}
        more = [word for word in dict.fromkeys(entry.words) if word.casefold() not in known]
        if more:
            writer.subjects.set_words(entry.sha256, [*words, *more])
