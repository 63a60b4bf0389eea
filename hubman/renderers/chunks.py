"""Prompt text to chunks of 75 tokens, cut where the WebUI cuts them.

Facts of A1111's prompt chunks, from its settings page ("Prompt word wrap length limit") and wiki ("Infinite prompt
length", "BREAK keyword").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from hubman.core.prompt import parse_spans, split_words
from hubman.renderers.base import TextPart

CHUNK = 75
"""Tokens per chunk, between BOS and EOS (CLIP reads 77)."""

BACKTRACK = 20
"""A chunk that overflows is cut after its last comma, if no more than 20 tokens come from there on (the default)."""

Vectors = Mapping[str, torch.Tensor]
"""part -> vectors (n, width) of one embedding."""


@dataclass(slots=True)
class Chunk:
    """Up to 75 tokens with weights; `fixes` says which positions hold whose vector.

    `comma` is the position after the last comma, None when there is none.
    """

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
        if len(self.chunks) > 1 and not self.chunks[-1].ids:
            self.chunks.pop()  # a BREAK at the end opens nothing
        return self.chunks

    def _add_tokens(self, ids: Sequence[int], weight: float) -> None:
        for token in ids:
            comma = [token] == self.comma
            chunk = self._room(carry=not comma)
            chunk.ids.append(token)
            chunk.weights.append(weight)
            if comma:
                chunk.comma = len(chunk.ids)

    def _add_vectors(self, name: str, weight: float) -> None:
        count = len(self.embeddings[name][self.text.part])
        chunk = self._room(carry=True)
        if chunk.ids and len(chunk.ids) + count > CHUNK:
            chunk = Chunk()
            self.chunks.append(chunk)
        for row in range(count):
            if len(chunk.ids) == CHUNK:  # an embedding of more than 75 vectors
                chunk = Chunk()
                self.chunks.append(chunk)
            chunk.fixes.append((len(chunk.ids), name, row))
            chunk.ids.append(0)
            chunk.weights.append(weight)

    def _room(self, *, carry: bool) -> Chunk:
        """Return the chunk that takes the next token.

        When the last one is full, what follows its last comma is carried over to the new one, if that is near its end
        (and not when the next token is a comma itself).
        """
        full = self.chunks[-1]
        if len(full.ids) < CHUNK:
            return full
        fresh, cut = Chunk(), full.comma
        if carry and cut is not None and CHUNK - cut < BACKTRACK:
            fresh.ids, full.ids = full.ids[cut:], full.ids[:cut]
            fresh.weights, full.weights = full.weights[cut:], full.weights[:cut]
            fresh.fixes = [(at - cut, name, row) for at, name, row in full.fixes if at >= cut]
            full.fixes = [fix for fix in full.fixes if fix[0] < cut]
        self.chunks.append(fresh)
        return fresh


def chunk_prompt(text: TextPart, prompt: str, embeddings: Mapping[str, Vectors]) -> list[Chunk]:
    """Return the chunks of a prompt, at least one."""
    usable = {name: vectors for name, vectors in embeddings.items() if text.part in vectors}
    return _Chunker(text, usable).read(prompt)


def words_in(prompt: str, embeddings: Mapping[str, Vectors]) -> bool:
    """Say whether a prompt calls one of the embeddings."""
    names = list(embeddings)
    spans = (span for segment in parse_spans(prompt) for span in segment)
    return any(name is not None for span in spans for _, name in split_words(span.text, names))
