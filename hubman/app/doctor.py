"""One page of checks: what is wrong, why it matters, and the next command. Nothing is changed."""

from __future__ import annotations

import importlib.util
import os
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from hubman.app.misplaced import find_clashes, find_misplaced
from hubman.config import Config
from hubman.core.library import UNREADABLE, Layout, ModelFile, Root, RootState
from hubman.core.misplaced import Clash, Misplaced
from hubman.core.query import parse_query
from hubman.disk.remains import DAY_NS, Remains, find_remains, watch_limit
from hubman.errors import N_, Phrase
from hubman.store.reader import Reader
from hubman.store.revision import SCHEMA_HEAD

CONFIG_KEYS = frozenset({"hash", "language"})
BACKUP_DAYS = 30
FIRST_YEAR_S = 1_735_689_600
"""Seconds at the beginning of 2025, before which no clock was right while this program existed."""


REFUSED = N_(
    "The system refuses to read them: give yourself the right to (`chmod u+r FILE`, and `u+x` for folders), or look at "
    "the disk; then run `hubman sync`."
)
SOME_REFUSED = N_(
    "Where the system refuses to read, give yourself the right to (`chmod u+r FILE`), or look at the disk; download "
    "the others again, or remove them."
)


class State(StrEnum):
    """OK; a NOTE, which one may leave; a PROBLEM, which makes the exit code 1."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a check found. `why` may be empty; `next` is a command for this very thing."""

    path: str
    why: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: kebab-case, stable.
        title: what holds or does not hold. why: what comes of it. next: the command to run.
    """

    name: str
    state: State
    title: str
    why: str = ""
    next: str = ""
    items: tuple[Item, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the object of `doctor --json`."""
        items = [{"path": item.path, "why": str(item.why), "next": item.next} for item in self.items]
        return {
            "check": self.name, "state": self.state.value, "title": str(self.title), "why": str(self.why),
            "next": self.next, "items": items,
        }  # fmt: skip


