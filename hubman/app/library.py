"""Which files a MODEL argument means, and a model file as the JSON that other programs rely on (docs/json.md)."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hubman.core.library import ModelFile
from hubman.core.types import Trigger
from hubman.errors import N_, ConflictError, NotFoundError
from hubman.store.reader import Reader


def find_one(reader: Reader, text: str) -> ModelFile:
    """Return the one file that a MODEL argument means.

    Several places with the same content are one model; the first is returned.

    Raises:
        NotFoundError: `model-not-found`.
        ConflictError: `model-ambiguous`, with the candidates in the message.
    """
    found = reader.resolve(text, _as_path(text))
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
    raise NotFoundError(
        "model-not-found",
        N_("There is no model {text!r} in the library."),
        hint=N_("Try `hubman search {text}`, or run `hubman sync` if it is new."),
        text=text,
    )


def _as_path(text: str) -> str | None:
    path = os.path.abspath(os.path.expanduser(text))
    return path if os.path.exists(path) else None


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
    }


def failure_json(file: ModelFile) -> dict[str, object] | None:
    """Return why a file is broken, or None."""
    return {"reference": file.failure.reference, "message": file.failure.message} if file.failure else None


def triggers_json(words: Iterable[Trigger]) -> list[dict[str, object]]:
    """Return trigger words in the order of their rank."""
    return [
        {"text": word.text, "source": word.source, "rank": rank, "count": word.count, "score": round(word.score, 3)}
        for rank, word in enumerate(words, 1)
    ]


def details_json(reader: Reader, file: ModelFile) -> dict[str, object]:
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
        "facts": file.facts,
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
        "verdicts": reader.verdicts(hashes.sha256 if hashes else file.alias),
    }
