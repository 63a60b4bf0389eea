"""What a file from a hub is called here: its own name, or the model's where that says nothing.

The result is text for core/safe_name.py, which makes it a name.
"""

from __future__ import annotations

import re

from hubman.core.hub import HUGGINGFACE, MODELSCOPE, Listing, RemoteFile

_SAYS_NOTHING = re.compile(
    r"(pytorch_lora_weights|adapter_model|diffusion_pytorch_model|diffusion_model|pytorch_model|lora_weights|lora|"
    r"model|unet|vae|text_encoder(_\d)?|learned_embeds|embeddings?|checkpoint([-_]?\d+)?|weights?|download|file|"
    r"untitled|last|final|best|output|[\d_-]+|[0-9a-f]{8,64}|[0-9a-f-]{32,36})"
    r"([._-](fp16|fp32|bf16|fp8|ema|non_ema|0*\d+[-_]of[-_]0*\d+))*",
    re.IGNORECASE,
)
"""Stems by which nobody tells two models apart."""


def hub_name(listing: Listing, file: RemoteFile) -> str:
    """Return the text that a file's name is made of, with the file's own ending."""
    folder, _, last = file.name.replace("\\", "/").rpartition("/")
    stem, dot, ending = last.rpartition(".")
    if not dot:
        stem, ending = last, ""
    if not _SAYS_NOTHING.fullmatch(stem):
        return last
    return " ".join(_words(listing, file, folder)) + (f".{ending}" if ending else "")


def _words(listing: Listing, file: RemoteFile, folder: str) -> list[str]:
    """Return model, version (of a repository: the part of it) and precision, each said once."""
    name = listing.name.rpartition("/")[2] if listing.hub in (HUGGINGFACE, MODELSCOPE) else listing.name
    part = folder.rpartition("/")[2] if listing.hub in (HUGGINGFACE, MODELSCOPE) else listing.version_name
    found = [name.strip() or listing.model_id.rpartition("/")[2]]
    for word in (part.strip(), (file.precision or "") if not file.primary else ""):
        if word and word.casefold() not in " ".join(found).casefold():
            found.append(word)
    return found


def says_nothing(name: str) -> bool:
    """Say whether a file's name does not tell its model from others."""
    return bool(_SAYS_NOTHING.fullmatch(name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name))
