"""`hubman trash ls|restore|empty`."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from hubman.cli.asking import confirm
from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.disk.trash import Entry

LOOK = click.option("--in", "folders", multiple=True, metavar="FOLDER", help="Look for a trash here, too.")
UNITS = {"d": 1, "w": 7, "h": 1 / 24, "": 1}


@click.group()
def trash() -> None:
    """What `hubman rm` removed: list it, bring it back, delete it for good."""


@trash.command("ls")
@LOOK
@click.pass_obj
@answering()
def ls(session: Session, folders: tuple[str, ...], terminal: Terminal) -> None:
    """List what is in the trash, the latest first."""
    from hubman.app.trash import entries

    with session.reader() as reader:
        found = entries(reader, folders)
    if not terminal.human:
        terminal.document({"trash": [_json(entry) for entry in found]})
        return
    columns = [Column(_("ID")), Column(_("REMOVED")), Column(_("SIZE")), Column(_("FROM"))]
    rows = [[entry.id, _day(entry), human_size(entry.size), ", ".join(_paths(entry))] for entry in found]
    terminal.table(columns, rows)


@trash.command("restore")
@click.argument("what", metavar="ID|MODEL")
@click.option("--to", metavar="NAME|FOLDER", help="Another name, or another folder, than it had.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be put where.")
@LOOK
@click.pass_obj
@answering()
def restore(
    session: Session, what: str, to: str | None, dry_run: bool, folders: tuple[str, ...], terminal: Terminal
) -> None:
    """Put something back to where it was. Nothing is overwritten: when the place is taken, say --to."""
    from hubman.app.trash import entry_of, plan_restoring
    from hubman.app.trash import restore as put_back
    from hubman.cli.commands.mv import moved_json

    with session.store() as store:
        with session.reader() as reader:
            entry = entry_of(reader, what, folders)
        plan = plan_restoring(store, entry, to) if dry_run else put_back(store, entry, to)
    if not terminal.human:
        terminal.document({"dry_run": dry_run, "id": entry.id, "moved": moved_json(plan)})
        return
    for step in plan.steps:
        terminal.text(step.target)
    if dry_run:
        terminal.hint(_("Nothing was moved (-n)."))


@trash.command("empty")
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--older-than", metavar="DAYS", help="Only what was removed longer ago, say 30d.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@LOOK
@click.pass_obj
@answering(asks=True)
def empty(
    session: Session,
    ids: tuple[str, ...],
    older_than: str | None,
    dry_run: bool,
    yes: bool,
    folders: tuple[str, ...],
    terminal: Terminal,
) -> int:
    """Delete what is in the trash for good: all of it, some of it, or what is old. This cannot be undone."""
    from hubman.app import trash as app

    days = _days(older_than) if older_than is not None else None
    with session.store() as store:
        with session.reader() as reader:
            chosen = [app.entry_of(reader, text, folders) for text in ids] or app.entries(reader, folders)
        if days is not None:
            chosen = app.older_than(chosen, days, time.time_ns())
        failures: list[tuple[str, str]] = []
        if chosen and not dry_run:
            size = human_size(sum(entry.size for entry in chosen))
            text = _("Delete {count} things ({size}) for good?").format(count=len(chosen), size=size)
            confirm(text, terminal, yes=yes)
            failures = app.empty(store, chosen)
    _tell(chosen, failures, terminal, dry_run=dry_run)
    return 1 if failures else 0


def _tell(chosen: list[Entry], failures: list[tuple[str, str]], terminal: Terminal, *, dry_run: bool) -> None:
    refused = {folder for folder, _why in failures}
    gone = [entry for entry in chosen if entry.folder not in refused]
    if not terminal.human:
        errors = [{"path": folder, "message": why} for folder, why in failures]
        terminal.document({"dry_run": dry_run, "deleted": [_json(entry) for entry in gone], "errors": errors})
        return
    for entry in gone:
        terminal.text(f"{entry.id}   {human_size(entry.size)}   {', '.join(_paths(entry))}")
    for folder, why in failures:
        terminal.warn(_("{path}: the system says: {why}").format(path=folder, why=why))
    if dry_run:
        terminal.hint(_("Nothing was deleted (-n)."))


def _days(text: str) -> float:
    """Read `30d`, `2w`, `12h` or `30`."""
    match = re.fullmatch(r"(\d{1,6})([dwh]?)", text.strip().lower())
    if match is None:
        raise click.UsageError("--older-than takes days (30d), weeks (4w) or hours (12h).")
    return int(match[1]) * UNITS[match[2]]


def _paths(entry: Entry) -> list[str]:
    return [f"{entry.top.rstrip('/')}/{model['relpath']}" for model in entry.manifest["models"]]


def _day(entry: Entry) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.made_ns / 1e9))
    except (OverflowError, ValueError, OSError):
        return "?"


def _json(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "folder": entry.folder,
        "removed_ns": entry.made_ns,
        "size": entry.size,
        "models": [
            {"id": model.get("id"), "name": model["name"], "path": path}
            for model, path in zip(entry.manifest["models"], _paths(entry), strict=True)
        ],
    }
