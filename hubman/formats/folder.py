"""Folders that are one model: a diffusers pipeline or component, a PEFT adapter, a model in several shards.

Layouts: diffusers `DiffusionPipeline.save_pretrained` (model_index.json and one folder per component),
`ModelMixin.save_pretrained` (config.json with `_class_name`), PEFT `save_pretrained` (adapter_config.json), and
huggingface_hub's sharding (`<stem>.safetensors.index.json` with a `weight_map`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from hubman.core.types import Finding, Format, Header, Safety, TensorInfo
from hubman.errors import N_, IntegrityError, Phrase
from hubman.opening import open_regular

INDEX_SUFFIX = ".safetensors.index.json"
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
COMPONENT_KEYS = frozenset({"_class_name", "architectures"})
"""What diffusers and transformers write into the config.json of a component."""
MAX_JSON = 16 << 20
MAX_ENTRIES = 4000
MAX_SHOWN = 80

ReadOne = Callable[[str], Header]


class FolderKind(StrEnum):
    """How the files of a folder make one model."""

    PIPELINE = "pipeline"
    COMPONENT = "component"
    PEFT = "peft"
    SHARDED = "sharded"


@dataclass(frozen=True, slots=True)
class FolderForm:
    """A folder (or, for shards, a group of files in it) that is one model.

    Attributes:
        index: of a sharded model, the name of its index file, which is its path in the library; else "".
        members: names that belong to it, relative to the folder and sorted; for a pipeline the names of its components.
        weighty: whether any weights are there; a pipeline's folder of configs alone is no model.
    """

    kind: FolderKind
    index: str
    members: tuple[str, ...]
    weighty: bool


# --- classification ------------------------------------------------------------------------------------------------
def classify(path: str, names: Collection[str]) -> FolderForm | None:
    """Say what the folder `path` with the entries `names` is as a whole; None for a folder of separate files.

    `names` may hold the direct entries only or relative paths too; of configs at most two small files are read.
    A folder of configs without weights gives None; `is_config_folder` tells it from an ordinary one.
    """
    form = _form(path, names)
    return form if form and form.weighty else None


def is_config_folder(path: str, names: Collection[str]) -> bool:
    """Whether the folder describes a model (its configs) without holding one."""
    form = _form(path, names)
    return form is not None and not form.weighty


def _form(path: str, names: Collection[str]) -> FolderForm | None:
    if "model_index.json" in names:
        return _pipeline(path, names)
    if "adapter_config.json" in names:
        weights = [name for name in names if name.startswith("adapter_model.") and is_weights(name)]
        return FolderForm(FolderKind.PEFT, "", _sorted(["adapter_config.json", *weights]), bool(weights))
    if "config.json" in names and COMPONENT_KEYS & _object(os.path.join(path, "config.json")).keys():
        weights = [name for name in names if is_weights(name) and "/" not in name]
        indexes = [name for name in names if name.endswith(INDEX_SUFFIX)]
        return FolderForm(FolderKind.COMPONENT, "", _sorted(["config.json", *weights, *indexes]), bool(weights))
    indexes = sorted(name for name in names if name.endswith(INDEX_SUFFIX) and "/" not in name)
    return shards(path, indexes[0]) if indexes else None


def _pipeline(path: str, names: Collection[str]) -> FolderForm:
    entries = _object(os.path.join(path, "model_index.json"))
    components = [name for name, value in entries.items() if isinstance(value, list) and value and value[0]]
    held = any(is_weights(name) and name.partition("/")[0] in components for name in names)
    held = held or any(is_weights(name) for part in components for name in _list(os.path.join(path, part)))
    return FolderForm(FolderKind.PIPELINE, "", _sorted(["model_index.json", *components]), held)


def shards(path: str, index: str) -> FolderForm | None:
    """Return the form of a sharded model by its index file, or None when the file is no such index."""
    found = {name for name in _parts(os.path.join(path, index)) if _is_inside(name)}
    return FolderForm(FolderKind.SHARDED, index, _sorted([index, *found]), True) if found else None


def _parts(index: str) -> set[str]:
    """Return the file names that an index gives its tensors."""
    return {name for name in _weight_map(index).values() if isinstance(name, str)}


def _is_inside(name: str) -> bool:
    """Whether a name of an index is that of a file beside it, on every system."""
    return not set(name) & set("/\\\0:") and name not in ("", ".", "..")


def is_weights(name: str) -> bool:
    """Whether a file of this name in a model folder holds weights."""
    return name.endswith(WEIGHT_SUFFIXES) and not os.path.basename(name).startswith(
        ("optimizer", "scheduler", "training")
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _list(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for _, entry in zip(range(MAX_ENTRIES), entries, strict=False))
    except OSError:
        return []


def _object(path: str) -> Mapping[str, object]:
    """Read a small JSON object; anything else is an empty one."""
    try:
        with open_regular(path) as file:
            value = json.loads(file.read(MAX_JSON))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _weight_map(path: str) -> Mapping[str, object]:
    found = _object(path).get("weight_map")
    return found if isinstance(found, dict) else {}


# --- reading -------------------------------------------------------------------------------------------------------
def read(path: str, members: Collection[str] | None, read_one: ReadOne) -> Header:
    """Read a model folder or an index file as one Header.

    Args:
        members: relative paths in the folder when the caller has listed it.
        read_one: reads one weights file (given, because readers do not import one another).

    Raises:
        IntegrityError: a shard is missing or broken.
    """
    if path.endswith(INDEX_SUFFIX) and not os.path.isdir(path):
        folder, index = os.path.split(path)
        form = shards(folder, index)
        if form is None:
            return Header(
                Format.UNKNOWN, {}, findings=(Finding("odd-index", Phrase(N_("this index names no shards"))),)
            )
        return _read_shards(folder, form, read_one)
    names = sorted(members) if members is not None else list(_walk(path))
    form = _form(path, names)
    if form is None:
        told = Finding("plain-folder", Phrase(N_("this folder is no model as a whole")))
        return Header(Format.FOLDER, {}, findings=(told,))
    if form.kind is FolderKind.SHARDED:
        return _read_shards(path, form, read_one)
    return _read_folder(path, names, form, read_one)


def _walk(path: str, depth: int = 2) -> Iterator[str]:
    for name in _list(path):
        full = os.path.join(path, name)
        if not os.path.isdir(full):
            yield name
        elif depth > 1 and not os.path.islink(full):
            yield from (f"{name}/{inner}" for inner in _walk(full, depth - 1))


def _read_folder(path: str, names: list[str], form: FolderForm, read_one: ReadOne) -> Header:
    if form.kind is FolderKind.PIPELINE:
        names = [name for name in names if name.partition("/")[0] in form.members]
    else:
        names = [name for name in names if "/" not in name]
    configs = {name: _object(os.path.join(path, name)) for name in names if name.endswith(".json")}
    configs = {name: value for name, value in configs.items() if not name.endswith(".index.json")}
    chosen = _chosen(names)
    for index in (name for name in names if name.endswith(INDEX_SUFFIX)):
        inner, _, stem = index.rpartition("/")
        shard = next((name for name in chosen if os.path.dirname(name) == inner and _SHARD.search(name)), None)
        if shard is not None:
            _check_index(os.path.join(path, inner), stem)
    headers = [(name, read_one(os.path.join(path, name))) for name in chosen]
    merged = _merged(headers, configs, tuple(sorted(names)), named=form.kind is FolderKind.PIPELINE)
    return _judged(merged, [os.path.join(path, name) for name in names if _is_beside(name, chosen)], read_one)


def _is_beside(name: str, chosen: Collection[str]) -> bool:
    return is_weights(name) and not name.endswith(".safetensors") and name not in chosen


def _judged(header: Header, beside: Iterable[str], read_one: ReadOne) -> Header:
    """Judge a folder also by the pickles in it that were not chosen: another program chooses otherwise."""
    for path in beside:
        try:
            other = read_one(path)
            safety, findings = other.safety, other.findings
        except IntegrityError as error:
            if not error.reference.startswith("pickle-"):
                continue
            safety = Safety.SUSPICIOUS
            findings = (Finding(error.reference, Phrase(error.template, **error.fields)),)
        except OSError:
            continue
        if safety in (Safety.SUSPICIOUS, Safety.UNSAFE):
            worst = max(header.safety, safety, key=_severity)
            header = replace(header, safety=worst, findings=tuple(dict.fromkeys((*header.findings, *findings))))
    return header


def _check_index(path: str, index: str) -> None:
    """Check that an index names parts beside it only, and that all of them are there.

    Raises:
        IntegrityError: `shard-outside` or `shard-missing`.
    """
    parts = _parts(os.path.join(path, index))
    for part in sorted(parts):
        if not _is_inside(part):
            raise IntegrityError(
                "shard-outside",
                N_("{name} names a part outside of its folder: {part}"),
                hint=N_("do not use it: no program writes such an index"),
                name=index,
                part=repr(part[:MAX_SHOWN]),
            )
        if not os.path.exists(os.path.join(path, part)):
            raise IntegrityError(
                "shard-missing",
                N_("{name} is incomplete: the part {part} is missing"),
                hint=N_("download the missing part into the same folder"),
                name=index,
                part=part,
            )


def _read_shards(path: str, form: FolderForm, read_one: ReadOne) -> Header:
    _check_index(path, form.index)
    names = [name for name in form.members if name != form.index]
    headers = [(name, read_one(os.path.join(path, name))) for name in names]
    return _merged(headers, {}, form.members, named=False)


_VARIANT = re.compile(r"\.(fp16|bf16|fp32|non_ema|ema|fp8)(?=[.-])")
_SHARD = re.compile(r"-\d{5}-of-\d{5}")


def _chosen(names: list[str]) -> list[str]:
    """One set of weights per component: safetensors before pickle, the plain variant before `.fp16.` and the like."""
    best: dict[str, list[tuple[tuple[bool, bool, str], str]]] = {}
    for name in filter(is_weights, names):
        stem = _SHARD.sub("", name)
        rank = (not name.endswith(".safetensors"), bool(_VARIANT.search(name)), stem)
        best.setdefault(os.path.dirname(name), []).append((rank, name))
    return sorted(name for ranked in best.values() for rank, name in ranked if rank == min(ranked)[0])


def _merged(
    headers: list[tuple[str, Header]], configs: Mapping[str, object], members: tuple[str, ...], *, named: bool
) -> Header:
    """Put the tensors of all parts into one table; in a pipeline they are named `component/tensor`."""
    tensors: dict[str, TensorInfo] = {}
    metadata: dict[str, str] = {}
    for name, header in headers:
        prefix = name.partition("/")[0] + "/" if named and "/" in name else ""
        tensors.update({prefix + key: info for key, info in header.tensors.items()})
        metadata.update(header.metadata)
    worst = max((header.safety for _, header in headers), key=_severity, default=Safety.NOT_APPLICABLE)
    findings = tuple(dict.fromkeys(finding for _, header in headers for finding in header.findings))
    digest = hashlib.blake2b("".join(header.digest for _, header in headers).encode(), digest_size=16).hexdigest()
    return Header(Format.FOLDER, tensors, metadata, None, configs, members, worst, findings, digest)


def _severity(safety: Safety) -> int:
    return (Safety.NOT_APPLICABLE, Safety.SAFE, Safety.SUSPICIOUS, Safety.UNSAFE).index(safety)
