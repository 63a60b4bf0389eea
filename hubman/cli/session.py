"""What every command needs: the configuration, the doors to the library, and the options they all share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hubman import config as configuration
from hubman.cli import words
from hubman.cli.terminal import Terminal

if TYPE_CHECKING:
    from hubman.store.door import Store
    from hubman.store.reader import Reader

_home: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command line."""

    config: configuration.Config

    @classmethod
    def start(cls, home: str | None, language: str | None) -> Session:
        """Read the configuration and choose the language."""
        global _home
        _home = home
        words.choose(language or os.environ.get("HUBMAN_LANG", ""))
        config = configuration.load(os.environ, home=home)
        words.choose(language or config.language)
        return cls(config)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Open the library for reading; no SQLAlchemy is imported."""
        from hubman.store.reader import open_reader

        with open_reader(self.config.database) as reader:
            yield reader

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the library for writing, creating or upgrading it first."""
        from hubman.store.door import open_store

        config = self.config
        store = open_store(config.database, config.backups, allow_network=config.allow_network_db)
        try:
            yield store
        finally:
            store.close()


def log_folder() -> Path:
    """Return where a crash is logged, even when the configuration could not be read."""
    return Path(_home or os.environ.get("HUBMAN_HOME") or Path.home() / ".hubman") / "logs"


def answering(*, lists: bool = False, asks: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--json` (for lists `--jsonl`, `-q`; for what asks `--no-input`) and pass a Terminal as `terminal`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, as_json: bool, **kwargs: Any) -> Any:
            as_lines, quiet = kwargs.pop("as_lines", False), kwargs.pop("quiet", False)
            chosen = [mode for mode, on in (("json", as_json), ("jsonl", as_lines), ("quiet", quiet)) if on]
            if len(chosen) > 1:
                raise click.UsageError("Choose one of --json, --jsonl and -q.")
            terminal = Terminal(chosen[0] if chosen else "human", no_input=kwargs.pop("no_input", False))
            return function(*args, terminal=terminal, **kwargs)

        wrapped = click.option("--json", "as_json", is_flag=True, help="One JSON document (docs/json.md).")(wrapper)
        if lists:
            wrapped = click.option("-q", "--quiet", "quiet", is_flag=True, help="Ids only, one a line.")(wrapped)
            wrapped = click.option("--jsonl", "as_lines", is_flag=True, help="One JSON object a line.")(wrapped)
        if asks:
            wrapped = click.option("--no-input", is_flag=True, help="Never ask, even on a terminal.")(wrapped)
        return wrapped

    return decorate
