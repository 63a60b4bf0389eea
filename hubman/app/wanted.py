"""From what a person pasted to one file of a hub, and whether it is here already. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from hubman.app.whole import counts, whole_places
from hubman.core import refs
from hubman.core.hub import (
    CIVARCHIVE,
    CIVITAI,
    HUGGINGFACE,
    LIBLIB,
    MODELSCOPE,
    OPENMODELDB,
    HubRef,
    Listing,
    RemoteFile,
)  # fmt: skip
from hubman.core.library import ModelFile
from hubman.core.plan.download import Choice, Wish, choose, has_hash
from hubman.core.plan.pull import hash_says
from hubman.core.ports import Hub
from hubman.core.types import Hashes
from hubman.errors import N_, AccessError, ConflictError, HubError, HubmanError, NotFoundError
from hubman.store.reader import Reader

ORDER = (CIVITAI, HUGGINGFACE, MODELSCOPE, LIBLIB, CIVARCHIVE, OPENMODELDB)
"""In which hubs are asked about a bare hash: CivArchive has what is gone from the others."""

GONE_STATUS = ("taken-down", "download-gone", "gone")

Ask = Callable[[ConflictError], str]
"""Shows a person the candidates of a `choice-needed` and returns the id of the chosen file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How references are read, and what the user wants of what they lead to.

    Attributes:
        hub: another hub to ask instead of the one in the reference (`--from`).
        hosts: hosts of configured base addresses and mirrors -> hub.
        tokens: hubs for which there is a token.
        ask: who decides between several files; None: nobody, it is an error.
    """

    wish: Wish = field(default_factory=Wish)
    hub: str | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    tokens: frozenset[str] = frozenset()
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file that a reference leads to.

    Attributes:
        text: as it was pasted.
        listing, file: None where the library answered before any hub was asked.
        here: the places of the library that have this very content.
        members: all files of a model that is a folder, else ().
        passed_over: a newer version that was not taken because it is not open to everybody yet.
    """

    text: str
    listing: Listing | None
    file: RemoteFile | None
    here: tuple[ModelFile, ...] = ()
    members: tuple[RemoteFile, ...] = ()
    passed_over: Listing | None = None


def hosts_of(urls: Mapping[str, str]) -> dict[str, str]:
    """Return host (and port) -> hub of base addresses."""
    return {urlsplit(url).netloc.rpartition("@")[2].casefold(): hub for hub, url in urls.items() if "//" in url}


def find(reader: Reader, hubs: Mapping[str, Hub], text: str, asked: Asked) -> Wanted:
    """Say which file a pasted text leads to, and where the library has it.

    Raises:
        UsageError: `ref-unknown`. ConflictError: `choice-needed`.
        NotFoundError: `hub-unknown`. NotFoundError, AccessError, HubError: as the hub says it.
    """
    return find_ref(reader, hubs, refs.without_secrets(text), refs.parse(text, hosts=asked.hosts), asked)


def find_ref(reader: Reader, hubs: Mapping[str, Hub], text: str, ref: HubRef, asked: Asked) -> Wanted:
    """Say which file a reference leads to (see `find`)."""
    if asked.hub is not None:
        ref = replace(ref, hub=asked.hub, host=None)
    if ref.hash is not None:
        return _find_hash(reader, hubs, text, ref, asked)
    known = _known(reader, ref, asked.wish)
    if known is not None:
        return replace(known, text=text)
    hub = _hub(hubs, ref.hub or "")
    try:
        listings = hub.resolve(ref)
        choice = chosen(listings, ref, asked)
    except (NotFoundError, AccessError) as error:
        raise _with_archive(error, ref) from error
    places = () if choice.members else here(reader, choice.listing, choice.file)
    return Wanted(text, choice.listing, choice.file, places, choice.members, choice.passed_over)


def chosen(listings: Sequence[Listing], ref: HubRef, asked: Asked) -> Choice:
    """Choose the version and file, asking where that is not clear and somebody answers."""
    wish = replace(asked.wish, logged_in=ref.hub in asked.tokens)
    try:
        return choose(listings, ref, wish)
    except ConflictError as error:
        if error.reference != "choice-needed" or asked.ask is None:
            raise
        return choose(listings, replace(ref, file=None), replace(wish, file=asked.ask(error)))


def _hub(hubs: Mapping[str, Hub], name: str) -> Hub:
    found = hubs.get(name)
    if found is None:
        raise NotFoundError(
            "hub-unknown",
            N_("There is no hub {name!r}."),
            hint=N_("There are: {names}"),
            name=name,
            names=", ".join(sorted(hubs)),
        )
    return found


# --- what is here already ------------------------------------------------------------------------------------------


def here(reader: Reader, listing: Listing, file: RemoteFile) -> tuple[ModelFile, ...]:
    """Return the present places of a file's content: by its hash, else by where a content was downloaded from."""
    if file.sha256:
        return _present(reader, [file.sha256])
    for kind in ("blake3",):
        text = file.hashes.get(kind)
        if text and (found := with_hash(reader, text)):
            return found
    came = reader.hubs.from_version(listing.hub, listing.model_id, listing.version_id)
    return _present(reader, [sha256 for sha256, file_id, how in came if how == "download" and file_id == file.id])


