"""The lookup that `sync` and `watch` make by themselves: only on hubs that the user allowed, and never for long."""

from __future__ import annotations

import time
from collections.abc import Callable

from hubman.app.cache_news import CacheNews
from hubman.app.hubs import enabled, hub_names, open_hubs
from hubman.app.lookup import AskedHub, LookupReport, look_up, wanted_from
from hubman.config import Config
from hubman.core.hub import CIVARCHIVE, CIVITAI
from hubman.core.ports import Progress
from hubman.errors import HubmanError, StoreError
from hubman.store.door import Store
from hubman.store.reader import open_reader

DEADLINE_S = 5.0
"""Seconds by which hubs that do not answer delay a `sync`, all of them together."""

ASKED_ABOUT = (CIVITAI, CIVARCHIVE)
"""Hubs that the first `sync` on a terminal asks about: official or public ones that take hashes."""


def to_ask_about(config: Config, store: Store) -> list[str]:
    """Return the hubs that nobody has said yes or no to, and that could be asked about something."""
    if config.offline:
        return []
    with open_reader(store.path) as reader:
        decided = reader.hubs.choices()
        return [hub for hub in ASKED_ABOUT if hub not in decided and wanted_from(reader, hub, None, time.time_ns())]


class AskUnasked:
    """What a watcher asks about new contents, round after round: the cache on this machine, then the allowed hubs.

    Args:
        since_ns: contents that were first seen before are left to `lookup`.
    """

    def __init__(self, config: Config, store: Store, since_ns: int) -> None:
        self._config, self._store = config, store
        self._news = CacheNews(store, since_ns)

    def __call__(self, stop: Callable[[], bool]) -> LookupReport | None:
        """Ask; None when nothing was asked and nothing found.

        Raises:
            StoreError: what was found could not be recorded.
        """
        cached = self._news.look()
        report = None if stop() else look_up_unasked(self._config, self._store, stop=stop)
        if report is None and cached:
            report = LookupReport()
        if report is not None:
            report.cached = cached
        return report


def look_up_unasked(
    config: Config, store: Store, progress: Progress | None = None, stop: Callable[[], bool] = lambda: False
) -> LookupReport | None:
    """Look new contents up on the hubs that the user allowed; None when there is nothing to ask.

    Raises:
        StoreError: what was found could not be recorded. What hubs do is no error: it is in the report.
    """
    if config.offline:
        return None
    with open_reader(store.path) as reader:
        now_ns = time.time_ns()
        due = [name for name in enabled(reader) if wanted_from(reader, name, None, now_ns)]
    if not due:
        return None
    names = [name for name in hub_names() if name in due]
    try:
        with open_hubs(config, names) as hubs:
            return look_up(store, hubs, None, deadline_s=DEADLINE_S, progress=progress, stop=stop)
    except StoreError:
        raise
    except HubmanError as error:  # a file of tokens that cannot be read, say
        return LookupReport([AskedHub(name, trouble=error) for name in names])
