"""`hubman hubs ls|enable|disable|login|logout|status|search`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING

import click

from hubman.cli.session import Session, answering
from hubman.cli.table import Column
from hubman.cli.terminal import Terminal, aside
from hubman.cli.words import _, error_text, listed, value
from hubman.errors import N_, NotFoundError, UsageError

if TYPE_CHECKING:
    from hubman.app.hub_states import HubLine, HubState

ELSEWHERE = {"search": "hubman.cli.commands.hub_search"}
"""Subcommands that live in a module of their own, under their own name; imported when they are run."""


class HubsGroup(click.Group):
    """A group some of whose commands are imported only when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *(name for name in ELSEWHERE if self._module(name) is not None)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = self._module(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command

    @staticmethod
    def _module(name: str) -> str | None:
        """Return where a subcommand is, if it is elsewhere and in this installation."""
        module = ELSEWHERE.get(name)
        return module if module and importlib.util.find_spec(module) else None


@click.group(cls=HubsGroup)
def hubs() -> None:
    """Which hubs there are, who may be asked about your files, and tokens."""


@hubs.command("ls")
@click.pass_obj
@answering()
def ls(session: Session, terminal: Terminal) -> None:
    """List the hubs: address, whether hashes may be sent there, where the token comes from. Asks no hub."""
    from hubman.app.hub_states import hub_lines

    choices: dict[str, bool] = {}
    with contextlib.suppress(NotFoundError), session.reader() as reader:  # tokens and addresses need no library
        choices = reader.hubs.choices()
    lines = hub_lines(session.config, choices)
    if not terminal.human:
        terminal.document({"offline": session.config.offline, "hubs": [_line_json(line) for line in lines]})
        return
    columns = [
        Column(_("HUB")), Column(_("LOOKUP")), Column(_("TOKEN"), flexible=True), Column(_("API")),
        Column(_("ADDRESS"), flexible=True),
    ]  # fmt: skip
    terminal.table(columns, [_row(line) for line in lines])
    for line in lines:
        if line.token is not None and _can_be_overheard(line.address):
            terminal.warn(
                _("The token for {hub} goes to {address} unencrypted.").format(hub=line.title, address=line.address)
            )
    strange = sorted(set(session.config.hub_urls) - {line.name for line in lines})
    if strange:
        terminal.warn(_("An address is set for what is no hub: {names}").format(names=listed(strange)))
    if session.config.offline:
        terminal.hint(_("hubman is told to stay offline: no hub is asked."))
    if all(line.enabled is None for line in lines):
        terminal.hint(_("Next: hubman hubs enable civitai    (hashes of your files are sent there, nothing else)"))


@hubs.command("enable")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def enable(session: Session, names: tuple[str, ...]) -> None:
    """Let `sync` and `watch` look up your files at a hub. What is sent are hashes; no names, no files."""
    _choose(session, names, enabled=True)


@hubs.command("disable")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def disable(session: Session, names: tuple[str, ...]) -> None:
    """Send no hash to a hub unasked. What is known from it stays."""
    _choose(session, names, enabled=False)


@hubs.command("login")
@click.argument("name")
@click.option("--offline", is_flag=True, help="Keep the token without asking the hub whose it is.")
@click.pass_obj
def login(session: Session, name: str, offline: bool) -> None:
    """Keep a token for a hub: typed without echo, or from stdin (`hubman hubs login civitai < FILE`).

    The hub is asked whose it is. It is kept in the system's keyring, or in credentials.toml that only you can read.
    """
    from hubman.app.hub_states import check_login, log_in
    from hubman.app.hubs import check_name

    hub = check_name(name)
    check_login(hub)
    done = log_in(session.config, hub, _token(hub), offline=offline)
    title = _title(hub)
    if done.unchecked is not None:
        message, _hint = error_text(done.unchecked)
        Terminal().warn(_("The token is kept, but nobody has checked it: {why}").format(why=message))
    elif done.account is not None:
        click.echo(_("Logged in to {hub} as {account}.").format(hub=title, account=_safe(done.account)))
    else:
        click.echo(_("The token for {hub} is kept; the hub does not say whose it is.").format(hub=title))
    aside(_("kept in {where}").format(where=done.where), dim=True)
    if done.shadowed is not None:
        Terminal().warn(_("{source} is used instead, as long as it is there.").format(source=done.shadowed))


@hubs.command("logout")
@click.argument("name")
@click.pass_obj
def logout(session: Session, name: str) -> None:
    """Forget the token that hubman keeps for a hub. To make it worthless, revoke it on the hub's page."""
    from hubman.app.hub_states import log_out
    from hubman.app.hubs import check_name

    hub = check_name(name)
    gone, left = log_out(session.config, hub)
    if gone:
        click.echo(_("The token for {hub} is forgotten ({where}).").format(hub=_title(hub), where=listed(gone)))
    else:
        click.echo(_("hubman keeps no token for {hub}.").format(hub=_title(hub)))
    if left is not None:
        Terminal().warn(_("One is still there: {source}. It is not hubman's to delete.").format(source=left))


@hubs.command("status")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--offline", is_flag=True, help="Do not use the network.")
@click.pass_obj
@answering()
def status(session: Session, names: tuple[str, ...], offline: bool, terminal: Terminal) -> None:
    """Ask each hub: can it be reached, who am I there, what is left of its rate limit? At most 15 seconds."""
    from hubman.app.hub_states import hub_states

    states = hub_states(session.config, names or None, offline=offline)
    if not terminal.human:
        terminal.document({"hubs": [_state_json(state) for state in states]})
    else:
        columns = [
            Column(_("HUB")), Column(_("STATE"), flexible=True), Column(_("ACCOUNT")), Column(_("LEFT"), right=True),
            Column(_("ADDRESS"), flexible=True),
        ]  # fmt: skip
        terminal.table(columns, [_state_row(state) for state in states])
    troubles = [state.trouble for state in states if state.trouble is not None]
    for message, hint in dict.fromkeys(map(error_text, troubles)):  # "offline" is said once, not of every hub
        terminal.warn(message)
        if hint:
            terminal.hint("  " + hint)
    if troubles and len(troubles) == len(states):
        raise click.exceptions.Exit(troubles[0].exit_code)


def _choose(session: Session, names: tuple[str, ...], *, enabled: bool) -> None:
    from hubman.app.hubs import check_name, choose

    chosen = list(dict.fromkeys(check_name(name) for name in names))
    with session.store() as store:
        for hub in chosen:
            choose(store, hub, enabled=enabled)
    for hub in chosen:
        click.echo(_allowed(hub) if enabled else _("{hub}: nothing is sent.").format(hub=_title(hub)))
    if enabled and any(_takes_hashes(hub) for hub in chosen):
        aside(_("Next: hubman sync"), dim=True)


def _takes_hashes(hub: str) -> bool:
    from hubman.hubs import class_of

    return bool(class_of(hub).hash_kinds)


def _allowed(hub: str) -> str:
    """Say what the yes to a hub means; not of every hub that hashes go there."""
    from hubman.core.hub import OPENMODELDB
    from hubman.hubs import class_of

    if not _takes_hashes(hub):
        text = _("{hub} finds nothing by a hash, so none is sent there. `pull` and `hubs search` ask it without this.")
    elif hub == OPENMODELDB:
        text = _("{hub}: its table of upscalers is fetched from now on; nothing is sent.")
    elif class_of(hub).needs_yes:
        text = _(
            "{hub}: hashes of your files are sent there from now on. It offers nothing for programs: what works today "
            "may not tomorrow."
        )
    else:
        text = _("{hub}: hashes of your files are sent there from now on.")
    return text.format(hub=_title(hub))


def _token(hub: str) -> str:
    """Ask for a token without echo, or take the first line of stdin. Never an argument: those are seen by everybody."""
    from hubman.hubs import TOKEN_PAGES

    if not sys.stdin.isatty():
        text = sys.stdin.readline(8192).strip()
        if not text:
            raise UsageError(
                "token-missing",
                N_("There is no terminal to ask on, and stdin is empty."),
                hint=N_("hubman hubs login {hub} < FILE    (or set HUBMAN_{variable}_TOKEN)"),
                hub=hub,
                variable=hub.upper(),
            )
        return text
    if hub in TOKEN_PAGES:
        aside(_("Make a token at {page}").format(page=TOKEN_PAGES[hub]))
    text = click.prompt(_("Token for {hub}").format(hub=_title(hub)), hide_input=True, err=True)
    return str(text)


def _title(hub: str) -> str:
    from hubman.hubs import TITLES, class_of

    return TITLES.get(hub) or _safe(str(class_of(hub).title))


def _can_be_overheard(address: str) -> bool:
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    host = parts.hostname or ""
    return parts.scheme == "http" and not (host in ("localhost", "::1") or host.startswith("127."))


def _safe(text: str) -> str:
    from hubman.cli.terminal import safe

    return safe(text)


def _row(line: HubLine) -> list[str]:
    lookup = {True: _("on"), False: _("off"), None: _("off (never asked)")}[line.enabled] if line.by_hash else "-"
    official = {True: _("official"), False: _("unofficial"), None: _("broken")}[line.official]
    return [line.name, lookup, line.token or "-", official, line.address]


def _line_json(line: HubLine) -> dict[str, object]:
    return {
        "name": line.name, "title": line.title, "address": line.address, "configured": line.configured,
        "enabled": bool(line.enabled), "asked": line.enabled is not None, "token": line.token,
        "official": line.official, "by_hash": line.by_hash,
    }  # fmt: skip


def _state_row(state: HubState) -> list[str]:
    good = _("ok") if state.has_token else _("ok, without a token")
    left = "-"
    if state.left is not None:
        left = _("{left} for {seconds} s").format(left=state.left, seconds=round(state.reset_s or 0))
    return [
        state.name,
        value("state", state.trouble.reference) if state.trouble else good,
        state.account or "-",
        left,
        state.address,
    ]


def _state_json(state: HubState) -> dict[str, object]:
    trouble = state.trouble
    return {
        "name": state.name, "title": state.title, "address": state.address,
        "state": trouble.reference if trouble else "ok", "message": trouble.message if trouble else None,
        "token": state.has_token, "account": state.account, "left": state.left, "reset_s": state.reset_s,
    }  # fmt: skip
