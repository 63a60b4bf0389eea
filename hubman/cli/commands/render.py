"""`hubman render`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from hubman.cli.picture_options import parse_seeds, parse_size
from hubman.cli.session import Session, answering
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _


@click.command()
@click.argument("prompt")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="New .png file.")
@click.option("--negative", metavar="TEXT", default="", help="Negative prompt.")
@click.option("--on", "on", metavar="CHECKPOINT", help="Render on this checkpoint.")
@click.option("--seeds", metavar="N,N", help="One picture for each seed; 1 unless you say others.")
@click.option("--steps", type=click.IntRange(1, 150), help="Sampling steps.")
@click.option("--cfg", type=click.FloatRange(0, 30), help="Guidance scale.")
@click.option("--size", metavar="WxH", help="Picture size in pixels.")
@click.option("--sampler", metavar="NAME", help="dpmpp_2m, dpmpp_2m_karras, euler, euler_a, ddim, unipc.")
@click.option("--clip-skip", type=click.IntRange(1, 12), default=1, show_default=True, help="As the WebUI counts.")
@click.option("--config", type=click.Path(exists=True, file_okay=False), help="Diffusers config of the checkpoint.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.pass_obj
@answering()
def render(
    session: Session,
    prompt: str,
    output: str,
    negative: str,
    on: str | None,
    seeds: str | None,
    steps: int | None,
    cfg: float | None,
    size: str | None,
    sampler: str | None,
    clip_skip: int,
    config: str | None,
    device: str,
    terminal: Terminal,
) -> int:
    """Render PROMPT, in the WebUI's language, with the adapters of the library that it calls.

    <lora:NAME:0.6>, <lora:NAME:te:unet>, <hypernet:NAME:1>, the name of an embedding as a word, (word:1.2),
    [from:to:5], BREAK, AND. The picture carries its recipe, which a WebUI's "PNG Info" reads. No file is overwritten.
    """
    from hubman.app.rendering import plan_pictures, read_prompt, render_pictures, targets
    from hubman.app.validation import ValidateOptions
    from hubman.core.plan.render import PromptPair
    from hubman.renderers.process import Renderer

    options = ValidateOptions(
        config=config, size=parse_size(size), seeds=parse_seeds(seeds) or (1,), steps=steps, cfg=cfg, sampler=sampler,
        clip_skip=clip_skip, device=device, render=True,
    )  # fmt: skip
    targets(Path(output), len(options.seeds or ()))
    with session.reader() as reader:
        wanted = read_prompt(reader, PromptPair(prompt, negative), on, time.time_ns())
    progress = ProgressLine()
    with Renderer(device=device, on_progress=lambda stage: progress.advance()) as renderer:
        plan = plan_pictures(wanted, options, renderer.hello())
        progress.phase("render", len(plan.sampling.seeds) * plan.sampling.steps)
        if wanted.large and renderer.hello().get("device") == "cpu":
            terminal.hint(_("A large checkpoint without a GPU takes minutes a picture; Ctrl-C ends it."))
        made = render_pictures(wanted, plan, Path(output), renderer)
    progress.close()
    if not terminal.human:
        terminal.document(made.to_json(wanted))
        return 0
    for path in made.paths:
        terminal.text(path)
    names = ", ".join(called.adapter.name for called in wanted.called)
    terminal.hint(
        _("on {base}, with {names}").format(base=wanted.base.name, names=names)
        if names
        else _("on {base}").format(base=wanted.base.name)
    )
    return 0
