"""`hubman db check|backup|restore|vacuum`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal, aside, human_size
from hubman.cli.words import _, about, error_text, listed, told
from hubman.errors import N_, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hubman.config import Config
    from hubman.store.backup import Backup
    from hubman.store.rebuild import Rebuilt


@click.group()
def db() -> None:
    """Look after the library's database. The models themselves are never touched."""


@db.command("check")
@click.option("--full", is_flag=True, help="Every page, index and row, and the search index; takes longer.")
@click.option("--repair", is_flag=True, help="Make the search index anew, and have unreadable files read again.")
@click.pass_obj
@answering()
def check(session: Session, full: bool, repair: bool, terminal: Terminal) -> int:
    """Look whether the database is whole. Changes nothing without --repair; exits with 1 when it is not."""
    from hubman.app.care import check_library

    checked = check_library(session.config, full=full or repair, repair=repair)
    if not terminal.human:
        faults = [
            {"reference": fault.reference, "message": fault.message, "mendable": fault.mendable}
            for fault in checked.faults
        ]
        sizes = {"journal": checked.journal, "size": checked.size, "log_size": checked.log_size}
        terminal.document({"good": checked.good, "full": full or repair, "faults": faults, **sizes})
        return 0 if checked.good else 1
    if checked.good:
        terminal.text(_("The library is whole ({size}).").format(size=human_size(checked.size)))
        return 0
    for fault in checked.faults:
        terminal.text(told(fault.message))
    mendable = all(fault.mendable for fault in checked.faults)
    terminal.hint(
        _("Next: hubman db check --repair")
        if mendable
        else _("Next: `hubman sync` sets it aside, saves what you typed and reads your models anew.")
    )
    return 1


@db.command("backup")
@click.argument("file", required=False, metavar="[FILE]")
@click.option("-n", "--dry-run", is_flag=True, help="Only say how large it would be.")
@click.pass_obj
@answering()
def backup(session: Session, file: str | None, dry_run: bool, terminal: Terminal) -> None:
    """Copy the whole database, checked, to FILE or into the folder of backups. hubman never deletes such a copy."""
    from hubman.app.care import back_up, require_library

    require_library(session.config)
    size = session.config.database.stat().st_size
    if dry_run:
        aside(_("A backup of about {size} would be written.").format(size=human_size(size)))
        return
    path = back_up(session.config, file)
    if terminal.human:
        terminal.text(_("{path}   {size}, checked").format(path=path, size=human_size(path.stat().st_size)))
    else:
        terminal.document({"path": str(path), "size": path.stat().st_size})


@db.command("restore")
@click.argument("file", required=False, metavar="[FILE]")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("-n", "--dry-run", is_flag=True, help="Only check the backup and say what would happen.")
@click.pass_obj
@answering(asks=True)
def restore(session: Session, file: str | None, yes: bool, dry_run: bool, terminal: Terminal) -> None:
    """Put a backup in the place of the library; without FILE, list the backups.

    The present library is kept as library.db.replaced-TIME. A daily backup (user-DAY.db) holds what you typed: it is
    joined with the present library. Run `hubman sync` afterwards.
    """
    from hubman.app.care import backups_of, find_backup
    from hubman.store.care import restore as put_back

    if file is None:
        _list(backups_of(session.config), terminal)
        return
    chosen = find_backup(session.config, file)
    aside(_what_happens(chosen))
    if dry_run:
        return
    if not yes:
        _ask(terminal)
    old = put_back(session.config.database, chosen)
    if not terminal.human:
        terminal.document({"restored": str(chosen.path), "content": chosen.content, "aside": old and str(old)})
        return
    terminal.text(_("restored {path}").format(path=chosen.path))
    if old is not None:
        terminal.hint(_("The library of before lies in {path}").format(path=old))
    terminal.hint(_("Next: hubman sync"))


def _what_happens(chosen: Backup) -> str:
    text = _("The library becomes what it was on {date}; the present one is set aside.")
    if chosen.content == "user-data":
        text = _("What you had typed on {date} is joined with the library; the present one is set aside.")
    return text.format(date=_date(chosen.made_s))


def _ask(terminal: Terminal) -> None:
    """Ask on a terminal; elsewhere nobody could answer."""
    import sys

    if terminal.no_input or not sys.stdin.isatty():
        raise UsageError(
            "not-confirmed",
            N_("Nobody is there to answer whether the library may be replaced."),
            hint=N_("Add -y to do it without asking, -n to see what would happen."),
        )
    click.confirm(_("Go on?"), abort=True, err=True)


