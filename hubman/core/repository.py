"""A repository of model files (Hugging Face, ModelScope): which of them are the model, and what each of them is.

`RemoteFile.name` stays the path in the repository. Repositories name files by what a library looks for
(`pytorch_lora_weights.safetensors`), not by what they are: core/hub_names.py takes the repository's name for those.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hubman.core.hub import RemoteFile

FORMATS = {
    ".safetensors": "safetensors", ".sft": "safetensors", ".ckpt": "pickle", ".pt": "pickle", ".pth": "pickle",
    ".bin": "pickle", ".gguf": "gguf", ".onnx": "onnx",
}  # fmt: skip
"""Endings of weights -> container, as RemoteFile.format says it."""
CONFIGS = (
    "model_index.json", "config.json", "adapter_config.json", "scheduler_config.json", "preprocessor_config.json",
    "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "spiece.model", "tokenizer.model", "generation_config.json", "quantization_config.json",
)  # fmt: skip
"""Files without which a folder of weights cannot be loaded."""
_PARTS = (
    (re.compile(r"vae(_\w+)?"), "VAE"),
    (re.compile(r"text_encoders?(_\d+)?|clip"), "Text Encoder"),
    (re.compile(r"image_encoder|clip_vision"), "CLIPVision"),
    (re.compile(r"unet"), "UNet"),
    (re.compile(r"transformer(_\d+)?|diffusion_models?"), "Diffusion Model"),
    (re.compile(r"controlnet"), "ControlNet"),
    (re.compile(r"safety_checker|feature_extractor"), "Other"),
)
_TRAINING = re.compile(
    r"(?:optimizer|scheduler|scaler|random_states_\d+|rng_state\w*|training_args|custom_checkpoint_\d+|pytorch_model_fsdp"
    r"|mp_rank_\w+|trainer_state)\.(?:bin|pt|pth|pkl|ckpt|json)"
)
_PRECISION = re.compile(
    r"(?<![a-z0-9])(fp32|fp16|bf16|fp8(?:_?e4m3fn(?:_scaled)?|_?e5m2|_scaled)?|int8|int4|nf4|nvfp4|mxfp8|q\d(?:_[01k](?:_[sml])?)?)"
    r"(?![a-z0-9])"
)


def ending_of(path: str) -> str:
    """Return a path's ending in lower case, with its dot."""
    return posixpath.splitext(path)[1].lower()


def role_of(path: str) -> tuple[str, str | None] | None:
    """Return (type, format) of a repository's file as RemoteFile gives them; None for what is no part of a model."""
    folder, name = posixpath.split(path)
    if any(part.startswith(".") for part in path.split("/")):
        return None
    if name.casefold() in CONFIGS or name.endswith((".safetensors.index.json", ".bin.index.json")):
        return ("Config", "other")
    form = FORMATS.get(ending_of(name))
    if _TRAINING.fullmatch(name.casefold()):
        return ("Training Data", form) if form else None
    if form is None:
        return None
    part = posixpath.basename(folder).casefold()
    return (next((word for pattern, word in _PARTS if pattern.fullmatch(part)), "Model"), form)


def precision_of(path: str) -> str | None:
    """Return the precision that a file's name tells."""
    found = _PRECISION.search(posixpath.basename(path).casefold())
    return found[1] if found else None


def with_primary(files: Iterable[RemoteFile]) -> tuple[RemoteFile, ...]:
    """Mark the file that somebody who wants "the model" means, where there is no doubt.

    That is the only weights file at the top of the repository, or the only one of a safer format among several
    (`x.safetensors` beside `x.ckpt`), or the LoRA beside other things. Else none is, and the user has to choose.
    """
    given = tuple(files)
    top = [file for file in given if "/" not in file.id and file.type == "Model"]
    for group in (
        [file for file in top if posixpath.splitext(file.id)[0] == "pytorch_lora_weights"],
        [file for file in top if file.format == "safetensors"],
        top,
    ):
        safe = [file for file in group if file.format == "safetensors"] or group
        if len(safe) == 1:
            return tuple(replace(file, primary=file is safe[0]) for file in given)
        if group:
            break
    return given


def is_repository(name: str, *, owned: bool = False) -> bool:
    """Say whether a text is `owner/name` or (unless `owned`) a bare name, and leads nowhere else in a path."""
    parts = name.split("/")
    return len(parts) in ((2,) if owned else (1, 2)) and all(
        re.fullmatch(r"[\w.-]+", part) and part.strip(".") for part in parts
    )


def is_inside(path: str) -> bool:
    """Say whether a path stays in its repository when it becomes part of an address."""
    return all(part not in ("", ".", "..") for part in path.split("/")) and "\\" not in path and path.isprintable()


def kind_of_repository(tags: Sequence[str], pipeline: str, paths: Sequence[str]) -> str:
    """Return our kind for a repository, from its tags, its pipeline's class or task, and its files; else "unknown"."""
    words = {tag.casefold() for tag in tags}
    names = {posixpath.basename(path).casefold() for path in paths}
    if words & {"lora", "template:sd-lora", "template:diffusion-lora", "locon", "lycoris"}:
        return "lora"
    if any(word.startswith("base_model:adapter:") for word in words) or "pytorch_lora_weights.safetensors" in names:
        return "lora"
    for word, kind in (
        ("textual_inversion", "embedding"), ("controlnet", "controlnet"), ("ip-adapter", "ip-adapter"),
        ("t2iadapter", "t2i-adapter"), ("t2i-adapter", "t2i-adapter"), ("hypernetwork", "hypernetwork"),
        ("upscaler", "upscaler"), ("esrgan", "upscaler"), ("vae", "vae"),
    ):  # fmt: skip
        if word in words:
            return kind
    if pipeline.endswith("Pipeline") or "model_index.json" in names:
        return "checkpoint"
    if pipeline in ("text-to-image", "image-to-image") and any("/" not in path and role_of(path) for path in paths):
        return "checkpoint"
    return "unknown"
