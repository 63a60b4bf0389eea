"""`hubman pull`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from hubman.cli.pulled import failed_json, file_words, label, passed_over, pulled_json, show
from hubman.cli.session import Session, answering
from hubman.cli.table import Column, cells, pad
from hubman.cli.terminal import ProgressLine, Terminal, aside, human_size
from hubman.cli.words import _, about, error_text, told
from hubman.core.hub_titles import title_of
from hubman.errors import N_, ConflictError, HubmanError, NotFoundError, Phrase, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hubman.app.hubs import OpenHubs
    from hubman.app.pull import PullOptions
    from hubman.app.pull_many import Outcome, Pull
    from hubman.app.wanted import Asked
    from hubman.cli.bars import Bar, Bars
    from hubman.store.door import Store


@click.command()
@click.argument("refs", nargs=-1, metavar="REF...")
@click.option(
    "-r", "--list", "lists", multiple=True, metavar="FILE", help="A list by `hubman export`, or REFs by line."
)
@click.option("--root", metavar="ROOT", help="The root to put it in.")
@click.option("--to", "folder", metavar="FOLDER", help="The folder to put it in, absolute or relative to the root.")
@click.option("--name", metavar="NAME", help="The name to give it.")
@click.option("--file", "file", metavar="FILE", help="Which file of the model: its name, a glob, number or type.")
@click.option("--version", metavar="VERSION", help="Which version: its number or name (default: the newest).")
@click.option("--fp16", is_flag=True, help="The half-precision file.")
@click.option("--safetensors-only", is_flag=True, help="Nothing that could be a pickle.")
@click.option("--folder", "whole_folder", is_flag=True, help="All of a diffusers repository, as one folder.")
@click.option("--from", "hub", metavar="HUB", help="Ask this hub instead: civarchive has what others deleted.")
@click.option("--jobs", type=click.IntRange(1, 16), metavar="N", help="Files at the same time (default: the config's).")
@click.option("--explicit", is_flag=True, help="An explicit picture may become the preview.")
@click.option("--resume", is_flag=True, help="Go on with unfinished downloads (all, or the given ones).")
@click.option(
    "--forget", "give_up", is_flag=True, help="Give unfinished downloads up and delete what is there of them."
)
@click.option("--offline", is_flag=True, help="Ask no hub: only what is here already can be answered.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be fetched, and where it would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask: of several files take what the hub names first.")
@click.pass_obj
@answering(lists=True, asks=True)
def pull(session: Session, terminal: Terminal, refs: tuple[str, ...], **chosen: Any) -> int:
    """Download models: verified while they come, filed by what they are, nothing overwritten, resumable.

    REF is what you copy from a hub: the address of a page or a file, `civitai:1@2`, `hf:org/name/file`, an AIR urn, a
    LiblibAI link, or a hash. Without REF: the downloads that are not finished.
    """
    if chosen["resume"] and chosen["give_up"]:
        raise click.UsageError("Choose one of --resume and --forget.")
    with session.store() as store:
        if chosen["give_up"]:
            return _forget(store, refs, terminal)
        if not refs and not chosen["lists"] and not chosen["resume"]:
            return _list(store, terminal)
        return Run(session, store, terminal, refs, chosen).run()


# --- unfinished downloads ---------------------------------------------------------------------------------------------


def _list(store: Store, terminal: Terminal) -> int:
    from hubman.app.unfinished import drop_finished, unfinished
    from hubman.store.reader import open_reader

    drop_finished(store)
    with open_reader(store.path) as reader:
        begun = unfinished(reader)
    if terminal.mode == "json":
        terminal.document({"unfinished": [one.to_json() for one in begun]})
    elif terminal.mode == "jsonl":
        terminal.lines(one.to_json() for one in begun)
    elif terminal.mode == "quiet":
        terminal.ids(str(one.entry.number) for one in begun)
    if not terminal.human:
        return 0
    if not begun:
        _nothing_unfinished(terminal)
        return 0
    columns = [
        Column(_("NO."), right=True), Column(_("NAME"), flexible=True, least=12), Column(_("HAVE"), right=True),
        Column(_("STATE")), Column(_("FROM"), flexible=True, least=12),
    ]  # fmt: skip
    states = {"running": _("running"), "stopped": _("stopped"), "failed": _("failed"), "placing": _("being filed")}
    rows = [
        [str(one.entry.number), one.name, _amount(one.have, one.size), states.get(one.state, one.state), one.entry.ref]
        for one in begun
    ]
    terminal.table(columns, rows)
    terminal.hint(_("Go on: hubman pull --resume. Give up: hubman pull --forget [NO.]"))
    return 0


def _nothing_unfinished(terminal: Terminal) -> None:
    terminal.hint(_("No download is unfinished. To begin one: hubman pull REF (the address of a model's page)."))


def _amount(have: int, size: int | None) -> str:
    return f"{human_size(have)} / {human_size(size)}" if size else human_size(have)


def _forget(store: Store, words: Sequence[str], terminal: Terminal) -> int:
    from hubman.app.unfinished import forget, some_of, unfinished
    from hubman.store.reader import open_reader

    with open_reader(store.path) as reader:
        begun = some_of(unfinished(reader), words)
    done = forget(store, begun)
    if terminal.mode == "json":
        terminal.document({"forgotten": [one.to_json() for one in done]})
    elif terminal.mode == "jsonl":
        terminal.lines(one.to_json() for one in done)
    elif terminal.mode == "quiet":
        terminal.ids(str(one.entry.number) for one in done)
    elif not done:
        _nothing_unfinished(terminal)
    for one in done if terminal.human else ():
        terminal.text(_("given up: {name} ({size})").format(name=one.name, size=human_size(one.have)))
    return 0


# --- downloads --------------------------------------------------------------------------------------------------------


class Run:
    """One `hubman pull` that fetches something."""

    def __init__(
        self, session: Session, store: Store, terminal: Terminal, refs: Sequence[str], chosen: Mapping[str, Any]
    ) -> None:
        self.session, self.store, self.terminal, self.refs, self.chosen = session, store, terminal, refs, chosen
        self.outcomes: list[Outcome] = []
        self.not_found: list[dict[str, object]] = []
        self.bars: Bars | None = None
        self.running: dict[int, Bar] = {}
        self.finding = ProgressLine()

    def run(self) -> int:
        """Find everything (asking where something is unclear), then fetch it; return the exit code."""
        from hubman.app.hubs import open_hubs

        options = self._options()
        self._need_roots()
        with open_hubs(self.session.config, offline=self.chosen["offline"], on_wait=self._waiting) as hubs:
            try:
                pulls = self._wanted(hubs, options)
            finally:
                self.finding.close()
            if self.chosen["dry_run"]:
                for pull in pulls:
                    self._ended(pull, self._would(pull))
            else:
                self._fetch(hubs, pulls)
        self._answer()
        return max((outcome.error.exit_code for outcome in self.outcomes if outcome.error), default=self._worst())

    def _need_roots(self) -> None:
        """Say once, before any hub is asked, that there is nowhere to put anything."""
        from hubman.store.reader import open_reader

        with open_reader(self.store.path) as reader:
            if reader.roots():
                return
        raise NotFoundError(
            "no-roots",
            N_("There is no folder to put models in yet."),
            hint=N_("Add the models folder of your program: `hubman roots add FOLDER`."),
        )

    def _worst(self) -> int:
        return 3 if self.not_found else 0

    def _options(self) -> PullOptions:
        from hubman.app.local_copy import from_caches
        from hubman.app.pull import PullOptions

        config, chosen = self.session.config, self.chosen
        if chosen["name"] and len(self.refs) + len(chosen["lists"]) != 1:
            raise UsageError(
                "one-name-one-file",
                N_("--name names one file, and several are to be fetched."),
                hint=N_("Leave --name out, or pull that one alone."),
            )
        return PullOptions(
            home=config.home, root=chosen["root"], folder=chosen["folder"], name=chosen["name"],
            connections=config.connections, explicit=chosen["explicit"], source=from_caches,
        )  # fmt: skip

    def _wanted(self, hubs: OpenHubs, options: PullOptions) -> list[Pull]:
        """Find what every reference leads to; one that leads nowhere is an outcome of its own."""
        from hubman.app.pull_many import Pull
        from hubman.app.wanted import find
        from hubman.core.refs import without_secrets
        from hubman.store.reader import open_reader

        asked, pulls = self._asked(hubs), list[Pull]()
        if self.chosen["resume"]:
            return self._resumed(hubs, options, asked)
        texts = self._texts(hubs, options, asked, pulls)
        self.finding.phase("find", len(texts))
        for text in texts:
            try:
                with open_reader(self.store.path) as reader:
                    pulls.append(Pull(find(reader, hubs, text, asked), options))
            except HubmanError as error:
                self._failed(without_secrets(text), error)
            self.finding.advance()
        return pulls

    def _texts(self, hubs: OpenHubs, options: PullOptions, asked: Asked, pulls: list[Pull]) -> list[str]:
        """Return the references of the command line and of plain lists; lists by `export` are put into `pulls`."""
        from hubman.app.restoring import found_for, read_list, wanted_of
        from hubman.store.reader import open_reader

        texts = list(self.refs)
        for path in self.chosen["lists"]:
            listed = read_list(_read(path))
            texts += listed.refs
            with open_reader(self.store.path) as reader:
                found = found_for(reader, hubs, listed.entries) if listed.entries else {}
            for entry in listed.entries:
                try:
                    with open_reader(self.store.path) as reader:
                        pulls.append(wanted_of(self.store, reader, hubs, entry, options, asked, found))
                except HubmanError as error:
                    self.not_found.append({**entry.to_json(), "why": error.reference})
                    self._failed(entry.name, error, pages=entry.pages)
        return texts

    def _resumed(self, hubs: OpenHubs, options: PullOptions, asked: Asked) -> list[Pull]:
        from hubman.app.pull_many import Pull
        from hubman.app.unfinished import drop_finished, some_of, unfinished
        from hubman.app.wanted import find_ref
        from hubman.store.reader import open_reader

        drop_finished(self.store)
        pulls = []
        with open_reader(self.store.path) as reader:
            begun = some_of(unfinished(reader), self.refs)
            if not begun and self.terminal.human:
                _nothing_unfinished(self.terminal)
            self.finding.phase("find", len(begun))
            for one in begun:
                detail = one.entry.detail
                own = replace(options, root=detail.get("root"), folder=detail.get("folder"), name=detail.get("wish"))
                wish = replace(asked.wish, file=one.file, version=None)
                try:
                    found = find_ref(reader, hubs, one.entry.ref, one.ref, replace(asked, wish=wish))
                    pulls.append(Pull(found, own))
                except HubmanError as error:
                    self._failed(one.entry.ref, error)
        return pulls

    def _asked(self, hubs: OpenHubs) -> Asked:
        import time

        from hubman.app.hubs import check_name
        from hubman.app.wanted import Asked, hosts_of
        from hubman.core.plan.download import Wish

        chosen = self.chosen
        wish = Wish(
            file=chosen["file"], version=chosen["version"], fp16=chosen["fp16"],
            safetensors_only=chosen["safetensors_only"], folder=chosen["whole_folder"],
            now=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )  # fmt: skip
        tokens = frozenset(name for name in hubs if hubs.web.has_token(name))
        hub = check_name(chosen["hub"]) if chosen["hub"] else None
        return Asked(wish, hub, hosts_of({name: hubs.base(name) for name in hubs}), tokens, self._ask)

    def _ask(self, error: ConflictError) -> str:
        """Let a person choose between files; without anybody to ask, -y takes the first."""
        candidates: Any = error.fields.get("candidates", ())
        if self.chosen["yes"] and candidates:
            return str(candidates[0].id)
        if self.terminal.no_input or not self.terminal.human or not sys.stdin.isatty():
            raise error
        self.finding.close()
        aside(_("{name} has several files that fit:").format(name=error.fields.get("name", "")))
        lines = [file_words(file) for file in candidates]
        widths = [max(cells(line[column]) for line in lines) for column in range(len(lines[0]))]
        for number, line in enumerate(lines, 1):
            shown = "  ".join(pad(word, widths[column], right=column == 1) for column, word in enumerate(line))
            aside(f"{number:3}  {shown.rstrip()}")
        picked = click.prompt(_("Which one?"), type=click.IntRange(1, len(candidates)), default=1, err=True)
        return str(candidates[picked - 1].id)

    def _would(self, pull: Pull) -> Outcome:
        from hubman.app.pull import already, would_pull
        from hubman.app.pull_folder import would_pull_folder
        from hubman.app.pull_many import Outcome

        wanted = pull.wanted
        try:
            if wanted.listing is None or wanted.file is None:
                return Outcome(wanted.text, already(wanted.here))
            if wanted.members:
                found = would_pull_folder(self.store, wanted.listing, wanted.members, pull.options)
                return Outcome(wanted.text, found)
            return Outcome(wanted.text, would_pull(self.store, wanted.listing, wanted.file, pull.options))
        except HubmanError as error:
            return Outcome(wanted.text, error=error)

    def _fetch(self, hubs: OpenHubs, pulls: Sequence[Pull]) -> None:
        from hubman.app.pull_many import firsts_of, pull_all
        from hubman.cli.bars import Bars

        jobs, stop = self.chosen["jobs"] or self.session.config.downloads, Event()
        try:
            with Bars() as bars:
                self.bars = bars
                bars.expected = sum(pulls[index].wanted.listing is not None for index in firsts_of(pulls).values())
                pull_all(
                    self.store, hubs, pulls, jobs=jobs, progress=self._bar,
                    ended=self._ended, stop=stop,
                )  # fmt: skip
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(_("stopped; what came is kept. Go on with: hubman pull --resume")) from error
        finally:
            self.bars = None

    def _bar(self, pull: Pull) -> Bar:
        assert self.bars is not None
        bar = self.running[id(pull)] = self.bars.bar(label(pull.wanted))
        return bar

    def _waiting(self, hub: str, seconds: float) -> None:
        text = _("{hub} is busy: it is asked again in {seconds:.0f} s")
        self._aside(text.format(hub=title_of(hub), seconds=seconds))

    # --- what is said -------------------------------------------------------------------------------------------------

    def _failed(self, text: str, error: HubmanError, pages: Sequence[str] = ()) -> None:
        from hubman.app.pull_many import Outcome

        self.outcomes.append(Outcome(text, error=error))
        self._say_error(text, error, pages)

    def _ended(self, pull: Pull, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if (bar := self.running.pop(id(pull), None)) is not None:
            bar.end()
        if outcome.error is not None:
            self._say_error(outcome.text, outcome.error)
            return
        assert outcome.pulled is not None
        if pull.after is not None and outcome.pulled.model is not None:
            pull.after(outcome.pulled)
        for notice in outcome.pulled.notices:
            name = os.path.basename(outcome.pulled.path)
            self._aside(_("warning: {text}").format(text=about(name, told(notice))), "yellow")
        if (newer := pull.wanted.passed_over) is not None and self.terminal.human:
            self._aside(passed_over(newer))
        if self.terminal.human:
            if self.bars is None:
                show(outcome.pulled, self.terminal)
            else:
                self.bars.above(lambda: show(outcome.pulled, self.terminal) if outcome.pulled else None)

    def _say_error(self, text: str, error: HubmanError, pages: Sequence[str] = ()) -> None:
        message, hint = error_text(error)
        self._aside(_("error: {text}").format(text=about(text, message)), "red")
        for line in (hint, *pages):
            if line:
                self._aside(f"  {line}")

    def _aside(self, line: str, colour: str | None = None) -> None:
        if self.bars is not None:
            self.bars.say(line, fg=colour)
        else:
            self.finding.close()
            aside(line, fg=colour)

    def _answer(self) -> None:
        if self.terminal.mode == "quiet":
            self.terminal.ids(one.pulled.model.id for one in self.outcomes if one.pulled and one.pulled.model)
        elif self.terminal.mode == "jsonl":
            self.terminal.lines(
                {"ref": one.text, **pulled_json(one.pulled)} if one.pulled else failed_json(one.text, one.error)
                for one in self.outcomes
            )
        elif not self.terminal.human:
            self.terminal.document({
                "dry_run": self.chosen["dry_run"],
                "pulled": [{"ref": one.text, **pulled_json(one.pulled)} for one in self.outcomes if one.pulled],
                "failed": [failed_json(one.text, one.error) for one in self.outcomes if one.error],
                "not_found": self.not_found,
            })  # fmt: skip
        elif self.chosen["dry_run"]:
            self.terminal.hint(_("Nothing was fetched (-n)."))
        else:
            self._sum_up()

    def _sum_up(self) -> None:
        """Say how many of several came, and how they are taken back."""
        entries = [one.pulled.entry for one in self.outcomes if one.pulled and one.pulled.entry]
        if len(self.outcomes) > 1:
            here = sum(one.pulled is not None and one.pulled.outcome == "here" for one in self.outcomes)
            failed = sum(one.error is not None for one in self.outcomes)
            text = _("{fetched} fetched, {here} here already, {failed} failed")
            fetched = len(self.outcomes) - here - failed
            self.terminal.hint(text.format(fetched=fetched, here=here, failed=failed))
        if len(entries) == 1:
            self.terminal.hint(_("Take it back: hubman undo"))
        elif entries:
            self.terminal.hint(_("Take the latest back: hubman undo. Each is an entry of its own: hubman undo --list"))


def _read(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        with open(path, encoding="utf-8-sig", errors="strict") as file:
            return file.read(64 << 20)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "list-unreadable",
            N_("{path} cannot be read as a list: {why}"),
            hint=N_("Give a file by `hubman export`, or a text with one reference a line."),
            path=path,
            why=getattr(error, "strerror", None) or Phrase(N_("it is no UTF-8 text")),
        ) from error
