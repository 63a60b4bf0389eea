"""The hubs of a run: opened when they are asked, with the user's tokens; and which of them may be asked unasked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hubman.errors import N_, HubError, NotFoundError

if TYPE_CHECKING:
    from hubman.config import Config
    from hubman.core.ports import Hub
    from hubman.disk.credentials import Credentials, Token
    from hubman.hubs import Web
    from hubman.store.door import Store
    from hubman.store.reader import Reader


class OpenHubs(Mapping[str, "Hub"]):
    """Hub name -> hub. A context manager; leaving it closes all connections.

    Attributes:
        web: what they ask through.
    """

    def __init__(
        self, names: Sequence[str], web: Web, bases: Mapping[str, str], *, cache: str, mirrors: Mapping[str, str]
    ) -> None:
        self.web = web
        self._cache, self._mirrors = cache, mirrors
        self._names, self._bases = tuple(names), bases
        self._open: dict[str, Hub] = {}

    def __getitem__(self, name: str) -> Hub:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._open:
            from hubman.hubs import open_hub

            self._open[name] = open_hub(name, self.web, self._bases[name], cache=self._cache, mirrors=self._mirrors)
        return self._open[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def base(self, name: str) -> str:
        """Return the address that a hub is asked at."""
        return self._bases[name]

    def within(self, seconds: float | None) -> AbstractContextManager[None]:
        """Give all questions of a block this many seconds together; what is late raises HubError `hub-slow`."""
        return self.web.within(seconds)

    def close(self) -> None:
        """Close all connections."""
        self.web.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_hubs(
    config: Config,
    names: Sequence[str] | None = None,
    *,
    offline: bool = False,
    environ: Mapping[str, str] = os.environ,
    on_wait: Callable[[str, float], None] | None = None,
    token: str | None = None,
) -> OpenHubs:
    """Open hubs, all of them by default, in the order in which they are asked.

    Args:
        offline: as is `config.offline`: every question raises `offline`.
        on_wait: told (hub, seconds) when a hub makes us wait.
        token: used instead of those that are kept: one that is still to be checked.

    Raises:
        NotFoundError: `hub-unknown`. UsageError: the tokens cannot be read (disk/credentials.py).
    """
    from hubman.disk.credentials import Credentials
    from hubman.hubs import MIRRORED, Credential, Web, origins, token_headers

    wanted = hub_names() if names is None else tuple(dict.fromkeys(check_name(name) for name in names))
    credentials, bases, tokens = Credentials(config.home, environ), dict[str, str](), dict[str, Credential]()
    for name in wanted:
        try:
            bases[name] = base_of(config, name)
            allowed, headers = origins(name, bases[name]), token_headers(name)
        except HubError:  # another package's hub that does not work
            if names is not None:
                bases[name] = ""  # whoever names it learns why when it is asked; it is not in the way of others
            continue
        found = None if token is not None else token_of(credentials, name)
        value = token if token is not None else found and found.value
        if value:
            tokens[name] = Credential(value, allowed, headers)
    for name in {other for hub in bases for other in MIRRORED.get(hub, ()) if other not in bases}:
        if token is None and (held := token_of(credentials, name)):
            tokens[name] = Credential(held.value, origins(name, base_of(config, name)), token_headers(name))
    known = {name for hub in bases for name in (hub, *MIRRORED.get(hub, ()))}
    configured = {name: url for name, url in config.hub_urls.items() if name in known}
    web = Web(tokens, offline=offline or config.offline, bases=list(configured.values()), on_wait=on_wait)
    return OpenHubs(tuple(bases), web, bases, cache=str(config.home / "cache"), mirrors=configured)


def token_of(credentials: Credentials, name: str) -> Token | None:
    """Return the token of a hub, None where there is none or the hub takes none."""
    from hubman.hubs import WITHOUT_TOKEN

    return None if name in WITHOUT_TOKEN else credentials.token(name)


def hub_names() -> tuple[str, ...]:
    """Return all hubs, in the order in which they are asked."""
    from hubman.hubs import known

    return tuple(known())


def check_name(name: str) -> str:
    """Return the name of a hub as hubman writes it; `hf` and `LiblibAI` are understood.

    Raises:
        NotFoundError: `hub-unknown`.
    """
    from hubman.hubs import TITLES

    names = hub_names()
    folded = name.strip().lower().replace(" ", "").replace("-", "")
    titles = {title.lower().replace(" ", ""): hub for hub, title in TITLES.items()}
    found = name if name in names else {"hf": "huggingface", "ms": "modelscope", **titles}.get(folded, folded)
    if found not in names:
        raise NotFoundError(
            "hub-unknown",
            N_("There is no hub {name!r}."),
            hint=N_("There are: {names}"),
            name=name,
            names=", ".join(names),
        )
    return found


def base_of(config: Config, name: str) -> str:
    """Return the address that a hub is asked at."""
    from hubman.hubs import default_url

    return config.hub_urls.get(name) or default_url(name)


def enabled(reader: Reader) -> set[str]:
    """Return the hubs that hashes of local files may be sent to without asking the user again."""
    return {hub for hub, yes in reader.hubs.choices().items() if yes}


def choose(store: Store, name: str, *, enabled: bool) -> None:
    """Record whether hashes may be sent to a hub."""
    with store.writer() as writer:
        writer.hubs.choose(name, enabled=enabled)
