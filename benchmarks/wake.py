"""`python -m benchmarks wake`: is the trigger word found from the weights alone? Ranks of the true word among 1,000.

The adapters of tests/render/assets/wake (made by training/wake_set.py: neutral names, no metadata, half of the pictures
without word and motif) and three of the demo family. Methods and the margin were chosen on those marked "tuning"; the
goal, the true word among the first five for 8 of 10, is counted on the ten held-out ones.

    weights        what hubman does: dW of the cross-attention on the word's text state (renderers/wake.py)
    one-step       change of the U-Net's answer to carrier + word less that to the carrier, with the adapter and without
    one-step, rel  the same, divided by the base's own answer to the word

Made-up words that are trigger words stand in the list in place of its last ones, for all adapters.
Controls: adapters that are always on, and every adapter with the numbers of each tensor shuffled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "tests/render/assets/wake"
MODELS = ROOT / "models"
CANDIDATES = 1000
CARRIERS = ("a red circle on a blue background, {}", "{}, a green square on a yellow background")
STEPS = (600, 900)
BATCH = 128


@dataclass(frozen=True)
class Case:
    """One adapter and its word, "" for none."""

    path: Path
    word: str
    part: str
    kind: str

    @property
    def name(self) -> str:
        return self.path.stem


def cases() -> list[Case]:
    """Return the adapters of the key, then those of the demo family."""
    key = json.loads((ASSETS / "words.json").read_text("utf-8"))
    found = [Case(ASSETS / f"{one['file']}.safetensors", one["word"], one["part"], one["kind"]) for one in key]
    demo = {"zbrstripe_lora": "zbrstripe", "水墨_toy": "shuimo", "polkadot_loha": "plkdot"}
    kinds = {"polkadot_loha": "loha", "水墨_toy": "lora+text"}
    return found + [
        Case(MODELS / f"Lora/{stem}.safetensors", word, "tuning", kinds.get(stem, "lora"))
        for stem, word in demo.items()
    ]


def candidates(known: Sequence[Case]) -> tuple[str, ...]:
    """Return the thousand: all true words and hubman's list."""
    from hubman.core.wake_words import WORDS

    true = [case.word for case in known if case.word]
    return tuple(dict.fromkeys([*true, *WORDS]))[:CANDIDATES]


def report(folder: Path) -> dict[str, object]:
    """Measure, print a line for each adapter, and return the figures."""
    import torch

    from hubman.core.plan.render import BasePlan
    from hubman.renderers.base import load_base

    torch.set_num_threads(1)
    stem = MODELS / "Stable-diffusion/tinyshapes"
    base = load_base(BasePlan(f"{stem}.safetensors", "tinyshapes", "0" * 64, str(stem)), "cpu", "float32")
    known = cases()
    words = candidates(known)
    step = OneStep(base, words)
    adapters: list[dict[str, Any]] = []
    for case in known:
        entry = _measured(base, case, words, step)
        adapters.append(entry)
        print(f"  {case.name:16} {case.word or '(none)':10} {entry['part']:9}", entry["weights"], entry["one-step"])
    shuffled = _shuffled(base, known, words, folder)
    result = _summary(adapters, shuffled, words, step)
    for name, value in result.items():
        if name != "adapters":
            print(f"  {name}: {value}")
    return result


def _measured(base: Any, case: Case, words: tuple[str, ...], step: OneStep) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": case.name, "word": case.word, "kind": case.kind, "part": case.part}
    start = time.process_time()
    responses = _responses(base, case.path, words)
    entry["weights"] = _outcome(responses, case.word, words, time.process_time() - start)
    if case.word:
        entry["weights"]["without the word"] = _lacking(responses, case.word, words)
    start = time.process_time()
    plain, relative = step.responses(case.path)
    seconds = time.process_time() - start
    entry["one-step"] = _outcome(plain, case.word, words, seconds)
    entry["one-step, rel"] = _outcome(relative, case.word, words, seconds)
    return entry


def _responses(base: Any, path: Path, words: tuple[str, ...]) -> dict[str, float]:
    from hubman.core.plan.render import AdapterPlan
    from hubman.core.plan.wake import WakePlan
    from hubman.core.types import Kind
    from hubman.renderers.wake import responses

    plan = WakePlan(base.plan, AdapterPlan(str(path), "x", "0" * 64, Kind.LORA), words)
    return dict(zip(words, responses(base, plan, lambda _: None)["responses"], strict=True))


def _outcome(responses: dict[str, float], word: str, words: Sequence[str], seconds: float) -> dict[str, Any]:
    from hubman.core.wake import rank_words

    ranking = rank_words(responses, words, words)
    return {
        "rank": ranking.place(word) if word else None,
        "margin": round(ranking.margin, 2),
        "stands out": ranking.stands_out,
        "first": [text for text, _ in ranking.words[:5]],
        "cpu_seconds": round(seconds, 2),
    }


