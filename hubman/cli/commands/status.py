"""`hubman` without a command: the state of the library, or the next two commands."""

from __future__ import annotations

import click

from hubman.cli.session import Session
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _, plural, value
from hubman.errors import NotFoundError


@click.command(hidden=True)
@click.pass_obj
def status(session: Session) -> None:
    """Status of the library."""
    from hubman.app.unfinished import unfinished

    terminal = Terminal()
    try:
        with session.reader() as reader:
            roots, counts, broken = reader.roots(), reader.counts(), len(reader.broken())
            begun, newer = [one for one in unfinished(reader) if one.have], reader.hubs.outdated()
    except NotFoundError:
        terminal.text(_("No library yet. Two ways to begin:"))
        terminal.text("  hubman roots add FOLDER && hubman sync    " + _("the models folder of your WebUI"))
        terminal.text("  hubman demo                               " + _("see it work on tiny models of its own"))
        return
    columns = [Column(_("TYPE")), Column(_("FILES"), right=True), Column(_("SIZE"), right=True)]
    terminal.table(columns, [[value("kind", kind), f"{count:,}", human_size(size)] for kind, count, size in counts])
    for root in roots:
        terminal.hint(f"{root.path}   {value('layout', root.layout)}   {value('state', root.state)}")
    if begun:
        text = plural("{count} download is unfinished ({have}{whole}): hubman pull --resume",
                      "{count} downloads are unfinished ({have}{whole}): hubman pull --resume", len(begun))  # fmt: skip
        sizes = [one.size for one in begun]
        total = sum(size or 0 for size in sizes)
        whole = "" if None in sizes else " / " + human_size(total)
        have = human_size(sum(one.have for one in begun))
        terminal.hint(text.format(count=len(begun), have=have, whole=whole))
    if newer:
        text = plural("{count} model has a newer version. To fetch it: hubman update",
                      "{count} models have a newer version. To fetch them: hubman update", newer)  # fmt: skip
        terminal.hint(text.format(count=newer))
    if broken:
        terminal.warn(_("Cannot be used ({count}):").format(count=broken) + " hubman search is:broken")
