"""The user's own trigger words: they win over every other source and stay with the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubman.core.library import ModelFile
from hubman.store.door import Store
from hubman.store.reader import open_reader


@dataclass(frozen=True, slots=True)
class WordsChanged:
    """The user's own words after a change, and those that were to be removed and are not the user's."""

    own: tuple[str, ...]
    not_own: tuple[str, ...] = ()


def change_words(store: Store, file: ModelFile, how: str, words: Sequence[str]) -> WordsChanged:
    """Set, add or remove the user's words of a model; they hold in every place where its content lies.

    Args:
        how: "set", "add" or "rm".
    """
    subject = file.hashes.sha256 if file.hashes else file.alias
    with open_reader(store.path) as reader:
        own = reader.user_words(subject)
    chosen = _changed(own, how, words)
    with store.writer(durable=True) as writer:
        writer.subjects.set_words(subject, chosen)
    known = {word.casefold() for word in own}
    missing = tuple(word for word in words if word.casefold() not in known) if how == "rm" else ()
    return WordsChanged(tuple(chosen), missing)


def _changed(own: Sequence[str], how: str, words: Sequence[str]) -> list[str]:
    if how == "rm":
        gone = {word.casefold() for word in words}
        return [word for word in own if word.casefold() not in gone]
    wanted = [*own, *words] if how == "add" else list(words)
    return list({word.casefold(): word for word in reversed(wanted)}.values())[::-1]
