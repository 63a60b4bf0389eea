"""`hubman add`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from hubman.cli.from_hubs import hub_trouble
from hubman.cli.said import tell_written
from hubman.cli.session import Session, answering
from hubman.cli.terminal import ProgressLine, Terminal, aside
from hubman.cli.words import _, about, error_text, plural, told, value

if TYPE_CHECKING:
    from hubman.app.adding import Adding, Filed
    from hubman.app.adding_pages import Dressed, KnownPages
    from hubman.errors import HubmanError
    from hubman.store.door import Store


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE|FOLDER...")
@click.option("--copy", is_flag=True, help="Leave the originals where they are.")
@click.option("--root", metavar="ROOT", help="The root that it shall go into.")
@click.option("--to", "folder", metavar="FOLDER", help="The folder, instead of the one of its kind.")
@click.option("--offline", is_flag=True, help="Ask no hub for its page.")
@click.option("-n", "--dry-run", is_flag=True, help="Check everything, and only say where it would go.")
@click.pass_obj
@answering()
def add(
    session: Session,
    paths: tuple[str, ...],
    copy: bool,
    root: str | None,
    folder: str | None,
    offline: bool,
    dry_run: bool,
    terminal: Terminal,
) -> int:
    """File what a browser saved: checked like a download, then moved into its right folder. `hubman undo` goes back.

    A FOLDER is one model (diffusers, PEFT) or holds many. Of a .zip the models in it are unpacked, and it stays. What
    is unsafe, broken, still being downloaded or in the library already is left where it is, and said so. Pages are
    looked up by hash on the hubs that you enabled.
    """
    from hubman.app.adding import AddOrder, add
    from hubman.app.adding_pages import AskingPages, dress

    order = AddOrder(paths, session.config.home, copy, root, folder)
    progress = ProgressLine()
    with session.store() as store, _pages(session, store, progress, offline=offline or dry_run) as pages:
        try:
            answer = add(store, order, progress, pages=pages, dry_run=dry_run)
            hubs = pages.hubs if isinstance(pages, AskingPages) else {}
            dressed = dress(store, answer, hubs, session.config.previews, progress)
        finally:
            progress.close()
    troubles = pages.troubles if isinstance(pages, AskingPages) else []
    if terminal.human:
        _show(answer, terminal, dry_run=dry_run)
        if dressed.pictures:
            text = plural("{count} picture fetched", "{count} pictures fetched", dressed.pictures)
            terminal.text(text.format(count=dressed.pictures))
        for hub, error in troubles:
            terminal.warn(hub_trouble([hub], error_text(error)[0]))
    else:
        terminal.document(_json(answer, dressed, troubles, dry_run=dry_run))
    tell_written(dressed.sidecars, terminal)
    return next((error.exit_code for _path, error in answer.failed), 0)


@contextmanager
def _pages(session: Session, store: Store, progress: ProgressLine, *, offline: bool) -> Iterator[KnownPages]:
    """Open the hubs that the user said yes to."""
    from hubman.app.adding_pages import AskingPages, KnownPages
    from hubman.app.hubs import enabled, open_hubs

    with session.reader() as reader:
        names = [] if offline or session.config.offline else sorted(enabled(reader))
    if not names:
        yield KnownPages(store)
        return
    with open_hubs(session.config, names) as hubs:
        yield AskingPages(store, hubs, progress)


def _show(answer: Adding, terminal: Terminal, *, dry_run: bool) -> None:
    for one in answer.filed:
        terminal.text(f"{one.source.given} -> {one.target}   {value('kind', one.kind)}")
        if one.match is not None and one.match.listing.page:
            terminal.hint("  " + one.match.listing.page)
        for notice in one.notices:
            terminal.warn("  " + told(notice))
    if answer.plan is not None:
        own = {one.target for one in answer.filed} | {path for one in answer.filed for path in one.source.members}
        for step in answer.plan.steps:
            if step.target not in own and step.source not in own:
                terminal.text(f"  {step.source} -> {step.target}")
    for path, here in answer.here:
        terminal.text(_("{path} is here already: {here}").format(path=path, here=", ".join(here)))
    for path, why in answer.left:
        terminal.warn(_("{path} stays: {why}").format(path=path, why=told(why)))
    for path, error in answer.failed:
        message, hint = error_text(error)
        aside(_("error: {text}").format(text=message if path in message else about(path, message)), fg="red")
        if hint:
            terminal.hint("  " + hint)
    if dry_run:
        terminal.hint(_("Nothing was moved (-n)."))
    elif answer.entry is not None:
        terminal.hint(_("Take it back: hubman undo"))


def _json(
    answer: Adding, dressed: Dressed, troubles: list[tuple[str, HubmanError]], *, dry_run: bool
) -> dict[str, object]:
    steps = answer.plan.steps if answer.plan is not None else ()
    return {
        "dry_run": dry_run,
        "entry": answer.entry,
        "added": [_filed_json(one) for one in answer.filed],
        "moved": [{"from": step.source, "to": step.target, "how": step.how.value} for step in steps],
        "here": [{"path": path, "in": here} for path, here in answer.here],
        "left": [{"path": path, "why": str(why)} for path, why in answer.left],
        "failed": [
            {"path": path, "reference": error.reference, "message": error.message, "hint": error.hint}
            for path, error in answer.failed
        ],
        "pictures": dressed.pictures,
        "sidecars": dressed.sidecars.paths,
        "troubles": [{"hub": hub, "reference": error.reference, "message": error.message} for hub, error in troubles],
    }


def _filed_json(one: Filed) -> dict[str, object]:
    listing = one.match.listing if one.match is not None else None
    return {
        "from": one.source.given,
        "to": one.target,
        "id": one.model.id if one.model is not None else None,
        "kind": one.kind,
        "sha256": one.hashes.sha256,
        "size": one.size,
        "page": listing.page if listing is not None else None,
        "ref": str(listing.ref) if listing is not None else None,
        "notices": [str(notice) for notice in one.notices],
    }
