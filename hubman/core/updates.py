"""Which newer version of a model replaces the one that somebody has. Decided from listings alone.

Versions of one model on a hub are not a row of numbers: SD 1.5 and SDXL stand side by side, an inpainting version
beside the plain one, a high-noise file beside its low-noise partner. A newer version is offered only along one line:
same base, same kind, same marks, and a precision that does not differ.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hubman.core.hub import HUGGINGFACE, MODELSCOPE, Gate, Listing, RemoteFile
from hubman.core.hub_words import NO_MODELS, base_line, base_lineage
from hubman.core.repository import precision_of

REPOSITORIES = (HUGGINGFACE, MODELSCOPE)
"""Hubs where a version is a commit: a file is followed by its path."""

_MARKS: Mapping[str, str] = {
    # What parts versions of one base from each other -> how people write it in names of versions and files.
    "inpaint": r"in-?paint\w*|局部重绘|重绘",
    "outpaint": r"outpaint\w*",
    "refiner": r"refiner",
    "pix2pix": r"(?:instruct-?)?pix2pix",
    "high-noise": r"high[ _-]*noise|高噪\w*",
    "low-noise": r"low[ _-]*noise|低噪\w*",
    "lightning": r"lightning|\b[1248][ _-]?steps?\b",
    "turbo": r"turbo",
    "hyper": r"hyper(?!net)",
    "lcm": r"\blcm\b|lcm(?=[ _-])",
    "dmd": r"dmd2?",
    "v-pred": r"v-?pred\w*",
    "edit": r"\bedit\b",
    "kontext": r"kontext",
    "krea": r"\bkrea\b",
    "schnell": r"schnell",
    "t2v": r"(?<![a-z])t2v",
    "i2v": r"(?<!t)i2v",
    "ti2v": r"ti2v",
    "vae": r"(?:no|without)[ _-]*vae|无vae",
    "lycoris": r"lycoris|\blocon\b|\bloha\b|\blokr\b|\bdora\b",
    "negative": r"\bneg(?:ative)?\b",
    "lite": r"\blite\b|\bmini\b|\bsmall\b|\btiny\b",
}
_BASES: Mapping[str, str] = {
    # Bases in names: authors put versions for several bases side by side, and do not always say so in the field.
    "sd1": r"(?<![a-z])sd ?v?-?1[._]?5(?!\d)",
    "sdxl": r"sdxl|(?<![a-z])xl(?![a-z])",
    "flux1": r"flux(?! ?\.?2)",
    "pony": r"pony(?!tail)",
    "illustrious": r"illustrious|(?<![a-z])(?:illus|ill?|ilxl)(?![a-z])",
    "noobai": r"noob",
}
_WAN_NOISE = {"high-noise": r"(?<![a-z])(?:high|hn)(?![a-z])", "low-noise": r"(?<![a-z])(?:low|ln)(?![a-z])"}
"""Wan 2.2 is two models, each with its own adapters: there the bare words mean that."""
_SIZES = re.compile(
    r"(?<![a-z\d.])(\d+(?:\.\d+)?)\s?b(?![a-z0-9])|(?<![\d.])(\d+)\s?(?:dim|px)"
    r"|(?<![a-z])(?:dim|rank)[ _=-]?(\d+)(?!\d)"
)
_PATTERNS = {name: re.compile(pattern) for name, pattern in {**_MARKS, **_BASES}.items()}
_EPOCH = re.compile(r"(?<![a-z])(?:epochs?|ep|e)[ _-]?0*(\d{1,4})(?!\d)")
_WAN_PATTERNS = {name: re.compile(pattern) for name, pattern in _WAN_NOISE.items()}


@dataclass(frozen=True, slots=True)
class Held:
    """A content of the library that a hub knows.

    Attributes:
        sha256: of the content. listing: the version that it is. file: which of its files; None where unknown.
        pinned: the user wants it as it is.
    """

    sha256: str
    listing: Listing
    file: RemoteFile | None
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """A newer version along the line of something that is held, and the file of it that replaces that."""

    held: Held
    listing: Listing
    file: RemoteFile


Line = tuple[object, ...]


def marks_of(*names: str, architecture: str | None = None) -> frozenset[str]:
    """Return what names of a version and of its file say that parts it from others on the same base."""
    text = " ".join(names).casefold().replace("_", " ")
    found = {name for name, pattern in _PATTERNS.items() if pattern.search(text)}
    if (architecture or "").startswith("wan"):
        found |= {name for name, pattern in _WAN_PATTERNS.items() if pattern.search(text)}
    found |= {f"size {next(filter(None, match.groups()))}" for match in _SIZES.finditer(text)}
    return frozenset(found)


def line_of(listing: Listing, file: RemoteFile | None) -> Line:
    """Return what must be equal for one version to replace another."""
    base = listing.architecture or (listing.base_model or "").casefold()
    names = [listing.version_name, _stem(file.name) if file else ""]
    if listing.hub in REPOSITORIES:
        return (listing.hub, listing.model_id, file.id if file else None)
    return (
        listing.hub, listing.model_id, listing.kind, listing.hub_type.casefold(), base,
        base_lineage(listing.base_model), base_line(listing.base_model), listing.variant,
        marks_of(*names, architecture=listing.architecture) - _said_by_fields(listing),
        file.type.casefold() if file else "model",
    )  # fmt: skip


def _said_by_fields(listing: Listing) -> set[str]:
    """Return the marks that say of a version only what its fields say: they part it from nothing."""
    line, lineage, architecture = base_line(listing.base_model), base_lineage(listing.base_model), listing.architecture
    said = {lineage or "", architecture or "", *(line or "").split("-")}
    said |= {f"size {part[:-1]}" for part in said if part.endswith("b")}
    said |= {"illustrious"} if lineage == "noobai" else set()
    said |= {"inpaint"} if (listing.variant or "").startswith("inpaint") else {listing.variant or ""}
    return said


def _stem(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name


def updates_of(
    held: Sequence[Held],
    versions: Mapping[tuple[str, str], Sequence[Listing]],
    owned: Collection[str],
    *,
    early_access: bool = False,
    now: str,
) -> list[Update]:
    """Return the newer versions of what is held: of each line the newest, once, and only past the newest that is held.

    Args:
        versions: (hub, model id) -> its versions as the hub lists them, newest first.
        owned: sha256 of everything that the library has anywhere.
        early_access: also what must be paid for, or waited for.
        now: ISO 8601 in UTC; early access that ended before it is none.
    """
    found = []
    for own in _newest_of_each_line(held, versions):
        listed = versions.get((own.listing.hub, own.listing.model_id), ())
        for listing in _ordered(listed):
            if listing.version_id == own.listing.version_id or not _is_later(listing, own.listing, listed):
                break
            if not _is_open(listing, early_access=early_access, now=now) or _is_less_trained(listing, own.listing):
                continue
            file = replacing(own, listing)
            if file is None:
                continue
            if file.sha256 in owned:
                break  # the user has the newest that can be had
            if not own.pinned:
                found.append(Update(own, listing, file))
            break
    return found


def _newest_of_each_line(held: Sequence[Held], versions: Mapping[tuple[str, str], Sequence[Listing]]) -> list[Held]:
    """Return of each line the newest that is held: who has v1 and v2 is told of v3 once."""
    newest: dict[Line, Held] = {}
    for own in held:
        line = line_of(own.listing, own.file)
        listed = versions.get((own.listing.hub, own.listing.model_id), ())
        if line not in newest or _is_later(own.listing, newest[line].listing, listed):
            newest[line] = own
    return list(newest.values())


def _ordered(listed: Sequence[Listing]) -> list[Listing]:
    """Return versions newest first by the day they were published, as the hub lists them where it says no day."""
    if all(listing.published for listing in listed):
        return sorted(listed, key=lambda listing: listing.published or "", reverse=True)
    return list(listed)


def _is_later(one: Listing, other: Listing, listed: Sequence[Listing]) -> bool:
    if one.published and other.published:
        return one.published > other.published
    order = [listing.version_id for listing in listed]
    if one.version_id not in order:
        return False
    return other.version_id not in order or order.index(one.version_id) < order.index(other.version_id)


def _is_less_trained(one: Listing, other: Listing) -> bool:
    """Whether a version is an earlier epoch of the same training, or the same one: its day says only when it came."""
    names = [_EPOCH.sub(" ", listing.version_name.casefold()).split() for listing in (one, other)]
    epochs = [_EPOCH.search(listing.version_name.casefold()) for listing in (one, other)]
    return bool(names[0] == names[1] and epochs[0] and epochs[1] and int(epochs[0][1]) <= int(epochs[1][1]))


def _is_open(listing: Listing, *, early_access: bool, now: str) -> bool:
    """Whether a version can be had: neither deleted nor kept on the site, and no early access unless it is wanted."""
    access = listing.access
    if listing.deleted or access.gate in (Gate.GONE, Gate.DISABLED):
        return False
    over = bool(access.until and access.until[:19] <= now[:19])
    return over or early_access or access.gate not in (Gate.EARLY_ACCESS, Gate.PAID)


def replacing(own: Held, listing: Listing) -> RemoteFile | None:
    """Return the file of another version that replaces what is held; None when its line is another one."""
    if listing.hub in REPOSITORIES:
        same = (file for file in listing.files if own.file is not None and file.id == own.file.id)
        return next((file for file in same if file.sha256 is not None and file.sha256 != own.sha256), None)
    line = line_of(own.listing, own.file)
    fits = [
        file
        for file in listing.files
        if line_of(listing, file if own.file else None) == line
        and file.type.lower() not in NO_MODELS
        and _same_form(own, listing, file)
    ]
    return max(fits, key=lambda file: _likeness(own.file, file), default=None)


def _same_form(held: Held, listing: Listing, other: RemoteFile) -> bool:
    """Whether a file does not differ in precision, and is no pickle in place of a safe file."""
    own = held.file
    if own is None:
        return other.format != "pickle"
    precisions = {own.precision or precision_of(held.listing.version_name),
                  other.precision or precision_of(listing.version_name)}  # fmt: skip
    if None not in precisions and len(precisions) > 1:
        return False
    return other.format == own.format or other.format == "safetensors" or other.format is None


def _likeness(own: RemoteFile | None, other: RemoteFile) -> tuple[bool, bool, bool, bool]:
    return (
        own is not None and own.precision == other.precision,
        own is not None and own.pruned == other.pruned,
        own is None or own.format == other.format,
        other.primary,
    )
