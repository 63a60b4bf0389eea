"""A model file as lists show it. Apart from core/library.py and core/types.py, so that `search` starts sooner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

UNREADABLE = "unreadable"
"""Reference of a failure that is the system's and not the file's: rights, a bad cable, a network share that is away."""

ID_LENGTH = 10
"""Characters of an id: Civitai's AutoV2, so that it pastes into Civitai's search."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A word that wakes an adapter.

    Attributes:
        text: what to type into the prompt.
        source: user, sidecar, hub:<name>, modelspec, header, embedding-name, training-tags.
        count: how many training pictures carried it, where known.
        score: 0..1, how sure we are that it is a trigger word.
    """

    text: str
    source: str
    count: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Hashes:
    """Every name the same content goes by, lower-case hex.

    autov1: sha256 of 64 KiB at 1 MiB, 8 hex, None for files of 1 MiB or less (it would be the hash of nothing).
    autov2: first 10 of sha256. autov3: first 12 of the sha256 of the bytes after a safetensors header, else None.
    autov3_written: the 12 hex that the header itself claims (`sshs_model_hash`), which may differ.
    """

    sha256: str
    autov1: str | None
    autov2: str
    autov3: str | None
    autov3_written: str | None = None
    crc32: str | None = None
    blake3: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be read, as it is listed: stable reference and words."""

    reference: str
    message: str

    @property
    def passing(self) -> bool:
        """Whether the next look may succeed although the file stays as it is: the system refused, not the content."""
        return self.reference == UNREADABLE


@dataclass(frozen=True, slots=True)
class VerdictNote:
    """The latest verdict on a blob, as lists show it."""

    verdict: str
    rule: str
    preview: str | None


MATURE = 2
"""From this level on (core/hub.py: Listing.nsfw) `is:nsfw` finds a model."""


@dataclass(frozen=True, slots=True)
class HubNote:
    """Where a content is on a hub, as lists show it.

    Attributes:
        how: "download", or the kind of hash by which the hub knew it.
        newer: version id of a newer version, None where none is known.
        gone: the hub has it no more, or says that it was taken down.
        nsfw: 0 none, 1 soft, 2 mature, 3 explicit, None unknown.
        weight, weight_min, weight_max: the author's.
    """

    hub: str
    model_id: str
    version_id: str
    how: str
    newer: str | None = None
    gone: bool = False
    nsfw: int | None = None
    weight: float | None = None
    weight_min: float | None = None
    weight_max: float | None = None


@dataclass(frozen=True, slots=True)
class UserData:
    """What the user said of a content: it stays with the content through every move.

    Attributes:
        rating: 1 to 5, None when there is none.
    """

    note: str = ""
    tags: tuple[str, ...] = ()
    favourite: bool = False
    rating: int | None = None

    def over(self, older: UserData) -> UserData:
        """Return both together: what this one says wins, and nothing that only the older one says is lost."""
        note = self.note if not older.note or older.note in self.note else f"{self.note}\n{older.note}".strip()
        return UserData(
            note=note,
            tags=tuple({tag.casefold(): tag for tag in reversed((*self.tags, *older.tags))}.values())[::-1],
            favourite=self.favourite or older.favourite,
            rating=older.rating if self.rating is None else self.rating,
        )


@dataclass(frozen=True, slots=True)
class OwnPreview:
    """What the user said of a content's preview.

    Attributes:
        picture: path of their own picture in hubman's folder, None for none.
        prompt: what hubman's own preview is to show, None for hubman's choice.
    """

    picture: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A place and what is in it, as lists and lookups give it.

    Attributes:
        id: first 10 hex of the sha256, or `@` + 9 hex of root and path while it has not been hashed.
        alias: the `@` id, which keeps resolving after the hash is known.
        facts: the JSON object of Facts (docs/json.md), {} for a broken file.
        hubs: where its content comes from, downloads first.
        own_preview: what the user said of its preview. `preview` is their picture, where there is one.
        spoilt: `verify` found other bytes there than those that were hashed, and nobody hashed it since.
    """

    file_id: int
    id: str
    alias: str
    root_id: int
    root: str
    relpath: str
    name: str
    size: int
    mtime_ns: int
    present: bool
    format: str
    kind: str
    architecture: str | None
    algorithm: str | None
    safety: str
    folder: bool
    added_ns: int
    facts: Mapping[str, object]
    sidecar: dict[str, object]
    triggers: tuple[Trigger, ...]
    hashes: Hashes | None
    failure: Failure | None
    verdict: VerdictNote | None
    preview: str | None
    user: UserData = field(default_factory=UserData)
    hubs: tuple[HubNote, ...] = ()
    spoilt: bool = False
    own_preview: OwnPreview = field(default_factory=OwnPreview)

    @property
    def outdated(self) -> bool:
        """Whether a hub has a newer version."""
        return any(note.newer is not None for note in self.hubs)

    @property
    def subject(self) -> str:
        """What the user's words, notes and verdicts of this file hang on: its content, or its place while unhashed."""
        return self.hashes.sha256 if self.hashes else self.alias

    @property
    def path(self) -> str:
        """Absolute path, with the separators of this platform's root."""
        return path_in(self.root, self.relpath)


def path_in(root_path: str, relpath: str) -> str:
    """Return the absolute path of a place, with the separators of its root's platform."""
    separator = "\\" if "\\" in root_path and "/" not in root_path else "/"
    return root_path.rstrip("/\\") + separator + relpath.replace("/", separator)


def id_of(sha256: str | None, alias: str) -> str:
    """Return a file's id: the start of its sha256 when that is known, else its alias."""
    return sha256[:ID_LENGTH] if sha256 else alias


def same(text: str) -> str:
    """Fold what the WebUIs treat alike: case, runs of spaces, underscores, escaped brackets."""
    return " ".join(text.replace("\\", "").replace("_", " ").casefold().split())


def with_other_words(
    words: Sequence[Trigger], own: Sequence[str] = (), hubs: Sequence[Trigger] = ()
) -> tuple[Trigger, ...]:
    """Join the words of a file with the user's own, which come first, and with its author's on hubs, by their score.

    Equal words appear once, with the source that is worth most. A card beside the model that says nothing but what the
    author says on a hub was copied from there, mostly by hubman itself: its words are the author's.

    Args:
        words, hubs: best first. own: the user's.
    """
    # Stable: of equal scores what the file and its sidecars say stays first.
    words = _of_author(words, hubs)
    known = _once(sorted((*words, *hubs), key=lambda trigger: -trigger.score)) if hubs else words
    folded = {same(word) for word in own}
    rest = [word for word in known if same(word.text) not in folded]
    return (*(Trigger(word, "user", None, 1.0) for word in own), *rest)


def _of_author(words: Sequence[Trigger], hubs: Sequence[Trigger]) -> Sequence[Trigger]:
    """Give the words of a card that is a copy of the author's the author as their source."""
    sources = {same(word.text): word.source for word in hubs}
    if not all(same(word.text) in sources for word in words if word.source == "sidecar"):
        return words
    return [replace(word, source=sources[same(word.text)]) if word.source == "sidecar" else word for word in words]


def _once(words: Iterable[Trigger]) -> list[Trigger]:
    best: dict[str, Trigger] = {}
    for word in words:
        kept = best.setdefault(same(word.text), word)
        if kept.count is None and word.count is not None:
            kept = best[same(word.text)] = replace(kept, count=word.count)
    return list(best.values())
