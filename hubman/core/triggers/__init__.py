"""Trigger words: every source of them, one ranked list, each word with where it came from.

Declared words come first (the user's, a sidecar's, ModelSpec's), then what the file itself names (an embedding's name,
tokens trained along), then what the training settings say, last a tag that every training picture carries and that
describes no picture in general. The whole tag cloud is kept apart: it is no list of trigger words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

from hubman.core.general_words import is_general
from hubman.core.triggers.declared import EMBEDDED, PHRASE, bare_comment, declared, from_comments, words_as_triggers
from hubman.core.triggers.evidence import from_training
from hubman.core.triggers.onetrainer import from_onetrainer
from hubman.core.triggers.training import Training, frequencies, training_of
from hubman.core.triggers.words import distinct, is_word, same, split_words, squeeze
from hubman.core.types import Facts, Header, Kind, Sidecar, Trigger

__all__ = ["SCORES", "metadata_triggers", "of_header", "rank_triggers", "same", "split_words", "tag_cloud"]

SCORES: Mapping[str, float] = {
    "user": 1.0,
    "sidecar": 0.95,
    "hub": 0.92,
    "embedding-name": 0.91,
    "modelspec": PHRASE,
    "header": 0.8,
    "training-tags": 0.6,
}
"""What a source is worth where nothing more is known; docs/formats.md, Trigger words."""

INNER_NAME = 0.3
COMMENT_IS_TAG = 0.82
COMMENT_LOOKS_MADE_UP = 0.55

_TOKEN = re.compile(r"<[^<>]+>\Z")
_ENCODERS = re.compile(r"\.(?:clip_[lgh]|t5(?:xxl)?|llama|gemma|qwen\w*|te\d?)(?:_out)?\Z")


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
    listed = distinct(word for text in (sidecar.trigger_words if sidecar else ()) for word in _as_words(text))
    beside = words_as_triggers(listed, "sidecar", SCORES["sidecar"])
    return _merged([*own, *beside, *filter(_stands, known)])


def _as_words(text: str) -> Sequence[str]:
    return split_words(text) if "," in text or "\n" in text else (text,) if is_word(text) else ()


def _stands(trigger: Trigger) -> bool:
    """A name is a name, even "masterpiece"; any other word must be able to be one."""
    return bool(trigger.text.strip()) and (trigger.source == "embedding-name" or is_word(trigger.text))


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
    return tuple(sorted(best.values(), key=lambda trigger: -trigger.score))


# --- from the file -------------------------------------------------------------------------------------------------
def of_header(header: Header, kind: Kind, stem: str = "") -> tuple[Trigger, ...]:
    """Return the triggers that the file itself gives. `stem` is how the WebUI calls an embedding."""
    names = _embedding_names(header, stem) if kind is Kind.EMBEDDING else ()
    return _merged([*names, *_bundled(header, kind), *metadata_triggers(header.metadata)])


def _embedding_names(header: Header, stem: str) -> Iterator[Trigger]:
    own = _own_name(header)
    if stem or own:
        yield Trigger(stem or own or "", "embedding-name", None, SCORES["embedding-name"])
    if stem and own:
        yield Trigger(own, "header", None, INNER_NAME)


def _own_name(header: Header) -> str | None:
    """The name A1111 stored inside the embedding, or diffusers' token."""
    tree = header.tree
    if isinstance(tree, dict) and isinstance(tree.get("name"), str) and tree["name"].strip():
        return str(tree["name"])
    return next((name for name in header.tensors if _TOKEN.match(name)), None)


def _bundled(header: Header, kind: Kind) -> Iterator[Trigger]:
    """Tokens trained along with an adapter: cloneofsimo `<s1>`, OneTrainer `bundle_emb.<name>.<encoder>`.

    Sources: cloneofsimo/lora safetensors_io (tokens are tensors of their own); Nerogar/OneTrainer LoRASaverMixin;
    AUTOMATIC1111 extensions-builtin/Lora networks.py (`bundle_emb.<name>.string_to_param.*`).
    """
    for name in header.tensors:
        first = name[:1]
        if first == "b" and name.startswith("bundle_emb."):
            inner = name.removeprefix("bundle_emb.").removesuffix(".string_to_param.*")
            yield Trigger(_ENCODERS.sub("", inner), "header", None, EMBEDDED)
        elif first == "<" and _TOKEN.match(name) and len(header.tensors) > 1 and kind is not Kind.EMBEDDING:
            yield Trigger(name, "header", None, EMBEDDED)


# --- from the metadata ---------------------------------------------------------------------------------------------
def metadata_triggers(metadata: Mapping[str, str]) -> tuple[Trigger, ...]:
    """Return the triggers that a trainer wrote or that its tag counts show, best first."""
    if not metadata:
        return ()
    training = training_of(metadata)
    found = [
        *declared(metadata),
        *from_comments(metadata),
        *_from_bare_comment(metadata, training),
        *from_onetrainer(metadata),
        *from_training(training),
    ]
    return _merged(trigger for trigger in found if is_word(trigger.text))


def _from_bare_comment(metadata: Mapping[str, str], training: Training) -> Iterator[Trigger]:
    """A comment that is one word and nothing else is the trigger when the pictures or the names say so, too."""
    word = bare_comment(metadata)
    if word is None or is_general(word):
        return
    key, short = same(word), squeeze(word)
    if any(same(tag) == key for folder in training.folders for tag in folder.tags if len(tag) < 2 * len(word) + 8):
        yield Trigger(word, "header", None, COMMENT_IS_TAG)
    elif len(short) >= 3 and short in training.names:
        yield Trigger(word, "header", None, COMMENT_LOOKS_MADE_UP)


def tag_cloud(metadata: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Return every training tag with the number of pictures, most frequent first."""
    folders = list(frequencies(metadata).values())
    if len(folders) == 1:
        return tuple(sorted(folders[0].items(), key=itemgetter(1), reverse=True))
    counts: Counter[str] = Counter()
    for tags in folders:
        counts.update(tags)
    return tuple(counts.most_common())
