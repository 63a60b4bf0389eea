"""`hubman sync`."""

from __future__ import annotations

import shlex
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.table import printable
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _, plural, told, value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hubman.app.sync import SyncReport
    from hubman.core.library import Root
    from hubman.store.door import Store
    from hubman.store.rebuild import Rebuilt

MOST_ERRORS = 10


@click.command()
@click.argument("roots", nargs=-1, metavar="[ROOT...]")
@click.option(
    "--hash",
    "hash_mode",
    type=click.Choice(["auto", "all", "none"]),
    help="auto: files up to 2 GB, after the whole library is searchable; all: the large ones too.",
)
@click.option(
    "--nice/--no-nice", default=None, help="Hash at the lowest priority, resting while others use the machine."
)
@click.option("--offline", is_flag=True, help="Ask no hub about new files.")
@click.option("--accept-missing", is_flag=True, help="More than half of a root is gone, and that was meant.")
@click.pass_obj
@answering(asks=True)
def sync(
    session: Session,
    roots: tuple[str, ...],
    hash_mode: str | None,
    nice: bool | None,
    offline: bool,
    accept_missing: bool,
    terminal: Terminal,
) -> int:
    """Scan the roots: identify what is new or changed, hash it, read its sidecars, look it up on the enabled hubs.

    An unchanged file is not opened. Ctrl-C loses nothing: the next run goes on where this one was. A folder given as
    ROOT becomes a root when it is new; inside a root, only that folder is scanned.
    """
    from hubman.app.care import mended
    from hubman.app.sync import Sync, options_of
    from hubman.cli.commands.db import rebuilt_json, take_care, tell_rebuilt

    options = replace(options_of(session.config), accept_missing=accept_missing)
    if hash_mode:
        options = replace(options, hash_mode=hash_mode)
    if nice is not None:
        options = replace(options, nice=nice)
    progress, rebuilt = ProgressLine(), []

    def work(store: Store) -> SyncReport:
        chosen, since_ns = _choose(store, roots), time.time_ns()
        run = Sync(store, options, progress)
        try:
            for folders, members in chosen:
                report = run.run(members, folders)
        finally:
            progress.close()
        _learn_from_cache(store, report, since_ns)
        _look_up(session, store, report, terminal, progress, offline=offline)
        take_care(session.config, terminal)
        return report

    def tell(done: Rebuilt) -> None:
        rebuilt.append(done)
        tell_rebuilt(done, terminal)

    report = mended(session.config, work, tell)
    if terminal.human:
        print_report(report, terminal)
    else:
        terminal.document({**asdict(report), "rebuilt": rebuilt_json(rebuilt)})
    return 0


def _learn_from_cache(store: Store, report: SyncReport, since_ns: int) -> None:
    """Take what Hugging Face's cache on this machine knows of new contents: offline, so nobody needs to say yes."""
    if report.hashed or report.identified:
        from hubman.app.cache_news import CacheNews  # not needed by the scan of an unchanged library

        report.cached = CacheNews(store, since_ns).look()


def _look_up(
    session: Session, store: Store, report: SyncReport, terminal: Terminal, progress: ProgressLine, *, offline: bool
) -> None:
    """Ask the hubs that the user allowed about what is new; at the first time, ask the user."""
    from hubman.cli.consent import ask_consent, can_ask

    if offline or session.config.offline:
        return
    with session.reader() as reader:
        allowed = any(reader.hubs.choices().values())
    if not allowed and not can_ask(terminal):
        return
    from hubman.app.unasked_lookup import look_up_unasked  # not needed by a sync of which no hub is to know
    from hubman.cli.from_hubs import tell_trouble

    ask_consent(session.config, store, terminal)
    try:
        done = look_up_unasked(session.config, store, progress)
    finally:
        progress.close()
    if done is not None:
        report.looked_up, report.found = done.looked_up, done.found
        tell_trouble(done.hubs, terminal)


