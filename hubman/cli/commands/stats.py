"""`hubman stats`."""

from __future__ import annotations

from typing import Any

import click

from hubman.cli.session import Session, answering
from hubman.cli.table import Column, printable
from hubman.cli.terminal import Terminal, human_size
from hubman.cli.words import _, value


@click.command()
@click.pass_obj
@answering()
def stats(session: Session, terminal: Terminal) -> None:
    """What is in the library, in numbers."""
    from hubman.app.stats import library_stats

    with session.reader() as reader:
        found = library_stats(reader)
    if terminal.human:
        _print(found, terminal)
    else:
        terminal.document(found)


def _print(found: dict[str, Any], terminal: Terminal) -> None:
    total = max(int(found["bytes"]), 1)
    titles = {"kind": _("TYPE"), "architecture": _("BASE"), "format": _("FORMAT"), "root": _("ROOT")}
    terminal.heading(
        _("{files:,} files, {size}").format(files=found["files"], size=human_size(found["bytes"]))
        + (_(", {count:,} not there now").format(count=found["missing"]) if found["missing"] else "")
    )
    for column, title in titles.items():
        columns = [
            Column(title, flexible=True), Column(_("FILES"), right=True), Column(_("SIZE"), right=True),
            Column("%", right=True),
        ]  # fmt: skip
        rows = [
            [
                printable(value(column, str(group["name"] or "-"))), f"{group['files']:,}", human_size(group["bytes"]),
                f"{100 * group['bytes'] / total:.0f}",
            ]
            for group in found[f"by_{column}"]
        ]  # fmt: skip
        if rows:
            terminal.text()
            terminal.table(columns, rows)
    terminal.text()
    for line in _lines(found):
        terminal.text(line)


def _lines(found: dict[str, Any]) -> list[str]:
    copies = found["duplicates"]
    pairs = [
        (_("hashed"), found["hashed"]), (_("not hashed yet"), found["unhashed"]), (_("broken"), found["broken"]),
        (_("would run code"), found["unsafe"]), (_("suspicious"), found["suspicious"]),
        (_("with trigger words"), found["with_trigger"]), (_("with a preview"), found["with_preview"]),
        (_("with a note of yours"), found["with_note"]), (_("favourites"), found["favourites"]),
        *(
            (_("verdict {name}").format(name=value("verdict", name)), count)
            for name, count in found["verdicts"].items()
        ),
    ]  # fmt: skip
    lines = [f"{count:>9,}  {label}" for label, count in pairs if count]
    if copies["files"]:
        text = _("copies that are not needed, {size}").format(size=human_size(copies["bytes"]))
        lines.append(f"{copies['files']:>9,}  {text}")
    months = [
        _("added in {month}: {files:,} files, {size}").format(
            month=month["name"], files=month["files"], size=human_size(month["bytes"])
        )
        for month in found["added"][:6]
    ]
    largest = [f"{human_size(entry['bytes']):>9}  {printable(entry['name'])}" for entry in found["largest"][:5]]
    return [*lines, *months, *largest]
