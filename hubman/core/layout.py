"""Folder names of the known UIs <-> kinds, names that no scan looks at, and models that are folders.

Sources: the programs' own folder tables, docs/formats.md "Layouts". All decisions here are made from names alone, so an
unchanged library is rescanned without opening a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from hubman.core.library import Layout
from hubman.core.types import Kind

MODEL_EXTENSIONS = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".pkl", ".pt2"})
"""What ComfyUI, A1111, Stability Matrix and SwarmUI look for, taken together. The bytes decide what it is."""

_ENDINGS = tuple(sorted(MODEL_EXTENSIONS))

TEMPORARY_SUFFIXES = (
    ".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".downloading", ".opdownload", ".aria2",
    ".incomplete", ".trashed", ".!ut", ".bc!", ".lock",
)  # fmt: skip
"""Names of files that a browser or a downloader is still writing."""

TEMPORARY_PREFIXES = (".", "~", "tmpinstall_", "tmp_")

SKIPPED_FOLDERS = frozenset({
    ".git", ".hubman-trash", ".lm-pending-delete", "__pycache__", ".cache", ".locks", "model_images",
    "$recycle.bin", "system volume information", "lost+found", ".venv", "venv", "node_modules", ".trash",
})  # fmt: skip
"""Folders that hold no models of the user's (caches, trash of several programs, environments), lower case."""

WEBUI_FOLDERS = {
    Kind.CHECKPOINT: "Stable-diffusion",
    Kind.DIFFUSION_MODEL: "Stable-diffusion",
    Kind.LORA: "Lora",
    Kind.EMBEDDING: "embeddings",
    Kind.HYPERNETWORK: "hypernetworks",
    Kind.VAE: "VAE",
    Kind.CONTROLNET: "ControlNet",
    Kind.UPSCALER: "ESRGAN",
    Kind.TEXT_ENCODER: "text_encoder",
    Kind.FACE_RESTORER: "GFPGAN",
}
"""Where A1111 and Forge look for a kind, below `models/` (embeddings: beside it)."""

ADAPTER_FOLDERS = frozenset({"lora", "loras", "lycoris", "embedding", "embeddings", "hypernetwork", "hypernetworks"})
"""Folder names, lower case, in which every UI expects adapters."""

_COMFY_MARKERS = frozenset({"checkpoints", "loras", "diffusion_models", "text_encoders", "clip_vision"})
_SWARM_MARKERS = frozenset({"stable-diffusion", "lora", "embeddings", "vae", "clip_vision", "diffusion_models"})
_MATRIX_MARKERS = frozenset(
    {"stablediffusion", "approxvae", "textencoders", "diffusionmodels", "t2iadapter", "clipvision"}
)
_SDNEXT_MARKERS = frozenset({"unet", "text-encoder", "control", "diffusers", "yolo"})
_FOOOCUS_MARKERS = frozenset({"prompt_expansion", "safety_checker"})
_WEBUI_MARKERS = frozenset({"stable-diffusion", "lora", "hypernetworks", "vae-approx"})


class FolderForm(StrEnum):
    """Ways in which several files are one model."""

    PIPELINE = "pipeline"
    COMPONENT = "component"
    PEFT = "peft"
    CONFIG_ONLY = "config-only"


def is_temporary(name: str) -> bool:
    """Say whether a name belongs to a file that somebody is still writing, or to no model at all."""
    lower = name.lower()
    return lower.endswith(TEMPORARY_SUFFIXES) or lower.startswith(TEMPORARY_PREFIXES)


def is_model_name(name: str) -> bool:
    """Say whether a walk should list a file of this name (its bytes decide later what it is)."""
    if not name.endswith(_ENDINGS):  # nearly all names that are none, and all that are, end here
        lower = name.lower()
        if not lower.endswith(_ENDINGS):
            return False
        name = lower
    # No ending of a model is one of a temporary file; a name that is nothing but an ending begins with a dot.
    return name[0] not in ".~tT" or not name.lower().startswith(TEMPORARY_PREFIXES)


def is_weights(name: str) -> bool:
    """Say whether a file of this name inside a model folder holds weights."""
    return is_model_name(name) and not name.startswith("training_args")


def folder_form(names: Collection[str]) -> FolderForm | None:
    """Tell from the names in a folder whether it is one model, and of which form.

    A pipeline has `model_index.json`; a component has `config.json` beside `diffusion_pytorch_model.*` or
    `model.safetensors`/`pytorch_model.bin`; PEFT has `adapter_config.json` beside `adapter_model.*`.
    """
    if "model_index.json" in names:
        return FolderForm.PIPELINE
    if "adapter_config.json" in names and any(name.startswith("adapter_model.") for name in names):
        return FolderForm.PEFT
    if "config.json" in names and any(_is_component_weight(name) for name in names):
        return FolderForm.COMPONENT
    return None


def _is_component_weight(name: str) -> bool:
    starts = ("diffusion_pytorch_model", "model.", "model-0", "pytorch_model", "flax_model")
    return name.startswith(starts) and is_weights(name)


def relocated(source: str, relpath: str, target: str) -> str | None:
    """Return what a file of the root `source` is called in the root `target`, None when it does not lie below that."""
    separator = "\\" if "\\" in source and "/" not in source else "/"
    parts = [part for part in source.split(separator) if part] + relpath.split("/")
    above = [part for part in target.split(separator) if part]
    return "/".join(parts[len(above) :]) if parts[: len(above)] == above and len(parts) > len(above) else None


def covers(folders: Iterable[str], relpath: str) -> bool:
    """Say whether a relative path is one of the folders or lies below one; "" covers everything."""
    return any(folder in ("", relpath) or relpath.startswith(folder + "/") for folder in folders)


def guess_layout(names: Collection[str]) -> Layout:
    """Guess which program's tree a root is from the folder names at its top (and in its `models/`, if joined)."""
    lower = {name.lower() for name in names}
    if "stablediffusion" in lower and len(lower & _MATRIX_MARKERS) >= 2:
        return Layout.STABILITY_MATRIX
    if {"checkpoints", "loras"} <= lower and lower & _FOOOCUS_MARKERS:
        return Layout.FOOOCUS
    if "stable-diffusion" in lower and len(lower & _SDNEXT_MARKERS) >= 2 and "diffusion_models" not in lower:
        return Layout.SDNEXT
    if len(lower & _COMFY_MARKERS) >= 2:
        return Layout.COMFY
    if "hypernetworks" in lower or "vae-approx" in lower or len(lower & _WEBUI_MARKERS) >= 2:
        return Layout.SWARM if "clip_vision" in lower and "diffusion_models" in lower else Layout.WEBUI
    if len(lower & _SWARM_MARKERS) >= 3:
        return Layout.SWARM
    if any(name.startswith("models--") for name in lower):
        return Layout.HUGGINGFACE
    return Layout.INVOKE if {"model_images"} <= lower else Layout.FLAT
