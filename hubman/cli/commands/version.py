"""`hubman version`."""

from __future__ import annotations

import importlib.metadata
import platform

import click

from hubman import __version__
from hubman.cli.session import answering
from hubman.cli.terminal import Terminal

PARTS = ("click", "sqlalchemy", "alembic", "watchdog", "torch", "diffusers", "transformers")


@click.command()
@answering()
def version(terminal: Terminal) -> None:
    """Versions of hubman and of what it stands on."""
    from hubman.store.reader import sqlite_version

    parts = {name: _installed(name) for name in PARTS}
    known = {"hubman": __version__, "python": platform.python_version(), "sqlite": sqlite_version(), **parts}
    if not terminal.human:
        terminal.document({"versions": known})
        return
    for name, number in known.items():
        terminal.text(f"{name:<14}{number or '-'}")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
