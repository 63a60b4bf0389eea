"""Trigger words that nobody declared: what the training pictures have in common.

A tag is a trigger when it is on (nearly) every picture of every folder and describes no picture in general; less will
do when the model or the folder is named after it, or when the trainer kept it in front of each caption. What is on
every picture of one folder only wakes a part of the model and ranks lower.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from heapq import nlargest

from hubman.core.general_words import is_general, is_sentence
from hubman.core.triggers.training import Folder, Training, text
from hubman.core.triggers.words import clean, same, split_words, squeeze
from hubman.core.types import Trigger

COVERAGE = 0.97
"""Share of a folder's pictures that must carry a tag. Real data: the trigger of smart_falcon is on 100 %."""
NAMED_COVERAGE = 0.5
"""... when the model or the folder is called so. Real data: `soraka_classic` is on 38 of 46 of Soraka_Classic."""
KEPT_COVERAGE = 0.8
"""... when the tag was kept in front of each caption."""
MENTIONED_COVERAGE = 0.9
MIN_PICTURES = 4
"""In fewer pictures every tag is on all of them."""
MAX_FROM_TAGS = 3
MAX_FROM_FOLDERS = 8
MOST_NAMED = 60
MOST_MENTIONS = 4000
"""Captions in sentences that are searched for a token; a larger set would cost more than it tells."""

WRITTEN = 0.86
PREFIX = 0.75
CLASS_TOKENS = 0.65
COVERING = 0.6
MENTIONED = 0.52
FOLDER_NAME = 0.4
NAMED_BONUS = 0.08
SECOND = 0.12

_QUALIFIER = re.compile(r"\s*\([^()]*\)")
_CAPTION_START = re.compile(
    r"(?:an?|the|this is an?)?\s*(?:\w+\s)?(?:photo|photograph|picture|image|illustration|painting|drawing|portrait|"
    r"closeup|close-up|shot|video|rendering)\s+of\s+(?:an?\s|the\s)?(?P<word>.+)|in the style of (?P<style>.+)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[a-z0-9_]{3,}")
_RARE = re.compile(
    r"(?=.*[a-z])(?=.*\d)(?!\d+(?:p|mm|s|k|fps|mp|cm|px|th|girls?|boys?)\Z)[a-z0-9_]{4,}|[b-df-hj-np-tv-xz]{3,}|ohwx|tok"
)
_COMMON = frozenset(
    ["dslr", "html", "http", "https", "jpeg", "png", "jpg", "nyc", "rgb", "mph", "tv", "pvc", "lcd", "dvd", "gfx"]
)
_FIXED = ("actfig",)
"""Early versions of ai-toolkit wrote this word into every file, whatever was trained (ostris/ai-toolkit)."""


def from_training(training: Training) -> list[Trigger]:
    """Return the words that the training settings and tags point to, best first within each kind of evidence."""
    if written := _written(training):
        return [written]
    found = [*_prefixes(training), *_class_tokens(training)]
    covering = list(_covering(training))
    named = list(_named(training, {tag.text for tag in covering}))
    found += sorted([*covering, *named], key=lambda trigger: -trigger.score)[:MAX_FROM_TAGS]
    found += _per_folder(training, {same(trigger.text) for trigger in found})
    return found or list(_mentioned(training))


# --- what was written on purpose -----------------------------------------------------------------------------------
def _written(training: Training) -> Trigger | None:
    """One folder with one tag and nothing said about pictures: ai-toolkit writes `{"1_word": {"word": 1}}`.

    Source: ostris/ai-toolkit BaseSDTrainProcess.update_training_metadata; people with metadata editors do the same.
    """
    if len(training.folders) != 1 or training.folders[0].known or len(training.folders[0].tags) != 1:
        return None
    folder = training.folders[0]
    tag, count = next(iter(folder.tags.items()))
    if folder.name == tag and tag in _FIXED:
        return None
    word = clean(tag)
    if not _is_telling(word):
        return None
    sure = folder.name == f"1_{tag}"
    return Trigger(word, "header" if sure else "training-tags", None if count == 1 else count, WRITTEN if sure else 0.6)


def _prefixes(training: Training) -> Iterator[Trigger]:
    """kohya puts `caption_prefix` before every caption."""
    for subset in training.subsets:
        for key, score in (("caption_prefix", PREFIX), ("caption_suffix", PREFIX - SECOND)):
            for word in split_words(text(subset.get(key))):
                if _is_telling(word):
                    yield Trigger(word, "header", _count(subset), score)


