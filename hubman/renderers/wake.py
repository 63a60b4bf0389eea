"""What an adapter's weights do with a word: its change to the keys and values of the cross-attention.

A word reaches a U-Net only there. For each word the text encoders' state at the end of the prompt, less that of the
prompt without the word, goes through the change dW and through the weight W of every key and value:

    response(word) = mean over layers and carriers of |dW e| / (|W e| + mean over words of |W e|)

No step of the U-Net is run. The text encoders are the base's own, for an adapter that moves them moves all words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from hubman.core.plan.bases import UNET
from hubman.core.plan.wake import WakePlan
from hubman.errors import N_, RenderError
from hubman.renderers.adapters import WeightAdapter, open_adapter
from hubman.renderers.base import Base, TextPart
from hubman.renderers.encode import read_states

if TYPE_CHECKING:
    from hubman.renderers.worker import Worker

ENDS = ("attn2_to_k", "attn2_to_v")
"""Ends of the folded names of the layers that read the prompt, in every U-Net."""

BATCH = 128
"""Prompts that a text encoder reads at once."""

_KEY = "wake"


def responses(base: Base, plan: WakePlan, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return {"responses": one number per word, "layers": how many read the prompt, "touched": how many it changes}.

    The base is bit-exact afterwards.

    Raises:
        RenderError: `wake-unsupported`, a transformer, or an adapter that is no change of weights; `wake-nonfinite`.
    """
    if base.layout.transformer:
        raise RenderError("wake-unsupported", N_("wake words are found on U-Nets only; {name} is none"),
                          name=base.plan.name)  # fmt: skip
    progress("open")
    adapter = open_adapter(base, plan.adapter)
    if not isinstance(adapter, WeightAdapter):
        raise RenderError("wake-unsupported", N_("wake words are found for LoRAs and their relatives only"))
    if adapter.report.nonfinite:
        raise RenderError("wake-nonfinite", N_("{name} holds numbers that are none (NaN or infinite)"),
                          name=plan.adapter.name)  # fmt: skip
    states = word_states(base, plan, progress)
    progress("responses")
    layers = [module for (part, name), module in base.modules.items() if part == UNET and name.endswith(ENDS)]
    try:
        adapter.set(1.0, 0.0)
        total, touched = _through(base, layers, states)
    finally:
        adapter.remove()
    base.check()
    return {"responses": total.tolist(), "layers": len(layers), "touched": touched}


@torch.inference_mode()
def _through(base: Base, layers: Sequence[torch.nn.Module], states: Sequence[torch.Tensor]) -> tuple[torch.Tensor, int]:
    """Return the response of every word, (words,), and how many layers are changed."""
    total = torch.zeros(len(states[0]), dtype=torch.float64)
    touched = 0
    for layer in layers:
        weight = layer.weight
        assert isinstance(weight, torch.nn.Parameter)
        if weight not in base.pristine:
            continue
        old = base.keep(weight).float()
        change = weight.float() - old
        if not change.any():
            continue
        touched += 1
        for word in states:
            moved = word.to(change) @ change.T
            own = (word.to(old) @ old.T).norm(dim=1)
            total += (moved.norm(dim=1) / (own + own.mean())).double().cpu()
    return total / max(1, touched * len(states)), touched


def word_states(base: Base, plan: WakePlan, progress: Callable[[str], None]) -> list[torch.Tensor]:
    """Return one (words, width) per carrier: what the word adds to the state at the end of the prompt.

    The last list is remembered: several adapters are asked about the same words on one base.
    """
    key = (plan.words, plan.carriers, plan.clip_skip)
    known = base.memory.get(_KEY)
    if known is None or known[0] != key:
        made = []
        for number, carrier in enumerate(plan.carriers, 1):
            empty = carrier.replace("{}", "").strip(" ,")
            texts = [empty, *(carrier.replace("{}", word) for word in plan.words)]
            label = f"words {number}/{len(plan.carriers)}"
            read = [_end_states(part, texts, plan.clip_skip, progress, label, xl=base.xl) for part in base.texts]
            ends = torch.cat(read, dim=1)
            made.append(ends[1:] - ends[:1])
        known = base.memory[_KEY] = (key, made)
    states: list[torch.Tensor] = known[1]
    return states


@torch.inference_mode()
def _end_states(
    part: TextPart, texts: Sequence[str], clip_skip: int, progress: Callable[[str], None], label: str, *, xl: bool
) -> torch.Tensor:
    """Return (texts, width): an encoder's state at the end token of each text, in float32.

    CLIP looks back only, so what comes after the end need not be read: a batch is as wide as its longest text.
    """
    device = next(part.encoder.parameters()).device
    rows = []
    for start in range(0, len(texts), BATCH):
        progress(f"{label}, {part.part} {start}/{len(texts)}")
        batch = list(texts[start : start + BATCH])
        tokens = part.tokenizer(batch, padding="longest", truncation=True, max_length=77, return_tensors="pt")
        ids = tokens.input_ids.to(device)
        end = (ids == part.tokenizer.eos_token_id).int().argmax(1)
        states, _ = read_states(part.encoder(ids, output_hidden_states=True), part, clip_skip, xl=xl)
        rows.append(states[torch.arange(len(ids), device=device), end].float())
    return torch.cat(rows)


def handle(worker: Worker, request: Any) -> dict[str, Any]:
    """Answer a request "wake": {"plan": a WakePlan as JSON}."""
    plan = WakePlan.from_json(request["plan"])
    base = worker.load(plan.base, plan.device, plan.dtype)
    try:
        return responses(base, plan, lambda stage: worker.progress(request, stage))
    except RenderError as error:
        if error.reference == "base-contaminated":
            worker.distrust()
        raise
    except Exception:
        worker.distrust()
        raise