class Doctor:
    """Looks at everything once; each method gives one check."""

    def __init__(self, reader: Reader, config: Config) -> None:
        self._reader, self._config = reader, config
        self._now_ns = time.time_ns()
        self._roots: list[Root] = [root for root in reader.roots() if root.layout is not Layout.INBOX]
        self._remains: Remains | None = None

    def checks(self) -> Iterator[Check]:
        """Yield every check, what concerns models first."""
        every: list[Callable[[], Check]] = [
            self.roots, self.overlaps, self.broken, self.unsafe, self.folders, self.stems, self.orphans,
            self.downloads, self.database, self.backups, self.settings, self.watches, self.rendering, self.clock,
        ]  # fmt: skip
        for check in every:
            yield check()

    def roots(self) -> Check:
        """Are all folders there?"""
        away = [root for root in self._roots if root.state is RootState.UNREACHABLE or not os.path.isdir(root.path)]
        if not self._roots:
            return Check("roots", State.PROBLEM, N_("no folder is watched"), next="hubman roots add FOLDER")
        if not away:
            return Check("roots", State.OK, N_("all folders can be reached"))
        why = N_("Their files are remembered. Plug the drive in or mount the share; remove the root if it is gone.")
        items = tuple(Item(root.path, next=f'hubman roots rm "{root.path}"') for root in away)
        return Check("roots", State.PROBLEM, N_("folders that cannot be reached"), why, "hubman sync", items)

    def overlaps(self) -> Check:
        """Does one root lie in another?"""
        pairs = []
        for one, two in combinations(self._roots, 2):
            outer, inner = sorted((os.path.realpath(one.path), os.path.realpath(two.path)), key=len)
            if inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep):
                pairs.append(Item(inner, Phrase(N_("lies in {outer}"), outer=outer)))
        if not pairs:
            return Check("overlaps", State.OK, N_("no root lies in another"))
        why = N_("A file belongs to the innermost root and is listed once: this is fine if it was meant.")
        return Check("overlaps", State.NOTE, N_("roots that lie in one another"), why, "hubman roots ls", tuple(pairs))

    def broken(self) -> Check:
        """Can every file be read?"""
        files = self._reader.broken()
        if not files:
            return Check("broken", State.OK, N_("every model can be read"))
        items = tuple(Item(file.path, file.failure.message if file.failure else "") for file in files)
        refused = [file.failure is not None and file.failure.reference == UNREADABLE for file in files]
        why = N_("They cannot be used: download them again, or remove them.")
        if all(refused):
            why = REFUSED
        elif any(refused):
            why = SOME_REFUSED
        return Check("broken", State.PROBLEM, N_("broken files"), why, "hubman ls is:broken", items)

    def unsafe(self) -> Check:
        """Would one of them run code?"""
        files = self._search("is:unsafe")
        if not files:
            return Check("unsafe", State.OK, N_("no model would run code when it is opened"))
        why = N_("A program that opens them the usual way runs what is in them.")
        items = tuple(Item(file.path) for file in files)
        return Check("unsafe", State.PROBLEM, N_("files that would run code"), why, "hubman scan", items)

    def folders(self) -> Check:
        """Does every file lie where its program looks for its kind?"""
        found = find_misplaced(self._reader)
        if not found:
            return Check("folders", State.OK, N_("every model lies in a folder for its kind"))
        why = N_("A program lists by folder: there it is not offered, or offered as what it is not.")
        items = tuple(Item(entry.path, told_misplaced(entry)) for entry in found)
        command = "hubman mv --to-its-place -n"
        return Check("folders", State.PROBLEM, N_("models in a folder for another kind"), why, command, items)

    def stems(self) -> Check:
        """Do two files answer to one name?"""
        found = find_clashes(self._reader)
        if not found:
            return Check("stems", State.OK, N_("no two models of a root have one name"))
        why = N_("The WebUI calls them by the name alone, so one hides the others: rename all but one.")
        items = tuple(Item(path, told_clash(entry, path)) for entry in found for path in entry.paths)
        state = State.NOTE if all(entry.same for entry in found) else State.PROBLEM
        return Check("stems", state, N_("models of one name in one root"), why, "hubman show MODEL", items)

    def orphans(self) -> Check:
        """Did a move leave sidecars or pictures behind?"""
        found = self._found().orphans
        if not found:
            return Check("orphans", State.OK, N_("every sidecar and preview has its model"))
        statistics = self._reader.statistics
        items = []
        for path, stem in found:
            near = statistics.named(stem)
            why = Phrase(N_("its model may be {path}"), path=near[0]) if near else ""
            items.append(Item(path, why))
        why = N_("A move left them behind, or their model was deleted. Put them beside their model, or delete them.")
        return Check("orphans", State.NOTE, N_("sidecars and previews without a model"), why, items=tuple(items))

    def downloads(self) -> Check:
        """Are there downloads that nobody goes on with?"""
        found = self._found().downloads
        if not found:
            return Check("downloads", State.OK, N_("no unfinished download is older than a day"))
        items = tuple(Item(path, Phrase(N_("{size:,} bytes"), size=size)) for path, size in found)
        why = N_("Nobody has written to them for a day: go on with the download, or delete them.")
        return Check("downloads", State.NOTE, N_("unfinished downloads"), why, items=items)

    def database(self) -> Check:
        """Is the library of this program's schema? (It could not be opened for reading otherwise.)"""
        size = self._config.database.stat().st_size
        title = Phrase(N_("the library has schema {schema}, {size:,} bytes"), schema=SCHEMA_HEAD, size=size)
        return Check("database", State.OK, title)

    def backups(self) -> Check:
        """Is there a backup of what cannot be found again: notes, tags, words, verdicts?"""
        times = [path.stat().st_mtime for path in self._config.backups.glob("*.db*")]
        days = int((self._now_ns / 1e9 - max(times)) / 86_400) if times else None
        if days is not None and days <= BACKUP_DAYS:
            return Check("backups", State.OK, Phrase(N_("the last backup is {days} days old"), days=days))
        why = N_("Files can be scanned again; your notes, tags, words and verdicts cannot.")
        if days is None:
            return Check("backups", State.NOTE, N_("there is no backup of the library"), why, "hubman db backup")
        title = Phrase(N_("the last backup is {days} days old"), days=days)
        return Check("backups", State.NOTE, title, why, "hubman db backup")

    def settings(self) -> Check:
        """Does config.toml hold names that hubman does not know?"""
        path = self._config.home / "config.toml"
        try:
            known = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            known = {}
        unknown = sorted(set(known) - CONFIG_KEYS)
        if not unknown:
            return Check("settings", State.OK, N_("the settings are understood"))
        items = tuple(Item(name) for name in unknown)
        why = Phrase(N_("{path} sets what hubman does not know; a name may be mistyped."), path=path)
        return Check("settings", State.NOTE, N_("unknown settings"), why, items=items)

    def watches(self) -> Check:
        """Does the system let us watch so many folders?"""
        limit, folders = watch_limit(), self._found().folders
        if limit is None or folders < limit:
            return Check("watches", State.OK, Phrase(N_("{folders:,} folders can be watched"), folders=folders))
        title = Phrase(N_("{folders:,} folders, and the system watches {limit:,}"), folders=folders, limit=limit)
        why = N_("Changes in the rest are found by the hourly scan only.")
        command = f"sudo sysctl fs.inotify.max_user_watches={max(524_288, 2 * folders)}"
        return Check("watches", State.PROBLEM, title, why, command)

    def rendering(self) -> Check:
        """Is what `validate` needs installed? Nothing of it is imported for that."""
        lacking = [name for name in ("torch", "diffusers", "transformers") if importlib.util.find_spec(name) is None]
        if not lacking:
            return Check("rendering", State.OK, N_("adapters can be proven by rendering"))
        title = Phrase(N_("{names} not installed"), names=", ".join(lacking))
        why = N_("Everything works but `validate`, `preview --make` and `demo`.")
        return Check("rendering", State.NOTE, title, why, "pip install 'hubman[render]'")

    def clock(self) -> Check:
        """Is the time right? `added:<7d`, backups and what is newer depend on it."""
        late = self._reader.statistics.newest_ns() > self._now_ns + DAY_NS
        future = self._found().future
        why = N_("What is new, and which change came later, is told by the time.")
        if late or self._now_ns < FIRST_YEAR_S * 10**9:
            return Check("clock", State.PROBLEM, N_("the clock is behind what the library remembers"), why, "date")
        if not future:
            return Check("clock", State.OK, N_("the clock agrees with the files"))
        items = tuple(Item(path) for path in future)
        return Check("clock", State.NOTE, N_("files from the future"), why, items=items)

    def _found(self) -> Remains:
        if self._remains is None:
            self._remains = find_remains([root.path for root in self._roots], self._now_ns)
        return self._remains

    def _search(self, text: str) -> list[ModelFile]:
        return self._reader.search(parse_query(text, self._now_ns))[1]


def told_misplaced(entry: Misplaced) -> str:
    """Say in which program a file does not appear, and why."""
    return Phrase(
        N_("a {kind} in {folder!r}: {program} does not show it as one"),
        kind=entry.kind, folder=entry.folder, program=entry.program,
    )  # fmt: skip


def told_clash(entry: Clash, path: str) -> str:
    """Say of one of several files of one name which is loaded."""
    if entry.same:
        return N_("the same content as the others: harmless")
    if entry.wins is None:
        return Phrase(N_("{program}: which of them is loaded depends on the file system"), program=entry.program)
    if entry.wins == path:
        return Phrase(N_("{program} loads this one"), program=entry.program)
    return Phrase(N_("hidden: {program} loads {wins}"), program=entry.program, wins=entry.wins)