def _class_tokens(training: Training) -> Iterator[Trigger]:
    """Class tokens are the caption only where no caption file is; kohya then counts them as a tag."""
    for subset in training.subsets:
        tokens = text(subset.get("class_tokens"))
        tagged = not training.folders or any(tokens.lower() in folder.tags for folder in training.folders)
        if tokens and tagged and _is_telling(tokens):
            yield Trigger(tokens, "header", _count(subset), CLASS_TOKENS)
    if not training.folders and not any(text(subset.get("class_tokens")) for subset in training.subsets):
        for folder in training.untagged:
            if _is_telling(folder.instance):
                yield Trigger(folder.instance, "training-tags", folder.pictures, FOLDER_NAME)


def _count(subset: Mapping[str, object]) -> int | None:
    count = subset.get("img_count")
    return count if type(count) is int else None


# --- tags on all pictures ------------------------------------------------------------------------------------------
def _covering(training: Training) -> Iterator[Trigger]:
    """A tag on (nearly) every picture of every folder that describes no picture in general."""
    folders, total = training.folders, sum(folder.pictures for folder in training.folders)
    if not folders or total < MIN_PICTURES or not all(map(_is_plausible, folders)):
        return
    common = set.intersection(*(_tags_on_all(folder) for folder in folders))
    counts = {tag: sum(folder.tags[tag] for folder in folders) for tag in common}
    ranked = sorted(
        (tag for tag in counts if _is_telling(phrase_of(tag))),
        key=lambda tag: (
            not _is_name(tag, training.names, training.words),
            not _is_distinctive(tag),
            _first_place(tag, folders),
            -counts[tag],
            tag,
        ),
    )
    unsure = 0.0 if all(folder.known for folder in folders) else 0.05
    best_is_named = bool(ranked) and _is_name(ranked[0], training.names, training.words)
    for place, tag in enumerate(ranked[:MAX_FROM_TAGS]):
        named = _is_name(tag, training.names, training.words) or (_is_kept_first(tag, folders) and place == 0)
        score = COVERING + (NAMED_BONUS if named else 0) - unsure
        score -= 0 if place == 0 else SECOND if not best_is_named else 2 * SECOND
        yield Trigger(phrase_of(tag), "training-tags", min(counts[tag], total), round(score, 3))


def _tags_on_all(folder: Folder) -> set[str]:
    least = COVERAGE * folder.pictures
    return {tag for tag, count in folder.tags.items() if count >= least}


def _is_plausible(folder: Folder) -> bool:
    """Without a written number of pictures, the commonest tag is taken for all of them: then another one is near it."""
    if folder.known or len(folder.tags) == 1:
        return True
    return sorted(folder.tags.values())[-2] >= 0.5 * folder.pictures


def _named(training: Training, known: set[str]) -> Iterator[Trigger]:
    """A tag on most pictures after which the model is called, or that was kept in front of each caption."""
    total = sum(folder.pictures for folder in training.folders if folder.known)
    if total < MIN_PICTURES:
        return
    counts: dict[str, int] = {}
    for folder in training.folders:
        least = NAMED_COVERAGE * (folder.pictures if len(training.folders) == 1 else folder.pictures / 4)
        for tag, count in folder.tags.items():
            if count >= least:
                counts[tag] = counts.get(tag, 0) + count
    common = [tag for tag, count in counts.items() if count >= NAMED_COVERAGE * total]
    for tag in nlargest(MOST_NAMED, common, key=counts.__getitem__):
        share = min(1.0, counts[tag] / total)
        kept = share >= KEPT_COVERAGE and _is_kept_first(tag, training.folders)
        if not kept and not _is_name(tag, training.names, training.words):
            continue
        word = phrase_of(tag)
        if word not in known and _is_telling(word):
            yield Trigger(word, "training-tags", min(counts[tag], total), round(0.5 + 0.15 * share, 3))


