"""core.coalesce: many events become few folders, in time and in space."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from hubman.core.coalesce import MANY_IN_ONE_FOLDER, MOST, Coalescer


def test_due_after_quiet_and_never_before() -> None:
    """A batch waits until nothing happened for a while."""
    batch = Coalescer(quiet=2, longest=30)
    assert batch.due(0) is None
    batch.add("Lora", 0)
    batch.add("Lora", 1.5)
    assert batch.due(2) == 1.5
    assert batch.due(3.5) == 0


def test_a_steady_stream_is_cut_off() -> None:
    """A folder that never comes to rest is looked at all the same."""
    batch = Coalescer(quiet=2, longest=30)
    for second in range(31):
        batch.add("Lora", second)
    due = batch.due(30)
    assert due is not None
    assert due <= 0


def test_inner_folders_go_with_the_outer_one() -> None:
    """A scan of a folder covers what lies below it, also where another name sorts between the two."""
    batch = Coalescer()
    for folder in ("Lora/style/ink", "Lora/style", "Lora/style-2", "Lora/styles", "VAE"):
        batch.add(folder, 0)
    assert batch.take() == ["Lora/style", "Lora/style-2", "Lora/styles", "VAE"]
    assert batch.due(100) is None


def test_many_siblings_become_their_parent() -> None:
    """A tree copied in is one scan, not hundreds."""
    batch = Coalescer()
    for number in range(MANY_IN_ONE_FOLDER + 1):
        batch.add(f"Lora/{number}", 0)
    batch.add("VAE", 0)
    assert batch.take() == ["Lora", "VAE"]


def test_the_root_itself_covers_all() -> None:
    """An event at the top is a scan of everything."""
    batch = Coalescer()
    batch.add("", 0)
    batch.add("Lora", 0)
    assert batch.take() == [""]


def test_a_storm_over_very_many_folders_stays_small() -> None:
    """30,000 folders with one event each are never remembered apart, and none is missed."""
    batch = Coalescer()
    names = [f"{a}/{b}/{c}" for a in range(30) for b in range(100) for c in range(10)]
    random.Random(1).shuffle(names)
    for name in names:
        batch.add(name, 0)
        assert len(batch._folders) <= MOST
    taken = batch.take()
    assert len(taken) <= MOST // 2
    assert all(_covered(name, taken) for name in names)


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=5).map("/".join), min_size=1, max_size=60))
def test_every_folder_told_is_covered_once(folders: list[str]) -> None:
    """Whatever is told, the folders taken cover it, and none lies in another."""
    batch = Coalescer()
    for folder in folders:
        batch.add(folder, 0)
    taken = batch.take()
    assert all(_covered(folder, taken) for folder in folders)
    assert not any(_covered(one, [other]) for one in taken for other in taken if one != other)


def _covered(folder: str, taken: list[str]) -> bool:
    return any(other in ("", folder) or folder.startswith(other + "/") for other in taken)
