"""What sampling follows step by step, and a memory of encoded prompts per base."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch

from hubman.core.plan.bases import UNET
from hubman.core.plan.render import PromptPair, Sampling
from hubman.core.prompt_steps import split_and, step_texts
from hubman.renderers.adapters import Applied
from hubman.renderers.base import Base
from hubman.renderers.chunks import Vectors, words_in
from hubman.renderers.embeddings import EmbeddingAdapter
from hubman.renderers.encode import Context, Guide

KEPT = 64
"""Contexts remembered per base: an SDXL one of 77 tokens takes 1.3 MB in float32."""

_KEY = "contexts"


def guides(base: Base, pair: PromptPair, sampling: Sampling, adapters: Sequence[Applied]) -> tuple[Guide, ...]:
    """Return what each step follows: prompt editing, alternation and AND are evaluated here.

    Args:
        adapters: all that are in force now; pass none only when the base is bare.
    """
    negatives = step_texts(pair.negative, sampling.steps)
    parts = [(step_texts(text, sampling.steps), weight) for text, weight in split_and(pair.positive)]
    weights = tuple(weight for _, weight in parts)
    made: dict[tuple[str, ...], Guide] = {}
    steps = []
    for step, negative in enumerate(negatives):
        texts = (negative, *(positives[step] for positives, _ in parts))
        if texts not in made:
            contexts = (_context(base, PromptPair(text, negative), sampling.clip_skip, adapters) for text in texts[1:])
            made[texts] = Guide(tuple(contexts), weights)
        steps.append(made[texts])
    return tuple(steps)


def context(base: Base, pair: PromptPair, sampling: Sampling, adapters: Sequence[Applied]) -> Context:
    """Return what the first step follows (of prompts that AND joins, the first): for one-step measurements."""
    return guides(base, pair, sampling, adapters)[0].contexts[0]


@torch.inference_mode()
def _context(base: Base, pair: PromptPair, clip_skip: int, adapters: Sequence[Applied]) -> Context:
    """Encode, or remember: only what no adapter in force has a hand in is kept."""
    vectors = embeddings_of(adapters)
    called = bool(vectors) and (words_in(pair.positive, vectors) or words_in(pair.negative, vectors))
    if called or any(touches_text(adapter) for adapter in adapters):
        return base.family.encode(base, pair, clip_skip, vectors)
    memory: OrderedDict[tuple[PromptPair, int], Context] = base.memory.setdefault(_KEY, OrderedDict())
    key = (pair, clip_skip)
    if key not in memory:
        memory[key] = base.family.encode(base, pair, clip_skip, {})
        if len(memory) > KEPT:
            memory.popitem(last=False)
    memory.move_to_end(key)
    return memory[key]


def embeddings_of(adapters: Sequence[Applied]) -> Mapping[str, Vectors]:
    """Return the vectors of all embeddings in force by the word that calls them."""
    return {word: vectors for adapter in adapters for word, vectors in adapter.embeddings().items()}


def touches_text(adapter: Applied) -> bool:
    """Say whether an adapter changes a text encoder's weights. Widths are the parts of a hypernetwork: those do not."""
    if isinstance(adapter, EmbeddingAdapter):
        return False
    parts = adapter.report.match.parts
    return any(matched for part, (matched, _) in parts.items() if part != UNET and not part.isdigit())
