"""Tensor names taken apart: whole numbers between dots or underscores are places in a row, the rest is the module.

The same names occur in file after file, so what was taken apart once is kept.

A name of a hostile file may be anything: one longer than any model's is left whole, and a `#` of its own never counts
as a number's place.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = re.compile(r"(?<![^._/])\d+(?![^._/])")
KEPT = 1 << 16
"""How many names are remembered: all that the trainers of a large library write, about 20 MB."""
LONGEST = 256
"""Letters. Trainers and savers stay below 200; what is longer is neither taken apart nor remembered."""


def template(name: str) -> tuple[str, tuple[int, ...]]:
    """Return the name with `#` for every number, and the numbers: `blocks.3.attn` -> (`blocks.#.attn`, (3,))."""
    return _template(name) if len(name) <= LONGEST else (name, ())


@lru_cache(KEPT)
def _template(name: str) -> tuple[str, tuple[int, ...]]:
    name = name.replace("#", "##")
    numbers = _NUMBER.findall(name)
    return (_NUMBER.sub("#", name), tuple(map(int, numbers))) if numbers else (name, ())


def folded(name: str) -> tuple[str, tuple[int, ...]]:
    """Return template and numbers as trainers leave them: kohya turns every dot of a module's name into `_`."""
    return _folded(name) if len(name) <= LONGEST else (name, ())


@lru_cache(KEPT)
def _folded(name: str) -> tuple[str, tuple[int, ...]]:
    plain, numbers = template(name)
    return plain.replace(".", "_"), numbers