def _list(backups: list[Backup], terminal: Terminal) -> None:
    if not terminal.human:
        terminal.document({"backups": [_json(backup) for backup in backups]})
        return
    if not backups:
        terminal.hint(_("There is no backup yet. `hubman db backup` makes one; `hubman sync` makes small ones daily."))
        return
    columns = [Column(_("DATE")), Column(_("CONTENT")), Column(_("SIZE"), right=True), Column(_("FILE"))]
    contents = {"library": _("everything"), "user-data": _("what you typed")}
    rows = [[_date(b.made_s), contents[b.content], human_size(b.size), b.path.name] for b in backups]
    terminal.table(columns, rows)
    terminal.hint(_("Next: hubman db restore FILE"))


def _json(backup: Backup) -> dict[str, object]:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(backup.made_s))
    described = {"path": str(backup.path), "content": backup.content, "automatic": backup.automatic}
    return {**described, "size": backup.size, "made": made}


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


@db.command("vacuum")
@click.option("-n", "--dry-run", is_flag=True, help="Only say how large the database is.")
@click.pass_obj
@answering()
def vacuum(session: Session, dry_run: bool, terminal: Terminal) -> None:
    """Give unused space of the database back and put the search index in order. Needs twice its size for a moment."""
    from hubman.app.care import require_library
    from hubman.store.care import size_of
    from hubman.store.care import vacuum as make_small

    require_library(session.config)
    if dry_run:
        aside(_("The database has {size}.").format(size=human_size(size_of(session.config.database))))
        return
    done = make_small(session.config.database)
    if terminal.human:
        terminal.text(
            _("{before} before, {after} now").format(before=human_size(done.before), after=human_size(done.after))
        )
    else:
        terminal.document({"before": done.before, "after": done.after})


def tell_rebuilt(done: Rebuilt, terminal: Terminal) -> None:
    """Say in plain words what became of a damaged library."""
    if done.aside is None:
        terminal.warn(_("The search index was damaged. It was made anew; nothing was lost."))
        return
    terminal.warn(
        _("The library was damaged. It was set aside as {path}; nothing was deleted.").format(path=done.aside)
    )
    saved = listed(about(_names()[table], str(count)) for table, count in done.saved.items())
    terminal.hint(_("Saved into a new library: {what}.").format(what=saved or _("nothing of yours was found")))
    if done.backup is not None and done.backup_s is not None:
        more = listed(about(_names()[table], str(count)) for table, count in done.from_backup.items())
        terminal.hint(
            _("From the backup {path} of {date}, because the file had lost them: {what}.").format(
                path=done.backup, date=_date(done.backup_s), what=more
            )
        )
    typed = [_names()[table] for table in done.incomplete if table not in ("blob", "file")]
    if typed:
        terminal.warn(
            _("Not everything could be read of: {what}. What you typed after the last backup may be missing.").format(
                what=listed(typed)
            )
        )
    terminal.hint(_("Now your models are read anew."))


def rebuilt_json(rebuilt: Sequence[Rebuilt]) -> dict[str, object] | None:
    """Return what became of a damaged library as JSON, None when it was not damaged."""
    if not rebuilt:
        return None
    done = rebuilt[-1]
    files = {"aside": done.aside and str(done.aside), "backup": done.backup and str(done.backup)}
    return {**files, "saved": done.saved, "from_backup": done.from_backup, "incomplete": list(done.incomplete)}


def take_care(config: Config, terminal: Terminal) -> None:
    """Do the daily care; that it cannot be done is worth a warning, and nothing that the work before should fail for.

    Raises:
        StoreError: `store-damaged`: the pages were checked, and one cannot be read.
    """
    from hubman.app.care import daily_care

    try:
        daily_care(config)
    except StoreError as error:
        if error.reference == "store-damaged":
            raise
        terminal.warn(_("The daily backup of what you typed could not be made: {why}").format(why=error_text(error)[0]))


def _names() -> dict[str, str]:
    return {
        "root": _("folders"), "user_words": _("trigger words"), "user_data": _("notes, favourites, ratings"),
        "user_tag": _("tags"), "verdict": _("verdicts"), "journal": _("journal"), "blob": _("hashes"),
        "file": _("places of files"), "user_pin": _("pins"),
        "user_preview": _("previews of your own"), "hub_choice": _("answers about hubs"),
        "listing": _("models of hubs"), "provenance": _("where contents come from"),
        "lookup": _("contents that hubs do not know"), "wake_word": _("words that wake adapters"),
    }  # fmt: skip
