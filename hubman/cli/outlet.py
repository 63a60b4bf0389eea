"""stdout and stderr as this program needs them: any name can be written, and a failure has an exception of its own."""

from __future__ import annotations

import contextlib
import io
import os
import sys


class OutputLostError(Exception):
    """The answer cannot be written. No OSError: click ends the program with code 1 on a broken pipe."""

    def __init__(self, cause: OSError) -> None:
        self.cause = cause
        super().__init__(str(cause))


class Outlet(io.TextIOWrapper):
    """A standard stream. What its encoding lacks is written as an escape; after a failure the rest goes nowhere.

    `needed`: without this stream there is no answer (stdout); else a failure is passed over (stderr).
    """

    def __init__(self, stream: io.TextIOWrapper, *, needed: bool) -> None:
        encoding, lines, through = stream.encoding, stream.line_buffering, stream.write_through
        self._needed = needed
        super().__init__(
            stream.detach(), encoding=encoding, errors="backslashreplace", line_buffering=lines, write_through=through
        )

    def write(self, text: str) -> int:
        if text == "":
            return 0  # click's question whether text can be written: a full disk refuses even nothing
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Let the rest go nowhere: the interpreter would try to write it once more at its end, and complain."""
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())
        if self._needed:
            raise OutputLostError(error) from error


def install() -> None:
    """Replace the standard streams; one that was closed (`hubman ls >&-`) becomes one that nobody reads.

    That comes first: else a file of ours would get the closed stream's number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            outlet = Outlet(stream, needed=name == "stdout")
            setattr(sys, name, outlet)
            setattr(sys, f"__{name}__", outlet)
