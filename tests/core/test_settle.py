"""core.settle: when a file is done, whatever its clock says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubman.core.settle import LOCAL, Patience, Settler, Standing, age, standing

PATIENCE = Patience(quiet=2, incomplete=60)
PLACE = ("/models", "Lora/ink.safetensors")
NOW_NS = 1_800_000_000 * 10**9


def at(seconds: float) -> tuple[float, int]:
    """Both clocks, so many seconds after the start."""
    return (1000 + seconds, NOW_NS + int(seconds * 1e9))


def stamp(size: int, written: float = 0) -> tuple[int, int, int]:
    """A stamp of a file of a size that was written so many seconds after the start."""
    return (size, NOW_NS + int(written * 1e9), 5)


def test_standings_by_time() -> None:
    """Below `quiet` it changes, below `incomplete` its header decides, after that it is as it is."""
    found = [standing(seconds, PATIENCE) for seconds in (0, 1.9, 2, 59, 60, 1e9)]
    assert found == [Standing.CHANGING] * 2 + [Standing.QUIET] * 2 + [Standing.SETTLED] * 2


def test_a_file_that_was_old_at_first_sight_is_done_at_once() -> None:
    """The start of a watcher over a library waits for nothing."""
    settler = Settler()
    assert settler.look(PLACE, stamp(1, -3600), at(0), PATIENCE) is Standing.SETTLED
    settler.forget(PLACE)
    assert settler.look(PLACE, (1, 0, 5), at(0), PATIENCE) is Standing.SETTLED  # 1970
    settler.forget(PLACE)
    assert len(settler) == 0


def test_a_growing_file_is_looked_into_once_it_is_still() -> None:
    """60 s of growth are 60 s of patience."""
    settler = Settler()
    for second in range(60):
        assert settler.look(PLACE, stamp(second, second), at(second), PATIENCE) is Standing.CHANGING
    assert settler.look(PLACE, stamp(59, 59), at(60.5), PATIENCE) is Standing.CHANGING
    assert settler.look(PLACE, stamp(59, 59), at(61.5), PATIENCE) is Standing.QUIET


def test_a_download_that_stalls_is_given_time_and_then_taken() -> None:
    """Its header is read once, not at every scan; when bytes come again, everything begins anew."""
    settler = Settler()
    settler.look(PLACE, stamp(9), at(0), PATIENCE)
    assert settler.look(PLACE, stamp(9), at(3), PATIENCE) is Standing.QUIET
    settler.found_incomplete(PLACE)
    assert settler.look(PLACE, stamp(9), at(30), PATIENCE) is Standing.CHANGING
    assert settler.look(PLACE, stamp(12, 31), at(31), PATIENCE) is Standing.CHANGING
    assert settler.look(PLACE, stamp(12, 31), at(33.5), PATIENCE) is Standing.QUIET
    settler.found_incomplete(PLACE)
    assert settler.look(PLACE, stamp(12, 31), at(92), PATIENCE) is Standing.SETTLED


@given(
    st.integers(-(2**62), 2**62),
    st.lists(st.integers(-(10**18), 10**18), min_size=4, max_size=4),
    st.booleans(),
)
def test_no_clock_holds_a_file_up_for_ever(mtime_ns: int, jumps: list[int], incomplete: bool) -> None:
    """Whatever the file's time and however the wall clock jumps: unchanged for the longest patience, it is done."""
    settler, found = Settler(), []
    for step, jump in enumerate(jumps):
        clocks = (1000 + step * LOCAL.incomplete, NOW_NS + jump)
        found.append(settler.look(PLACE, (7, mtime_ns, 5), clocks, LOCAL))
        if found[-1] is Standing.SETTLED:
            break
        if incomplete:
            settler.found_incomplete(PLACE)
    assert found[-1] is Standing.SETTLED
    assert len(found) <= 2


def test_a_time_in_the_future_tells_nothing() -> None:
    """It is watched by our own clock instead."""
    assert age(NOW_NS + 1, NOW_NS) is None
    settler, future = Settler(), stamp(1, 1e9)
    assert settler.look(PLACE, future, at(0), PATIENCE) is Standing.CHANGING
    assert settler.look(PLACE, future, at(2.5), PATIENCE) is Standing.QUIET


def test_a_scan_is_asked_for_once_and_what_it_does_not_ask_about_is_forgotten() -> None:
    """A copy may set the old time at its end: the scan knows it is done, and the watcher must not ask for ever."""
    settler = Settler()
    settler.look(PLACE, stamp(1), at(0), PATIENCE)
    assert not settler.asks(PLACE, stamp(1), 1001)
    assert settler.asks(PLACE, stamp(1), 1002.5)
    assert not settler.asks(PLACE, stamp(1), 1003)
    assert len(settler) == 0


def test_a_scan_that_asks_keeps_it_waiting() -> None:
    """Incomplete: the next scan is due when the patience is over, or when it changed and is still again."""
    settler = Settler()
    settler.look(PLACE, stamp(1), at(0), PATIENCE)
    assert settler.asks(PLACE, stamp(1), 1002.5)
    assert settler.look(PLACE, stamp(1), at(2.6), PATIENCE) is Standing.QUIET
    settler.found_incomplete(PLACE)
    assert not settler.asks(PLACE, stamp(1), 1030)
    assert not settler.asks(PLACE, stamp(2, 31), 1031)
    assert settler.asks(PLACE, stamp(2, 31), 1033.5)


def test_what_waits_is_bounded() -> None:
    """A storm of new files does not fill the memory."""
    settler = Settler()
    for number in range(50_100):
        settler.look(("/models", str(number)), stamp(1), at(0), PATIENCE)
    assert len(settler) == 50_000
