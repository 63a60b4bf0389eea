"""Which files a MODEL argument means, and a model file as the JSON that other programs rely on (docs/json.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from hubman.core.library import ModelFile, Root, UserData
from hubman.core.search_text import fold
from hubman.core.types import ADAPTER_KINDS, Trigger, in_words
from hubman.errors import N_, ConflictError, NotFoundError
from hubman.store.reader import Reader


def find_one(reader: Reader, text: str) -> ModelFile:
    """Return the one file that a MODEL argument means.

    Several places with the same content are one model; the first is returned.

    Raises:
        NotFoundError: `model-not-found`, with names that are near.
        ConflictError: `model-ambiguous`, with the candidates in the message.
    """
    found = find_all(reader, text)
    contents = {file.id for file in found}
    if len(contents) == 1:
        return found[0]
    if found:
        raise ConflictError(
            "model-ambiguous",
            N_("{text!r} may mean any of {count} models:\n{candidates}"),
            hint=N_("Name one by its id or path."),
            text=text,
            count=len(contents),
            candidates="\n".join(f"    {file.id}  {file.path}" for file in found[:12]),
        )
    near = near_names(reader, text)
    raise NotFoundError(
        "model-not-found",
        N_("There is no model {text!r} in the library."),
        hint=N_("Did you mean {near}? Else try `hubman search {text}`, or run `hubman sync` if it is new.")
        if near
        else N_("Try `hubman search {text}`, or run `hubman sync` if it is new."),
        text=text,
        near=", ".join(near),
    )


def find_all(reader: Reader, text: str) -> list[ModelFile]:
    """Return every file that a MODEL argument may mean: a path (of a file that is gone, too), else id, hash or name."""
    if not text:
        return []
    for root_id, relpath in _places(reader.roots(), text):
        found = reader.at(root_id, relpath)
        if found and (found[0].present or os.path.basename(text) != text):
            return found
    return reader.resolve(text.replace(os.sep, "/") if os.sep != "/" else text)


def _places(roots: Sequence[Root], text: str) -> Iterator[tuple[int, str]]:
    """Yield what a path may be as (root id, relative path): as typed, and with its links followed."""
    try:
        typed = os.path.abspath(os.path.expanduser(text))
        followed = (os.path.join(os.path.realpath(os.path.dirname(typed)), os.path.basename(typed)),
                    os.path.realpath(typed))  # fmt: skip
    except (OSError, ValueError):
        return  # no path of this system
    for path in dict.fromkeys((typed, *followed)):
        yield from inside(roots, path)


def inside(roots: Sequence[Root], path: str, system: ModuleType = os.path) -> Iterator[tuple[int, str]]:
    """Yield the roots that an absolute path lies in as (id, relative POSIX path), the innermost first.

    A root matches by its own path and by every link that leads to it. `system` is the kind of path (tests use ntpath).
    """
    known = {system.normcase(root.path): root.id for root in roots}
    parts: list[str] = []
    above, name = system.split(path)
    while name:
        parts.insert(0, name)
        for form in dict.fromkeys((above, system.realpath(above))):
            if (root_id := known.get(system.normcase(form))) is not None:
                yield root_id, "/".join(parts)
        above, name = system.split(above)


def near_names(reader: Reader, text: str) -> list[str]:
    """Return up to three names of the library that are much like a mistyped one."""
    import difflib

    folded: dict[str, str] = {fold(name): name for name in reader.names()}
    return [folded[name] for name in difflib.get_close_matches(fold(text), folded, cutoff=0.7)]


def same_name(reader: Reader, file: ModelFile) -> list[str]:
    """Return the paths of other adapters that the same tag calls: in a WebUI one of them hides the others."""
    if file.kind not in ADAPTER_KINDS:
        return []
    return [other.path for other in reader.same_name(file) if other.id != file.id]


def model_json(file: ModelFile) -> dict[str, object]:
    """Return a file as `search --json` and `ls --json` list it."""
    return {
        "id": file.id,
        "name": file.name,
        "kind": file.kind,
        "architecture": file.architecture,
        "algorithm": file.algorithm,
        "path": file.path,
        "size": file.size,
        "triggers": [word.text for word in file.triggers],
        "verdict": file.verdict.verdict if file.verdict else None,
        "preview": file.preview,
        "safety": file.safety,
        "error": failure_json(file),
        **user_json(file.user),
    }


def user_json(data: UserData) -> dict[str, object]:
    """Return what the user said of a model."""
    return {"note": data.note, "tags": list(data.tags), "favourite": data.favourite, "rating": data.rating}


def failure_json(file: ModelFile) -> dict[str, object] | None:
    """Return why a file is broken, or None."""
    return {"reference": file.failure.reference, "message": file.failure.message} if file.failure else None


def triggers_json(words: Iterable[Trigger]) -> list[dict[str, object]]:
    """Return trigger words in the order of their rank."""
    return [
        {"text": word.text, "source": word.source, "rank": rank, "count": word.count, "score": round(word.score, 3)}
        for rank, word in enumerate(words, 1)
    ]


def evidence_in_words(file: ModelFile, translate: Callable[[str], str] = str) -> list[tuple[str, str, str]]:
    """Return (fact, value, reason) of everything we concluded about a file, in the language of `translate`."""
    return [
        (str(entry["fact"]), str(entry["value"]), in_words(translate(str(entry["because"])), entry.get("fields") or {}))
        for entry in _evidence(file)
    ]


def _evidence(file: ModelFile) -> list[dict[str, Any]]:
    found = file.facts.get("evidence")
    return found if isinstance(found, list) else []


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    because = in_words(str(entry["because"]), entry.get("fields") or {})
    return {"fact": entry["fact"], "value": entry["value"], "because": because}


def _hubs(reader: Reader, file: ModelFile) -> list[dict[str, object]]:
    if not file.hubs:
        return []
    from hubman.app.from_hubs import hubs_json  # msgspec, only where a hub knows something

    return hubs_json(reader, file)


def details_json(reader: Reader, file: ModelFile) -> dict[str, Any]:
    """Return everything known of a file, for `show --json`."""
    places = reader.resolve(file.hashes.sha256) if file.hashes else [file]
    hashes = file.hashes
    return {
        **model_json(file),
        "alias": file.alias,
        "root": file.root,
        "relpath": file.relpath,
        "present": file.present,
        "format": file.format,
        "mtime_ns": file.mtime_ns,
        "added_ns": file.added_ns,
        "facts": {**file.facts, "evidence": [_told(entry) for entry in _evidence(file)]},
        "sidecar": file.sidecar,
        "triggers": triggers_json(file.triggers),
        "hashes": {
            "sha256": hashes.sha256,
            "autov1": hashes.autov1,
            "autov2": hashes.autov2,
            "autov3": hashes.autov3,
            "autov3_written": hashes.autov3_written,
            "crc32": hashes.crc32,
            "blake3": hashes.blake3,
        }
        if hashes
        else None,
        "places": [place.path for place in places],
        "same_name": same_name(reader, file),
        "hubs": _hubs(reader, file),
        "verdicts": reader.verdicts(hashes.sha256 if hashes else file.alias),
    }
