"""Another word for one of a prompt's: how much of the rest of a prompt survives an adapter is seen by changing it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubman.core.prompt import split_words

COLOURS: Mapping[str, str] = {
    "red": "green", "green": "purple", "blue": "yellow", "yellow": "blue", "orange": "blue", "purple": "green",
    "pink": "green", "brown": "white", "white": "black", "black": "white", "grey": "red", "gray": "red",
    "silver": "red", "golden": "purple", "blonde": "black", "wooden": "red", "scarlet": "green", "cyan": "orange",
}  # fmt: skip
"""Far apart on the wheel; every replacement is a plain colour that small models know too."""

ANIMALS = {
    "cat": "horse", "dog": "owl", "horse": "cat", "bird": "dog", "owl": "dog", "fox": "owl", "wolf": "cat",
    "bear": "cat", "lion": "owl", "tiger": "horse", "rabbit": "horse", "dragon": "cat", "fish": "cat",
}  # fmt: skip

OBJECTS = {
    "apple": "teapot", "car": "boat", "house": "tree", "tree": "house", "flower": "teapot", "chair": "bicycle",
    "boat": "car", "castle": "car", "robot": "teapot", "sword": "umbrella", "woman": "man", "man": "woman",
    "girl": "boy", "boy": "girl", "1girl": "1boy", "1boy": "1girl", "portrait": "landscape",
    "circle": "star", "square": "heart", "triangle": "circle", "star": "circle", "heart": "square", "cross": "circle",
}  # fmt: skip

BACKGROUNDS = {
    "forest": "desert", "beach": "city", "city": "forest", "desert": "forest", "mountain": "beach",
    "mountains": "beach", "sea": "forest", "ocean": "forest", "street": "meadow", "indoors": "outdoors",
    "outdoors": "indoors", "night": "day", "day": "night", "sunset": "snow", "snow": "flowers", "sky": "wall",
    "room": "forest", "kitchen": "garden", "garden": "kitchen", "table": "meadow",
}  # fmt: skip

TABLES: tuple[Mapping[str, str], ...] = (COLOURS, ANIMALS, OBJECTS, BACKGROUNDS)
"""In this order. A colour first: it moves many pixels and no outline, so that what it moves can be followed."""

APPENDED = "red background"
"""What is added to a prompt that holds no word of the tables."""

_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class WordChange:
    """A prompt with one other word; `old` is "" where the new one was appended."""

    prompt: str
    old: str
    new: str


def change_word(prompt: str, kept: Sequence[str] = ()) -> WordChange:
    """Return a prompt with one word exchanged that is none of `kept` (trigger words, an embedding's name).

    The last word of the first table that has one: what stands last is the surroundings more often than the subject.
    """
    words = _words(prompt, [word for word in kept if word.strip()])
    for table in TABLES:
        places = [(start, word) for start, word in words if word.lower() in table]
        if places:
            start, old = places[-1]
            new = _unused(table[old.lower()], {word.lower() for _, word in words})
            return WordChange(prompt[:start] + new + prompt[start + len(old) :], old, new)
    return WordChange(f"{prompt}, {APPENDED}" if prompt.strip() else APPENDED, "", APPENDED)


def _words(prompt: str, kept: Sequence[str]) -> list[tuple[int, str]]:
    """Return (start, word) of every word of the prompt that belongs to none of the kept ones."""
    found = []
    at = 0
    for piece, name in split_words(prompt, kept):
        if name is None:
            found += [(at + word.start(), word[0]) for word in _WORD.finditer(piece)]
        at += len(piece)
    return found


def _unused(new: str, words: set[str]) -> str:
    """Return the new word, or a colour that the prompt does not hold yet: a red thing on red is no thing."""
    if new not in words:
        return new
    return next((colour for colour in ("red", "yellow", "purple", "white") if colour not in words), new)