def with_hash(reader: Reader, text: str) -> tuple[ModelFile, ...]:
    """Return the present places of the content that a bare hash means."""
    found = [file for file in reader.resolve(text) if file.present and file.hashes and counts(file)]
    return tuple(file for file in found if file.hashes and hash_says(text, _as_mapping(file.hashes)))


def _as_mapping(hashes: Hashes) -> dict[str, str | None]:
    return {
        "sha256": hashes.sha256, "autov1": hashes.autov1, "autov2": hashes.autov2, "autov3": hashes.autov3,
        "crc32": hashes.crc32, "blake3": hashes.blake3,
    }  # fmt: skip


def _present(reader: Reader, hashes: Sequence[str]) -> tuple[ModelFile, ...]:
    return whole_places(reader, hashes) if hashes else ()


def _known(reader: Reader, ref: HubRef, wish: Wish) -> Wanted | None:
    """Return a version that was looked at before, when the file that is wanted of it is here: no hub is asked then."""
    if not ref.hub or not ref.model or not ref.version:
        return None
    listing = reader.hubs.listing(ref.hub, ref.model, ref.version)
    if listing is None:
        return None
    try:
        choice = choose([listing], ref, wish)
    except HubmanError:
        return None
    found = here(reader, choice.listing, choice.file)
    return Wanted("", choice.listing, choice.file, found) if found else None


# --- a bare hash ---------------------------------------------------------------------------------------------------


def _find_hash(reader: Reader, hubs: Mapping[str, Hub], text: str, ref: HubRef, asked: Asked) -> Wanted:
    assert ref.hash is not None
    found = with_hash(reader, ref.hash)
    if found:
        return Wanted(text, None, None, found)
    listing, _ = by_hash(reader, hubs, ref.hash, only=asked.hub or ref.hub)
    choice = chosen((listing,), replace(ref, hub=listing.hub), asked)
    return Wanted(text, choice.listing, choice.file, here(reader, choice.listing, choice.file))


def by_hash(
    reader: Reader, hubs: Mapping[str, Hub], text: str, *, only: str | None = None
) -> tuple[Listing, RemoteFile]:
    """Ask the hubs, one after the other, for the file with a hash; those that the user said no to are not asked.

    Raises:
        NotFoundError: `hash-not-found`, none of them knows it. HubError: one of them could not be asked, and no other
            one knows it.
    """
    refused = {hub for hub, yes in reader.hubs.choices().items() if not yes}
    names = [only] if only else [name for name in ORDER if name in hubs and name not in refused]
    trouble: HubmanError | None = None
    asked: list[str] = []
    for name in names:
        hub = _hub(hubs, name)
        if not hub.hash_kinds:
            continue  # it finds nothing by a hash
        try:
            match = _ask_one(hub, text)
        except NotFoundError:
            match = None
        except HubmanError as error:
            trouble, match = trouble or error, None
            continue
        asked.append(hub.title)
        if match is not None:
            return match
    if trouble is not None:
        raise trouble
    raise NotFoundError(
        "hash-not-found",
        N_("No hub knows a file with the hash {hash} ({hubs})."),
        hint=N_("Check that it is whole, or paste the address of the model's page instead."),
        hash=text,
        hubs=", ".join(asked) or "-",
    )


def _ask_one(hub: Hub, text: str) -> tuple[Listing, RemoteFile] | None:
    if len(text) == 64:
        lookup = hub.by_hashes([Hashes(text, None, text[:10], None)])
        for match in lookup.found:
            file = match.file or _file_with(match.listing, text)
            if file is not None and match.how == "sha256" and match.agrees:
                return match.listing, file
        if lookup.trouble is not None and not lookup.missed:
            raise lookup.trouble if isinstance(lookup.trouble, HubmanError) else _no_answer(hub, lookup.trouble)
        if set(hub.hash_kinds) == {"sha256"}:
            return None  # a BLAKE3 or a whole AutoV3 has as many digits, but this hub knows no such things
    for listing in hub.resolve(HubRef(hub.name, hash=text)):
        file = _file_with(listing, text)
        if file is not None:
            return listing, file
    return None


def _file_with(listing: Listing, text: str) -> RemoteFile | None:
    return next((file for file in listing.files if has_hash(file, text)), None)


def _no_answer(hub: Hub, error: Exception) -> HubError:
    return HubError(
        "hub-unreachable",
        N_("{hub} could not be asked: {why}"),
        hint=N_("Try again later."),
        hub=hub.title,
        why=type(error).__name__,
    )


def _with_archive(error: HubmanError, ref: HubRef) -> HubmanError:
    """Say where models are that were deleted on Civitai, when the hub's own answer does not."""
    gone = isinstance(error, NotFoundError) and error.reference not in ("no-such-file", "choice-needed")
    gone = gone or error.reference in GONE_STATUS or str(error.fields.get("gate", "")) == "gone"
    if ref.hub != CIVITAI or not gone or "civarchive" in error.hint.casefold():
        return error
    return type(error)(
        error.reference,
        error.template,
        hint=N_("If it was deleted there, an archive may have it: hubman pull {ref} --from civarchive"),
        **{**error.fields, "ref": str(ref)},
    )
