"""`hubman triggers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hubman.cli.listing import base_name, type_name, warn_of_same_name
from hubman.cli.session import Session, answering
from hubman.cli.table import cells, pad, printable
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, told
from hubman.core.hub_titles import title_of

if TYPE_CHECKING:
    from hubman.app.trigger_card import TriggerCard
    from hubman.core.library import ModelFile


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("-c", "--copy", "copy_it", is_flag=True, help="Copy tag and trigger words to the clipboard.")
@click.option("--set", "set_words", metavar="WORDS", help="Your own words instead of yours so far (comma-separated).")
@click.option("--add", "add_words", metavar="WORDS", help="Add words of your own.")
@click.option("--rm", "rm_words", metavar="WORDS", help="Remove words of your own.")
@click.pass_obj
@answering()
def triggers(
    session: Session,
    models: tuple[str, ...],
    copy_it: bool,
    set_words: str | None,
    add_words: str | None,
    rm_words: str | None,
    terminal: Terminal,
) -> None:
    """Trigger words, weight and the tag to paste. Your own words (--set, --add) win over all others."""
    from hubman.app.library import find_one, same_name
    from hubman.app.trigger_card import trigger_card

    changes = [
        (how, text) for how, text in (("set", set_words), ("add", add_words), ("rm", rm_words)) if text is not None
    ]
    if changes:
        _change(session, models, changes, terminal)
    with session.reader() as reader:
        files = [find_one(reader, model) for model in models]
        cards = [trigger_card(file, same_name(reader, file)) for file in files]
    if terminal.human:
        for card in cards:
            print_card(card, terminal)
    else:
        terminal.document({"models": [card.to_json() for card in cards]})
    for card in cards:
        warn_of_same_name(card.file, card.same_name, terminal)
    if copy_it:
        _copy(cards, terminal)


def _change(session: Session, models: tuple[str, ...], changes: list[tuple[str, str]], terminal: Terminal) -> None:
    from hubman.app.library import find_one
    from hubman.app.user_words import change_words
    from hubman.cli.said import tell_written

    with session.reader() as reader:
        files = [find_one(reader, model) for model in models]
    with session.store() as store:
        for file in files:
            for how, text in changes:
                done = change_words(store, file, how, [word.strip() for word in text.split(",") if word.strip()])
                if done.sidecars:
                    tell_written(done.sidecars, terminal)
                for word in done.not_own:
                    terminal.hint(_not_own(file, word))


def _not_own(file: ModelFile, word: str) -> str:
    """Say why a word was not removed."""
    for known in file.triggers:
        if known.text.casefold() == word.casefold():
            return _(
                "{word!r} is not a word of yours ({source}), so it stays; --set puts your own words first."
            ).format(word=word, source=_source(known.source))
    return _("{word!r} is not one of your words; nothing was removed.").format(word=word)


def print_card(card: TriggerCard, terminal: Terminal) -> None:
    """Print what `triggers` knows of one model."""
    file = card.file
    star = "   ★" if file.user.favourite else ""
    terminal.heading(f"{printable(file.name)}   {type_name(file)} · {base_name(file)} · {file.id}{star}")
    tag = printable(card.tag)
    wide = max([22, *(cells(printable(word.text)) for word in card.words), cells(tag)])
    if file.failure:
        terminal.text("  " + _("it cannot be used: {why}").format(why=printable(told(file.failure.message))))
    if card.tag:
        whose = _whose(card)
        terminal.text(
            f"  {pad(tag, wide + 2)}   " + _("weight {weight:g}  ({whose})").format(weight=card.weight, whose=whose)
        )
    for rank, word in enumerate(card.words):
        mark = "★" if rank == 0 else " "
        count = f"{word.count}×" if word.count else ""
        terminal.text(
            f"  {mark} {pad(printable(word.text), wide)}   {pad(count, 7, right=True)}  {_source(word.source)}".rstrip()
        )
    if not card.words and not file.failure:
        terminal.text("  " + _("no trigger word is known: the file and its sidecars name none"))
    if card.negative:
        terminal.text("  " + _("negative: {words}").format(words=printable(", ".join(card.negative))))


def _whose(card: TriggerCard) -> str:
    """Say whose the weight is, with the author's range where a hub told it."""
    names = {"sidecar": _("the author's"), "hub": _("the author's"), "default": _("usual")}
    whose = names.get(card.weight_source, card.weight_source)
    if card.weight_range is None:
        return whose
    least, most = card.weight_range
    return _("{whose}; author {least:g}–{most:g}").format(whose=whose, least=least, most=most)


def _source(source: str) -> str:
    if source.startswith("hub:"):
        return _("{hub}, the author's").format(hub=title_of(source.removeprefix("hub:")))
    return {
        "user": _("you"),
        "sidecar": _("sidecar"),
        "modelspec": _("the author's, in the file"),
        "header": _("in the file"),
        "embedding-name": _("its file name"),
        "training-tags": _("training tags"),
    }.get(source, source)


def _copy(cards: list[TriggerCard], terminal: Terminal) -> None:
    from hubman.cli.clipboard import copy

    text = ", ".join(card.copy_positive for card in cards if card.copy_positive)
    negative = ", ".join(card.copy_negative for card in cards if card.copy_negative)
    if not text:
        text, negative = negative, ""
    if copy(text):
        terminal.hint(_("copied  {text}").format(text=text))
    else:
        terminal.warn(_("there is no clipboard here; copy it yourself: {text}").format(text=text))
    if negative:
        terminal.hint(_("for the negative prompt: {text}").format(text=negative))
