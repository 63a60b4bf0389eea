"""Layouts that no installed package builds: written down from the models' own code."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpora.generate.case import Case


def cases() -> Iterator[Case]:
    yield from ()
