"""`hubman preview`."""

from __future__ import annotations

import click

from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _


@click.command()
@click.argument("model")
@click.option("--make", is_flag=True, help="Render a new one (validates the model).")
@click.option("--open", "open_it", is_flag=True, help="Open the picture.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Copy the picture to this new file.")
@click.pass_obj
@answering()
def preview(session: Session, model: str, make: bool, open_it: bool, output: str | None, terminal: Terminal) -> int:
    """Show where the preview of MODEL is; --make renders one.

    The picture carries its recipe in text chunks (a WebUI's "PNG Info" reads it). It lies in hubman's own data folder,
    and as `<stem>.preview.png` beside the model where the root was added with `--sidecars missing` or `merge`. A model
    without any picture may have one in its header: that one is taken out.
    """
    from pathlib import Path

    from hubman.app.cover import extract_cover
    from hubman.app.library import find_one
    from hubman.disk.place import write_new
    from hubman.errors import N_, NotFoundError

    if make and (code := _make(session, model, terminal)):
        return code
    with session.reader() as reader:
        file = find_one(reader, model)
    picture = file.preview if file.preview and Path(file.preview).exists() else None
    picture = picture or extract_cover(file, session.config.previews)
    if picture is None:
        raise NotFoundError(
            "no-preview",
            N_("{name} has no preview."),
            hint=N_("Render one: hubman preview {name} --make"),
            name=file.name,
        )
    if output:
        write_new(Path(output), Path(picture).read_bytes())
    if terminal.human:
        terminal.text(output or picture)
    else:
        terminal.document({"id": file.id, "name": file.name, "preview": picture, "copy": output})
    if open_it:
        click.launch(output or picture)
        terminal.hint(_("opened"))
    return 0


def _make(session: Session, model: str, terminal: Terminal) -> int:
    """Validate one model, which renders its preview; the exit code of the verdict when there is no picture."""
    import time

    from hubman.app.proving import Proving, choose_adapters, choose_bases
    from hubman.app.validation import ValidateOptions
    from hubman.cli.commands.validate import exit_code, print_verdicts
    from hubman.renderers.process import Renderer

    now = time.time_ns()
    with session.reader() as reader:
        files, bases = choose_adapters(reader, (model,), now), choose_bases(reader, None, now)
    with session.store() as store, Renderer() as renderer:
        done = Proving(store, session.config, bases, ValidateOptions(), renderer).prove(files[0])
    if done.preview is not None:
        return 0
    if terminal.human:
        print_verdicts([done], terminal)
    else:
        terminal.document(
            {"id": done.adapter.id, "name": done.adapter.name, "preview": None, "verdict": done.to_json()}
        )
    return exit_code([done]) or 1
