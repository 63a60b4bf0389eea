"""What a move takes along and what it may be called: pure decisions from names.

A `Relocation` is the whole of one action (mv, rm, restore, and their way back) as the journal keeps it: the steps on
disk, the models whose rows follow, the folders made and emptied, the entries of the trash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from hubman.errors import N_, ConflictError, UsageError

SIDECARS = (
    ".json", ".civitai.info", ".metadata.json", ".cm-info.json", ".swarm.json", ".md", ".txt", ".description.txt",
    ".api_info.json", ".html", ".yaml", ".yml",
)  # fmt: skip
"""What programs write beside a model, by its stem (docs/files.md)."""

_PICTURES = ("png", "jpg", "jpeg", "webp", "gif", "avif", "jxl", "mp4", "webm")
TRAVELS = frozenset(
    (*SIDECARS, *(f"{middle}.{end}" for middle in ("", ".preview", ".thumb", ".example.0") for end in _PICTURES))
)
"""Ends of names, lower case, that belong to a model when the rest is its stem."""

LONGEST_NAME = 255
"""Bytes of a name on the usual file systems of Linux and macOS; NTFS counts 255 UTF-16 units, never more."""

TRASHED = ".trashed"

_FORBIDDEN = set('<>:"/\\|?*')
_RESERVED = frozenset({
    "con", "prn", "aux", "nul", *(f"com{digit}" for digit in range(1, 10)), *(f"lpt{digit}" for digit in range(1, 10)),
})  # fmt: skip


class How(StrEnum):
    """What becomes of a source. A copy stays behind for another model of the same stem; `drop` takes it back."""

    MOVE = "move"
    COPY = "copy"
    DROP = "drop"


_REVERSE = {How.MOVE: How.MOVE, How.COPY: How.DROP, How.DROP: How.COPY}


@dataclass(frozen=True, slots=True)
class Step:
    """One file, link or folder that goes from one absolute path to another."""

    source: str
    target: str
    how: How = How.MOVE

    def reversed(self) -> Step:
        """Return the way back. A dropped copy has its original at `target`, and a new copy is made from there."""
        return Step(self.target, self.source, _REVERSE[self.how])


@dataclass(frozen=True, slots=True)
class Carried:
    """A model of a relocation: its row, and its place as (root, relative path) before and after; None is the trash."""

    file_id: int | None
    name: str
    source: tuple[str, str] | None
    target: tuple[str, str] | None
    brought: bool = False


@dataclass(frozen=True, slots=True)
class Bin:
    """One entry of a trash: its folder, and what its manifest says."""

    folder: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Relocation:
    """One action on disk.

    Attributes:
        made: folders that are created first, the outermost first.
        emptied: folders that are removed afterwards when nothing is left in them, the outermost first.
        token: hex that names what is being copied, so that a later run finds the remains of a killed one.
    """

    steps: tuple[Step, ...]
    models: tuple[Carried, ...]
    bins: tuple[Bin, ...] = ()
    made: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    token: str = ""

    @property
    def into_trash(self) -> bool:
        return bool(self.bins) and all(model.target is None for model in self.models)

    def reversed(self, token: str) -> Relocation:
        """Return the way back."""
        return Relocation(
            steps=tuple(step.reversed() for step in reversed(self.steps)),
            models=tuple(replace(model, source=model.target, target=model.source) for model in self.models),
            bins=self.bins,
            made=self.emptied,
            emptied=self.made,
            token=token,
        )

    def to_detail(self) -> dict[str, Any]:
        """Return the JSON of the journal."""
        return {
            "name": ", ".join(model.name for model in self.models[:3]) + (" …" if len(self.models) > 3 else ""),
            "before": [step.source for step in self.steps],
            "after": [step.target for step in self.steps],
            "how": [step.how.value for step in self.steps],
            "models": [[model.file_id, model.name, model.source, model.target, model.brought] for model in self.models],
            "bins": [[entry.folder, dict(entry.manifest)] for entry in self.bins],
            "made": list(self.made),
            "emptied": list(self.emptied),
            "token": self.token,
        }

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> Relocation:
        """Undo `to_detail`."""
        steps = zip(detail["before"], detail["after"], detail["how"], strict=True)
        return cls(
            steps=tuple(Step(source, target, How(how)) for source, target, how in steps),
            models=tuple(
                Carried(file_id, name, tuple(source) if source else None, tuple(target) if target else None, brought)
                for file_id, name, source, target, brought in detail["models"]
            ),
            bins=tuple(Bin(folder, manifest) for folder, manifest in detail["bins"]),
            made=tuple(detail["made"]),
            emptied=tuple(detail["emptied"]),
            token=str(detail["token"]),
        )


@dataclass(frozen=True, slots=True)
class Belonging:
    """Something beside a model that goes with it. `shared`: another model of the folder has it, too."""

    name: str
    suffix: str
    shared: bool


def belongings(stem: str, names: Iterable[str], other_stems: Collection[str]) -> list[Belonging]:
    """Return what lies beside a model and belongs to it by its stem, in the order of the names.

    Args:
        names: everything in the folder.
        other_stems: stems of the other models of the folder, which may be equal (`x.ckpt` beside `x.safetensors`).
    """
    found = []
    for name in sorted(names):
        if name.startswith(stem) and _travels(name, stem):
            shared = any(name.startswith(other) and _travels(name, other) for other in other_stems)
            found.append(Belonging(name, name[len(stem) :], shared))
    return found


def _travels(name: str, stem: str) -> bool:
    return name[len(stem) :].lower() in TRAVELS


def check_name(name: str) -> None:
    """Refuse a new name that is none on one of the systems that share model folders.

    Raises:
        UsageError: `name-invalid`, with the reason.
    """
    why = _what_is_wrong(name)
    if why:
        raise UsageError(
            "name-invalid",
            N_("{name!r} cannot be a file's name: {why}"),
            hint=N_("Choose another name; it has to work on Windows, too."),
            name=name,
            why=why,
        )


def _what_is_wrong(name: str) -> str:
    if name in ("", ".", ".."):
        return "it is empty"
    bad = sorted(_FORBIDDEN & set(name)) + [repr(letter) for letter in sorted(set(name)) if letter < " "]
    if bad:
        return f"it has {' '.join(bad)}"
    if name.endswith((".", " ")):
        return "it ends with a dot or a blank"
    if name.split(".")[0].rstrip().lower() in _RESERVED:
        return "Windows keeps it for a device"
    if name.startswith("."):
        return "no scan looks at hidden files"
    return "" if fits(name) else f"it is longer than {LONGEST_NAME} bytes"


def fits(name: str) -> bool:
    """Say whether a name is short enough for a file system."""
    return len(name.encode("utf-8", "surrogateescape")) <= LONGEST_NAME


def renamed(name: str, old_stem: str, new_stem: str) -> str:
    """Return what a file of a model is called when the model's stem changes.

    Raises:
        UsageError: `name-invalid`, it would be too long.
    """
    new = new_stem + name[len(old_stem) :]
    if new_stem != old_stem and not fits(new):
        check_name(new)
    return new


def trashed_name(number: int, name: str) -> str:
    """Return the name of a file in the trash. It is cut where it would be too long; the manifest has the whole."""
    raw = f"{number:02d}-{name}".encode("utf-8", "surrogateescape")
    room = LONGEST_NAME - len(TRASHED)
    if len(raw) > room:
        while raw[room] & 0xC0 == 0x80:  # not within a character
            room -= 1
        raw = raw[:room]
    return raw.decode("utf-8", "surrogateescape") + TRASHED


def check_targets(steps: Sequence[Step]) -> None:
    """Refuse a plan in which two things would get one name.

    Raises:
        ConflictError: `targets-collide`.
    """
    seen: dict[str, str] = {}
    for step in steps:
        if step.how is not How.DROP and seen.setdefault(step.target, step.source) != step.source:
            raise ConflictError(
                "targets-collide",
                N_("{first} and {second} would both become {target}."),
                hint=N_("Move them one by one, under names of their own."),
                first=seen[step.target],
                second=step.source,
                target=step.target,
            )


def part_name(token: str, number: int) -> str:
    """Return the name of step `number` while it is being copied: no scan and no program lists it."""
    return f".tmp-hubman-{token}-{number}.part"
