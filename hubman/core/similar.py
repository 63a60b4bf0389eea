"""Which files hold the same model, which copy is worth keeping, and why. Decides from values; reads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hubman.core.library import ModelFile, UserData
from hubman.errors import N_, Phrase

SHOWN_KEYS = 4
"""Names of differing metadata that are said before the rest is counted."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What a second adapter is to a first one whose weights it has.

    Attributes:
        strength: of the second in strengths of the first; 1.0 when it is the same.
        kept: what the smaller rank keeps of the larger one's size (Frobenius norm), 1.0 when nothing was cut off.
        ranks: the commonest rank of both, None where there is none.
        resized: whether ranks were cut off.
    """

    strength: float
    kept: float
    ranks: tuple[int | None, int | None]
    resized: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A copy that is worth keeping, as a place in the list it was chosen from, and why."""

    place: int
    because: Phrase


def groups_of(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the sets of places that pairs connect, each and all of them in ascending order."""
    leader = list(range(count))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for one, other in pairs:
        first, second = sorted((find(one), find(other)))
        leader[second] = first
    found: dict[int, list[int]] = {}
    for place in range(count):
        found.setdefault(find(place), []).append(place)
    return [places for places in found.values() if len(places) > 1]


# --- which copy to keep ----------------------------------------------------------------------------------------------
HOMES: Mapping[str, frozenset[str]] = {
    "checkpoint": frozenset({"stable-diffusion", "checkpoints"}),
    "diffusion-model": frozenset({"stable-diffusion", "diffusion_models", "unet"}),
    "lora": frozenset({"lora", "loras", "lycoris"}),
    "embedding": frozenset({"embeddings", "embedding"}),
    "hypernetwork": frozenset({"hypernetworks", "hypernetwork"}),
    "vae": frozenset({"vae"}),
    "controlnet": frozenset({"controlnet"}),
    "upscaler": frozenset({"esrgan", "realesrgan", "upscale_models"}),
    "text-encoder": frozenset({"text_encoder", "text_encoders", "clip"}),
}
"""Folders, lower case, in which the known programs look for a kind."""
FINENESS = {
    "fp64": 53, "fp32": 24, "fp16": 11, "bf16": 8, "fp8-e4m3": 4, "mxfp8": 4, "fp8-e5m2": 3,
}  # fmt: skip
"""Binary digits of a number by the precision's name."""


def best(files: Sequence[ModelFile]) -> Choice:
    """Choose the copy that loses nothing: by rank, precision, what the user said of it, its folder, and its age."""
    ranks, digits = [_number(file, "rank") for file in files], [_fineness(file) for file in files]
    tests: tuple[tuple[Sequence[float], Phrase], ...] = (
        (ranks, Phrase(N_("it has the highest rank"))),
        (digits, Phrase(N_("it has the highest precision"))),
        ([_spoken_of(file) for file in files], Phrase(N_("your notes, tags or ratings are on it"))),
        ([_at_home(file) for file in files], Phrase(N_("it lies in the folder for its kind"))),
        ([bool(file.preview or file.sidecar) for file in files], Phrase(N_("a preview or sidecar lies beside it"))),
        ([-file.added_ns for file in files], Phrase(N_("it has been here longest"))),
    )
    left = list(range(len(files)))
    for values, reason in tests:
        most = max(values[place] for place in left)
        kept = [place for place in left if values[place] == most]
        if len(kept) == 1:
            return Choice(kept[0], reason)
        left = kept
    return Choice(left[0], Phrase(N_("nothing tells them apart; this is the first by its path")))


def _number(file: ModelFile, fact: str) -> float:
    value = file.facts.get(fact)
    return float(value) if isinstance(value, int | float) else 0.0


def _fineness(file: ModelFile) -> int:
    return FINENESS.get(str(file.facts.get("precision")), 0)


def _spoken_of(file: ModelFile) -> bool:
    return file.user != UserData() or any(word.source == "user" for word in file.triggers)


def _at_home(file: ModelFile) -> bool:
    folders = [file.root.replace("\\", "/").rstrip("/").rpartition("/")[2], *file.relpath.split("/")[:-1]]
    return any(folder.lower() in HOMES.get(file.kind, ()) for folder in folders)


# --- what differs, in words ------------------------------------------------------------------------------------------
def differences(kept: ModelFile, other: ModelFile, relation: Relation) -> tuple[Phrase, ...]:
    """Say what a copy is to the one that is kept, `relation` being that of `other` to `kept`."""
    found: list[Phrase] = []
    ranks = relation.ranks
    if relation.resized and ranks[0] != ranks[1]:
        text = N_("rank {rank} instead of {other}, keeps {share} of its strength")
        found.append(Phrase(text, rank=ranks[1], other=ranks[0], share=percent(relation.kept)))
    elif relation.resized:
        text = N_("ranks cut off in some modules, keeps {share} of the strength")
        found.append(Phrase(text, share=percent(relation.kept)))
    precisions = [str(file.facts.get("precision")) for file in (other, kept)]
    if precisions[0] != precisions[1]:
        text = N_("{precision} instead of {other}")
        found.append(Phrase(text, precision=precisions[0], other=precisions[1]))
    if relation.strength != 1:
        found.append(Phrase(N_("the same at {share} of the strength"), share=percent(relation.strength)))
    if other.algorithm != kept.algorithm:
        text = N_("stored as {algorithm} instead of {other}")
        found.append(Phrase(text, algorithm=other.algorithm or "-", other=kept.algorithm or "-"))
    return tuple(found) or (Phrase(N_("the same weights, saved another way")),)


def percent(share: float) -> str:
    """Write a share as people say it; 100 % is said only of what is whole."""
    number = 100 * share
    rounded = f"{number:.0f}" if number < 99 or number >= 101 else f"{number:.1f}"
    return f"{'99.9' if rounded == '100.0' and share < 1 else rounded} %"


def header_differences(one: Mapping[str, str], other: Mapping[str, str]) -> Phrase:
    """Say which metadata of two headers over the same weights differ; no keys: the names or order of the tensors."""
    keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    if not keys:
        return Phrase(N_("the same weights, other names or order of the tensors"))
    shown = ", ".join(keys[:SHOWN_KEYS])
    if len(keys) > SHOWN_KEYS:
        text = N_("the same weights, header edited: {keys} and {count} more")
        return Phrase(text, keys=shown, count=len(keys) - SHOWN_KEYS)
    return Phrase(N_("the same weights, header edited: {keys}"), keys=shown)
