"""Several downloads at once on stderr: a line each, redrawn in place; without a terminal, a line where one begins.

A bar is a `Progress` (core/ports.py): phase, advance and note may come from any thread.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import click

from hubman.cli.table import cells, clip, pad, printable
from hubman.cli.terminal import human_size, safe
from hubman.cli.words import _, about, plural

REDRAW_S = 0.1
AT_ONCE_S = 0.02
WINDOW_S = 8.0
"""Seconds over which the speed is taken: a mean since the beginning would hide that it stalls."""


class Bar:
    """One download: its name, how much of it is there, how fast it comes."""

    def __init__(self, bars: Bars, label: str) -> None:
        self._bars = bars
        self.label = label
        self._phase, self._total, self._done = "", 0, 0
        self._recent: deque[tuple[float, int]] = deque()
        self.ended = False

    def phase(self, name: str, total: int) -> None:
        """A new phase begins; `total`: bytes, 0 when unknown."""
        with self._bars.lock:
            self._phase, self._total, self._done = name, total, 0
            self._recent.clear()
            self._recent.append((time.monotonic(), -1))  # nothing came yet
        self._bars.begun(self)

    def advance(self, amount: int = 1) -> None:
        """Some of it came."""
        with self._bars.lock:
            self._done += amount
            now = time.monotonic()
            if self._recent and self._recent[0][1] < 0:
                began = self._recent.popleft()[0]
                # What is there at once was there before (an earlier run's): it says nothing of the speed.
                self._recent.append((began, self._done if now - began < AT_ONCE_S else 0))
            self._recent.append((now, self._done))
            while len(self._recent) > 2 and (now - self._recent[0][0] > WINDOW_S or len(self._recent) > 512):
                self._recent.popleft()
        self._bars.redraw()

    def note(self, text: str) -> None:
        """Something worth a line happened."""
        self._bars.say(about(self.label, text))

    def end(self) -> None:
        """The download is over: its line goes."""
        self.ended = True
        self._bars.redraw(now=True)

    def line(self, width: int) -> str:
        """Return the line of this bar, less than so many cells."""
        room = max(4, width - 1 - cells(tail := self._tail()) - 2)
        return clip(pad(clip(printable(self.label), room), room) + "  " + tail, width - 1)

    def _tail(self) -> str:
        if self._phase not in ("", "download"):
            return _PHASES.get(self._phase, lambda: self._phase)()
        speed = self._speed()
        rate = f"{human_size(int(speed))}/s" if speed else ""
        if not self._total:
            return f"{human_size(self._done)}  {rate:>9}           "
        share = min(100, self._done * 100 // self._total)
        left = _time(int((self._total - self._done) / speed)) if speed else "-:--"
        amount = f"{human_size(self._done)} / {human_size(self._total)}"
        return f"{share:3}%  {amount:>15}  {rate:>9}  {left:>7}"

    def _speed(self) -> float:
        (start, before), (end, after) = self._recent[0] if self._recent else (0.0, 0), (time.monotonic(), self._done)
        return (after - max(0, before)) / (end - start) if end - start > 0.2 else 0.0


_PHASES = {
    "check": lambda: _("checking"),
    "verify": lambda: _("verifying"),
    "wait": lambda: _("waiting"),
    "copy": lambda: _("copying"),
    "hash": lambda: _("hashing"),
}


def _time(seconds: int) -> str:
    hours, rest = divmod(max(0, seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


class Bars:
    """The lines of all downloads under way. A context manager: leaving it takes them away."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._live = sys.stderr.isatty()
        self._bars: list[Bar] = []
        self._told: set[int] = set()
        self._widths: list[int] = []  # of the lines that are drawn
        self._drawn = 0.0
        self.expected = 0
        """Downloads in all; those without a bar yet are told as waiting."""

    def bar(self, label: str) -> Bar:
        """Return the bar of one more download."""
        bar = Bar(self, label)
        with self.lock:
            self._bars.append(bar)
        return bar

    def begun(self, bar: Bar) -> None:
        """Say that a bar has begun, where nothing is drawn."""
        if self._live:
            self.redraw(now=True)
        elif id(bar) not in self._told and bar._phase == "download":
            self._told.add(id(bar))
            size = f" ({human_size(bar._total)})" if bar._total else ""
            click.echo(safe(_("downloading {name}").format(name=bar.label) + size), err=True)

    def say(self, text: str, *, fg: str | None = None) -> None:
        """Print a line above the bars."""
        with self.lock:
            self._wipe()
            click.secho(safe(text), err=True, fg=fg, dim=fg is None)
            self.redraw(now=True)

    def above(self, show: Callable[[], None]) -> None:
        """Let something be printed where the bars are; they come back below it."""
        with self.lock:
            self._wipe()
            show()
            sys.stdout.flush()
            self.redraw(now=True)

    def redraw(self, *, now: bool = False) -> None:
        """Draw all lines anew, at most ten times a second."""
        if not self._live:
            return
        with self.lock:
            moment = time.monotonic()
            if not now and moment - self._drawn < REDRAW_S:
                return
            self._drawn = moment
            self._wipe()
            import shutil

            size = shutil.get_terminal_size()
            shown = [bar for bar in self._bars if not bar.ended and bar._phase][: max(1, size.lines - 2)]
            lines = [bar.line(size.columns) for bar in shown]
            if shown and (more := self.expected - len(self._bars)) > 0:
                text = plural("{count} more is waiting", "{count} more are waiting", more).format(count=more)
                lines.append(clip(text, size.columns - 1))
            click.echo("".join(line + "\n" for line in lines), err=True, nl=False)
            self._widths = [cells(line) for line in lines]

    def _wipe(self) -> None:
        if self._live and self._widths:
            import shutil

            columns = max(1, shutil.get_terminal_size().columns)  # a window that became narrower has wrapped them
            rows = sum(max(1, -(-width // columns)) for width in self._widths)
            click.echo(f"\x1b[{rows}F\x1b[J", err=True, nl=False)
            self._widths = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.lock:
            self._wipe()
            self._bars.clear()
