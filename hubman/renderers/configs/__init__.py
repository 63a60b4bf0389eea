"""Which config a single file is loaded with: named, beside it, or the family default when all sizes agree."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Mapping

from hubman.core.types import Format, Header, TensorInfo

SD1 = os.path.join(os.path.dirname(__file__), "sd1")

_DIGESTS: Mapping[str, str] = {"dfc42c103e1dbfb8ab31d21200f31a6168a5393d817cbcea9414d124c1fa84f7": SD1}
"""Digest of all names and shapes of a family's U-Net, VAE and text encoder -> the config folder that ships with us."""

_PARTS = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.")


def find_config(path: str, header: Header, given: str | None = None) -> tuple[str | None, str]:
    """Return (config folder or None, where it comes from); a diffusers folder needs none."""
    if given:
        return given, "given"
    if header.format is Format.FOLDER or os.path.isdir(path):
        return None, "folder"
    beside = os.path.splitext(path)[0]
    if os.path.isfile(os.path.join(beside, "model_index.json")):
        return beside, "beside"
    family = _DIGESTS.get(shape_digest(header.tensors))
    return (family, "family") if family else (None, "none")


def shape_digest(tensors: Mapping[str, TensorInfo]) -> str:
    """Return a digest of the dimensions of a single file: equal only when every size is equal.

    Not counted: tensors outside the three parts (EMA copies, schedule tables), `position_ids` (pruned files lack it),
    the `text_model.` level (NAI's files lack it), and 1x1 kernels in the VAE (some re-saves drop them).
    """
    lines = []
    for name, info in tensors.items():
        if not name.startswith(_PARTS) or name.endswith("position_ids"):
            continue
        shape = info.shape
        if name.startswith("first_stage_model.") and shape[2:] == (1, 1):
            shape = shape[:2]
        plain = name.replace("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer.")
        lines.append(f"{plain} {shape}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def is_shipped(config: str) -> bool:
    """Say whether a config folder is one of ours, whose tokenizer has to be unpacked first."""
    return os.path.isfile(os.path.join(config, "merges.txt.gz"))


def unpack(config: str, folder: str) -> str:
    """Write a shipped config with CLIP's full vocabulary into `folder` and return its path.

    The vocabulary follows from the merges: 256 bytes, the same ending a word, one token per merge, two special ones.
    """
    target = os.path.join(folder, "config")
    shutil.copytree(config, target, ignore=shutil.ignore_patterns("merges.txt.gz", "NOTICE*"))
    with gzip.open(os.path.join(config, "merges.txt.gz"), "rt", encoding="utf-8") as file:
        merges = file.read().splitlines()
    symbols = byte_symbols()
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), *(merge.replace(" ", "") for merge in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    with open(os.path.join(target, "tokenizer", "vocab.json"), "w", encoding="utf-8") as file:
        json.dump({token: number for number, token in enumerate(tokens)}, file)
    with open(os.path.join(target, "tokenizer", "merges.txt"), "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(["#version: 0.2", *merges, ""]))
    return target


def byte_symbols() -> list[str]:
    """Return the printable character that stands for each byte in byte-level BPE, in the vocabulary's order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(code) for code in printable] + [chr(256 + n) for n in range(256 - len(printable))]
