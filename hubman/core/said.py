"""What a user may say of a model: notes and tags, cleaned, within limits. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hubman.core.library import UserData
from hubman.core.sidecar import MOST_TEXT
from hubman.errors import N_, UsageError

LONGEST_NOTE = MOST_TEXT
"""Letters of a note: as many as are read of a note in a file beside a model, so that one comes back whole."""

LONGEST_TAG = 100
MOST_TAGS = 200
LONGEST_WORD = 1000
MOST_WORDS = 200
RATINGS = (1, 5)


def clean_note(text: str) -> str:
    """Return a note as it is kept: lines end with LF, no blank end.

    Raises:
        UsageError: `note-too-long`; `text-invalid`, it is no text.
    """
    note = text.replace("\r\n", "\n").replace("\r", "\n").strip().removeprefix("\ufeff")
    if len(note) > LONGEST_NOTE:
        raise UsageError(
            "note-too-long",
            N_("The note has {length:,} letters; at most {most:,} are kept."),
            hint=N_("Keep the long text in a file of its own, and its path in the note."),
            length=len(note),
            most=LONGEST_NOTE,
        )
    _refuse_what_is_no_text(note, allowed="\n\t")
    return note


def clean_tag(text: str) -> str:
    """Return a tag as it is kept: one line, single blanks, composed letters.

    Raises:
        UsageError: `tag-invalid`; `text-invalid`.
    """
    _refuse_what_is_no_text(text, allowed="")
    tag = " ".join(unicodedata.normalize("NFC", text).split())
    if not tag or "," in tag or len(tag) > LONGEST_TAG:
        raise UsageError(
            "tag-invalid",
            N_("{tag!r} is no tag: a tag has 1 to {most} letters and no comma."),
            hint=N_("Several tags are several options: --add ink --add landscape"),
            tag=tag[:LONGEST_TAG],
            most=LONGEST_TAG,
        )
    return tag


def clean_word(text: str) -> str:
    """Return a trigger word as it is kept.

    Raises:
        UsageError: `word-invalid`; `text-invalid`.
    """
    _refuse_what_is_no_text(text, allowed="")
    if len(text) > LONGEST_WORD:
        raise UsageError(
            "word-invalid",
            N_("A trigger word has at most {most:,} letters, and this one has {length:,}."),
            hint=N_("Several words are separated by commas."),
            most=LONGEST_WORD,
            length=len(text),
        )
    return text


def _refuse_what_is_no_text(text: str, allowed: str) -> None:
    for letter in text:
        if letter in allowed:
            continue
        if unicodedata.category(letter) in ("Cc", "Cs"):
            raise UsageError(
                "text-invalid",
                N_("The text holds {letter}, which no program shows: a control character, or bytes that are no UTF-8."),
                hint=N_("Write it anew; a file goes in as UTF-8: hubman note MODEL - < FILE"),
                letter=f"U+{ord(letter):04X}",
            )


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of what a user said. What is None stays as it is.

    Attributes:
        note: the new note, "" for none.
        append: a note to put below the one that is there.
        rating: 1 to 5; 0 takes it away.
        set_tags: the tags instead of those so far.
    """

    note: str | None = None
    append: str | None = None
    favourite: bool | None = None
    rating: int | None = None
    set_tags: tuple[str, ...] | None = None
    add_tags: tuple[str, ...] = ()
    rm_tags: tuple[str, ...] = ()

    def cleaned(self) -> Edit:
        """Return the edit with its texts as they are kept.

        Raises:
            UsageError: one of the texts cannot be kept.
        """
        return replace(
            self,
            note=None if self.note is None else clean_note(self.note),
            append=None if self.append is None else clean_note(self.append),
            set_tags=None if self.set_tags is None else _cleaned(self.set_tags),
            add_tags=_cleaned(self.add_tags),
            rm_tags=_cleaned(self.rm_tags),
        )

    def apply(self, data: UserData) -> UserData:
        """Return what holds after the edit.

        Raises:
            UsageError: `note-too-long`, `too-many-tags`.
        """
        note = data.note if self.note is None else self.note
        if self.append:
            note = clean_note(f"{note}\n{self.append}")
        tags = _changed(data.tags if self.set_tags is None else self.set_tags, self.add_tags, self.rm_tags)
        if len(tags) > MOST_TAGS:
            raise UsageError(
                "too-many-tags",
                N_("A model has at most {most} tags."),
                hint=N_("`hubman tag MODEL --rm TAG` takes one away."),
                most=MOST_TAGS,
            )
        rating = data.rating if self.rating is None else self.rating or None
        return UserData(note, tags, data.favourite if self.favourite is None else self.favourite, rating)


def _cleaned(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(clean_tag(tag) for tag in tags)


def _changed(tags: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> tuple[str, ...]:
    """Add and remove tags; two that differ only in case are one, and the spelling that came first stays."""
    gone = {tag.casefold() for tag in removed}
    kept: dict[str, str] = {}
    for tag in (*tags, *added):
        if tag.casefold() not in gone:
            kept.setdefault(tag.casefold(), tag)
    return tuple(kept.values())
