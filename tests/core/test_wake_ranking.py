"""Words ranked by the response to them."""

from __future__ import annotations

import math

import pytest

from hubman.core.wake import KEPT, STANDS_OUT, WakeRanking, name_words, parse_words, rank_words
from hubman.core.wake_words import WORDS

ORDINARY = {f"w{number}": 1.0 + number / 100 for number in range(9)}  # median 1.04


def ranked(**responses: float) -> WakeRanking:
    return rank_words(ORDINARY | responses, [*ORDINARY, *responses], list(ORDINARY))


def test_the_list_is_a_thousand_words_each_once() -> None:
    assert len(WORDS) == len(set(WORDS)) == 1000
    assert all(word == word.strip().casefold() for word in WORDS)


def test_scores_are_multiples_of_the_median_ordinary_word() -> None:
    ranking = ranked(zqx=2.08, near=1.664)
    assert ranking.words[:2] == (("zqx", pytest.approx(2.0)), ("near", pytest.approx(1.6)))
    assert ranking.margin == pytest.approx(2.0)
    assert (ranking.place("zqx"), ranking.place("w0"), ranking.place("never")) == (1, 11, None)


def test_only_words_that_stand_out_are_guesses() -> None:
    assert [word for word, _ in ranked(zqx=2.08, near=1.664).guesses()] == ["zqx", "near"]
    below = ranked(zqx=1.04 * (STANDS_OUT - 0.01))
    assert not below.stands_out
    assert below.guesses() == ()
    assert len(ranked(**{f"x{n}": 3.0 + n for n in range(9)}).guesses()) == KEPT


def test_a_known_word_that_stands_first_leaves_nothing_to_guess() -> None:
    ranking = ranked(zqx=2.08, zq=1.9)
    assert [word for word, _ in ranking.guesses(["ZQX"])] == ["zqx"]
    assert [word for word, _ in ranking.guesses(["zq"])] == ["zqx", "zq"]


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_no_response_is_no_ranking(value: float) -> None:
    ranking = rank_words(dict.fromkeys(WORDS, value), WORDS, WORDS)
    assert (ranking.words, ranking.margin, ranking.stands_out, ranking.guesses()) == ((), 0.0, False, ())


def test_a_list_of_words_and_the_words_of_a_name() -> None:
    assert parse_words("# mine\nzqx\n\n blue eyes \nzqx\n") == ("zqx", "blue eyes")
    assert name_words("Zbrstripe_lora-v2 0042 水墨山水") == ("zbrstripe", "lora", "水墨山水")
