"""The figures that the project holds itself to, on every labelled header."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from corpus import cases, generated, kind_of
from report import Outcome, outcome, strangers

SD = {"sd1", "sd2", "sdxl"}


@pytest.fixture(scope="module")
def outcomes() -> Sequence[Outcome]:
    return [outcome(case) for case in (*cases(), *generated())]


def test_nothing_is_confidently_wrong(outcomes: Sequence[Outcome]) -> None:
    assert [one.case["file"] for one in outcomes if one.is_wrong] == []


def test_the_kind(outcomes: Sequence[Outcome]) -> None:
    """The GGUF is kept without its names; the other two are pieces that no program saves alone."""
    missed = {one.case["file"].rpartition("/")[2] for one in outcomes if not one.kind}
    assert missed == {
        "da09a2c4__taesd-decoder.gguf.header.json",
        "default__UNet1DModel.json",
        "default__UNetControlNetXSModel.json",
    }


def test_the_architecture(outcomes: Sequence[Outcome]) -> None:
    labelled = [one for one in outcomes if one.base is not None]
    missed = {one.case["file"].rpartition("/")[2] for one in labelled if not one.base and not one.is_set}
    assert missed - {"da09a2c4__taesd-decoder.gguf.header.json"} == {
        "bria_fibo__diffusers_peft_lora_linear.json",
        "longcat_image__diffusers_peft_lora_linear.json",
    }


def test_sets_are_given_where_two_labels_stand_for_one_structure(outcomes: Sequence[Outcome]) -> None:
    sets = {one.case["file"].rpartition("/")[2] for one in outcomes if one.is_set}
    assert all(
        any(part in name for part in ("wan21_t2v_14b", "CogView", "cogview4", "Hunyuan", "skyreels")) for name in sets
    ), sets


def test_few_are_called_a_relative(outcomes: Sequence[Outcome]) -> None:
    """A descendant's adapter that fits its commoner relative: a choice, and one that must not spread."""
    called = {(one.case["expected_base"], one.facts.architecture) for one in outcomes if one.is_relative and one.facts}
    assert called <= {
        ("chroma", "flux1"),
        ("cosmos-predict2", "anima"),
        ("cosmos-predict2", "cosmos-predict2.5"),
        ("bria", "flux1"),
        ("bria-fibo", "flux1"),
        ("longcat-image", "flux1"),
        ("motif-video", "hunyuan-video"),
        ("kolors", "sdxl"),
    }


def test_an_architecture_that_nobody_declared_is_seldom_called_another() -> None:
    total, wrong = strangers()
    assert sum(total.values()) > 600
    assert sum(wrong.values()) <= 0.05 * sum(total.values()), wrong


def test_what_users_have_most_is_always_right(outcomes: Sequence[Outcome]) -> None:
    """Adapters, embeddings, hypernetworks and checkpoints of SD 1, SD 2 and SDXL."""
    kinds = ("lora", "embedding", "hypernetwork", "checkpoint", "diffusion-model")
    theirs = [one for one in outcomes if one.case["expected_base"] in SD and kind_of(one.case) in kinds]
    assert len(theirs) > 150
    assert [one.case["file"] for one in theirs if not (one.kind and one.base)] == []