def _per_folder(training: Training, known: set[str]) -> list[Trigger]:
    """In a model of several concepts each folder has its own word: on all of its pictures, and rare elsewhere."""
    if len(training.folders) < 2:
        return []
    total = sum(folder.pictures for folder in training.folders)
    found: list[Trigger] = []
    for folder in training.folders:
        if not folder.known or folder.pictures < MIN_PICTURES:
            continue
        own = [tag for tag in _tags_on_all(folder) if _is_telling(phrase_of(tag)) and same(phrase_of(tag)) not in known]
        own.sort(
            key=lambda tag: (
                not _is_name(tag, [squeeze(folder.instance or folder.name), *training.names], training.words),
                not _is_distinctive(tag),
                _first_place(tag, [folder]),
                tag,
            )
        )
        for tag in own[:1]:
            count = sum(other.tags.get(tag, 0) for other in training.folders)
            found.append(
                Trigger(phrase_of(tag), "training-tags", count, round(0.3 + 0.18 * min(1.0, count / total), 3))
            )
    found.sort(key=lambda trigger: -trigger.score)
    return found[:MAX_FROM_FOLDERS]


# --- captions in sentences -----------------------------------------------------------------------------------------
def _mentioned(training: Training) -> Iterator[Trigger]:
    """Captions in sentences share no tag, but may share a made-up token: "a photo of ohwx man in a park"."""
    folders = [folder for folder in training.folders if folder.known and folder.pictures >= MIN_PICTURES]
    if not folders or sum(len(folder.tags) for folder in folders) > MOST_MENTIONS:
        return
    total = sum(folder.pictures for folder in folders)
    counts: dict[str, int] = {}
    for folder in folders:
        for caption, count in folder.tags.items():
            for token in set(_TOKEN.findall(caption.lower())):
                counts[token] = counts.get(token, 0) + count
    for token, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if count < MENTIONED_COVERAGE * total:
            return
        named = len(token) >= 3 and any(token == name or (len(token) >= 4 and token in name) for name in training.names)
        if (named or _is_rare(token)) and not is_general(token):
            yield Trigger(_widened(token, folders, total), "training-tags", min(count, total), MENTIONED)
            return


def _widened(token: str, folders: Iterable[Folder], total: int) -> str:
    """Take the folder's words when the captions have them as they stand: "ohwx man" and not "ohwx"."""
    for folder in folders:
        phrase = folder.instance.casefold()
        if token in phrase.split() and not is_sentence(phrase):
            count = sum(
                count for other in folders for caption, count in other.tags.items() if phrase in caption.lower()
            )
            if count >= MENTIONED_COVERAGE * total:
                return folder.instance
    return token


# --- judging one tag -----------------------------------------------------------------------------------------------
def phrase_of(tag: str) -> str:
    """`a photo of ohwx man` -> `ohwx man`: the part of a short caption that names something."""
    word = clean(tag)
    match = _CAPTION_START.fullmatch(word)
    return (match["word"] or match["style"]).strip() if match else word


def _is_telling(word: str) -> bool:
    return (len(word) > 1 or not word.isascii()) and not is_general(word) and not is_sentence(word)


def _is_name(tag: str, names: Iterable[str], words: frozenset[str] = frozenset()) -> bool:
    """Whether the model or a folder is called like the tag or a telling word of it, qualifiers in brackets aside."""
    main = _QUALIFIER.sub("", tag.replace("\\", "")) or tag
    short = squeeze(main)
    for name in names:
        if short == name or (len(short) >= (2 if not short.isascii() else 5) and short in name):
            return True
        if len(name) >= 5 and name in short and not is_general(name):
            return True
    return any(word in words and not is_general(word) for word in re.split(r"[\W_]+", main.casefold()) if len(word) > 3)


def _is_distinctive(tag: str) -> bool:
    """Whether a tag looks like a name of a booru or a made-up token rather than like words."""
    plain = tag.replace("\\", "")
    return plain.endswith(")") or any(_is_rare(word) for word in _TOKEN.findall(plain.lower()))


def _is_rare(token: str) -> bool:
    return token not in _COMMON and bool(_RARE.fullmatch(token)) and not is_general(token)


def _first_place(tag: str, folders: Iterable[Folder]) -> int:
    """Captions begin with the trigger, and kohya counts tags in the order it meets them."""
    return min(next(place for place, other in enumerate(folder.tags) if other == tag) for folder in folders)


def _is_kept_first(tag: str, folders: Iterable[Folder]) -> bool:
    return all(folder.kept and next(iter(folder.tags)) == tag for folder in folders)
