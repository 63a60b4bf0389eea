"""`hubman demo`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.terminal import ProgressLine, Terminal
from hubman.cli.words import _

if TYPE_CHECKING:
    from hubman.app.sheet import SheetRow
    from hubman.app.validation import Validation
    from hubman.config import Config

SEARCHED = "水墨"


@click.command()
@click.option("--keep", metavar="DIR", help="Put the demo library into this empty or new folder.")
@click.option("--no-open", is_flag=True, help="Do not open the contact sheet at the end.")
@answering()
def demo(keep: str | None, no_open: bool, terminal: Terminal) -> int:
    """See all of it work: scan, search, trigger words, and every adapter proven by a picture.

    Needs no network, no GPU and no models of yours: it copies the tiny models that ship with hubman to a folder of
    their own and leaves your library alone.
    """
    from hubman.app.demo import create_library

    started = time.monotonic()
    folder = Path(keep).expanduser().absolute() if keep else Path(tempfile.mkdtemp(prefix="hubman-demo-"))
    models, config = create_library(folder)
    session = Session(config)
    _index(session, str(models), terminal)
    if terminal.human:
        _show_use(session, terminal)
    rows, sheet = _prove(session, config, folder, terminal)
    results = [row.validations[0] for row in rows]
    seconds = time.monotonic() - started
    if not terminal.human:
        terminal.document(
            {
                "library": str(models),
                "contact_sheet": str(sheet),
                "seconds": round(seconds, 1),
                "verdicts": [done.to_json() for done in results],
            }
        )
    else:
        _close(results, sheet, folder, seconds, terminal)
        if not no_open and sys.stdout.isatty():
            click.launch(str(sheet))
    return 0 if all(str(done.verdict) in ("ok", "weak") for done in results) else 1


def _index(session: Session, models: str, terminal: Terminal) -> None:
    from hubman.app.roots import add_root
    from hubman.app.sync import Sync, SyncOptions
    from hubman.cli.commands.sync import print_report
    from hubman.core.library import SidecarPolicy

    _command(terminal, f"hubman sync {models}")
    with session.store() as store:
        root = add_root(store, models, None, SidecarPolicy.OFF)
        report = Sync(store, SyncOptions()).run([root])
    if terminal.human:
        print_report(report, terminal)


def _show_use(session: Session, terminal: Terminal) -> None:
    """One listing, one search, one trigger lookup, one ready prompt."""
    from hubman.app.library import find_one
    from hubman.app.prompting import make_prompt
    from hubman.app.trigger_card import trigger_card
    from hubman.cli.commands.search import find
    from hubman.cli.commands.triggers import print_card
    from hubman.core.prompt import PromptStyle

    _command(terminal, "hubman ls")
    find(session, (), None, terminal)
    _command(terminal, f"hubman search {SEARCHED}")
    find(session, (SEARCHED,), None, terminal)
    with session.reader() as reader:
        from hubman.core.query import parse_query

        name = reader.search(parse_query(SEARCHED, time.time_ns()))[1][0].name
        _command(terminal, f"hubman triggers {name}")
        print_card(trigger_card(find_one(reader, name)), terminal)
        _command(terminal, f'hubman prompt {name}:0.8 toy-negative "a red circle"')
        built = make_prompt(reader, [f"{name}:0.8", "toy-negative", "a red circle"], "", PromptStyle.A1111)
    terminal.text(built.positive)
    terminal.text(_("Negative prompt: {text}").format(text=built.negative))


def _prove(session: Session, config: Config, folder: Path, terminal: Terminal) -> tuple[list[SheetRow], Path]:
    from hubman.app.demo import draw_sheet, prove_all
    from hubman.app.proving import choose_adapters, choose_bases
    from hubman.renderers.process import Renderer

    _command(terminal, "hubman validate")
    now = time.time_ns()
    with session.reader() as reader:
        files, bases = choose_adapters(reader, (), now), choose_bases(reader, None, now)
    progress = ProgressLine()
    progress.phase("validate", len(files) * len(bases))
    with session.store() as store, Renderer() as renderer:
        renderer.hello()  # without torch nothing below can work: say so now, and once
        rows = prove_all(store, config, files, bases, renderer, progress.advance)
        progress.close()
        sheet = draw_sheet(rows, folder, renderer, _("hubman demo: without and with each adapter, same seed"))
    return rows, sheet


def _close(results: list[Validation], sheet: Path, folder: Path, seconds: float, terminal: Terminal) -> None:
    from hubman.cli.commands.validate import print_verdicts

    print_verdicts(results, terminal)
    good = sum(str(done.verdict) in ("ok", "weak") for done in results)
    terminal.text()
    terminal.heading(
        _("{good} of {all} adapters work, proven in {seconds:.0f} s without network or GPU.").format(
            good=good, all=len(results), seconds=seconds
        )
    )
    terminal.text(_("contact sheet  {path}").format(path=sheet))
    terminal.text(_("library        {path}").format(path=folder))
    terminal.hint(_("Next, with your own models: hubman roots add FOLDER && hubman sync"))


def _command(terminal: Terminal, line: str) -> None:
    if terminal.human:
        terminal.text()
        terminal.heading(f"$ {line}")
