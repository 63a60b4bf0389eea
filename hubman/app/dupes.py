"""`hubman dupes`: what lies in the library more than once. Finds and explains; removes nothing."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from hubman import formats
from hubman.app.hashing import Hashing
from hubman.core.library import ModelFile
from hubman.core.ports import Progress
from hubman.core.similar import Choice, best, header_differences
from hubman.errors import N_, ConflictError, HubmanError, Phrase
from hubman.store.door import Store
from hubman.store.reader import Reader

SAME, EDITED, SIMILAR = "same", "edited", "similar"


@dataclass(frozen=True, slots=True)
class Copy:
    """One place of a group.

    Attributes:
        differs: what it is to the one that is kept; empty for that one.
        linked: a hard link to a place that comes before it: it takes no space of its own.
        strength, kept: of a similar one, at which strength it is the kept one and how much of it is left.
    """

    file: ModelFile
    differs: tuple[Phrase, ...] = ()
    linked: bool = False
    strength: float = 1.0
    kept: float = 1.0

    def to_json(self) -> dict[str, object]:
        """Return the object of `dupes --json` (docs/json.md)."""
        file = self.file
        return {
            "id": file.id, "alias": file.alias, "name": file.name, "kind": file.kind, "path": file.path,
            "size": file.size, "precision": file.facts.get("precision"), "rank": file.facts.get("rank"),
            "linked": self.linked, "strength": round(self.strength, 4), "kept": round(self.kept, 4),
            "differs": list(self.differs),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Several places of one model.

    Attributes:
        relation: SAME (one content), EDITED (the same weights under another header) or SIMILAR.
        copies: the one to keep first.
        because: why that one.
    """

    relation: str
    copies: tuple[Copy, ...]
    because: Phrase

    @property
    def wasted(self) -> int:
        """Bytes that the others take; hard links take none."""
        return sum(copy.file.size for copy in self.copies[1:] if not copy.linked)

    def to_json(self) -> dict[str, object]:
        """Return the object of `dupes --json` (docs/json.md)."""
        return {
            "relation": self.relation, "keep": self.copies[0].file.alias, "because": self.because,
            "wasted": self.wasted, "models": [copy.to_json() for copy in self.copies],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dupes:
    """The answer.

    Attributes:
        unhashed, twins: files whose content has no name yet, and those of them that another file has the size of.
        not_compared: (file, why) of adapters that `--similar` cannot read.
        failures: (path, why) of files that could not be hashed.
    """

    groups: tuple[Group, ...]
    unhashed: int = 0
    twins: int = 0
    not_compared: tuple[tuple[ModelFile, Phrase], ...] = ()
    failures: tuple[tuple[str, str], ...] = field(default=())

    @property
    def wasted(self) -> int:
        return sum(group.wasted for group in self.groups if group.relation == SAME)

    def to_json(self) -> dict[str, object]:
        """Return the document of `dupes --json` (docs/json.md)."""
        return {
            "wasted": self.wasted,
            "groups": [group.to_json() for group in self.groups],
            "unhashed": {"files": self.unhashed, "same_size": self.twins},
            "not_compared": [
                {"id": file.id, "name": file.name, "path": file.path, "why": why} for file, why in self.not_compared
            ],
            "errors": [{"path": path, "message": message} for path, message in self.failures],
        }


def check_extra() -> None:
    """Raise ConflictError `similar-extra-missing` where numpy is not installed."""
    if importlib.util.find_spec("numpy") is None:
        raise ConflictError(
            "similar-extra-missing",
            N_("Comparing weights needs numpy, which is not installed."),
            hint=N_("pip install 'hubman[similar]'"),
        )


def hash_twins(reader: Reader, store: Store, progress: Progress) -> tuple[tuple[str, str], ...]:
    """Hash the files that may be copies of another one, by their size; return (path, why) of what could not be."""
    _, twins = reader.unhashed_twins()
    progress.phase("hash", sum(place.size for place in twins))
    hashing = Hashing(store, progress.advance, lambda: False)
    hashing.run(twins)
    return tuple((path, failure.message) for path, failure in hashing.failures)


def same_content(reader: Reader) -> list[Group]:
    """Return the contents that lie in several places, the largest first; places that are gone do not count."""
    found: list[Group] = []
    for _, places in groupby(reader.repeated(), key=lambda file: file.subject):
        there = [(file, stamp) for file in places if (stamp := _stamp(file)) is not None]
        whole = [entry for entry in there if not entry[0].spoilt]
        if len(there) > 1 and whole:
            found.append(_same(whole, [entry for entry in there if entry[0].spoilt]))
    return found


def _same(
    whole: Sequence[tuple[ModelFile, tuple[int, int]]], spoilt: Sequence[tuple[ModelFile, tuple[int, int]]]
) -> Group:
    """Order the places of one content, the one to keep first: never one that rotted."""
    choice = best([file for file, _ in whole]) if len(whole) > 1 else Choice(0, Phrase(ONLY_WHOLE))
    ordered = [whole[choice.place], *(entry for place, entry in enumerate(whole) if place != choice.place), *spoilt]
    copies: list[Copy] = []
    seen: set[tuple[int, int]] = set()
    for file, stamp in ordered:
        linked = stamp in seen
        words = N_("a hard link to the same bytes: it takes no space") if linked else N_("the same content")
        if file.spoilt:
            words = SPOILT
        copies.append(Copy(file, (Phrase(words),) if copies else (), linked))
        seen.add(stamp)
    return Group(SAME, tuple(copies), choice.because)


SPOILT = N_("it was the same content: `hubman verify` found other bytes there")
ONLY_WHOLE = N_("it is the only one that is whole")


def _stamp(file: ModelFile) -> tuple[int, int] | None:
    """Return which bytes a place leads to, None when nothing is there now. Windows' network shares tell no number."""
    try:
        found = os.stat(file.path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_ino else (-1, file.file_id)


def edited_headers(reader: Reader) -> list[Group]:
    """Return the files whose bytes after the header are the same and whose headers are not."""
    found: list[Group] = []
    for _, alike in groupby(reader.same_weights(), key=lambda file: file.hashes.autov3 if file.hashes else None):
        files = one_a_content(alike)
        if len(files) > 1:
            choice = best(files)
            kept = files[choice.place]
            others = [Copy(file, (edit_in_words(kept, file),)) for file in files if file is not kept]
            found.append(Group(EDITED, (Copy(kept), *others), choice.because))
    return found


def one_a_content(files: Iterable[ModelFile]) -> list[ModelFile]:
    """Return of every content the place that `same_content` would keep, among those that are there."""
    places: dict[str, list[ModelFile]] = {}
    for file in files:
        if _stamp(file) is not None and not file.spoilt:
            places.setdefault(file.subject, []).append(file)
    return [found[best(found).place] if len(found) > 1 else found[0] for found in places.values()]


def edit_in_words(kept: ModelFile, other: ModelFile) -> Phrase:
    """Say what differs in the headers of two files over the same weights."""
    try:
        headers = [formats.read_header(file.path) for file in (kept, other)]
    except (HubmanError, OSError):
        return Phrase(N_("the same weights under another header"))
    return header_differences(headers[0].metadata, headers[1].metadata)


def without(groups: Iterable[Group], larger: Sequence[Group]) -> Iterator[Group]:
    """Leave out groups whose contents lie within one of the larger ones: they are told there."""
    sets = [{copy.file.subject for copy in group.copies} for group in larger]
    for group in groups:
        if not any({copy.file.subject for copy in group.copies} <= subjects for subjects in sets):
            yield group
