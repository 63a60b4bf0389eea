"""A picture's recipe as A1111 writes it (`parameters`), so that its "PNG Info" and Civitai read ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hubman.core.plan.render import BasePlan, PromptPair, Sampling
from hubman.core.prompt import PromptAdapter, build_prompt, format_weight
from hubman.core.types import Kind

SAMPLER_NAMES = {"dpmpp_2m": "DPM++ 2M", "dpmpp_2m_karras": "DPM++ 2M Karras"}

SHORT_HASH = 12
"""Digits of a hash in `Lora hashes` and `TI hashes` (AutoV3 of the file, sha256 of an embedding)."""


@dataclass(frozen=True, slots=True)
class Used:
    """An adapter in a picture. `hash`: AutoV3 of a LoRA, sha256 of an embedding; "" where unknown."""

    kind: Kind
    name: str
    weight: float = 1.0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that A1111's text says of a picture; `size` in pixels.

    `prompt` is without adapter tags, which are written before it; with `typed` it has them where the user typed them.
    """

    prompt: PromptPair
    sampling: Sampling
    seed: int
    size: tuple[int, int]
    base: BasePlan
    used: Sequence[Used] = ()
    typed: bool = False


def parameters(recipe: Recipe) -> str:
    """Return the text: the prompt with its tags, the negative prompt, and a line of facts.

    The last line is read by a pattern of `Key: value` pairs parted by commas; a value that holds a comma, a colon or a
    line break is quoted as JSON (A1111's infotext).
    """
    called = () if recipe.typed else recipe.used
    tags = [PromptAdapter(use.kind, use.name, use.weight) for use in called if use.kind is not Kind.EMBEDDING]
    built = build_prompt(tags, recipe.prompt.positive, recipe.prompt.negative)
    sampling = recipe.sampling
    facts: list[tuple[str, str]] = [
        ("Steps", str(sampling.steps)),
        ("Sampler", SAMPLER_NAMES.get(sampling.sampler, sampling.sampler)),
        ("CFG scale", format_weight(sampling.cfg)),
        ("Seed", str(recipe.seed)),
        ("Size", f"{recipe.size[0]}x{recipe.size[1]}"),
        ("Model hash", recipe.base.sha256[:10]),
        ("Model", recipe.base.name),
    ]
    if sampling.clip_skip > 1:
        facts.append(("Clip skip", str(sampling.clip_skip)))
    facts += [(key, text) for key, text in _hashes(recipe.used) if text]
    facts += [("RNG", "CPU"), ("Version", "hubman")]
    prompt = recipe.prompt if recipe.typed else PromptPair(built.positive, built.negative)
    lines = [prompt.positive]
    if prompt.negative:
        lines.append(f"Negative prompt: {prompt.negative}")
    return "\n".join([*lines, ", ".join(f"{key}: {_quoted(text)}" for key, text in facts if text)])


def _hashes(used: Sequence[Used]) -> list[tuple[str, str]]:
    def joined(kind: Kind) -> str:
        named = [f"{use.name}: {use.hash[:SHORT_HASH]}" for use in used if use.kind is kind and use.hash]
        return ", ".join(named)

    return [("Lora hashes", joined(Kind.LORA)), ("TI hashes", joined(Kind.EMBEDDING))]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if any(letter in text for letter in ",:\n") else text
