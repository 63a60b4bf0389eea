"""`hubman preview`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.app.preview import Made
    from hubman.core.library import ModelFile


@click.command()
@click.argument("model")
@click.option("--make", is_flag=True, help="Render a new one; validates the model first where that was not done.")
@click.option("--set", "own", metavar="FILE", type=click.Path(dir_okay=False), help="Your own picture, kept for good.")
@click.option("--unset", is_flag=True, help="Show hubman's picture again instead of your own.")
@click.option("--prompt", metavar="TEXT", help='What it is to show from now on, and make it ("": hubman chooses).')
@click.option("--seeds", metavar="N,N", help="With --make: of several seeds the one that changed like the median.")
@click.option("--weight", type=click.FloatRange(-10, 10), help="With --make: at this weight, not the measured one.")
@click.option("--base", metavar="CHECKPOINT", help="With --make: on this checkpoint.")
@click.option("--explicit", is_flag=True, help="With --make: leave nothing out that is not safe for everybody.")
@click.option("--open", "open_it", is_flag=True, help="Open the picture.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Copy the picture to this new file.")
@click.pass_obj
@answering()
def preview(
    session: Session,
    model: str,
    make: bool,
    own: str | None,
    unset: bool,
    prompt: str | None,
    seeds: str | None,
    weight: float | None,
    base: str | None,
    explicit: bool,
    open_it: bool,
    output: str | None,
    terminal: Terminal,
) -> int:
    """Show where the preview of MODEL is; --make renders one, --set takes your own picture.

    The picture carries its recipe in text chunks (a WebUI's "PNG Info" reads it). It lies in hubman's own data folder,
    and as `<stem>.preview.png` beside the model where the root was added with `--sidecars missing` or `merge`; no
    picture but an older one of hubman's is ever replaced. A model without any picture may have one in its header: that
    one is taken out.
    """
    from hubman.cli.picture_options import parse_seeds, plain_prompt

    prompt = plain_prompt(prompt, "--prompt")
    if sum((own is not None, unset, make or prompt is not None)) > 1:
        raise click.UsageError("one of --set, --unset and --make at a time")
    made = None
    if own is not None or unset or prompt is not None:
        _say(session, model, own, prompt, terminal, unset=unset)
    if make or prompt:
        answer = _make(session, model, parse_seeds(seeds), weight, base, terminal, explicit=explicit)
        if isinstance(answer, int):
            return answer
        made = answer
    picture, file = _find(session, model)
    if output:
        _copy(picture, Path(output))
    _tell(file, picture, output, made, terminal)
    if open_it:
        click.launch(output or picture)
        terminal.hint(_("opened"))
    return 0


def _find(session: Session, model: str) -> tuple[str, ModelFile]:
    from hubman.app.cover import extract_cover
    from hubman.app.library import find_one
    from hubman.errors import N_, NotFoundError

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
    return picture, file


def _copy(picture: str, output: Path) -> None:
    from hubman.disk.place import write_new

    write_new(output, Path(picture).read_bytes())


def _tell(file: ModelFile, picture: str, output: str | None, made: Made | None, terminal: Terminal) -> None:
    if not terminal.human:
        own = file.own_preview
        terminal.document(
            {
                "id": file.id,
                "name": file.name,
                "preview": picture,
                "own": own.picture is not None and own.picture == picture,
                "prompt": own.prompt,
                "copy": output,
                "made": made.to_json() if made else None,
            }
        )
        return
    terminal.text(output or picture)
    if made is None:
        return
    whose = {
        "given": _("your prompt"),
        "note": _("the prompt in the notes"),
        "hub-example": _("a hub's example"),
        "training-tags": _("its training tags"),
        "base": _("the checkpoint's sample prompt"),
        "template": _("a plain picture for its kind"),
    }
    terminal.hint(
        _("weight {weight:g}, seed {seed}; shows {source}").format(
            weight=made.weight, seed=made.seed, source=whose[made.source]
        )
    )
    if made.left_out:
        terminal.hint(
            _("left out, for nobody asked for it: {words} (--explicit, or explicit = true below [preview])").format(
                words=", ".join(made.left_out)
            )
        )
    if Path(picture).read_bytes() != Path(made.path).read_bytes():
        terminal.hint(_("the new picture is {path}; yours is shown before it").format(path=made.path))


def _say(session: Session, model: str, own: str | None, prompt: str | None, terminal: Terminal, *, unset: bool) -> None:
    """Keep what the user says of the preview."""
    from hubman.app.library import find_one
    from hubman.app.own_preview import remove_picture, set_picture, set_prompt
    from hubman.cli.said import tell_written

    with session.reader() as reader:
        file = find_one(reader, model)
    with session.store() as store:
        if own is not None:
            written = set_picture(store, file, Path(own), session.config.previews)
        elif unset:
            written = remove_picture(store, file)
        else:
            written = set_prompt(store, file, prompt or "")
    if written.paths or written.skipped:
        tell_written(written, terminal)


def _make(
    session: Session,
    model: str,
    seeds: tuple[int, ...] | None,
    weight: float | None,
    base: str | None,
    terminal: Terminal,
    *,
    explicit: bool,
) -> Made | int:
    """Render the preview of one model; without one, the exit code of its verdict."""
    from hubman.app.preview import PreviewOptions
    from hubman.app.preview_again import preview_again
    from hubman.cli.commands.validate import exit_code, print_verdicts
    from hubman.renderers.process import Renderer

    options = PreviewOptions(seeds=seeds, weight=weight, explicit=explicit or session.config.explicit)
    with session.store() as store, Renderer() as renderer:
        answer = preview_again(store, session.config, model, base, renderer, options)
    if answer.made is not None:
        return answer.made
    assert answer.done is not None
    done = answer.done
    if terminal.human:
        print_verdicts([done], terminal)
    else:
        terminal.document(
            {"id": done.adapter.id, "name": done.adapter.name, "preview": None, "verdict": done.to_json()}
        )
    return exit_code([done]) or 1
