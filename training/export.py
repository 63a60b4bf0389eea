"""Writes the family in the layouts that people's programs read."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from training import tokenizer as tokenizers
from training.drawing import SIDE
from training.layouts import Tensors, checkpoint, vae_tensors

AUTHOR = "the hubman developers"
LICENSE = "Apache-2.0"
DATE = "2026-11-22"
STARTED = "1795305600.0"
"""A fixed time (2026-11-22) where a trainer writes its clock, so that files do not change."""


DTYPES = {torch.float16: "F16", torch.int64: "I64"}


@dataclass(frozen=True)
class Hashes:
    """The names that programs give to the content of a file."""

    sha256: str
    auto_v1: str
    auto_v3: str
    crc32: str

    @staticmethod
    def of(path: Path) -> Hashes:
        """SHA-256 of all; of 64 KiB at 1 MiB (AutoV1); after a safetensors header (AutoV3)."""
        content = path.read_bytes()
        body = content
        if path.suffix == ".safetensors":
            body = content[8 + int.from_bytes(content[:8], "little") :]
        return Hashes(
            hashlib.sha256(content).hexdigest(),
            hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8],
            hashlib.sha256(body).hexdigest()[:12],
            f"{zlib.crc32(content):08X}",
        )


def half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sixteen-bit floats, on the CPU; whole numbers stay as they are."""
    return {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in state.items()
    }


def model_spec(title: str, description: str, kind: str = "", **more: str) -> dict[str, str]:
    """A header of the SAI model specification 1.0.1."""
    architecture = "stable-diffusion-v1" + (f"/{kind}" if kind else "")
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": architecture,
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": title,
        "modelspec.description": description,
        "modelspec.author": AUTHOR,
        "modelspec.date": DATE,
        "modelspec.license": LICENSE,
        "modelspec.resolution": f"{SIDE}x{SIDE}",
        **{f"modelspec.{key}": value for key, value in more.items()},
    }


def write_safetensors(path: Path, tensors: Tensors, metadata: dict[str, str]) -> None:
    """Write the tensors with sixteen bits per number; the same content gives the same bytes.

    The format is 8 bytes of length, a JSON header, the numbers.  The library's own writer shuffles
    the metadata, and then no hash in a sidecar outlives the next run.
    """
    stored = half(tensors)
    names = sorted(stored, key=lambda name: (-stored[name].element_size(), name))
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    end = 0
    for name in names:
        start, end = end, end + stored[name].nbytes
        kind = DTYPES[stored[name].dtype]
        shape = list(stored[name].shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            file.write(stored[name].numpy().tobytes())


def write_checkpoint(
    path: Path,
    unet: UNet2DConditionModel,
    vae: AutoencoderKL,
    encoder: CLIPTextModel,
    metadata: dict[str, str],
) -> None:
    """A single file in the original layout, and beside it the folder that describes it."""
    tensors = checkpoint(unet.state_dict(), vae.state_dict(), encoder.state_dict())
    positions = torch.arange(tokenizers.LENGTH).unsqueeze(0)
    tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = positions
    write_safetensors(path, tensors, metadata)
    write_description(path.with_suffix(""), unet, vae, encoder)


def scheduler() -> DPMSolverMultistepScheduler:
    """DPM++ 2M on the schedule of Stable Diffusion 1."""
    return DPMSolverMultistepScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )


def write_description(
    folder: Path, unet: UNet2DConditionModel, vae: AutoencoderKL, encoder: CLIPTextModel
) -> None:
    """The configuration of a diffusers folder without its weights.

    ``StableDiffusionPipeline.from_single_file(file, config=folder)`` then needs no network.
    """
    unet.save_config(folder / "unet")
    vae.save_config(folder / "vae")
    scheduler().save_pretrained(folder / "scheduler")
    encoder.config.save_pretrained(folder / "text_encoder")
    tokenizers.save(folder / "tokenizer")
    for file in folder.rglob("*.json"):
        _forget_paths(file)
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write_json(folder / "model_index.json", index)


def _forget_paths(file: Path) -> None:
    """Drop the name of the machine's folder that a library may have noted in its file."""
    content = json.loads(file.read_text(encoding="utf-8"))
    if "_name_or_path" in content:
        del content["_name_or_path"]
        write_json(file, content)


def write_json(path: Path, content: object) -> None:
    """UTF-8, four spaces, as the web UI writes its own files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=4, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Training:
    """What kohya's trainer notes about a run."""

    stem: str
    trigger: str
    module: str
    arguments: dict[str, str]
    rank: int
    steps: int
    batch: int
    rate: float
    tags: dict[str, int]
    images: int
    regular_images: int


