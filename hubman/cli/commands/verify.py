"""`hubman verify`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.session import Session, answering
from hubman.cli.table import printable
from hubman.cli.terminal import ProgressLine, Terminal, human_size
from hubman.cli.words import _, error_text, told, value
from hubman.errors import StoreError

if TYPE_CHECKING:
    from hubman.app.verify import Report


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@click.option("--fast", is_flag=True, help="Compare size, time and header only; the tensors are not read.")
@click.pass_obj
@answering()
def verify(session: Session, words: tuple[str, ...], fast: bool, terminal: Terminal) -> int:
    """Read the models again: is every one still what it was when it was hashed?

    Tells bit rot from truncation and from a change that `hubman sync` has not seen yet, and names other copies that
    are whole. Changes no model and no recorded hash. Exit code 6: something is wrong; 130: interrupted.
    """
    from hubman.app.verify import Verify
    from hubman.core.query import parse_query, query_text

    progress = ProgressLine()
    with session.reader() as reader:
        files = reader.search(parse_query(query_text(words), time.time_ns()))[1]
        run = Verify(reader, progress.advance, lambda: False, fast=fast)
        try:
            report = run.run(files, progress)
        finally:
            progress.close()
    _remember(session, report, terminal)
    if terminal.human:
        _print(report, terminal)
    else:
        terminal.document({"fast": fast, **report.to_json()})
    if report.stopped:
        return 130
    return 6 if report.findings else 0


def _remember(session: Session, report: Report, terminal: Terminal) -> None:
    """Record what was found; a library that cannot be written now takes nothing away from the answer."""
    if not (report.confirmed or report.spoilt or report.mended):
        return
    try:
        with session.store() as store, store.writer() as writer:
            writer.confirm(report.confirmed)
            writer.set_spoilt([file.file_id for file in report.spoilt], [file.file_id for file in report.mended])
    except StoreError as error:
        terminal.warn(error_text(error)[0])


def _print(report: Report, terminal: Terminal) -> None:
    for finding in report.findings:
        terminal.heading(f"{value('trouble', finding.trouble.value)}   {printable(finding.file.path)}")
        terminal.text("  " + told(finding.why))
        if finding.found:
            terminal.text(f"  {finding.sha256} → {finding.found}")
        for place in finding.good:
            terminal.text("  " + _("whole: {path}").format(path=printable(place)))
    terminal.text(
        _("{checked:,} checked ({size}), {wrong:,} wrong, {unhashed:,} without a hash, in {seconds:.1f} s").format(
            checked=report.checked, size=human_size(report.bytes), wrong=len(report.findings),
            unhashed=report.unhashed, seconds=report.seconds,
        )
    )  # fmt: skip
    if report.stopped:
        terminal.warn(_("interrupted: the rest was not looked at"))
