"""Measurements to a verdict: the first rule that holds, with its reason; every number stays beside it.

We say "rendered, and it changed the picture", never "good": nothing here judges taste. The rules and most limits come
from measurements on a trained family, and from the public ones named below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from hubman.errors import N_

ENGINE = 1
"""The number of these rules and measurements; raised when they change, so that old verdicts are made anew."""

NO_EFFECT_STEP = 0.002
"""One-step change under which nothing happened; a module set to zero gives exactly 0, the weakest real LoRA 0.13."""

FLOOR_FACTOR = 10.0
"""... or ten times the change between two identical runs, on devices that are not bit-exact."""

NO_EFFECT_MAE = 1.0
"""Mean pixel change (of 255) under which nothing happened: an ignored LoRA moved a ComfyUI picture by 0.8, a real
one by 35 (public measurement on ComfyUI v0.34.1)."""

WEAK_MAE = 3.0
"""Below this a change is hardly visible; random weights of a LoRA's size give 4.5 on the trained family."""

BURNT_RATIO = 4.0
"""Latent spread over the base's: a legitimate black-and-white stripe LoRA has 2.2-2.5, overdriven x1.5 has 4.1,
x3 has 7, a burnt one 19."""

FLAT_STD = 2.0
"""Pixel spread (of 255) of a picture that is one colour."""

EARLY_STRENGTH = 0.6
"""What is broken at this strength is broken; burnt only above it is too strong."""

FULL_STRENGTH = 1.0
TRIGGER_FACTOR = 1.5
"""The trigger works when the adapter changes the triggered picture this many times more than the neutral one."""

BAD_SHAPE_SHARE = 0.5
"""More modules than this in another size: made for another base."""

NEARLY_COMPLETE = 0.95
FULL_EFFECT_SHARE = 0.75
"""The measured weight is the smallest in the sweep that gives this share of the effect at weight 1, unburnt."""

START_SHARE = 0.25
"""The measured range begins where this share of the effect at weight 1 is reached."""


