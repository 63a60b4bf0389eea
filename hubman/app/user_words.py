"""The user's own trigger words: they win over every other source and stay with the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubman.app.sidecar_plan import Written
from hubman.app.sidecars import Recorded
from hubman.app.user_data import write_along
from hubman.core.library import ModelFile
from hubman.core.said import MOST_WORDS, clean_word
from hubman.core.sidecar_write import Said
from hubman.errors import N_, UsageError
from hubman.store.door import Store


@dataclass(frozen=True, slots=True)
class WordsChanged:
    """The user's own words after a change, those that were to be removed and are not the user's, and what was written
    beside the model."""

    own: tuple[str, ...]
    not_own: tuple[str, ...] = ()
    sidecars: Written | None = None


def change_words(store: Store, file: ModelFile, how: str, words: Sequence[str]) -> WordsChanged:
    """Set, add or remove the user's words of a model; they hold in every place where its content lies.

    Args:
        how: "set", "add" or "rm".

    Raises:
        UsageError: `word-invalid`, `text-invalid`, `too-many-words`.
    """
    words = [clean_word(word) for word in words]
    subject = file.subject
    recorded = None
    with store.writer(durable=True) as writer:
        own = list(writer.subjects.words(subject))
        chosen = _changed(own, how, words)
        if len(chosen) > MOST_WORDS:
            raise UsageError(
                "too-many-words",
                N_("A model has at most {most} trigger words of your own."),
                hint=N_("`hubman triggers MODEL --rm WORD` takes one away."),
                most=MOST_WORDS,
            )
        if chosen != own:
            writer.subjects.set_words(subject, chosen)
            old, new = ({subject: {"name": file.name, "words": words}} for words in (own, chosen))
            detail = {"name": file.name, "before": {"words": old}, "after": {"words": new}}
            recorded = Recorded(writer.journal.record("triggers", detail), detail)
    before = {subject: Said(file.user.note, tuple(own))}
    outcome = write_along(store, [file], before, recorded, int(recorded is not None))
    known = {word.casefold() for word in own}
    missing = tuple(word for word in words if word.casefold() not in known) if how == "rm" else ()
    return WordsChanged(tuple(chosen), missing, outcome.sidecars)


def _changed(own: Sequence[str], how: str, words: Sequence[str]) -> list[str]:
    if how == "rm":
        gone = {word.casefold() for word in words}
        return [word for word in own if word.casefold() not in gone]
    wanted = [*own, *words] if how == "add" else list(words)
    return list({word.casefold(): word for word in reversed(wanted)}.values())[::-1]
