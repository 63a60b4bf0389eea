"""Hubs' words in ours: every word of Civitai's enumerations is known, and no word can break anything."""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import hubman.core.identify.families as families
from hubman.core import hub_words
from hubman.core.hub_words import (
    base_architecture,
    base_line,
    base_lineage,
    base_of,
    format_of_name,
    format_of_word,
    kind_of_file,
    kind_of_hub_type,
    kinds_agree,
)
from hubman.core.identify.declare import Family
from hubman.core.types import Kind

ENUMS = json.loads((Path(__file__).parents[1] / "hubs/recorded/civitai/enums.json").read_text("utf-8"))


def our_architectures() -> set[str]:
    found = {"ssd-1b", "segmind-vega", "sdxl-refiner", "sd1", "sd2", "sdxl", "kolors"}  # made in unets.py
    for module in pkgutil.iter_modules(families.__path__):
        for value in vars(import_module(f"{families.__name__}.{module.name}")).values():
            if isinstance(value, Family):
                found.update(name for signature in value.signatures for name in signature.architectures)
    return found


def test_every_base_of_civitai_is_known_and_there_are_99() -> None:
    assert len(ENUMS["BaseModel"]) == 99
    assert [word for word in ENUMS["BaseModel"] if base_of(word) is None] == []


def test_architectures_are_spelled_as_identification_spells_them() -> None:
    tables = (*hub_words._BASES.values(), *hub_words._REPOSITORIES.values())
    assert {base.architecture for base in tables if base.architecture} - our_architectures() == set()


def test_every_type_of_civitai_maps_to_a_kind_or_is_no_model() -> None:
    unknown = {word for word in ENUMS["ModelType"] if kind_of_hub_type("civitai", word) == "unknown"}
    assert unknown == {
        "Poses", "Wildcards", "Workflows", "ComfyWorkflows", "Detection", "VisionLanguage", "LLM", "Other",
    }  # fmt: skip
    assert {kind_of_hub_type("civitai", word) for word in ENUMS["ModelType"]} <= {str(kind) for kind in Kind}


@pytest.mark.parametrize(
    ("word", "architecture", "lineage", "line"),
    [
        ("SD 1.5", "sd1", None, None),
        ("SDXL 1.0", "sdxl", None, None),
        ("Illustrious", "sdxl", "illustrious", None),
        ("NoobAI", "sdxl", "noobai", None),
        ("Pony", "sdxl", "pony", None),
        ("Pony V7", "auraflow", None, None),
        ("SDXL Lightning", "sdxl", None, "lightning"),
        ("Wan Video 2.2 I2V-A14B", "wan-2.2", None, "i2v-a14b"),
        ("SD_1_5", "sd1", None, None),
        ("FLUX_1", "flux1", None, None),
        ("基础算法 F.1", "flux1", None, None),
        ("基础算法 XL", "sdxl", None, None),
        ("stabilityai/stable-diffusion-xl-base-1.0", "sdxl", None, None),
        ("AI-ModelScope/stable-diffusion-xl-base-1.0", "sdxl", None, None),
        ("runwayml/stable-diffusion-v1-5", "sd1", None, None),
        ("black-forest-labs/FLUX.1-dev", "flux1", None, None),
        ("Wan-AI/Wan2.1-T2V-14B-Diffusers", "wan-2.1", None, "14b-t2v"),
        ("OnomaAIResearch/Illustrious-xl-early-release-v0", "sdxl", "illustrious", None),
        ("base_model:adapter:black-forest-labs/FLUX.1-schnell", "flux1", None, "schnell"),
        ("Seedream", None, None, None),
        ("A base of next year", None, None, None),
        ("somebody/their-merge", None, None, None),
        ("", None, None, None),
        (None, None, None, None),
    ],
)
def test_a_base(word: str | None, architecture: str | None, lineage: str | None, line: str | None) -> None:
    assert (base_architecture(word), base_lineage(word), base_line(word)) == (architecture, lineage, line)


def test_two_architectures_are_not_one_of_them() -> None:
    for word in ("SDXL Distilled", "ACE Audio", "diffusers:StableDiffusionPipeline"):
        assert base_of(word) is not None
        assert base_architecture(word) is None


@pytest.mark.parametrize(
    ("hub", "word", "kind"),
    [
        ("civitai", "LORA", "lora"), ("civitai", "LoCon", "lora"), ("civitai", "DoRA", "lora"),
        ("civitai", "UNet", "diffusion-model"), ("liblib", 5, "lora"), ("liblib", "6", "lora"),
        ("liblib", 2, "embedding"), ("liblib", 18, "unknown"), ("liblib", 999, "unknown"), ("civitai", 5, "unknown"),
        ("modelscope", "Checkpoint", "checkpoint"), ("modelscope", "LoRA", "lora"), ("huggingface", "lora", "lora"),
        ("huggingface", "textual_inversion", "embedding"), ("civitai", None, "unknown"),
        ("civitai", ["LORA"], "unknown"), ("huggingface", "template:sd-lora", "lora"),
    ],
)  # fmt: skip
def test_a_kind(hub: str, word: object, kind: str) -> None:
    assert kind_of_hub_type(hub, word) == kind


def test_a_file_may_be_of_another_kind_than_its_model() -> None:
    assert kind_of_file("VAE", "checkpoint") == "vae"
    assert kind_of_file("Text Encoder", "checkpoint") == "text-encoder"
    assert kind_of_file("Model", "checkpoint") == "checkpoint"
    assert kind_of_file(None, "lora") == "lora"


def test_formats() -> None:
    words = ("SafeTensor", "PickleTensor", "GGUF", "Core ML", "ONNX", "new", None)
    assert [format_of_word(word) for word in words] == ["safetensors", "pickle", "gguf", "other", "onnx", None, None]
    assert format_of_name("模型.v2.SAFETENSORS") == "safetensors"
    assert format_of_name("a.ckpt") == "pickle"
    assert format_of_name("README") is None


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("lora", "lora", True), ("lora", "unknown", True), ("unknown", "vae", True), ("lora", "controlnet", True),
        ("diffusion-model", "checkpoint", True), ("vae", "checkpoint", True), ("lora", "checkpoint", False),
        ("embedding", "lora", False), ("upscaler", "checkpoint", False), ("embedding", "checkpoint", False),
    ],
)  # fmt: skip
def test_kinds_that_hubs_mix_up(one: str, other: str, agree: bool) -> None:
    assert kinds_agree(one, other) is kinds_agree(other, one) is agree
