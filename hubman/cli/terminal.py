"""The one place that prints: data to stdout, everything else to stderr; people, JSON, JSON lines, or ids only."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

import click

from hubman.cli.table import Column, render
from hubman.cli.words import _

JSON_SCHEMA = 1


class Terminal:
    """Where a command's answer goes.

    Attributes:
        mode: "human", "json", "jsonl" or "quiet".
        no_input: never ask, even on a terminal.
    """

    def __init__(self, mode: str = "human", *, no_input: bool = False) -> None:
        self.mode = mode
        self.no_input = no_input

    @property
    def human(self) -> bool:
        return self.mode == "human"

    def document(self, content: Mapping[str, object]) -> None:
        """Print one JSON document with the schema number first."""
        click.echo(json.dumps({"schema": JSON_SCHEMA, **content}, ensure_ascii=False, indent=2, default=str))

    def lines(self, objects: Iterable[Mapping[str, object]]) -> None:
        """Print one JSON object a line."""
        for entry in objects:
            click.echo(json.dumps(entry, ensure_ascii=False, default=str))

    def ids(self, ids: Iterable[str]) -> None:
        """Print ids only, one a line, for pipes."""
        for entry in ids:
            click.echo(entry)

    def text(self, line: str = "") -> None:
        """Print a line of the answer."""
        click.echo(line)

    def heading(self, line: str) -> None:
        """Print a line of the answer that leads the following ones."""
        click.secho(line, bold=True)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, as wide as the terminal allows; piped, as wide as it takes."""
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        lines = render(columns, rows, width)
        click.secho(lines[0], bold=True)
        for line in lines[1:]:
            click.echo(line)

    def hint(self, line: str) -> None:
        """Print something that is not part of the answer."""
        if self.mode != "quiet":
            click.secho(line, err=True, dim=True)

    def warn(self, line: str) -> None:
        """Print what the user should know before trusting the answer."""
        click.secho(_("warning: {text}").format(text=line), err=True, fg="yellow")


class ProgressLine:
    """One line on stderr that shows phase, count, rate and time left; silent when stderr is no terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._name, self._total, self._done = "", 0, 0
        self._started = self._drawn = 0.0

    def phase(self, name: str, total: int) -> None:
        """Begin a phase; for hashing the total counts bytes."""
        self._name, self._total, self._done = name, total, 0
        self._started, self._drawn = time.monotonic(), 0.0

    def advance(self, amount: int = 1) -> None:
        """Count, and redraw at most ten times a second."""
        self._done += amount
        now = time.monotonic()
        if self._live and now - self._drawn > 0.1:
            self._drawn = now
            click.echo("\r\x1b[2K" + self._line(now), err=True, nl=False)

    def note(self, text: str) -> None:
        """Print a line of its own above the progress."""
        self.close()
        click.secho(text, err=True, dim=True)

    def close(self) -> None:
        """Take the line away."""
        if self._live:
            click.echo("\r\x1b[2K", err=True, nl=False)

    def _line(self, now: float) -> str:
        spent = max(now - self._started, 1e-6)
        rate = self._done / spent
        in_bytes = self._name == "hash"
        amount = human_size(self._done) if in_bytes else f"{self._done:,}"
        speed = f"{human_size(int(rate))}/s" if in_bytes else f"{rate:,.0f}/s"
        left = ""
        if self._total > self._done and rate > 0:
            total = human_size(self._total) if in_bytes else f"{self._total:,}"
            seconds = int((self._total - self._done) / rate)
            left = f" / {total}   {seconds // 60}:{seconds % 60:02d}"
        return f"{_PHASES.get(self._name, lambda: self._name)()}  {amount}{left}   {speed}"


_PHASES = {
    "scan": lambda: _("scanning"),
    "identify": lambda: _("reading headers"),
    "hash": lambda: _("hashing"),
    "validate": lambda: _("validating"),
}


def human_size(size: int) -> str:
    """Write a size as people say it, in decimal units: 13 KB, 228 MB, 6.9 GB."""
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    digits = 1 if amount < 9.95 and unit in ("GB", "TB") else 0
    return f"{amount:.{digits}f} {unit}"
