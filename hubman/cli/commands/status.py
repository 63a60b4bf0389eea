"""`hubman` without a command: the state of the library, or the next two commands."""

from __future__ import annotations

import click

from hubman.cli.session import Session
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _, value
from hubman.errors import NotFoundError


@click.command(hidden=True)
@click.pass_obj
def status(session: Session) -> None:
    """Status of the library."""
    terminal = Terminal()
    try:
        with session.reader() as reader:
            roots, counts, broken = reader.roots(), reader.counts(), len(reader.broken())
    except NotFoundError:
        terminal.text(_("No library yet. Two ways to begin:"))
        terminal.text("  hubman roots add FOLDER && hubman sync    " + _("the models folder of your WebUI"))
        terminal.text("  hubman demo                               " + _("see it work on tiny models of its own"))
        return
    columns = [Column(_("TYPE")), Column(_("FILES"), right=True), Column(_("SIZE"), right=True)]
    terminal.table(columns, [[value("kind", kind), f"{count:,}", human_size(size)] for kind, count, size in counts])
    for root in roots:
        terminal.hint(f"{root.path}   {value('layout', root.layout)}   {value('state', root.state)}")
    if broken:
        terminal.warn(_("Cannot be used ({count}):").format(count=broken) + " hubman search is:broken")
