"""Trigger words: every source of them, one ranked list, each word with where it came from.

Declared words come first (the user's, a sidecar's, ModelSpec's), then what the file itself names (an embedding's name,
tokens trained along), then what the training settings say, last a tag that every training picture carries and that
describes no picture in general. The whole tag cloud is kept apart: it is no list of trigger words.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from hubman.core.general_words import ALWAYS, is_general, is_sentence
from hubman.core.types import Facts, Header, Kind, Sidecar, Trigger

COVERAGE = 0.97
"""Share of a folder's pictures that must carry a tag. Real data: the trigger of smart_falcon is on 100 %."""
MIN_PICTURES = 4
"""In fewer pictures every tag is on all of them."""
MAX_FROM_TAGS = 3
MAX_TEXT = 200

SCORES: Mapping[str, float] = {
    "user": 1.0,
    "sidecar": 0.95,
    "hub": 0.92,
    "modelspec": 0.9,
    "embedding-name": 0.91,
    "header": 0.8,
    "training-tags": 0.5,
}

_COMMENT = re.compile(
    r"(?:trigger(?:ing)?|activation|instance)\s*(?:word|phrase|tag|token|prompt|text)?s?\s*(?:is|are|was|:|=|：)\s*"
    r"(?P<words>[^\n;。]{1,160})|触发词\s*(?:是|为|:|：)?\s*(?P<chinese>[^\n;。]{1,160})",
    re.IGNORECASE,
)
_NETWORK_TAG = re.compile(r"<(?:lora|lyco|hypernet):[^>]*>")
_TOKEN = re.compile(r"<[^<>]+>\Z")
_NOTHING = frozenset({"", "none", "null", "n/a", "na", "nan", "false", "true", "-"})


# --- ranking -------------------------------------------------------------------------------------------------------
def rank_triggers(
    found: Facts | Iterable[Trigger], sidecar: Sidecar | None = None, user: Sequence[str] = ()
) -> tuple[Trigger, ...]:
    """Merge all sources into one list, best first; of equal words (case, spaces, escapes) the best source stays.

    Args:
        found: what is known of the file, or triggers from it and from hubs.
        sidecar: what lies beside the file. user: the user's own words, which always win and are never filtered.
    """
    known = found.triggers if isinstance(found, Facts) else found
    own = [Trigger(text, "user", None, SCORES["user"]) for text in user if text.strip()]
    beside = [Trigger(text, "sidecar", None, SCORES["sidecar"]) for text in (sidecar.trigger_words if sidecar else ())]
    return _merged([*own, *(trigger for trigger in (*beside, *known) if _is_word(trigger.text))])


def _merged(triggers: Iterable[Trigger]) -> tuple[Trigger, ...]:
    best: dict[str, Trigger] = {}
    for trigger in triggers:
        key = same(trigger.text)
        other = best.get(key)
        if other is None:
            best[key] = trigger
        elif trigger.score > other.score:
            best[key] = replace(trigger, count=trigger.count if trigger.count is not None else other.count)
        elif other.count is None and trigger.count is not None:
            best[key] = replace(other, count=trigger.count)
    return tuple(sorted(best.values(), key=lambda trigger: (-trigger.score, -(trigger.count or 0))))


def same(text: str) -> str:
    """Fold what the WebUIs treat alike: case, runs of spaces, underscores, escaped brackets."""
    return " ".join(text.replace("\\", "").replace("_", " ").casefold().split())


def _is_word(text: str) -> bool:
    plain = text.strip()
    return plain.lower() not in _NOTHING and len(plain) <= MAX_TEXT and not ALWAYS.match(plain)


def split_words(text: str) -> tuple[str, ...]:
    """Split a field of trigger words: commas, lines and `||` between prompts; `<lora:...>` tags are not words."""
    plain = _NETWORK_TAG.sub(",", text)
    words = (" ".join(part.split()) for part in re.split(r"[,，\n]|\|\|", plain))
    return tuple(dict.fromkeys(word for word in words if _is_word(word)))


