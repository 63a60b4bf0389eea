"""Measurements to a verdict: the first rule that holds, with its reason; every number stays beside it.

We say "rendered, and it changed the picture", never "good": nothing here judges taste. The limits are in core.limits,
what is judged in core.evidence, the weights in core.sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hubman.core.evidence import Measured, Picture
from hubman.core.limits import (
    BAD_SHAPE_SHARE,
    BURNT_STEP,
    CONTROL_FACTOR,
    EARLY_STRENGTH,
    FLOOR_FACTOR,
    FULL_STRENGTH,
    NEARLY_COMPLETE,
    NO_EFFECT_MAE,
    NO_EFFECT_STEP,
    TRIGGER_FACTOR,
    WEAK_MAE,
)
from hubman.errors import N_

ENGINE = 2
"""The number of these rules and measurements; raised when they change, so that old verdicts are made anew."""


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

    Flags: trigger-effective, trigger-ineffective, always-on, no-trigger-known, too-strong, above-one, like-noise,
    nearly-complete, not-rendered, prediction-type-suspect.
    """

    verdict: Verdict
    rule: str
    reason: str
    flags: tuple[str, ...] = ()
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def because(self) -> str:
        return self.reason.format(**self.fields) if self.fields else self.reason


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
    if not m.rendered:
        return _broken_step(m) if m.measured else None
    if m.base is None:
        return None
    for strength, picture in _early_pictures(m):
        if not picture.finite_latents:
            reason = N_("the picture turns to NaN or infinity at weight {weight:g}")
            return _say(Verdict.BROKEN, "not-finite-picture", reason, weight=strength)
        if picture.burnt(m.base):
            return _burnt(picture, m.base, strength)
        if not picture.finite_pixels:
            reason = N_("the latents are numbers, but the VAE makes none of them at weight {weight:g}")
            return _say(Verdict.ERROR, "vae-overflow", reason, weight=strength)
        if picture.flat:
            reason = N_("the picture is one colour at weight {weight:g}")
            return _say(Verdict.BROKEN, "flat-picture", reason, weight=strength)
    return None


def _burnt(picture: Picture, base: Picture, strength: float) -> Judgement:
    reason = N_(
        "the picture falls apart at weight {weight:g}: latents spread {spread:.1f} times the base's, "
        "denoising error {error:.1f} times"
    )
    spread, error = picture.spread(base), picture.error(base)
    fields = {"weight": strength, "spread": spread or 0.0, "error": error or 0.0}
    return _say(Verdict.BROKEN, "burnt", reason, **fields)


def _broken_step(m: Measured) -> Judgement | None:
    """Judge by the prediction alone, where nothing was rendered."""
    if None in m.one_step:
        return Judgement(Verdict.BROKEN, "not-finite-prediction", N_("the prediction turns to NaN or infinity"))
    for strength, change in m.steps:
        if strength > EARLY_STRENGTH:
            continue
        if change is None:
            return Judgement(Verdict.BROKEN, "not-finite-prediction", N_("the prediction turns to NaN or infinity"))
        if change > BURNT_STEP:
            reason = N_("the prediction changes by {step:.2f} of its size at weight {weight:g} (limit {limit:g})")
            return _say(Verdict.BROKEN, "burnt-prediction", reason, step=change, weight=strength, limit=BURNT_STEP)
    return None


def _early_pictures(m: Measured) -> list[tuple[float, Picture]]:
    """Return the pictures that must hold: those up to EARLY_STRENGTH, else the weakest there is."""
    points = [(point.strength, point.picture) for point in m.sweep if point.strength > 0]
    if m.full is not None:
        points.append((FULL_STRENGTH, m.full))
    points.sort(key=lambda point: point[0])
    early = [point for point in points if point[0] <= EARLY_STRENGTH]
    return early or points[:1]


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


def _like_noise(m: Measured) -> Judgement | None:
    if not like_noise(m) or any(word.wakes for word in m.words):
        return None
    reason = N_(
        "at weight 1 the prediction changes {times:.1f} times as much as random weights of the same size change it "
        "(limit {limit:g}); no trigger word wakes more"
    )
    return _say(Verdict.WEAK, "like-noise", reason, times=m.control or 0.0, limit=CONTROL_FACTOR)


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
    _like_noise,
    _ok,
)


def full_change(m: Measured) -> float | None:
    """Return the largest mean pixel change at strength 1, with or without the trigger; None when not rendered."""
    changes = [change.mae for change in (m.neutral_change, m.trigger_change) if change is not None]
    return max(changes, default=None)


def like_noise(m: Measured) -> bool:
    """Say whether the adapter does no more than its own weights turned in random directions (`control.turned`)."""
    return m.control is not None and m.control < CONTROL_FACTOR


def flags(m: Measured) -> tuple[str, ...]:
    """Return what else is worth knowing, in a fixed order."""
    found: list[str] = []
    if m.rendered:
        found.extend(_trigger_flags(m))
        if too_strong(m):
            found.append("too-strong")
        if m.reference > FULL_STRENGTH:
            found.append("above-one")
    elif m.measured:
        found.append("not-rendered")
    if m.measured and like_noise(m):
        found.append("like-noise")
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
    effective = trigger_effective(m)
    if effective is None:
        return []
    if effective:
        return ["trigger-effective"]
    return ["trigger-ineffective", *(["always-on"] if always_on(m) else [])]


def trigger_effective(m: Measured) -> bool | None:
    """Say whether the trigger words, all of them together, wake the adapter; None when that was not measured."""
    without, with_trigger = m.neutral_change, m.trigger_change
    if m.switch or not m.triggered or without is None or with_trigger is None:
        return None
    at_one = with_trigger.mae > TRIGGER_FACTOR * without.mae
    return at_one or (m.reference > FULL_STRENGTH and any(word.wakes for word in m.words))


def always_on(m: Measured) -> bool | None:
    """Say whether it changes the picture visibly without any word, about as much as with them: a style does."""
    if m.switch or not m.rendered or m.neutral_change is None:
        return None
    return m.neutral_change.mae >= WEAK_MAE and not trigger_effective(m)


def too_strong(m: Measured) -> bool:
    """Say whether the picture is burnt at weight 1 (or at a lower one above EARLY_STRENGTH)."""
    if m.base is None:
        return False
    pictures = [point.picture for point in m.sweep if point.strength <= FULL_STRENGTH]
    pictures += [m.full] if m.full else []
    return any(picture.burnt(m.base) or not picture.finite for picture in pictures)
