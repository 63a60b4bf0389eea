"""One test hub for all downloads, behaving again before each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hubman.app.download import Fetched, fetch
from hubman.core.transfer import Limits
from hubman.hubs._http import Web
from tests.download.direct import DirectHub, add, listed
from tests.testhub import TestHub
from tests.testhub.catalogue import File
from tests.testhub.content import big_safetensors

SOON = Limits(first_wait=0.01, longest_wait=0.02)


@pytest.fixture(scope="session")
def everywhere() -> Iterator[TestHub]:
    """The test hub."""
    with TestHub() as hub:
        yield hub


@pytest.fixture
def hub(everywhere: TestHub) -> TestHub:
    """The test hub as if it were new."""
    everywhere.behave()
    everywhere.forget()
    everywhere.link_seconds = 86400
    return everywhere


@dataclass
class Watch:
    """Progress that remembers."""

    phases: list[tuple[str, int]] = field(default_factory=list)
    done: int = 0
    notes: list[str] = field(default_factory=list)

    def phase(self, name: str, total: int) -> None:
        """See Progress."""
        self.phases.append((name, total))
        self.done = 0

    def advance(self, amount: int = 1) -> None:
        """See Progress."""
        self.done += amount

    def note(self, text: str) -> None:
        """See Progress."""
        self.notes.append(text)


class Downloads:
    """Fetches files of the test hub into a folder."""

    def __init__(self, hub: TestHub, folder: Path) -> None:
        self.hub, self.folder, self.watch = hub, folder, Watch()
        folder.mkdir(exist_ok=True)

    def add(self, size: int = 300_000, seed: int = 1, name: str = "ink.safetensors") -> File:
        """Put a made-up model into the hub."""
        return add(self.hub, big_safetensors(size, seed), name)

    def fetch(self, file: File, *, hashed: bool = True, sized: bool = True, **options: Any) -> Fetched:
        """Fetch it, without long waits."""
        bases = [self.hub.url("civitai"), self.hub.url("storage")]
        options = {"limits": SOON, "progress": self.watch, **options}
        with Web(bases=bases, sleep=lambda _: None, stall_s=options.pop("stall_s", 10.0)) as web:
            listing, remote = listed(file, hashed=hashed, sized=sized)
            return fetch(DirectHub(web, self.hub.url("civitai")), listing, remote, str(self.folder), **options)

    def names(self) -> list[str]:
        """Return what lies in the folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def left(self) -> bytes | None:
        """Return the bytes of the part that lies there, None for none."""
        parts = [path for path in self.folder.iterdir() if path.name.endswith(".part")]
        assert len(parts) <= 1
        return parts[0].read_bytes() if parts else None


@pytest.fixture
def downloads(hub: TestHub, tmp_path: Path) -> Downloads:
    """A folder to download into."""
    return Downloads(hub, tmp_path / "models")
