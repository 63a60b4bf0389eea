"""`hubman undo`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, value

if TYPE_CHECKING:
    from hubman.core.journal import Entry

SHOWN = 20


@click.command()
@click.argument("number", type=int, required=False, metavar="[ID]")
@click.option("--list", "list_it", is_flag=True, help="What was done, the latest first.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be put back.")
@click.pass_obj
@answering()
def undo(session: Session, number: int | None, list_it: bool, dry_run: bool, terminal: Terminal) -> None:
    """Take back the latest action, or the one with this ID: mv, rm, restore, and what you typed.

    When the world has changed since, it says what is in the way and changes nothing. ID may be an undo: then the action
    is done again.
    """
    from hubman.app.undo import undo as take_back

    if list_it:
        _list(session, terminal)
        return
    with session.store() as store:
        undone = take_back(store, number, dry_run=dry_run)
    if not terminal.human:
        terminal.document({"dry_run": dry_run, "entry": _json(undone.entry), "lines": list(undone.lines)})
        return
    terminal.text(
        _("taken back: {verb} {name}").format(verb=value("verb", undone.entry.about), name=_name(undone.entry))
    )
    for line in undone.lines:
        terminal.text(f"  {line}")
    if dry_run:
        terminal.hint(_("Nothing was changed (-n)."))


def _list(session: Session, terminal: Terminal) -> None:
    with session.reader() as reader:
        found = reader.journal.entries(SHOWN)
    if not terminal.human:
        terminal.document({"entries": [_json(entry) for entry in found]})
        return
    columns = [Column(_("ID")), Column(_("WHEN")), Column(_("ACTION")), Column(_("STATE")), Column(_("MODEL"))]
    rows = [
        [str(entry.id), _when(entry), _verb(entry), value("state", entry.state.value), _name(entry)] for entry in found
    ]
    terminal.table(columns, rows)


def _when(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.made_ns / 1e9))


def _verb(entry: Entry) -> str:
    verb = value("verb", entry.about)
    return verb if entry.verb == entry.about else _("undo {verb}").format(verb=verb)


def _name(entry: Entry) -> str:
    return str(entry.detail.get("name", ""))


def _json(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "verb": entry.verb,
        "of": entry.detail.get("of"),
        "state": entry.state.value,
        "made_ns": entry.made_ns,
        "name": _name(entry),
        "before": entry.detail.get("before"),
        "after": entry.detail.get("after"),
    }
