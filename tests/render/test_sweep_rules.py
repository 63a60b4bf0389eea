"""From a sweep to a weight: where it appears, where it burns, which weight to try next, and another word's fate."""

from __future__ import annotations

import pytest

from hubman.core.evidence import Change, Picture, SweepPoint
from hubman.core.plan.other_word import change_word
from hubman.core.sweep import burns_from, late_strength, measured_weight, next_strength, reference_strength

BASE = Picture(latent_std=1.0, pixel_std=60.0, self_error=0.25)


def point(strength: float, mae: float, distance: float | None, error: float = 0.25, spread: float = 1.0) -> SweepPoint:
    picture = Picture(latent_std=spread, pixel_std=60.0, self_error=error)
    return SweepPoint(strength, picture, Change(mae), distance, round(1 - strength / 4, 3))


# The stripes of the demo family on their own base (benchmarks/results/calibrate.json): half-developed at 0.7.
STRIPES = [point(0.4, 7.8, 0.95), point(0.6, 14.6, 0.89), point(0.8, 37.2, 0.17), point(1.0, 39.6, 0.0)]


def test_the_weight_is_the_smallest_at_which_what_was_trained_has_appeared() -> None:
    found = measured_weight([*STRIPES, point(0.7, 29.9, 0.49), point(1.4, 39.3, 0.15)], BASE)
    assert found is not None
    assert (found.weight, found.low, found.high, found.burns_from) == (0.8, 0.7, 1.4, None)
    assert found.prompt_kept == 0.8


def test_the_order_of_the_points_does_not_matter() -> None:
    assert measured_weight(STRIPES[::-1], BASE) == measured_weight(STRIPES, BASE)


@pytest.mark.parametrize(
    "burnt",
    [point(0.8, 90.0, 0.1, error=0.6), point(0.8, 90.0, 0.1, spread=5.0), SweepPoint(0.8, Picture(False, False))],
    ids=["unknown to the model", "spread", "no numbers"],
)
def test_nothing_from_the_weight_that_burns_on_is_recommended(burnt: SweepPoint) -> None:
    points = [point(0.4, 20.0, 0.4), point(0.6, 30.0, 0.0), burnt, point(1.0, 80.0, 0.0)]
    found = measured_weight(points, BASE, 0.6)
    assert found is not None
    assert (found.weight, found.high, found.burns_from) == (0.6, 0.6, 0.8)
    assert burns_from(points, BASE) == 0.8


def test_nothing_visible_gives_no_weight() -> None:
    assert measured_weight([point(0.5, 0.4, 0.3), point(1.0, 1.0, 0.0)], BASE) is None
    assert measured_weight([], None) is None
    assert measured_weight([SweepPoint(1.0, Picture(), Change(40.0))], BASE) is None, "nothing to compare with"


def test_the_reference_is_one_or_the_strongest_below_it_that_holds() -> None:
    assert reference_strength([*STRIPES, point(1.4, 39.0, None)], BASE) == 1.0
    assert (
        reference_strength([point(0.6, 30, None), point(0.8, 60, None), point(1.0, 80, None, error=0.9)], BASE) == 0.8
    )
    assert reference_strength([point(1.5, 30, None), point(2.0, 60, None)], BASE) == 1.5
    assert reference_strength([point(0.6, 30, None, error=0.9)], BASE) is None


def test_late_is_what_moves_far_out_of_proportion_above_one() -> None:
    dots_on_chalk = [point(1.0, 8.9, 0.0), point(1.4, 13.9, None), point(2.0, 49.4, None)]
    assert late_strength(dots_on_chalk, BASE) == 2.0
    assert late_strength([point(1.0, 39.6, 0.0), point(2.0, 41.6, None)], BASE) is None
    assert late_strength([point(1.0, 8.9, 0.0), point(2.0, 49.4, None, error=0.9)], BASE) is None, "it burns there"
    assert late_strength(STRIPES, BASE) is None


def test_borders_are_halved_until_they_are_known() -> None:
    points = list(STRIPES)
    assert next_strength(points, BASE) == 0.7
    points.append(point(0.7, 29.9, 0.49))
    assert next_strength(points, BASE) == 0.75
    points.append(point(0.75, 34.5, 0.29))
    assert next_strength(points, BASE) is None
    points.append(point(2.0, 80.0, 1.1, error=0.9))
    assert next_strength(points, BASE) == 1.5, "then where it burns"


def test_below_the_first_weight_lies_nought() -> None:
    assert next_strength([point(0.4, 30.0, 0.1), point(1.0, 40.0, 0.0)], BASE) == 0.2


@pytest.mark.parametrize(
    ("prompt", "kept", "expected"),
    [
        ("a red circle on a blue wall, zbrstripe", ("zbrstripe",), "a red circle on a yellow wall, zbrstripe"),
        ("a yellow star on a blue background", (), "a yellow star on a red background"),
        ("a photograph of a red apple on a wooden table", (), "a photograph of a red apple on a yellow table"),
        ("a photo of a Cat in a room", (), "a photo of a horse in a room"),
        ("(red:1.2) hair, 1girl", (), "(green:1.2) hair, 1girl"),
        ("a redder bored dog, blue_zqx", ("blue_zqx",), "a redder bored owl, blue_zqx"),
        ("portrait, red dragon", ("red dragon",), "landscape, red dragon"),
        ("masterpiece", (), "masterpiece, red background"),
        ("水墨, 山水", ("水墨",), "水墨, 山水, red background"),
        ("", (), "red background"),
    ],
)  # fmt: skip
def test_one_other_word_is_exchanged_and_never_the_adapters_own(
    prompt: str, kept: tuple[str, ...], expected: str
) -> None:
    found = change_word(prompt, kept)
    assert found.prompt == expected
    assert found.new in expected
    assert found.prompt != prompt
