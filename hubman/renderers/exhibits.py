"""The pictures of one validation: A and D without the adapter, B and C with it, and C over a sweep of strengths.

A neutral prompt, D triggered prompt (the control: a word alone changes a picture), B neutral with the adapter, C both.
C and D come with a second prompt that has one other word: how much of the rest of the prompt survives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hubman.core.evidence import Picture, SweepPoint
from hubman.core.limits import FULL_STRENGTH, OTHER_WORD_MAE, TRIGGER_FACTOR, WEAK_MAE
from hubman.core.plan.render import PromptPair, RenderPlan
from hubman.core.sweep import late_strength, next_strength, reference_strength
from hubman.core.types import Kind
from hubman.renderers.adapters import Applied
from hubman.renderers.base import Base
from hubman.renderers.control import self_error
from hubman.renderers.gallery import contexts, memory_of, render_all
from hubman.renderers.metrics import cosine, distance, pair_stats, picture_stats, response
from hubman.renderers.sample import Pictures

Shots = list[Pictures]


class Exhibits:
    """Renders what a plan asks for; `pictures` holds them by name ("A", "B", "C", "D", "C@0.6")."""

    def __init__(self, base: Base, plan: RenderPlan, adapter: Applied, progress: Callable[[str], None]) -> None:
        self.base = base
        self.plan = plan
        self.adapter = adapter
        self.progress = progress
        self.pictures: dict[str, Pictures] = {}
        self.shots: dict[float, Shots] = {}
        self.points: dict[float, dict[str, Any]] = {}
        self.asked = [plan.triggered] + ([plan.changed] if plan.changed else [])

    def show(self, *, confirm: bool) -> dict[str, Any]:
        """Return "sweep", "pictures", "pairs", "words", "reference" and what is measured only of some adapters.

        `confirm`: render strength 1 alone, for an adapter that is expected to do nothing.
        """
        plan = self.plan
        self.adapter.remove()
        self.progress("A")
        d = self._bare(self.asked)
        a = d[0] if plan.neutral == plan.triggered else self._bare([plan.neutral])[0]
        self.pictures |= {"A": a, "D": d[0]}
        d_stats = self._bare_stats(d[0])
        for strength in (FULL_STRENGTH,) if confirm else plan.strengths:
            self._expose(strength, d)
        self._expose(FULL_STRENGTH, d)
        self._refine(d, d_stats, 0 if confirm else plan.refine)
        full = self.shots[FULL_STRENGTH][0]
        b = self._neutral(FULL_STRENGTH, a, full)
        found: dict[str, Any] = {"words": self._words(FULL_STRENGTH, a, b, d[0])}
        reference = self._reference(d[0], d_stats)
        late = None if confirm else self._late(d_stats)
        if late is not None:
            self._measure_from(late, d[0])
            words = self._words(late, a, self._neutral(late, a, self.shots[late][0]), d[0])
            if any(_wakes(word) for word in words):
                reference, found["words"] = late, words
                self._refine_from(late, d, d_stats)
            else:
                self._measure_from(reference, d[0])
        if plan.opposite is not None:
            found["negative"] = self._negative(a, full)
        self.adapter.remove()
        self.pictures |= {"B": b, "C": full}
        stats = {"A": picture_stats(a.latents, a.pixels), "B": picture_stats(b.latents, b.pixels), "D": d_stats}
        return found | {
            "reference": reference,
            "confirmed": confirm,
            "other_word": _other_word(plan, d),
            "sweep": [self.points[strength] for strength in sorted(self.points)],
            "pictures": stats | {"C": {key: self.points[FULL_STRENGTH].get(key) for key in d_stats}},
            "pairs": {"BA": pair(a, b), "CD": pair(d[0], full), "CA": pair(a, full), "DA": pair(a, d[0])},
        }

    def _with(self, pairs: Sequence[PromptPair]) -> Shots:
        found = contexts(self.base, pairs, self.plan.sampling, self.adapter.embeddings())
        return render_all(self.base, found, self.plan.sampling)

    def _bare(self, pairs: Sequence[PromptPair]) -> Shots:
        """Return pictures of the bare base, made once per base, prompts and sampling; no adapter may be on."""

        def make() -> Shots:
            return render_all(self.base, contexts(self.base, pairs, self.plan.sampling, {}), self.plan.sampling)

        shots: Shots = memory_of(self.base).get(("pictures", tuple(pairs), self.plan.sampling), make)
        return shots

    def _bare_stats(self, pictures: Pictures) -> dict[str, Any]:
        key = ("stats", self.plan.triggered, self.plan.changed, self.plan.sampling)
        found: dict[str, Any] = memory_of(self.base).get(key, lambda: self._stats(pictures, self.plan.triggered))
        return found

    def _stats(self, pictures: Pictures, prompt: PromptPair) -> dict[str, Any]:
        """Describe pictures; with whatever is on the base now the model has to denoise them once more."""
        context = contexts(self.base, [prompt], self.plan.sampling, self.adapter.embeddings())[0]
        error = self_error(self.base, context, pictures.latents, self.plan.sampling)
        return {**picture_stats(pictures.latents, pictures.pixels), **({} if error is None else {"self_error": error})}

    def _expose(self, strength: float, bare: Shots) -> None:
        """Render C (and C with the other word) at one strength."""
        if strength in self.points:
            return
        self.progress(f"C@{strength:g}")
        self.adapter.set(strength)
        shots = self.shots[strength] = self._with(self.asked)
        self.pictures[f"C@{strength:g}"] = shots[0]
        other = None
        if len(shots) > 1 and _moves(bare):
            other = response((bare[0].pixels, bare[1].pixels), (shots[0].pixels, shots[1].pixels))
        self.points[strength] = {
            "strength": strength,
            **self._stats(shots[0], self.plan.triggered),
            "change": pair(bare[0], shots[0]),
            "distance": None,
            "prompt_kept": other["kept"] if other else None,
            "other_word": other,
        }

    def _values(self) -> list[SweepPoint]:
        return [SweepPoint.from_json(point) for point in self.points.values()]

    def _reference(self, bare: Pictures, bare_stats: dict[str, Any]) -> float:
        """Choose the strength that shows what was trained, measure every point from it, and return it."""
        chosen = reference_strength(self._values(), Picture.from_json(bare_stats))
        reference = FULL_STRENGTH if chosen is None else chosen
        self._measure_from(reference, bare)
        return reference

    def _measure_from(self, reference: float, bare: Pictures) -> None:
        goal = self.shots[reference][0].pixels
        for strength, point in self.points.items():
            shots = self.shots[strength]
            finite = point["finite_pixels"] and self.points[reference]["finite_pixels"]
            point["distance"] = distance(shots[0].pixels, bare.pixels, goal) if finite else None

    def _refine(self, bare: Shots, bare_stats: dict[str, Any], most: int) -> None:
        reference = self._reference(bare[0], bare_stats)
        for _ in range(most):
            strength = next_strength(self._values(), Picture.from_json(bare_stats))
            if strength is None:
                return
            self._expose(strength, bare)
            self._measure_from(reference, bare[0])

    def _refine_from(self, reference: float, bare: Shots, bare_stats: dict[str, Any]) -> None:
        """Render one strength more, where an adapter appears that does so only above 1."""
        strength = next_strength(self._values(), Picture.from_json(bare_stats))
        if strength is not None and self.plan.refine:
            self._expose(strength, bare)
            self._measure_from(reference, bare[0])

    def _late(self, bare_stats: dict[str, Any]) -> float | None:
        """Return a strength above 1 at which the adapter may first appear; without a trigger there is no telling."""
        if self.plan.neutral == self.plan.triggered or self.plan.adapter.kind is Kind.EMBEDDING:
            return None
        return late_strength(self._values(), Picture.from_json(bare_stats))

    def _neutral(self, strength: float, bare: Pictures, full: Pictures) -> Pictures:
        """Return B at one strength, and leave the adapter on at it."""
        self.progress(f"B@{strength:g}")
        self.adapter.set(strength)
        if self.plan.adapter.kind is Kind.EMBEDDING:
            return bare  # its word is not in the neutral prompt
        return full if self.plan.neutral == self.plan.triggered else self._with([self.plan.neutral])[0]

    def _words(self, strength: float, a: Pictures, b: Pictures, d: Pictures) -> list[dict[str, Any]]:
        """Measure each trigger word alone, with the adapter on at `strength`; leaves it on."""
        plan = self.plan
        if plan.neutral == plan.triggered or plan.adapter.kind is Kind.EMBEDDING:
            return []
        without = pair(a, b)
        if not plan.alone:
            found = [(pair(d, self.shots[strength][0]), pair(a, d))]
        else:
            self.adapter.remove()
            bare = self._bare(plan.alone)
            self.adapter.set(strength)
            found = [(pair(d, c), pair(a, d)) for d, c in zip(bare, self._with(plan.alone), strict=True)]
        return [
            {
                "text": text,
                "with": with_["mae"],
                "without": without["mae"],
                "word_alone": alone["mae"],
                "strength": strength,
            }
            for text, (with_, alone) in zip(plan.triggers, found, strict=False)
            if with_ and without and alone
        ]

    def _negative(self, a: Pictures, full: Pictures) -> dict[str, Any]:
        """Say whether a negative embedding pushes away from what it shows as a positive one: direction below 0.

        Directions are cosines of the moves of the latents from the picture without the embedding anywhere.
        """
        assert self.plan.opposite is not None
        self.adapter.set(FULL_STRENGTH)
        shown = self._with([self.plan.opposite])[0]
        against = pair(a, full)
        direction = cosine(full.latents - a.latents, shown.latents - a.latents)
        return {"against_nothing": against["mae"] if against else None, "direction": direction}


def _wakes(word: dict[str, Any]) -> bool:
    return bool(word["with"] >= WEAK_MAE and word["with"] > TRIGGER_FACTOR * word["without"])


def _moves(shots: Shots) -> bool:
    """Say whether the other word moves the bare pictures far enough to learn from."""
    found = pair(shots[0], shots[1]) if len(shots) > 1 else None
    return found is not None and found["mae"] >= OTHER_WORD_MAE


def _other_word(plan: RenderPlan, shots: Shots) -> dict[str, Any] | None:
    if len(shots) < 2:
        return None
    found = pair(shots[0], shots[1])
    return {"old": plan.swapped[0], "new": plan.swapped[1], "moves_bare": found["mae"] if found else None}


def pair(first: Pictures, second: Pictures) -> dict[str, float] | None:
    return pair_stats((first.latents, second.latents), (first.pixels, second.pixels))
