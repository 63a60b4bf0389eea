"""`hubman forget`."""

from __future__ import annotations

import click

from hubman.cli.asking import confirm
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal, aside
from hubman.cli.words import _


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--all-places", is_flag=True, help="Every place of the same content.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be forgotten.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
@answering(asks=True)
def forget(
    session: Session, models: tuple[str, ...], all_places: bool, dry_run: bool, yes: bool, terminal: Terminal
) -> None:
    """Drop models from the library; the files stay. For what is gone for good: nothing else forgets a model.

    Your notes, tags and words stay with the content and come back with it.
    """
    from hubman.app.forgetting import forget as drop
    from hubman.app.forgetting import to_forget

    with session.reader() as reader:
        files = to_forget(reader, models, all_places=all_places)
    if not dry_run:
        if not yes:
            aside("\n".join(file.path for file in files))
        confirm(_("Forget them?"), terminal, yes=yes)
        with session.store() as store:
            files = drop(store, models, all_places=all_places)
    if not terminal.human:
        forgotten = [{"id": file.id, "path": file.path, "present": file.present} for file in files]
        terminal.document({"dry_run": dry_run, "forgotten": forgotten})
        return
    if dry_run or yes:
        for file in files:
            terminal.text(file.path)
    if any(file.present for file in files):
        terminal.hint(_("What is still there comes back with the next sync; `hubman rm` removes it."))
