"""What `hubs ls` and `hubs status` say, and a token that is checked before it is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubman.app.hubs import OpenHubs, base_of, hub_names, open_hubs, token_of
from hubman.disk.credentials import Credentials, checked
from hubman.errors import N_, HubError, HubmanError, UsageError

if TYPE_CHECKING:
    from hubman.config import Config

STATUS_S = 15.0
"""Seconds that `hubs status` and the check of a token wait for hubs, all of them together."""


@dataclass(frozen=True, slots=True)
class HubLine:
    """What is known of a hub without asking it.

    Attributes:
        enabled: whether hashes may be sent there; None: nobody was asked yet.
        token: where the token comes from; None: there is none.
        official: whether the hub offers its interface for programs; None: its package is broken.
        configured: whether the address is the user's own choice.
        by_hash: whether it can be asked about a hash at all.
    """

    name: str
    title: str
    address: str
    enabled: bool | None
    token: str | None
    official: bool | None
    configured: bool
    by_hash: bool = True


def hub_lines(config: Config, choices: Mapping[str, bool], environ: Mapping[str, str] = os.environ) -> list[HubLine]:
    """Return all hubs in the order in which they are asked.

    Raises:
        UsageError: the tokens cannot be read.
    """
    credentials, lines = Credentials(config.home, environ), []
    for name in hub_names():
        title, address, official, by_hash = _about(config, name)
        token = token_of(credentials, name)
        source, configured = token.source if token else None, name in config.hub_urls
        lines.append(HubLine(name, title, address, choices.get(name), source, official, configured, by_hash))
    return lines


def _about(config: Config, name: str) -> tuple[str, str, bool | None, bool]:
    from hubman.hubs import DEFAULT_URLS, TITLES, class_of

    try:
        kind = class_of(name)
        official = bool(getattr(kind, "official", not kind.needs_yes))
        return str(kind.title), base_of(config, name), official, bool(kind.hash_kinds)
    except HubError:
        return TITLES.get(name, name), config.hub_urls.get(name) or DEFAULT_URLS.get(name, ""), None, True


@dataclass(frozen=True, slots=True)
class HubState:
    """What a hub answered.

    Attributes:
        account: who the token belongs to; None without a token, or where the hub does not say.
        has_token: whether one was sent.
        left, reset_s: requests that the hub says are left, and the seconds until it counts anew; None: it does not say.
        trouble: what went wrong; None: it was reached, and it takes the token.
    """

    name: str
    title: str
    address: str
    has_token: bool
    account: str | None = None
    left: int | None = None
    reset_s: float | None = None
    trouble: HubmanError | None = None


def hub_states(config: Config, names: Sequence[str] | None = None, *, offline: bool = False) -> list[HubState]:
    """Ask hubs how they are, all at once, within STATUS_S seconds.

    Raises:
        NotFoundError: `hub-unknown`. UsageError: the tokens cannot be read.
    """
    with (
        open_hubs(config, hub_names() if names is None else names, offline=offline) as hubs,
        hubs.within(STATUS_S),
        ThreadPoolExecutor(max_workers=8) as pool,
    ):
        return list(pool.map(lambda name: _state(hubs, name), hubs))


def _state(hubs: OpenHubs, name: str) -> HubState:
    base, has_token = hubs.base(name), hubs.web.has_token(name)
    title, account = name, None
    trouble: HubmanError | None = None
    try:
        title = hubs[name].title
        if has_token:
            account = hubs[name].account()
        if account is None:
            hubs.web.ask(name, "HEAD", base, anonymous=True)
    except HubmanError as error:
        trouble = error if error.reference != "login-needed" or has_token else None
    limit = hubs.web.limit(base) if base else None
    left, reset = (limit.left, limit.reset_s) if limit else (None, None)
    return HubState(name, title, base, has_token, account, left, reset, trouble)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A token that is kept.

    Attributes:
        where: "keyring" or a path.
        account: who it belongs to; None where the hub does not say, or could not be asked (`unchecked`).
        shadowed: the variable that is used instead of it as long as it is set.
    """

    where: str
    account: str | None
    unchecked: HubError | None = None
    shadowed: str | None = None


def check_login(name: str) -> None:
    """Refuse a hub that nobody can log in to.

    Raises:
        UsageError: `no-login`.
    """
    from hubman.hubs import TITLES, WITHOUT_TOKEN

    if name in WITHOUT_TOKEN:
        raise UsageError(
            "no-login",
            N_("{hub} knows no accounts: everything there is open."),
            hint=N_("Nothing needs to be done."),
            hub=TITLES[name],
        )


def log_in(
    config: Config, name: str, value: str, *, offline: bool = False, environ: Mapping[str, str] = os.environ
) -> LoggedIn:
    """Keep a token after the hub has said whose it is. One that it refuses is not kept.

    Raises:
        AccessError: `token-refused`. UsageError: `token-invalid`, `no-login`; the file cannot be used.
    """
    check_login(name)
    value = checked(value.strip(), "")
    account, unchecked = None, None
    with open_hubs(config, [name], offline=offline, environ={}, token=value) as hubs, hubs.within(STATUS_S):
        try:
            account = hubs[name].account()
        except HubError as error:
            if error.reference == "hub-broken":
                raise
            unchecked = error
    credentials = Credentials(config.home, environ)
    where = credentials.keep(name, value)
    used = credentials.token(name)
    shadowed = used.source if used and not used.kept else None
    return LoggedIn(where, account, unchecked, shadowed)


def log_out(config: Config, name: str, *, environ: Mapping[str, str] = os.environ) -> tuple[list[str], str | None]:
    """Forget the token that hubman keeps of a hub; return where it was, and where one still comes from.

    Raises:
        UsageError: the file cannot be used.
    """
    credentials = Credentials(config.home, environ)
    gone = credentials.forget(name)
    left = token_of(credentials, name)
    return gone, left.source if left else None
