"""`hubman sidecars write`."""

from __future__ import annotations

import time

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, plural


@click.group()
def sidecars() -> None:
    """Write beside your models what hubman knows, for their WebUI to show."""


@sidecars.command("write", cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@click.option("-n", "--dry-run", is_flag=True, help="Only list the files that would be written.")
@click.pass_obj
@answering()
def write(session: Session, words: tuple[str, ...], dry_run: bool, terminal: Terminal) -> None:
    """Write `<stem>.json` and `<stem>.preview.png` of all models, or of those of a query, where a root asks for it.

    Empty fields are filled from your notes and words, else from what other programs left beside the model. What is in
    a file already stays.
    """
    from hubman.app.sidecars import SidecarWriting
    from hubman.cli.said import tell_written
    from hubman.core.query import parse_query, query_text

    with session.reader() as reader:
        files = reader.search(parse_query(query_text(words), time.time_ns()))[1]
    with session.store() as store:
        writing = SidecarWriting(store)
        if not any(writing.wanted(file) for file in files):
            terminal.hint(_("No root of these models asks for sidecars: hubman roots add FOLDER --sidecars missing"))
        plans = writing.plan(files)
        if dry_run:
            writing.report.paths += [plan.path for plan in plans]
        else:
            writing.write(plans)
    report = writing.report
    if not terminal.human:
        terminal.document({"dry_run": dry_run, **report.to_json()})
        return
    for path in report.paths:
        terminal.text(path)
    text = (
        plural("{count} file would be written", "{count} files would be written", len(report.paths))
        if dry_run
        else plural("{count} file written", "{count} files written", len(report.paths))
    )
    terminal.hint(text.format(count=len(report.paths)))
    report.paths.clear()
    tell_written(report, terminal)
