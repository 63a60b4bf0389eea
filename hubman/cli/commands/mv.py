"""`hubman mv`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.asking import confirm
from hubman.cli.session import Session, answering
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _, told

if TYPE_CHECKING:
    from hubman.app.moving import MoveOrder, Moving
    from hubman.core.plan.place import Relocation


@click.command()
@click.argument("arguments", nargs=-1, metavar="MODEL... DEST")
@click.option("--to-its-place", is_flag=True, help="To where its kind belongs in its root (no DEST; all that need it).")
@click.option("--bring-sidecars", is_flag=True, help="Also bring what was left behind by an earlier move.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be moved.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask (--to-its-place does).")
@click.pass_obj
@answering(asks=True)
def mv(
    session: Session,
    arguments: tuple[str, ...],
    to_its_place: bool,
    bring_sidecars: bool,
    dry_run: bool,
    yes: bool,
    terminal: Terminal,
) -> None:
    """Move or rename models with everything that belongs to them. Nothing is ever overwritten; `hubman undo` goes back.

    DEST is a folder (absolute, or relative to the root) or a new name. A folder that does not exist yet ends with `/`.
    With --to-its-place the MODELs may be one query (`type:vae`), or nothing for the whole library.
    """
    from hubman.app.moving import move, plan_move

    order = _order(session, arguments, to_its_place, bring_sidecars)
    with session.store() as store:
        if dry_run or to_its_place:
            moving = plan_move(store, order)
            if dry_run or not moving.plan.steps:
                _answer(moving, terminal, dry_run=dry_run)
                return
            if not yes:
                _show(moving, terminal)
            confirm(_("Move them?"), terminal, yes=yes)
        progress = ProgressLine()
        try:
            moving = move(store, order, progress)
        finally:
            progress.close()
    _answer(moving, terminal, dry_run=False)


def _order(session: Session, arguments: tuple[str, ...], to_its_place: bool, bring: bool) -> MoveOrder:
    from hubman.app.library import find_all
    from hubman.app.moving import MoveOrder
    from hubman.core.query import parse_query

    if to_its_place:
        with session.reader() as reader:
            named = bool(arguments) and all(find_all(reader, text) for text in arguments)
        if named:
            return MoveOrder(arguments, to_its_place=True)
        return MoveOrder((), to_its_place=True, query=parse_query(" ".join(arguments), time.time_ns()))
    if bring and len(arguments) == 1:
        return MoveOrder(arguments, bring=True)
    if len(arguments) < 2:
        raise click.UsageError("Give at least one MODEL and DEST.")
    return MoveOrder(arguments[:-1], arguments[-1], bring=bring)


def _answer(moving: Moving, terminal: Terminal, *, dry_run: bool) -> None:
    if not terminal.human:
        terminal.document({
            "dry_run": dry_run, "entry": moving.number, "moved": moved_json(moving.plan),
            "skipped": [{"path": path, "why": str(why)} for path, why in moving.skipped],
        })  # fmt: skip
        return
    _show(moving, terminal)
    if not moving.plan.steps:
        terminal.hint(_("There is nothing to move."))
    elif dry_run:
        terminal.hint(_("Nothing was moved (-n)."))
    else:
        terminal.hint(_("Take it back: hubman undo"))


def _show(moving: Moving, terminal: Terminal) -> None:
    for step in moving.plan.steps:
        terminal.text(f"{step.source} -> {step.target}" + (_("   (a copy)") if step.how.value == "copy" else ""))
    for path, why in moving.skipped:
        terminal.warn(_("{path} stays: {why}").format(path=path, why=told(why)))


def moved_json(plan: Relocation) -> list[dict[str, object]]:
    """Return the steps of a plan as `mv --json`, `rm --json` and `trash restore --json` list them."""
    return [{"from": step.source, "to": step.target, "how": step.how.value} for step in plan.steps]
