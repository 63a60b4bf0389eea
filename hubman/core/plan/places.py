"""Where the change of an adapter's module goes in a base: the smallest words of `core.plan.bases`."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, ...]

UNET, TE1, TE2, TE3, OTHER = "unet", "te1", "te2", "te3", "other"

T5 = "t5"
"""The vectors of an embedding for T5, which is the second text encoder of Flux.1 and the third of SD3."""


def fold(name: str) -> str:
    """Return a module name with its dots as underscores: the one spelling all layouts share."""
    return name.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Place:
    """A module of the base that takes some rows of an adapter module's change, in order.

    Attributes:
        key: (part, folded diffusers name), as in `BaseLayout.modules`.
        rows: how many rows of the change are its own; None: all of them (the usual case).
        start: first row of the module's weight that they belong to; above 0 where diffusers keeps halves in another
            order than the original.
    """

    key: tuple[str, str]
    rows: int | None = None
    start: int = 0

    @property
    def slice(self) -> slice:
        """The rows of the module's weight that are meant."""
        return slice(self.start, None if self.rows is None else self.start + self.rows)
