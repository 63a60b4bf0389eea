"""Which models an edit is about: those that are named, or all hits of a query after a look and a question."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from hubman.cli.session import Session
from hubman.cli.table import printable
from hubman.cli.terminal import Terminal, aside
from hubman.cli.words import _, plural
from hubman.errors import N_, UsageError

if TYPE_CHECKING:
    from hubman.core.library import ModelFile

MOST_SHOWN = 10


def bulk(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--query`, `-n` and `-y` to a command that edits models."""
    for option in (
        click.option("-y", "--yes", is_flag=True, help="Do not ask before changing what --query found."),
        click.option("-n", "--dry-run", is_flag=True, help="Only list the models that it is about."),
        click.option("--query", metavar="QUERY", help="All hits of a query: --query 'type:lora ink' (docs/search.md)."),
    ):
        function = option(function)
    return function


def choose(session: Session, models: Sequence[str], query: str | None) -> list[ModelFile]:
    """Return the models that are named, and the hits of the query.

    Raises:
        UsageError: neither was given. NotFoundError, ConflictError: a name means no model, or several.
    """
    from hubman.app.library import find_one
    from hubman.core.query import parse_query

    if not models and not query:
        raise click.UsageError("Name a MODEL, or give --query.")
    with session.reader() as reader:
        files = [find_one(reader, model) for model in models]
        files += reader.search(parse_query(query, time.time_ns()))[1] if query else []
    return list({file.subject: file for file in files}.values())


def agreed(files: Sequence[ModelFile], query: str | None, terminal: Terminal, *, dry_run: bool, yes: bool) -> bool:
    """List what an edit is about and ask, when a query chose it. False: nothing is to be done.

    Raises:
        UsageError: `answer-needed`, there is nobody to ask.
    """
    if not dry_run and (query is None or yes or not files):
        return bool(files)
    aside(plural("{count} model:", "{count} models:", len(files)).format(count=len(files)))
    for file in files[:MOST_SHOWN]:
        aside(f"  {file.id}  {printable(file.name)}")
    if len(files) > MOST_SHOWN:
        aside("  …")
    if dry_run:
        return False
    if terminal.no_input or not sys.stdin.isatty():
        raise UsageError(
            "answer-needed",
            N_("{count} models would be changed, and there is nobody to ask."),
            hint=N_("Look with -n first, then say -y."),
            count=len(files),
        )
    return click.confirm(_("Go on?"), err=True)
