"""`hubman inspect`."""

from __future__ import annotations

import click

from hubman.cli.session import answering
from hubman.cli.table import pad, printable
from hubman.cli.terminal import Terminal
from hubman.cli.words import _, about, told, value


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option("--hash", "with_hash", is_flag=True, help="Read the whole file and name its hashes.")
@click.option("--why", is_flag=True, help="With the evidence for every fact.")
@answering()
def inspect(paths: tuple[str, ...], with_hash: bool, why: bool, terminal: Terminal) -> int:
    """What is FILE? Needs no library, writes nothing, runs nothing that is in it."""
    from hubman.app.hashing import hash_model
    from hubman.app.inspect import inspect_paths

    files = inspect_paths(paths, digest=hash_model if with_hash else None, translate=_ if terminal.human else str)
    if not terminal.human:
        terminal.document({"files": files})
    else:
        for entry in files:
            _print(entry, terminal, why=why)
    unopened = [entry for entry in files if (entry["error"] or {}).get("reference") in ("unreadable", "not-found")]
    return 3 if unopened else 0


def _print(entry: dict[str, object], terminal: Terminal, *, why: bool) -> None:
    terminal.heading(printable(str(entry["path"])))
    error = entry["error"]
    if isinstance(error, dict):
        terminal.text(f"  {pad(_('error'), 18)} {printable(told(error['message']))}")
    skipped = ("path", "error", "evidence", "findings", "triggers", "hashes", "hypernetwork")
    for name, given in entry.items():
        if name not in skipped and given not in (None, [], ""):
            text = ", ".join(map(str, given)) if isinstance(given, list | tuple) else value(name, str(given))
            terminal.text(f"  {pad(value('fact', name), 18)} {printable(text)}")
    for name in ("hashes", "hypernetwork"):
        details = entry[name]
        if isinstance(details, dict):
            for key, detail in details.items():
                if detail is not None:
                    terminal.text(f"  {pad(key, 18)} {detail}")
    trigger, found = pad(_("trigger"), 18), pad(_("finding"), 18)  # not within an f-string: Babel sees none there
    for word in entry["triggers"]:  # type: ignore[attr-defined]
        terminal.text(f"  {trigger} {printable(word['text'])}   ({word['source']})")
    for finding in entry["findings"]:  # type: ignore[attr-defined]
        terminal.text(f"  {found} {printable(told(finding['message']))}")
    if why:
        for fact in entry["evidence"]:  # type: ignore[attr-defined]
            known = f"{value('fact', fact['fact'])} = {value(fact['fact'], str(fact['value']))}"
            terminal.text("    " + about(known, printable(fact["because"])))
