"""`hubman fav`."""

from __future__ import annotations

import click

from hubman.cli.choosing import bulk
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL...]")
@click.option("--rm", is_flag=True, help="They are favourites no longer.")
@bulk
@click.pass_obj
@answering(asks=True)
def fav(
    session: Session,
    models: tuple[str, ...],
    rm: bool,
    query: str | None,
    dry_run: bool,
    yes: bool,
    terminal: Terminal,
) -> None:
    """Make models favourites."""
    from hubman.cli.said import edit_models
    from hubman.core.said import Edit

    edit_models(session, models, Edit(favourite=not rm), terminal, verb="fav", query=query, dry_run=dry_run, yes=yes)
