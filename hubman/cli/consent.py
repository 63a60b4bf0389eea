"""May hashes leave this machine? Asked once per hub, on a terminal; without one it is no, and not remembered."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hubman.cli.terminal import Terminal, aside
from hubman.cli.words import _
from hubman.core.hub_titles import title_of

if TYPE_CHECKING:
    from hubman.config import Config
    from hubman.store.door import Store


def can_ask(terminal: Terminal) -> bool:
    """Whether there is somebody to answer."""
    return terminal.human and not terminal.no_input and sys.stdin.isatty() and sys.stderr.isatty()


def ask_consent(config: Config, store: Store, terminal: Terminal) -> None:
    """Ask about the hubs that nobody has said yes or no to. Ctrl-C at the question is no answer."""
    if not can_ask(terminal):
        return
    from hubman.app.hubs import choose
    from hubman.app.unasked_lookup import to_ask_about

    hubs = to_ask_about(config, store)
    if hubs:
        aside(_("Hubs know many files by their hash: trigger words, pages, newer versions, pictures."))
        aside(_("Only hashes would be sent, no names and no files (docs/lookup.md)."))
    for hub in hubs:
        question = _("May hubman send the hashes of your models to {hub}, now and when there are new ones?")
        try:
            answer = click.confirm(question.format(hub=title_of(hub)), default=False, err=True)
        except click.Abort:
            return
        choose(store, hub, enabled=answer)
