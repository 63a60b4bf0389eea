"""`hubman triggers --guess`: words that a LoRA's weights answer to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hubman.cli.session import Session
from hubman.cli.table import printable
from hubman.cli.terminal import ProgressLine, Terminal, human_size
from hubman.cli.words import _, plural
from hubman.core.wake import parse_words
from hubman.errors import N_, UsageError

if TYPE_CHECKING:
    from hubman.app.wake import Guess, Guessing

MOST_WORDS = 50_000
"""Longest list of words; an SDXL's states of these take 400 MB for each carrier."""


def guess(
    session: Session, models: Sequence[str], on: str | None, words: str | None, terminal: Terminal
) -> list[Guess]:
    """Guess and record the words of each model named; on a large checkpoint without a GPU say the cost before."""
    from hubman.app.library import find_one
    from hubman.app.proving import choose_bases
    from hubman.app.wake import guess_words, plan_guess
    from hubman.renderers.process import Renderer

    listed = None if words is None else read_words(words)
    with session.reader() as reader:
        files = [find_one(reader, model) for model in models]
        bases = choose_bases(reader, on, time.time_ns())
    asked = [plan_guess(file, bases, given=on is not None, words=listed) for file in files]
    progress = ProgressLine()
    found = []
    with session.store() as store, Renderer() as renderer:
        device = renderer.hello()["device"]
        large = [one for one in asked if one.large]
        if large and device == "cpu":
            terminal.hint(cost_line(large))
        progress.phase("triggers", len(asked))
        for one in asked:
            found.append(guess_words(store, one, renderer))
            progress.advance()
    progress.close()
    return found


def read_words(path: str) -> tuple[str, ...]:
    """Read a list of words. Raises UsageError `words-unreadable`."""
    try:
        found = parse_words(Path(path).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        found = ()
    if 0 < len(found) <= MOST_WORDS:
        return found
    raise UsageError(
        "words-unreadable",
        N_("{path} is no list of words: UTF-8 text, one word a line, at most {most}."),
        path=path,
        most=MOST_WORDS,
    )


def cost_line(asked: Sequence[Guessing]) -> str:
    """Say what large checkpoints cost on a CPU."""
    bases = {one.base.path: one for one in asked}.values()
    line = _(
        "No GPU: loading {base} takes {memory} of memory, and reading the words about {seconds:.0f} s of one core."
    )
    return line.format(
        base=printable(", ".join(one.base.name for one in bases)),
        memory=human_size(max(one.memory for one in bases)),
        seconds=sum(one.seconds for one in bases),
    )  # fmt: skip


def tell(found: Sequence[Guess], terminal: Terminal) -> None:
    """Say how sure the guesses are, below the cards that show them."""
    for one in found:
        terminal.hint(sentence(one))


def sentence(found: Guess) -> str:
    """Say in one sentence what was found."""
    name, base = printable(found.asked.file.name), printable(found.asked.base.name)
    tried = len(found.asked.candidates)
    if not found.touched:
        return _("{name}: no word stands out, for it leaves alone what reads the prompt in {base}.").format(
            name=name, base=base
        )
    if not found.words:
        line = plural("{name}: no word stands out of the {count} that was tried on {base}; it may be always on.",
                      "{name}: no word stands out of the {count} that were tried on {base}; it may be always on.",
                      tried)  # fmt: skip
        return line.format(name=name, base=base, count=tried)
    if found.confirmed is not None:
        return _("{name}: its own word {word!r} stands out on {base}.").format(
            name=name, word=printable(found.confirmed), base=base
        )
    return _(
        "{name}: {word!r} stands out, {margin:.1f} times an ordinary word ({count} were tried on {base}). "
        "A guess: where the true word was not among them, it is one that is spelt or meant alike."
    ).format(
        name=name, word=printable(found.words[0][0]), margin=found.ranking.margin, count=tried, base=base
    )  # fmt: skip
