"""What the files beside a model say about it: pure parsers, text -> Sidecar. Limits on size are the caller's.

The families are those of A1111, its Civitai extensions, ComfyUI-Lora-Manager, Stability Matrix, SwarmUI and SD.Next.
Nothing here raises: what cannot be understood becomes a finding, and the file stays where it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from enum import StrEnum

from hubman.core.triggers import split_words
from hubman.core.types import Finding, Sidecar


class Family(StrEnum):
    """Who writes the file. The order is that of trust: what a person typed into a WebUI comes first."""

    A1111 = "a1111"
    SWARM = "swarm"
    LORA_MANAGER = "lora-manager"
    CIVITAI = "civitai"
    STABILITY_MATRIX = "stability-matrix"
    SDNEXT = "sdnext"
    TEXT = "text"


SUFFIXES: tuple[tuple[str, Family], ...] = (
    (".json", Family.A1111),
    (".swarm.json", Family.SWARM),
    (".metadata.json", Family.LORA_MANAGER),
    (".civitai.info", Family.CIVITAI),
    (".cm-info.json", Family.STABILITY_MATRIX),
    (".txt", Family.TEXT),
    (".description.txt", Family.TEXT),
)

Parsed = tuple[Sidecar, tuple[Finding, ...]]
Record = Mapping[str, object]


def candidate_names(stem: str) -> tuple[str, ...]:
    """Return the names that a sidecar of the model with this stem may have, most trusted first."""
    return tuple(stem + suffix for suffix, _ in SUFFIXES)


def family_of(name: str) -> Family | None:
    """Tell the family by the end of a file name, the longest suffix first."""
    ranked = sorted(SUFFIXES, key=lambda pair: -len(pair[0]))
    return next((family for suffix, family in ranked if name.endswith(suffix)), None)


def parse(name: str, text: str, stem: str = "") -> Sidecar | None:
    """Read one sidecar by its file name; None when it says nothing that can be used."""
    family = family_of(name)
    found = parse_family(family, text, stem)[0] if family else Sidecar()
    return None if found == Sidecar() else found


def parse_family(family: Family, text: str, stem: str = "") -> Parsed:
    """Read one sidecar of a family; what is odd about it comes back as findings.

    Args:
        stem: the model's stem; SD.Next's file lists all versions of a model, and the stem tells which is meant.
    """
    if family is Family.TEXT:
        plain = text.lstrip("\ufeff").strip()
        return (Sidecar(description=plain or None, sources=(family.value,)) if plain else Sidecar()), ()
    try:
        record = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return Sidecar(), (Finding("sidecar-unreadable", f"the {family} file beside the model is not valid JSON"),)
    if not isinstance(record, dict):
        return Sidecar(), (Finding("sidecar-unreadable", f"the {family} file beside the model is not a JSON object"),)
    if family is Family.A1111 and isinstance(record.get("modelVersions"), list):
        family = Family.SDNEXT
    found, odd = _PARSERS[family](record, stem)
    empty = found == Sidecar()
    named = found if empty else _with_source(found, family)
    return named, tuple(Finding("sidecar-odd", f"the {family} file has no usable {field}") for field in odd)


def _with_source(sidecar: Sidecar, family: Family) -> Sidecar:
    values = {field.name: getattr(sidecar, field.name) for field in fields(sidecar)}
    return Sidecar(**{**values, "sources": (family.value,)})


def merge(sidecars: Iterable[Sidecar]) -> Sidecar:
    """Merge sidecars, the most trusted first: a single value is the first one set, words and tags are all of them."""
    parts = list(sidecars)
    merged: dict[str, object] = {}
    for field in fields(Sidecar):
        values = [getattr(part, field.name) for part in parts]
        if field.name in ("trigger_words", "tags", "sources"):
            merged[field.name] = tuple(dict.fromkeys(word for value in values for word in value))
        else:
            merged[field.name] = next((value for value in values if value is not None), None)
    return Sidecar(**merged)  # type: ignore[arg-type]


# --- reading values ------------------------------------------------------------------------------------------------
class _Reader:
    """Takes typed values out of a JSON object and remembers the fields that were of another type."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.odd: list[str] = []

    def text(self, *keys: str) -> str | None:
        for key in keys:
            value = self.record.get(key)
            if isinstance(value, str) and value.strip():
                return value.strip()
            if value is not None and not isinstance(value, str):
                self.odd.append(key)
        return None

    def words(self, key: str) -> tuple[str, ...]:
        """Trigger words: a list of texts or one text; each may hold several words."""
        value = self.record.get(key)
        if isinstance(value, list):
            texts = [part for part in value if isinstance(part, str)]
            return tuple(dict.fromkeys(word for part in texts for word in split_words(part)))
        return split_words(self.text(key) or "")

    def tags(self, key: str) -> tuple[str, ...]:
        value = self.record.get(key)
        if isinstance(value, list):
            return tuple(dict.fromkeys(part.strip() for part in value if isinstance(part, str) and part.strip()))
        return tuple(part.strip() for part in (self.text(key) or "").split(",") if part.strip())

    def weight(self, key: str) -> float | None:
        """A preferred weight; 0 means "not set" in A1111, and a text with a number is taken as one."""
        value = self.record.get(key)
        try:
            number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            number = None
        if number is None and value not in (None, ""):
            self.odd.append(key)
        return number if number is not None and number == number and 0 < abs(number) <= 10 else None

    def object(self, key: str) -> Record:
        value = self.record.get(key)
        return value if isinstance(value, dict) else {}


