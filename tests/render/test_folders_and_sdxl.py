"""Bases that are diffusers folders, and SDXL with its two text encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import tiny_checkpoint  # noqa: E402
from tiny_adapters import adapter_file, base_file  # noqa: E402

from hubman.app.validate import validate_adapter  # noqa: E402
from hubman.app.validation import ValidateOptions  # noqa: E402
from hubman.core.plan import base_layout  # noqa: E402
from hubman.core.plan.render import BasePlan, PromptPair  # noqa: E402
from hubman.core.types import Facts, Kind  # noqa: E402
from hubman.renderers.base import load_base  # noqa: E402
from hubman.renderers.encode import encode  # noqa: E402

pytestmark = pytest.mark.render

QUICK = ValidateOptions(seeds=(1,), steps=2, strengths=(1.0,))


@pytest.fixture(scope="module")
def sdxl(checkpoint: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint.write_sdxl_folder(str(tmp_path_factory.mktemp("xl") / "tinyxl"), checkpoint[1])


def folder_base(path: str) -> Any:
    """Describe a folder as the library does (its sha256 is over its members; any text does here)."""
    from hubman.app.validation import BaseFile
    from hubman.formats import read_header

    header = read_header(path, isolate=False)
    return BaseFile(path, "f" * 64, Path(path).name, Facts(Kind.CHECKPOINT, parameters=4_000_000), header)


def test_a_folder_and_a_single_file_of_the_same_weights_are_the_same_base(
    checkpoint: tuple[str, str], loaded: Any, tmp_path: Path
) -> None:
    path = tiny_checkpoint.write_folder(str(tmp_path / "tiny"), checkpoint[1])
    folder = folder_base(path)
    assert folder.candidate.layout == base_file(checkpoint[0]).candidate.layout
    assert folder.candidate.layout == loaded.layout
    assert load_base(BasePlan(path, "tiny", ""), "cpu", "float32").fingerprint == loaded.fingerprint


def test_sdxl_prompts_are_encoded_as_diffusers_does(sdxl: str) -> None:
    from diffusers import StableDiffusionXLPipeline

    base = load_base(BasePlan(sdxl, "xl", ""), "cpu", "float32")
    pipe = StableDiffusionXLPipeline.from_pretrained(sdxl, local_files_only=True)
    with torch.inference_mode():
        positive, negative, pooled, negative_pooled = pipe.encode_prompt(
            "a cat", device="cpu", do_classifier_free_guidance=True, negative_prompt="dog"
        )
        ours = encode(base, PromptPair("a cat", "dog"), 1, {})
    assert torch.allclose(ours.states, torch.cat([negative, positive]), atol=1e-5)
    assert torch.allclose(ours.pooled, torch.cat([negative_pooled, pooled]), atol=1e-5)


def sdxl_lora(path: str) -> dict[str, Any]:
    """Return a LoRA as kohya writes it for SDXL: LDM block numbers, lora_te1 and lora_te2."""
    layout = base_layout(folder_base(path).header.tensors)
    to_ldm = {new: old for old, new in layout.aliases.items()}
    make = torch.Generator().manual_seed(0)
    tensors = {}
    for (part, name), shape in layout.modules.items():
        if len(shape) == 2 and ("to_q" in name or "q_proj" in name):
            stem = {"unet": "lora_unet_", "te1": "lora_te1_text_model_", "te2": "lora_te2_text_model_"}[part]
            stem += to_ldm.get(name, name) if part == "unet" else name
            tensors[f"{stem}.lora_down.weight"] = torch.randn((4, shape[1]), generator=make) * 0.3
            tensors[f"{stem}.lora_up.weight"] = torch.randn((shape[0], 4), generator=make)
    return tensors


def test_an_sdxl_lora_and_an_sdxl_embedding_are_proved(sdxl: str, files: Any, renderer: Any) -> None:
    base = folder_base(sdxl)
    tensors = sdxl_lora(sdxl)
    assert any("input_blocks_4_1" in name for name in tensors)
    lora = validate_adapter(adapter_file(files.safetensors("xl", tensors)), [base], QUICK, renderer).to_json()
    assert lora["verdict"] in {"ok", "weak"}
    assert set(lora["match"]["parts"]) == {"unet", "te1", "te2"}
    vectors = {"clip_l": torch.randn(2, 80), "clip_g": torch.randn(2, 48)}
    path = files.safetensors("star", vectors)
    star = validate_adapter(adapter_file(path, Kind.EMBEDDING), [base], QUICK, renderer).to_json()
    assert star["effect"]["mae"] > 0
    assert star["match"]["matched"] == 2
