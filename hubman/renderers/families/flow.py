"""What Flux.1 and SD3 share: schedules of flow matching, T5, and the place of a text encoder by what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hubman.core.plan.render import Sampling
from hubman.core.prompt import parse_spans, split_words
from hubman.errors import N_, RenderError
from hubman.renderers.base import Base, TextPart
from hubman.renderers.encode import Context, Vectors, emphasise, run_encoder

_KEPT_PROMPTS = 16
"""T5's answers that are kept: 8 MB each, and T5 may have to compute on the CPU."""


def flow_scheduler(base: Base, sampling: Sampling, tokens: int, sigmas: Sequence[float] | None = None) -> Any:
    """Return a scheduler with its timesteps set.

    `euler` is what these models' own pipelines use; `dpmpp_2m` runs on the same schedule of noise.

    Args:
        tokens: how many the picture has: models with dynamic shifting spend more steps on the noise of large ones.
        sigmas: the schedule before the shift; None leaves it to the scheduler. Counts for `euler`.

    Raises:
        RenderError: `unknown-sampler`.
    """
    from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler

    config = {key: value for key, value in base.scheduler_config.items() if key != "prediction_type"}
    mu = shift(config, tokens) if config.get("use_dynamic_shifting") else None
    match sampling.sampler:
        case "euler":
            scheduler = FlowMatchEulerDiscreteScheduler.from_config(config)
            if sigmas is None:
                scheduler.set_timesteps(sampling.steps, device=base.device, mu=mu)
            else:
                scheduler.set_timesteps(sigmas=sigmas, device=base.device, mu=mu)
        case "dpmpp_2m":
            scheduler = DPMSolverMultistepScheduler(
                prediction_type="flow_prediction",
                use_flow_sigmas=True,
                flow_shift=float(config.get("shift") or 1.0) if mu is None else float(torch.tensor(mu).exp()),
            )
            scheduler.set_timesteps(sampling.steps, device=base.device)
        case name:
            raise RenderError(
                "unknown-sampler", N_("{name} is no sampler of hubman; it has {known}"), name=name, known=_KNOWN
            )
    return scheduler


_KNOWN = "euler, dpmpp_2m"


def shift(config: Mapping[str, Any], tokens: int) -> float:
    """Return mu: linear in the number of tokens, through (256, 0.5) and (4096, 1.15) unless the config says otherwise.

    Source: black-forest-labs/flux `sampling.py` (get_lin_function), diffusers `calculate_shift`.
    """
    low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    first, last = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    slope = (last - first) / (high - low)
    return float(tokens * slope + (first - slope * low))


def t5_states(base: Base, text: TextPart, prompt: str, length: int, embeddings: Mapping[str, Vectors]) -> torch.Tensor:
    """Return (1, length, width) of a prompt, cut off after `length` tokens as diffusers does.

    A BREAK is a space here, for T5 has no chunks. Emphasis multiplies as on CLIP (the WebUIs that run Flux.1 do so).
    """
    usable = {name: vectors for name, vectors in embeddings.items() if text.part in vectors}
    key = (text.part, prompt, length)
    kept: dict[object, torch.Tensor] = base.memory.setdefault("t5", {})
    plain = not usable and not any(parameter in base.pristine for parameter in text.encoder.parameters())
    if plain and key in kept:
        return kept[key]
    ids, weights, vectors = _t5_tokens(text, prompt, length, usable)
    states: torch.Tensor = run_encoder(text, ids, vectors)[0].to(base.device, base.dtype)
    if any(weight != 1.0 for weight in weights):
        states = emphasise(states, torch.tensor(weights, device=states.device))
    if plain:
        if len(kept) >= _KEPT_PROMPTS:
            del kept[next(iter(kept))]
        kept[key] = states
    return states


def _t5_tokens(
    text: TextPart, prompt: str, length: int, embeddings: Mapping[str, Vectors]
) -> tuple[list[int], list[float], list[tuple[int, torch.Tensor]]]:
    """Return ids and weights (`length` of each) and the vectors of embeddings with their positions."""
    segments = parse_spans(prompt)
    if not embeddings and all(span.weight == 1.0 for segment in segments for span in segment):
        whole = " ".join("".join(span.text for span in segment) for segment in segments)
        ids: list[int] = text.tokenizer(whole, padding="max_length", max_length=length, truncation=True).input_ids
        return ids, [1.0] * length, []
    ids, weights, vectors = [], [], []
    for span in (span for segment in segments for span in segment):
        for piece, name in split_words(span.text, list(embeddings)):
            if name is None:
                new = text.tokenizer(piece, add_special_tokens=False).input_ids
            else:
                rows = embeddings[name][text.part]
                vectors += [(len(ids) + row, rows[row]) for row in range(len(rows))]
                new = [text.tokenizer.pad_token_id] * len(rows)
            ids += new
            weights += [span.weight] * len(new)
    ids = [*ids[: length - 1], text.tokenizer.eos_token_id]
    weights = [*weights[: length - 1], 1.0]
    fill = length - len(ids)
    placed = [(at, vector) for at, vector in vectors if at < length - 1]
    return [*ids, *[text.tokenizer.pad_token_id] * fill], [*weights, *[1.0] * fill], placed


def clips(base: Base) -> list[TextPart]:
    """Return the CLIPs of a base, in order."""
    return [text for text in base.texts if not text.t5]


def t5_of(base: Base) -> TextPart | None:
    """Return the T5 of a base, or None where it was left out."""
    return next((text for text in base.texts if text.t5), None)


def side(context: Context, row: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return states (1, tokens, width) and pooled vector (1, width) of the negative (0) or the positive (1) prompt."""
    assert context.pooled is not None  # both families make it
    return context.states[row : row + 1], context.pooled[row : row + 1]
