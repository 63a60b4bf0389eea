"""`hubman rate`."""

from __future__ import annotations

import click

from hubman.cli.choosing import bulk
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL...] 1-5")
@click.option("--rm", is_flag=True, help="Take the rating away; then no number is given.")
@bulk
@click.pass_obj
@answering(asks=True)
def rate(
    session: Session,
    models: tuple[str, ...],
    rm: bool,
    query: str | None,
    dry_run: bool,
    yes: bool,
    terminal: Terminal,
) -> None:
    """Rate models from 1 to 5: `hubman rate ink paper 4`."""
    from hubman.cli.said import edit_models
    from hubman.core.said import RATINGS, Edit
    from hubman.errors import N_, UsageError

    rating = 0
    if not rm:
        given = models[-1] if models else ""
        models = models[:-1]
        lowest, highest = RATINGS
        if not (len(given) == 1 and given in "12345"):
            raise UsageError(
                "rating-invalid",
                N_("{given!r} is no rating: the last word is a number from {lowest} to {highest}."),
                hint=N_("hubman rate MODEL 4"),
                given=given,
                lowest=lowest,
                highest=highest,
            )
        rating = int(given)
    edit_models(session, models, Edit(rating=rating), terminal, verb="rate", query=query, dry_run=dry_run, yes=yes)
