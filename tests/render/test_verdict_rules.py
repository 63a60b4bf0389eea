"""From numbers to a verdict: every rule, their order, and the flags."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubman.core.evidence import Change, MatchCounts, Measured, Picture, SweepPoint, WordTest
from hubman.core.verdict import Verdict, always_on, flags, judge, trigger_effective

BASE = Picture(latent_std=1.0, pixel_std=60.0, self_error=0.25)
FULL = MatchCounts(total=236, matched=236)


def good(**changes: object) -> Measured:
    """Return the trained LoRA of render.md C4: 236 of 236, 78.3 with its trigger, 16.5 without."""
    usual = Measured(
        match=FULL,
        nonfinite=0,
        measured=True,
        rendered=True,
        triggered=True,
        one_step=(0.134, 0.4),
        base=BASE,
        full=Picture(latent_std=2.4, pixel_std=80.0),
        neutral_change=Change(16.5),
        trigger_change=Change(78.3),
        word_change=Change(11.8),
        sweep=(
            SweepPoint(0.6, Picture(latent_std=1.5, pixel_std=70.0), Change(41.4), 0.9),
            SweepPoint(1.0, Picture(latent_std=2.4, pixel_std=80.0), Change(78.3), 0.8),
        ),
    )
    return replace(usual, **changes)


def burnt(*strengths: float) -> Measured:
    points = tuple(
        SweepPoint(s, Picture(latent_std=19.0 if s in strengths else 1.2, pixel_std=70.0), Change(40.0))
        for s in (0.3, 0.6, 1.0)
    )
    return good(sweep=points, full=points[-1].picture)


CASES = [
    ("trained LoRA", good(), "ok", "picture-changed"),
    ("payload", good(unsafe="os.system"), "unsafe", "unsafe-pickle"),
    ("truncated", good(unreadable="file ends early"), "corrupt", "unreadable"),
    ("down without up", good(match=MatchCounts(236, 235, incomplete=1)), "corrupt", "missing-partner"),
    ("NaN in a tensor", good(nonfinite=1), "broken", "not-finite-weights"),
    ("unknown algorithm", good(match=MatchCounts(10, 5, unsupported=5)), "unsupported", "unknown-algorithm"),
    ("nothing known", good(match=MatchCounts()), "unsupported", "no-known-modules"),
    ("no base", good(base_rule="none", match=MatchCounts(236, 0)), "no-base", "no-base"),
    ("names of another model", good(match=MatchCounts(236, 0)), "incompatible-base", "nothing-matches"),
    ("SD1.5 shapes", good(match=MatchCounts(236, 0, bad_shape=236)), "incompatible-base", "nothing-matches"),
    ("mostly other sizes", good(match=MatchCounts(236, 100, bad_shape=136)), "incompatible-base", "other-sizes"),
    (
        "named base misfits",
        good(base_rule="misfit", match=MatchCounts(236, 100)),
        "incompatible-base",
        "mostly-missing",
    ),
    ("fits, not measured", Measured(match=FULL), "error", "not-measured"),
    ("flat base", good(base=Picture(latent_std=1.0, pixel_std=0.5)), "error", "base-broken"),
    ("base of NaN", good(base=Picture(finite_latents=False)), "error", "base-broken"),
    ("burnt early", burnt(0.3, 0.6, 1.0), "broken", "burnt"),
    ("burnt late", burnt(1.0), "ok", "picture-changed"),
    ("half the modules renamed", good(match=MatchCounts(236, 116)), "partial", "modules-missing"),
    ("an unknown tensor", good(match=MatchCounts(236, 236, unknown=1)), "partial", "modules-missing"),
    (
        "all up-matrices zero",
        good(one_step=(0.0, 0.0), neutral_change=Change(0.0), trigger_change=Change(0.0)),
        "no-effect",
        "no-change",
    ),
    (
        "ignored by ComfyUI",
        good(one_step=(0.001, 0.001), neutral_change=Change(0.8), trigger_change=Change(0.8)),
        "no-effect",
        "no-change",
    ),
    ("hardly visible", good(neutral_change=Change(1.5), trigger_change=Change(1.9)), "weak", "hardly-visible"),
    (
        "static only",
        good(rendered=False, base=None, full=None, sweep=(), neutral_change=None, trigger_change=None),
        "ok",
        "prediction-changed",
    ),
    (
        "static only, no-op",
        good(
            rendered=False,
            base=None,
            full=None,
            sweep=(),
            neutral_change=None,
            trigger_change=None,
            one_step=(0.0, 0.0),
        ),
        "no-effect",
        "no-change",
    ),
    (
        "static only, NaN",
        good(
            rendered=False,
            base=None,
            full=None,
            sweep=(),
            neutral_change=None,
            trigger_change=None,
            one_step=(None, None),
        ),
        "broken",
        "not-finite-prediction",
    ),
]


@pytest.mark.parametrize(("measured", "verdict", "rule"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_first_rule_that_holds_decides(measured: Measured, verdict: str, rule: str) -> None:
    judgement = judge(measured)
    assert (str(judgement.verdict), judgement.rule) == (verdict, rule)
    assert judgement.because


@pytest.mark.parametrize("strength", [0.3, 0.6])
@pytest.mark.parametrize(
    ("picture", "rule"),
    [
        (Picture(finite_latents=False, finite_pixels=False), "not-finite-picture"),
        (Picture(latent_std=1.0, pixel_std=1.9), "flat-picture"),
        (Picture(latent_std=4.1, pixel_std=60.0), "burnt"),
        (Picture(latent_std=4.1, finite_pixels=False), "burnt"),
        (Picture(latent_std=1.2, pixel_std=60.0, self_error=0.51), "burnt"),
    ],
)
def test_what_is_broken_early_is_broken(strength: float, picture: Picture, rule: str) -> None:
    judgement = judge(good(sweep=(SweepPoint(strength, picture),)))
    assert (judgement.verdict, judgement.rule) == (Verdict.BROKEN, rule)


def test_what_the_vae_alone_cannot_hold_is_not_the_adapters_fault() -> None:
    judgement = judge(good(sweep=(SweepPoint(0.6, Picture(latent_std=1.1, finite_pixels=False)),)))
    assert (judgement.verdict, judgement.rule) == (Verdict.ERROR, "vae-overflow")


def test_a_strong_but_legitimate_style_is_not_burnt() -> None:
    """Black and white stripes spread the latents 2.2 to 2.5 times (render.md C3)."""
    assert judge(good(sweep=(SweepPoint(0.6, Picture(latent_std=2.5, pixel_std=80.0), Change(60.0)),))).verdict == "ok"


def test_without_an_early_point_the_weakest_one_counts() -> None:
    """`--strengths 1`: there is no 0.6 to look at."""
    overdriven = Picture(latent_std=19.0, pixel_std=80.0)
    assert judge(good(sweep=(SweepPoint(1.0, overdriven),), full=overdriven)).rule == "burnt"


def test_every_verdict_but_one_comes_from_a_rule_here() -> None:
    """`error` for a dead renderer is set by app.validate; all other spellings are reachable."""
    assert {case[2] for case in CASES} == {str(verdict) for verdict in Verdict}


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (good(), ("trigger-effective",)),
        (good(trigger_change=Change(20.0)), ("trigger-ineffective", "always-on")),
        (good(trigger_change=Change(2.0), neutral_change=Change(1.9)), ("trigger-ineffective",)),
        (good(triggered=False), ("no-trigger-known",)),
        (good(switch=True), ()),
        (good(full=Picture(latent_std=4.5, pixel_std=60.0)), ("trigger-effective", "too-strong")),
        (burnt(1.0), ("trigger-effective", "too-strong")),
        (good(match=MatchCounts(100, 96)), ("trigger-effective", "nearly-complete")),
        (good(match=MatchCounts(100, 94)), ("trigger-effective",)),
        (good(prediction_suspect=True), ("trigger-effective", "prediction-type-suspect")),
        (good(rendered=False), ("not-rendered",)),
        (good(neutral_change=None), ()),
    ],
)
def test_flags_say_what_else_is_worth_knowing(measured: Measured, expected: tuple[str, ...]) -> None:
    assert flags(measured) == expected


def test_what_does_no_more_than_random_weights_is_weak_unless_a_word_wakes_it() -> None:
    noise = good(neutral_change=Change(7.5), trigger_change=Change(7.6), control=1.1)
    assert (judge(noise).verdict, judge(noise).rule) == (Verdict.WEAK, "like-noise")
    assert "like-noise" in judge(noise).flags
    woken = replace(noise, words=(WordTest("zqx", 20.0, 7.5, 3.0),))
    assert judge(woken).verdict == Verdict.OK
    assert "like-noise" in judge(woken).flags
    assert judge(replace(noise, control=2.5)).verdict == Verdict.OK
    assert judge(replace(noise, control=None)).verdict == Verdict.OK, "an embedding has no such control"


@pytest.mark.parametrize(
    ("with_", "without", "wakes"), [(78.0, 16.0, True), (20.0, 16.0, False), (2.9, 0.1, False), (0.0, 0.0, False)]
)
def test_a_word_wakes_by_half_as_much_again_and_visibly(with_: float, without: float, wakes: bool) -> None:
    assert WordTest("zqx", with_, without, 1.0).wakes is wakes


def test_always_on_is_a_style_and_unknown_of_what_was_not_rendered() -> None:
    assert always_on(good()) is False
    assert always_on(good(trigger_change=Change(20.0))) is True
    assert always_on(good(triggered=False)) is True
    assert always_on(good(triggered=False, neutral_change=Change(1.0))) is False
    assert always_on(good(rendered=False)) is None
    assert always_on(good(switch=True)) is None


def test_an_adapter_that_appears_only_above_one_has_an_effective_word() -> None:
    late = good(trigger_change=Change(9.0), neutral_change=Change(8.6), reference=2.0)
    assert trigger_effective(late) is False
    late = replace(late, words=(WordTest("zqx", 49.0, 20.0, 7.0, 2.0),))
    assert trigger_effective(late) is True
    assert flags(late) == ("trigger-effective", "above-one")


@pytest.mark.parametrize(
    ("steps", "verdict", "rule"),
    [
        (((0.4, 0.2), (0.6, 0.4), (1.0, 0.5)), "ok", "prediction-changed"),
        (((0.4, 0.2), (0.6, 1.4), (1.0, 2.0)), "broken", "burnt-prediction"),
        (((0.4, None), (1.0, 0.5)), "broken", "not-finite-prediction"),
        (((0.8, 1.4), (1.0, 2.0)), "ok", "prediction-changed"),
    ],
    ids=["usual", "burnt", "no numbers", "burnt only above 0.6"],
)
def test_without_pictures_the_one_step_change_at_several_weights_decides(
    steps: tuple[tuple[float, float | None], ...], verdict: str, rule: str
) -> None:
    static = good(rendered=False, base=None, full=None, sweep=(), neutral_change=None, trigger_change=None, steps=steps)
    judgement = judge(static)
    assert (str(judgement.verdict), judgement.rule) == (verdict, rule)
    assert "not-rendered" in judgement.flags


def test_the_noise_floor_of_a_device_raises_the_limit() -> None:
    noisy = good(one_step=(0.01, 0.01), neutral_change=Change(0.5), trigger_change=Change(0.5), floor_step=0.002)
    assert judge(noisy).verdict == Verdict.NO_EFFECT
    assert judge(replace(noisy, floor_step=0.0)).verdict == Verdict.WEAK


pictures = st.builds(
    Picture,
    finite_latents=st.booleans(),
    finite_pixels=st.booleans(),
    latent_std=st.none() | st.floats(0, 100),
    self_error=st.none() | st.floats(0, 2),
    pixel_std=st.none() | st.floats(0, 128),
)
changes = st.none() | st.builds(Change, mae=st.floats(0, 255))
counts = st.integers(0, 300)
anything = st.builds(
    Measured,
    unsafe=st.none() | st.just("x"),
    unreadable=st.none() | st.just("x"),
    base_rule=st.sampled_from(["none", "misfit", "fits", "given", "partial"]),
    match=st.builds(MatchCounts, counts, counts, counts, counts, counts, counts),
    nonfinite=st.none() | counts,
    measured=st.booleans(),
    rendered=st.booleans(),
    triggered=st.booleans(),
    switch=st.booleans(),
    one_step=st.tuples(*[st.none() | st.floats(0, 10)] * 2),
    steps=st.lists(st.tuples(st.floats(0, 2), st.none() | st.floats(0, 10)), max_size=3).map(tuple),
    control=st.none() | st.floats(0, 20),
    words=st.lists(st.builds(WordTest, st.just("w"), *[st.floats(0, 255)] * 3), max_size=2).map(tuple),
    base=st.none() | pictures,
    full=st.none() | pictures,
    neutral_change=changes,
    trigger_change=changes,
    sweep=st.lists(st.builds(SweepPoint, st.floats(0, 2), pictures, changes), max_size=4).map(tuple),
)


@given(anything)
def test_every_input_has_exactly_one_verdict(measured: Measured) -> None:
    judgement = judge(measured)
    assert judgement == judge(measured)
    assert (judgement.verdict == Verdict.UNSAFE) == (measured.unsafe is not None)
