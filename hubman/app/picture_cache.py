"""Pictures of sheets, rendered once: `<home>/cache/pictures/<digest of all that decides them>.png`, within a bound."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hubman.core.plan.picture import PicturePlan

MOST_BYTES = 512 << 20
"""Bytes of all of them: some thousand pictures of SDXL. Those that were not looked at for longest go first."""

FORMAT = 1
"""Raised when the same plan gives other pictures: an engine that applies adapters in another way."""

LIBRARIES = ("torch", "diffusers", "transformers")


class PictureCache:
    """The pictures in a folder, by the plan that gave them."""

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._versions = {name: _version(name) for name in LIBRARIES}

    def path(self, plan: PicturePlan) -> Path:
        """Return where the picture of a plan (of one seed) is or will be.

        A file is known by its sha256, one that was not hashed yet by path, size and time; libraries by their versions.
        """
        data = plan.to_json()
        for part in (data["base"], *(use["adapter"] for use in data["adapters"])):
            path = part.pop("path")
            part.pop("config_source", None)
            if not part["sha256"]:
                part["file"] = _stamp(path)
        text = json.dumps([FORMAT, self._versions, data], sort_keys=True, ensure_ascii=False)
        return self._folder / f"{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}.png"

    def find(self, plan: PicturePlan) -> Path | None:
        """Return the picture of a plan, None where it has to be rendered; it counts as looked at now."""
        path = self.path(plan)
        if not path.is_file():
            return None
        with suppress(OSError):
            os.utime(path)
        return path

    def trim(self) -> int:
        """Let the oldest go until the rest is within the bound; return how many went."""
        entries = []
        for path in self._folder.glob("*.png"):
            with suppress(OSError):
                status = path.stat()
                entries.append((status.st_mtime_ns, status.st_size, path))
        total, gone = sum(size for _, size, _ in entries), 0
        for _, size, path in sorted(entries):
            if total <= self._most:
                break
            path.unlink(missing_ok=True)
            total, gone = total - size, gone + 1
        return gone

    def make(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)


def one_seed(plan: PicturePlan, seed: int) -> PicturePlan:
    """Return the plan of one picture of a batch: op "picture" renders each seed alone, so it is the same picture."""
    return replace(plan, sampling=replace(plan.sampling, seeds=(seed,)))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _stamp(path: str) -> list[object]:
    with suppress(OSError):
        status = os.stat(path)
        return [path, status.st_size, status.st_mtime_ns]
    return [path]
