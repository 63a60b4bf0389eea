"""What a trainer wrote about its pictures, read once: folders, their tags with counts, how many pictures they hold.

Sources: kohya-ss/sd-scripts train_network.py and train_util.py (`set_tag_frequency`: tags in lower case, counted per
picture and not per repeat; the dictionary is in the order in which tags were met; `ss_dataset_dirs` calls the same
folder of a second dataset "name (2)" while its tags are counted once).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from hubman.core.triggers.words import NOTHING, squeeze

Frequencies = dict[str, dict[str, int]]

LARGEST_CACHED = 1 << 20
OVERCOUNT = 1.25
"""A caption may name a tag twice, so counts exceed the pictures a little; two folders of one name do so by more."""

_REPEATS = re.compile(r"(\d+)_(.+)")
_WORD = re.compile(r"[^\W\d_]{4,}")
_COPY = re.compile(r" \(\d+\)\Z")
_SEPARATOR = "|||"
"""kohya's usual `keep_tokens_separator`: what stands before it in a caption stays in front."""

NAME_KEYS = ("ss_output_name", "modelspec.title", "name", "ss_training_name")


@dataclass(frozen=True, slots=True)
class Folder:
    """One training folder.

    Attributes:
        tags: tag -> number of pictures, in the order in which the trainer met them.
        pictures: how many pictures it holds; `known` says whether that is written or guessed from the commonest tag.
        instance: the words of its name: `16_smf girl` is sixteen repeats of "smf girl"; or its class tokens.
        kept: whether the first tags of each caption were protected from shuffling (keep_tokens).
    """

    name: str
    tags: Mapping[str, int]
    pictures: int
    known: bool
    instance: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Training:
    """All folders that are no regularisation folders.

    Attributes:
        names: what the model (and its only folder) is called, letters and digits only. `words`: the words of it.
        untagged: folders of which only the number of pictures is known.
    """

    folders: tuple[Folder, ...]
    names: tuple[str, ...]
    words: frozenset[str]
    subsets: tuple[Mapping[str, object], ...]
    untagged: tuple[Folder, ...]


# --- JSON inside strings -------------------------------------------------------------------------------------------
def parsed(value: object) -> object:
    """Parse JSON inside a metadata string; Civitai hands some of these out parsed already."""
    if not isinstance(value, str):
        return value
    if not value or value[0] not in "[{ \n\t":
        return None
    return _parsed(value) if len(value) <= LARGEST_CACHED else _loads(value)


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_parsed = lru_cache(maxsize=4)(_loads)
"""Trigger words and tag cloud read the same text one after the other. Nobody changes what is in here."""


