"""`hubman scan`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.session import Session, answering
from hubman.cli.table import Column, printable
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _, told

if TYPE_CHECKING:
    from hubman.app.scan import Scanned


@click.command(cls=QueryCommand)
@click.argument("words", nargs=-1, metavar="[QUERY...|FILE...]")
@click.pass_obj
@answering(lists=True)
def scan(session: Session, words: tuple[str, ...], terminal: Terminal) -> int:
    """What would opening these files do? Runs nothing, imports nothing.

    Without arguments, every file of the library; with a query, those it finds. Given files or folders are read now and
    need no library. Only a pickle (.ckpt, .pt, .pth, .bin) can hold code. Exit code 7: something would run code.
    """
    from hubman.app.scan import are_paths, scan_files, scan_library, scan_paths

    given = are_paths(words)
    if given:
        found = list(scan_paths(words))
        checked = len(found)
    else:
        with session.reader() as reader:
            checked, files = scan_library(reader, words, time.time_ns())
        progress = ProgressLine()
        progress.phase("identify", len(files))
        found = [entry for entry in scan_files(files, progress.advance) if entry.telling]
        progress.close()
    checked -= sum(entry.unopened for entry in found)  # nothing is known of what could not be opened
    _answer(found, checked, terminal, given=given)
    if any(entry.safety == "unsafe" for entry in found):
        return 7
    return 3 if given and any(entry.unopened for entry in found) else 0


def _answer(found: list[Scanned], checked: int, terminal: Terminal, *, given: bool) -> None:
    unsafe, suspicious = (sum(entry.safety == safety for entry in found) for safety in ("unsafe", "suspicious"))
    if terminal.mode == "json":
        files = [entry.to_json() for entry in found]
        terminal.document({"checked": checked, "unsafe": unsafe, "suspicious": suspicious, "files": files})
    elif terminal.mode == "jsonl":
        terminal.lines(entry.to_json() for entry in found)
    elif terminal.mode == "quiet":
        terminal.ids(entry.id or printable(entry.path) for entry in found if entry.safety in ("unsafe", "suspicious"))
    else:
        _print(found, terminal, given=given)
        text = _("files checked: {checked:,}; would run code: {unsafe:,}; suspicious: {suspicious:,}")
        terminal.hint(text.format(checked=checked, unsafe=unsafe, suspicious=suspicious))


def _print(found: list[Scanned], terminal: Terminal, *, given: bool) -> None:
    from hubman.cli.listing import id_length

    if not found:
        return
    length = id_length([entry.id or "" for entry in found])
    columns = [Column(_("NAME"), flexible=True, least=24), Column(_("SAFETY")), Column(_("WHAT"))]
    rows = [row for entry in found for row in _rows(entry, length, given=given)]
    terminal.table(columns if given else [Column(_("ID")), *columns], rows)


def _rows(entry: Scanned, length: int, *, given: bool) -> list[list[str]]:
    """Return one row for each finding; name and verdict stand in the first one."""
    said = [told(finding.message) for finding in entry.findings]
    if entry.failure:
        said.append(told(entry.failure.message))
    first = [entry.name, _safety_name(entry)]
    if not given:
        first.insert(0, (entry.id or "")[:length])
    return [[*(first if number == 0 else [""] * len(first)), text] for number, text in enumerate(said or [""])]


def _safety_name(entry: Scanned) -> str:
    if entry.unopened and entry.safety == "not-applicable":
        return "-"
    names = {
        "unsafe": _("would run code"), "suspicious": _("suspicious"), "safe": _("safe"),
        "not-applicable": _("holds no code"),
    }  # fmt: skip
    return names[str(entry.safety)]
