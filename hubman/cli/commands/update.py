"""`hubman update`."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import click

from hubman.cli.asking import confirm
from hubman.cli.commands.outdated import exit_code, look, models_of, show, tell, tell_troubles
from hubman.cli.exclusions import QueryCommand
from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _, about, error_text, plural, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hubman.app.hubs import OpenHubs
    from hubman.app.updating import Outdated, Report, Updated


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY...]")
@click.option("--replace", is_flag=True, help="The old file goes to the trash when the new one is in its place.")
@click.option("--early-access", is_flag=True, help="Also versions that must be paid for (with your token).")
@click.option("--jobs", type=click.IntRange(1, 16), metavar="N", help="Files at the same time (default: the config's).")
@click.option("--pin", "pins", multiple=True, metavar="MODEL", help="Leave this model as it is from now on.")
@click.option("--unpin", "unpins", multiple=True, metavar="MODEL", help="Update this model again.")
@click.option("--offline", is_flag=True, help="Do not use the network (then nothing can be updated).")
@click.option("-n", "--dry-run", is_flag=True, help="Only list what would be fetched.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
@answering(asks=True)
def update(
    session: Session,
    words: tuple[str, ...],
    replace: bool,
    early_access: bool,
    jobs: int | None,
    pins: tuple[str, ...],
    unpins: tuple[str, ...],
    offline: bool,
    dry_run: bool,
    yes: bool,
    terminal: Terminal,
) -> int:
    """Fetch newer versions of your models beside the old ones: same base, same variant, verified like any download.

    Without QUERY: of all models. The old file stays unless --replace is said, which moves it to the trash.
    """
    from hubman.app.hubs import open_hubs

    if pins or unpins:
        if words or replace or early_access:
            raise click.UsageError("--pin and --unpin go alone.")
        _pin(session, pins, unpins, terminal)
        return 0
    with open_hubs(session.config, offline=offline) as hubs:
        report = look(session, hubs, models_of(session, words), early_access=early_access)
        if terminal.human:
            show(report.outdated, terminal)
        if dry_run or not report.outdated:
            return _nothing(report, terminal, dry_run=dry_run)
        confirm(_question(report), terminal, yes=yes)
        done = _fetch(session, hubs, report, terminal, replace=replace, jobs=jobs)
    if terminal.human and any(entry.pulled is not None and entry.pulled.entry for entry in done):
        terminal.hint(_("To take it back, the latest first: hubman undo"))
    if not terminal.human:
        terminal.document({**report.to_json(), "dry_run": False, "updated": [entry.to_json() for entry in done]})
    tell_troubles(report, terminal)
    return max((entry.error.exit_code for entry in done if entry.error), default=exit_code(report))


def _pin(session: Session, pins: Sequence[str], unpins: Sequence[str], terminal: Terminal) -> None:
    from hubman.app.library import find_one
    from hubman.app.moving import places_of
    from hubman.app.updating import pin

    with session.reader() as reader:
        kept, freed = [places_of(reader, text)[0] for text in pins], [find_one(reader, text) for text in unpins]
    with session.store() as store:
        pin(store, kept, pinned=True)
        pin(store, freed, pinned=False)
    if not terminal.human:
        terminal.document({"pinned": [file.id for file in kept], "unpinned": [file.id for file in freed]})
        return
    for file in kept:
        terminal.text(_("{name} stays as it is.").format(name=file.name))
    for file in freed:
        terminal.text(_("{name} is updated again.").format(name=file.name))


def _nothing(report: Report, terminal: Terminal, *, dry_run: bool) -> int:
    if not terminal.human:
        terminal.document({**report.to_json(), "dry_run": dry_run, "updated": []})
    else:
        tell(report, terminal)
        if dry_run and report.outdated:
            terminal.hint(_("Nothing was fetched (-n)."))
    tell_troubles(report, terminal)
    return exit_code(report)


def _question(report: Report) -> str:
    sizes = [entry.update.file.size or entry.update.file.about or 0 for entry in report.outdated]
    text = plural("Fetch {count} file ({size})?", "Fetch {count} files ({size})?", len(sizes))
    return text.format(count=len(sizes), size=human_size(sum(sizes)))


def _fetch(
    session: Session, hubs: OpenHubs, report: Report, terminal: Terminal, *, replace: bool, jobs: int | None
) -> list[Updated]:
    """Fetch several at once; one that fails is said and the others go on."""
    from hubman.app.local_copy import from_caches
    from hubman.app.pull import PullOptions
    from hubman.app.updating import Fetching, update_all
    from hubman.cli.bars import Bar, Bars

    config = session.config
    options = PullOptions(home=config.home, connections=config.connections, source=from_caches)
    running: dict[int, Bar] = {}

    def begin(entry: Outdated) -> Bar:
        bar = running[id(entry)] = bars.bar(entry.file.name)
        return bar

    def ended(outcome: Updated) -> None:
        if (bar := running.pop(id(outcome.outdated), None)) is not None:
            bar.end()
        bars.above(lambda: _say(outcome, terminal))

    with session.store() as store, Bars() as bars:
        bars.expected = len(report.outdated)
        how = Fetching(jobs or config.downloads, replace, begin, ended, Event())
        try:
            return update_all(store, hubs, report.outdated, options, how)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(_("stopped; what came is kept. Go on with: hubman pull --resume")) from error


def _say(outcome: Updated, terminal: Terminal) -> None:
    from hubman.app.trigger_card import trigger_card

    name = outcome.outdated.file.name
    if outcome.error is not None:
        message, hint = error_text(outcome.error)
        terminal.warn(about(name, told(message)) + (f" {told(hint)}" if hint else ""))
    if outcome.pulled is None or not terminal.human:
        return
    terminal.text(f"{name} -> {outcome.pulled.path}")
    if outcome.pulled.model is not None:
        card = trigger_card(outcome.pulled.model)
        terminal.text("  " + _("paste: {text}").format(text=card.copy_positive or card.copy_negative))
    for notice in outcome.pulled.notices:
        terminal.hint(told(notice))
    if outcome.replaced is not None:
        terminal.hint(_("The old one is in the trash: hubman trash restore {name}").format(name=name))
