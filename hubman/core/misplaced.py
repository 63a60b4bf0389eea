"""Files in the wrong folder, and files that hide one another: decided from names and kinds alone. Pure.

Which folder is for which kind: the programs' own tables (docs/formats.md "Layouts"). Which of two files of one name
wins, from the programs' sources:

* LoRA in A1111 and Forge (extensions-builtin/Lora/networks.py, `list_available_networks`): a table by stem is filled in
  the order of `shared.walk_files`, folders in natural order of their paths and files in natural order in each; the last
  one wins. Forge passes over its own caches only.
* Hypernetwork (modules/hypernetworks/hypernetwork.py, `list_hypernetworks`): the same by lower-case path, `.pt` only.
* Embedding (modules/textual_inversion/textual_inversion.py, `load_from_dir`): `os.walk` without sorting, so the order
  of the file system decides, and no one can tell.
* ComfyUI, SwarmUI and InvokeAI name a model with its folder: nothing is hidden there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hubman.core.folders import FOLDERS, PROGRAMS, is_vae_beside
from hubman.core.library import Layout
from hubman.core.types import Kind

_CONTROL = frozenset({Kind.CONTROLNET, Kind.T2I_ADAPTER, Kind.IP_ADAPTER})
_LIKE = {
    Kind.LORA: _CONTROL,
    Kind.NON_IMAGE_LORA: frozenset({Kind.LORA}),
    Kind.IP_ADAPTER: _CONTROL,
    Kind.CHECKPOINT: frozenset({Kind.DIFFUSION_MODEL}),
}
"""Kind -> kinds in whose folders it is no stranger: control-LoRAs are LoRAs by their modules and lie where ControlNets
are looked for, and UNet loaders take a checkpoint's UNet."""


def _table(layout: Layout) -> dict[str, frozenset[Kind]]:
    """Return folder, lower case -> kinds that fit into it."""
    found: dict[str, set[Kind]] = {}
    for kind, names in FOLDERS[layout].items():
        for name in names:
            found.setdefault(name.lower(), set()).add(kind)
    return {
        name: frozenset(kinds | {kind for kind, like in _LIKE.items() if kinds & like}) for name, kinds in found.items()
    }


_TABLES = {layout: (PROGRAMS[layout], _table(layout)) for layout in FOLDERS}
_NAMED = frozenset({Kind.LORA, Kind.EMBEDDING, Kind.HYPERNETWORK})


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A file whose kind is not what its folder is for. `program`: the UI in which it does not appear as what it is."""

    path: str
    kind: str
    folder: str
    program: str


def misplaced(layout: Layout, root: str, relpath: str, kind: str) -> Misplaced | None:
    """Say whether a file lies in a folder for another kind; None also where the folder is no program's.

    Args:
        root: path of the root: where it is one such folder itself (`.../Lora`), its name counts.
    """
    if kind not in _KNOWN_KINDS or is_vae_beside(relpath, kind):
        return None
    root_name = re.split(r"[/\\]", root.rstrip("/\\"))[-1]
    folders = [root_name, *relpath.split("/")[:-1]]
    for name in reversed(folders):
        for program, table in _tables(layout):
            fits = table.get(name.lower())
            if fits is not None and kind not in fits and not _fits_elsewhere(layout, name, kind):
                return Misplaced(f"{root.rstrip('/')}/{relpath}", kind, name, program)
            if fits is not None:
                return None
    return None


_KNOWN_KINDS = frozenset(kind for _, table in _TABLES.values() for kinds in table.values() for kind in kinds)
"""Kinds that have a folder of their own somewhere; nothing is said of the others."""


def _tables(layout: Layout) -> Sequence[tuple[str, dict[str, frozenset[Kind]]]]:
    return [_TABLES[layout]] if layout in _TABLES else [_TABLES[Layout.WEBUI], _TABLES[Layout.COMFY]]


def _fits_elsewhere(layout: Layout, name: str, kind: str) -> bool:
    """A root of no known layout: a folder that any program has for the kind is right."""
    return any(kind in table.get(name.lower(), ()) for _, table in _tables(layout))


@dataclass(frozen=True, slots=True)
class Clash:
    """Files of one kind and stem in one root. `wins` is None where no one can tell.

    Attributes:
        same: all of them are the same content, so that it does not matter which one is loaded.
    """

    stem: str
    kind: str
    paths: tuple[str, ...]
    wins: str | None
    program: str
    same: bool


def clash(layout: Layout, kind: str, stem: str, files: Iterable[tuple[str, str | None]]) -> Clash | None:
    """Say which of several files of one stem a WebUI loads; None where none is hidden.

    Args:
        files: (relative path, sha256 or None) of each.
    """
    if kind not in _NAMED or layout in (Layout.COMFY, Layout.SWARM, Layout.INVOKE):
        return None
    listed = list(files)
    hashes = {sha256 for _, sha256 in listed}
    paths = tuple(path for path, _ in listed)
    return Clash(
        stem, kind, paths, winner(kind, paths), PROGRAMS[Layout.WEBUI], same=len(hashes) == 1 and None not in hashes
    )


def winner(kind: str, paths: Sequence[str]) -> str | None:
    """Return which of several relative paths A1111 and Forge load by their common stem."""
    if kind == Kind.LORA:
        known = [path for path in paths if path.lower().endswith((".safetensors", ".pt", ".ckpt"))]
        return max(known, key=_walk_order, default=None)
    if kind == Kind.HYPERNETWORK:
        return max((path for path in paths if path.endswith(".pt")), key=str.lower, default=None)
    return None


def _walk_order(path: str) -> tuple[int, tuple[tuple[int, int, str], ...], tuple[tuple[int, int, str], ...]]:
    """The folder of old LyCORIS files is walked after all others; then folders, then names, each in natural order."""
    folder, _, name = path.rpartition("/")
    return int("lycoris" in folder.lower().split("/")), natural(folder), natural(name)


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts `v2` before `v10`, whatever the case."""
    parts = re.split(r"([0-9]+)", text)
    return tuple((1, int(part), "") if part.isascii() and part.isdigit() else (0, 0, part.lower()) for part in parts)
