"""core.layout: decisions from names alone."""

from __future__ import annotations

import pytest

from hubman.core.layout import FolderForm, folder_form, guess_layout, is_model_name, is_temporary, relocated
from hubman.core.library import Layout, alias_of, id_of, stem_of


@pytest.mark.parametrize(
    "name",
    [
        "a.safetensors.part",
        "a.ckpt.crdownload",
        "a.pt.aria2",
        ".a.safetensors",
        "a.safetensors.downloading",
        "~a.pt",
        "a.tmp",
    ],
)
def test_what_a_downloader_still_writes_is_skipped(name: str) -> None:
    """Every downloader's temporary name is known."""
    assert is_temporary(name)
    assert not is_model_name(name)


@pytest.mark.parametrize("name", ["a.SafeTensors", "水墨.pt", "x.y.ckpt", "a.sft", "m.gguf", "a.bin", "a.pth"])
def test_model_names(name: str) -> None:
    """Extensions count in any case; the stem may hold anything."""
    assert is_model_name(name)


@pytest.mark.parametrize("name", ["safetensors", ".pt", "a.json", "a.png", "a.txt"])
def test_other_names(name: str) -> None:
    """A name without a stem, and what lies beside models, is no model."""
    assert not is_model_name(name)


def test_folders_that_are_one_model() -> None:
    """Told by the names in them."""
    assert folder_form(["model_index.json", "unet", "vae"]) is FolderForm.PIPELINE
    assert folder_form(["adapter_config.json", "adapter_model.safetensors"]) is FolderForm.PEFT
    assert folder_form(["config.json", "diffusion_pytorch_model.fp16.safetensors"]) is FolderForm.COMPONENT
    assert folder_form(["config.json", "a.safetensors"]) is None
    assert folder_form(["a.safetensors"]) is None


def test_layouts() -> None:
    """Roots are recognised by their folder names."""
    assert guess_layout(["Stable-diffusion", "Lora", "hypernetworks", "VAE"]) is Layout.WEBUI
    assert guess_layout(["checkpoints", "loras", "vae", "clip_vision"]) is Layout.COMFY
    assert guess_layout(["a", "b"]) is Layout.FLAT


def test_ids() -> None:
    """An id is AutoV2 once hashed, else an @ and nine hex that depend on root and path."""
    alias = alias_of("/r", "Lora/水墨.safetensors")
    assert len(alias) == 10
    assert alias.startswith("@")
    assert alias != alias_of("/r2", "Lora/水墨.safetensors")
    assert id_of("ab" * 32, alias) == "ab" * 5
    assert id_of(None, alias) == alias


def test_stems() -> None:
    """The name users type: without the last extension only."""
    assert stem_of("Lora/ink.v2.safetensors", folder=False) == "ink.v2"
    assert stem_of("dreamshaper-8", folder=True) == "dreamshaper-8"
    assert stem_of("t5/model.safetensors.index.json", folder=True) == "model"


def test_a_place_has_another_name_in_another_root() -> None:
    """Both ways, also with Windows' separators; None when it lies elsewhere."""
    assert relocated("/models", "Lora/a.pt", "/models/Lora") == "a.pt"
    assert relocated("/models/Lora", "a.pt", "/models") == "Lora/a.pt"
    assert relocated("/models", "Lora2/a.pt", "/models/Lora") is None
    assert relocated("/models", "Lora", "/models/Lora") is None
    assert relocated("D:\\models", "Lora/a.pt", "D:\\models\\Lora") == "a.pt"
    assert relocated("/", "models/a.pt", "/models") == "a.pt"
