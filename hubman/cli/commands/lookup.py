"""`hubman lookup`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.from_hubs import tell_trouble
from hubman.cli.session import Session, answering
from hubman.cli.table import Column, printable
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _, plural
from hubman.core.hub_titles import title_of
from hubman.errors import N_, UsageError

if TYPE_CHECKING:
    from hubman.app.hubs import OpenHubs
    from hubman.app.lookup import LookupReport
    from hubman.core.library import ModelFile

MOST_SHOWN = 10


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@click.option("--hub", "names", multiple=True, metavar="NAME", help="Ask this hub only; may be said several times.")
@click.option("--again", is_flag=True, help="Ask about what was not known lately, too, and refresh all that is known.")
@click.option("--previews/--no-previews", default=True, help="Fetch pictures for models that have none (at most 200).")
@click.option("-n", "--dry-run", is_flag=True, help="Only say how many hashes would be sent to whom.")
@click.pass_obj
@answering()
def lookup(
    session: Session,
    words: tuple[str, ...],
    names: tuple[str, ...],
    again: bool,
    previews: bool,
    dry_run: bool,
    terminal: Terminal,
) -> int:
    """Ask the hubs about local files by their hash: trigger words, pages, licences, newer versions.

    Saying this is a yes for this call; hubs that you disabled, and unofficial ones, are asked only when --hub names
    them. Nothing but hashes is sent (docs/lookup.md). Exit code 4: no hub answered.
    """
    from hubman.app.cached_sources import learn_from_cache
    from hubman.app.hubs import open_hubs
    from hubman.app.lookup import AskedHub, look_up
    from hubman.app.provenance import fetch_pictures
    from hubman.app.sidecars import write_known
    from hubman.cli.said import tell_written

    files, chosen = _files(session, words), _hubs(session, names)
    with open_hubs(session.config, chosen) as hubs:
        if dry_run:
            _tell_plan(session, hubs, files, names, terminal, again=again)
            return 0
        progress = ProgressLine()
        try:
            with session.store() as store:
                cached, untold = learn_from_cache(session.config, store)
                report = look_up(
                    store, hubs, files, again=again, progress=progress, named=chosen if names else (), refresh=True
                )
                report.cached = len({match.sha256 for match in cached})
                report.contents |= {match.sha256 for match in cached}
                if previews and not report.failed:
                    contents = None if files is None else {file.hashes.sha256 for file in files if file.hashes}
                    folder = session.config.previews
                    pictures = fetch_pictures(store, hubs, folder, progress, contents)
                    report.pictures, report.contents = len(pictures), report.contents.union(pictures)
                written = write_known(store, report.contents)
                report.sidecars = written.paths
        finally:
            progress.close()
    if terminal.human:
        _print(report, session, terminal)
    else:
        terminal.document(report.to_json())
    tell_written(written, terminal)
    tell_trouble([*report.hubs, *([AskedHub("huggingface", trouble=untold)] if untold else [])], terminal)
    return next((entry.trouble.exit_code for entry in report.hubs if entry.trouble), 4) if report.failed else 0


def _files(session: Session, words: tuple[str, ...]) -> list[ModelFile] | None:
    """Return the hits of the query; None without one: all of the library."""
    from hubman.core.query import parse_query, query_text

    with session.reader() as reader:
        if not words:
            return None
        return reader.search(parse_query(query_text(words), time.time_ns()))[1]


def _hubs(session: Session, names: tuple[str, ...]) -> list[str]:
    """Return the hubs to ask: those that are named, else all that take hashes and that the user did not disable.

    Raises:
        NotFoundError: `hub-unknown`. UsageError: `no-hub-to-ask`.
    """
    from hubman.app.hubs import check_name, hub_names
    from hubman.hubs import class_of

    with session.reader() as reader:
        choices = reader.hubs.choices()
    if names:
        chosen = list(dict.fromkeys(check_name(name) for name in names))
    else:
        usual = {name: choices.get(name, not class_of(name).needs_yes) for name in hub_names()}
        chosen = [name for name, yes in usual.items() if yes]
    chosen = [name for name in chosen if class_of(name).hash_kinds]
    if not chosen:
        raise UsageError(
            "no-hub-to-ask",
            N_("There is no hub to ask: you disabled them, or those you named take no hashes."),
            hint=N_("Name one for this call: hubman lookup --hub civitai. Or allow it: hubman hubs enable civitai"),
        )
    return chosen


def _tell_plan(
    session: Session,
    hubs: OpenHubs,
    files: list[ModelFile] | None,
    names: tuple[str, ...],
    terminal: Terminal,
    *,
    again: bool,
) -> None:
    from hubman.app.lookup import contents_of, wanted_from

    now_ns, contents = time.time_ns(), contents_of(files)
    with session.reader() as reader:
        counts = {
            name: len(wanted_from(reader, name, contents, now_ns, again=again, thorough=bool(names))) for name in hubs
        }
        unhashed = reader.hubs.unhashed()
    if not terminal.human:
        plan = [{"hub": name, "hashes": count, "address": hubs.base(name)} for name, count in counts.items()]
        terminal.document({"dry_run": True, "would_ask": plan, "unhashed": unhashed})
        return
    for name, count in counts.items():
        text = plural("{hub}: {count} hash would be sent to {address}",
                      "{hub}: {count} hashes would be sent to {address}", count)  # fmt: skip
        terminal.text(text.format(hub=title_of(name), count=count, address=hubs.base(name)))
    if len(counts) > 1:
        terminal.hint(_("What one hub knows is not asked of the next."))
    _tell_unhashed(unhashed, terminal)


def _print(report: LookupReport, session: Session, terminal: Terminal) -> None:
    if report.hubs:
        columns = [Column(_("HUB"))]
        columns += [
            Column(name, right=True) for name in (_("ASKED"), _("FOUND"), _("NOT THERE"), _("RENEWED"), _("CALLS"))
        ]
        rows = [
            [title_of(hub.hub), *map(str, (hub.asked, hub.found, hub.missed, hub.refreshed, hub.calls))]
            for hub in report.hubs
        ]
        terminal.table(columns, rows)
    else:
        terminal.text(_("Nothing to ask: all is known, or was asked about lately (--again asks all the same)."))
    if report.cached:
        text = plural("{count} file is known from Hugging Face's cache on this machine",
                      "{count} files are known from Hugging Face's cache on this machine", report.cached)  # fmt: skip
        terminal.text(text.format(count=report.cached))
    gone = sum(hub.gone for hub in report.hubs)
    if gone:
        text = plural("{count} version is gone from its hub; what hubman knows stays: hubman search is:gone",
                      "{count} versions are gone from their hub; what hubman knows stays: hubman search is:gone",
                      gone)  # fmt: skip
        terminal.text(text.format(count=gone))
    if report.pictures:
        terminal.text(plural("{count} picture fetched", "{count} pictures fetched", report.pictures).format(
            count=report.pictures
        ))  # fmt: skip
    _tell_waiting(report, terminal)
    _tell_other_headers(report, session, terminal)
    _tell_unhashed(report.unhashed, terminal)


def _tell_waiting(report: LookupReport, terminal: Terminal) -> None:
    """Say which hubs answer about one hash at a time and were not asked about all of them now."""
    for hub in report.hubs:
        if hub.waiting and hub.trouble is None:
            text = plural("{hub} was not asked about {count} file yet: hubman lookup goes on with it",
                          "{hub} was not asked about {count} files yet: hubman lookup goes on with them",
                          hub.waiting)  # fmt: skip
            terminal.hint(text.format(hub=title_of(hub.hub), count=hub.waiting))


def _tell_other_headers(report: LookupReport, session: Session, terminal: Terminal) -> None:
    """Say which files were found by their weights: somebody edited their header."""
    if not report.other_header:
        return
    with session.reader() as reader:
        files = reader.of_subjects(report.other_header[:MOST_SHOWN])
    terminal.hint(_("Found by their weights (AutoV3); the header of your file is another one than the hub's:"))
    for file in files[:MOST_SHOWN]:
        terminal.hint(f"  {file.id}  {printable(file.path)}")
    if len(report.other_header) > MOST_SHOWN:
        terminal.hint("  …")


def _tell_unhashed(count: int, terminal: Terminal) -> None:
    if count:
        text = plural("{count} file has no hash yet: hubman sync --hash all",
                      "{count} files have no hash yet: hubman sync --hash all", count)  # fmt: skip
        terminal.hint(text.format(count=count))