def _choose(store: Store, folders: tuple[str, ...]) -> list[tuple[tuple[str, ...], list[Root]]]:
    """Return what to scan as (sub-folders, roots): all roots, or the given folders; new ones become roots."""
    from hubman.app.roots import add_root, locate
    from hubman.core.library import SidecarPolicy
    from hubman.errors import N_, NotFoundError
    from hubman.store.reader import open_reader

    chosen: dict[int, tuple[Root, list[str]]] = {}
    for folder in folders:
        with open_reader(store.path) as reader:
            found = locate(reader, folder)
        root, relative = found or (add_root(store, folder, None, SidecarPolicy.OFF), "")
        chosen.setdefault(root.id, (root, []))[1].append(relative)
    if chosen:
        return [(tuple(relatives), [root]) for root, relatives in chosen.values()]
    with open_reader(store.path) as reader:
        everything = reader.roots()
    if not everything:
        raise NotFoundError(
            "no-roots",
            N_("There is no folder to scan yet."),
            hint=N_("Run `hubman roots add FOLDER` (say, the models folder of your WebUI), or `hubman demo`."),
        )
    return [(("",), everything)]


def print_report(report: SyncReport, terminal: Terminal) -> None:
    """Say what a run found, broken files and unreachable roots included."""
    counts = _("{seen} files: {added} new, {modified} changed, {moved} moved, {removed} gone").format(
        seen=report.seen, added=report.added, modified=report.modified, moved=report.moved, removed=report.removed
    )
    work = _("{identified} identified, {hashed} hashed in {seconds:.1f} s").format(
        identified=report.identified, hashed=report.hashed, seconds=report.seconds
    )
    terminal.text(_("; ").join((counts, work)))
    if report.looked_up:
        asked = _("{count} looked up on hubs, {found} found there")
        terminal.text(asked.format(count=report.looked_up, found=report.found))
    if report.cached:
        text = plural("{count} file is known from Hugging Face's cache on this machine",
                      "{count} files are known from Hugging Face's cache on this machine", report.cached)  # fmt: skip
        terminal.text(text.format(count=report.cached))
    for root in report.roots:
        if root["state"] == "unreachable":
            terminal.warn(
                _(
                    "{path} is unreachable, or most of it is gone. Nothing was forgotten. If that was meant: "
                    "hubman sync --accept-missing"
                ).format(path=printable(str(root["path"])))
            )
    for path in report.unsettled[:MOST_ERRORS]:
        terminal.warn(_("{path} is still being written; it is left for later.").format(path=printable(path)))
    _print_notices(report, terminal)
    _print_offers(report, terminal)
    if report.errors:
        terminal.warn(_("Cannot be used ({count}):").format(count=len(report.errors)))
        for entry in report.errors[:MOST_ERRORS]:
            terminal.text(f"  {printable(str(entry['path']))}\n      {printable(told(entry['message']))}")
        if len(report.errors) > MOST_ERRORS:
            terminal.hint(_("… the rest: hubman search is:broken"))


def _print_offers(report: SyncReport, terminal: Terminal) -> None:
    """Say which models wait in a download folder, with the command that files them."""
    if not report.offers:
        return
    terminal.hint(_("New in a download folder; to file it, checked and in its right place:"))
    for path in report.offers[:MOST_ERRORS]:
        terminal.hint(f"  hubman add {printable(shlex.quote(path))}")
    if len(report.offers) > MOST_ERRORS:
        terminal.hint(_("… and {count} more").format(count=len(report.offers) - MOST_ERRORS))


def _printable(entry: Mapping[str, object]) -> dict[str, str]:
    """Make what a line is put together from harmless: a name may hold a line break."""
    return {key: printable(str(value)) for key, value in entry.items()}


def _print_notices(report: SyncReport, terminal: Terminal) -> None:
    """Say of new files which program will not show them, and which hide one another."""
    strange = [entry for entry in report.notices if entry["reference"] == "misplaced"]
    hidden = [entry for entry in report.notices if entry["reference"] == "same-stem"]
    for entry in strange[:MOST_ERRORS]:
        fields = {**_printable(entry), "kind": value("kind", str(entry["kind"]))}
        terminal.warn(_("{path}: a {kind} in {folder!r}, so {program} will not show it.").format(**fields))
    for entry in hidden[:MOST_ERRORS]:
        paths = "\n".join(f"    {printable(path)}" for path in entry["paths"])  # type: ignore[attr-defined]
        wins = entry["wins"] or _("which of them, depends on the file system")
        terminal.warn(
            _("several files are called {stem!r}; {program} loads only one: {wins}\n{paths}").format(
                stem=entry["stem"], program=entry["program"], wins=printable(str(wins)), paths=paths
            )
        )
    if strange:
        terminal.hint(_("To put them right: hubman mv --to-its-place -n"))
    if len(strange) > MOST_ERRORS or len(hidden) > MOST_ERRORS:
        terminal.hint(_("… the rest: hubman doctor"))
