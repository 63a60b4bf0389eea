"""Ask before something is done; without a terminal nobody can answer, and nothing is done."""

from __future__ import annotations

import sys

import click

from hubman.cli.terminal import Terminal
from hubman.errors import N_, UsageError


def confirm(question: str, terminal: Terminal, *, yes: bool) -> None:
    """Ask unless `yes`; an answer of no ends the command.

    Raises:
        UsageError: `nobody-to-ask`, there is no terminal, or `--no-input` forbids it. click.Abort: the answer was no.
    """
    if yes:
        return
    if terminal.no_input or not sys.stdin.isatty():
        raise UsageError(
            "nobody-to-ask",
            N_("This asks before it does anything, and there is no terminal to ask on. Nothing was done."),
            hint=N_("Say -y to do it without a question, or -n to see what it would do."),
        )
    click.confirm(question, abort=True, err=True)
