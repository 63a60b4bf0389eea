"""What the measurement renders and how: batches, memory, turned weights, denoising one's own pictures, the JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tiny_adapters import lora_tensors, taught_tensors  # noqa: E402

from hubman.core.plan.render import AdapterPlan, PromptPair, RenderPlan, Sampling  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.renderers.adapters import open_adapter  # noqa: E402
from hubman.renderers.control import OWN_STEP, self_error, turned  # noqa: E402
from hubman.renderers.gallery import Memory, contexts, render_all  # noqa: E402
from hubman.renderers.measure import Measurement  # noqa: E402
from hubman.renderers.metrics import distance, response  # noqa: E402
from hubman.renderers.sample import noise, one_step, render  # noqa: E402

pytestmark = pytest.mark.render

FEW = Sampling(seeds=(1, 2), steps=3)
NEUTRAL, TRIGGERED = PromptPair("a red circle"), PromptPair("a red circle, zqx, abc")


def plan(base: Any, path: str, **more: Any) -> RenderPlan:
    usual: dict[str, Any] = {
        "changed": PromptPair("a green circle, zqx, abc"), "swapped": ("red", "green"), "triggers": ("zqx", "abc"),
        "alone": (PromptPair("a red circle, zqx"), PromptPair("a red circle, abc")), "sampling": FEW, "turns": 2,
        "strengths": (0.6, 1.0),
    }  # fmt: skip
    return RenderPlan(base.plan, AdapterPlan(path, "x", "0" * 64, Kind.LORA, "x"), NEUTRAL, TRIGGERED, **(usual | more))


def measured(base: Any, asked: RenderPlan) -> dict[str, Any]:
    return Measurement(base, asked, lambda stage: None).run()


def test_a_plan_comes_back_from_json(base: Any) -> None:
    asked = plan(base, "x", opposite=PromptPair("a"), refine=2)
    assert RenderPlan.from_json(json.loads(json.dumps(asked.to_json()))) == asked


def test_several_prompts_in_one_batch_give_the_pictures_of_each_alone(base: Any) -> None:
    found = contexts(base, [NEUTRAL, PromptPair("a blue square", "red")], FEW, {})
    together = render_all(base, found, FEW)
    for context, pictures in zip(found, together, strict=True):
        alone = render(base, context, FEW)
        assert torch.allclose(pictures.latents, alone.latents, atol=1e-3, rtol=1e-4)
        assert torch.allclose(pictures.pixels, alone.pixels, atol=1e-3)


def test_prompts_of_different_lengths_are_rendered_one_by_one(base: Any) -> None:
    found = contexts(base, [NEUTRAL, PromptPair("red, " * 60)], FEW, {})
    assert found[0].states.shape != found[1].states.shape
    assert [len(pictures.latents) for pictures in render_all(base, found, FEW)] == [2, 2]


def test_memory_forgets_the_oldest_when_it_is_full() -> None:
    memory = Memory(most=4 * 100)
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return torch.zeros(40)

    for name in ("a", "b", "a", "c", "a", "b"):
        memory.get(name, lambda name=name: make(name))
    assert made == ["a", "b", "c", "b"], "b was the oldest when c came"
    assert memory.size <= memory.most
    memory.get("whole", lambda: torch.zeros(1000))
    assert memory.size == 0, "what is larger than everything is not kept, nor does it stay for ever"


def test_turned_weights_have_the_same_singular_values_and_come_back_bit_for_bit(base: Any, files: Any) -> None:
    adapter = open_adapter(base, AdapterPlan(files.safetensors("x", lora_tensors(base)), "x", "", Kind.LORA))
    adapter.set(1.0)
    module = base.modules["unet", "mid_block_attentions_0_transformer_blocks_0_attn1_to_q"]
    clean, on = base.pristine[module.weight], module.weight.detach().clone()
    with turned(base, 3) as count:
        assert count > 60
        change, turn = on - clean, module.weight.detach() - clean
        assert torch.linalg.svdvals(turn) == pytest.approx(torch.linalg.svdvals(change), abs=1e-5)
        assert abs(float((turn * change).sum() / change.norm() ** 2)) < 0.3
        first = module.weight.detach().clone()
    assert torch.equal(module.weight, on)
    with turned(base, 3):
        assert torch.equal(module.weight, first), "a seed gives one turn"
    adapter.remove()
    with turned(base, 3) as count:
        assert count == 0


def test_the_error_of_denoising_ones_own_picture_is_the_formula(base: Any) -> None:
    """In float64, with the noise and the schedule written out; a velocity model answers another target."""
    context = contexts(base, [NEUTRAL], FEW, {})[0]
    latents = render(base, context, FEW).latents
    fresh = noise(base, replace(FEW, seeds=tuple(seed + 7919 for seed in FEW.seeds)))
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    keep = float(torch.cumprod(1 - betas, 0)[OWN_STEP])
    noised = (math.sqrt(keep) * latents.double() + math.sqrt(1 - keep) * fresh.double()).float()
    with torch.inference_mode():
        answer = base.family.predict(base, noised, OWN_STEP, context)[1].double()
    expected = float((answer - fresh).norm() / fresh.norm())
    assert self_error(base, context, latents, FEW) == pytest.approx(expected, rel=1e-4)
    velocity = math.sqrt(keep) * fresh.double() - math.sqrt(1 - keep) * latents.double()
    was = base.scheduler_config
    base.scheduler_config = {**was, "prediction_type": "v_prediction"}
    try:
        expected = float((answer - velocity).norm() / velocity.norm())
        assert self_error(base, context, latents, FEW) == pytest.approx(expected, rel=1e-4)
    finally:
        base.scheduler_config = was
    assert self_error(base, context, latents * float("nan"), FEW) is None


def test_distance_and_response_are_what_they_say() -> None:
    bare, goal = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    assert distance(goal, bare, goal) == 0.0
    assert distance(bare, bare, goal) == 1.0
    assert distance(goal / 2, bare, goal) == 0.5
    assert distance(bare, bare, bare) == 0.0
    half = torch.zeros_like(bare)
    half[..., :2] = 1.0
    assert response((bare, half), (goal, goal + half)) == {"moved": 1.0, "direction": 1.0, "kept": 1.0}
    assert response((bare, half), (goal, goal - half)) == {"moved": 1.0, "direction": -1.0, "kept": 0.0}
    assert response((bare, half), (goal, goal)) == {"moved": 0.0, "direction": 0.0, "kept": 0.0}
    assert response((bare, bare), (goal, goal)) is None
    assert response((bare, half * float("nan")), (goal, goal)) is None


def test_every_word_is_tested_alone_and_the_sweep_says_what_is_left(base: Any, files: Any) -> None:
    path = files.safetensors("x", taught_tensors(base, strength=4.0))
    result = measured(base, plan(base, path))
    assert [word["text"] for word in result["words"]] == ["zqx", "abc"]
    assert all(word["with"] > 0 and word["without"] > 0 and word["word_alone"] > 0 for word in result["words"])
    assert result["words"][0]["with"] != result["words"][1]["with"]
    assert [point["distance"] for point in result["sweep"]] == [pytest.approx(0.5, abs=0.4), 0.0]
    assert result["other_word"]["old"] == "red"
    assert all(point["other_word"] is None or 0 <= point["prompt_kept"] <= 1 for point in result["sweep"])
    control = result["one_step"]["control"]
    assert control["times"] == pytest.approx(control["change"] / control["turned"], rel=1e-4)
    assert json.loads(json.dumps(result)) == result


def test_weights_of_the_user_are_rendered_and_one_beside_them(base: Any, files: Any) -> None:
    path = files.safetensors("x", lora_tensors(base))
    result = measured(base, plan(base, path, strengths=(0.5,), changed=None, alone=(), triggers=("zqx, abc",)))
    assert [point["strength"] for point in result["sweep"]] == [0.5, 1.0]
    assert result["other_word"] is None
    assert [point["prompt_kept"] for point in result["sweep"]] == [None, None]


def test_borders_are_sought_between_the_weights_of_the_grid(base: Any, files: Any) -> None:
    path = files.safetensors("x", lora_tensors(base, strength=3.0))
    result = measured(base, plan(base, path, strengths=(0.2, 1.0), refine=2))
    assert len(result["sweep"]) == 4
    assert result["sweep"][0]["distance"] > 0.25


def test_a_measurement_leaves_nothing_behind_but_the_bare_pictures(base: Any, files: Any) -> None:
    """The second adapter renders A and D no more, and its numbers are those of a base that saw no first."""
    first = plan(base, files.safetensors("x", lora_tensors(base)))
    second = plan(base, files.safetensors("y", lora_tensors(base, seed=5)))
    base.memory.clear()
    fresh = measured(base, second)
    base.memory.clear()
    measured(base, first)
    before = one_step(base, contexts(base, [NEUTRAL], FEW, {})[0], FEW)
    assert measured(base, second) == fresh
    after = one_step(base, contexts(base, [NEUTRAL], FEW, {})[0], FEW)
    assert torch.equal(before[1], after[1])