# --- families ------------------------------------------------------------------------------------------------------
_Result = tuple[Sidecar, list[str]]

SD_VERSIONS = {"sd1": "SD 1.5", "sd2": "SD 2.1", "sdxl": "SDXL", "sd3": "SD 3", "flux": "Flux.1"}


def _a1111(record: Record, _: str) -> _Result:
    """ui_extra_networks_user_metadata.py: `activation text`, `preferred weight`, `negative text`, `sd version`."""
    reader = _Reader(record)
    version = reader.text("sd version", "sd_version_str")
    found = Sidecar(
        trigger_words=reader.words("activation text"),
        negative=reader.text("negative text"),
        weight=reader.weight("preferred weight"),
        description=reader.text("description"),
        notes=reader.text("notes"),
        base_model=SD_VERSIONS.get((version or "").removeprefix("SdVersion.").lower()),
    )
    return found, reader.odd


def _civitai(record: Record, _: str) -> _Result:
    """A model version of Civitai's API, as Civitai-Helper keeps it; `{}` means "not found there"."""
    reader, model = _Reader(record), _Reader(_Reader(record).object("model"))
    creator = _Reader(reader.object("creator"))
    found = Sidecar(
        trigger_words=reader.words("trainedWords"),
        description=reader.text("description") or model.text("description"),
        author=creator.text("username"),
        base_model=reader.text("baseModel"),
        name=model.text("name") or reader.text("name"),
        tags=reader.tags("tags") or model.tags("tags"),
    )
    return found, reader.odd


def _sdnext(record: Record, stem: str) -> _Result:
    """A whole model of Civitai's API with all versions; the one that has a file of our name, or the only one."""
    reader = _Reader(record)
    listed = record.get("modelVersions")
    versions = [version for version in listed if isinstance(version, dict)] if isinstance(listed, list) else []
    ours = [version for version in versions if stem and stem in _file_stems(version)] or versions
    found, odd = _civitai(ours[0], stem) if len(ours) == 1 else (Sidecar(), [])
    creator = _Reader(reader.object("creator"))
    model = Sidecar(
        description=reader.text("description"),
        author=creator.text("username"),
        name=reader.text("name"),
        tags=reader.tags("tags"),
    )
    return merge(
        [Sidecar(trigger_words=found.trigger_words, base_model=found.base_model), model, found]
    ), reader.odd + odd


def _file_stems(version: Record) -> set[str]:
    files = version.get("files")
    names = [file.get("name") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    return {name.rpartition(".")[0] for name in names if isinstance(name, str)}


def _lora_manager(record: Record, stem: str) -> _Result:
    """ComfyUI-Lora-Manager, schema 1.1; `usage_tips` is JSON inside a string."""
    reader = _Reader(record)
    inner, odd = _civitai(reader.object("civitai"), stem)
    tips = _Reader(_object_of(reader.text("usage_tips")))
    found = Sidecar(
        trigger_words=inner.trigger_words,
        weight=tips.weight("strength"),
        description=reader.text("modelDescription") or inner.description,
        notes=reader.text("notes"),
        author=inner.author,
        base_model=reader.text("base_model") or inner.base_model,
        name=reader.text("model_name") or inner.name,
        tags=reader.tags("tags") or inner.tags,
    )
    return found, reader.odd + odd


def _object_of(text: str | None) -> Record:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _stability_matrix(record: Record, _: str) -> _Result:
    reader = _Reader(record)
    found = Sidecar(
        trigger_words=reader.words("TrainedWords"),
        description=reader.text("ModelDescription", "VersionDescription"),
        author=reader.text("AuthorUsername"),
        base_model=reader.text("BaseModel"),
        name=reader.text("UserTitle", "ModelName"),
        tags=reader.tags("Tags"),
    )
    return found, reader.odd


def _swarm(record: Record, _: str) -> _Result:
    """SwarmUI writes ModelSpec keys, with and without their prefix."""
    plain = {key.removeprefix("modelspec."): value for key, value in record.items()}
    reader = _Reader(plain)
    found = Sidecar(
        trigger_words=reader.words("trigger_phrase"),
        weight=reader.weight("lora_default_weight"),
        description=reader.text("description"),
        notes=reader.text("usage_hint"),
        author=reader.text("author"),
        base_model=reader.text("architecture"),
        name=reader.text("title"),
        tags=reader.tags("tags"),
    )
    return found, reader.odd


_PARSERS: Mapping[Family, Callable[[Record, str], _Result]] = {
    Family.A1111: _a1111,
    Family.SWARM: _swarm,
    Family.LORA_MANAGER: _lora_manager,
    Family.CIVITAI: _civitai,
    Family.STABILITY_MATRIX: _stability_matrix,
    Family.SDNEXT: _sdnext,
}
