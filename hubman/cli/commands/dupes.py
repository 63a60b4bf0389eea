"""`hubman dupes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import ProgressLine, Terminal, human_size
from hubman.cli.words import _, about, told

if TYPE_CHECKING:
    from hubman.app.dupes import Copy, Dupes, Group

MOST_SAID = 10
"""Adapters that could not be compared, or files that could not be hashed, that are said one by one."""


@click.command()
@click.option(
    "--similar", is_flag=True, help="Also one adapter resaved, in another precision, or resized; reads weights."
)
@click.option("--hash", "hash_now", is_flag=True, help="First hash the files that are as large as another one.")
@click.pass_obj
@answering(lists=True)
def dupes(session: Session, similar: bool, hash_now: bool, terminal: Terminal) -> None:
    """What do I have more than once? Removes nothing.

    The same content in several places (a hard link is told and wastes nothing), the same weights under an edited
    header, and with --similar the same adapter after a resave, a change of precision or a resize of its rank.
    `-q` prints an id of each place that could go: that of the place, not of the content.
    """
    found = _find(session, similar=similar, hash_now=hash_now)
    if terminal.mode == "json":
        terminal.document(found.to_json())
    elif terminal.mode == "jsonl":
        terminal.lines(group.to_json() for group in found.groups)
    elif terminal.mode == "quiet":
        terminal.ids(dict.fromkeys(copy.file.alias for group in found.groups for copy in group.copies[1:]))
    else:
        _print(found, terminal)
    if terminal.mode != "quiet":
        _hints(found, terminal, similar=similar)


def _find(session: Session, *, similar: bool, hash_now: bool) -> Dupes:
    from hubman.app.dupes import Dupes, check_extra, edited_headers, hash_twins, same_content, without

    if similar:
        check_extra()

    progress = ProgressLine()
    failures: tuple[tuple[str, str], ...] = ()
    if hash_now:
        with session.reader() as reader, session.store() as store:
            failures = hash_twins(reader, store, progress)
        progress.close()
    with session.reader() as reader:
        unhashed, twins = reader.unhashed_twins()
        groups, edited = same_content(reader), edited_headers(reader)
        if not similar:
            return Dupes((*groups, *edited), unhashed, len(twins), failures=failures)
        from hubman.app.similar import Similar

        with session.store() as store:
            search = Similar(store, progress)
            try:
                alike = search.run(reader)
            finally:
                progress.close()
    told_once = (*groups, *without(edited, alike), *alike)
    return Dupes(told_once, unhashed, len(twins), tuple(search.not_compared), failures)


def _print(found: Dupes, terminal: Terminal) -> None:
    from hubman.cli.listing import id_length

    if not found.groups:
        terminal.text(_("Nothing lies here twice."))
        return
    columns = [
        Column(""), Column(_("ID")), Column(_("NAME"), flexible=True, least=12), Column(_("TYPE")),
        Column(_("SIZE"), right=True), Column(_("WHAT")), Column(_("PATH"), flexible=True, least=16),
    ]  # fmt: skip
    length = id_length([copy.file.alias for group in found.groups for copy in group.copies])
    rows: list[list[str]] = []
    for group in found.groups:
        rows += [_row(group, copy, length) for copy in group.copies]
    terminal.table(columns, rows)


def _row(group: Group, copy: Copy, length: int) -> list[str]:
    from hubman.cli.listing import type_name

    kept = copy is group.copies[0]
    told_of = _("keep: {why}").format(why=told(group.because)) if kept else _("; ").join(map(told, copy.differs))
    details = [str(copy.file.facts.get("precision") or "")]
    if rank := copy.file.facts.get("rank"):
        details.append(_("rank {rank}").format(rank=rank))
    kind = " ".join([type_name(copy.file), *filter(None, details)])
    sign = "*" if kept else " "
    return [sign, copy.file.alias[:length], copy.file.name, kind, human_size(copy.file.size), told_of, copy.file.path]


def _hints(found: Dupes, terminal: Terminal, *, similar: bool) -> None:
    if found.groups:
        text = _("{count:,} groups; copies of the same content take {size}. Nothing was removed.")
        terminal.hint(text.format(count=len(found.groups), size=human_size(found.wasted)))
        terminal.hint(_("* is the one to keep. To remove another place:") + " hubman rm @ID")
        terminal.hint(_("Recorded hashes are trusted here. Read the bytes before you remove anything: hubman verify"))
    if found.twins:
        text = _("{count:,} files are not hashed yet and have the size of another one: hubman dupes --hash")
        terminal.hint(text.format(count=found.twins))
    elif found.unhashed and similar:
        text = _("{count:,} files are not hashed yet and were not compared: hubman sync --hash all")
        terminal.hint(text.format(count=found.unhashed))
    for path, message in found.failures[:MOST_SAID]:
        terminal.warn(about(path, told(message)))
    for file, why in found.not_compared[:MOST_SAID]:
        terminal.warn(_("{name} was not compared: {why}").format(name=file.name, why=told(why)))
    if len(found.not_compared) > MOST_SAID:
        more = len(found.not_compared) - MOST_SAID
        terminal.hint(_("{count:,} more were not compared: hubman dupes --similar --json").format(count=more))
