"""`hubman rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hubman.cli.asking import confirm
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal, aside, human_size
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.app.trash import Removal


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--all-places", is_flag=True, help="Every copy of the same content.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
@answering(asks=True)
def rm(
    session: Session, models: tuple[str, ...], all_places: bool, dry_run: bool, yes: bool, terminal: Terminal
) -> None:
    """Move models with everything that belongs to them to the trash of their root.

    `hubman undo` or `hubman trash restore` brings them back. After 30 days (`trash_days`) they are deleted.
    """
    from hubman.app.trash import plan_removal, remove

    with session.store() as store:
        removal = plan_removal(store, models, all_places=all_places)
        if not dry_run:
            if not yes:
                _show(removal, aside)
            confirm(_("Move them to the trash?"), terminal, yes=yes)
            removal = remove(store, models, all_places=all_places)
    if not terminal.human:
        terminal.document(_json(removal, dry_run))
        return
    if dry_run or yes:
        _show(removal, terminal.text)
    days = session.config.trash_days
    if dry_run:
        terminal.hint(_("Nothing was moved (-n)."))
    elif days:
        terminal.hint(_("In the trash for {days} days. Take it back: hubman undo").format(days=days))
    else:
        terminal.hint(_("In the trash. Take it back: hubman undo"))


def _show(removal: Removal, say: object) -> None:
    assert callable(say)
    for file in removal.files:
        last = "   " + _("the only copy in the library") if file.id in removal.last else ""
        say(f"{file.path}   {human_size(file.size)}{last}")
    more = len(removal.plan.steps) - len(removal.files)
    if more:
        say(_("and {count} files that belong to them").format(count=more))


def _json(removal: Removal, dry_run: bool) -> dict[str, object]:
    from hubman.cli.commands.mv import moved_json

    return {
        "dry_run": dry_run,
        "entry": removal.number,
        "models": [
            {"id": file.id, "name": file.name, "path": file.path, "last": file.id in removal.last}
            for file in removal.files
        ],
        "trash": [entry.folder for entry in removal.plan.bins],
        "moved": moved_json(removal.plan),
    }
