"""core.coalesce: many events become few folders, in time."""

from __future__ import annotations

from hubman.core.coalesce import MANY_IN_ONE_FOLDER, Coalescer


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
    """A scan of a folder covers what lies below it."""
    batch = Coalescer()
    for folder in ("Lora/style/ink", "Lora/style", "Lora/styles", "VAE"):
        batch.add(folder, 0)
    assert batch.take() == ["Lora/style", "Lora/styles", "VAE"]
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