# --- from the file -------------------------------------------------------------------------------------------------
def of_header(header: Header, kind: Kind, stem: str = "") -> tuple[Trigger, ...]:
    """Return the triggers that the file itself gives. `stem` is how the WebUI calls an embedding."""
    names = _embedding_names(header, stem) if kind is Kind.EMBEDDING else ()
    return _merged([*names, *_bundled(header), *metadata_triggers(header.metadata)])


def _embedding_names(header: Header, stem: str) -> Iterator[Trigger]:
    own = _own_name(header)
    if stem or own:
        yield Trigger(stem or own or "", "embedding-name", None, SCORES["embedding-name"])
    if stem and own:
        yield Trigger(own, "header", None, 0.3)


def _own_name(header: Header) -> str | None:
    """The name A1111 stored inside the embedding, or diffusers' token."""
    tree = header.tree
    if isinstance(tree, dict) and isinstance(tree.get("name"), str):
        return str(tree["name"])
    return next((name for name in header.tensors if _TOKEN.match(name)), None)


def _bundled(header: Header) -> Iterator[Trigger]:
    """Tokens trained along with an adapter: cloneofsimo `<s1>`, OneTrainer `bundle_emb.<name>.<encoder>`."""
    for name in header.tensors:
        if _TOKEN.match(name) and len(header.tensors) > 1:
            yield Trigger(name, "header", None, 0.88)
        elif name.startswith("bundle_emb."):
            inner = name.removeprefix("bundle_emb.").removesuffix(".string_to_param.*")
            yield Trigger(inner.rpartition(".")[0] or inner, "header", None, 0.88)


# --- from the metadata ---------------------------------------------------------------------------------------------
def metadata_triggers(metadata: Mapping[str, str]) -> tuple[Trigger, ...]:
    """Return the triggers that a trainer wrote or that its tag counts show, best first."""
    found = [*_declared(metadata), *_from_comment(metadata), *_from_subsets(metadata), *_from_tags(metadata)]
    return _merged(trigger for trigger in found if _is_word(trigger.text))


def _text(metadata: Mapping[str, str], key: str) -> str:
    value = metadata.get(key, "")
    return "" if not isinstance(value, str) or value.strip().lower() in _NOTHING else value


def _declared(metadata: Mapping[str, str]) -> Iterator[Trigger]:
    """`modelspec.trigger_phrase` is ModelSpec's (1.0.1); the others are what single trainers and hubs write."""
    for key in (
        "modelspec.trigger_phrase",
        "trigger_phrase",
        "modelspec.trigger_word",
        "trigger_word",
        "ss_trigger_words",
    ):
        for word in split_words(_text(metadata, key)):
            yield Trigger(word, "modelspec" if "modelspec" in key else "header", None, SCORES["modelspec"])


def _from_comment(metadata: Mapping[str, str]) -> Iterator[Trigger]:
    for key in ("ss_training_comment", "modelspec.usage_hint", "modelspec.comment"):
        for match in _COMMENT.finditer(_text(metadata, key)):
            for word in split_words((match["words"] or match["chinese"]).strip().rstrip(".")):
                word = word.strip("\"'“”「」 ")
                if not is_sentence(word):
                    yield Trigger(word, "header", None, SCORES["header"])


