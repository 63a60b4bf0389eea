"""The figures that the project holds itself to, on every labelled header."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from corpus import cases, generated, kind_of
from report import Outcome, outcome

SD = {"sd1", "sd2", "sdxl"}


@pytest.fixture(scope="module")
def outcomes() -> Sequence[Outcome]:
    return [outcome(case) for case in (*cases(), *generated())]


def test_nothing_is_confidently_wrong(outcomes: Sequence[Outcome]) -> None:
    assert [one.case["file"] for one in outcomes if one.is_wrong] == []


def test_the_kind(outcomes: Sequence[Outcome]) -> None:
    missed = [one.case["file"] for one in outcomes if not one.kind]
    assert len(missed) <= 0.003 * len(outcomes), missed


def test_the_architecture(outcomes: Sequence[Outcome]) -> None:
    """Where two labels stand for one and the same structure, the set is as near as anybody can come."""
    labelled = [one for one in outcomes if one.base is not None]
    missed = [one.case["file"] for one in labelled if not one.base and not one.is_set]
    assert len(missed) <= 0.005 * len(labelled), missed
    assert sum(one.is_set for one in labelled) <= 0.01 * len(labelled)


def test_what_users_have_most_is_always_right(outcomes: Sequence[Outcome]) -> None:
    """Adapters, embeddings, hypernetworks and checkpoints of SD 1, SD 2 and SDXL."""
    kinds = ("lora", "embedding", "hypernetwork", "checkpoint", "diffusion-model")
    theirs = [one for one in outcomes if one.case["expected_base"] in SD and kind_of(one.case) in kinds]
    assert len(theirs) > 150
    assert [one.case["file"] for one in theirs if not (one.kind and one.base)] == []
