"""`hubman tag`."""

from __future__ import annotations

import click

from hubman.cli.choosing import bulk
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL...]")
@click.option("--add", "added", multiple=True, metavar="TAG", help="Add a tag; once for each.")
@click.option("--rm", "removed", multiple=True, metavar="TAG", help="Take a tag away.")
@click.option("--set", "chosen", multiple=True, metavar="TAG", help="These tags instead of those so far.")
@click.option("--clear", is_flag=True, help="Take all your tags away.")
@bulk
@click.pass_obj
@answering(asks=True)
def tag(
    session: Session,
    models: tuple[str, ...],
    added: tuple[str, ...],
    removed: tuple[str, ...],
    chosen: tuple[str, ...],
    clear: bool,
    query: str | None,
    dry_run: bool,
    yes: bool,
    terminal: Terminal,
) -> None:
    """Tag models with words of your own, or list the tags. `hubman search tag:WORD` finds them.

    \b
    hubman tag ink paper --add landscape --add "ink wash"
    hubman tag --query 'type:lora 水墨' --add 水墨
    """
    from hubman.cli.said import edit_models
    from hubman.core.said import Edit

    if clear and (chosen or added or removed):
        raise click.UsageError("--clear stands alone.")
    edit = None
    if chosen or added or removed or clear:
        edit = Edit(set_tags=chosen if chosen or clear else None, add_tags=added, rm_tags=removed)
    edit_models(session, models, edit, terminal, verb="tag", query=query, dry_run=dry_run, yes=yes)
