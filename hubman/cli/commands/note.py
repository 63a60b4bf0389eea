"""`hubman note`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.core.library import ModelFile


@click.command()
@click.argument("model")
@click.argument("text", required=False)
@click.option("--append", is_flag=True, help="Put TEXT below the note that is there.")
@click.option("--edit", "edit_it", is_flag=True, help="Write it in your editor ($EDITOR).")
@click.option("--rm", is_flag=True, help="Take the note away.")
@click.pass_obj
@answering()
def note(
    session: Session, model: str, text: str | None, append: bool, edit_it: bool, rm: bool, terminal: Terminal
) -> None:
    """Keep a note on MODEL, or print it. TEXT `-` is read from standard input.

    The note belongs to the content: it stays through moves, renames and copies, and `hubman search` finds it.
    """
    from hubman.cli.choosing import choose
    from hubman.cli.said import edit_models, print_said
    from hubman.core.said import Edit

    if sum((text is not None, edit_it, rm)) > 1 or (append and text is None):
        raise click.UsageError("Give a TEXT (with or without --append), or --edit, or --rm.")
    files = choose(session, [model], None)
    if rm:
        edit_models(session, [model], Edit(note=""), terminal, verb="note")
    elif edit_it:
        written = _edited(files[0])
        edit_models(session, [model], None if written is None else Edit(note=written), terminal, verb="note")
    elif text is not None:
        given = _stdin() if text == "-" else text
        edit_models(session, [model], Edit(append=given) if append else Edit(note=given), terminal, verb="note")
    elif terminal.human:
        _print(files[0], terminal)
    else:
        print_said(files, terminal, changed=0)


def _print(file: ModelFile, terminal: Terminal) -> None:
    if file.user.note:
        terminal.text(file.user.note)
    else:
        terminal.hint(_("{name} has no note.").format(name=file.name))


def _edited(file: ModelFile) -> str | None:
    """Let the user write in their editor; None when nothing was saved.

    Raises:
        UsageError: `no-terminal`.
    """
    from hubman.errors import N_, UsageError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "no-terminal",
            N_("An editor needs a terminal, and there is none."),
            hint=N_("Give the text instead: hubman note MODEL - < FILE"),
        )
    return click.edit(file.user.note, extension=".txt")


def _stdin() -> str:
    """Read the note from standard input; bytes that are no UTF-8 are refused later, with their place in the text."""
    from hubman.core.said import LONGEST_NOTE

    data = sys.stdin.buffer.read(4 * LONGEST_NOTE + 1)
    return data.decode("utf-8", "surrogateescape")
