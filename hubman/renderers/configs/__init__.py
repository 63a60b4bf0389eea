"""Which config a single file is loaded with: named, beside it, or the family default when all sizes agree."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping

from hubman.core.plan.places import TE1, TE2, UNET
from hubman.core.plan.single_file import FOLDERS, NEEDED, PREFIXES, VAE, canonical, part_of, unsupported_base
from hubman.core.types import Format, Header, TensorInfo

_HERE = os.path.dirname(__file__)
SD1, SD2, SDXL = (os.path.join(_HERE, name) for name in ("sd1", "sd2", "sdxl"))

_MERGES = os.path.join(_HERE, "clip-merges.txt.gz")

_VAE = "1d055a3c02c3ef2616a7c5a7c6b54b7c31f07169d53742620d4dba955fc19612"  # the three families share its sizes
_CLIP_L = "93179ce0b78a9d8f23fb5fc278c15d8227a02339e44efc1d6fd436e8d8a776b9"
_DIGESTS: Mapping[str, Mapping[str, str]] = {
    SD1: {UNET: "2489855b740ba326b790207b1118e63205e3a533d068913c24787d987ad98626", VAE: _VAE, TE1: _CLIP_L},
    SD2: {
        UNET: "50e424db2fb788a23106981491307c72d949eea2538499fbf93cf806705bc6e2",
        VAE: _VAE,
        TE1: "1ab30c369ba1acc8977c2ff1d74b28a8edee4e050aaf0781b558a74fff34380f",
    },
    SDXL: {
        UNET: "d8427731b1d2b4b612e3c50353d91f7c1eef2d8fb29d7539903578a9604a530a",
        VAE: _VAE,
        TE1: _CLIP_L,
        TE2: "420de3fb439222e0802d634b1a8ce48478cbd09ea52e39f5969e526e3aa0b80f",
    },
}
"""Config folder that ships with us -> part -> digest of all its names and shapes."""


def find_config(path: str, header: Header, given: str | None = None) -> tuple[str | None, str]:
    """Return (config folder or None, where it comes from); a diffusers folder needs none.

    The family's own config serves a file only when the U-Net and every other part that is there agree with it in every
    name and size; which part is missing is `missing_parts`.
    """
    if given:
        return given, "given"
    if header.format is Format.FOLDER or os.path.isdir(path):
        return None, "folder"
    beside = os.path.splitext(path)[0]
    if os.path.isfile(os.path.join(beside, "model_index.json")):
        return beside, "beside"
    digests = part_digests(header.tensors)
    for family, known in _DIGESTS.items():
        if known[UNET] == digests.get(UNET) and all(known.get(part) == digest for part, digest in digests.items()):
            return family, "family"
    return None, "none"


def pipeline_name(folder: str) -> str:
    """Return the pipeline class that a diffusers folder names, "" for anything else."""
    try:
        with open(os.path.join(folder, "model_index.json"), encoding="utf-8") as file:
            return str(json.load(file).get("_class_name", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def missing_parts(names: set[str] | Mapping[str, object], config: str) -> list[str]:
    """Return the parts that neither a single file with these tensors nor weights in the config folder have."""
    there = {part_of(name) for name in names}
    return [part for part in NEEDED.get(pipeline_name(config), ()) if part not in there and not weights(config, part)]


def weights(config: str, part: str) -> str | None:
    """Return the folder in `config` that holds the weights of a part, else None; the U-Net is always the file's own."""
    folder = os.path.join(config, FOLDERS[part])
    if part == UNET or not os.path.isdir(folder):
        return None
    return folder if any(name.endswith(".safetensors") for name in os.listdir(folder)) else None


def can_render(path: str, header: Header) -> bool:
    """Say whether the header of a checkpoint promises that it can be loaded."""
    config, source = find_config(path, header)
    if source == "none" or unsupported_base({name: info.shape for name, info in header.tensors.items()}):
        return False
    return config is None or not missing_parts(header.tensors, config)


_OPTIONAL = re.compile(
    r"position_ids$|logit_scale$|attn_mask$|\.model_ema\.|\.loss\."
    r"|^cond_stage_model\.model\.(text_projection$|transformer\.resblocks\.23\.)"
)
"""What some savers leave out: a table of positions, what OpenCLIP needs for pictures only, training's own, and SD2's
last text layer, which the model was trained without."""


def part_digests(tensors: Mapping[str, TensorInfo]) -> dict[str, str]:
    """Return part -> digest of the dimensions of a single file: equal only when every size is equal.

    Not counted: tensors outside the parts (EMA copies, schedule tables), the optional ones, the `text_model.` level
    (NAI's files lack it), and 1x1 kernels in the VAE (some re-saves drop them).
    """
    lines: dict[str, list[str]] = {}
    for name, info in tensors.items():
        part = part_of(name)
        if part is None or _OPTIONAL.search(name):
            continue
        tail = canonical(name)
        tail = tail.removeprefix(next(start for start in PREFIXES[part] if name.startswith(start)))
        shape = info.shape[:2] if part == VAE and info.shape[2:] == (1, 1) else info.shape
        lines.setdefault(part, []).append(f"{tail} {shape}")
    return {part: hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest() for part, rows in lines.items()}


def is_shipped(config: str) -> bool:
    """Say whether a config folder is one of ours, whose tokenizers have to be unpacked first."""
    return config in _DIGESTS


def unpack(config: str, folder: str) -> str:
    """Write a shipped config with CLIP's full vocabulary into `folder` and return its path.

    The vocabulary follows from the merges: 256 bytes, the same ending a word, one token per merge, two special ones.
    """
    target = os.path.join(folder, "config")
    shutil.copytree(config, target)
    with gzip.open(_MERGES, "rt", encoding="utf-8") as file:
        merges = file.read().splitlines()
    symbols = byte_symbols()
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), *(merge.replace(" ", "") for merge in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    for name in ("tokenizer", "tokenizer_2"):
        place = os.path.join(target, name)
        if not os.path.isdir(place):
            continue
        with open(os.path.join(place, "vocab.json"), "w", encoding="utf-8") as file:
            json.dump({token: number for number, token in enumerate(tokens)}, file)
        with open(os.path.join(place, "merges.txt"), "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(["#version: 0.2", *merges, ""]))
    return target


def byte_symbols() -> list[str]:
    """Return the printable character that stands for each byte in byte-level BPE, in the vocabulary's order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(code) for code in printable] + [chr(256 + n) for n in range(256 - len(printable))]
