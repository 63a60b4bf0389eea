"""What a validation and a preview show: the prompt, with the adapter's words and without them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hubman.core.plan.render import PromptPair
from hubman.core.prompt import split_words
from hubman.core.types import Facts, Kind

FAMILY_PROMPT = "a photograph of a red apple on a wooden table"
"""What to render when neither the user, nor the base, nor the training tags say more: plain, concrete, known to all."""

SAMPLE_PROMPT_KEY = "hubman.sample_prompt"
"""Metadata in a base's own header that names a prompt it was trained to understand (hubman's demo family writes it)."""

EMBEDDING_PROMPT_KEY = "hubman.embedding_prompt"
"""The same with `{word}` in the place of a thing."""

EMBEDDING_PROMPT = "a photo of {word}"
"""The first of the caption templates that textual inversion is trained with (Gal et al. 2022, appendix)."""


def choose_prompt(
    given: str | None, base_metadata: Mapping[str, str], facts: Facts, triggers: Sequence[str], *, stands_for: str = ""
) -> tuple[str, str]:
    """Return (prompt, where it comes from): the user's, the base's own, training tags, or a plain default.

    `stands_for`: the word of a positive embedding. It stands for a thing, so it is the thing in the prompt: appended to
    a prompt about another thing the two would compete.
    """
    if given is not None:
        return given, "given"
    if stands_for:
        template = base_metadata.get(EMBEDDING_PROMPT_KEY, "")
        named = "{word}" in template
        return (template if named else EMBEDDING_PROMPT).replace("{word}", stands_for), "base" if named else "default"
    sample = base_metadata.get(SAMPLE_PROMPT_KEY, "").strip()
    if sample:
        return sample, "base"
    words = neutral_tags(facts, triggers)
    if words:
        return ", ".join(words), "training-tags"
    return FAMILY_PROMPT, "default"


def neutral_tags(facts: Facts, triggers: Sequence[str], most: int = 6) -> tuple[str, ...]:
    """Return the commonest training tags that hold no trigger word; captions (sentences) are no tags."""
    tags = [tag.strip().replace("_", " ") for tag, _ in facts.tags]
    kept = [tag for tag in tags if tag and len(tag) <= 30 and len(tag.split()) <= 4]
    return tuple(tag for tag in kept if not _mentions(tag, triggers))[:most]


def _mentions(text: str, words: Sequence[str]) -> bool:
    return any(name is not None for _, name in split_words(text, list(words)))


def add_words(prompt: str, words: Sequence[str]) -> str:
    """Return the prompt with the words it does not hold yet appended after commas."""
    missing = [word for word in words if word.strip() and not _mentions(prompt, [word])]
    return re.sub(r"^(?:\s*,)+\s*", "", ", ".join([prompt, *missing]))


def without_words(prompt: str, words: Sequence[str]) -> str:
    """Return the prompt without whole-word occurrences of the words: the neutral one."""
    text = "".join(piece for piece, name in split_words(prompt, list(words)) if name is None)
    return re.sub(r"\s*,(?:\s*,)+\s*", ", ", text).strip(" ,")


def prompt_pairs(
    kind: Kind, prompt: str, negative: str, words: Sequence[str], *, in_negative: bool
) -> tuple[PromptPair, PromptPair]:
    """Return the neutral and the triggered prompts; an embedding made for the negative prompt is called there.

    Words that the prompt holds already stay in their place in the triggered one.
    """
    if kind is Kind.EMBEDDING and in_negative:
        neutral = PromptPair(without_words(prompt, words), without_words(negative, words))
        return neutral, replace(neutral, negative=add_words(negative, words))
    neutral = PromptPair(without_words(prompt, words), negative)
    return neutral, replace(neutral, positive=add_words(prompt, words))


_NEGATIVE_NAME = re.compile(
    r"(?i)(?<![a-z])(negative|neg|bad|easynegative|unaestheticxl|verybad)(?![a-z])|negative|badhand"
)


def is_negative(facts: Facts, name: str) -> bool:
    """Say whether an embedding is made for the negative prompt: the header's word, else its name (a heuristic)."""
    return facts.kind is Kind.EMBEDDING and (facts.negative or _NEGATIVE_NAME.search(name) is not None)
