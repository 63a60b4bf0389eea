"""`hubman roots add|ls|rm`."""

from __future__ import annotations

import click

from hubman.cli.asking import confirm
from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal, aside
from hubman.cli.words import _, value

LAYOUTS = ["webui", "comfy", "swarm", "sdnext", "stability-matrix", "fooocus", "invoke", "huggingface", "flat"]


@click.group()
def roots() -> None:
    """Add, list and remove the watched folders. Nothing in them is ever changed by this."""


@roots.command("add")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...")
@click.option("--layout", type=click.Choice(LAYOUTS), help="Else recognised.")
@click.option(
    "--sidecars",
    type=click.Choice(["off", "missing", "merge"]),
    help="May hubman write previews and .json beside the models? missing: only where there is none. A new root: off.",
)
@click.option("--inbox", is_flag=True, help="A download folder: new models in it are offered, and nothing is moved.")
@click.pass_obj
@answering()
def add(
    session: Session,
    folders: tuple[str, ...],
    layout: str | None,
    sidecars: str | None,
    inbox: bool,
    terminal: Terminal,
) -> None:
    """Watch FOLDER (say, the `models` folder of a WebUI). Run `hubman sync` afterwards.

    With --inbox it is where your browser saves: `hubman watch` and `hubman sync` say which models wait there, and
    `hubman add` files them. Files in it are in no list before that.
    """
    from hubman.app.roots import add_root
    from hubman.core.library import Layout, SidecarPolicy

    if inbox and (layout or sidecars):
        raise click.UsageError("--inbox has no layout and no sidecars.")
    if inbox:
        layout = Layout.INBOX.value
    with session.store() as store:
        added = [
            add_root(store, folder, Layout(layout) if layout else None, SidecarPolicy(sidecars) if sidecars else None)
            for folder in folders
        ]
    if not terminal.human:
        terminal.document({"roots": [_json(root) for root in added]})
        return
    for root in added:
        terminal.text(
            _("added {path}   layout {layout}").format(path=root.path, layout=value("layout", root.layout.value))
        )
    if inbox:
        terminal.hint(_("`hubman watch` and `hubman sync` say which new models wait there; `hubman add` files them."))
    else:
        terminal.hint(_("Next: hubman sync"))


@roots.command("ls")
@click.pass_obj
@answering()
def ls(session: Session, terminal: Terminal) -> None:
    """List the roots with layout and state."""
    with session.reader() as reader:
        known = reader.roots()
    if not terminal.human:
        terminal.document({"roots": [_json(root) for root in known]})
        return
    columns = [Column(_("STATE")), Column(_("LAYOUT")), Column(_("SIDECARS")), Column(_("PATH"))]
    rows = [
        [value("state", root.state), value("layout", root.layout), value("sidecars", root.sidecars), root.path]
        for root in known
    ]
    terminal.table(columns, rows)


@roots.command("rm")
@click.argument("folder", metavar="FOLDER")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be forgotten.")
@click.pass_obj
@answering(asks=True)
def rm(session: Session, folder: str, yes: bool, dry_run: bool, terminal: Terminal) -> None:
    """Stop watching FOLDER and drop its files from the index. The files stay where they are."""
    from hubman.app.roots import enclosing_root, find_root, remove_root

    with session.reader() as reader:
        root = find_root(reader, folder)
        outer = enclosing_root(reader, root.path)
        count = len(reader.known(root.id))
    text = _("{path}: {count} files leave the index; none of them is touched.")
    if outer is not None:
        text = _("{path}: {count} files stay in the index, as files of {outer}; none of them is touched.")
    if terminal.human:
        aside(text.format(path=root.path, count=count, outer=outer and outer.path))
    if not dry_run:
        if not yes:
            confirm(_("Go on?"), terminal, yes=yes)
        with session.store() as store:
            remove_root(store, root)
    if not terminal.human:
        terminal.document(
            {"dry_run": dry_run, "root": _json(root), "files": count, "outer": outer.path if outer else None}
        )


def _json(root: object) -> dict[str, object]:
    return {name: getattr(root, name) for name in ("path", "layout", "state", "sidecars")}
