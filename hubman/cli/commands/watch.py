"""`hubman watch`."""

from __future__ import annotations

import signal
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.app.sync import SyncReport
    from hubman.core.library import Root
    from hubman.store.door import Store


@click.command()
@click.option("--jsonl", "as_lines", is_flag=True, help="One JSON report a line for every change.")
@click.option("--quiet-seconds", type=click.FloatRange(0.1), default=2.0, show_default=True,
              help="Look at a folder when nothing happened in it for so long.")  # fmt: skip
@click.pass_obj
def watch(session: Session, as_lines: bool, quiet_seconds: float) -> None:
    """Keep the index right while files change. Runs in the foreground until Ctrl-C."""
    from hubman.app.care import mended
    from hubman.app.sync import options_of
    from hubman.app.watching import Watching
    from hubman.cli.commands.db import take_care, tell_rebuilt
    from hubman.cli.commands.sync import print_report
    from hubman.errors import N_, NotFoundError

    terminal = Terminal("jsonl" if as_lines else "human")
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    progress = ProgressLine()

    def tell(report: SyncReport) -> None:
        progress.close()
        take_care(session.config, terminal)
        if as_lines:
            terminal.lines([asdict(report)])
        elif report.changed:
            print_report(report, terminal)

    def warn(root: Root, why: str) -> None:
        progress.close()
        text = _("{path} cannot be watched: {why}. It is scanned once an hour.")
        terminal.warn(text.format(path=root.path, why=why))

    def work(store: Store) -> None:
        with session.reader() as reader:
            roots = reader.roots()
        if not roots:
            raise NotFoundError(
                "no-roots",
                N_("There is no folder to scan yet."),
                hint=N_("Run `hubman roots add FOLDER` (say, the models folder of your WebUI), or `hubman demo`."),
            )
        terminal.hint(_("Watching {count} roots. Ctrl-C ends it.").format(count=len(roots)))
        watching = Watching(
            store, options_of(session.config), tell, lambda: bool(stopped), progress, quiet_seconds, warn
        )
        try:
            watching.run()
        except KeyboardInterrupt:
            progress.close()

    mended(session.config, work, lambda done: tell_rebuilt(done, terminal))
