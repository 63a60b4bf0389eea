"""Prompt text to the U-Net's context, as the WebUI does it: 75-token chunks, BREAK, emphasis, embeddings by name.

Written from A1111's documented behaviour. A plain prompt of up to 75 tokens gives exactly what diffusers gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from hubman.core.plan.render import PromptPair
from hubman.core.prompt import parse_spans, split_words
from hubman.renderers.base import Base, TextPart

CHUNK = 75
"""Tokens per chunk, between BOS and EOS (CLIP reads 77)."""

BACKTRACK = 20
"""A chunk that fills up is cut after the last comma, if that lies in its last 20 tokens (WebUI's default)."""

_MEAN_GUARD = 1e-3
"""Restore the mean only when it is more than noise: |mean| > guard * std (measured: else a ratio of up to 70)."""

Vectors = Mapping[str, torch.Tensor]
"""part -> vectors (n, width) of one embedding."""


@dataclass(slots=True)
class Chunk:
    """Up to 75 tokens with weights; `fixes` says which positions hold whose vector."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    fixes: list[tuple[int, str, int]] = field(default_factory=list)
    comma: int | None = None


class _Chunker:
    def __init__(self, text: TextPart, embeddings: Mapping[str, Vectors]) -> None:
        self.text = text
        self.embeddings = embeddings
        self.comma = self._tokens(",")[-1:]
        self.chunks = [Chunk()]

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self.text.tokenizer(text, add_special_tokens=False, truncation=False).input_ids
        return ids

    def read(self, prompt: str) -> list[Chunk]:
        for index, segment in enumerate(parse_spans(prompt)):
            if index:
                self.chunks.append(Chunk())
            for span in segment:
                for piece, name in split_words(span.text, list(self.embeddings)):
                    if name is None:
                        self._add_tokens(self._tokens(piece), span.weight)
                    else:
                        self._add_vectors(name, span.weight)
        return self.chunks

    def _add_tokens(self, ids: Sequence[int], weight: float) -> None:
        for token in ids:
            chunk = self.chunks[-1]
            if len(chunk.ids) == CHUNK:
                chunk = self._next_chunk()
            chunk.ids.append(token)
            chunk.weights.append(weight)
            if [token] == self.comma:
                chunk.comma = len(chunk.ids)

    def _add_vectors(self, name: str, weight: float) -> None:
        count = len(self.embeddings[name][self.text.part])
        if len(self.chunks[-1].ids) + count > CHUNK:
            self.chunks.append(Chunk())
        for row in range(count):
            chunk = self.chunks[-1]
            if len(chunk.ids) == CHUNK:  # an embedding of more than 75 vectors
                chunk = Chunk()
                self.chunks.append(chunk)
            chunk.fixes.append((len(chunk.ids), name, row))
            chunk.ids.append(0)
            chunk.weights.append(weight)

    def _next_chunk(self) -> Chunk:
        """Open a chunk and carry over what follows the last comma, if that is near the end and splits no embedding."""
        full, fresh = self.chunks[-1], Chunk()
        cut = full.comma
        if cut is not None and cut > CHUNK - BACKTRACK - 1 and not any(at >= cut for at, _, _ in full.fixes):
            fresh.ids, full.ids = full.ids[cut:], full.ids[:cut]
            fresh.weights, full.weights = full.weights[cut:], full.weights[:cut]
        self.chunks.append(fresh)
        return fresh


def chunk_prompt(text: TextPart, prompt: str, embeddings: Mapping[str, Vectors]) -> list[Chunk]:
    """Return the chunks of a prompt, at least one."""
    usable = {name: vectors for name, vectors in embeddings.items() if text.part in vectors}
    return _Chunker(text, usable).read(prompt)


@dataclass(frozen=True, slots=True)
class Context:
    """What the U-Net reads: negative then positive, (2, 77 * chunks, width), and SDXL's pooled vectors (2, width)."""

    states: torch.Tensor
    pooled: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Guide:
    """What one sampling step follows: the contexts of the parts that `AND` joins (nearly always one), and weights."""

    contexts: tuple[Context, ...]
    weights: tuple[float, ...] = (1.0,)


def encode(base: Base, pair: PromptPair, clip_skip: int, embeddings: Mapping[str, Vectors]) -> Context:
    """Encode a pair of prompts to contexts of equal length; `clip_skip` 1 is the last layer."""
    prompts = (pair.negative, pair.positive)
    columns: list[torch.Tensor] = []
    pooled: torch.Tensor | None = None
    counts = [len(chunk_prompt(text, prompt, embeddings)) for text in base.texts for prompt in prompts]
    for text in base.texts:
        rows = []
        pools = []
        for prompt in prompts:
            states, pool = _encode_prompt(text, prompt, max(counts), clip_skip, embeddings, xl=base.xl)
            rows.append(states)
            pools.append(pool)
        columns.append(torch.cat(rows))
        if pools[0] is not None:
            pooled = torch.cat([pool for pool in pools if pool is not None])
    return Context(torch.cat(columns, dim=-1), pooled if base.xl else None)


def _encode_prompt(
    text: TextPart, prompt: str, count: int, clip_skip: int, embeddings: Mapping[str, Vectors], *, xl: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    chunks = chunk_prompt(text, prompt, embeddings)
    chunks += [Chunk() for _ in range(count - len(chunks))]
    outputs = [encode_chunk(text, chunk, clip_skip, embeddings, xl=xl) for chunk in chunks]
    return torch.cat([states for states, _ in outputs], dim=1), outputs[0][1]


def encode_chunk(
    text: TextPart, chunk: Chunk, clip_skip: int, embeddings: Mapping[str, Vectors], *, xl: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return (1, 77, width) of one chunk and, with `xl` (SDXL, SD3), the pooled vector of an encoder that has one."""
    states, pooled = _read(read_chunk(text, chunk, embeddings), text, clip_skip, xl=xl)
    if any(weight != 1.0 for weight in chunk.weights):
        fill = CHUNK - len(chunk.ids)
        weights = torch.tensor([1.0, *chunk.weights, *[1.0] * (fill + 1)], device=states.device)
        states = emphasise(states, weights)
    return states, pooled


def read_chunk(text: TextPart, chunk: Chunk, embeddings: Mapping[str, Vectors]) -> Any:
    """Return what a CLIP answers to one chunk, with all layers."""
    tokenizer = text.tokenizer
    fill = CHUNK - len(chunk.ids)
    row = [tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * fill]
    vectors = [(at + 1, embeddings[name][text.part][row]) for at, name, row in chunk.fixes]
    return run_encoder(text, row, vectors)


def emphasise(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Multiply (1, 77, width) token by token and restore the mean, as the WebUI's "Original" emphasis does.

    The mean is left alone when it is noise around zero (encoders that end in a LayerNorm without bias).
    """
    old = states.float()
    new = old * weights.reshape(1, -1, 1)
    mean, spread = old.mean(), old.std()
    if mean.abs() > _MEAN_GUARD * spread and new.mean().abs() > _MEAN_GUARD * spread:
        new = new * (mean / new.mean())
    return new.to(states.dtype)


def run_encoder(text: TextPart, row: Sequence[int], vectors: Sequence[tuple[int, torch.Tensor]]) -> Any:
    """Return a text encoder's answer to one row of token ids; `vectors` stand in for tokens at their positions."""
    handle = None
    if vectors:

        def place(_module: Any, _args: Any, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            for at, vector in vectors:
                changed[0, at] = vector.to(changed)
            return changed

        handle = text.encoder.get_input_embeddings().register_forward_hook(place)
    try:
        device = next(text.encoder.parameters()).device
        return text.encoder(torch.tensor([list(row)], device=device), output_hidden_states=True)
    finally:
        if handle is not None:
            handle.remove()


def _read(output: Any, text: TextPart, clip_skip: int, *, xl: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    if xl:  # both encoders of SDXL are read one layer before the last, without the final norm
        pooled = output[0] if output[0].dim() == 2 else None
        return output.hidden_states[-(clip_skip + 1)], pooled
    if clip_skip == 1:
        return output[0], None
    return text.inner.final_layer_norm(output.hidden_states[-clip_skip]), None
