"""What was measured of one adapter on one base, as values that the rules of a verdict read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hubman.core.limits import BURNT_ERROR, BURNT_SPREAD, FLAT_STD, TRIGGER_FACTOR, WEAK_MAE


@dataclass(frozen=True, slots=True)
class Picture:
    """One batch of pictures; pixel numbers on the 0..255 scale.

    Attributes:
        latent_std: spread of the latents, None when they are not finite.
        self_error: relative error of denoising these very latents, with the adapter on (`sample.self_error`).
    """

    finite_latents: bool = True
    finite_pixels: bool = True
    latent_std: float | None = None
    pixel_std: float | None = None
    self_error: float | None = None

    @property
    def finite(self) -> bool:
        return self.finite_latents and self.finite_pixels

    @property
    def flat(self) -> bool:
        return self.pixel_std is not None and self.pixel_std < FLAT_STD

    def spread(self, base: Picture) -> float | None:
        """Return the latent spread over that of the base's own picture."""
        return self.latent_std / base.latent_std if self.latent_std is not None and base.latent_std else None

    def error(self, base: Picture) -> float | None:
        """Return the error of denoising its own picture over the base's on its own."""
        return self.self_error / base.self_error if self.self_error is not None and base.self_error else None

    def burnt(self, base: Picture) -> bool:
        """Say whether the picture has fallen apart: latents that spread too far, or that the model does not know."""
        spread, error = self.spread(base), self.error(base)
        return (spread is not None and spread > BURNT_SPREAD) or (error is not None and error > BURNT_ERROR)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            finite_latents=data["finite_latents"],
            finite_pixels=data["finite_pixels"],
            latent_std=data.get("latent_std"),
            pixel_std=data.get("pixel_std"),
            self_error=data.get("self_error"),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """Distance between two batches of pictures: mean absolute error of 255, SSIM, relative latent L2."""

    mae: float
    ssim: float = 1.0
    latent_l2: float = 0.0

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self | None:
        return cls(data["mae"], data["ssim"], data["latent_l2"]) if data else None


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """The triggered picture at one strength; `change` against the triggered picture without the adapter.

    Attributes:
        distance: to the picture at the reference strength, of that picture's own change: 0 there, 1 when bare.
        prompt_kept: how far another word of the prompt still moves the picture, in the direction in which it moves the
            bare base's: 1 is untouched, 0 nothing; None when the word moves not even the base.
    """

    strength: float
    picture: Picture
    change: Change | None = None
    distance: float | None = None
    prompt_kept: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            data["strength"],
            Picture.from_json(data),
            Change.from_json(data["change"]),
            data.get("distance"),
            data.get("prompt_kept"),
        )

    def healthy(self, base: Picture | None) -> bool:
        """Say whether the picture is finite and has not fallen apart."""
        return self.picture.finite and not (base is not None and self.picture.burnt(base))


@dataclass(frozen=True, slots=True)
class WordTest:
    """One trigger word: how far the adapter moves the picture with it, without any, and the word the bare picture.

    `strength`: the weight at which this was measured, 1 but for adapters that appear only above it.
    """

    text: str
    with_: float
    without: float
    word_alone: float
    strength: float = 1.0

    @property
    def wakes(self) -> bool:
        return self.with_ >= WEAK_MAE and self.with_ > TRIGGER_FACTOR * self.without

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(data["text"], data["with"], data["without"], data["word_alone"], data.get("strength", 1.0))


