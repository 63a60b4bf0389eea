"""The verdict matrix on the demo family: every algorithm works, every fault is found, and nothing wrong is `ok`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from matrix_cases import Cases, base_file, prove  # noqa: E402

from hubman.app.validation import ValidateOptions  # noqa: E402
from hubman.renderers.process import Renderer  # noqa: E402

pytestmark = pytest.mark.render

QUICK = ValidateOptions(seeds=(1, 2), steps=4, cfg=3.0, strengths=(0.6, 1.0))


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, Any]]:
    torch.set_num_threads(1)
    base = base_file()
    with Renderer(device="cpu", timeout=120) as renderer:
        cases = Cases(tmp_path_factory.mktemp("matrix")).all()
        return [(case, prove(case, [base], replace(QUICK, base_given=case.given), renderer)) for case in cases]


def test_every_verdict_is_right(proved: list[tuple[Any, Any]]) -> None:
    wrong = [
        f"{case.name}: {done.verdict} ({done.judgement.rule}: {done.judgement.because}), not {case.verdict}"
        for case, done in proved
        if str(done.verdict) != case.verdict or (case.rule and done.judgement.rule != case.rule)
    ]
    assert not wrong
    assert {case.verdict for case, _ in proved} == {
        *("ok", "weak", "no-effect", "partial", "incompatible-base", "broken", "corrupt", "unsafe", "unsupported"),
        "no-base",
    }


def test_nothing_wrong_is_called_ok(proved: list[tuple[Any, Any]]) -> None:
    assert not [case.name for case, done in proved if done.verdict == "ok" and case.verdict != "ok"]


def test_the_word_of_every_trained_lora_wakes_it_and_another_word_does_not(proved: list[tuple[Any, Any]]) -> None:
    woken = {case.group for case, done in proved if "trigger-effective" in done.judgement.flags}
    exact = {"lora", "lora with text encoder", "loha, trained", "locon-mid", "loha", "lokr", "dora", "glora", "full"}
    assert exact | {"oft", "boft"} <= woken
    others = [done.to_json()["trigger"] for case, done in proved if case.group == "wrong trigger"]
    assert [word["wakes"] for trigger in others for word in trigger["words"]] == [False] * len(others)


def test_a_negative_embedding_pushes_away_from_what_it_shows(proved: list[tuple[Any, Any]]) -> None:
    done = next(done for case, done in proved if case.group == "negative embedding")
    assert done.plan.triggered.negative == "toy-negative"
    assert done.plan.opposite.positive.endswith("toy-negative")
    found = done.numbers["negative"]
    assert found["direction"] < -0.3
    assert found["against_nothing"] > 3
    assert done.to_json()["effect"]["mae"] > 3, "against its own name as plain text"


def test_what_does_nothing_is_rendered_once_to_confirm_it(proved: list[tuple[Any, Any]]) -> None:
    done = next(done for case, done in proved if case.name.startswith("zeroed"))
    assert done.numbers["confirmed"] is True
    assert [point["strength"] for point in done.numbers["sweep"]] == [1.0]
    assert done.numbers["pairs"]["CD"] == {"mae": 0.0, "ssim": 1.0, "latent_l2": 0.0}
