"""The one place that prints: data to stdout, everything else to stderr; people, JSON, JSON lines, or ids only."""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from hubman.cli.table import Column, clip, printable, render
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
        click.echo(json_text({"schema": JSON_SCHEMA, **content}, indent=2))

    def lines(self, objects: Iterable[Mapping[str, object]]) -> None:
        """Print one JSON object a line."""
        for entry in objects:
            click.echo(json_text(entry))

    def ids(self, ids: Iterable[str]) -> None:
        """Print ids only, one a line, for pipes."""
        for entry in ids:
            click.echo(entry)

    def text(self, line: str = "") -> None:
        """Print a line of the answer."""
        click.echo(safe(line))

    def heading(self, line: str) -> None:
        """Print a line of the answer that leads the following ones."""
        click.secho(safe(line), bold=True)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, as wide as the terminal allows; piped, as wide as it takes."""
        lines = render(columns, rows, _terminal_width() if sys.stdout.isatty() else None)
        self.heading(lines[0])
        if lines[1:]:
            self.text("\n".join(lines[1:]))

    def hint(self, line: str) -> None:
        """Print something that is not part of the answer."""
        if self.mode != "quiet":
            aside(line, dim=True)

    def warn(self, line: str) -> None:
        """Print what the user should know before trusting the answer."""
        aside(_("warning: {text}").format(text=line), fg="yellow")


def _terminal_width() -> int:
    import shutil  # 2 ms, for its order of asking: COLUMNS, the terminal, 80

    return shutil.get_terminal_size().columns


def safe(text: str) -> str:
    """Make a text harmless for the terminal; its own line breaks stay.

    Everything that a person reads goes through here: names, words and messages are what strangers wrote.
    """
    return "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))


def aside(text: str, *, fg: str | None = None, dim: bool | None = None) -> None:
    """Print on stderr what is not the answer."""
    click.secho(safe(text), err=True, fg=fg, dim=dim)


def json_text(content: object, indent: int | None = None) -> str:
    """Write JSON that is valid whatever stdout can encode: escaped beyond ASCII unless that is Unicode.

    Half characters (a name that is no UTF-8) and line ends other than LF are always escaped, what is no number is null.
    """
    codec = codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name
    options: dict[str, Any] = {"ensure_ascii": not codec.startswith("utf"), "indent": indent, "default": str}
    try:
        text = json.dumps(content, allow_nan=False, **options)
    except ValueError:
        text = json.dumps(_finite(content), **options)
    return re.sub(_ALWAYS_ESCAPED, lambda match: f"\\u{ord(match[0]):04x}", text)


_ALWAYS_ESCAPED = "[\ud800-\udfff\x85\u2028\u2029]"  # compiled when needed: 3 ms


def _finite(content: object) -> object:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content


class ProgressLine:
    """One line on stderr that shows phase, count, rate and time left; silent when stderr is no terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._name, self._total, self._done = "", 0, 0
        self._started = self._drawn = 0.0
        self._left: float | None = None

    def phase(self, name: str, total: int) -> None:
        """Begin a phase; for hashing the total counts bytes. `lookup:civitai` is the phase of one hub.

        It is shown at once: the first answer of a hub may take half a minute.
        """
        self._name, self._total, self._done, self._left = name, total, 0, None
        self._started, self._drawn = time.monotonic(), 0.0
        if self._live and total:
            self._draw(self._line(self._started))

    def advance(self, amount: int = 1) -> None:
        """Count, and redraw at most ten times a second."""
        self._done += amount
        now = time.monotonic()
        if self._live and now - self._drawn > 0.1:
            self._drawn = now
            self._draw(self._line(now))

    def expect(self, seconds: float | None) -> None:
        """Show this time left in place of the one that the rate gives: who counts knows what the rest is made of."""
        self._left = seconds

    def note(self, text: str) -> None:
        """Print a line of its own above the progress."""
        self.close()
        aside(text, dim=True)

    def close(self) -> None:
        """Take the line away."""
        if self._live:
            self._draw("")

    def _draw(self, line: str) -> None:
        """Replace the line; one that is wrapped could not be taken away again, so it is cut."""
        click.echo("\r\x1b[2K" + clip(line, _terminal_width() - 1), err=True, nl=False)

    def _line(self, now: float) -> str:
        spent = max(now - self._started, 1e-6)
        rate = self._done / spent
        name, _colon, hub = self._name.partition(":")
        in_bytes = name in ("hash", "verify", "unpack")
        amount = human_size(self._done) if in_bytes else f"{self._done:,}"
        if in_bytes:
            speed = f"{human_size(int(rate))}/s"
        else:
            speed = f"{rate:,.0f}/s" if rate >= 1 else f"{rate * 60:.1f}/min"
        what = _PHASES.get(name, lambda: name)() + (f" {hub}" if hub else "")
        if not self._done and self._total:
            return f"{what}  0 / {human_size(self._total) if in_bytes else f'{self._total:,}'}"
        left = ""
        if self._total > self._done and rate > 0:
            total = human_size(self._total) if in_bytes else f"{self._total:,}"
            seconds = int((self._total - self._done) / rate if self._left is None else self._left)
            hours, minutes = seconds // 3600, seconds // 60
            clock = f"{hours}:{minutes % 60:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
            left = f" / {total}   {clock}"
        return f"{what}  {amount}{left}   {speed}"


_PHASES = {
    "scan": lambda: _("scanning"),
    "identify": lambda: _("reading headers"),
    "hash": lambda: _("hashing"),
    "validate": lambda: _("validating"),
    "sheet": lambda: _("rendering"),
    "render": lambda: _("rendering"),
    "sketch": lambda: _("reading weights"),
    "compare": lambda: _("comparing weights"),
    "verify": lambda: _("verifying"),
    "find": lambda: _("asking hubs"),
    "lookup": lambda: _("asking"),
    "renew": lambda: _("renewing what is known from"),
    "outdated": lambda: _("asking for newer versions"),
    "unpack": lambda: _("unpacking"),
    "pictures": lambda: _("fetching pictures"),
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