def _json(text: object) -> object:
    """Parse JSON inside a metadata string; Civitai hands some of these out parsed already."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _object(metadata: Mapping[str, str], key: str) -> dict[str, object]:
    value = _json(metadata.get(key, ""))
    return value if isinstance(value, dict) else {}


def _subsets(metadata: Mapping[str, str]) -> Iterator[Mapping[str, object]]:
    datasets = _json(metadata.get("ss_datasets", ""))
    for dataset in datasets if isinstance(datasets, list) else ():
        subsets = dataset.get("subsets") if isinstance(dataset, dict) else None
        yield from (subset for subset in subsets or () if isinstance(subset, dict) and not subset.get("is_reg"))


def _from_subsets(metadata: Mapping[str, str]) -> Iterator[Trigger]:
    """kohya puts `caption_prefix` before every caption; class tokens are the caption only where no caption file is."""
    tagged = bool(_frequencies(metadata))
    for subset in _subsets(metadata):
        count = subset.get("img_count")
        number = count if type(count) is int else None
        for word in split_words(_plain(subset.get("caption_prefix"))):
            if not is_general(word) and not is_sentence(word):
                yield Trigger(word, "header", number, 0.75)
        tokens = _plain(subset.get("class_tokens"))
        if not tagged and tokens and not is_general(tokens) and not is_sentence(tokens):
            yield Trigger(tokens, "header", number, 0.6)
    if not tagged:
        yield from _from_folders(metadata)


def _plain(value: object) -> str:
    return "" if not isinstance(value, str) or value.strip().lower() in _NOTHING else value.strip()


def _from_folders(metadata: Mapping[str, str]) -> Iterator[Trigger]:
    """Without captions kohya trains on the folder's name: `10_smf girl` is ten repeats of "smf girl"."""
    for name, info in _object(metadata, "ss_dataset_dirs").items():
        match = re.match(r"\d+_(.+)", name)
        count = info.get("img_count") if isinstance(info, dict) else None
        if match and not is_general(match[1]) and not is_sentence(match[1]):
            yield Trigger(match[1], "training-tags", count if type(count) is int else None, 0.4)


Frequencies = dict[str, dict[str, int]]


def _frequencies(metadata: Mapping[str, str]) -> Frequencies:
    """Return folder -> tag -> number of pictures, without regularisation folders."""
    reg = _object(metadata, "ss_reg_dataset_dirs")
    found: Frequencies = {}
    for folder, tags in _object(metadata, "ss_tag_frequency").items():
        if isinstance(tags, dict) and folder not in reg:
            counts: Counter[str] = Counter()
            for tag, count in tags.items():
                if type(count) is int and count > 0 and tag.strip():
                    counts[tag.strip()] += count
            if counts:
                found[folder] = dict(counts)
    return found


def _pictures(metadata: Mapping[str, str]) -> dict[str, int]:
    """Return folder -> number of pictures."""
    found = {
        str(subset["image_dir"]): subset["img_count"]
        for subset in _subsets(metadata)
        if subset.get("image_dir") and type(subset.get("img_count")) is int
    }
    for folder, info in _object(metadata, "ss_dataset_dirs").items():
        if isinstance(info, dict) and type(info.get("img_count")) is int:
            found[folder] = info["img_count"]
    return {folder: count for folder, count in found.items() if isinstance(count, int)}


def _from_tags(metadata: Mapping[str, str]) -> Iterator[Trigger]:
    """A tag on (nearly) every picture of every folder that describes no picture in general."""
    frequencies, pictures = _frequencies(metadata), _pictures(metadata)
    total = sum(pictures.get(folder, 0) for folder in frequencies)
    if not frequencies or total < MIN_PICTURES or any(not pictures.get(folder) for folder in frequencies):
        return
    common = set.intersection(*(_covering(tags, pictures[folder]) for folder, tags in frequencies.items()))
    counts = {tag: sum(tags.get(tag, 0) for tags in frequencies.values()) for tag in common}
    specific = [tag for tag in counts if not is_general(tag) and not is_sentence(tag)]
    specific.sort(key=lambda tag: (-counts[tag], _first_place(tag, frequencies)))
    for tag in specific[:MAX_FROM_TAGS]:
        yield Trigger(
            tag, "training-tags", counts[tag], round(SCORES["training-tags"] * min(1.0, counts[tag] / total) + 0.1, 3)
        )


def _covering(tags: Mapping[str, int], pictures: int) -> set[str]:
    return {tag for tag, count in tags.items() if count >= COVERAGE * pictures}


def _first_place(tag: str, frequencies: Frequencies) -> int:
    """Captions begin with the trigger, and kohya counts tags in the order it meets them."""
    return min(list(tags).index(tag) for tags in frequencies.values() if tag in tags)


def tag_cloud(metadata: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Return every training tag with the number of pictures, most frequent first."""
    counts: Counter[str] = Counter()
    for tags in _frequencies(metadata).values():
        counts.update(tags)
    return tuple(counts.most_common())
