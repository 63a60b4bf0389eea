"""`hubman validate`."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.seeds import parse_seeds
from hubman.cli.session import Session, answering
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.app.validation import Validation


@click.command(cls=QueryCommand)
@click.argument("query", nargs=-1, metavar="[MODEL...|QUERY]")
@click.option("--base", metavar="CHECKPOINT", help="Prove it on this checkpoint, not on the one hubman would choose.")
@click.option("--prompt", metavar="TEXT", help="What the pictures show (trigger words are added).")
@click.option("--negative", metavar="TEXT", help="Negative prompt of all pictures.")
@click.option("--seeds", metavar="N,N", help="Seeds of the pictures, comma-separated.")
@click.option("--steps", type=click.IntRange(1, 150), help="Sampling steps.")
@click.option("--cfg", type=click.FloatRange(0, 30), help="Guidance scale.")
@click.option("--size", metavar="WxH", help="Picture size in pixels.")
@click.option("--weight", type=float, help="Weight of the preview picture.")
@click.option(
    "--config", metavar="DIR", type=click.Path(exists=True, file_okay=False), help="Diffusers config of the base."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--render/--static", default=None, help="Render even a large model on a CPU, or render nothing.")
@click.pass_obj
@answering()
def validate(
    session: Session,
    query: tuple[str, ...],
    base: str | None,
    prompt: str | None,
    negative: str | None,
    seeds: str | None,
    steps: int | None,
    cfg: float | None,
    size: str | None,
    weight: float | None,
    config: str | None,
    device: str,
    render: bool | None,
    terminal: Terminal,
) -> int:
    """Render each adapter with and without it, at the same seeds: does it work, and at which weight?

    Without an argument, every LoRA, embedding and hypernetwork of the library. Exit code 1: a verdict is neither ok
    nor weak; 10: nothing could be rendered.
    """
    from hubman.app.proving import Proving, choose_adapters, choose_bases
    from hubman.app.validation import ValidateOptions
    from hubman.renderers.process import Renderer

    options = ValidateOptions(
        base_given=base is not None, config=config, prompt=_plain(prompt, "--prompt"),
        negative=_plain(negative, "--negative"), size=_size(size),
        seeds=parse_seeds(seeds), steps=steps, cfg=cfg, weight=weight, device=device, render=render,
    )  # fmt: skip
    now = time.time_ns()
    with session.reader() as reader:
        files = choose_adapters(reader, query, now)
        bases = choose_bases(reader, base, now)
    progress = ProgressLine()
    progress.phase("validate", len(files))
    results: list[Validation] = []
    with session.store() as store, Renderer(device=device) as renderer:
        proving = Proving(store, session.config, bases, options, renderer)
        for path in proving.skipped:
            terminal.warn(_("{path} cannot be read, so nothing is proven on it").format(path=path))
        for done in proving.run(files):
            results.append(done)
            progress.advance()
    progress.close()
    if terminal.human:
        print_verdicts(results, terminal)
    else:
        terminal.document({"verdicts": [done.to_json() for done in results]})
    return exit_code(results)


def print_verdicts(results: list[Validation], terminal: Terminal) -> None:
    """Print the table, and a reason for everything that is not ok."""
    from hubman.cli import verdicts

    terminal.table(verdicts.columns(), [verdicts.row(done) for done in results])
    for line in verdicts.reasons(results):
        terminal.text("  " + line)
    terminal.hint(
        _("CHANGE: how far the picture moves at weight 1, of 255. `hubman preview MODEL` shows the pictures.")
    )


def exit_code(results: list[Validation]) -> int:
    """0 when every adapter works, 10 when the machine could render none of them, else 1."""
    verdicts = {str(done.verdict) for done in results}
    if verdicts <= {"ok", "weak"}:
        return 0
    return 10 if verdicts == {"error"} else 1


SIDES = (64, 4096)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch("([0-9]{1,5})[xX×]([0-9]{1,5})", text)
    sides = [int(side) for side in match.groups()] if match else []
    if not sides or not all(SIDES[0] <= side <= SIDES[1] and side % 8 == 0 for side in sides):
        raise click.BadParameter(
            f"{text!r} is no size: two multiples of 8 from {SIDES[0]} to {SIDES[1]}, like 512x768", param_hint="--size"
        )
    return sides[0], sides[1]


def _plain(prompt: str | None, option: str) -> str | None:
    """Refuse adapter tags in a prompt: the pictures are made without them, and the recipe would not be true."""
    from hubman.core.prompt import extract_tags

    if prompt and extract_tags(prompt)[1]:
        raise click.BadParameter("adapters in it are not applied; name the adapter as MODEL", param_hint=option)
    return prompt
