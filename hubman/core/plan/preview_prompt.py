"""What a preview shows: the user's words, a hub's example, training tags, or a plain picture for the kind.

In this order, the first that says something. Nothing explicit unless asked (core/plan/explicit.py). Every prompt names
the adapter's own words: a preview without them would show the base.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hubman.core.plan.examples import Example
from hubman.core.plan.explicit import is_explicit, is_refused, with_negative, without_explicit
from hubman.core.plan.prompts import (
    EMBEDDING_PROMPT,
    EMBEDDING_PROMPT_KEY,
    SAMPLE_PROMPT_KEY,
    add_words,
    neutral_tags,
)
from hubman.core.plan.render import PromptPair
from hubman.core.prompt import as_typed, extract_tags, split_words
from hubman.core.types import Facts, Kind
from hubman.errors import N_, UsageError

STYLE_SCENE = "a small house by a lake, mountains, trees, evening sky"
"""For a style: many surfaces and a horizon, so that line, colour and texture show; no person, whose face would be all
that one looks at."""

THING_SCENE = "plain background"
"""For a thing or a figure: nothing beside it."""

NEGATIVE_SCENE = "portrait of a woman in a garden, hands folded"
"""For a negative embedding: face and hands, which those are made to mend."""

MOST_WORDS = 3
"""Trigger words in a preview; each further one usually is another outfit or figure."""

MOST_TAGS = 6

_STYLE = re.compile(
    r"(?i)(?<![a-z])(style|styles|artstyle|aesthetic|painting|render|lineart)(?![a-z])|画风|风格|水墨|画法"
)
_META_TAG = re.compile(
    r"(?i)(?:best|good|high|low|worst|normal|bad|great|amazing)[\s_-]?(?:quality|res|resolution)|masterpiece|absurdres|"
    r"highres|score_?\d.*|rating.*|source.*|very (?:awa|aesthetic)|newest|recent|old|oldest|watermark.*|signature|"
    r"artist name|.*username|dated|patreon.*|web address|.*commentary.*|translat.*|speech bubble|english text|comic|"
    r"\d{4}|jpeg artifacts|logo|copyright name|character name"
)
"""Tags about the file and not the picture: left out of previews, where they would draw letters or nothing."""


@dataclass(frozen=True, slots=True)
class PreviewWords:
    """What is known of an adapter that decides a preview's prompt.

    Attributes:
        given: what the user said for this adapter's preview, None for nothing.
        noted: a prompt in the user's note or in a card beside the model.
        example: a hub's, chosen by core/plan/examples.py.
        words: trigger words to show, best first; an embedding's own name.
        labels: names, tags and words by which a style is told from a thing.
        base: the metadata of the checkpoint.
    """

    kind: Kind
    facts: Facts
    words: tuple[str, ...]
    given: str | None = None
    given_negative: str | None = None
    noted: str | None = None
    example: Example | None = None
    labels: tuple[str, ...] = ()
    base: Mapping[str, str] | None = None
    in_negative: bool = False


@dataclass(frozen=True, slots=True)
class PreviewPrompt:
    """The prompt of a preview, where it comes from, and which words were left out because nobody asked for them.

    `source`: given, note, hub-example, training-tags, base, template.
    """

    pair: PromptPair
    source: str
    left_out: tuple[str, ...] = ()


def preview_prompt(known: PreviewWords, *, explicit: bool = False, tiny: bool = False) -> PreviewPrompt:
    """Return what a preview shows.

    Args:
        explicit: the user allowed explicit previews.
        tiny: the base cannot draw anything explicit (hubman's demo family), so its negative prompt stays as it is.

    Raises:
        UsageError: `prompt-refused`, the user's own prompt asks for what is never drawn.
    """
    shown, left_out = without_explicit(known.words[:MOST_WORDS], allowed=explicit)
    words = tuple(as_typed(word) for word in shown)
    text, negative, source = _chosen(known, words, explicit=explicit)
    if source == "given":
        _refuse(text)
        explicit = explicit or is_explicit(text)  # who types it has asked for it
    pair = _with_words(known, PromptPair(text, negative), words)
    if not tiny:
        pair = replace(pair, negative=with_negative(pair.negative, allowed=explicit))
    return PreviewPrompt(pair, source, tuple(left_out))


def _refuse(text: str) -> None:
    if is_refused(text):
        raise UsageError(
            "prompt-refused",
            N_("hubman draws no such picture: the prompt names a minor beside something sexual or cruel."),
            hint=N_("Say the prompt in other words."),
        )


def _chosen(known: PreviewWords, words: Sequence[str], *, explicit: bool) -> tuple[str, str, str]:
    """Return (prompt, negative, source) by the order of the module's first line."""
    negative = known.given_negative or ""
    if known.given is not None:
        return extract_tags(known.given)[0].strip(" ,"), negative, "given"
    if known.noted is not None and (explicit or not is_explicit(known.noted)) and not is_refused(known.noted):
        return known.noted, negative, "note"
    if known.example is not None:
        return known.example.prompt, known.given_negative or known.example.negative, "hub-example"
    base = dict(known.base or {})
    if known.kind is Kind.EMBEDDING and not known.in_negative and words:
        return (*_thing(known, base, words[0], negative),)
    if sample := base.get(SAMPLE_PROMPT_KEY, "").strip():
        return sample, negative, "base"
    tags = preview_tags(known.facts, words, explicit=explicit)
    if tags:
        return ", ".join([*words, *tags]), negative, "training-tags"
    return _template(known, words), negative, "template"


def _thing(known: PreviewWords, base: Mapping[str, str], word: str, negative: str) -> tuple[str, str, str]:
    """A positive embedding stands for a thing, so it is the thing in the prompt; for a style it is its manner."""
    template = base.get(EMBEDDING_PROMPT_KEY, "")
    if "{word}" in template:
        return template.replace("{word}", word), negative, "base"
    if is_style(known.labels):
        return f"{STYLE_SCENE}, in the style of {word}", negative, "template"
    return EMBEDDING_PROMPT.replace("{word}", word), negative, "template"


def _template(known: PreviewWords, words: Sequence[str]) -> str:
    if known.kind is Kind.EMBEDDING:
        return NEGATIVE_SCENE
    if known.kind is Kind.HYPERNETWORK or is_style(known.labels) or not words:
        return ", ".join([*words, STYLE_SCENE])
    return ", ".join([*words, THING_SCENE])


def is_style(labels: Sequence[str]) -> bool:
    """Say whether names and tags call an adapter a style rather than a thing or a figure (a heuristic on words)."""
    return any(_STYLE.search(label.replace("_", " ")) for label in labels)


def preview_tags(facts: Facts, words: Sequence[str], *, explicit: bool = False) -> tuple[str, ...]:
    """Return the commonest training tags that a preview shows: no trigger word, nothing about the file's quality."""
    tags = neutral_tags(facts, words, most=40)
    kept, _ = without_explicit([tag for tag in tags if not _META_TAG.fullmatch(tag)], allowed=explicit)
    return tuple(as_typed(tag) for tag in kept[:MOST_TAGS])


def _with_words(known: PreviewWords, pair: PromptPair, words: Sequence[str]) -> PromptPair:
    """Add the adapter's words where the prompt holds none of them; an embedding's name always, where it belongs."""
    if known.kind is Kind.EMBEDDING:
        if known.in_negative:
            return replace(pair, negative=add_words(pair.negative, words))
        return replace(pair, positive=add_words(pair.positive, words))
    if any(name is not None for _, name in split_words(pair.positive, list(words))):
        return pair
    return replace(pair, positive=add_words(pair.positive, words))
