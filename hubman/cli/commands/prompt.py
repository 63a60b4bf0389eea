"""`hubman prompt`."""

from __future__ import annotations

import click

from hubman.cli.session import Session, answering
from hubman.cli.terminal import Terminal
from hubman.cli.words import _


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="MODEL[:WEIGHT]... [TEXT]")
@click.option("--style", type=click.Choice(["a1111", "comfy", "diffusers"]), default="a1111", show_default=True)
@click.option("--negative", default="", metavar="TEXT", help="Your own negative prompt, joined with the models'.")
@click.option("--text", metavar="TEXT", help="The text; then every argument is a model.")
@click.option("-c", "--copy", "copy_it", is_flag=True, help="Copy the positive prompt.")
@click.pass_obj
@answering()
def prompt(
    session: Session,
    parts: tuple[str, ...],
    style: str,
    negative: str,
    text: str | None,
    copy_it: bool,
    terminal: Terminal,
) -> None:
    """A ready prompt from several models: tags, trigger words, negative words.

    \b
    hubman prompt 水墨山水_v2:0.8 goldstar "a lonely mountain"

    The last argument is taken as TEXT when it names no model and holds a space or a comma; else use --text.
    """
    from hubman.app.prompting import make_prompt
    from hubman.core.prompt import PromptStyle

    with session.reader() as reader:
        built = make_prompt(reader, parts, negative, PromptStyle(style), text)
    if not terminal.human:
        loads = [{"kind": adapter.kind, "name": adapter.stem, "weight": adapter.weight} for adapter in built.adapters]
        terminal.document({"style": style, "positive": built.positive, "negative": built.negative, "loads": loads})
        return
    terminal.text(built.positive)
    if built.negative:
        terminal.text()
        terminal.text(_("Negative prompt: {text}").format(text=built.negative))
    for note in built.notes:
        terminal.hint(note)
    if copy_it:
        from hubman.cli.clipboard import copy

        if not copy(built.positive):
            terminal.warn(_("there is no clipboard here"))
