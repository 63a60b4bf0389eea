"""`hubman sheet`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.session import Session, answering
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.app.sheet_making import Layout, SheetMade
    from hubman.app.sheet_rows import Pair, SheetOptions


@click.command(cls=QueryCommand)
@click.argument("query", nargs=-1, metavar="[MODEL...|QUERY]")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="New file: .png, .jpg or .webp.")
@click.option("--weights", metavar="W,W", help="Columns: 0.4,0.6,0.8,1 unless you say others.")
@click.option("--on", "bases", metavar="CHECKPOINT", multiple=True, help="On this checkpoint; several: side by side.")
@click.option("--triggers", is_flag=True, help="Columns: with and without trigger word, with and without the adapter.")
@click.option("--seeds", metavar="N,N", help="The seed of all pictures; several are columns.")
@click.option("--prompt", metavar="TEXT", help="What all pictures show (trigger words are added).")
@click.option("--negative", metavar="TEXT", help="Negative prompt of all pictures.")
@click.option("--steps", type=click.IntRange(1, 150), help="Sampling steps.")
@click.option("--title", metavar="TEXT", help="Title of the sheet.")
@click.option("--font", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Font for names.")
@click.option("--explicit", is_flag=True, help="Leave nothing out of the prompts that is not safe for everybody.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.pass_obj
@answering()
def sheet(
    session: Session,
    query: tuple[str, ...],
    output: str,
    weights: str | None,
    bases: tuple[str, ...],
    triggers: bool,
    seeds: str | None,
    prompt: str | None,
    negative: str | None,
    steps: int | None,
    title: str | None,
    font: str | None,
    explicit: bool,
    device: str,
    terminal: Terminal,
) -> int:
    """A contact sheet: adapters x weights, one adapter x checkpoints (--on A --on B), trigger words on and off.

    Every adapter that QUERY finds gets a row, on the checkpoint that it was validated on. Pictures are kept, so
    that the next sheet with them is quick. A tall sheet goes on in FILE-2. Exit code 1: a picture could not be made.
    """
    from hubman.app.picture_cache import PictureCache
    from hubman.app.sheet_making import check_target, make_sheet
    from hubman.app.sheet_rows import SheetOptions
    from hubman.cli.picture_options import parse_seeds, plain_prompt
    from hubman.renderers.process import Renderer

    options = SheetOptions(
        weights=_weights(weights), triggers=triggers, seeds=parse_seeds(seeds) or (1,),
        prompt=plain_prompt(prompt, "--prompt"),
        negative=plain_prompt(negative, "--negative"), steps=steps,
        explicit=explicit or session.config.explicit, device=device,
    )  # fmt: skip
    _refuse_both(options)
    layout = _layout(session, query, bases, options, title, terminal)
    check_target(layout, Path(output))
    plans = layout.plans
    progress = ProgressLine()
    progress.phase("sheet", len(plans))
    with Renderer(device=device) as renderer:
        made = make_sheet(
            layout, Path(output), renderer, PictureCache(session.config.cache / "pictures"),
            fonts=(font,) if font else (), advance=progress.advance,
        )  # fmt: skip
    progress.close()
    _tell(made, terminal)
    return 1 if made.failed else 0


def _refuse_both(options: SheetOptions) -> None:
    if len(options.seeds) > 1 and (options.triggers or len(options.weights or ()) > 1):
        raise click.UsageError("several --seeds are the columns, so --triggers or several --weights cannot be")
    if options.triggers and options.weights:
        raise click.UsageError("--triggers are the columns, so --weights cannot be")


def _layout(
    session: Session,
    query: tuple[str, ...],
    bases: tuple[str, ...],
    options: SheetOptions,
    title: str | None,
    terminal: Terminal,
) -> Layout:
    from hubman.app.proving import choose_adapters, choose_bases
    from hubman.app.sheet_making import lay_out
    from hubman.app.sheet_rows import Pairs

    now = time.time_ns()
    with session.reader() as reader:
        files = choose_adapters(reader, query, now)
        named = [choose_bases(reader, name, now)[0] for name in bases]
        making = Pairs(reader, named or choose_bases(reader, None, now), options)
        for path in making.unreadable:
            terminal.warn(_("{path} cannot be read, so nothing is rendered on it").format(path=path))
        pairs = [[making.on(file, base) for base in named] if named else [making.chosen(file)] for file in files]
    _warn_of_time([pair for row in pairs for pair in row], terminal)
    if title is None:
        title = files[0].name if len(files) == 1 else _("{count} adapters").format(count=len(files))
    return lay_out(pairs, options, title)


def _warn_of_time(pairs: list[Pair], terminal: Terminal) -> None:
    if any(pair.large for pair in pairs):
        terminal.hint(_("A large checkpoint without a GPU takes minutes a picture; Ctrl-C keeps what was rendered."))


def _tell(made: SheetMade, terminal: Terminal) -> None:
    for name, reason in made.failed:
        terminal.warn(f"{name}: {reason}")
    if made.unnamed:
        terminal.warn(
            _("no font here writes the names of {ids}; their ids stand there (--font FILE names one)").format(
                ids=", ".join(made.unnamed)
            )
        )
    if not terminal.human:
        terminal.document(made.to_json())
        return
    for path in made.paths:
        terminal.text(path)
    terminal.hint(
        _("{rendered} pictures rendered, {cached} were there already").format(
            rendered=made.rendered, cached=made.cached
        )
    )


def _weights(text: str | None) -> tuple[float, ...] | None:
    """Read `0.4,0.6`; 0 is a column of its own already."""
    if text is None:
        return None
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(-10 <= weight <= 10 and weight for weight in found):
        raise click.BadParameter(f"{text!r} is no list of weights, like 0.4,0.8", param_hint="--weights")
    return tuple(dict.fromkeys(found))
