"""The limits of a verdict lie between what was measured of nothing and of something (benchmarks/results)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hubman.core import limits

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / "calibrate.json").read_text("utf-8"))["summary"]
    return found


BETWEEN = [
    ("NO_EFFECT_STEP", ["floor one_step"], ["trained one_step min"]),
    ("NO_EFFECT_MAE", ["floor mae"], ["trained mae min"]),
    ("WEAK_MAE", ["floor mae"], ["trained mae min"]),
    ("CONTROL_FACTOR", ["random times max"], ["trained at home times min"]),
    ("TRIGGER_FACTOR", ["random word max", "asleep word max"], ["awake word min"]),
    ("BURNT_SPREAD", ["spread up to 1 max"], ["spread at 12 min"]),
    ("BURNT_ERROR", ["error up to 1 max"], ["error at 12 min"]),
]


@pytest.mark.parametrize(("name", "nothing", "something"), BETWEEN, ids=[name for name, *_ in BETWEEN])
def test_a_limit_lies_between_the_measured_floor_and_the_measured_signal(
    summary: dict[str, Any], name: str, nothing: list[str], something: list[str]
) -> None:
    limit = getattr(limits, name)
    assert max(summary[key] for key in nothing) < limit < min(summary[key] for key in something)


def test_one_step_alone_finds_most_burnt_adapters_and_no_trained_one(summary: dict[str, Any]) -> None:
    found, of = summary["one_step at 12 burnt"]
    assert summary["one_step up to 1 max"] < limits.BURNT_STEP
    assert found * 2 > of


def test_the_recommended_weight_is_where_the_probe_sees_what_was_trained(summary: dict[str, Any]) -> None:
    """Nearer than the rule before it, on average and at worst."""
    for figure in ("mean size", "largest"):
        assert abs(summary[f"weight minus probe, {figure}"]) < abs(summary[f"old rule minus probe, {figure}"])
    assert summary["weight minus probe, mean size"] < 0.1


def test_the_verdict_matrix_was_right_with_the_settings_of_validate() -> None:
    found = json.loads((RESULTS / "verdicts.json").read_text("utf-8"))
    assert found["false_ok"] == 0
    assert found["right"] == found["cases"] >= 60
