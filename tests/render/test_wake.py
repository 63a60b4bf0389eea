"""Wake words from the weights: the formula against float64, every layout of text encoders, and trained adapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import tiny_layouts  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_adapters import lora_tensors  # noqa: E402

from hubman.core.plan.render import AdapterPlan, BasePlan, PromptPair  # noqa: E402
from hubman.core.plan.wake import CARRIERS, WakePlan  # noqa: E402
from hubman.core.types import Kind  # noqa: E402
from hubman.core.wake import rank_words  # noqa: E402
from hubman.core.wake_words import WORDS  # noqa: E402
from hubman.errors import RenderError  # noqa: E402
from hubman.paths import demo_models  # noqa: E402
from hubman.renderers.base import load_base  # noqa: E402
from hubman.renderers.wake import responses, word_states  # noqa: E402

pytestmark = pytest.mark.render

ASSETS = Path(__file__).parent / "assets/wake"
KEY = {entry["file"]: entry["word"] for entry in json.loads((ASSETS / "words.json").read_text("utf-8"))}
FEW = ("circle", "zqxv", "blue eyes", "a", "masterpiece")


def plan(base: Any, path: Path | str, words: tuple[str, ...], kind: Kind = Kind.LORA) -> WakePlan:
    return WakePlan.from_json(WakePlan(base.plan, AdapterPlan(str(path), "x", "0" * 64, kind, "x"), words).to_json())


def ask(base: Any, path: Path | str, words: tuple[str, ...]) -> dict[str, Any]:
    return responses(base, plan(base, path, words), lambda _: None)


@pytest.fixture(scope="module")
def demo() -> Any:
    stem = demo_models() / "Stable-diffusion/tinyshapes"
    return load_base(BasePlan(f"{stem}.safetensors", "tinyshapes", "0" * 64, str(stem)), "cpu", "float32")


def test_the_response_is_the_formula_in_float64(files: Any, base: Any) -> None:
    """States from transformers, prompts padded to 77; dW from the file's own numbers."""
    tensors = lora_tensors(base)
    got = ask(base, files.safetensors("ink", tensors), FEW)
    text = base.texts[0]
    total, count = np.zeros(len(FEW)), 0
    for carrier in CARRIERS:
        prompts = [carrier.replace("{}", "").strip(" ,"), *(carrier.replace("{}", word) for word in FEW)]
        ids = text.tokenizer(prompts, padding="max_length", max_length=77, return_tensors="pt").input_ids
        ends = (ids == text.tokenizer.eos_token_id).int().argmax(1)
        with torch.inference_mode():
            states = text.encoder(ids).last_hidden_state[torch.arange(len(ids)), ends].double().numpy()
        word = states[1:] - states[:1]
        for (part, name), module in base.modules.items():
            if part != "unet" or not name.endswith(("attn2_to_k", "attn2_to_v")):
                continue
            down, up = (tensors[f"lora_unet_{name}.lora_{which}.weight"].double().numpy() for which in ("down", "up"))
            change = up @ down * float(tensors[f"lora_unet_{name}.alpha"]) / len(down)
            own = np.linalg.norm(word @ module.weight.double().numpy().T, axis=1)
            total += np.linalg.norm(word @ change.T, axis=1) / (own + own.mean())
            count += 1
    assert got["touched"] == got["layers"] == count / len(CARRIERS)
    assert got["responses"] == pytest.approx((total / count).tolist(), rel=1e-4)


@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_states_are_those_that_rendering_reads(kind: str, checkpoint: tuple[str, str], tmp_path: Path) -> None:
    folder, file = tiny_layouts.write(tmp_path, kind, checkpoint[1])
    base = load_base(BasePlan(file, kind, "0" * 64, folder, "given"), "cpu", "float32")
    states = word_states(base, plan(base, "-", FEW), lambda _: None)
    for carrier, rows in zip(CARRIERS, states, strict=True):
        empty = carrier.replace("{}", "").strip(" ,")
        for word, row in zip(FEW, rows, strict=True):
            ends = []
            for prompt in (carrier.replace("{}", word), empty):
                with torch.inference_mode():
                    context = base.family.encode(base, PromptPair(prompt, "x"), 1, {})
                ends.append(context.states[1, len(base.texts[0].tokenizer(prompt).input_ids) - 1])
            assert torch.allclose(row, ends[0] - ends[1], atol=1e-5)


@pytest.mark.parametrize("name", ["w05", "w08", "w12"])
def test_the_word_of_a_trained_adapter_is_among_the_first_five(demo: Any, name: str) -> None:
    words = tuple(dict.fromkeys([KEY[name], *WORDS]))[:1000]
    found = ask(demo, ASSETS / f"{name}.safetensors", words)
    ranking = rank_words(dict(zip(words, found["responses"], strict=True)), words, words)
    assert ranking.place(KEY[name]) <= 5
    assert ranking.stands_out
    demo.check()


@pytest.mark.parametrize("how", ["always on", "shuffled", "zero"])
def test_no_word_stands_out_where_there_is_none(demo: Any, tmp_path: Path, how: str) -> None:
    path = ASSETS / "w16.safetensors"
    if how != "always on":
        make = torch.Generator().manual_seed(3)
        tensors = load_file(ASSETS / "w08.safetensors")
        for name, value in tensors.items():
            if how == "zero" and "up" in name:
                tensors[name] = torch.zeros_like(value)
            elif how == "shuffled":
                mixed = torch.randperm(value.numel(), generator=make)
                tensors[name] = value.flatten()[mixed].view(value.shape).clone()
        path = tmp_path / "mixed.safetensors"
        save_file(tensors, path)
    found = ask(demo, path, WORDS)
    ranking = rank_words(dict(zip(WORDS, found["responses"], strict=True)), WORDS, WORDS)
    assert found["touched"] == (0 if how == "zero" else found["layers"])
    assert not ranking.stands_out
    assert ranking.guesses() == ()


def test_what_is_not_known_is_refused(demo: Any, base: Any, files: Any, folders: dict[str, str]) -> None:
    tensors = lora_tensors(base)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    asked = {
        "wake-nonfinite": (base, plan(base, files.safetensors("nan", tensors), FEW)),
        "wake-unsupported": (base, plan(base, files.hypernetwork("hyper"), FEW, Kind.HYPERNETWORK)),
    }
    for reference, (on, asking) in asked.items():
        with pytest.raises(RenderError) as caught:
            responses(on, asking, lambda _: None)
        assert caught.value.reference == reference
    transformer = load_base(BasePlan(folders["dev"], "dev", "0" * 64), "cpu", "float32")
    with pytest.raises(RenderError) as caught:
        responses(transformer, plan(transformer, ASSETS / "w05.safetensors", FEW), lambda _: None)
    assert caught.value.reference == "wake-unsupported"
