"""Several downloads at once: each in a thread, one that fails stops no other, and all of them stop when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Event

from hubman.app.pull import Pulled, PullOptions, already, pull_listing
from hubman.app.wanted import Wanted
from hubman.core.hub import Listing, RemoteFile
from hubman.core.ports import Hub, Progress
from hubman.errors import N_, HubmanError
from hubman.store.door import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one reference: what was pulled, or why not."""

    text: str
    pulled: Pulled | None = None
    error: HubmanError | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """One download of several: what is wanted, how it is filed, and what is done when it is here."""

    wanted: Wanted
    options: PullOptions
    after: Callable[[Pulled], None] | None = None


def pull_all(
    store: Store,
    hubs: Mapping[str, Hub],
    pulls: Sequence[Pull],
    *,
    jobs: int,
    progress: Callable[[Pull], Progress],
    ended: Callable[[Pull, Outcome], None],
    stop: Event,
) -> list[Outcome]:
    """Fetch everything, at most `jobs` at a time; return the outcomes in the order of the pulls.

    Args:
        progress: asked for the progress of a download when it begins.
        ended: told of every outcome as it comes, in this thread.
        stop: set by whoever wants all of it to end; KeyboardInterrupt sets it, too, and is raised when all have ended.
    """
    firsts = _firsts(pulls)
    outcomes: dict[int, Outcome] = {}

    def one(pull: Pull) -> Outcome:
        try:
            return Outcome(pull.wanted.text, _pull(store, hubs, pull, progress, stop))
        except HubmanError as error:
            return Outcome(pull.wanted.text, error=error)
        except OSError as error:
            return Outcome(pull.wanted.text, error=_refused(error))

    with ThreadPoolExecutor(max(1, jobs), "pull") as threads:
        running: dict[Future[Outcome], int] = {threads.submit(one, pulls[index]): index for index in firsts}
        try:
            while running:
                done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)  # in pieces: Ctrl-C is heard between
                for future in done:
                    index = running.pop(future)
                    outcomes[index] = future.result()
                    ended(pulls[index], outcomes[index])
        except BaseException:
            stop.set()
            for future in running:
                future.cancel()
            raise
    for index, pull in enumerate(pulls):
        if index not in outcomes:  # the very same file was asked for twice
            outcomes[index] = _same(pull, outcomes[firsts_of(pulls)[_key(pull) or ("", str(index))]])
            ended(pull, outcomes[index])
    return [outcomes[index] for index in range(len(pulls))]


def _refused(error: OSError) -> HubmanError:
    return HubmanError(
        "system-refused",
        N_("{path}: the system says: {why}"),
        path=error.filename or "",
        why=error.strerror or type(error).__name__,
    )


def _pull(
    store: Store, hubs: Mapping[str, Hub], pull: Pull, progress: Callable[[Pull], Progress], stop: Event
) -> Pulled:
    wanted = pull.wanted
    if wanted.listing is None or wanted.file is None:
        return already(wanted.here)
    return pull_listing(
        store, hubs, wanted.listing, wanted.file, pull.options, progress(pull), stop.is_set, members=wanted.members
    )


def _key(pull: Pull) -> tuple[str, str] | None:
    """Return what two pulls of one file share: its content where that is known, else its place on its hub."""
    listing, file = pull.wanted.listing, pull.wanted.file
    if listing is None or file is None:
        return None
    return _key_of(listing, file)


def _key_of(listing: Listing, file: RemoteFile) -> tuple[str, str]:
    return ("sha256", file.sha256) if file.sha256 else (f"{listing.hub}:{listing.version_id}", file.id)


def firsts_of(pulls: Sequence[Pull]) -> dict[tuple[str, str], int]:
    """Return key -> index of the first pull that has it."""
    found: dict[tuple[str, str], int] = {}
    for index, pull in enumerate(pulls):
        found.setdefault(_key(pull) or ("", str(index)), index)
    return found


def _firsts(pulls: Sequence[Pull]) -> list[int]:
    return sorted(firsts_of(pulls).values())


def _same(pull: Pull, first: Outcome) -> Outcome:
    if first.pulled is None:
        return replace(first, text=pull.wanted.text)
    return Outcome(pull.wanted.text, replace(first.pulled, outcome="here", notices=(), entry=None))
