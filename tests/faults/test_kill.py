"""Killed at fifty seeded moments: nothing acknowledged is lost, and the next run goes on. `make soak`: a thousand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.harness import Driver, Scenario
from tests.faults.scenarios import SCENARIOS

POINTS = 50
SEED = 20260

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_nothing_is_lost_by_kill_9(tmp_path: Path, scenario: Scenario) -> None:
    """The points are shared among the scenarios."""
    driver = Driver(tmp_path, SEED)
    driver.run(scenario, -(-POINTS // len(SCENARIOS)))
    assert driver.result.failures == []
    assert driver.result.killed[scenario.name] >= 3, "the kills came too late to mean anything"


def test_the_harness_sees_a_loss(tmp_path: Path) -> None:
    """A check that cannot fail would prove nothing: an acknowledged word is taken away behind its back."""
    from tests.faults.harness import Place
    from tests.faults.scenarios import Typing

    class Forgetting(Typing):
        def commands(self, place: Place) -> list[list[str]]:
            return [["triggers", "m", "--add", "typed1"], ["triggers", "m", "--rm", "typed1"]]

    driver = Driver(tmp_path, SEED)
    driver.run(Forgetting(), 0)
    assert any("acknowledged ['typed1', 'typed2'], kept []" in failure for failure in driver.result.failures)
