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
    from hubman.core.measured import MeasuredOn
    from hubman.core.types import Trigger
    from hubman.store.reader import Reader


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("-c", "--copy", "copy_it", is_flag=True, help="Copy tag and trigger words to the clipboard.")
@click.option("--set", "set_words", metavar="WORDS", help="Your own words instead of yours so far (comma-separated).")
@click.option("--add", "add_words", metavar="WORDS", help="Add words of your own.")
@click.option("--rm", "rm_words", metavar="WORDS", help="Remove words of your own.")
@click.option("--on", metavar="CHECKPOINT", help="The weight that was measured on this checkpoint.")
@click.option("--guess", "guess_it", is_flag=True, help="Ask the weights of a LoRA which words wake it.")
@click.option("--words", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
              help="With --guess: try these words, one a line.")  # fmt: skip
@click.pass_obj
@answering()
def triggers(
    session: Session,
    models: tuple[str, ...],
    copy_it: bool,
    set_words: str | None,
    add_words: str | None,
    rm_words: str | None,
    on: str | None,
    guess_it: bool,
    words: str | None,
    terminal: Terminal,
) -> None:
    """Trigger words, weight and the tag to paste. Your own words (--set, --add) win over all others.

    Where a model was validated, each weight says on which checkpoint it was measured, and each word that was tried
    whether it wakes the model (✓) or does nothing (✗).

    --guess is for a LoRA whose words nobody knows: a thousand words (or those of --words) go through its weights
    on a checkpoint (--on, else the one that fits), and those it answers to are kept as guesses.
    """
    from hubman.app.library import find_one, same_name
    from hubman.app.trigger_card import read_proof, trigger_card

    changes = [
        (how, text) for how, text in (("set", set_words), ("add", add_words), ("rm", rm_words)) if text is not None
    ]
    if changes:
        _change(session, models, changes, terminal)
    if words is not None and not guess_it:
        raise click.UsageError("--words goes with --guess")
    guessed = []
    if guess_it:
        from hubman.cli.wake import guess

        guessed = guess(session, models, on, words, terminal)
    with session.reader() as reader:
        files = [find_one(reader, model) for model in models]
        base = None if guess_it else _checkpoint(reader, on)
        cards = [trigger_card(file, same_name(reader, file), read_proof(reader, file), base) for file in files]
    if terminal.human:
        for card in cards:
            print_card(card, terminal)
    else:
        told_of = [{"guess": one.to_json()} for one in guessed] or [{} for _card in cards]
        terminal.document({"models": [card.to_json() | more for card, more in zip(cards, told_of, strict=True)]})
    for card in cards:
        warn_of_same_name(card.file, card.same_name, terminal)
    if guessed:
        from hubman.cli.wake import tell

        tell(guessed, terminal)
    if copy_it:
        _copy(cards, terminal)


def _checkpoint(reader: Reader, on: str | None) -> ModelFile | None:
    from hubman.app.library import find_one

    return None if on is None else find_one(reader, on)


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
    for entry in card.proof.measured:
        terminal.text(f"  {pad('', wide + 2)}   " + measured_line(entry))
    best = _starred(card)
    for word in card.words:
        mark = "★" if word is best else " "
        count = f"{word.count}×" if word.count else ""
        where = "  ".join(part for part in (_source(word.source), word_mark(card.proof.mark(word.text))) if part)
        terminal.text(f"  {mark} {pad(printable(word.text), wide)}   {pad(count, 7, right=True)}  {where}".rstrip())
    if not card.words and not file.failure:
        terminal.text("  " + _("no trigger word is known: the file and its sidecars name none"))
    if card.negative:
        terminal.text("  " + _("negative: {words}").format(words=printable(", ".join(card.negative))))


def measured_line(entry: MeasuredOn) -> str:
    """Say what was measured on one checkpoint."""
    line = _("measured on {base}: {weight:g}, works {low:g}–{high:g}").format(
        base=printable(entry.base), weight=entry.weight, low=entry.low, high=entry.high
    )
    if entry.burns_from is not None:
        line += _(", burns from {weight:g}").format(weight=entry.burns_from)
    return line


def word_mark(mark: str | None) -> str:
    """Say what was measured of a word."""
    return {"wakes": "✓ " + _("wakes it"), "nothing": "✗ " + _("does nothing")}.get(mark or "", "")


def _starred(card: TriggerCard) -> Trigger | None:
    """Return the word to use first: the best one that was not measured to do nothing, and is no guess."""
    known = [word for word in card.words if word.source != "guess"]
    useful = [word for word in known if card.proof.mark(word.text) != "nothing"]
    return next(iter(useful or known), None)


def _whose(card: TriggerCard) -> str:
    """Say whose the weight is, what others say, and the author's range where a hub told it."""
    source = card.weight_source
    if source == "measured" and card.on is not None:
        whose = _("measured on {base}").format(base=printable(card.on))
    else:
        whose = _whose_name(source)
    others = [f"{_whose_name(name)} {weight:g}" for name, weight in card.weights[1:] if name in ("sidecar", "hub")]
    if card.weight_range is not None:
        least, most = card.weight_range
        others.append(_("author {least:g}–{most:g}").format(least=least, most=most))
    return "; ".join([whose, *others])


def _whose_name(source: str) -> str:
    return {
        "sidecar": _("in the card beside it"),
        "hub": _("the author's"),
        "measured": _("measured"),
        "default": _("usual"),
    }.get(source, source)


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
        "guess": _("a guess: its weights answer to it"),
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
