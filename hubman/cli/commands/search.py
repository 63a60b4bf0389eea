"""`hubman search` and `hubman ls`."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, required=True, metavar="QUERY...")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Most models listed.")
@click.pass_obj
@answering(lists=True)
def search(session: Session, words: tuple[str, ...], limit: int, terminal: Terminal) -> None:
    """Find models by text and fields; no hit is no error.

    \b
    hubman search 水墨                   in name, trigger words, tags, author, description
    hubman search ink type:lora base:sdxl -tag:nsfw size:>200mb added:<7d sort:-added
    hubman search has:preview is:unsafe "exact phrase"
    """
    find(session, words, limit, terminal)


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@click.option("--limit", type=click.IntRange(1), help="Most models listed (default: all).")
@click.pass_obj
@answering(lists=True)
def ls(session: Session, words: tuple[str, ...], limit: int | None, terminal: Terminal) -> None:
    """List models, all of them or those of a query."""
    find(session, words, limit, terminal)


def find(session: Session, words: Sequence[str], limit: int | None, terminal: Terminal) -> None:
    """Run a query and print the answer."""
    from hubman.app.library import model_json
    from hubman.cli import listing
    from hubman.core.query import parse_query, query_text

    started = time.perf_counter()
    query = parse_query(query_text(words), time.time_ns())
    with session.reader() as reader:
        total, files = reader.search(query, limit)
        everything = reader.count() if terminal.human else 0
    if terminal.mode == "json":
        terminal.document({"total": total, "models": [model_json(file) for file in files]})
    elif terminal.mode == "jsonl":
        terminal.lines(model_json(file) for file in files)
    elif terminal.mode == "quiet":
        terminal.ids(file.id for file in files)
    else:
        if files:
            terminal.table(listing.columns(), listing.rows(files))
        spent = (time.perf_counter() - started) * 1000
        counts = _("{hits:,} of {all:,} · {milliseconds:.0f} ms").format(hits=total, all=everything, milliseconds=spent)
        terminal.hint("   ".join(part for part in (counts, listing.legend(files)) if part))
        if total > len(files):
            terminal.hint(_("{count:,} more: --limit {total}").format(count=total - len(files), total=total))