def kohya_metadata(run: Training, base: Path, base_hashes: Hashes) -> dict[str, str]:
    """The ``ss_`` keys, every value a string, as kohya's trainer writes them."""
    folder = f"1_{run.trigger}"
    dataset = {
        "is_dreambooth": True,
        "batch_size_per_device": run.batch,
        "num_train_images": run.images,
        "num_reg_images": run.regular_images,
        "resolution": [SIDE, SIDE],
        "enable_bucket": False,
        "tag_frequency": {folder: run.tags},
        "bucket_info": None,
        "subsets": [
            {
                "image_dir": folder,
                "img_count": run.images,
                "num_repeats": 1,
                "class_tokens": run.trigger,
                "is_reg": False,
                "keep_tokens": 0,
                "caption_extension": ".txt",
            }
        ],
    }
    values: dict[str, object] = {
        "ss_output_name": run.stem,
        "ss_base_model_version": "sd_v1",
        "ss_v2": False,
        "ss_sd_model_name": base.name,
        "ss_sd_model_hash": base_hashes.auto_v1,
        "ss_new_sd_model_hash": base_hashes.sha256,
        "ss_network_module": run.module,
        "ss_network_dim": run.rank,
        "ss_network_alpha": float(run.rank),
        "ss_network_args": json.dumps(run.arguments),
        "ss_resolution": f"({SIDE}, {SIDE})",
        "ss_clip_skip": None,
        "ss_mixed_precision": "no",
        "ss_optimizer": "torch.optim.adamw.AdamW(betas=(0.9, 0.99))",
        "ss_learning_rate": run.rate,
        "ss_lr_scheduler": "cosine",
        "ss_steps": run.steps,
        "ss_max_train_steps": run.steps,
        "ss_batch_size_per_device": run.batch,
        "ss_num_train_images": run.images,
        "ss_num_reg_images": run.regular_images,
        "ss_dataset_dirs": json.dumps({folder: {"n_repeats": 1, "img_count": run.images}}),
        "ss_reg_dataset_dirs": json.dumps(
            {"1_picture": {"n_repeats": 1, "img_count": run.regular_images}}
        ),
        "ss_tag_frequency": json.dumps({folder: run.tags}, ensure_ascii=False),
        "ss_datasets": json.dumps([dataset], ensure_ascii=False),
        "ss_training_comment": f"trigger word: {run.trigger}; drawn by hubman's training package",
        "ss_training_started_at": STARTED,
        "ss_sd_scripts_commit_hash": None,
    }
    return {key: str(value) for key, value in values.items()}


def write_adapter(path: Path, tensors: Tensors, metadata: dict[str, str]) -> None:
    """A LoRA file whose ``sshs_model_hash`` is true: the SHA-256 of the bytes after the header.

    The header's length does not enter the hash, so it is taken from a first writing.
    """
    write_safetensors(path, tensors, metadata)
    content = path.read_bytes()
    body = content[8 + int.from_bytes(content[:8], "little") :]
    digest = hashlib.sha256(body).hexdigest()
    write_safetensors(path, tensors, {**metadata, "sshs_model_hash": digest})


def write_embedding(path: Path, vectors: Tensor, step: int, base: Path, short_hash: str) -> None:
    """A textual inversion: the web UI's dictionary for ``.pt``, else a lone ``emb_params``."""
    vectors = vectors.detach().float().cpu().contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pt":
        content = {
            "string_to_token": {"*": 265},
            "string_to_param": {"*": vectors},
            "name": path.stem,
            "step": step,
            "sd_checkpoint": short_hash,
            "sd_checkpoint_name": base.stem,
        }
        torch.save(content, path)
    else:
        write_safetensors(path, {"emb_params": vectors}, {})


def write_vae(path: Path, vae: AutoencoderKL, metadata: dict[str, str]) -> None:
    """The autoencoder alone, as people keep it in the VAE folder."""
    write_safetensors(path, vae_tensors(vae.state_dict()), metadata)


def web_ui_sidecar(
    path: Path, trigger: str, weight: float, negative: str, description: str, notes: str
) -> None:
    """The ``.json`` of the web UI beside an adapter."""
    content = {
        "description": description,
        "sd version": "SD1",
        "activation text": trigger,
        "preferred weight": weight,
        "negative text": negative,
        "notes": notes,
    }
    write_json(path.with_suffix(".json"), content)


def civitai_sidecar(path: Path, kind: str, words: list[str], description: str) -> None:
    """The ``.civitai.info`` of Civitai-Helper; honest: it says that no such page exists."""
    hashes = Hashes.of(path)
    content = {
        "id": None,
        "modelId": None,
        "name": "v1",
        "description": f"{description} Made by the hubman project; not on Civitai.",
        "trainedWords": words,
        "baseModel": "SD 1.5",
        "createdAt": f"{DATE}T00:00:00.000Z",
        "downloadUrl": "",
        "images": [],
        "files": [
            {
                "name": path.name,
                "sizeKB": path.stat().st_size / 1024,
                "type": "Model",
                "primary": True,
                "metadata": {"fp": "fp16", "size": "full", "format": "SafeTensor"},
                "hashes": {
                    "AutoV1": hashes.auto_v1.upper(),
                    "AutoV2": hashes.sha256[:10].upper(),
                    "AutoV3": hashes.auto_v3.upper(),
                    "SHA256": hashes.sha256.upper(),
                    "CRC32": hashes.crc32,
                },
            }
        ],
        "model": {"name": path.stem, "type": kind, "nsfw": False, "poi": False},
        "extensions": {"hubman": {"made_here": True, "license": LICENSE}},
    }
    write_json(path.with_suffix(".civitai.info"), content)
