"""The seams between layers that have more than one real member."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Who wants to know how far a long command is: the terminal, a job's record, nobody."""

    def phase(self, name: str, total: int) -> None:
        """A new phase begins; `total` counts files or bytes, 0 when unknown."""

    def advance(self, amount: int = 1) -> None:
        """Some of the phase is done."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""


class Silence:
    """Progress that nobody watches."""

    def phase(self, name: str, total: int) -> None:
        """Ignore."""

    def advance(self, amount: int = 1) -> None:
        """Ignore."""

    def note(self, text: str) -> None:
        """Ignore."""
