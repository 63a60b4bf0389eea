"""`hubman validate`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hubman.cli.exclusions import QueryCommand
from hubman.cli.picture_options import parse_seeds, parse_size, plain_prompt
from hubman.cli.session import Session, answering
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _, plural, value

if TYPE_CHECKING:
    from hubman.app.proof_choice import Choice
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
@click.option(
    "--all", "everything", is_flag=True, help="The whole library: what has no proof yet (as without a query)."
)
@click.option("--again", is_flag=True, help="Prove anew what has a proof already.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N",
              help="Render processes at once; with several GPUs each takes its own.")  # fmt: skip
@click.option("--no-preview", is_flag=True, help="Make no pictures for people, only the verdict.")
@click.pass_obj
@answering(lists=True)
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
    everything: bool,
    again: bool,
    workers: int,
    no_preview: bool,
    terminal: Terminal,
) -> int:
    """Render each adapter with and without it, at the same seeds: does it work, and at which weight?

    Models that are named are always proven anew. Of a query, or without one of the whole library, those that have no
    proof yet, the newest first: it can be interrupted (even killed) at any moment, and the same command goes on. Exit
    code 1: a verdict is neither ok nor weak; 10: nothing could be rendered; 8: another hubman validates already.
    """
    from hubman.app.proof_choice import choose
    from hubman.app.proof_lock import proving_alone
    from hubman.app.proof_queue import ProofQueue
    from hubman.app.proving import Proving, choose_bases
    from hubman.app.validation import ValidateOptions
    from hubman.renderers.process import Renderer

    if everything and query:
        raise click.UsageError("--all is the whole library; leave it out to validate what a query finds.")
    options = ValidateOptions(
        base_given=base is not None, config=config, prompt=plain_prompt(prompt, "--prompt"),
        negative=plain_prompt(negative, "--negative"), size=parse_size(size),
        seeds=parse_seeds(seeds), steps=steps, cfg=cfg, weight=weight, device=device, render=render,
        preview=not no_preview,
    )  # fmt: skip
    progress, shown = ProgressLine(), Shown(terminal)
    with session.store() as store, proving_alone(session.config, "validate"):
        with session.reader() as reader:
            now = time.time_ns()
            bases = choose_bases(reader, base, now)
            choice = choose(reader, query, bases, now, given=base is not None, again=again)
        proving = Proving(store, session.config, bases, options, Renderer(device=device))
        for path in proving.skipped:
            terminal.warn(_("{path} cannot be read, so nothing is proven on it").format(path=path))
        queue = ProofQueue(
            proving,
            choice.files,
            lambda number: Renderer(device=device, share=(number, workers)),
            workers,
            progress,
        )
        try:
            queue.plan()
            progress.phase("validate", queue.total)
            for done in queue.run():
                progress.expect(queue.seconds_left())
                progress.advance()
                shown.one(done, progress)
        except KeyboardInterrupt:
            progress.close()
            shown.all(choice)
            raise KeyboardInterrupt(
                _(
                    "Interrupted: {count} of {total} were proven and are kept. The same command goes on from there."
                ).format(count=len(shown.results), total=queue.total)
            ) from None
    progress.close()
    shown.all(choice)
    return exit_code(shown.results, all_good_before=choice.all_good_before)


class Shown:
    """What was found, shown as it comes (`--jsonl`, `-q`) or at the end."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.results: list[Validation] = []

    def one(self, done: Validation, progress: ProgressLine) -> None:
        """One more is proven, and recorded."""
        self.results.append(done)
        if self._terminal.mode in ("jsonl", "quiet"):
            progress.close()
        if self._terminal.mode == "jsonl":
            self._terminal.lines([done.to_json()])
        elif self._terminal.mode == "quiet":
            self._terminal.ids([done.adapter.id])

    def all(self, choice: Choice) -> None:
        """All that could be proven is: the newest first, whatever the order in which it was done."""
        places = {file.id: number for number, file in enumerate(choice.files)}
        self.results.sort(key=lambda done: places.get(done.adapter.id, 0))
        if self._terminal.mode == "json":
            before = dict(sorted(choice.before.items()))
            self._terminal.document({"verdicts": [done.to_json() for done in self.results], "before": before})
        elif self._terminal.human:
            if self.results:
                print_verdicts(self.results, self._terminal)
            print_before(choice, self._terminal, found=bool(self.results))


def print_before(choice: Choice, terminal: Terminal, *, found: bool) -> None:
    """Say what was not done because it had been done before."""
    count = choice.before.total()
    if not count:
        return
    verdicts = ", ".join(f"{number} {value('verdict', verdict)}" for verdict, number in choice.before.most_common())
    if found:
        text = plural("{count} more has a proof from before: {verdicts}",
                      "{count} more have a proof from before: {verdicts}", count)  # fmt: skip
    else:
        text = plural("Nothing to do: {count} adapter has a proof already: {verdicts}",
                      "Nothing to do: {count} adapters have a proof already: {verdicts}", count)  # fmt: skip
    terminal.text(text.format(count=count, verdicts=verdicts))
    terminal.hint(_("`hubman validate --again` proves them anew; `hubman search is:failed` lists what does not work."))


MOST_ROWS = 60
"""Results of which every one is a row; of more, only what is not in order."""


def print_verdicts(results: list[Validation], terminal: Terminal) -> None:
    """Print the table, and a reason for everything that is not ok."""
    from hubman.cli import verdicts

    rows = results if len(results) <= MOST_ROWS else [done for done in results if str(done.verdict) != "ok"]
    if rows:
        terminal.table(verdicts.columns(), [verdicts.row(done) for done in rows])
    for line in verdicts.reasons(rows):
        terminal.text("  " + line)
    if len(rows) < len(results):
        fine = len(results) - len(rows)
        terminal.text(plural("{count} more is ok", "{count} more are ok", fine).format(count=fine))
    terminal.hint(
        _("CHANGE: how far the picture moves at weight 1, of 255. `hubman preview MODEL` shows the pictures.")
    )


def exit_code(results: list[Validation], *, all_good_before: bool = True) -> int:
    """0 when every adapter works, 10 when the machine could render none of them, else 1."""
    verdicts = {str(done.verdict) for done in results}
    if verdicts <= {"ok", "weak"}:
        return 0 if all_good_before else 1
    return 10 if verdicts == {"error"} else 1
