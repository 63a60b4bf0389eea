"""Who proves what next, and how long the rest takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubman.core.plan.rota import MOST_CRASHES, Estimate, Rota

NEWEST_FIRST = [("n1", "sdxl"), ("n2", "sd1"), ("n3", "sdxl"), ("n4", "sd1"), ("n5", "sdxl")]


def drain(rota: Rota[str, str], worker: int = 0) -> list[str]:
    return [task[0] for task in iter(lambda: rota.next(worker), None)]


def test_one_worker_does_base_after_base_the_newest_first() -> None:
    assert drain(Rota(NEWEST_FIRST)) == ["n1", "n3", "n5", "n2", "n4"]


def test_two_workers_take_a_base_each_and_then_help() -> None:
    rota = Rota([*NEWEST_FIRST, ("n6", "sdxl"), ("n7", "sdxl")])
    assert [rota.next(0), rota.next(1)] == [("n1", "sdxl"), ("n2", "sd1")]
    assert rota.next(1) == ("n4", "sd1")
    assert rota.next(1) == ("n3", "sdxl")  # sd1 is done; four are left, enough to load its base again
    assert rota.next(0) == ("n5", "sdxl")


def test_no_second_base_is_loaded_for_a_single_one() -> None:
    rota = Rota([("a", "x"), ("b", "x")])
    assert rota.next(0) == ("a", "x")
    assert rota.next(1) is None
    assert rota.next(0) == ("b", "x")
    assert rota.next(0) is None


def test_a_base_is_given_up_after_crashes_in_a_row_only() -> None:
    rota = Rota([(f"n{number}", "x") for number in range(9)] + [("other", "y")])
    for _ in range(2):
        for _ in range(MOST_CRASHES - 1):
            rota.next(0)
            assert rota.crashed("x") == []
        rota.went_well("x")
    for _ in range(MOST_CRASHES - 1):
        rota.next(0)
        rota.crashed("x")
    assert rota.crashed("x") == ["n6", "n7", "n8"]
    assert rota.next(0) == ("other", "y")
    assert rota.left() == {}


@given(st.lists(st.sampled_from("xyz"), max_size=12), st.integers(1, 4), st.lists(st.integers(0, 3), max_size=24))
def test_everything_is_done_exactly_once_whoever_comes(bases: list[str], workers: int, turns: list[int]) -> None:
    rota = Rota([(number, base) for number, base in enumerate(bases)])
    done = [task for turn in turns if (task := rota.next(turn % workers))]
    for worker in range(workers):
        done += iter(lambda worker=worker: rota.next(worker), None)  # type: ignore[misc]
    for worker in range(workers):
        done += iter(lambda worker=worker: rota.next(worker), None)  # type: ignore[misc]
    assert sorted(done) == sorted(enumerate(bases))


def test_the_time_left_goes_by_base_and_counts_loading_apart() -> None:
    estimate: Estimate[str] = Estimate()
    assert estimate.left({"x": 3}) is None
    assert estimate.left({}) == 0
    estimate.finished("x", 12.0)
    assert estimate.left({"x": 3}) == 36.0
    for _ in range(4):
        estimate.finished("x", 2.0)
    assert estimate.left({"x": 3}) == 6.0
    assert estimate.left({"x": 3, "y": 2}) == 6.0 + 10.0 + 4.0  # y is to be loaded, and is as fast as x
    assert estimate.left({"x": 3}, workers=2) == 3.0
    estimate.finished("y", 30.0)
    estimate.finished("y", 20.0)
    assert estimate.left({"x": 1, "y": 1}) == 2.0 + 20.0