class Verdict(StrEnum):
    """Spellings are API."""

    OK = "ok"
    WEAK = "weak"
    NO_EFFECT = "no-effect"
    PARTIAL = "partial"
    INCOMPATIBLE_BASE = "incompatible-base"
    BROKEN = "broken"
    CORRUPT = "corrupt"
    UNSAFE = "unsafe"
    UNSUPPORTED = "unsupported"
    NO_BASE = "no-base"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the rule that fired (kebab-case, stable) and the reason in words.

    `reason` is an English template with fields in braces, as in errors.HubmanError, so that a terminal can translate
    it; `because` is the English sentence.

    Flags: trigger-effective, trigger-ineffective, always-on, no-trigger-known, too-strong, nearly-complete,
    not-rendered, prediction-type-suspect.
    """

    verdict: Verdict
    rule: str
    reason: str
    flags: tuple[str, ...] = ()
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def because(self) -> str:
        return self.reason.format(**self.fields) if self.fields else self.reason


@dataclass(frozen=True, slots=True)
class Picture:
    """One batch of pictures; pixel numbers on the 0..255 scale, `latent_std` None when not finite."""

    finite_latents: bool = True
    finite_pixels: bool = True
    latent_std: float | None = None
    pixel_std: float | None = None

    @property
    def finite(self) -> bool:
        return self.finite_latents and self.finite_pixels

    @property
    def flat(self) -> bool:
        return self.pixel_std is not None and self.pixel_std < FLAT_STD

    def burnt(self, base: Picture) -> bool:
        """Say whether the latents spread more than BURNT_RATIO times as far as the base's."""
        if not self.latent_std or not base.latent_std:
            return False
        return self.latent_std > BURNT_RATIO * base.latent_std

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            finite_latents=data["finite_latents"],
            finite_pixels=data["finite_pixels"],
            latent_std=data.get("latent_std"),
            pixel_std=data.get("pixel_std"),
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

    `prompt_kept`: cosine between the prompt's pull on the noise with and without the adapter; 1 = fully kept.
    """

    strength: float
    picture: Picture
    change: Change | None = None
    prompt_kept: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        change = Change.from_json(data["change"])
        return cls(data["strength"], Picture.from_json(data), change, data.get("prompt_kept"))


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
        one_step: relative change of the prediction, neutral and triggered, None each when not finite.
        floor_step, floor_mae: the same between two identical runs.
        base: the triggered picture without the adapter (D).
        full: the triggered picture with it at strength 1 (C).
        neutral_change: B against A; trigger_change: C against D; word_change: D against A.
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
    floor_step: float = 0.0
    floor_mae: float = 0.0
    base: Picture | None = None
    full: Picture | None = None
    neutral_change: Change | None = None
    trigger_change: Change | None = None
    word_change: Change | None = None
    sweep: tuple[SweepPoint, ...] = ()
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
        floor_step=floor.get("one_step", 0.0),
        floor_mae=floor.get("mae", 0.0),
        base=Picture.from_json(pictures["D"]) if "D" in pictures else None,
        full=Picture.from_json(pictures["C"]) if "C" in pictures else None,
        neutral_change=Change.from_json(pairs.get("BA")),
        trigger_change=Change.from_json(pairs.get("CD")),
        word_change=Change.from_json(pairs.get("DA")),
        sweep=tuple(SweepPoint.from_json(point) for point in result.get("sweep", ())),
        prediction_suspect=prediction_suspect(base),
    )


def prediction_suspect(base: Mapping[str, Any]) -> bool:
    """Say whether the probe contradicts the config: epsilon models answer pure noise with that noise (cosine about 1,
    measured on 8 public checkpoints), v-prediction models with something else (0.01). Flow models have one type only."""
    cosine: float | None = base.get("prediction_cosine")
    if cosine is None or base.get("prediction_type") == "flow_prediction":
        return False
    epsilon = base.get("prediction_type", "epsilon") == "epsilon"
    return cosine < 0.3 if epsilon else cosine > 0.7


def judge(m: Measured) -> Judgement:
    """Return the verdict of the first rule that holds; total over all inputs."""
    for rule in _RULES:
        found = rule(m)
        if found is not None:
            return replace(found, flags=flags(m))
    raise AssertionError("the last rule always holds")


def _say(verdict: Verdict, rule: str, reason: str, **fields: object) -> Judgement:
    return Judgement(verdict, rule, reason, fields=fields)


def _unsafe(m: Measured) -> Judgement | None:
    if m.unsafe is None:
        return None
    return _say(Verdict.UNSAFE, "unsafe-pickle", N_("opening the file would run code: {what}"), what=m.unsafe)


def _corrupt(m: Measured) -> Judgement | None:
    if m.unreadable is not None:
        return Judgement(Verdict.CORRUPT, "unreadable", m.unreadable)
    if m.match.incomplete:
        reason = N_("{count} modules miss a partner tensor, or have one that does not fit (a down without its up)")
        return _say(Verdict.CORRUPT, "missing-partner", reason, count=m.match.incomplete)
    return None


def _not_finite(m: Measured) -> Judgement | None:
    if not m.nonfinite:
        return None
    return _say(Verdict.BROKEN, "not-finite-weights", N_("{count} tensors hold NaN or infinity"), count=m.nonfinite)


def _unsupported(m: Measured) -> Judgement | None:
    if m.match.unsupported:
        reason = N_("{count} modules use an algorithm that hubman does not apply")
        return _say(Verdict.UNSUPPORTED, "unknown-algorithm", reason, count=m.match.unsupported)
    if m.match.total == 0:
        return Judgement(
            Verdict.UNSUPPORTED, "no-known-modules", N_("no tensor of the file is one that hubman applies")
        )
    return None


def _no_base(m: Measured) -> Judgement | None:
    if m.base_rule == "none":
        reason = N_("no checkpoint in the library has this adapter's modules in their sizes")
        return Judgement(Verdict.NO_BASE, "no-base", reason)
    return None


def _incompatible(m: Measured) -> Judgement | None:
    if m.match.matched == 0:
        return Judgement(Verdict.INCOMPATIBLE_BASE, "nothing-matches", N_("no module of the adapter fits this base"))
    if m.match.bad_shape > BAD_SHAPE_SHARE * m.match.total:
        reason = N_("{count} of {total} modules have another size in this base")
        return _say(Verdict.INCOMPATIBLE_BASE, "other-sizes", reason, count=m.match.bad_shape, total=m.match.total)
    if m.base_rule == "misfit":
        reason = N_("only {count} of {total} modules occur in this base")
        return _say(Verdict.INCOMPATIBLE_BASE, "mostly-missing", reason, count=m.match.matched, total=m.match.total)
    return None


def _not_measured(m: Measured) -> Judgement | None:
    if m.measured:
        return None
    return Judgement(Verdict.ERROR, "not-measured", N_("the adapter fits, but nothing was measured"))


def _base_broken(m: Measured) -> Judgement | None:
    if m.base is None or (m.base.finite and not m.base.flat):
        return None
    reason = N_("the base alone gives a flat picture or no numbers; not the adapter's fault")
    return Judgement(Verdict.ERROR, "base-broken", reason)


def _broken(m: Measured) -> Judgement | None:
    if m.rendered or not m.measured:
        broken_step = False
    else:
        broken_step = None in m.one_step
    if broken_step:
        return Judgement(Verdict.BROKEN, "not-finite-prediction", N_("the prediction turns to NaN or infinity"))
    if m.base is None:
        return None
    for strength, picture in _early_pictures(m):
        if not picture.finite:
            reason = N_("the picture turns to NaN or infinity at weight {weight:g}")
            return _say(Verdict.BROKEN, "not-finite-picture", reason, weight=strength)
        if picture.flat:
            reason = N_("the picture is one colour at weight {weight:g}")
            return _say(Verdict.BROKEN, "flat-picture", reason, weight=strength)
        if picture.burnt(m.base):
            reason = N_("the latents spread more than {limit:g} times the base's at weight {weight:g}")
            return _say(Verdict.BROKEN, "burnt", reason, limit=BURNT_RATIO, weight=strength)
    return None


def _early_pictures(m: Measured) -> list[tuple[float, Picture]]:
    """Return the pictures that must hold: those up to EARLY_STRENGTH, else the weakest there is."""
    points = [(point.strength, point.picture) for point in m.sweep if point.strength > 0]
    if m.full is not None:
        points.append((FULL_STRENGTH, m.full))
    early = [point for point in points if point[0] <= EARLY_STRENGTH]
    return early or sorted(points, key=lambda point: point[0])[:1]


def _partial(m: Measured) -> Judgement | None:
    if m.match.matched == m.match.total and not m.match.unknown:
        return None
    counts = {"count": m.match.matched, "total": m.match.total, "unknown": m.match.unknown}
    if m.match.unknown:
        reason = N_("{count} of {total} modules occur in this base; {unknown} tensors are not understood")
        return _say(Verdict.PARTIAL, "modules-missing", reason, **counts)
    return _say(Verdict.PARTIAL, "modules-missing", N_("{count} of {total} modules occur in this base"), **counts)


def _no_effect(m: Measured) -> Judgement | None:
    step = max((value for value in m.one_step if value is not None), default=0.0)
    limit = max(FLOOR_FACTOR * m.floor_step, NO_EFFECT_STEP)
    mae = full_change(m)
    if None in m.one_step or step >= limit or (mae is not None and mae >= max(NO_EFFECT_MAE, m.floor_mae)):
        return None
    if mae is None:
        reason = N_("at weight 1 the prediction changes by {step:.4f} (limit {limit:.4f})")
        return _say(Verdict.NO_EFFECT, "no-change", reason, step=step, limit=limit)
    reason = N_("at weight 1 the prediction changes by {step:.4f} (limit {limit:.4f}) and the picture by {mae:.2f}/255")
    return _say(Verdict.NO_EFFECT, "no-change", reason, step=step, limit=limit, mae=mae)


def _weak(m: Measured) -> Judgement | None:
    mae = full_change(m)
    if mae is None or mae >= WEAK_MAE:
        return None
    return _say(Verdict.WEAK, "hardly-visible", N_("at weight 1 the picture changes by {mae:.2f}/255"), mae=mae)


def _ok(m: Measured) -> Judgement:
    mae = full_change(m)
    if mae is None:
        reason = N_("all modules fit and the prediction changes; not rendered")
        return Judgement(Verdict.OK, "prediction-changed", reason)
    reason = N_("rendered; at weight 1 the picture changes by {mae:.1f}/255")
    return _say(Verdict.OK, "picture-changed", reason, mae=mae)


_RULES: tuple[Callable[[Measured], Judgement | None], ...] = (
    _unsafe,
    _corrupt,
    _not_finite,
    _unsupported,
    _no_base,
    _incompatible,
    _not_measured,
    _base_broken,
    _broken,
    _partial,
    _no_effect,
    _weak,
    _ok,
)


def full_change(m: Measured) -> float | None:
    """Return the largest mean pixel change at strength 1, with or without the trigger; None when not rendered."""
    changes = [change.mae for change in (m.neutral_change, m.trigger_change) if change is not None]
    return max(changes, default=None)


def flags(m: Measured) -> tuple[str, ...]:
    """Return what else is worth knowing, in a fixed order."""
    found: list[str] = []
    if m.rendered:
        found.extend(_trigger_flags(m))
        if too_strong(m):
            found.append("too-strong")
    elif m.measured:
        found.append("not-rendered")
    if m.match.total and NEARLY_COMPLETE <= m.match.share < 1:
        found.append("nearly-complete")
    if m.prediction_suspect:
        found.append("prediction-type-suspect")
    return tuple(found)


def _trigger_flags(m: Measured) -> list[str]:
    if m.switch:
        return []
    if not m.triggered:
        return ["no-trigger-known"]
    without, with_trigger = m.neutral_change, m.trigger_change
    if without is None or with_trigger is None:
        return []
    if with_trigger.mae > TRIGGER_FACTOR * without.mae:
        return ["trigger-effective"]
    return ["trigger-ineffective", *(["always-on"] if without.mae >= WEAK_MAE else [])]


def too_strong(m: Measured) -> bool:
    """Say whether the picture is burnt at weight 1 (or at a lower one above EARLY_STRENGTH)."""
    if m.base is None:
        return False
    pictures = [point.picture for point in m.sweep if point.strength <= FULL_STRENGTH]
    pictures += [m.full] if m.full else []
    return any(picture.burnt(m.base) or not picture.finite for picture in pictures)


@dataclass(frozen=True, slots=True)
class MeasuredWeight:
    """The weight to use on this base, the range that works, and how much of the prompt survives at the weight."""

    weight: float
    low: float
    high: float
    prompt_kept: float | None = None


def measured_weight(sweep: Sequence[SweepPoint], base: Picture | None) -> MeasuredWeight | None:
    """Return the weight a sweep recommends, or None when nothing in it is visible and unburnt.

    A heuristic on a grid: it knows no more than the strengths that were rendered.
    """
    usable = [
        (point, point.change.mae)
        for point in sorted(sweep, key=lambda p: p.strength)
        if point.change is not None and point.picture.finite and not (base and point.picture.burnt(base))
    ]
    visible = [(point, mae) for point, mae in usable if mae >= WEAK_MAE and point.strength > 0]
    if not visible:
        return None
    full = max([mae for point, mae in visible if point.strength <= FULL_STRENGTH] or [visible[0][1]])
    best = next((point for point, mae in visible if mae >= FULL_EFFECT_SHARE * full), visible[-1][0])
    low = next((point for point, mae in visible if mae >= START_SHARE * full), best)
    return MeasuredWeight(best.strength, low.strength, visible[-1][0].strength, best.prompt_kept)
