"""The user's own trigger words: they win over every other source and stay with the content."""

from __future__ import annotations

from collections.abc import Sequence

from hubman.core.library import ModelFile
from hubman.core.types import Trigger
from hubman.store.reader import open_reader
from hubman.store.writer import Store

USER = "user"


def change_words(store: Store, file: ModelFile, how: str, words: Sequence[str]) -> tuple[Trigger, ...]:
    """Set, add or remove the user's words of a model, in every place it lies.

    Args:
        how: "set", "add" or "rm".

    Returns:
        The model's new ranked list.
    """
    subject = file.hashes.sha256 if file.hashes else file.alias
    with open_reader(store.path) as reader:
        own = reader.user_words(subject)
        places = reader.resolve(subject) if file.hashes else [file]
    chosen = _changed(own, how, words)
    with store.writer() as writer:
        writer.set_user_words(subject, chosen)
        for place in places:
            writer.set_triggers(place.file_id, _ranked(place.triggers, chosen))
    return _ranked(file.triggers, chosen)


def _changed(own: Sequence[str], how: str, words: Sequence[str]) -> list[str]:
    folded = {word.casefold() for word in words}
    if how == "set":
        return list(dict.fromkeys(words))
    if how == "add":
        return list(dict.fromkeys([*own, *words]))
    return [word for word in own if word.casefold() not in folded]


def _ranked(words: Sequence[Trigger], own: Sequence[str]) -> tuple[Trigger, ...]:
    """Put the user's words first; a word of theirs that the file also names appears once."""
    folded = {word.casefold() for word in own}
    rest = [word for word in words if word.source != USER and word.text.casefold() not in folded]
    return (*(Trigger(word, USER, None, 1.0) for word in own), *rest)
