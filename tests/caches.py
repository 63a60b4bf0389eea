"""Caches of Hugging Face's own client, as it writes them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CARD = """---
license: openrail++
base_model: stabilityai/stable-diffusion-xl-base-1.0   # the usual one
instance_prompt: "a photo of TOK dog"
tags:
  - lora
  - text-to-image
widget:
- text: nested: things
---
# Ink
"""


def put_cached(hub: Path, repo: str, revision: str, files: dict[str, bytes], *, links: bool = True) -> Path:
    """Write a snapshot as Hugging Face's client does; return its folder."""
    folder = hub / ("models--" + repo.replace("/", "--"))
    snapshot = folder / "snapshots" / revision
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs/main").write_text(revision)
    for name, data in files.items():
        path = snapshot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not links:
            path.write_bytes(data)
            continue
        large = name.endswith(".safetensors")
        blob = hashlib.sha256(data).hexdigest() if large else hashlib.sha1(data).hexdigest()
        (folder / "blobs" / blob).write_bytes(data)
        path.symlink_to(os.path.relpath(folder / "blobs" / blob, path.parent))
    return snapshot