def _object(metadata: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = parsed(metadata.get(key, ""))
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return a text without spaces around; "None" is none."""
    return "" if not isinstance(value, str) or value.strip().lower() in NOTHING else value.strip()


# --- tags ----------------------------------------------------------------------------------------------------------
def frequencies(metadata: Mapping[str, object]) -> Frequencies:
    """Return folder -> tag -> number of pictures, without regularisation folders."""
    if "ss_tag_frequency" not in metadata and "ss_datasets" not in metadata:
        return {}
    value = metadata.get("ss_tag_frequency", "")
    found = _counted_text(value) if isinstance(value, str) and len(value) <= LARGEST_CACHED else _counted(parsed(value))
    found = found or _counted(_dataset_frequencies(metadata))
    regular = _regular(metadata)
    return {folder: counts for folder, counts in found.items() if folder not in regular}


def _counted(raw: object) -> Frequencies:
    if not isinstance(raw, dict):
        return {}
    if raw and not any(isinstance(tags, dict) or str(tags)[:1] == "{" for tags in raw.values()):
        raw = {"": raw}  # some tools leave the folders out
    tables = ((folder, parsed(value)) for folder, value in raw.items())
    counted = ((str(folder), _counts(tags)) for folder, tags in tables if isinstance(tags, dict))
    return {folder: counts for folder, counts in counted if counts}


@lru_cache(maxsize=4)
def _counted_text(text: str) -> Frequencies:
    return _counted(_loads(text) if text[:1] in ("{", " ", "\n", "\t") else None)


def _dataset_frequencies(metadata: Mapping[str, object]) -> Mapping[str, object]:
    merged: dict[str, object] = {}
    for dataset in _datasets(metadata):
        tags = dataset.get("tag_frequency")
        if isinstance(tags, dict):
            merged = {**tags, **merged}
    return merged


def _counts(tags: Mapping[str, object]) -> dict[str, int]:
    """Return tag -> count. The usual table is taken as it is: a file may have ten thousand tags."""
    together = "\n".join(tags)
    odd = any(mark in together for mark in (_SEPARATOR, "\n ", " \n", "\n\n")) or together != together.strip()
    if not odd and set(map(type, tags.values())) == {int}:
        whole = cast("dict[str, int]", tags)
        if min(whole.values()) > 0:
            return whole
    summed: Counter[str] = Counter()
    for tag, value in tags.items():
        if isinstance(tag, str) and (count := _whole(value)) > 0:
            for part in tag.split(_SEPARATOR):
                if part.strip():
                    summed[part.strip()] += count
    return dict(summed)


def _whole(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else 0


# --- folders -------------------------------------------------------------------------------------------------------
def _datasets(metadata: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    datasets = parsed(metadata.get("ss_datasets", ""))
    for dataset in datasets if isinstance(datasets, list) else ():
        if isinstance(dataset, dict):
            yield dataset


def _all_subsets(metadata: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for dataset in _datasets(metadata):
        subsets = dataset.get("subsets")
        yield from (subset for subset in subsets if isinstance(subset, dict)) if isinstance(subsets, list) else ()


def _regular(metadata: Mapping[str, object]) -> set[str]:
    """Names of regularisation folders. Where that leaves nothing to train on, names are shared and tell nothing."""
    regular = {_COPY.sub("", name) for name in _object(metadata, "ss_reg_dataset_dirs")}
    training = {_COPY.sub("", name) for name in _object(metadata, "ss_dataset_dirs")}
    for subset in _all_subsets(metadata):
        (regular if subset.get("is_reg") is True else training).add(text(subset.get("image_dir")))
    return regular if training - regular or not training else regular - training


def _pictures(metadata: Mapping[str, object], subsets: tuple[Mapping[str, object], ...]) -> dict[str, list[int]]:
    """Return folder -> the numbers of pictures it may hold: of the first dataset, of all that use this name."""
    listed: dict[str, list[int]] = {}
    for name, info in _object(metadata, "ss_dataset_dirs").items():
        count = _whole(info.get("img_count")) if isinstance(info, dict) else 0
        if count > 0:
            listed.setdefault(_COPY.sub("", name), []).append(count)
    if not listed:
        for subset in subsets:
            count = _whole(subset.get("img_count"))
            if count > 0:
                listed.setdefault(text(subset.get("image_dir")), []).append(count)
    return {name: [counts[0], sum(counts)] for name, counts in listed.items()}


def _size(tags: Mapping[str, int], choices: list[int], most: int) -> tuple[int, bool]:
    fitting = [choice for choice in choices if most <= OVERCOUNT * choice]
    if fitting:
        return fitting[0], True
    return (max(choices), True) if choices else (most, False)


def instance_of(folder: str) -> str:
    """`16_smf girl` -> "smf girl"; a folder that kohya would not read as such has none."""
    match = _REPEATS.fullmatch(_COPY.sub("", folder))
    return match[2].strip() if match else ""


def training_of(metadata: Mapping[str, object]) -> Training:
    """Read everything that is said about the training pictures."""
    tags = frequencies(metadata)
    subsets = tuple(subset for subset in _all_subsets(metadata) if subset.get("is_reg") is not True)
    by_folder: dict[str, list[Mapping[str, object]]] = {}
    for subset in subsets:
        by_folder.setdefault(text(subset.get("image_dir")), []).append(subset)
    pictures = _pictures(metadata, subsets)
    kept = _whole(text(metadata.get("ss_keep_tokens")) or 0) > 0
    whole = _whole(text(metadata.get("ss_num_train_images")) or metadata.get("ss_num_train_images"))
    folders = []
    for name, counts in tags.items():
        mine = by_folder.get(name, [])
        choices = pictures.get(name, [])
        if not choices and len(tags) == 1 and whole > 0 and (match := _REPEATS.fullmatch(name)):
            choices = [max(1, whole // max(1, int(match[1])))] if len(match[1]) < 6 else []
        size, known = _size(counts, choices, max(counts.values()))
        protected = kept or any(_whole(subset.get("keep_tokens")) > 0 or _separated(subset) for subset in mine)
        folders.append(Folder(name, counts, size, known, _instance(name, mine), protected))
    regular = _regular(metadata)
    bare = {name: choices for name, choices in pictures.items() if name not in tags and name not in regular}
    untagged = tuple(
        Folder(name, {}, choices[-1], True, _instance(name, by_folder.get(name, []))) for name, choices in bare.items()
    )
    called = [text(metadata.get(key)) for key in NAME_KEYS]
    instances = {folder.instance or folder.name for folder in folders}
    called += instances if len(instances) == 1 else []
    names = tuple(dict.fromkeys(filter(None, map(squeeze, called))))
    words = frozenset(word.casefold() for name in called for word in _WORD.findall(name))
    return Training(tuple(folders), names, words, subsets, untagged)


def _separated(subset: Mapping[str, object]) -> bool:
    return bool(text(subset.get("keep_tokens_separator")))


def _instance(name: str, subsets: list[Mapping[str, object]]) -> str:
    """Class tokens are what kohya really uses; older files have only the folder's name."""
    for subset in subsets:
        if tokens := text(subset.get("class_tokens")):
            return tokens
    return "" if subsets and any("class_tokens" in subset for subset in subsets) else instance_of(name)
