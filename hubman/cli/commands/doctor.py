"""`hubman doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.table import printable
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, told

if TYPE_CHECKING:
    from hubman.app.doctor import Check

MOST_SHOWN = 5


@click.command()
@click.option("--all", "everything", is_flag=True, help="List every file, not the first five of each check.")
@click.pass_obj
@answering()
def doctor(session: Session, everything: bool, terminal: Terminal) -> int:
    """One page of checks: what is wrong, why, and the next command. Exit code 1: there is a problem.

    Changes nothing, reads no model: names, times and the library alone (`hubman verify` reads the models again).
    """
    from hubman.app.doctor import Doctor, State

    with session.reader() as reader:
        checks = list(Doctor(reader, session.config).checks())
    problems = sum(check.state is State.PROBLEM for check in checks)
    if terminal.human:
        for check in checks:
            _print(check, terminal, None if everything else MOST_SHOWN)
    else:
        terminal.document({"problems": problems, "checks": [check.to_json() for check in checks]})
    return 1 if problems else 0


def _print(check: Check, terminal: Terminal, most: int | None) -> None:
    sign = {"ok": "✓", "note": "·", "problem": "✗"}[check.state.value]
    count = f" ({len(check.items)})" if check.items else ""
    line = f"{sign} {told(check.title)}{count}"
    if check.state.value == "ok":
        terminal.text(line)
        return
    terminal.heading(line)
    if check.why:
        terminal.text("    " + told(check.why))
    for item in check.items[:most]:
        terminal.text("    " + printable(item.path))
        if item.why:
            terminal.text("        " + printable(told(item.why)))
        if item.next:
            terminal.text("        → " + printable(item.next))
    if most is not None and len(check.items) > most:
        terminal.text("    " + _("… and {count} more: --all").format(count=len(check.items) - most))
    if check.next:
        terminal.text("    → " + printable(check.next))