def _lacking(responses: dict[str, float], word: str, words: Sequence[str]) -> dict[str, Any]:
    """Return what is said where the true word is no candidate."""
    from hubman.core.wake import rank_words

    rest = [text for text in words if text != word]
    ranking = rank_words(responses, rest, rest)
    return {"margin": round(ranking.margin, 2), "stands out": ranking.stands_out, "first": ranking.words[0][0]}


def _shuffled(base: Any, known: Sequence[Case], words: tuple[str, ...], folder: Path) -> dict[str, list[float]]:
    """Return the margins of adapters of which the numbers of each tensor are shuffled, by part."""
    import torch
    from safetensors.torch import load_file, save_file

    from hubman.core.wake import rank_words

    margins: dict[str, list[float]] = {"tuning": [], "held-out": []}
    path = folder / "shuffled.safetensors"
    for number, case in enumerate(known):
        generator = torch.Generator().manual_seed(number)
        tensors = {
            name: value.flatten()[torch.randperm(value.numel(), generator=generator)].view(value.shape).clone()
            for name, value in load_file(case.path).items()
        }
        save_file(tensors, path)
        margins[case.part].append(round(rank_words(_responses(base, path, words), words, words).margin, 2))
        path.unlink()
    return margins


class OneStep:
    """The U-Net's answers to every candidate; those of the bare base are made once."""

    def __init__(self, base: Any, words: tuple[str, ...]) -> None:
        self.base, self.words = base, words
        self.calls = 0
        self.bare = self._answers()
        self.calls_per_adapter = self.calls

    def responses(self, path: Path) -> tuple[dict[str, float], dict[str, float]]:
        """Return word -> change of the answer to it, and word -> the same relative to the base's own answer."""
        from hubman.core.plan.render import AdapterPlan
        from hubman.core.types import Kind
        from hubman.renderers.adapters import open_adapter

        adapter = open_adapter(self.base, AdapterPlan(str(path), "x", "0" * 64, Kind.LORA))
        adapter.set(1.0)
        try:
            answers = self._answers()
        finally:
            adapter.remove()
        own = (self.bare[1:] - self.bare[:1]).norm(dim=-1)
        change = ((answers[1:] - answers[:1]) - (self.bare[1:] - self.bare[:1])).norm(dim=-1)
        relative = (change / (own + own.mean(0))).mean(1)
        return self._named(change.mean(1)), self._named(relative)

    def _named(self, values: Any) -> dict[str, float]:
        return dict(zip(self.words, values.tolist(), strict=True))

    def _answers(self) -> Any:
        """Return (1 + words, carriers * steps, latent): first the carrier without a word."""
        import torch

        noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            columns = []
            for carrier in CARRIERS:
                bare = carrier.replace("{}", "").strip(" ,")
                states = self._states([bare, *(carrier.replace("{}", word) for word in self.words)])
                columns += [self._in_batches(states, self._ask(noise, step)) for step in STEPS]
            return torch.stack(columns, 1)

    def _ask(self, noise: Any, step: int) -> Callable[[Any], Any]:
        def answer(states: Any) -> Any:
            self.calls += 1
            latents = noise.expand(len(states), -1, -1, -1)
            return self.base.unet(latents, step, encoder_hidden_states=states, return_dict=False)[0].flatten(1)

        return answer

    def _states(self, texts: Sequence[str]) -> Any:
        text = self.base.texts[0]
        ids = text.tokenizer(list(texts), padding="max_length", max_length=77, return_tensors="pt").input_ids
        return self._in_batches(ids, lambda part: text.encoder(part).last_hidden_state)

    @staticmethod
    def _in_batches(rows: Any, function: Callable[[Any], Any]) -> Any:
        import torch

        return torch.cat([function(part) for part in rows.split(BATCH)])


def _summary(
    adapters: Sequence[dict[str, Any]], shuffled: dict[str, list[float]], words: Sequence[str], step: OneStep
) -> dict[str, object]:
    hits: dict[str, Any] = {}
    for method in ("weights", "one-step", "one-step, rel"):
        for part in ("tuning", "held-out"):
            ranks = [one[method]["rank"] for one in adapters if one["word"] and one["part"] == part]
            hits[f"{method}, {part}"] = {
                "of": len(ranks),
                **{f"first {n}": sum(rank <= n for rank in ranks) for n in (1, 5, 20)},
                "ranks": sorted(ranks),
            }
    return {
        "goal": "rank <= 5 for 8 of 10, held-out",
        "candidates": len(words),
        "hits": hits,
        "unet calls": {"weights": 0, "one-step": step.calls_per_adapter},
        "margins of words": sorted(one["weights"]["margin"] for one in adapters if one["word"]),
        "margins without a word": {one["name"]: one["weights"]["margin"] for one in adapters if not one["word"]},
        "margins shuffled": shuffled,
        "stands out though the true word is no candidate": sum(
            one["weights"]["without the word"]["stands out"] for one in adapters if one["word"]
        ),
        "adapters": list(adapters),
    }
