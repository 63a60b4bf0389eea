"""`mv` and `rm` killed at seeded moments; tests/files/test_kill.py kills at seeded lines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.harness import Driver, Scenario
from tests.faults.scenarios_files import FILE_SCENARIOS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")


@pytest.mark.parametrize("scenario", FILE_SCENARIOS, ids=lambda scenario: scenario.name)
def test_no_file_is_lost_by_kill_9(tmp_path: Path, scenario: Scenario) -> None:
    """Twenty moments each."""
    driver = Driver(tmp_path, 4)
    driver.run(scenario, 20)
    assert driver.result.failures == []
    assert driver.result.killed[scenario.name] >= 3
