"""Prompt text to the U-Net's context, as the WebUI does it: chunks, emphasis, embeddings by name, clip skip.

Written from A1111's documented behaviour. A plain prompt of up to 75 tokens gives exactly what diffusers gives (which
cuts off what comes after; here it is read in further chunks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hubman.core.plan.render import PromptPair
from hubman.errors import N_, RenderError
from hubman.renderers.base import Base, TextPart
from hubman.renderers.chunks import CHUNK, Chunk
from hubman.renderers.chunks import Vectors as Vectors
from hubman.renderers.chunks import chunk_prompt as chunk_prompt

_MEAN_GUARD = 1e-3
"""Restore the mean only when it is more than noise: |mean| > guard * std (measured: else a ratio of up to 70)."""


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
    """Encode a pair of prompts to contexts of equal length; `clip_skip` counts as the WebUI does, 1 is the last layer.

    SDXL's pooled vector is the second encoder's for the first chunk, unweighted and never skipped (A1111,
    `sd_hijack_clip.py`: `zs[0].pooled`). An empty negative prompt of SDXL is zeros, as in A1111 (its
    `force_zero_embeddings`) and in diffusers (`force_zeros_for_empty_prompt`).

    Raises:
        RenderError: `clip-skip-too-large`.
    """
    prompts = (pair.negative, pair.positive)
    columns: list[torch.Tensor] = []
    pooled: torch.Tensor | None = None
    chunked = {
        (text.part, side): chunk_prompt(text, prompt, embeddings)
        for text in base.texts
        for side, prompt in enumerate(prompts)
    }
    count = max(len(chunks) for chunks in chunked.values())
    for text in base.texts:
        rows = []
        pools = []
        for side in range(len(prompts)):
            states, pool = _encode_chunks(text, chunked[text.part, side], count, clip_skip, embeddings, xl=base.xl)
            rows.append(states)
            pools.append(pool)
        columns.append(torch.cat(rows))
        if pools[0] is not None:
            pooled = torch.cat([pool for pool in pools if pool is not None])
    return _finished(base, pair, torch.cat(columns, dim=-1), pooled)


def _finished(base: Base, pair: PromptPair, states: torch.Tensor, pooled: torch.Tensor | None) -> Context:
    if not base.xl:
        return Context(states)
    if not pair.negative.strip():
        states[0] = 0
        if pooled is not None:
            pooled[0] = 0
    return Context(states, pooled)


def _encode_chunks(
    text: TextPart, chunks: list[Chunk], count: int, clip_skip: int, embeddings: Mapping[str, Vectors], *, xl: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    filled = [*chunks, *(Chunk() for _ in range(count - len(chunks)))]
    outputs = [encode_chunk(text, chunk, clip_skip, embeddings, xl=xl) for chunk in filled]
    return torch.cat([states for states, _ in outputs], dim=1), outputs[0][1]


def encode_chunk(
    text: TextPart, chunk: Chunk, clip_skip: int, embeddings: Mapping[str, Vectors], *, xl: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return (1, 77, width) of one chunk and, with `xl` (SDXL, SD3), the pooled vector of an encoder that has one."""
    states, pooled = read_states(read_chunk(text, chunk, embeddings), text, clip_skip, xl=xl)
    if any(weight != 1.0 for weight in chunk.weights):
        fill = CHUNK - len(chunk.ids)
        weights = torch.tensor([1.0, *chunk.weights, *[1.0] * (fill + 1)], device=states.device)
        states = emphasise(states, weights, keep_mean=not xl)
    return states, pooled


def read_chunk(text: TextPart, chunk: Chunk, embeddings: Mapping[str, Vectors]) -> Any:
    """Return what a CLIP answers to one chunk, with all layers."""
    tokenizer = text.tokenizer
    fill = CHUNK - len(chunk.ids)
    row = [tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * fill]
    vectors = [(at + 1, embeddings[name][text.part][row]) for at, name, row in chunk.fixes]
    return run_encoder(text, row, vectors)


def emphasise(states: torch.Tensor, weights: torch.Tensor, *, keep_mean: bool = True) -> torch.Tensor:
    """Multiply (1, 77, width) token by token and restore the mean, as the WebUI's "Original" emphasis does.

    The mean is left alone when it is noise around zero (encoders that end in a LayerNorm without bias), and with
    `keep_mean` False: the WebUI's "No norm", which its settings page recommends for SDXL.
    """
    old = states.float()
    new = old * weights.reshape(1, -1, 1)
    mean, spread = old.mean(), old.std()
    if keep_mean and mean.abs() > _MEAN_GUARD * spread and new.mean().abs() > _MEAN_GUARD * spread:
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


def read_states(output: Any, text: TextPart, clip_skip: int, *, xl: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return what the denoiser reads of an encoder's answer, (n, tokens, width), and the pooled vectors if any."""
    if xl:  # both encoders of SDXL are read one layer before the last, without the final norm
        return output.hidden_states[-2], output[0] if output[0].dim() == 2 else None
    if clip_skip == 1 or not skips(text):
        return output[0], None
    if clip_skip >= len(output.hidden_states):
        raise RenderError(
            "clip-skip-too-large",
            N_("clip skip {skip} leaves nothing of a text encoder with {layers} layers"),
            skip=clip_skip,
            layers=len(output.hidden_states) - 1,
        )
    return text.inner.final_layer_norm(output.hidden_states[-clip_skip]), None


def skips(text: TextPart) -> bool:
    """Say whether clip skip means anything for an encoder: OpenAI's CLIP of SD1 only, as in the WebUI.

    SD2's OpenCLIP (the one with plain GELU) is read one layer before the last in any case: diffusers' files hold 23 of
    its 24 layers. SDXL's two are too; A1111's "Clip skip SDXL" is off unless somebody turns it on.
    """
    return getattr(text.encoder.config, "hidden_act", "") != "gelu"
