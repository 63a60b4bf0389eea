"""Flux.1 and SD3: pictures equal diffusers' own, and their places are those of every layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tiny_transformers import NAMES, T5_WIDTH  # noqa: E402

from hubman.core.evidence import prediction_suspect  # noqa: E402
from hubman.core.plan import base_layout  # noqa: E402
from hubman.core.plan.render import BasePlan, PromptPair, Sampling  # noqa: E402
from hubman.errors import RenderError  # noqa: E402
from hubman.formats import read_header  # noqa: E402
from hubman.renderers.base import load_base, pick_dtype  # noqa: E402
from hubman.renderers.sample import one_step, render, size_of  # noqa: E402

pytestmark = pytest.mark.render

SAMPLING = Sampling(seeds=(1, 2), steps=3, cfg=4.0, sampler="euler", width=32, height=48)
PAIR = PromptPair("a red circle, on blue", "a dog")


def generators() -> list[Any]:
    return [torch.Generator("cpu").manual_seed(seed) for seed in SAMPLING.seeds]


def picture_of(folder: str, name: str, pair: PromptPair, steps: int = SAMPLING.steps) -> Any:
    """Return diffusers' own pictures (n, 3, h, w)."""
    import diffusers

    parts = {"text_encoder_3": None, "tokenizer_3": None} if name == "sd3-no-t5" else {}
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True, **parts)
    pipe.set_progress_bar_config(disable=True)
    size = {"height": SAMPLING.height, "width": SAMPLING.width}
    more: dict[str, Any] = {"negative_prompt": [pair.negative] * 2} if name.startswith("sd3") else {}
    if name == "schnell":
        more["max_sequence_length"] = 256
    with torch.inference_mode():
        return pipe(
            prompt=[pair.positive] * 2,
            guidance_scale=SAMPLING.cfg,
            num_inference_steps=steps,
            generator=generators(),
            output_type="pt",
            **size,
            **more,
        ).images


@pytest.mark.parametrize("name", NAMES)
def test_pictures_equal_those_of_diffusers_own_pipeline(
    name: str, folders: dict[str, str], bases: dict[str, Any]
) -> None:
    base = bases[name]
    with torch.inference_mode():
        context = base.family.encode(base, PAIR, 1, {})
    ours = render(base, context, SAMPLING).pixels
    theirs = picture_of(folders[name], name, PAIR)
    assert ours.shape == theirs.shape == (2, 3, 48, 32)
    assert (ours - theirs).abs().max() < 1e-5
    assert ours.std() > 0.01
    assert (ours[0] - ours[1]).abs().mean() > 0.01


@pytest.mark.parametrize("name", ["dev", "sd3"])
def test_dpmpp_runs_on_the_same_schedule_and_others_are_refused(name: str, bases: dict[str, Any]) -> None:
    base = bases[name]
    with torch.inference_mode():
        context = base.family.encode(base, PAIR, 1, {})
    many = {sampler: replace(SAMPLING, sampler=sampler, steps=20) for sampler in ("euler", "dpmpp_2m")}
    euler, dpmpp = (render(base, context, sampling).pixels for sampling in many.values())
    assert 0 < (euler - dpmpp).abs().mean() < 0.05  # two solvers of one equation
    with pytest.raises(RenderError) as caught:
        base.family.scheduler(base, replace(SAMPLING, sampler="dpmpp_2m_karras"), (32, 32))
    assert caught.value.reference == "unknown-sampler"


@pytest.mark.parametrize("name", NAMES)
def test_a_header_and_a_loaded_folder_have_the_same_layout(
    name: str, folders: dict[str, str], bases: dict[str, Any]
) -> None:
    assert base_layout(read_header(folders[name], isolate=False).tensors) == bases[name].layout


def test_the_negative_prompt_counts_for_sd3_and_not_for_flux(bases: dict[str, Any]) -> None:
    for name, counts in (("sd3", True), ("dev", False)):
        base = bases[name]
        other = replace(PAIR, negative="a blue house")
        with torch.inference_mode():
            contexts = [base.family.encode(base, pair, 1, {}) for pair in (PAIR, other)]
        first, second = (render(base, context, SAMPLING).pixels for context in contexts)
        assert torch.equal(first, second) is not counts
        steps = [one_step(base, context, SAMPLING) for context in contexts]
        assert not torch.equal(steps[0][0], steps[1][0])  # the prompt's pull is measured against it in both
        assert torch.equal(steps[0][1], steps[1][1]) or (steps[0][1] - steps[1][1]).abs().max() < 1e-5


def test_the_strength_of_the_guidance_is_told_to_dev_only(bases: dict[str, Any]) -> None:
    for name, told in (("dev", True), ("schnell", False)):
        base = bases[name]
        with torch.inference_mode():
            context = base.family.encode(base, PAIR, 1, {})
        low, high = (render(base, context, replace(SAMPLING, cfg=cfg)).pixels for cfg in (1.0, 8.0))
        assert torch.equal(low, high) is not told


