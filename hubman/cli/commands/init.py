"""`hubman init`."""

from __future__ import annotations

import click

from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _


@click.command()
@click.argument("folder", metavar="FOLDER")
@click.pass_obj
@answering()
def init(session: Session, folder: str, terminal: Terminal) -> None:
    """Create FOLDER with the sub-folders of a WebUI and make it a root. What is there already stays as it is."""
    from pathlib import Path

    from hubman.app.roots import add_root
    from hubman.core.layout import WEBUI_FOLDERS
    from hubman.core.library import Layout, SidecarPolicy

    top = Path(folder).expanduser().absolute()
    for name in sorted(set(WEBUI_FOLDERS.values())):
        (top / name).mkdir(parents=True, exist_ok=True)
    with session.store() as store:
        root = add_root(store, str(top), Layout.WEBUI, SidecarPolicy.OFF)
    if not terminal.human:
        terminal.document({"root": root.path})
        return
    terminal.text(_("created {path}; put models in and run `hubman sync`").format(path=root.path))
