"""Every test has its own home folder, an English locale, and no colours."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from hubman.cli import words

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")  # a run that judges a change is to judge that change; other runs look for new cases


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point hubman at an empty home folder; return it."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HUBMAN_HASH", "HUBMAN_NICE", "HUBMAN_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    hubs = re.compile(r"HUBMAN_\w+_(URL|TOKEN)|HUBMAN_OFFLINE|HF_\w+|HUGGING_FACE_\w+|CIVITAI_\w+|MODELSCOPE_\w+")
    for name in [name for name in os.environ if hubs.fullmatch(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_TOKEN_PATH", str(home / "no-token-here"))
    monkeypatch.setenv("HUBMAN_HOME", str(home))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("NO_COLOR", "1")
    words.choose("en")
    return home


def safetensors_bytes(
    tensors: Mapping[str, tuple[tuple[int, ...], str]], metadata: Mapping[str, str] | None = None, fill: int = 0
) -> bytes:
    """Return a valid safetensors file of the given names, shapes and dtypes, with constant bytes as its data."""
    widths = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1}
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, (shape, dtype) in tensors.items():
        size = widths[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header, ensure_ascii=False).encode()
    return struct.pack("<Q", len(text)) + text + bytes([fill]) * position


def lora_bytes(fill: int = 0, rank: int = 4, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a small SD1 LoRA in kohya's key layout; another `fill` is another content with the same header."""
    tensors: dict[str, tuple[tuple[int, ...], str]] = {}
    for block, channels in (("down_blocks_0", 320), ("down_blocks_1", 640)):
        for module, width in (("attn1_to_q", channels), ("attn2_to_k", 768)):
            name = f"lora_unet_{block}_attentions_0_transformer_blocks_0_{module}"
            tensors[f"{name}.lora_down.weight"] = ((rank, width), "F16")
            tensors[f"{name}.lora_up.weight"] = ((channels, rank), "F16")
            tensors[f"{name}.alpha"] = ((), "F16")
    return safetensors_bytes(tensors, metadata, fill)


@contextmanager
def opened_below(root: Path) -> Iterator[list[str]]:
    """Collect the paths below `root` that this process opens meanwhile (an audit hook cannot be taken away again)."""
    opened: list[str] = []
    watching = True

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching and event == "open" and isinstance(args[0], str) and args[0].startswith(str(root)):
            opened.append(args[0])

    sys.addaudithook(hook)
    try:
        yield opened
    finally:
        watching = False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a file system of a size like "64k" and gives its folder; needs root on Linux."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            pytest.skip("needs root to mount a small file system")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]).returncode:
            pytest.skip("may not mount here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def webui(tmp_path: Path) -> Path:
    """Return an empty model tree in WebUI layout."""
    for name in ("Stable-diffusion", "Lora", "embeddings", "hypernetworks", "VAE"):
        (tmp_path / "models" / name).mkdir(parents=True)
    return tmp_path / "models"


@pytest.fixture
def put(webui: Path) -> Callable[..., Path]:
    """Return a function that writes a LoRA into the tree: `put("Lora/ink.safetensors", fill=1)`."""

    def write(relpath: str, **kwargs: object) -> Path:
        path = webui / relpath
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lora_bytes(**kwargs))  # type: ignore[arg-type]
        return path

    return write
