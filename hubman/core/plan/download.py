"""Which version and which file of it a reference means, from what the hub listed and what the user wished for.

What was named is taken, or refused with what there is. What was not named is the newest version that everybody may
have, and its primary file. Training data, configurations, archives and pictures are taken only by name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from hubman.core.hub import Access, HubRef, Listing, RemoteFile
from hubman.core.layout import is_model_name
from hubman.core.plan.gates import passes, refusal
from hubman.errors import N_, ConflictError, NotFoundError, Phrase

ASIDE = frozenset({"trainingdata", "config", "archive", "workflow", "negative", "image", "images"})
"""File types (the hub's words, letters only, lower case) that are taken only by name."""

PIPELINE = "model_index.json"
_FORMATS: Mapping[str, str] = MappingProxyType({
    "safetensor": "safetensors", "safetensors": "safetensors", "pickletensor": "pickle", "gguf": "gguf", "onnx": "onnx",
    "diffusers": "diffusers", "other": "other",
})  # fmt: skip
"""Civitai's words in a download link -> RemoteFile.format."""
_HALF = re.compile(r"(?<![a-z0-9])fp16(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for beside the reference.

    Attributes:
        file: a name, a glob, the hub's number or path of a file, or its type (`VAE`).
        version: a version's id or name.
        fp16: half precision only. safetensors_only: nothing that could be a pickle. pruned: only pruned, only full.
        folder: a repository in diffusers' form as a whole, not one file of it.
        logged_in: the hub has a token of the user's: what only needs a login is open, and what was named is tried.
        now: ISO 8601 in UTC; early access that ended before is over.
    """

    file: str | None = None
    version: str | None = None
    fp16: bool = False
    safetensors_only: bool = False
    pruned: bool | None = None
    folder: bool = False
    logged_in: bool = False
    now: str | None = None


NO_WISH = Wish()


@dataclass(frozen=True, slots=True)
class Choice:
    """What will be fetched.

    Attributes:
        members: the files of a diffusers folder, of which `file` is the first; else ().
        passed_over: a newer version that is not open to everybody yet; None: there is none, or a version was named.
    """

    listing: Listing
    file: RemoteFile
    members: tuple[RemoteFile, ...] = ()
    passed_over: Listing | None = None


def choose(listings: Sequence[Listing], ref: HubRef, wish: Wish = NO_WISH) -> Choice:
    """Choose one file.

    Args:
        listings: what `ref` led to; in the hub's order.

    Raises:
        ConflictError: `choice-needed`, several fit equally (`fields["candidates"]`, RemoteFiles); `folder-model`, it is
            a folder of parts.
        NotFoundError: `no-such-version`, `no-such-file`, `gone-from-hub`.
        AccessError: something stands between the user and the file, with the next step.
    """
    if not listings:
        raise NotFoundError("no-such-version", N_("The hub lists no version of {ref}."), hint=_LOOK, ref=str(ref))
    if ref.hash is not None:
        return _by_hash(listings, ref.hash, wish)
    listing = _version(listings, ref, wish)
    if wish.folder:
        members = folder_members(listing, wish)
        if members:
            return _gated(listing, members[0], wish, named=True, members=members)
    named = bool(ref.version or wish.version)
    found = _gated(listing, _file(listing, ref, wish), wish, named=named)
    latest = newest(listings)
    return found if named or latest is listing else replace(found, passed_over=latest)


_LOOK = N_("Open its page and copy the link of what you want.")


def _access(listing: Listing, file: RemoteFile | None) -> Access:
    return file.access if file is not None and file.access is not None else listing.access


def _gated(
    listing: Listing, file: RemoteFile, wish: Wish, *, named: bool, members: tuple[RemoteFile, ...] = ()
) -> Choice:
    access = _access(listing, file)
    if not passes(access, logged_in=wish.logged_in, named=named, now=wish.now):
        raise refusal(access, listing)
    return Choice(listing, file, members)


# --- versions ------------------------------------------------------------------------------------------------------


def _version(listings: Sequence[Listing], ref: HubRef, wish: Wish) -> Listing:
    if wish.version is not None:
        wanted = wish.version.strip().casefold()
        found = [one for one in listings if one.version_id.casefold() == wanted] or [
            one for one in listings if one.version_name.strip().casefold() == wanted
        ]
        if not found:
            raise _no_version(listings, wish.version)
        return newest(found)
    if ref.version is not None:
        found = [one for one in listings if one.version_id == ref.version]
        if not found and len(listings) == 1:  # a branch or a tag led to its commit
            return listings[0]
        if not found:
            raise _no_version(listings, ref.version)
        return found[0]
    usable = [one for one in listings if _weights(one)] or list(listings)
    open_ones = [one for one in usable if passes(one.access, logged_in=wish.logged_in, named=False, now=wish.now)]
    return newest(open_ones or usable)


def newest(listings: Sequence[Listing]) -> Listing:
    """Return the last published; without dates the first, as hubs list the newest first."""
    dated = [one for one in listings if one.published]
    return max(dated, key=lambda one: one.published or "") if dated else listings[0]


def _no_version(listings: Sequence[Listing], wanted: str) -> NotFoundError:
    return NotFoundError(
        "no-such-version",
        N_("{name} has no version {version}. It has: {versions}"),
        hint=N_("Name one of these with --version, or leave it out for the newest."),
        name=listings[0].name,
        version=wanted,
        versions=_some(
            f"{one.version_id} ({one.version_name})" if one.version_name else one.version_id for one in listings
        ),
    )


# --- files ---------------------------------------------------------------------------------------------------------


def _by_hash(listings: Sequence[Listing], digest: str, wish: Wish) -> Choice:
    """Return the very file with this hash, from a version that gives it away where there is one."""
    found = [(one, file) for one in listings for file in one.files if has_hash(file, digest)]
    if not found:
        raise NotFoundError(
            "no-such-file",
            N_("None of the files of {name} has the hash {hash}."),
            hint=_LOOK,
            name=listings[0].name,
            hash=digest,
        )
    ranked = [pair for pair in found if passes(_access(*pair), logged_in=wish.logged_in, named=True, now=wish.now)]
    listing, file = (ranked or found)[0]
    return _gated(listing, file, wish, named=True)


def has_hash(file: RemoteFile, digest: str) -> bool:
    """Say whether this is the file's hash of any kind. AutoV2 is the start of the sha256, a short AutoV3 of a long."""
    sha256, autov3 = file.hashes.get("sha256", ""), file.hashes.get("autov3", "")
    return digest in file.hashes.values() or (len(digest) == 10 and sha256.startswith(digest)) or (
        len(digest) == 12 and autov3.startswith(digest)
    )  # fmt: skip


def _file(listing: Listing, ref: HubRef, wish: Wish) -> RemoteFile:
    wanted = wish.file if wish.file is not None else ref.file
    if wanted is not None:
        found = _wished(named_files(listing.files, wanted), wish)
        if not found:
            raise _no_file(listing, wanted)
        if len(found) == 1:
            return found[0]
        return _one(listing, found, wish)
    found = _weights(listing)
    if not found:
        raise _no_file(listing, None)
    if _is_folder(listing):
        raise ConflictError(
            "folder-model",
            N_("{name} is a folder of parts (diffusers), not one file."),
            hint=N_("All of it: --folder. One of its files: --file NAME ({files})"),
            name=listing.name,
            files=_some(file.id for file in found),
            candidates=tuple(found),
        )
    kept = _wished(found, wish)
    if not kept:
        raise _nothing_left(listing, found, wish)
    return _one(listing, kept, wish)


def _weights(listing: Listing) -> list[RemoteFile]:
    """Return the files that may be taken unasked. A negative embedding is one where there is nothing else."""
    found = [file for file in listing.files if _is_weights(file)]
    return found or [file for file in listing.files if _is_weights(file, ASIDE - {"negative"})]


def _is_weights(file: RemoteFile, aside: Collection[str] = ASIDE) -> bool:
    """Say whether a file may be taken unasked: by the hub's type, and by its name or format."""
    if re.sub(r"[^a-z]", "", file.type.casefold()) in aside:
        return False
    name = file.name.replace("\\", "/").rpartition("/")[2]
    return is_model_name(name) or (file.format in ("safetensors", "pickle", "gguf") and "." not in name)


def _is_folder(listing: Listing) -> bool:
    """Say whether a repository is a pipeline of parts without a file of the whole model beside them."""
    ids = {file.id for file in listing.files}
    return PIPELINE in ids and not any("/" not in file.id and _is_weights(file) for file in listing.files)


def named_files(files: Sequence[RemoteFile], wanted: str) -> list[RemoteFile]:
    """Return what a name means, the first that fits: an id, a name, one without its folder, a type, a folder, glob."""
    if re.match(r"(?:type|format|size|fp|quantType)=", wanted):
        return _filtered(files, wanted)
    lower = wanted.strip().strip("/").casefold()
    base = [(file, file.name.replace("\\", "/").rpartition("/")[2].casefold()) for file in files]
    ways: tuple[list[RemoteFile], ...] = (
        [file for file in files if file.id == wanted],
        [file for file in files if lower in (file.id.casefold(), file.name.casefold())],
        [file for file, name in base if name == lower],
        [file for file, name in base if name.rpartition(".")[0] == lower],
        [file for file in files if file.type.casefold() == lower],
        [file for file in files if file.id.casefold().startswith(lower + "/") and _is_weights(file)],
        [file for file, name in base if matches_glob(name, lower) or matches_glob(file.id.casefold(), lower)],
    )
    return next((way for way in ways if way), []) if lower else []


def matches_glob(text: str, pattern: str) -> bool:
    """Match `*` and `?` against a whole text, in time of the product of both lengths."""
    at = here = 0
    star, resume = -1, 0
    while at < len(text):
        if here < len(pattern) and pattern[here] == "*":
            star, resume, here = here, at, here + 1
        elif here < len(pattern) and pattern[here] in ("?", text[at]):
            at, here = at + 1, here + 1
        elif star >= 0:
            resume, here = resume + 1, star + 1
            at = resume
        else:
            return False
    return not pattern[here:].strip("*")


def _filtered(files: Sequence[RemoteFile], wanted: str) -> list[RemoteFile]:
    """Apply the conditions of one of Civitai's download links (core/ref_links.py writes them)."""
    said = dict(part.split("=", 1) for part in wanted.replace("+", " ").split("&") if "=" in part)
    found = [file for file in files if _meets(file, said)]
    primary = [file for file in found if file.primary]
    return primary or found


def _meets(file: RemoteFile, said: Mapping[str, str]) -> bool:
    size = {"full": False, "pruned": True}.get(said.get("size", "").casefold())
    form = _FORMATS.get(said.get("format", "").casefold())
    return (
        ("type" not in said or file.type.casefold() == said["type"].casefold())
        and (form is None or file.format in (None, form))
        and (size is None or file.pruned in (None, size))
        and ("fp" not in said or file.precision is None or file.precision.casefold() == said["fp"].casefold())
    )


def _wished(files: Sequence[RemoteFile], wish: Wish) -> list[RemoteFile]:
    return [
        file
        for file in files
        if (not wish.safetensors_only or is_safetensors(file))
        and (not wish.fp16 or is_half(file))
        and (wish.pruned is None or file.pruned is wish.pruned)
    ]


def is_safetensors(file: RemoteFile) -> bool:
    """Say whether the hub calls it safetensors; its bytes are checked later, whatever it says."""
    if file.format is not None:
        return file.format == "safetensors"
    return file.name.lower().endswith((".safetensors", ".sft"))


def is_half(file: RemoteFile) -> bool:
    """Say whether it is in half precision, by the hub's word or its name."""
    return file.precision.casefold() == "fp16" if file.precision else bool(_HALF.search(file.name))


def _one(listing: Listing, files: Sequence[RemoteFile], wish: Wish) -> RemoteFile:
    """Choose among files that all fit: the primary one; the only one of the version's main type; copies are one."""
    primary = [file for file in files if file.primary]
    if primary:
        return primary[0]
    main = [file for file in files if file.type.casefold() in ("model", "pruned model")] or list(files)
    if len({file.sha256 or file.id for file in main}) == 1:
        return main[0]
    raise ConflictError(
        "choice-needed",
        N_("{name} has several files that fit: {files}"),
        hint=N_("Name one with --file, or narrow with --fp16 or --safetensors-only."),
        name=listing.name,
        files=_some(described(file) for file in main),
        candidates=tuple(main),
    )


def described(file: RemoteFile) -> str:
    """Return a file for a person: name, size, precision."""
    size = file.size if file.size is not None else file.about
    words = [_roughly(size) if size else "", file.precision or "", "pruned" if file.pruned else ""]
    told = ", ".join(word for word in words if word)
    return f"{file.name} ({told})" if told else file.name


def _roughly(size: int) -> str:
    """Return bytes for a person, in decimal units."""
    return f"{size / 1e6:,.0f} MB" if size >= 950_000 else f"{max(1, round(size / 1e3))} KB"


def _no_file(listing: Listing, wanted: str | None) -> NotFoundError:
    names = _some(file.name for file in listing.files)
    if wanted is None:
        return NotFoundError(
            "no-such-file",
            N_("{name} has no model file{files}."),
            hint=N_("What you want by name: --file NAME"),
            name=listing.name,
            files=Phrase(N_(", only {names}"), names=names) if names else "",
        )
    return NotFoundError(
        "no-such-file",
        N_("{name} has no file {file}. It has: {files}"),
        hint=N_("Name one of these with --file."),
        name=listing.name,
        file=wanted,
        files=names or "-",
    )


def _nothing_left(listing: Listing, found: Sequence[RemoteFile], wish: Wish) -> NotFoundError:
    asked = [
        *(["--safetensors-only"] if wish.safetensors_only else []), *(["--fp16"] if wish.fp16 else []),
        *([] if wish.pruned is None else ["--pruned" if wish.pruned else "--full"]),
    ]  # fmt: skip
    return NotFoundError(
        "no-such-file",
        N_("{name} has no file that fits {wish}. It has: {files}"),
        hint=N_("Leave {wish} out, or name a file with --file."),
        name=listing.name,
        wish=" ".join(asked),
        files=_some(described(file) for file in found),
    )


def _some(names: Iterable[str], most: int = 8) -> str:
    given = list(names)
    return ", ".join(given[:most]) + (f", … ({len(given)})" if len(given) > most else "")


# --- folders -------------------------------------------------------------------------------------------------------


def folder_members(listing: Listing, wish: Wish = NO_WISH) -> tuple[RemoteFile, ...]:
    """Return the files that a diffusers pipeline needs: each part's weights once, and all configurations.

    Of one part's weights safetensors come before pickles, and of variants (`.fp16.`) the wished one; weights beside
    the parts (a single file of the whole) are left out. () when the repository is no pipeline.
    """
    if not any(file.id == PIPELINE for file in listing.files):
        return ()
    parts: dict[str, list[RemoteFile]] = {}
    members = []
    for file in listing.files:
        folder, _, name = file.id.rpartition("/")
        if _is_weights(file):
            if folder:
                parts.setdefault(folder, []).append(file)
        elif not name.endswith(".index.json"):
            members.append(file)
    for folder, files in parts.items():
        kept = [file for file in files if is_safetensors(file)] or ([] if wish.safetensors_only else files)
        half = [file for file in kept if _HALF.search(file.name)]
        kept = half if wish.fp16 and half else [file for file in kept if file not in half] or kept
        members += kept
        marks = tuple(bool(_HALF.search(file.name)) for file in kept[:1])
        members += [
            file
            for file in listing.files
            if file.id.rpartition("/")[0] == folder
            and file.id.endswith((".safetensors.index.json", ".safetensors.index.fp16.json", ".bin.index.json"))
            and (bool(_HALF.search(file.name)),) == marks
            and file.id.rpartition("/")[2].partition(".index")[0].endswith(".safetensors") == is_safetensors(kept[0])
        ]
    return tuple(sorted(members, key=lambda file: (file.id != PIPELINE, file.id)))
