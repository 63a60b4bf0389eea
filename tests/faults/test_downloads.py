"""Fifty pulls from a hub that misbehaves, killed at seeded moments. `make soak`: a thousand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.downloads import Driver, Task

POINTS = 50
SEED = 20264

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")


@pytest.mark.slow
def test_cut_confused_and_killed_downloads_end_with_the_right_file(tmp_path: Path) -> None:
    with Driver(tmp_path, SEED) as driver:
        driver.run(POINTS)
    result = driver.result
    assert result.failures == []
    assert result.killed >= POINTS // 2, "the kills came too late to mean anything"
    assert sum(result.faults.values()) >= POINTS // 2


def test_the_harness_sees_what_must_not_be(tmp_path: Path) -> None:
    """A check that cannot fail would prove nothing."""
    with Driver(tmp_path, SEED) as driver:
        task: Task = driver._ask("point", 1)
        place = tmp_path / "point"
        (place / "models" / "half.safetensors").write_bytes(b"half")
        (place / "models" / ".hubman-x.part.json").write_text(f'{{"url": "https://x/?token={driver._urls[2]}"}}')
        (tmp_path / "escape.safetensors").write_bytes(b"x")
        wrong = "\n".join([*driver._look(task), *driver._end(task)])
    for sign in ("no whole file", "has b", "is outside", "were left"):
        assert sign in wrong
