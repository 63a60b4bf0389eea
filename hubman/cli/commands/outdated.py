"""`hubman outdated`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.from_hubs import hub_trouble
from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import ProgressLine, Terminal, human_size
from hubman.cli.words import _, error_text, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hubman.app.hubs import OpenHubs
    from hubman.app.updating import Outdated, Report
    from hubman.core.library import ModelFile


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@click.option("--early-access", is_flag=True, help="Also versions that must be paid or waited for.")
@click.option("--offline", is_flag=True, help="Do not use the network (then nothing can be found out).")
@click.pass_obj
@answering(lists=True)
def outdated(session: Session, words: tuple[str, ...], early_access: bool, offline: bool, terminal: Terminal) -> int:
    """Newer versions of your models, of the same base and variant, on the hubs that they come from.

    Only numbers of models are sent, and only to the hub that a model is known to come from (`hubman lookup` finds that
    out). What you pinned (`hubman update --pin`), have already, or cannot get is not listed.
    """
    from hubman.app.hubs import open_hubs

    with open_hubs(session.config, offline=offline) as hubs:
        report = look(session, hubs, models_of(session, words), early_access=early_access)
    if terminal.mode == "json":
        terminal.document(report.to_json())
    elif terminal.mode == "jsonl":
        terminal.lines(entry.to_json() for entry in report.outdated)
    elif terminal.mode == "quiet":
        terminal.ids(entry.file.id for entry in report.outdated)
    else:
        show(report.outdated, terminal)
        tell(report, terminal)
    tell_troubles(report, terminal)
    return exit_code(report)


def models_of(session: Session, words: Sequence[str]) -> list[ModelFile]:
    """Return the hits of a query; all models without one."""
    from hubman.core.query import parse_query, query_text

    with session.reader() as reader:
        return reader.search(parse_query(query_text(words), time.time_ns()))[1]


def look(session: Session, hubs: OpenHubs, files: Sequence[ModelFile], *, early_access: bool) -> Report:
    """Ask the hubs, with progress on a terminal."""
    from hubman.app.updating import find_outdated

    progress = ProgressLine()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        with session.store() as store:
            return find_outdated(store, hubs, files, early_access=early_access, now=now, progress=progress)
    finally:
        progress.close()


def show(entries: Sequence[Outdated], terminal: Terminal) -> None:
    """Print what is outdated as a table."""
    from hubman.cli.listing import id_length

    if not entries:
        return
    columns = [
        Column(_("ID")), Column(_("NAME"), flexible=True, least=12), Column(_("HAVE"), flexible=True, least=6),
        Column(_("NEWEST"), flexible=True, least=6), Column(_("DATE")), Column(_("SIZE"), right=True),
        Column(_("FROM")),
    ]  # fmt: skip
    length = id_length([entry.file.id for entry in entries])
    terminal.table(columns, [_row(entry, length) for entry in entries])


def _row(entry: Outdated, length: int) -> list[str]:
    have, newest, file = entry.update.held.listing, entry.update.listing, entry.update.file
    size = file.size or file.about
    version = newest.version_name or newest.version_id[:10]
    if entry.early_access:
        version += " " + _("(early access)")
    return [
        entry.file.id[:length], entry.file.name, have.version_name or have.version_id[:10], version,
        (newest.published or "")[:10], human_size(size) if size else "", str(newest.ref),
    ]  # fmt: skip


def tell(report: Report, terminal: Terminal) -> None:
    """Say in words what was found and what was left out."""
    if report.outdated:
        text = plural(
            "{count} model has a newer version. To fetch it: hubman update",
            "{count} models have a newer version. To fetch them: hubman update",
            len(report.outdated),
        )
        terminal.hint(text.format(count=len(report.outdated)))
    elif report.checked and not report.troubles:
        text = plural(
            "{count} model was looked at: it is up to date.",
            "{count} models were looked at: all are up to date.",
            report.checked,
        )
        terminal.hint(text.format(count=report.checked))
    if report.pinned:
        text = plural("{count} model is pinned.", "{count} models are pinned.", report.pinned)
        terminal.hint(text.format(count=report.pinned))
    if report.unknown and not report.due:
        text = plural("Of {count} model no hub is known.", "Of {count} models no hub is known.", report.unknown)
        terminal.hint(text.format(count=report.unknown))
    elif report.unknown:
        text = plural(
            "Of {count} model no hub is known. To look it up: hubman lookup",
            "Of {count} models no hub is known. To look them up: hubman lookup",
            report.unknown,
        )
        terminal.hint(text.format(count=report.unknown))


def tell_troubles(report: Report, terminal: Terminal) -> None:
    """Warn of hubs that could not be asked."""
    for hub, error in report.troubles:
        message, hint = error_text(error)
        terminal.warn(hub_trouble([hub], message))
        if hint and terminal.human:
            terminal.hint(f"  {hint}")


def exit_code(report: Report) -> int:
    """Return the exit code: that of the trouble when a hub could not be asked."""
    return max((error.exit_code for _hub, error in report.troubles), default=0)
