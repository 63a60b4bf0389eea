"""`hubman search` and `hubman ls`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.core.library import ModelFile
    from hubman.store.reader import Reader


SHOWN = 50
"""Models that `search` lists to a person or in one document."""


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, required=True, metavar="QUERY...")
@click.option(
    "--limit", type=click.IntRange(1), help=f"Most models listed (default: {SHOWN}; with -q and --jsonl all)."
)
@click.pass_obj
@answering(lists=True)
def search(session: Session, words: tuple[str, ...], limit: int | None, terminal: Terminal) -> None:
    """Find models by text and fields; no hit is no error.

    \b
    hubman search 水墨                   in name, trigger words, tags, author, description, note
    hubman search ink type:lora base:sdxl -tag:nsfw size:>200mb added:<7d sort:-added
    hubman search has:preview is:fav rating:>=4 lineage:pony "exact phrase"
    """
    if limit is None and terminal.mode in ("human", "json"):
        limit = SHOWN
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
    """Run a query and print the answer; when nothing is found, say what may have been meant."""
    from hubman.core.query import parse_query, query_text

    started = time.perf_counter()
    now = time.time_ns()
    text = query_text(words)
    query = parse_query(text, now)
    with session.reader() as reader:
        if terminal.mode == "jsonl":
            terminal.lines(_json(reader.hits(query, limit)))
        elif terminal.mode == "quiet":
            terminal.ids(reader.hit_names(query, limit))
        else:
            total, files = reader.search(query, limit)
            near = [] if total else _near(reader, text, now)
            if terminal.mode == "json":
                terminal.document({"total": total, "models": list(_json(files)), "suggestions": near})
            else:
                _show(files, _Counts(total, reader.count(), time.perf_counter() - started), terminal)
                _suggest(near, terminal)


def _near(reader: Reader, text: str, now_ns: int) -> list[str]:
    from hubman.app.suggesting import suggestions

    return suggestions(reader, text, now_ns)


def _suggest(near: Sequence[str], terminal: Terminal) -> None:
    if near:
        terminal.hint(_("Did you mean: {near}").format(near="   ".join(near)))


def _json(files: Iterable[ModelFile]) -> Iterator[dict[str, object]]:
    from hubman.app.library import model_json

    return map(model_json, files)


class _Counts(NamedTuple):
    """Hits, files in the library, and the seconds that finding them took."""

    hits: int
    everything: int
    seconds: float


def _show(files: Sequence[ModelFile], counts: _Counts, terminal: Terminal) -> None:
    from hubman.cli import listing

    if files:
        terminal.table(listing.columns(), listing.rows(files))
    line = _("{hits:,} of {all:,} · {milliseconds:.0f} ms").format(
        hits=counts.hits, all=counts.everything, milliseconds=counts.seconds * 1000
    )
    terminal.hint("   ".join(part for part in (line, listing.legend(files)) if part))
    if counts.hits > len(files):
        more = counts.hits - len(files)
        terminal.hint(_("{count:,} more: --limit {total}").format(count=more, total=counts.hits))
