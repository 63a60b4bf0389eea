"""What lies on the stack of the pickle machine in place of things that a real loader would make or import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hubman.core.types import Finding, Safety, TensorInfo
from hubman.errors import Phrase

MAX_FINDINGS = 50
LONGEST_NAME = 160

Value = Any
"""Anything on the machine's stack: plain Python values and the placeholders below."""


class BrokenPickleError(Exception):
    """The stream is no readable pickle; `why` says it in words."""

    def __init__(self, template: str, **fields: object) -> None:
        self.why = Phrase(template, **fields)
        super().__init__(self.why)


class LimitError(BrokenPickleError):
    """The stream asks for more than any model needs: another loader would go on, and what follows is not known."""


@dataclass(frozen=True, slots=True)
class Global:
    """A name that a real loader would import."""

    module: str
    name: str

    def __str__(self) -> str:
        text = f"{self.module}.{self.name}"
        plain = "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_NAME])
        return plain if len(text) <= LONGEST_NAME else plain + "…"


@dataclass(frozen=True, slots=True)
class Storage:
    """The bytes behind a tensor: where they lie (`key`) and how many elements there are."""

    dtype: str
    key: str
    numel: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A tensor and where its numbers begin in a storage, in elements, when they stand there in row-major order."""

    info: TensorInfo
    storage: Storage
    offset: int


@dataclass(eq=False, slots=True)
class Opaque:
    """What a call or a class gives that we do not make. State and items that the file puts in are kept."""

    source: object
    args: Value = ()
    state: Value = None
    items: dict[Value, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class NumpyArray:
    """A numpy array or dtype in the making: the state arrives by BUILD."""

    dtype: str
    shape: tuple[int, ...] = ()


class Notes:
    """What the machine saw: findings by severity, and the storages that tensors refer to."""

    def __init__(self, *, placing: bool = False) -> None:
        """Take `placing`: also remember where the numbers of every tensor lie."""
        self.storages: dict[str, Storage] = {}
        self.places: dict[int, Placed] | None = {} if placing else None
        self._findings: dict[Safety, dict[Finding, None]] = {Safety.UNSAFE: {}, Safety.SUSPICIOUS: {}}
        self._mentions: dict[Global, tuple[Safety, Finding]] = {}

    def add(self, safety: Safety, reference: str, message: Phrase, mention: Global | None = None) -> None:
        """Keep a finding once, and so many of each severity: harmless ones must not crowd out the worst.

        Args:
            mention: the name of which the finding says no more than that it is mentioned.
        """
        alike = self._findings[safety]
        if len(alike) >= MAX_FINDINGS:
            return
        finding = Finding(reference, message)
        alike[finding] = None
        if mention is not None:
            self._mentions[mention] = safety, finding

    def full(self, safety: Safety) -> bool:
        """Whether enough of this severity has been said."""
        return len(self._findings[safety]) >= MAX_FINDINGS

    def replace(self, mention: Global, safety: Safety, reference: str, message: Phrase) -> None:
        """Say what is done with a name instead of only that it is mentioned."""
        known = self._mentions.pop(mention, None)
        if known:
            self._findings[known[0]].pop(known[1], None)
        self.add(safety, reference, message)

    @property
    def findings(self) -> tuple[tuple[Safety, Finding], ...]:
        """All findings, the worst first."""
        return tuple((safety, finding) for safety, alike in self._findings.items() for finding in alike)

    @property
    def verdict(self) -> Safety:
        """The worst of what was found."""
        return next((safety for safety, alike in self._findings.items() if alike), Safety.SAFE)
