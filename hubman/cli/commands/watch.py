"""`hubman watch`."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _, told

if TYPE_CHECKING:
    from hubman.app.idle_proving import Prover
    from hubman.app.sync import SyncReport
    from hubman.config import Config
    from hubman.errors import Phrase
    from hubman.store.door import Store

PATIENCE_SECONDS = 1.0
"""After a signal the watcher ends between two files; a step that takes longer is broken off (nothing is lost)."""


class Ending:
    """Remembers that a signal asked for the end, and breaks off what does not end by itself."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, self._break_off)

    def asked(self) -> bool:
        """Say whether the end was asked for."""
        return self._asked

    def over(self) -> None:
        """Break nothing off any more: what remains is the cleaning up."""
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            self._break_off(number, frame)
        self._asked = True
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)

    @staticmethod
    def _break_off(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt


class Reporter:
    """Says what a watcher does: one JSON line for every scan, or a line for every one that found something."""

    def __init__(self, config: Config, terminal: Terminal, progress: ProgressLine) -> None:
        self._config, self._terminal, self._progress = config, terminal, progress

    def report(self, report: SyncReport) -> None:
        """Tell of a scan or of a round of hashing; the library is taken care of when it is due."""
        from hubman.cli.commands.db import take_care
        from hubman.cli.commands.sync import print_report

        self._progress.close()
        take_care(self._config, self._terminal)
        if self._terminal.mode == "jsonl":
            self._terminal.lines([asdict(report)])
        elif report.verdicts:
            for verdict in report.verdicts:
                self._terminal.text(verdict_line(verdict))
        elif report.changed:
            print_report(report, self._terminal)

    def warn(self, text: Phrase) -> None:
        """Tell what the user should know."""
        self._progress.close()
        self._terminal.warn(told(text))


def verdict_line(verdict: Mapping[str, object]) -> str:
    """Return what was found of one adapter, on a line."""
    from hubman.cli.verdicts import SIGNS
    from hubman.cli.words import about, value

    said = f"{SIGNS.get(str(verdict['verdict']), '✗')} {value('verdict', str(verdict['verdict']))}"
    if verdict["base"]:
        said = _("{verdict} on {base}").format(verdict=said, base=verdict["base"])
    return about(str(verdict["name"]), said)


@click.command()
@click.option("--jsonl", "as_lines", is_flag=True, help="One JSON report a line for every scan.")
@click.option("--quiet-seconds", type=click.FloatRange(0.1), default=2.0, show_default=True,
              help="Look at a folder when nothing happened in it for so long.")  # fmt: skip
@click.option("--validate", "validates", is_flag=True,
              help="Prove new adapters by rendering, and make their previews.")  # fmt: skip
@click.pass_obj
def watch(session: Session, as_lines: bool, quiet_seconds: float, validates: bool) -> None:
    """Keep the index right while files change. Runs in the foreground until Ctrl-C (or SIGTERM).

    With --validate, adapters that have no proof yet are rendered, the newest first, one at a time and giving way to
    everything else: what is dropped into a folder gets verdict and preview by itself.

    Folders on network shares, and those that `poll` in config.toml names, are looked at from time to time.
    """
    from hubman.app.care import mended
    from hubman.app.sync import options_of
    from hubman.app.unasked_lookup import AskUnasked
    from hubman.app.watching import Watching, WatchOptions
    from hubman.cli.commands.db import tell_rebuilt
    from hubman.errors import N_, NotFoundError

    terminal, progress, ending = Terminal("jsonl" if as_lines else "human"), ProgressLine(), Ending()
    options = WatchOptions(quiet=quiet_seconds, poll=session.config.poll, ignored=(str(session.config.home.resolve()),))

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
        reporter = Reporter(session.config, terminal, progress)
        watching = Watching(
            store,
            (options_of(session.config), options),
            reporter,
            ending.asked,
            progress,
            AskUnasked(session.config, store, time.time_ns()),
            _prover(session, store, reporter) if validates else None,
        )
        try:
            watching.run()
        except KeyboardInterrupt:
            progress.close()
        finally:
            ending.over()

    mended(session.config, work, lambda done: tell_rebuilt(done, terminal))


def _prover(session: Session, store: Store, reporter: Reporter) -> Prover:
    from hubman.app.idle_proving import ProveNewest

    return ProveNewest(session.config, store, reporter.warn)
