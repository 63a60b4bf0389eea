"""Several adapters on one base at once: each stands on the weights that the ones before it left, and all come off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from hubman.core.plan.picture import AdapterUse
from hubman.core.types import Kind
from hubman.errors import N_, RenderError
from hubman.renderers.adapters import Applied, open_adapter
from hubman.renderers.base import Base
from hubman.renderers.chunks import Vectors
from hubman.renderers.contexts import embeddings_of


class Stack:
    """Adapters in force. `opened` holds (use, adapter) in order, without those of weight nothing."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.opened: list[tuple[AdapterUse, Applied]] = []

    def put(self, use: AdapterUse) -> None:
        """Apply one more adapter on top.

        Orthogonal, magnitude and multiplying forms (OFT, DoRA, IA3, GLoRA) depend on the weights below them, so the
        untouched copies that an adapter works from are those that the earlier ones left. They live while it is merged
        only: one more copy of what it changes.

        Raises:
            RenderError: `adapter-misfit`, none of its modules is in this base; `adapter-not-finite`; what opening says.
        """
        if use.unet == 0 and use.te == 0:
            return
        base, below = self.base, self.base.pristine
        stacked = use.adapter.kind is Kind.LORA and any(u.adapter.kind is Kind.LORA for u, _ in self.opened)
        if stacked:
            base.pristine = {}
        try:
            adapter = open_adapter(base, use.adapter)
            _check(adapter, use, base)
            self.opened.append((use, adapter))
            adapter.set(use.unet, use.te)
        finally:
            if stacked:
                _keep_untouched(below, base.pristine)
                base.pristine = below

    def embeddings(self) -> Mapping[str, Vectors]:
        """Return the vectors of all embeddings by the word that calls them."""
        return embeddings_of(self.adapters)

    @property
    def adapters(self) -> list[Applied]:
        return [adapter for _, adapter in self.opened]

    def clear(self) -> None:
        """Take everything off. Raises RenderError `base-contaminated` when a weight is not what it was."""
        for adapter in reversed(self.adapters):
            adapter.remove()
        self.opened = []
        self.base.check()


def _keep_untouched(
    below: dict[torch.nn.Parameter, torch.Tensor], copies: Mapping[torch.nn.Parameter, torch.Tensor]
) -> None:
    """A parameter that no adapter below has touched was copied as the file has it: that copy is the untouched one."""
    for parameter, copy in copies.items():
        below.setdefault(parameter, copy)


def _check(adapter: Applied, use: AdapterUse, base: Base) -> None:
    if adapter.report.nonfinite:
        raise RenderError(
            "adapter-not-finite",
            N_("{name} holds NaN or infinity ({tensor}), so no picture is made with it"),
            name=use.adapter.name,
            tensor=adapter.report.nonfinite[0],
        )
    if not adapter.report.match.matched:
        raise RenderError(
            "adapter-misfit",
            N_("none of the {total} modules of {name} is in {base}: it was made for another kind of checkpoint"),
            hint=N_("`hubman validate {name}` finds the checkpoint that it fits"),
            total=adapter.report.match.total,
            name=use.adapter.name,
            base=base.plan.name,
        )


@contextmanager
def stacked(base: Base, uses: Sequence[AdapterUse]) -> Iterator[Stack]:
    """Apply adapters in order; the base is bit-exact afterwards, whatever happens inside (or RenderError is raised)."""
    stack = Stack(base)
    try:
        for use in uses:
            stack.put(use)
        yield stack
    finally:
        stack.clear()
