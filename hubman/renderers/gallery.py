"""Pictures of several prompts from the same seeds in one batch; the bare base's are kept for the next adapter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from hubman.core.plan.render import PromptPair, Sampling
from hubman.renderers.base import Base
from hubman.renderers.encode import Context, Vectors
from hubman.renderers.sample import Pictures, render, size_of

MOST_BYTES = 256 * 2**20
"""What is kept of the bare base: tens of thousands of tiny pictures, some hundred batches of large ones."""

MOST_PIXELS = 4 * 2**20
"""Pixels in one batch: four pictures of SDXL. More prompts than that are rendered one after another."""


class Memory:
    """Things made once per key; the least recently used go first when their tensors take more than `most` bytes."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.kept: OrderedDict[object, tuple[Any, int]] = OrderedDict()

    @property
    def size(self) -> int:
        return sum(size for _, size in self.kept.values())

    def get(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what is kept under `key`, made on the first call. What is too large for the whole is not kept."""
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key][0]
        made = make()
        self.kept[key] = made, _bytes_of(made)
        while self.size > self.most:
            self.kept.popitem(last=False)
        return made


def _bytes_of(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, Pictures):
        return value.latents.nbytes + value.pixels.nbytes
    if isinstance(value, Mapping):
        return sum(_bytes_of(item) for item in value.values())
    return sum(_bytes_of(item) for item in value) if isinstance(value, list | tuple) else 64


def memory_of(base: Base) -> Memory:
    """Return what is kept of this base, for as long as it is resident."""
    found: Memory = base.memory.setdefault("measured", Memory())
    return found


def contexts(
    base: Base, pairs: Sequence[PromptPair], sampling: Sampling, embeddings: Mapping[str, Vectors]
) -> list[Context]:
    """Return the context of each pair of prompts."""
    with torch.inference_mode():
        return [base.family.encode(base, pair, sampling.clip_skip, embeddings) for pair in pairs]


def render_all(base: Base, found: Sequence[Context], sampling: Sampling) -> list[Pictures]:
    """Render one picture per context and seed; in one batch where the family can and memory allows.

    How many share a batch depends on the contexts and the size alone, so that a picture with an adapter and its bare
    one are made in the same shapes: only then does an adapter without effect give a difference of exactly 0.
    """
    width, height = size_of(base, sampling)
    count = len(sampling.seeds)
    together = (
        getattr(base.family, "batches_prompts", False)
        and len({context.states.shape for context in found}) == 1
        and len(found) * count * width * height <= MOST_PIXELS
    )
    if not together:
        return [render(base, context, sampling) for context in found]
    pictures = render(base, _joined(found), replace(sampling, seeds=sampling.seeds * len(found)))
    starts = range(0, len(found) * count, count)
    return [
        Pictures(pictures.latents[at : at + count], pictures.pixels[at : at + count], pictures.upcast) for at in starts
    ]


def _joined(found: Sequence[Context]) -> Context:
    """Return one context of all negative prompts, then all positive ones."""
    states = [torch.cat([context.states[half : half + 1] for context in found]) for half in (0, 1)]
    if found[0].pooled is None:
        return Context(torch.cat(states))
    pooled = [context.pooled for context in found if context.pooled is not None]
    return Context(
        torch.cat(states), torch.cat([torch.cat([row[half : half + 1] for row in pooled]) for half in (0, 1)])
    )