@dataclass(frozen=True, slots=True)
class MatchCounts:
    """How many of an adapter's modules have a place in the base; see core.plan.Match."""

    total: int = 0
    matched: int = 0
    bad_shape: int = 0
    incomplete: int = 0
    unsupported: int = 0
    unknown: int = 0

    @property
    def share(self) -> float:
        return self.matched / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything a verdict is made of.

    Attributes:
        unsafe: why opening the file would run code, or None.
        unreadable: why its bytes are no model, or None.
        base_rule: BaseChoice.rule: none, misfit, or a reason for a base that fits.
        nonfinite: tensors with NaN or infinity, None when not looked at.
        triggered: the triggered prompt differs from the neutral one.
        switch: an embedding: on or off, nothing in between, and no picture B.
        one_step: relative change of the prediction at strength 1, neutral and triggered, None each when not finite.
        steps: (strength, relative change with the triggered prompt, None when not finite), ascending.
        control: one-step change over that of the same weights turned in random directions; None when not measured.
        floor_step, floor_mae: the same between two identical runs.
        base: the triggered picture without the adapter (D).
        full: the triggered picture with it at strength 1 (C).
        neutral_change: B against A; trigger_change: C against D; word_change: D against A.
        words: each trigger word alone in the prompt.
        reference: the strength whose picture shows what was trained.
    """

    unsafe: str | None = None
    unreadable: str | None = None
    base_rule: str = "fits"
    match: MatchCounts = field(default_factory=MatchCounts)
    nonfinite: int | None = None
    measured: bool = False
    rendered: bool = False
    triggered: bool = False
    switch: bool = False
    one_step: tuple[float | None, float | None] = (None, None)
    steps: tuple[tuple[float, float | None], ...] = ()
    control: float | None = None
    floor_step: float = 0.0
    floor_mae: float = 0.0
    base: Picture | None = None
    full: Picture | None = None
    neutral_change: Change | None = None
    trigger_change: Change | None = None
    word_change: Change | None = None
    words: tuple[WordTest, ...] = ()
    sweep: tuple[SweepPoint, ...] = ()
    reference: float = 1.0
    prediction_suspect: bool = False


def measured_from_json(result: Mapping[str, Any], known: Measured, *, triggered: bool, switch: bool) -> Measured:
    """Complete what is known statically with the renderer's measurements."""
    match = result["match"]
    pictures = result.get("pictures", {})
    pairs = result.get("pairs", {})
    steps = result.get("one_step")
    base = result.get("base", {})
    floor = base.get("floor", {})
    return Measured(
        base_rule=known.base_rule,
        match=MatchCounts(
            total=match["total"],
            matched=match["matched"],
            **{
                name: match.get(name, {}).get("count", 0)
                for name in ("bad_shape", "incomplete", "unsupported", "unknown")
            },
        ),
        nonfinite=result["nonfinite"]["count"],
        measured=steps is not None,
        rendered=bool(result.get("rendered")),
        triggered=triggered,
        switch=switch,
        one_step=(steps["neutral"], steps["triggered"]) if steps else (None, None),
        steps=tuple((step["strength"], step["change"]) for step in steps.get("sweep", ())) if steps else (),
        control=(steps.get("control") or {}).get("times") if steps else None,
        floor_step=floor.get("one_step", 0.0),
        floor_mae=floor.get("mae", 0.0),
        base=Picture.from_json(pictures["D"]) if "D" in pictures else None,
        full=Picture.from_json(pictures["C"]) if "C" in pictures else None,
        neutral_change=Change.from_json(pairs.get("BA")),
        trigger_change=Change.from_json(pairs.get("CD")),
        word_change=Change.from_json(pairs.get("DA")),
        words=tuple(WordTest.from_json(word) for word in result.get("words", ())),
        sweep=tuple(SweepPoint.from_json(point) for point in result.get("sweep", ())),
        reference=result.get("reference", 1.0),
        prediction_suspect=prediction_suspect(base),
    )


def prediction_suspect(base: Mapping[str, Any]) -> bool:
    """Say whether the probe contradicts the config: epsilon models answer pure noise with that noise (cosine about 1,
    measured on 8 public checkpoints), v-prediction models with something else (0.01). Flow models have one type only.
    """
    cosine: float | None = base.get("prediction_cosine")
    if cosine is None or base.get("prediction_type") == "flow_prediction":
        return False
    epsilon = base.get("prediction_type", "epsilon") == "epsilon"
    return cosine < 0.3 if epsilon else cosine > 0.7
