"""What hubs say, in one vocabulary: a reference that a user pasted, what it leads to, and how we know that it is ours.

Everything here is untrusted text from a stranger. Names become paths only through core/safe_name.py; descriptions are
kept as HTML that hubs/_html.py made safe. No token and no signed URL is ever in one of these values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import quote

CIVITAI = "civitai"
HUGGINGFACE = "huggingface"
LIBLIB = "liblib"
MODELSCOPE = "modelscope"
CIVARCHIVE = "civarchive"
OPENMODELDB = "openmodeldb"

HASH_KINDS: Mapping[int, tuple[str, ...]] = MappingProxyType({
    64: ("sha256", "blake3", "autov3"), 12: ("autov3",), 10: ("autov2",), 8: ("crc32", "autov1"),
})  # fmt: skip
"""Hex digits of a bare hash -> the kinds that it may be, the likeliest first."""


@dataclass(frozen=True, slots=True)
class HubRef:
    """A parsed pointer (core/refs.py).

    Attributes:
        hub: one of the names above; None for a bare hash: whichever hub knows it.
        model: Civitai's number; `org/name` on Hugging Face and ModelScope; LiblibAI's UUID (32 hex).
        version: Civitai's version number, a revision, LiblibAI's version UUID; None: the newest.
        file: a path in a repository, or Civitai's file number.
        hash: lower-case hex; what kinds it may be: HASH_KINDS.
        host: where the page was, when that is not the hub's usual one (`civitai.red`).
    """

    hub: str | None
    model: str | None = None
    version: str | None = None
    file: str | None = None
    hash: str | None = None
    host: str | None = None

    def __str__(self) -> str:
        """Write it as hubman itself writes references; core/refs.parse reads it back, but for the host."""
        if self.hash is not None:
            return f"{self.hub}:sha256:{self.hash}" if self.hub and len(self.hash) == 64 else self.hash
        version = f"@{_written(self.version)}" if self.version else ""
        if self.hub in (HUGGINGFACE, MODELSCOPE):
            short = {HUGGINGFACE: "hf", MODELSCOPE: "modelscope"}[self.hub]
            return f"{short}:{self.model}" + (f"/{_written(self.file)}" if self.file else "") + version
        return f"{self.hub}:{self.model or ''}{version}" + (f"#{self.file}" if self.file else "")


def _written(text: str) -> str:
    """Encode what would end a reference or mean something else in it: spaces, `@`, `%`, brackets, a dot at the end."""
    text = "".join(c if c.isalnum() or c in "-_./+" else quote(c, safe="") for c in text)
    return text[:-1] + "%2E" if text.endswith(".") else text


class Gate(StrEnum):
    """What stands between a user and a file, as the hub says it."""

    OPEN = "open"
    LOGIN = "login"
    GATED = "gated"
    EARLY_ACCESS = "early-access"
    PAID = "paid"
    DISABLED = "disabled"
    BROWSER = "browser"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may download. `until`: ISO date when early access ends. `page`: where to accept a licence, log in or pay."""

    gate: Gate = Gate.OPEN
    until: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a version.

    Attributes:
        id: what the hub calls it: Civitai's file number, a path in a repository, ...
        name: as the hub writes it, untrusted.
        size: bytes; None where the hub does not say, or only roughly (`about`).
        about: bytes, rounded by the hub.
        hashes: kind (sha256, autov1, autov2, autov3, crc32, blake3) -> lower-case hex.
        type: the hub's own word for its part in the model: Model, VAE, Training Data, Config, ...
        format: safetensors, pickle, gguf, onnx, diffusers, other, or None.
        precision: fp32, fp16, bf16, fp8, ..., or None. pruned: None where unknown.
        primary: what the hub's own download button gives.
        scan: what the hub's scanners said of it, in its own words; "" when nothing.
        urls: stable addresses of this very file elsewhere (CivArchive's mirrors, OpenModelDB's); never signed.
        access: what stands before this file, where it differs from its version.
    """

    id: str
    name: str
    size: int | None = None
    about: int | None = None
    hashes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    type: str = "Model"
    format: str | None = None
    precision: str | None = None
    pruned: bool | None = None
    primary: bool = False
    scan: str = ""
    urls: tuple[str, ...] = ()
    access: Access | None = None

    @property
    def sha256(self) -> str | None:
        return self.hashes.get("sha256")


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """A picture of a version. `nsfw`: 0 none, 1 soft, 2 mature, 3 explicit, None unknown. `video`: no still picture."""

    url: str
    width: int | None = None
    height: int | None = None
    nsfw: int | None = None
    video: bool = False
    prompt: str | None = None
    negative: str | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Licence:
    """What the author allows. None: the hub does not say.

    Attributes:
        name: SPDX-like or the hub's word (`openrail++`).
        commercial: the hub's words for allowed commercial uses (Civitai: Image, RentCivit, Rent, Sell); () is none.
    """

    name: str | None = None
    url: str | None = None
    no_credit: bool | None = None
    commercial: tuple[str, ...] | None = None
    derivatives: bool | None = None
    different_licence: bool | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One version of a model on a hub, with everything that is worth keeping.

    Attributes:
        model_id, version_id: as in HubRef; for repositories the version is the commit.
        kind: a value of core.types.Kind where the hub's type maps to one, else "unknown".
        hub_type: the hub's own word.
        base_model: the hub's own word, or the repository that it adapts. architecture: ours, where that word maps.
        words: trigger words as the author gave them.
        weight, weight_min, weight_max: the author's recommended weight.
        description, version_description: safe HTML (hubs/_html.py), "" for none.
        published: ISO 8601, or None.
        nsfw: 0 none, 1 soft, 2 mature, 3 explicit, None unknown.
        page: the page a person opens. air: Civitai's urn.
        deleted: the hub says that it was taken down (CivArchive keeps such ones).
        variant: what parts it from others on the same base: inpainting, refiner, ..., where the hub says it.
    """

    hub: str
    model_id: str
    version_id: str
    name: str
    version_name: str = ""
    kind: str = "unknown"
    hub_type: str = ""
    base_model: str | None = None
    architecture: str | None = None
    author: str | None = None
    words: tuple[str, ...] = ()
    weight: float | None = None
    weight_min: float | None = None
    weight_max: float | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    version_description: str = ""
    licence: Licence = field(default_factory=Licence)
    files: tuple[RemoteFile, ...] = ()
    images: tuple[RemoteImage, ...] = ()
    access: Access = field(default_factory=Access)
    published: str | None = None
    nsfw: int | None = None
    page: str | None = None
    air: str | None = None
    downloads: int | None = None
    deleted: bool = False
    variant: str | None = None

    @property
    def ref(self) -> HubRef:
        """The reference that leads back to this version."""
        return HubRef(self.hub, self.model_id, self.version_id)


