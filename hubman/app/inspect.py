"""`hubman inspect`: what is this file? Reads headers, writes nothing, needs no library.

The dictionaries it returns are the JSON that other programs rely on (docs: product.md, "JSON that other programs rely
on"); field names change only with the schema number.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from hubman import formats
from hubman.app.reading import safety_of
from hubman.core.identify import identify
from hubman.core.types import Facts, Format, Hashes, Header, Kind, in_words
from hubman.errors import N_, HubmanError, Phrase
from hubman.formats.sniff import named_like_a_model
from hubman.formats.values import read_values

SCHEMA = 1
Digest = Callable[[str], Hashes | Mapping[str, object] | None]
Record = dict[str, Any]


def inspect_paths(
    paths: Sequence[str | os.PathLike[str]],
    digest: Digest | None = None,
    *,
    isolate: bool = True,
    translate: Callable[[str], str] = str,
) -> list[Record]:
    """Describe each file or model folder; a plain folder stands for the models in it.

    Args:
        digest: fills `hashes` of each path that could be read; without it they stay null.
        isolate: read pickles in a child process.
        translate: puts the reasons of the evidence into the reader's language; JSON stays English.

    What cannot be read becomes an `error` of its record: `not-found` and `unreadable` when it could not be opened.
    """
    found = [os.fspath(path) for path in paths]
    return [_record(path, digest, isolate, translate) for given in found for path in expanded(given)]


def expanded(path: str) -> Iterator[str]:
    """Yield the path itself, or for a folder that is no model as a whole the models in it, at any depth.

    A folder that only describes a model, by its configs, is told when it is named and nothing else is in it.
    """
    if not os.path.isdir(path) or _is_model(path):
        yield path
        return
    found = list(_models_in(path))
    if not found and os.access(path, os.R_OK) and formats.config_folder(path):
        yield path
    yield from found


def _is_model(folder: str) -> bool:
    try:
        return formats.model_folder(folder) is not None
    except OSError:
        return False


def _models_in(path: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(path))
    except OSError:
        yield path  # reading it says why it cannot be listed
        return
    for name in names:
        full = os.path.join(path, name)
        if os.path.isdir(full) and not os.path.islink(full) and not name.startswith("."):
            yield from [full] if _is_model(full) else _models_in(full)
        elif os.path.isfile(full) and (named_like_a_model(name) or name.endswith(".safetensors.index.json")):
            yield full


def _record(path: str, digest: Digest | None, isolate: bool, translate: Callable[[str], str]) -> Record:
    stem = os.path.splitext(os.path.basename(path))[0]
    header: Header | None = None
    try:
        if os.path.isdir(path):
            os.listdir(path)  # reading a folder leaves out what it cannot list; the folder itself is told
        header = formats.read_header(path, isolate=isolate)
        record = {
            "path": path,
            **described(header, identify(header, name=stem, values=partial(read_values, path)), translate),
        }
        if digest is not None:
            record["hashes"] = _hashes(digest(path))
        return record
    except HubmanError as error:
        return {"path": path, **_broken(header, error.reference, Phrase(error.template, **error.fields))}
    except FileNotFoundError:
        return {"path": path, **_broken(header, "not-found", Phrase(N_("there is no such file")))}
    except OSError as error:
        return {"path": path, **_broken(header, "unreadable", error.strerror or str(error))}


def _hashes(found: Hashes | Mapping[str, object] | None) -> Record | None:
    return _plain(found) if isinstance(found, Hashes) else dict(found) if found is not None else None


def _broken(header: Header | None, reference: str, message: str) -> Record:
    """A record of a file that could not be read or understood: everything null but the reason."""
    known = header or Header(format_of(reference), {}, safety=safety_of(reference))
    record = described(known, Facts(Kind.UNKNOWN))
    return {**record, "error": {"reference": reference, "message": message}}


def format_of(reference: str) -> Format:
    """Tell the container of a broken file by the failure to read it."""
    name = reference.partition("-")[0]
    return Format(name) if name in ("safetensors", "pickle", "gguf") else Format.UNKNOWN


def described(header: Header, facts: Facts, translate: Callable[[str], str] = str) -> Record:
    """Return the fields of `hubman inspect --json` for one file, without its path; `hashes` and `error` are null."""
    return {
        "format": str(header.format),
        "kind": str(facts.kind),
        "architecture": facts.architecture,
        "candidates": list(facts.candidates),
        "lineage": facts.lineage,
        "lineage_candidates": list(facts.lineage_candidates),
        "algorithm": facts.algorithm,
        "variant": facts.variant,
        "precision": facts.precision,
        "tensors": facts.tensors,
        "parameters": facts.parameters,
        "rank": facts.rank,
        "alpha": facts.alpha,
        "vectors": facts.vectors,
        "hypernetwork": _plain(facts.hypernetwork),
        "trained": list(facts.trained) or None,
        "prediction_type": facts.prediction_type,
        "triggers": _all(facts.triggers),
        "safety": str(header.safety),
        "findings": _all(header.findings),
        "hashes": None,
        "evidence": [
            {"fact": fact.fact, "value": fact.value, "because": in_words(translate(fact.template), fact.fields)}
            for fact in facts.evidence
        ],
        "confidence": str(facts.confidence),
        "error": None,
    }


def _plain(value: Any) -> Record | None:
    if value is None:
        return None
    record = dataclasses.asdict(value)
    return {key: list(item) if isinstance(item, tuple) else item for key, item in record.items()}


def _all(values: Iterable[Any]) -> list[Record | None]:
    return [_plain(value) for value in values]