@pytest.mark.parametrize("name", ["dev", "sd35"])
def test_the_probe_of_the_prediction_type_never_doubts_a_flow_model(name: str, bases: dict[str, Any]) -> None:
    base = bases[name]
    kind = base.scheduler_config["prediction_type"]
    assert kind == "flow_prediction"
    assert base.prediction.cosine is None  # nothing was probed
    for cosine in (None, 0.0, 0.9):
        assert not prediction_suspect({"prediction_cosine": cosine, "prediction_type": kind})


def test_sizes_are_whole_tokens_and_the_native_one_is_known(bases: dict[str, Any]) -> None:
    flux, sd3 = bases["dev"], bases["sd3"]
    assert (flux.factor, flux.size_step, flux.native_size) == (4, 8, 512)
    assert sd3.native_size == 64
    assert size_of(flux, Sampling(width=45, height=30)) == (40, 24)


def test_flow_models_get_bfloat16_on_cuda() -> None:
    cuda = torch.device("cuda")
    assert pick_dtype("auto", cuda, "FluxPipeline") is torch.bfloat16
    assert pick_dtype("auto", cuda, "StableDiffusion3Pipeline") is torch.bfloat16
    assert pick_dtype("auto", cuda, "StableDiffusionPipeline") is torch.float16
    assert pick_dtype("auto", torch.device("cpu"), "FluxPipeline") is torch.float32
    assert pick_dtype("float16", cuda, "FluxPipeline") is torch.float16


# --- prompts -----------------------------------------------------------------------------------------------------


def states(base: Any, prompt: str) -> Any:
    with torch.inference_mode():
        return base.family.encode(base, PromptPair(prompt), 1, {}).states[1]


@pytest.mark.parametrize("name", ["dev", "sd3"])
def test_emphasis_weighs_the_tokens_of_t5(name: str, bases: dict[str, Any]) -> None:
    base = bases[name]
    t5 = slice(None) if name == "dev" else slice(77, None)
    plain, heavy = states(base, "a (cat:1.0)")[t5], states(base, "a (cat:1.5)")[t5]
    ratio = heavy.norm(dim=1) / plain.norm(dim=1)
    weighted = ratio / ratio[-1]  # the mean is restored over all tokens
    assert torch.allclose(weighted[4:], torch.ones(()), atol=1e-4)
    assert weighted[:4].max() == pytest.approx(1.5, abs=1e-4)


def test_long_prompts_are_cut_where_diffusers_cuts_them(folders: dict[str, str], bases: dict[str, Any]) -> None:
    from diffusers import FluxPipeline

    prompt = "red, green and blue things " * 40
    pipe = FluxPipeline.from_pretrained(folders["dev"], local_files_only=True)
    with torch.inference_mode():
        theirs, _pooled, _ids = pipe.encode_prompt(prompt, None, device="cpu", max_sequence_length=512)
    assert (states(bases["dev"], prompt) - theirs[0]).abs().max() < 1e-5
    assert states(bases["dev"], prompt + " more").shape == (512, T5_WIDTH)


def test_t5_answers_once_per_prompt_and_anew_for_an_adapter_on_it(bases: dict[str, Any]) -> None:
    base = bases["dev"]
    base.memory.clear()
    calls = []
    t5 = next(text for text in base.texts if text.t5)
    handle = t5.encoder.register_forward_hook(lambda *_args: calls.append(1))
    try:
        first = states(base, "a bird")
        assert torch.equal(states(base, "a bird"), first)
        assert len(calls) == 2  # the negative prompt and the positive one
        for number in range(20):
            states(base, f"a bird {number}")
        assert len(base.memory["t5"]) <= 16
        weight = base.modules["te2", "encoder_block_0_layer_0_SelfAttention_q"].weight
        base.keep(weight)
        with torch.no_grad():
            weight.mul_(2)
        changed = states(base, "a bird")
        base.restore([weight])
        assert not torch.equal(changed, first)
        assert torch.equal(states(base, "a bird"), first)
    finally:
        handle.remove()
        base.pristine.clear()
    base.check()


# --- loading -----------------------------------------------------------------------------------------------------


def test_a_single_file_of_flux_is_refused_with_the_way_out(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    names = ("double_blocks.0.txt_mod.lin", "single_blocks.0.modulation.lin", "vector_in.in_layer", "img_in")
    path = str(tmp_path / "flux.safetensors")
    save_file({f"{name}.weight": torch.zeros(4, 4) for name in names}, path)
    with pytest.raises(RenderError) as caught:
        load_base(BasePlan(path, "flux", ""), "cpu", "float32")
    assert caught.value.reference == "base-folder-needed"


def test_flux_without_its_t5_is_refused(folders: dict[str, str], tmp_path: Path) -> None:
    import json
    import shutil

    copy = tmp_path / "dev"
    shutil.copytree(folders["dev"], copy)
    index = json.loads((copy / "model_index.json").read_text())
    index |= {"text_encoder_2": [None, None], "tokenizer_2": [None, None]}
    (copy / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(RenderError) as caught:
        load_base(BasePlan(str(copy), "dev", ""), "cpu", "float32")
    assert caught.value.reference == "base-unsupported"