@dataclass(frozen=True, slots=True)
class Match:
    """A content that a hub knows.

    Attributes:
        sha256: of the local content. listing, file: what it is there. `file` is one of `listing.files` where that says.
        how: the hash kind that matched: sha256, autov3, ... AutoV3 is of the weights alone: the header may differ.
    """

    sha256: str
    listing: Listing
    file: RemoteFile | None
    how: str

    @property
    def agrees(self) -> bool:
        """Whether the answer agrees with itself: what was found by its sha256 is one of the files that are told."""
        if self.how != "sha256":
            return True
        if self.file is not None:
            return self.file.sha256 in (None, self.sha256)
        told = [file.sha256 for file in self.listing.files]
        return self.sha256 in told or not told or None in told


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a hub answered about hashes.

    Attributes:
        found: the matches.
        missed: sha256 of contents that the hub definitely does not know. What is in neither was not asked, or the
            answer could not be used: nothing is remembered of it.
        trouble: why some could not be asked, for the report; None when all were.
        calls: requests that were made.
    """

    found: tuple[Match, ...] = ()
    missed: tuple[str, ...] = ()
    trouble: Exception | None = None
    calls: int = 0


@dataclass(frozen=True, slots=True)
class HubQuery:
    """What `hubs search` asks for. `kind`, `architecture`: our spellings; a hub that cannot filter leaves them out."""

    text: str = ""
    kind: str | None = None
    architecture: str | None = None
    author: str | None = None
    tag: str | None = None
    nsfw: bool = False
    sort: str = "relevance"
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of a hub's search."""

    ref: HubRef
    name: str
    kind: str = "unknown"
    base_model: str | None = None
    architecture: str | None = None
    author: str | None = None
    downloads: int | None = None
    words: tuple[str, ...] = ()
    page: str | None = None
    nsfw: int | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a content comes from, and how we know.

    Attributes:
        how: download, or the kind of hash that matched.
        newer: version id of a newer version that `outdated` found, else None.
        gone: the hub answered that it is not there any more; what we know stays.
    """

    sha256: str
    listing: Listing
    file_id: str | None
    how: str
    found_ns: int
    newer: str | None = None
    gone: bool = False
